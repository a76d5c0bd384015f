/* How fast a batch goes. */
#include "signer/ui/pace.h"

#include <stdatomic.h>
#include <stdio.h>

#include "signer/base/path.h"

/* The rate comes after so many seconds. */
#define FIRST_AFTER 1.0

void pace_begin(struct pace *p, size_t of, bool prompts)
{
    *p = (struct pace){.of = of};
    p->is_shown = !notice_is_quiet() && !prompts && of > 1 && notice_is_watched();
    (void)clock_gettime(CLOCK_MONOTONIC, &p->begin);
}

/* Is a line due, `after` the first second or before? Gives the seconds since the beginning. */
static bool line_is_due(struct pace *p, bool after, double *ret)
{
    struct timespec now;

    if (!p->is_shown)
        return false;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    *ret = (double)(now.tv_sec - p->begin.tv_sec) + (double)(now.tv_nsec - p->begin.tv_nsec) / 1e9;
    unsigned tenth = (unsigned)(*ret * 10);
    unsigned next = atomic_load(&p->next);

    return (*ret >= FIRST_AFTER) == after && tenth >= next &&
           atomic_compare_exchange_strong(&p->next, &next, tenth + 1);
}

void pace_item(struct pace *p, size_t item, const char *name)
{
    char line[80];
    double seconds = 0;

    if (!line_is_due(p, false, &seconds))
        return;
    (void)snprintf(line, sizeof line, "signing %zu of %zu: %.40s", item + 1, p->of, path_name(name));
    notice_status(line);
}

void pace_show(struct pace *p, size_t done)
{
    char line[80];
    double seconds = 0;

    if (!line_is_due(p, true, &seconds))
        return;
    double rate = (double)done / seconds;

    (void)snprintf(line, sizeof line, "signed %zu of %zu, %.*f a second, %.0f s left", done, p->of,
                   rate < 10 ? 1 : 0, rate, (double)(p->of - done) / rate);
    notice_status(line);
}

void pace_end(const struct pace *p)
{
    if (p->is_shown)
        notice_status(NULL);
}
