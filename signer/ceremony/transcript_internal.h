/* Shared by the writer and the verifier of transcripts: the record as text. */
#pragma once

#include "signer/ceremony/transcript.h"

/* The first line of a record, before its number; and before any version. */
#define TRANSCRIPT_FIRST "ensign transcript 1, record "
#define TRANSCRIPT_ANY   "ensign transcript "

/* "sha256: ", 64 digits, newline: the last line of a record. */
#define TRANSCRIPT_SUM_LINE 73

/* True if an entry may have this key, by its letters. */
bool transcript_key_valid(struct view key);

/* Appends one word, escaped. */
bool transcript_put_word(struct view word, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Appends the line of an entry. ENS_BUG for a key that is none or belongs to the frame, ENS_DATA for a line
 * that is too long. */
bool transcript_put_entry(const char *key, const struct view *words, size_t len, struct buf *ret,
                          struct ens_err *err) ENS_MUST_CHECK;

/* Free text as words, one for each of its blanks more: "a  b" is three. Release with mem_free. */
bool transcript_split(const char *text, struct view **ret, size_t *ret_len,
                      struct ens_err *err) ENS_MUST_CHECK;

/* Appends the whole record that follows `sum`, and says in `sum` where the chain ends then. `exit_code` -1:
 * none. ENS_DATA for a time outside 1970 to 9999 and for a record that is too long. */
bool transcript_put_record(struct transcript_sum *sum, int64_t now, enum transcript_kind kind,
                           struct view entries, int exit_code, struct buf *ret,
                           struct ens_err *err) ENS_MUST_CHECK;

/* "64 lower-case hexadecimal digits"; and a decimal number of up to `max` digits without needless zeros. */
bool transcript_is_hex(struct view v, size_t digits);
bool transcript_number(struct view v, size_t max, uint64_t *ret);

/* Collects rejections as the sink of transcript_verify; zero-initialised but for `list`. */
struct transcript_collector {
    struct transcript_rejections *list;
    size_t room;
};
bool transcript_collect(void *ctx, const struct transcript_record *record, struct ens_err *err);

/* The first entry of this key; false if there is none. */
bool transcript_find(struct view entries, const char *key, struct view *ret_value);

/* ---- what an operator answers (transcript_ack.c) ---- */

/* Obstacles to a next record: an open intent, a tail (`tail`, not empty), or both. */
struct transcript_break {
    const struct transcript_sum *sum;
    struct view tail;
    const char *path;
};

/* The refusal that says what to look for and how to go on: ENS_REFUSED, and with a tail ENS_DATA. */
bool transcript_refuse(const struct transcript_break *b, struct ens_err *err);

/* Appends the entries of the ack: what is found at each output of the open intent, and the note. */
bool transcript_ack_entries(const struct transcript_break *b, const char *note, struct buf *ret,
                            struct ens_err *err) ENS_MUST_CHECK;

/* Copies the tail to "PATH.torn-R", flushed to the disk, and appends the entry that names it. */
bool transcript_save_tail(const struct transcript_break *b, struct buf *ret,
                          struct ens_err *err) ENS_MUST_CHECK;

/* ---- the open file (transcript_file.c) ---- */

/* Opens or creates, judges and locks the file; `ret_made`: it was not there. */
bool transcript_file_open(const char *path, int *ret_fd, bool *ret_made, struct ens_err *err) ENS_MUST_CHECK;

/* Reads an open file from its position to its end; ENS_DATA: more than TRANSCRIPT_FILE_MAX bytes. */
bool transcript_file_read(int fd, const char *path, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* True if the open file is still the one at the path, and `size` bytes long. `size` -1: any. */
bool transcript_file_in_place(int fd, const char *path, int64_t size);

/* Flushes the directory of a new file. */
bool transcript_sync_directory(const char *path, struct ens_err *err) ENS_MUST_CHECK;

/* Asks the file system for room behind `size`; one that knows no such thing is passed over. */
bool transcript_file_reserve(int fd, const char *path, size_t size, size_t room,
                             struct ens_err *err) ENS_MUST_CHECK;

/* One write of `v` at the end, `size`, flushed; taken back if it is not whole. */
bool transcript_file_append(int fd, const char *path, size_t size, struct view v,
                            struct ens_err *err) ENS_MUST_CHECK;
