/* Names of the bits of ATTRIBUTES, XFRM, MISCSELECT and CET_ATTRIBUTES, as the Intel SDM spells them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "signer/sgx/layout.h"

/* Room for any list of names. */
#define BITS_TEXT_MAX 512

/* Names bit `bit` of `field` (CSS_ATTRIBUTES, CSS_XFRM, CSS_MISCSELECT, CSS_CET_ATTRIBUTES), or NULL. */
const char *bits_name(enum css_field field, unsigned bit);

/* Writes the names of the set bits, separated by a space; unknown ones as "bit13"; "none" for 0. */
const char *bits_text(enum css_field field, uint64_t value, char ret[static BITS_TEXT_MAX]);
