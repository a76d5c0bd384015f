/* The values of TOML that are one word: numbers, dates, true and false. */
#pragma once

#include "signer/base/toml.h"

/* Sets the type of `text`, and the number of an integer or boolean; false if it is no value. Integers have 64 bits. The
 * day of a date must exist; `no_seconds`: a time may end before them. */
bool toml_word(struct view text, bool no_seconds, struct toml_value *ret) ENS_MUST_CHECK;
