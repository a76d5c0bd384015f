/* Whether numbers belong together. */
#include "signer/quorum/check.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/quorum/subsets.h"

/* Bytes of a mask: 2^128 times what it hides. */
#define MASK (QUORUM_PIECE + 16)

/* ---- what everybody can check ---- */

bool check_units(struct number_ring *ring, const struct quorum_public *q,
                 const uint8_t (*values)[QUORUM_NUMBER], unsigned len, const char *what,
                 struct number *ret_product, struct ens_err *err)
{
    struct number *one = number_shifted(ring, 1, 0);
    struct number *value = number_new(ring);

    number_reduce(ring, ret_product, one);
    for (unsigned i = 0; i < len; i++) {
        if (view_is_zero(view_of(values[i], QUORUM_NUMBER)) ||
            memcmp(values[i], q->modulus, QUORUM_NUMBER) >= 0)
            return ens_fail(err, ENS_DATA, "%s: number %u is out of range", what, i + 1);
        number_read(ring, value, view_of(values[i], QUORUM_NUMBER));
        number_mod_multiply(ring, ret_product, ret_product, value);
    }
    bool is_unit = number_is_unit(ring, ret_product);

    return number_ok(ring, err) &&
           (is_unit || ens_fail(err, ENS_DATA, "%s: a number has a factor in common with the modulus", what));
}

static bool check_modulus(const struct quorum_public *q, struct ens_err *err)
{
    unsigned sum = 0;

    for (size_t i = 0; i < QUORUM_NUMBER; i++)
        sum += q->modulus[i]; /* 256 is 1 mod 3 */
    if (q->modulus[0] < 0x80 || q->modulus[QUORUM_NUMBER - 1] % 2 == 0 || sum % 3 == 0)
        return ens_fail(err, ENS_DATA,
                        "modulus: is not that of an RSA key of 3072 bits with e = 3: get the file again");
    return true;
}

bool check_public(const struct quorum_public *q, struct ens_err *err)
{
    ENS_CLEANUP(number_ring_freep) struct number_ring *ring = NULL;
    unsigned len = q->count;

    if (!check_modulus(q, err) || !number_ring_new(q->modulus, &ring, err))
        return false;
    struct number *product = number_new(ring);
    struct number *want = number_new(ring);
    struct number *exponent = number_shifted(ring, 3 * q->epoch * len, CHECK_MASK_BITS);
    bool is_unit = number_is_unit(ring, number_v(ring));

    if (!number_ok(ring, err) || !check_units(ring, q, q->values, len, "values", product, err))
        return false;
    number_add(ring, exponent, exponent, number_shifted(ring, 1, 0));
    number_exp_public(ring, want, number_v(ring), exponent);
    number_exp_public(ring, product, product, number_shifted(ring, 3, 0));
    if (!number_ok(ring, err))
        return false;
    return (is_unit && number_compare(ring, product, want) == 0) ||
           ens_fail(err, ENS_DATA, "values: are not those of this key: get the file again");
}

/* ---- what a holder can check ---- */

struct fit {
    const struct quorum_public *q;
    unsigned holders;                       /* who have the pieces */
    const uint8_t (*values)[QUORUM_NUMBER]; /* of all pieces */
    const char *what;
    struct number_ring *ring;
    const struct number *smallest, *limit; /* smallest <= r < limit */
    const struct number_random *random;
    unsigned len, which[QUORUM_SHARE_MAX];
    struct number *numbers[QUORUM_SHARE_MAX];
};

static void list_pieces(struct fit *f)
{
    struct subsets s = subsets_of_quorum(f->q);

    for (unsigned a = 0; a < s.len && f->len < QUORUM_SHARE_MAX; a++) {
        if ((s.without[a] & f->holders) == 0)
            f->which[f->len++] = a;
    }
}

static bool read_pieces(struct fit *f, const struct quorum_pieces *pieces, struct ens_err *err)
{
    const uint8_t *bytes = (const uint8_t *)pieces->bytes.data;

    if (pieces->count != f->len || pieces->bytes.len != (size_t)f->len * QUORUM_PIECE)
        return ens_fail(err, ENS_DATA, "%ss: are %u: %u belong to this holder", f->what, pieces->count,
                        f->len);
    for (unsigned j = 0; j < f->len; j++) {
        f->numbers[j] = number_of(f->ring, bytes + (size_t)j * QUORUM_PIECE, QUORUM_PIECE);
        bool fits = number_compare(f->ring, f->numbers[j], f->smallest) >= 0 &&
                    number_compare(f->ring, f->numbers[j], f->limit) < 0;

        if (!number_ok(f->ring, err))
            return false;
        if (!fits)
            return ens_fail(err, ENS_DATA, "%s %u: is out of range", f->what, f->which[j] + 1);
    }
    return true;
}

/* v^(r + t) = V v^t for each, with one t that is longer than they are and fresh each time: whoever measures the powers of
 * many runs sees no number twice. Weights that let all be compared at once would let a value of the wrong sign pass every
 * other time. */
static bool judge_fit(struct fit *f, const struct quorum_pieces *pieces, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret drawn = {0};
    struct number *masked = number_new(f->ring);
    struct number *want = number_new(f->ring);
    struct number *mask_power = number_new(f->ring);

    list_pieces(f);
    if (!read_pieces(f, pieces, err) || !secret_alloc(&drawn, err) ||
        !f->random->fill(f->random->ctx, (uint8_t *)drawn.data, MASK, err))
        return false;
    const struct number *mask = number_of(f->ring, (const uint8_t *)drawn.data, MASK);

    number_exp_secret(f->ring, mask_power, number_v(f->ring), mask);
    for (unsigned j = 0; j < f->len; j++) {
        number_read(f->ring, want, view_of(f->values[f->which[j]], QUORUM_NUMBER));
        number_mod_multiply(f->ring, want, want, mask_power);
        number_add(f->ring, masked, f->numbers[j], mask);
        number_exp_secret(f->ring, masked, number_v(f->ring), masked);
        bool fits = number_compare(f->ring, masked, want) == 0;

        if (!number_ok(f->ring, err))
            return false;
        if (!fits)
            return ens_fail(err, ENS_DATA, "%s %u: does not fit its public value", f->what, f->which[j] + 1);
    }
    return true;
}

bool check_pieces(const struct quorum_public *q, unsigned holders, const struct quorum_pieces *pieces,
                  const struct number_random *random, struct ens_err *err)
{
    ENS_CLEANUP(number_ring_freep) struct number_ring *ring = NULL;

    if (!number_ring_new(q->modulus, &ring, err))
        return false;
    struct number *limit = number_shifted(ring, q->epoch * q->count, CHECK_MASK_BITS);
    struct fit f = {.q = q,
                    .holders = holders,
                    .values = q->values,
                    .what = "piece",
                    .ring = ring,
                    .smallest = number_shifted(ring, 1, 0),
                    .limit = limit,
                    .random = random};

    number_add(ring, limit, limit, number_shifted(ring, 1, 8 * QUORUM_NUMBER));
    return judge_fit(&f, pieces, err);
}

bool check_delta(const struct quorum_public *q, const struct quorum_delta *delta,
                 const struct quorum_pieces *numbers, const struct number_random *random, struct ens_err *err)
{
    ENS_CLEANUP(number_ring_freep) struct number_ring *ring = NULL;
    unsigned len = q->count;

    if (delta->count != len)
        return ens_fail(err, ENS_DATA, "commitments: are %u: this quorum has %u", delta->count, len);
    if (!number_ring_new(q->modulus, &ring, err))
        return false;
    struct number *all = number_shifted(ring, len, CHECK_MASK_BITS);
    struct number *product = number_new(ring);
    struct number *want = number_new(ring);

    number_exp_public(ring, want, number_v(ring), all);
    if (!check_units(ring, q, delta->commitments, len, "commitments", product, err))
        return false;
    if (number_compare(ring, product, want) != 0)
        return ens_fail(err, ENS_DATA, "commitments: this delta would change the key: do not apply it");
    number_add(ring, all, all, number_shifted(ring, 1, 0));
    struct fit f = {.q = q,
                    .holders = 1U << (delta->holder - 1),
                    .values = delta->commitments,
                    .what = "number",
                    .ring = ring,
                    .smallest = number_new(ring),
                    .limit = all,
                    .random = random};

    return judge_fit(&f, numbers, err);
}
