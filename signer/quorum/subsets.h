/* Who has which piece, in small integers (replicated additive sharing). For each set of M - 1 holders there is
 * one piece, which exactly the others have: so M - 1 holders lack one, and any M have all. Sets of holders are
 * masks; bit i - 1 is holder i. */
#pragma once

#include "signer/quorum/quorum.h"

struct subsets {
    unsigned threshold, holders;
    unsigned len;                        /* L, the number of pieces */
    unsigned without[QUORUM_PIECES_MAX]; /* of piece a, those who do not have it; ascending */
};

/* 2 <= threshold <= holders <= 7, which the caller knows. */
struct subsets subsets_of(unsigned threshold, unsigned holders);
struct subsets subsets_of_quorum(const struct quorum_public *q);

/* Has `holder` (from 1) the piece? Has the mask's holder? */
bool subsets_has(const struct subsets *s, unsigned holder, unsigned piece);

/* Appends to `ret` the pieces of a holder, ascending. Gives their number. */
unsigned subsets_pieces(const struct subsets *s, unsigned holder, unsigned ret[static QUORUM_SHARE_MAX]);

/* Which member of `set` (M holders) brings the piece: the smallest that has it. */
unsigned subsets_bringer(const struct subsets *s, unsigned set, unsigned piece);

/* The next set of M holders after `*set` (0: the first) in the order of their lists (1 2, 1 3, 2 3); false: no more. */
bool subsets_next(const struct subsets *s, unsigned *set);
