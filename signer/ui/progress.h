/* Progress of long work: one line on stderr, only if stderr is a terminal and there is much to do. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Below this many bytes nothing is shown. */
#define PROGRESS_MIN (64u << 20)

struct progress {
    const char *what;
    const char *name; /* of the file; NULL: not said */
    uint64_t total;
    uint64_t done;
    unsigned shown; /* per cent on the screen, plus one; 0: nothing yet */
    bool off;       /* no terminal */
    struct timespec last;
};

void progress_add(struct progress *p, uint64_t bytes);
/* A line of its own about work that is short; NULL takes it away. */
void progress_say(const char *line);
/* Takes the line away. */
void progress_end(struct progress *p);
