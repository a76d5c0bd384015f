/* Text that came from a file or a token, made safe to print. */
#pragma once

#include "signer/base/bytes.h"

/* Copies `len` bytes of `text` to `ret` (capacity `cap` >= 1, always terminated, cut if too long) and
 * replaces every byte that is not printable ASCII or part of a well-formed UTF-8 sequence of a
 * printable character by '?', so that no control character, C1 control or bidirectional override
 * reaches a terminal. Returns `ret`. */
char *text_printable(char *ret, size_t cap, const char *text, size_t len);

/* The same for a text of several lines, for whoever writes to a terminal: newlines stay, every other byte is
 * treated as text_printable does. Takes as many characters as `ret` (`cap` >= 4 bytes, not terminated) has
 * room for, writes *ret_len bytes and returns how many bytes of `text` they were: call until all is taken. */
size_t text_lines(char *ret, size_t cap, struct view text, size_t *ret_len);

/* Appends one line to a text for people: what is formatted, made printable, and a newline. A newline inside a
 * value cannot begin a line of its own, and nothing is cut. ENS_RESOURCE. */
bool text_line(struct buf *ret, struct ens_err *err, const char *fmt, ...) ENS_PRINTF(3, 4) ENS_MUST_CHECK;

/* Appends `text` with every line that has more than `columns` characters (0: no limit) broken at blanks; what
 * continues it begins with `indent` blanks, or four if these leave too little room. A word is never cut: if too
 * long it has a line of its own. */
bool text_wrap(struct view text, unsigned columns, unsigned indent, struct buf *ret,
               struct ens_err *err) ENS_MUST_CHECK;

/* The same, and no terminal of so many columns breaks a line once more: a word that is too long is cut, and a
 * character outside of ASCII has two columns. So nothing that a value has begins a row of its own. */
bool text_fold(struct view text, unsigned columns, unsigned indent, struct buf *ret,
               struct ens_err *err) ENS_MUST_CHECK;

/* The length in bytes of the UTF-8 sequence that `text` (`len` >= 1 bytes) begins with, and its code point; 0
 * where it is malformed (RFC 3629): `ret_point` is left as it was then. */
size_t text_decode(const uint8_t *text, size_t len, uint32_t *ret_point);

/* True for the same words. Blanks and tabs between them, and their case, do not count. */
bool text_same_words(const char *a, const char *b);

/* The one entry of `words` (a NULL-terminated list) that begins with `word`, of three bytes or more; else the nearest one
 * by edit distance (two letters in each other's place are one edit), or NULL if none is near enough to be a slip of the
 * finger. */
const char *text_nearest(const char *word, const char *const *words);
