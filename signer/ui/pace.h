/* How fast a batch goes, on a terminal: "signing 1 of 1000: app001.signdata" until there is a rate, then "signed 12 of
 * 1000, 340 a second, 3 s left". */
#pragma once

#include <time.h>

#include "signer/ui/notice.h"

struct pace {
    size_t of;
    bool is_shown; /* somebody looks */
    struct timespec begin;
    _Atomic unsigned
        next; /* tenths of a second after it: no line before. One thread signs, another one reports. */
};

/* From now on `of` are worked on. Nothing is shown if stderr is not a terminal, with --quiet, for one alone,
 * and where each of them has a prompt of its own (`prompts`), which the line would stand in. */
void pace_begin(struct pace *p, size_t of, bool prompts);

/* The item of this number, from 0, is about to be signed. */
void pace_item(struct pace *p, size_t item, const char *name);

/* So many are done; a second after the beginning, and then ten times in a second at most, the line says so.
 * The next notice takes it away. */
void pace_show(struct pace *p, size_t done);

/* Takes the line away. */
void pace_end(const struct pace *p);
