/* Progress on a terminal. */
#include "signer/ui/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "signer/base/path.h"
#include "signer/ui/notice.h"

/* A line stands for so long at least. */
#define PROGRESS_EVERY_MS 100

void progress_add(struct progress *p, uint64_t bytes)
{
    char line[80];
    struct timespec now;

    p->done += bytes;
    if (p->total < PROGRESS_MIN || p->off || notice_is_quiet())
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
    uint64_t done = p->done < p->total ? p->done : p->total;

    (void)snprintf(line, sizeof line, "%s%s%.36s: %" PRIu64 " of %" PRIu64 " MiB, %u %%", p->what,
                   p->name != NULL ? " " : "", p->name != NULL ? path_name(p->name) : "", done >> 20,
                   p->total >> 20, percent);
    notice_status(line);
}

void progress_say(const char *line)
{
    if (!notice_is_quiet() && notice_is_watched())
        notice_status(line);
}

void progress_end(struct progress *p)
{
    if (p->shown > 0)
        notice_status(NULL);
    p->shown = 0;
}
