/* Hexadecimal text: lower case out, either case in. */
#pragma once

#include "signer/base/bytes.h"

/* Writes 2 * v.len lower-case digits and a terminator to `ret`. */
void hex_encode(char *ret, struct view v);

/* Reads exactly `len` bytes from `text` (2 * len digits, nothing else); ENS_USAGE naming `what`. */
bool hex_decode(const char *text, const char *what, uint8_t *ret, size_t len,
                struct ens_err *err) ENS_MUST_CHECK;

/* The value of one hexadecimal digit, or -1. */
int hex_digit(char c);
