/* The dealing. */
#include "signer/quorum/deal.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/quorum/subsets.h"
#include "signer/sgx/rsa3072.h"

/* One dealing; all numbers but n are secret. */
struct dealing {
    struct number_ring *ring;
    struct number *phi, *rest; /* what is left of d for the last piece */
    struct secret drawn;
};

static void dealing_free(struct dealing *d)
{
    number_ring_freep(&d->ring);
    secret_wipe(&d->drawn);
}

/* phi = n + 1 - p - q; d = (2 phi + 1) / 3, without rest since p and q are 2 mod 3. */
static bool begin_dealing(struct dealing *d, const struct secret *primes,
                          const uint8_t n[static QUORUM_NUMBER], struct ens_err *err)
{
    const uint8_t *p = (const uint8_t *)primes->data;
    size_t len = primes->len / 2;

    if (!secret_alloc(&d->drawn, err) || !number_ring_new(n, &d->ring, err))
        return false;
    struct number *one = number_shifted(d->ring, 1, 0);

    d->phi = number_of(d->ring, n, QUORUM_NUMBER);
    d->rest = number_new(d->ring);
    number_add(d->ring, d->phi, d->phi, one);
    number_subtract(d->ring, d->phi, d->phi, number_of(d->ring, p, len));
    number_subtract(d->ring, d->phi, d->phi, number_of(d->ring, p + len, len));
    number_add(d->ring, d->rest, d->phi, d->phi);
    number_add(d->ring, d->rest, d->rest, one);
    number_third(d->ring, d->rest, d->rest);
    return number_ok(d->ring, err);
}

/* A uniform number below phi: drawn again until it is. */
static bool draw_piece(struct dealing *d, struct number *ret, const struct number_random *random,
                       struct ens_err *err)
{
    do {
        if (!random->fill(random->ctx, (uint8_t *)d->drawn.data, QUORUM_NUMBER, err))
            return false;
        number_read(d->ring, ret, view_of(d->drawn.data, QUORUM_NUMBER));
        if (!number_ok(d->ring, err))
            return false;
    } while (number_compare(d->ring, ret, d->phi) >= 0);
    return true;
}

static bool cut_key(struct dealing *d, const struct number_random *random, struct quorum_public *ret,
                    uint8_t *ret_pieces, struct ens_err *err)
{
    struct number *piece = number_new(d->ring);
    struct number *value = number_new(d->ring);

    for (unsigned a = 0; a < ret->count; a++) {
        if (a + 1 == ret->count) {
            piece = d->rest;
        } else {
            if (!draw_piece(d, piece, random, err))
                return false;
            number_subtract(d->ring, value, d->phi, piece);
            number_add_modulo(d->ring, d->rest, d->rest, value, d->phi);
        }
        number_write(d->ring, piece, ret_pieces + (size_t)a * QUORUM_PIECE, QUORUM_PIECE);
        number_exp_secret(d->ring, value, number_v(d->ring), piece);
        number_write(d->ring, value, ret->values[a], QUORUM_NUMBER);
    }
    return number_ok(d->ring, err);
}

bool deal_pieces(const struct secret *primes, unsigned threshold, unsigned holders,
                 const struct number_random *random, struct quorum_public *ret, struct secret *ret_pieces,
                 struct ens_err *err)
{
    ENS_CLEANUP(dealing_free) struct dealing d = {0};
    ENS_CLEANUP(secret_wipe) struct secret pieces = {0};
    struct pubkey key;

    ret->threshold = threshold;
    ret->holders = holders;
    ret->epoch = 0;
    ret->count = quorum_choose(holders, threshold - 1);
    size_t len = ret->count;

    if (!number_product(primes, ret->modulus, err))
        return false;
    memcpy(key.modulus, ret->modulus, sizeof key.modulus);
    if (!rsa3072_mrsigner(&key, ret->mrsigner, err) || !begin_dealing(&d, primes, ret->modulus, err) ||
        !secret_alloc_size(&pieces, len * QUORUM_PIECE, err) ||
        !cut_key(&d, random, ret, (uint8_t *)pieces.data, err))
        return false;
    pieces.len = len * QUORUM_PIECE;
    *ret_pieces = pieces;
    pieces = (struct secret){0};
    return true;
}

bool deal_select(const struct quorum_public *q, unsigned having, const struct secret *pieces, unsigned holder,
                 struct quorum_pieces *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret selected = {0};
    struct subsets s = subsets_of_quorum(q);
    size_t from = 0;
    size_t to = 0;

    if (!secret_alloc_size(&selected, (size_t)QUORUM_SHARE_MAX * QUORUM_PIECE, err))
        return false;
    for (unsigned a = 0; a < s.len; a++) {
        if ((s.without[a] & having) != 0)
            continue;
        if (subsets_has(&s, holder, a))
            memcpy(selected.data + QUORUM_PIECE * to++, pieces->data + QUORUM_PIECE * from, QUORUM_PIECE);
        from++;
    }
    selected.len = to * QUORUM_PIECE;
    *ret = (struct quorum_pieces){.bytes = selected, .count = (unsigned)to};
    selected = (struct secret){0};
    return true;
}
