/* The transcript: what a ceremony leaves on record. A text file that is only ever appended to. A record is
 * collected in memory while a command runs and added once, when it ends, however it ends. Each record holds
 * the SHA-256 of the whole record before it and ends with that of its own bytes, so that a cut, an edit, an
 * insertion and a change of order are found and located. The format is ensign(5):
 *
 *   ensign transcript 1, record 2
 *   previous: SHA-256 of the bytes of record 1, its last newline included; 64 zeros in record 1
 *   time: 2026-01-05T10:11:12Z
 *   KEY: VALUE                     any number of entries, in the order in which they were added
 *   exit: 0
 *   sha256: SHA-256 of the record's bytes before this line
 *
 * The chain is no signature: who can write the file can write another one that holds together. What cannot be
 * replaced is a head (the SHA-256 of the last record) that was written down elsewhere. */
#pragma once

#include <stdint.h>

#include "signer/base/bytes.h"
#include "signer/base/digest.h"

#define TRANSCRIPT_FILE_MAX   (64u << 20) /* bytes in a file */
#define TRANSCRIPT_RECORD_MAX (4u << 20)  /* bytes in a record */
#define TRANSCRIPT_VALUE_MAX  16384u      /* bytes in a value, before it is escaped */
#define TRANSCRIPT_KEY_MAX    31u         /* bytes in a key: lower-case letters, digits and '-' */
#define TRANSCRIPT_LINE_MAX   (4 * TRANSCRIPT_VALUE_MAX + 64) /* bytes in a line */

/* ---- appending ---- */

struct transcript;

/* Opens the file at `path`, or creates an empty one (mode by the umask), locks it until transcript_closep,
 * and verifies the whole chain: a broken one is never extended. Where another process has the lock it waits
 * for it, after it called `on_wait` (which may be NULL) with the path once. ENS_CANTCREAT where it cannot be
 * opened or is no regular file, ENS_DATA where the chain is broken or the file is full, ENS_INTERRUPTED,
 * ENS_IO, ENS_RESOURCE. */
bool transcript_open(const char *path, void (*on_wait)(const char *path), struct transcript **ret,
                     struct ens_err *err) ENS_MUST_CHECK;

/* Adds an entry to the record: any bytes but zero as the value, which is escaped. A failure (memory, a limit
 * above, a key that is none) is kept and reported by transcript_ready and transcript_commit, so that callers
 * need no check. `t` NULL: nothing is recorded. Never called with a secret. */
void transcript_add(struct transcript *t, const char *key, const char *fmt, ...) ENS_PRINTF(3, 4);

/* Can what was added be recorded? For the last moment before something irreversible. */
bool transcript_ready(const struct transcript *t, struct ens_err *err) ENS_MUST_CHECK;

/* Appends the record with one write and flushes it to the disk, also after a signal. `now` is seconds since
 * 1970; `exit_code` is what the command will exit with. The lock stays, and another record may follow.
 * ENS_IO, ENS_RESOURCE, and ENS_DATA where the file is not the one any more that was verified. After a
 * failure the file is as it was before, or the message says that a part of the record stands at its end. */
bool transcript_commit(struct transcript *t, int64_t now, int exit_code, struct ens_err *err) ENS_MUST_CHECK;

/* Drops what was not committed, unlocks and releases; NULL is fine. */
void transcript_closep(struct transcript **t);

/* ---- verifying ---- */

/* Where a chain ends. */
struct transcript_head {
    uint64_t records;
    size_t size;               /* bytes of the file */
    uint8_t hash[DIGEST_SIZE]; /* SHA-256 of the last record's bytes; zeros where there is none */
};

/* A record that was found in order. The views borrow from the text. */
struct transcript_record {
    uint64_t number;
    struct view previous; /* 64 hexadecimal digits */
    struct view time;
    struct view entries; /* lines; transcript_entry takes them apart */
    struct view exit;    /* decimal */
    uint8_t hash[DIGEST_SIZE];
};

/* Receives the records in order; a false return ends the verification with `err` set. */
struct transcript_sink {
    bool (*put)(void *ctx, const struct transcript_record *record, struct ens_err *err);
    void *ctx;
};

/* Verifies a transcript in memory. ENS_DATA naming `name`, the record and the line where the chain breaks;
 * where the last record is cut off, also where it begins and how to go on. An empty text is a chain of no
 * records. `sink` may be NULL; it has seen the records before a break when this fails. */
bool transcript_verify(struct view text, const char *name, const struct transcript_sink *sink,
                       struct transcript_head *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Takes the first line off the entries of a record; false where there is none left. The value is as it is
 * stored: printable, with \\ for a backslash and \xNN for a byte that is none of a printable character. */
bool transcript_entry(struct view *entries, struct view *ret_key, struct view *ret_value);
