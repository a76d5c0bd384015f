/* New pieces of the same key, without the key; and a lost share, from what others have of it. */
#pragma once

#include "signer/quorum/number.h"
#include "signer/quorum/quorum.h"

/* A contributor's numbers, which sum up to L * B, and what they are committed to: L numbers of QUORUM_PIECE
 * bytes, as pieces are (deal_select gives those of a holder). */
bool refresh_draw(const struct quorum_public *q, const struct number_random *random,
                  uint8_t (*ret_commitments)[QUORUM_NUMBER], struct secret *ret_numbers,
                  struct ens_err *err) ENS_MUST_CHECK;

/* Adds the numbers of a delta, which check_delta has seen, to the pieces of its holder, and multiplies the values;
 * names and keys become those of the delta, the epoch grows by 1. The id is then that of no file: writing sets it.
 * ENS_DATA beyond QUORUM_EPOCH_MAX; nothing has changed then. */
bool refresh_apply(const struct quorum_delta *delta, const struct quorum_pieces *numbers,
                   struct quorum_public *q, struct quorum_pieces *pieces, struct ens_err *err) ENS_MUST_CHECK;

/* A share that is put together. `have` says which pieces are there; zero-initialise; wipe pieces.bytes. */
struct refresh_restored {
    struct quorum_pieces pieces;
    bool have[QUORUM_SHARE_MAX];
};

/* Takes what `from` gave to `holder`, which check_pieces has seen. Two numbers for one piece that both fit its value
 * are a dishonest dealing: ENS_DATA, and neither is to be shown, for their difference factors the modulus. */
bool refresh_restore(const struct quorum_public *q, unsigned from, unsigned holder,
                     const struct quorum_pieces *given, struct refresh_restored *ret,
                     struct ens_err *err) ENS_MUST_CHECK;
/* ENS_REFUSED with the number of pieces that are missing. */
bool refresh_is_whole(const struct quorum_public *q, const struct refresh_restored *share,
                      struct ens_err *err) ENS_MUST_CHECK;
