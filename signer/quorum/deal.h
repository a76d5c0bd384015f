/* The dealing: a key is cut into pieces. Afterwards nobody needs its primes again. */
#pragma once

#include "signer/quorum/number.h"
#include "signer/quorum/quorum.h"

/* Cuts the key with these primes (p, then q, of one length, different, 2 mod 3) for `threshold` of `holders`.
 * Sets threshold, holders, epoch, mrsigner, modulus and values of `ret`; `ret_pieces` gets all pieces, ascending,
 * QUORUM_PIECE bytes each: secret_wipe. */
bool deal_pieces(const struct secret *primes, unsigned threshold, unsigned holders,
                 const struct number_random *random, struct quorum_public *ret, struct secret *ret_pieces,
                 struct ens_err *err) ENS_MUST_CHECK;

/* Those of one holder, out of `pieces`, which belong to every holder of the mask `having` (0: all pieces). For
 * dealing, for refreshing, and for what a holder gives to another. Wipe ret->bytes. */
bool deal_select(const struct quorum_public *q, unsigned having, const struct secret *pieces, unsigned holder,
                 struct quorum_pieces *ret, struct ens_err *err) ENS_MUST_CHECK;
