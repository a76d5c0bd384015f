/* A partial: what one holder gives for one digest, with one proof for all its values. */
#pragma once

#include "signer/quorum/number.h"
#include "signer/quorum/quorum.h"

/* PARTIAL and PROOF of `holder`, whose pieces check_pieces has seen, for a quorum that check_public has seen. Its
 * powers are blinded, its exponents secret. Verified before it is given out: ENS_BUG if the proof does not hold. */
bool prove_partial(const struct quorum_public *q, unsigned holder, const struct quorum_pieces *pieces,
                   const uint8_t digest[static 32], const struct number_random *random,
                   struct quorum_partial *ret, struct ens_err *err) ENS_MUST_CHECK;

/* VERIFY: is it of this quorum and over this digest, in range, and does its proof hold? `*ret` is the first thing
 * that is wrong; this is no error. Of a key with plain primes a proof holds up to an element of small order, which
 * only one who knows the primes can make. */
bool prove_verify(const struct quorum_public *q, const struct quorum_partial *partial,
                  const uint8_t digest[static 32], enum quorum_verdict *ret,
                  struct ens_err *err) ENS_MUST_CHECK;
