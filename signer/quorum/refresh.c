/* New pieces of the same key, and lost ones. */
#include "signer/quorum/refresh.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/quorum/check.h"
#include "signer/quorum/subsets.h"

/* ---- refresh ---- */

/* All but the last are uniform below B; the last is L * B less their sum, and so not negative. */
static bool draw_numbers(struct number_ring *ring, unsigned len, const struct number_random *random,
                         uint8_t *ret, struct ens_err *err)
{
    struct number *number = number_new(ring);
    struct number *rest = number_shifted(ring, len, CHECK_MASK_BITS);

    for (unsigned a = 0; a < len; a++) {
        uint8_t *at = ret + (size_t)a * QUORUM_PIECE;

        if (a + 1 == len) {
            number_write(ring, rest, at, QUORUM_PIECE);
            break;
        }
        if (!random->fill(random->ctx, at + QUORUM_PIECE - CHECK_MASK_BITS / 8, CHECK_MASK_BITS / 8, err))
            return false;
        number_read(ring, number, view_of(at, QUORUM_PIECE));
        number_subtract(ring, rest, rest, number);
    }
    return number_ok(ring, err);
}

bool refresh_draw(const struct quorum_public *q, const struct number_random *random,
                  uint8_t (*ret_commitments)[QUORUM_NUMBER], struct secret *ret_numbers, struct ens_err *err)
{
    ENS_CLEANUP(number_ring_freep) struct number_ring *ring = NULL;
    ENS_CLEANUP(secret_wipe) struct secret numbers = {0};
    unsigned len = q->count;

    if (!number_ring_new(q->modulus, &ring, err) ||
        !secret_alloc_size(&numbers, (size_t)len * QUORUM_PIECE, err) ||
        !draw_numbers(ring, len, random, (uint8_t *)numbers.data, err))
        return false;
    struct number *number = number_new(ring);

    for (unsigned a = 0; a < len; a++) {
        number_read(ring, number, view_of(numbers.data + (size_t)a * QUORUM_PIECE, QUORUM_PIECE));
        number_exp_secret(ring, number, number_v(ring), number);
        number_write(ring, number, ret_commitments[a], QUORUM_NUMBER);
    }
    if (!number_ok(ring, err))
        return false;
    numbers.len = (size_t)len * QUORUM_PIECE;
    *ret_numbers = numbers;
    numbers = (struct secret){0};
    return true;
}

bool refresh_apply(const struct quorum_delta *delta, const struct quorum_pieces *numbers,
                   struct quorum_public *q, struct quorum_pieces *pieces, struct ens_err *err)
{
    ENS_CLEANUP(number_ring_freep) struct number_ring *ring = NULL;
    unsigned len = q->count;

    if (q->epoch >= QUORUM_EPOCH_MAX)
        return ens_fail(err, ENS_DATA, "epoch: would pass %d: deal the key again", QUORUM_EPOCH_MAX);
    if (numbers->count != pieces->count || delta->count != len || delta->holders != q->holders)
        return ens_fail(err, ENS_BUG, "delta: is that of another quorum");
    if (!number_ring_new(q->modulus, &ring, err))
        return false;
    struct number *sum = number_new(ring);
    struct number *term = number_new(ring);

    for (size_t j = 0; j < pieces->count; j++) {
        number_read(ring, sum, view_of(pieces->bytes.data + j * QUORUM_PIECE, QUORUM_PIECE));
        number_read(ring, term, view_of(numbers->bytes.data + j * QUORUM_PIECE, QUORUM_PIECE));
        number_add(ring, sum, sum, term);
        number_write(ring, sum, (uint8_t *)pieces->bytes.data + j * QUORUM_PIECE, QUORUM_PIECE);
    }
    for (unsigned a = 0; a < len; a++) {
        number_read(ring, sum, view_of(q->values[a], QUORUM_NUMBER));
        number_read(ring, term, view_of(delta->commitments[a], QUORUM_NUMBER));
        number_mod_multiply(ring, sum, sum, term);
        number_write(ring, sum, q->values[a], QUORUM_NUMBER);
    }
    if (!number_ok(ring, err))
        return false;
    memcpy(q->holder, delta->list, sizeof q->holder);
    q->epoch++;
    return true;
}

/* ---- repair ---- */

bool refresh_restore(const struct quorum_public *q, unsigned from, unsigned holder,
                     const struct quorum_pieces *given, struct refresh_restored *ret, struct ens_err *err)
{
    struct subsets s = subsets_of_quorum(q);
    unsigned which[QUORUM_SHARE_MAX];
    unsigned len = subsets_pieces(&s, holder, which);
    size_t at = 0;

    if (ret->pieces.bytes.data == NULL &&
        !secret_alloc_size(&ret->pieces.bytes, (size_t)QUORUM_SHARE_MAX * QUORUM_PIECE, err))
        return false;
    for (unsigned j = 0; j < len; j++) {
        char *piece = ret->pieces.bytes.data + (size_t)j * QUORUM_PIECE;

        if (!subsets_has(&s, from, which[j]))
            continue;
        const char *one = given->bytes.data + QUORUM_PIECE * at++;

        if (ret->have[j] && memcmp(piece, one, QUORUM_PIECE) != 0)
            return ens_fail(err, ENS_DATA,
                            "piece %u: two holders give different numbers that both fit: the dealer was "
                            "dishonest: publish neither, and make a new key",
                            which[j] + 1);
        memcpy(piece, one, QUORUM_PIECE);
        ret->have[j] = true;
    }
    ret->pieces.count = len;
    ret->pieces.bytes.len = (size_t)len * QUORUM_PIECE;
    return true;
}

bool refresh_is_whole(const struct quorum_public *q, const struct refresh_restored *share,
                      struct ens_err *err)
{
    unsigned missing = quorum_pieces_of_one(q);

    for (size_t j = 0; j < QUORUM_SHARE_MAX; j++)
        missing -= share->have[j] ? 1 : 0;
    if (missing > 0)
        return ens_fail(err, ENS_REFUSED,
                        "share: %u of its %u pieces %s missing: repairs of %u holders are needed", missing,
                        quorum_pieces_of_one(q), missing == 1 ? "is" : "are", q->threshold);
    return true;
}
