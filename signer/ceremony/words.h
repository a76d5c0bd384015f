/* The PGP word list: bytes as words that are told apart over a telephone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The word for `byte`, in an even (0, 2, ...) or odd position. */
const char *words_of(uint8_t byte, bool odd);
