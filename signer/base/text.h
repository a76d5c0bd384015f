/* Text that came from a file or a token, made safe to print. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Copies `len` bytes of `text` to `ret` (capacity `cap` >= 1, always terminated, cut if too long) and
 * replaces every byte that is not printable ASCII or part of a well-formed UTF-8 sequence of a
 * printable character by '?', so that no control character, C1 control or bidirectional override
 * reaches a terminal. Returns `ret`. */
char *text_printable(char *ret, size_t cap, const char *text, size_t len);

/* The length in bytes of the UTF-8 sequence that `text` (`len` >= 1 bytes) begins with, and its code point; 0
 * where it is malformed (RFC 3629): `ret_point` is left as it was then. */
size_t text_decode(const uint8_t *text, size_t len, uint32_t *ret_point);

/* The entry of `words` (a NULL-terminated list) nearest to `word` by edit distance, or NULL where none
 * is near enough to be a slip of the finger. */
const char *text_nearest(const char *word, const char *const *words);
