/* The minutes of a ceremony, for paper: the form of docs/minutes.txt in which every value that the transcript holds is
 * filled in, hashes in groups and with words, and blanks are left for what only people know. ASCII, 76 columns, at
 * most 56 lines a page, each of which says which page it is. */
#pragma once

#include "signer/ceremony/transcript.h"

#define MINUTES_COLUMNS 76
#define MINUTES_LINES   56

/* A transcript whose chain holds. */
struct minutes {
    const char *name; /* as it was given */
    struct view text;
    const struct transcript_sum *sum;
    uint64_t since;      /* its records after this one are told */
    const char *witness; /* who signed a head of it; NULL: nobody is known */
    uint64_t witnessed;  /* of which record */
    bool has_feeds;      /* a form feed between pages; else an empty line */
};

/* Appends the pages. ENS_DATA if no record is after `since`. */
bool minutes_write(const struct minutes *m, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
