/* The partials of M holders make one signature. */
#include "signer/quorum/combine.h"

#include "signer/base/mem.h"
#include "signer/quorum/check.h"
#include "signer/quorum/subsets.h"
#include "signer/sgx/rsa3072.h"

struct combination {
    const struct quorum_public *q;
    struct subsets subsets;
    const struct quorum_partial *of[QUORUM_HOLDERS_MAX]; /* of each holder the first; NULL: none */
    struct number_ring *ring;
    struct number *x, *excess; /* excess: x^-(epoch * L * B), which refreshes added */
};

static void combination_free(struct combination *c)
{
    number_ring_freep(&c->ring);
}

static bool begin_combination(struct combination *c, const uint8_t digest[static 32], struct ens_err *err)
{
    uint8_t block[SIGNATURE_SIZE];

    if (!number_ring_new(c->q->modulus, &c->ring, err))
        return false;
    rsa3072_encode(digest, block);
    c->x = number_of(c->ring, block, sizeof block);
    number_reduce(c->ring, c->x, c->x);
    c->excess = number_shifted(c->ring, 1, 0);
    if (c->q->epoch > 0) {
        number_exp_public(c->ring, c->excess, c->x,
                          number_shifted(c->ring, c->q->epoch * c->subsets.len, CHECK_MASK_BITS));
        number_inverse(c->ring, c->excess, c->excess);
    }
    return number_ok(c->ring, err);
}

/* The place of a piece among those of its holder. */
static unsigned place_of(const struct subsets *s, unsigned holder, unsigned piece)
{
    unsigned which[QUORUM_SHARE_MAX];
    unsigned len = subsets_pieces(s, holder, which);
    unsigned at = 0;

    while (at + 1 < len && which[at] != piece)
        at++;
    return at;
}

/* The product of what the members of `set` bring; for each piece, one of them. */
static void multiply_set(struct combination *c, unsigned set, struct number *ret)
{
    struct number *value = number_new(c->ring);

    number_reduce(c->ring, ret, c->excess);
    for (unsigned a = 0; a < c->subsets.len; a++) {
        unsigned holder = subsets_bringer(&c->subsets, set, a);
        const struct quorum_partial *p = c->of[holder - 1];

        number_read(c->ring, value, view_of(p->values[place_of(&c->subsets, holder, a)], QUORUM_NUMBER));
        number_mod_multiply(c->ring, ret, ret, value);
    }
}

static bool is_root(struct combination *c, const struct number *s)
{
    struct number *cube = number_new(c->ring);

    number_mod_multiply(c->ring, cube, s, s);
    number_mod_multiply(c->ring, cube, cube, s);
    return number_compare(c->ring, cube, c->x) == 0;
}

/* W, or x / W^2: the values may lack a sign, or a root of 1 of order 2. */
static bool find_root(struct combination *c, unsigned set, struct combine_result *ret, struct ens_err *err)
{
    struct number *w = number_new(c->ring);
    bool found = false;

    multiply_set(c, set, w);
    found = is_root(c, w);
    if (!found) {
        number_mod_multiply(c->ring, w, w, w);
        number_inverse(c->ring, w, w);
        number_mod_multiply(c->ring, w, w, c->x);
        found = is_root(c, w);
    }
    if (found)
        number_write(c->ring, w, ret->signature, sizeof ret->signature);
    if (!number_ok(c->ring, err))
        return false;
    ret->is_complete = true;
    ret->holders = found ? set : 0;
    return true;
}

bool combine_partials(const struct quorum_public *q, const struct quorum_partial *const *good, size_t len,
                      const uint8_t digest[static 32], struct combine_result *ret, struct ens_err *err)
{
    ENS_CLEANUP(combination_free) struct combination c = {.q = q, .subsets = subsets_of_quorum(q)};
    struct combine_result result = {0};
    unsigned present = 0;

    for (size_t i = 0; i < len; i++) {
        if (c.of[good[i]->holder - 1] == NULL)
            c.of[good[i]->holder - 1] = good[i];
        present |= 1U << (good[i]->holder - 1);
    }
    if (!begin_combination(&c, digest, err))
        return false;
    for (unsigned set = 0; result.holders == 0 && subsets_next(&c.subsets, &set);) {
        if ((set & ~present) == 0 && !find_root(&c, set, &result, err))
            return false;
    }
    *ret = result;
    return true;
}
