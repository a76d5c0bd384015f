/* How fast a batch goes. */
#include "signer/ui/pace.h"

#include <stdio.h>

/* The line comes after so many seconds, and again after so many. */
#define FIRST_AFTER 1.0
#define NEXT_AFTER  0.1

void pace_begin(struct pace *p, size_t of, bool prompts)
{
    *p = (struct pace){.of = of};
    p->is_shown = !notice_is_quiet() && !prompts && of > 1 && notice_is_watched();
    (void)clock_gettime(CLOCK_MONOTONIC, &p->begin);
    p->last = p->begin;
}

static double seconds_since(const struct timespec *then, const struct timespec *now)
{
    return (double)(now->tv_sec - then->tv_sec) + (double)(now->tv_nsec - then->tv_nsec) / 1e9;
}

void pace_show(struct pace *p, size_t done)
{
    struct timespec now;
    char line[80];

    if (!p->is_shown)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    double all = seconds_since(&p->begin, &now);

    if (all < FIRST_AFTER || seconds_since(&p->last, &now) < NEXT_AFTER)
        return;
    p->last = now;
    double rate = (double)done / all;

    (void)snprintf(line, sizeof line, "signed %zu of %zu, %.*f a second, %.0f s left", done, p->of,
                   rate < 10 ? 1 : 0, rate, (double)(p->of - done) / rate);
    notice_status(line);
}

void pace_end(const struct pace *p)
{
    if (p->is_shown)
        notice_status(NULL);
}
