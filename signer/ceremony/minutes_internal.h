/* Shared by the files of the minutes: a sheet, on which blocks of lines are put that stay on one page if they can. No
 * call fails: the first error is kept. */
#pragma once

#include "signer/ceremony/minutes.h"

#define MINUTES_WORDED_MAX 64 /* hashes that are remembered, so that their words stand there once */

struct minutes_sheet {
    struct buf body;  /* what was placed; '\f' ends a page */
    struct buf block; /* lines that are not placed yet */
    unsigned used;    /* lines of the page */
    uint64_t pages;
    uint8_t worded[MINUTES_WORDED_MAX][DIGEST_SIZE];
    size_t worded_len;
    bool failed;
    struct ens_err err;
};

/* Adds a line to the block, made printable and broken at blanks; `hang` columns stand before what continues it. */
void minutes_line(struct minutes_sheet *s, unsigned hang, const char *fmt, ...) ENS_PRINTF(3, 4);
/* Adds lines that are laid out: of the form. */
void minutes_form(struct minutes_sheet *s, const char *lines);
/* Adds a hash as eight groups and, unless they stand there already, with four rows of words. */
void minutes_hash(struct minutes_sheet *s, const uint8_t hash[static DIGEST_SIZE], bool has_words);
/* Places the block, and an empty line behind it. */
void minutes_place(struct minutes_sheet *s);
void minutes_new_page(struct minutes_sheet *s);
/* Appends a stored word: blanks and backslashes as themselves, other bytes escaped as they are. */
bool minutes_put_word(struct buf *ret, struct view word, struct ens_err *err) ENS_MUST_CHECK;

/* A record, and behind an intent the outcome that ends it. */
struct minutes_run {
    struct transcript_record record;
    struct transcript_record outcome; /* `number` 0: there is none */
};

#define MINUTES_HANG 13 /* columns before a value of a record, and before what continues it */

/* What the records said last of the things that seldom change; told again if they do. */
#define MINUTES_KEPT_MAX 8
struct minutes_kept {
    const char *key;
    struct view value;
};

/* Places the block of one run, and the blanks that belong to it (minutes_run.c). */
void minutes_put_run(struct minutes_sheet *s, const struct minutes_run *run,
                     struct minutes_kept kept[static MINUTES_KEPT_MAX]);

/* The boxes of "Kind" that a run ticks. */
enum minutes_kind { MINUTES_OTHER, MINUTES_GENERATION, MINUTES_RELEASE, MINUTES_DESTRUCTION };
enum minutes_kind minutes_kind_of(const struct minutes_run *run);

/* One value as text: %N is its word N (blanks and backslashes as themselves, other bytes escaped); #N and @N a hash on a
 * line of its own, @ with words. NULL: all its words. */
void minutes_value(struct minutes_sheet *s, const char *label, const char *text, struct view value);
/* 32 bytes of a word that is a hash; false if it is none. */
bool minutes_read_hash(struct view word, uint8_t ret[static DIGEST_SIZE]);

/* Adds the signed fields, the checks of the policy and the items with their results (minutes_signed.c). */
void minutes_put_signed(struct minutes_sheet *s, const struct minutes_run *run);
