/* The partials of M holders make one signature. */
#pragma once

#include "signer/quorum/number.h"
#include "signer/quorum/quorum.h"

struct combine_result {
    bool is_complete; /* M holders gave one: so a signature was to be expected */
    unsigned holders; /* of the signature, bit i - 1 for holder i; 0: there is none */
    uint8_t signature[SIGNATURE_SIZE];
};

/* COMBINE, over partials that prove_verify found good: the first set of M holders whose values multiply to a cube
 * root of the digest's block. Of several partials of one holder the first counts. No set is no error. The caller
 * verifies the signature as that of an RSA key. */
bool combine_partials(const struct quorum_public *q, const struct quorum_partial *const *good, size_t len,
                      const uint8_t digest[static 32], struct combine_result *ret,
                      struct ens_err *err) ENS_MUST_CHECK;
