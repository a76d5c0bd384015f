/* Progress on a terminal. */
#include "signer/ui/progress.h"

#include <stdio.h>

#include "signer/ui/notice.h"
#include "signer/ui/opts.h"

/* A line stands for so long at least. */
#define PROGRESS_EVERY_MS 100

static bool disabled;

void progress_disable(void)
{
    disabled = true;
}

void progress_add(struct progress *p, uint64_t bytes)
{
    char line[80];
    struct timespec now;

    p->done += bytes;
    if (p->total < PROGRESS_MIN || p->off || disabled)
        return;
    /* `total` is a guess where the work is not the bytes of a file. */
    unsigned percent = p->done < p->total ? (unsigned)((double)p->done * 100.0 / (double)p->total) : 100;

    if (percent + 1 == p->shown)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (p->shown > 0 &&
        (now.tv_sec - p->last.tv_sec) * 1000 + (now.tv_nsec - p->last.tv_nsec) / 1000000 < PROGRESS_EVERY_MS)
        return;
    p->last = now;
    p->off = !notice_is_watched();
    if (p->off)
        return;
    p->shown = percent + 1;
    (void)snprintf(line, sizeof line, "%s: %u %%", p->what, percent);
    notice_status(line);
}

void progress_end(struct progress *p)
{
    if (p->shown > 0)
        notice_status(NULL);
    p->shown = 0;
}
