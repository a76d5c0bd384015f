/* One pass over the lines of a record: what the rules of its kind need to know. */
#pragma once

#include "signer/ceremony/transcript_internal.h"

#define TRANSCRIPT_HASH_TEXT (2 * DIGEST_SIZE)
#define TRANSCRIPT_DIGITS    9 /* of a number that is not an exit status, at most */

/* The keys that rules speak of. */
enum known {
    KNOWN_PREVIOUS,
    KNOWN_TIME,
    KNOWN_KIND,
    KNOWN_EXIT,
    KNOWN_SHA256,
    KNOWN_ID,
    KNOWN_ITEMS,
    KNOWN_ITEM,
    KNOWN_INTENT,
    KNOWN_CALLS,
    KNOWN_RESULT,
    KNOWN_NOTE,
    KNOWN_FOUND,
    KNOWN_TORN,
    KNOWN_KEYS,
};

/* Zero-initialised before. */
struct facts {
    size_t count[KNOWN_KEYS];
    struct view first[KNOWN_KEYS]; /* value of the first entry of the key */
    bool is_broken[KNOWN_KEYS];    /* item, result, found: not numbered 1, 2, 3, or of another form */
    uint64_t signatures;           /* results that are written or unwritten */
    size_t lines;
    int keys[3];                 /* of the first three lines; KNOWN_KEYS: another one */
    int last, before;            /* of the last line, and of the one before it */
    size_t last_len, before_len; /* bytes of these two, newline included */
};

/* Reads lines, each of which must be an entry of words that are spelt as ensign spells them. On a false
 * return `ret_word` is "entry" or "escape", and `ret_fact` says why. */
bool facts_read(struct view lines, struct facts *ret, const char **ret_word, const char **ret_fact);

/* The first word of the one entry of this key; a key that is not there once: empty. */
struct view facts_one(const struct facts *f, enum known key);

/* Word `i` (from 0) of a value, empty if there is none; and how many there are. */
struct view facts_word(struct view value, size_t i);
size_t facts_words(struct view value);
