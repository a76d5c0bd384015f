/* Progress on a terminal. */
#include "signer/cmd/progress.h"

#include <stdio.h>
#include <unistd.h>

static bool disabled;

void progress_disable(void)
{
    disabled = true;
}

void progress_add(struct progress *p, uint64_t bytes)
{
    p->done += bytes;
    if (p->total < PROGRESS_MIN || p->off || disabled)
        return;
    /* `total` is a guess where the work is not the bytes of a file. */
    unsigned percent = p->done < p->total ? (unsigned)((double)p->done * 100.0 / (double)p->total) : 100;

    if (percent + 1 == p->shown)
        return;
    p->off = isatty(STDERR_FILENO) != 1;
    if (p->off)
        return;
    p->shown = percent + 1;
    (void)fprintf(stderr, "\r%s: %u %%", p->what, percent);
}

void progress_end(struct progress *p)
{
    if (p->shown > 0)
        (void)fprintf(stderr, "\r%*s\r", 40, "");
    p->shown = 0;
}
