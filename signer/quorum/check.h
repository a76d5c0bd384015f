/* Whether numbers belong together: CHECK-PUBLIC, for everybody, and CHECK-SHARE, for whoever has the pieces. */
#pragma once

#include "signer/quorum/number.h"
#include "signer/quorum/quorum.h"

/* Bits of B: a refresh adds numbers below 2^3200 to the pieces, so that their sum is d + epoch * L * B. */
#define CHECK_MASK_BITS 3200

/* The modulus is one of 3072 bits, odd and not divisible by 3, and the values multiply to the cube root of
 * v^(1 + 3 * epoch * L * B): ENS_DATA. Which piece has which value is seen by a holder only. */
bool check_public(const struct quorum_public *q, struct ens_err *err) ENS_MUST_CHECK;

/* The pieces that every holder of the mask `holders` has (of a share one holder, of a repair two), in order, and
 * nothing else: 0 < r < 2^3072 + epoch * L * B, v^r = V. ENS_DATA with the piece. */
bool check_pieces(const struct quorum_public *q, unsigned holders, const struct quorum_pieces *pieces,
                  const struct number_random *random, struct ens_err *err) ENS_MUST_CHECK;

/* The commitments of a delta multiply to v^(L * B), so that it leaves the key as it is, and the holder's numbers,
 * 0 to L * B, belong to them. ENS_DATA. */
bool check_delta(const struct quorum_public *q, const struct quorum_delta *delta,
                 const struct quorum_pieces *numbers, const struct number_random *random,
                 struct ens_err *err) ENS_MUST_CHECK;

/* The product of `len` values; one that is not in 1..n-1, or not invertible, is ENS_DATA with `what` and its place
 * in the list. */
bool check_units(struct number_ring *ring, const struct quorum_public *q,
                 const uint8_t (*values)[QUORUM_NUMBER], unsigned len, const char *what,
                 struct number *ret_product, struct ens_err *err) ENS_MUST_CHECK;
