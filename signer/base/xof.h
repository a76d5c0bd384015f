/* SHAKE256, the hash whose output has any length: the weights and nonces of a quorum's proofs. */
#pragma once

#include "signer/base/bytes.h"

/* `len` bytes of SHAKE256 (FIPS 202, section 6.2) over the tag with its NUL, then the parts. Its state, which may
 * hold a part of them, is wiped. ENS_RESOURCE. */
bool xof_of(const char *tag, const struct view *parts, size_t parts_len, uint8_t *ret, size_t len,
            struct ens_err *err) ENS_MUST_CHECK;
