/* What the writer and the verifier of transcripts share: the record as text. */
#pragma once

#include "signer/ceremony/transcript.h"

/* The first line of a record, before its number. */
#define TRANSCRIPT_FIRST "ensign transcript 1, record "

/* "2026-01-05T10:11:12Z" and its terminator. */
#define TRANSCRIPT_TIME_SIZE 21

/* Length of the printable character at the start of `text` (not empty), which stands in a value as it is; 0
 * where the byte there has to be escaped. A backslash is printable, and escaped all the same. */
size_t transcript_plain(struct view text);

/* Can an entry have this key? */
bool transcript_key_valid(struct view key);

/* Appends the line of an entry. ENS_BUG for a bad key, ENS_DATA for a value that is too long. */
bool transcript_put_entry(const char *key, struct view value, struct buf *ret,
                          struct ens_err *err) ENS_MUST_CHECK;

/* Makes the whole record that follows `head`. ENS_DATA for a time outside 1970 to 9999 and for a record that
 * is too long. */
bool transcript_put_record(const struct transcript_head *head, int64_t now, struct view entries,
                           int exit_code, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
