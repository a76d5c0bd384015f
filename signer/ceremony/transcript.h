/* The transcript: what a ceremony leaves on record. A text file that is only ever appended to; each record
 * holds the SHA-256 of the whole record before it and ends with that of its own bytes, so that a cut, an
 * edit, an insertion and a change of order are found and located. Format, limits and words of refusal are
 * those of ensign(5):
 *
 *   ensign transcript 1, record 3
 *   previous: SHA-256 of the bytes of record 2; 64 zeros in record 1
 *   time: 2026-01-05T10:11:12Z
 *   kind: intent                   begin, run, intent, outcome or ack
 *   KEY: WORD WORD...              any number of entries, in the order in which they were added
 *   exit: 0                        of a run, an outcome and an ack
 *   sha256: SHA-256 of the record's bytes before this line
 *
 * An intent is durable before the first thing that cannot be undone, its outcome follows it. An intent
 * without one stops every later run until it is acknowledged.
 *
 * The chain is not a signature: who can write the file can write another one that holds together. What cannot be
 * replaced is a head (the SHA-256 of the last record) that was written down elsewhere. */
#pragma once

#include <stdint.h>

#include "signer/base/bytes.h"
#include "signer/base/digest.h"

#define TRANSCRIPT_FILE_MAX   (64u << 20) /* bytes in a file */
#define TRANSCRIPT_RECORD_MAX (4u << 20)  /* bytes in a record */
#define TRANSCRIPT_LINE_MAX   65536u      /* bytes in a line, without its newline */
#define TRANSCRIPT_KEY_MAX    31u         /* bytes in a key: lower-case letters, digits and '-' */
#define TRANSCRIPT_ITEMS_MAX  4096u       /* items of an intent */

enum transcript_kind {
    TRANSCRIPT_BEGIN,
    TRANSCRIPT_RUN,
    TRANSCRIPT_INTENT,
    TRANSCRIPT_OUTCOME,
    TRANSCRIPT_ACK,
};

/* ---- reading ---- */

/* A record that was found in order. The views borrow from the text. */
struct transcript_record {
    uint64_t number; /* from 1 */
    size_t at;       /* offset of its first byte in the file */
    enum transcript_kind kind;
    struct view previous; /* 64 hexadecimal digits */
    struct view time;
    struct view entries; /* lines, without those of the frame above; transcript_entry takes them apart */
    struct view exit;    /* decimal; empty for a begin and an intent */
    uint8_t hash[DIGEST_SIZE];
};

/* The state of a chain after its last record. */
struct transcript_sum {
    uint64_t records;
    size_t size;               /* bytes of the records */
    uint8_t head[DIGEST_SIZE]; /* SHA-256 of the last record's bytes; zeros if there is none */
    bool is_cut;               /* bytes behind it begin the next record, or are zeros; not a chain then */
    uint64_t open;             /* number of the intent that has neither outcome nor ack; 0: none */
    struct view open_entries;  /* its entries, borrowed from the text */
    uint32_t open_items;
    uint64_t calls_low;  /* calls that were completed */
    uint64_t calls_high; /* calls that were started, and items of intents that say no end */
    uint64_t back;       /* the first record whose time is before that of the one before it; 0: none */
};

/* Receives the records in order; a false return ends the verification with `err` set. */
struct transcript_sink {
    bool (*put)(void *ctx, const struct transcript_record *record, struct ens_err *err);
    void *ctx;
};

/* Verifies a transcript in memory. ENS_DATA with `name`, then one of the words cut, edited, order, chain,
 * entry, escape, kind, version, no-header, too-large, then record and byte. An empty text is a chain of no
 * records; an open intent is not an error. `sink` may be NULL; it has seen the records before
 * a break if this fails, and `ret` is what they come to. */
bool transcript_verify(struct view text, const char *name, const struct transcript_sink *sink,
                       struct transcript_sum *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Reads a transcript: a regular file (ENS_DATA), opened once and without waiting (ENS_NOINPUT). */
bool transcript_read(const char *path, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Says of the open intent of `sum` what it began to do, what to look for and how the next run goes on. */
bool transcript_fail_open(const struct transcript_sum *sum, const char *path, enum ens_code code,
                          struct ens_err *err);

/* "begin", "run", ... */
const char *transcript_kind_name(enum transcript_kind kind);

/* Takes the first line off the entries of a record; false if there is none left. The value is one or more
 * words, as they are stored: printable, one blank between two. */
bool transcript_entry(struct view *entries, struct view *ret_key, struct view *ret_value);

/* Takes the first word off a value; false if there is none left. "-" is the empty string. */
bool transcript_word(struct view *value, struct view *ret_word);

/* Appends the bytes that a stored word stands for. ENS_DATA if it is none. */
bool transcript_unescape(struct view word, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* A "no" that is on record: for which bytes, under which key, by whom. The words are as they are stored. */
struct transcript_rejection {
    char *digest, *mrsigner, *person, *id, *key;
    uint64_t record; /* that says so */
};
struct transcript_rejections {
    struct transcript_rejection *items;
    size_t len;
    uint32_t last_day; /* BCD: the latest day on which a record was made; 0: there is none */
};

/* Verifies the text, collects its `rejection` entries in order. Release with transcript_rejections_free. */
bool transcript_collect_rejections(struct view text, const char *name, struct transcript_rejections *ret,
                                   struct ens_err *err) ENS_MUST_CHECK;
void transcript_rejections_free(struct transcript_rejections *r);

/* ---- appending ---- */

struct transcript;

/* The operator's answer to an open intent or to a tail. */
struct transcript_ack {
    bool given;
    uint64_t number;  /* of the intent; 0: there is none, only a tail */
    const char *note; /* why, in the operator's words */
    int64_t now;      /* seconds since 1970 */
    /* Adds entries that say who acknowledges; NULL: none. */
    void (*describe)(struct transcript *t, const void *ctx);
    const void *ctx;
};

/* Opens the file at `path`, or creates an empty one (mode 0600), locks it until transcript_closep, and
 * verifies the whole chain: a broken one is never extended. If another process has the lock it is asked for
 * again for ten seconds.
 *
 * An open intent is ENS_REFUSED and a tail (the beginning of a record that was not written to its end, or
 * zeros) ENS_DATA, unless `ack` names them: then the tail is moved to "PATH.torn-R", and an ack is appended
 * with what stands at each output of the intent now, before this returns.
 *
 * ENS_CANTCREAT if it cannot be opened or stays locked (naming the holder), ENS_DATA if it is not a regular file
 * with one link that only root or this user can write, if the chain is broken or the file full;
 * ENS_REFUSED, ENS_INTERRUPTED, ENS_IO, ENS_RESOURCE. */
bool transcript_open(const char *path, const struct transcript_ack *ack, struct transcript **ret,
                     struct ens_err *err) ENS_MUST_CHECK;

/* Every "no" of the records that were there when it was opened; owned by `t`; NULL if that is NULL. */
const struct transcript_rejections *transcript_rejections(const struct transcript *t);

/* Adds an entry to the record that is being collected. A word is any string, NULL the empty one; with
 * `free_text` the last one is free text and is stored as several words, one for each of its blanks more. A
 * failure (memory, a limit above, a key that is none) is kept and reported by the next transcript_intent,
 * _outcome or _run, so that callers need no check. `t` NULL: nothing is recorded. Never given a secret. */
void transcript_words(struct transcript *t, const char *key, const char *const *words, size_t len,
                      bool free_text);
/* The same with the words as arguments, and with one text. */
#define transcript_put(t, key, ...)                                                                          \
    transcript_words(t, key, (const char *const[]){__VA_ARGS__},                                             \
                     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), false)
void transcript_text(struct transcript *t, const char *key, const char *text);

/* Could all that was added so far be recorded? The failure of transcript_words if not. */
bool transcript_holds(const struct transcript *t, struct ens_err *err) ENS_MUST_CHECK;

/* One thing that an intent announces. */
struct transcript_item {
    const char *what; /* sign-data, digest, test, certificate, partial */
    uint8_t digest[DIGEST_SIZE];
    const char *file;   /* the input; "": none */
    const char *output; /* where the result goes; "": nowhere, "-": stdout */
};

/* Makes the intent durable, and room on the disk for its outcome: called before the first signature, key
 * generation or destruction. Up to TRANSCRIPT_ITEMS_MAX items. ENS_IO if there is no room: nothing was done
 * then. `t` NULL: done. */
bool transcript_intent(struct transcript *t, int64_t now, const struct transcript_item *items, size_t len,
                       struct ens_err *err) ENS_MUST_CHECK;

/* The items as entries of the run that is being collected, for what ended without an intent. */
void transcript_items(struct transcript *t, const struct transcript_item *items, size_t len);

/* The result of an item. */
enum transcript_end {
    TRANSCRIPT_NOT_TRIED,
    TRANSCRIPT_FAILED,
    TRANSCRIPT_WRITTEN,
    TRANSCRIPT_UNWRITTEN,
    TRANSCRIPT_KEPT
};
struct transcript_result {
    enum transcript_end end;
    uint8_t sha256[DIGEST_SIZE]; /* of the signature: written, unwritten, kept */
};

/* Closes the open intent: one result for each of its items, the calls that were started and completed, and
 * what the command exits with. Appended also after a signal. */
bool transcript_outcome(struct transcript *t, int64_t now, const struct transcript_result *results,
                        uint64_t started, uint64_t completed, int exit_code,
                        struct ens_err *err) ENS_MUST_CHECK;

/* The record of a command that ends without an intent. Nothing is added if there was no room for one: that
 * was the error. */
bool transcript_run(struct transcript *t, int64_t now, int exit_code, struct ens_err *err) ENS_MUST_CHECK;

/* True if an intent of this run is open. */
bool transcript_has_intent(const struct transcript *t);

/* True if the file at `path` is the one that is open. `t` NULL: false. */
bool transcript_is(const struct transcript *t, const char *path);

/* SHA-256 of the last record; zeros if there is none. */
const uint8_t *transcript_head(const struct transcript *t);

/* Drops what was not appended, unlocks, releases; a file that it made and left empty goes. NULL is fine. */
void transcript_closep(struct transcript **t);
