/* The dangers of many sign-data. */
#include "signer/flow/dangers.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"
#include "signer/ui/clock.h"
#include "signer/ui/notice.h"

void dangers_count(struct dangers *d, const struct review *r, const char *file)
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
        if (d->items[n].count < DANGERS_FILES_MAX)
            d->items[n].files[d->items[n].count] = file;
        d->items[n].count++;
    }
}

/* "2 of 5: DEBUG is not enforced: app002.signdata, app005.signdata" */
static void say_some(const struct dangers *d, size_t index)
{
    ENS_CLEANUP(buf_free) struct buf names = {0};
    size_t count = d->items[index].count;
    struct ens_err ignored = {0};

    for (size_t i = 0; i < count && i < DANGERS_FILES_MAX; i++) {
        if (!buf_printf(&names, &ignored, "%s%s", i > 0 ? ", " : "", d->items[index].files[i]))
            return;
    }
    if (count <= DANGERS_FILES_MAX ||
        buf_printf(&names, &ignored, " and %zu more", count - DANGERS_FILES_MAX))
        notice_warn("%zu of %zu: %s: %.*s", count, d->of, d->items[index].text, (int)names.len,
                    (const char *)names.data);
}

void dangers_say(const struct dangers *d)
{
    for (size_t i = 0; i < d->len; i++) {
        if (d->of == 1)
            notice_warn("%s", d->items[i].text);
        else if (d->items[i].count < d->of)
            say_some(d, i);
        else
            notice_warn("%zu of %zu: %s", d->of, d->of, d->items[i].text);
    }
}

bool dangers_review(const struct review *r, struct ens_err *err)
{
    const struct review_form form = {.verb = "signed", .grouped = notice_is_watched()};
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct findings dangers = {0};

    if (!notice_is_quiet()) {
        if (!review_render(r, &form, &text, err))
            return false;
        notice_text(buf_view(&text));
        return true;
    }
    review_dangers(r, &dangers);
    for (size_t i = 0; i < dangers.len; i++)
        notice_warn("%s", dangers.items[i].text);
    return true;
}

bool dangers_review_signed(const struct sigstruct *css, struct ens_err *err)
{
    struct pubkey key;
    uint8_t digest[32];
    uint8_t mrsigner[MRSIGNER_SIZE];
    const struct review review = {
        .css = css, .digest = digest, .mrsigner = mrsigner, .bit32 = true, .today = clock_danger_day()};

    verify_key_of(css, &key);
    return rsa3072_mrsigner(&key, mrsigner, err) && signdata_digest(css, digest, err) &&
           dangers_review(&review, err);
}
