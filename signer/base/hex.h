/* Hexadecimal text: lower case out, either case in. */
#pragma once

#include "signer/base/bytes.h"

/* Writes 2 * v.len lower-case digits and a terminator to `ret`. */
void hex_encode(char *ret, struct view v);

/* The same by value, for an argument: `hex_of(v).text` lives to the end of the full expression. */
#define HEX_OF_MAX 32 /* bytes: more of `v` is left out */
struct hex {
    char text[2 * HEX_OF_MAX + 1];
};
struct hex hex_of(struct view v);

/* The same as a person reads it: groups of eight digits, "50fa751f 96b62b26"; if not `grouped` one run. */
struct hex_groups {
    char text[sizeof(struct hex) + HEX_OF_MAX / 4];
};
struct hex_groups hex_for(struct view v, bool grouped);

/* Reads exactly `len` bytes from `text` (2 * len digits, nothing else); ENS_USAGE naming `what`. */
bool hex_decode(const char *text, const char *what, uint8_t *ret, size_t len,
                struct ens_err *err) ENS_MUST_CHECK;

/* The same for what a person may copy from a screen: groups of eight digits with a blank between them, too. */
bool hex_decode_groups(const char *text, const char *what, uint8_t *ret, size_t len,
                       struct ens_err *err) ENS_MUST_CHECK;

/* The value of one hexadecimal digit, or -1. */
int hex_digit(char c);
