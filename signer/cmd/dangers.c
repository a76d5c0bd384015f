/* The dangers of many sign-data. */
#include "signer/cmd/dangers.h"

#include <string.h>

#include "signer/cmd/cmd.h"

void dangers_count(struct dangers *d, const struct review *r)
{
    struct findings found = {0};

    d->of++;
    review_dangers(r, &found);
    for (size_t i = 0; i < found.len; i++) {
        size_t n = 0;

        while (n < d->len && strcmp(d->items[n].text, found.items[i].text) != 0)
            n++;
        if (n == DANGERS_MAX)
            continue;
        if (n == d->len)
            memcpy(d->items[d->len++].text, found.items[i].text, FINDING_TEXT_MAX);
        d->items[n].count++;
    }
}

void dangers_say(const struct dangers *d)
{
    for (size_t i = 0; i < d->len; i++) {
        if (d->of == 1)
            notice_warn("%s", d->items[i].text);
        else
            notice_warn("%zu of %zu: %s", d->items[i].count, d->of, d->items[i].text);
    }
}
