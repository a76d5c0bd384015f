/* A partial and its proof: that of equal exponents (Chaum and Pedersen, 1992) in the squares modulo n, made
 * non-interactive by a hash, for all values at once with weights that the hash gives. */
#include "signer/quorum/prove.h"

#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/base/xof.h"
#include "signer/quorum/check.h"
#include "signer/quorum/subsets.h"
#include "signer/sgx/rsa3072.h"

#define FRESH  64  /* random bytes in a nonce */
#define BLIND  32  /* of the number that blinds */
#define NONCE  468 /* k */
#define WEIGHT 16

/* The numbers of a statement: y[j] = x^s[j] and w[j] = v^s[j]. */
struct statement {
    const struct quorum_public *q;
    struct number_ring *ring;
    struct number *x, *square; /* the block of the digest, and its square */
    unsigned holder, count;
    struct number *w[QUORUM_SHARE_MAX], *y[QUORUM_SHARE_MAX];
    struct number *b[QUORUM_SHARE_MAX]; /* the weights, from h */
    uint8_t h[DIGEST_SIZE];
};

static void release_statement(struct statement *st)
{
    number_ring_freep(&st->ring);
}

/* All but y and what depends on it. */
static bool begin_statement(struct statement *st, const uint8_t digest[static 32], struct ens_err *err)
{
    uint8_t block[SIGNATURE_SIZE];
    struct subsets s = subsets_of_quorum(st->q);
    unsigned which[QUORUM_SHARE_MAX];

    if (!number_ring_new(st->q->modulus, &st->ring, err))
        return false;
    rsa3072_encode(digest, block);
    st->x = number_of(st->ring, block, sizeof block);
    number_reduce(st->ring, st->x, st->x);
    st->square = number_new(st->ring);
    number_mod_multiply(st->ring, st->square, st->x, st->x);
    st->count = subsets_pieces(&s, st->holder, which);
    for (unsigned j = 0; j < st->count; j++) {
        st->w[j] = number_of(st->ring, st->q->values[which[j]], QUORUM_NUMBER);
        st->y[j] = number_new(st->ring);
        st->b[j] = number_new(st->ring);
    }
    return number_ok(st->ring, err);
}

/* ---- hashes ---- */

static bool hash_text(struct digest *d, const char *tag, struct ens_err *err)
{
    return digest_update(d, view_of(tag, strlen(tag) + 1), err);
}

static bool hash_number(struct digest *d, struct number_ring *ring, const struct number *a,
                        struct ens_err *err)
{
    uint8_t bytes[QUORUM_NUMBER];

    number_write(ring, a, bytes, sizeof bytes);
    return number_ok(ring, err) && digest_update(d, view_of(bytes, sizeof bytes), err);
}

/* h binds everything that is public; b follows from h. */
static bool finish_statement(struct statement *st, struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;
    const uint8_t numbers[] = {(uint8_t)st->q->holders, (uint8_t)st->q->threshold, (uint8_t)st->holder, 0,
                               (uint8_t)st->count};
    uint8_t bytes[WEIGHT];

    if (!digest_new(DIGEST_SHA256, &d, err) || !hash_text(d, "ensign-trsa-v1/statement", err) ||
        !digest_update(d, view_of(st->q->id, sizeof st->q->id), err) ||
        !digest_update(d, view_of(st->q->modulus, QUORUM_NUMBER), err) ||
        !hash_number(d, st->ring, number_v(st->ring), err) || !hash_number(d, st->ring, st->x, err) ||
        !digest_update(d, view_of(numbers, sizeof numbers), err))
        return false;
    for (unsigned j = 0; j < st->count; j++) {
        if (!hash_number(d, st->ring, st->w[j], err) || !hash_number(d, st->ring, st->y[j], err))
            return false;
    }
    if (!digest_final(d, st->h, err))
        return false;
    for (unsigned j = 0; j < st->count; j++) {
        const uint8_t place = (uint8_t)j;
        const struct view parts[] = {{st->h, sizeof st->h}, {&place, 1}};

        if (!xof_of("ensign-trsa-v1/batch", parts, 2, bytes, sizeof bytes, err))
            return false;
        number_read(st->ring, st->b[j], view_of(bytes, sizeof bytes));
    }
    return number_ok(st->ring, err);
}

static bool challenge(const struct statement *st, const struct number *t, const struct number *u,
                      uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;

    return digest_new(DIGEST_SHA256, &d, err) && hash_text(d, "ensign-trsa-v1/challenge", err) &&
           digest_update(d, view_of(st->h, sizeof st->h), err) && hash_number(d, st->ring, t, err) &&
           hash_number(d, st->ring, u, err) && digest_final(d, ret, err);
}

/* ---- making ---- */

/* y = (x v^t)^s (1 / w)^t: whoever measures the power does not know its base. */
static bool make_values(struct statement *st, struct number *const *s, const struct number_random *random,
                        struct secret *room, struct ens_err *err)
{
    struct number *blinded = number_new(st->ring);
    struct number *inverse = number_new(st->ring);

    if (!random->fill(random->ctx, (uint8_t *)room->data, BLIND, err))
        return false;
    const struct number *t = number_of(st->ring, (const uint8_t *)room->data, BLIND);

    number_exp_secret(st->ring, blinded, number_v(st->ring), t);
    number_mod_multiply(st->ring, blinded, blinded, st->x);
    for (unsigned j = 0; j < st->count; j++) {
        number_inverse(st->ring, inverse, st->w[j]);
        number_exp_secret(st->ring, inverse, inverse, t);
        number_exp_secret(st->ring, st->y[j], blinded, s[j]);
        number_mod_multiply(st->ring, st->y[j], st->y[j], inverse);
    }
    return number_ok(st->ring, err);
}

static bool make_nonce(const struct statement *st, const struct quorum_pieces *pieces,
                       const struct number_random *random, struct secret *room, struct number **ret,
                       struct ens_err *err)
{
    uint8_t *fresh = (uint8_t *)room->data;
    uint8_t *nonce = fresh + FRESH;
    const struct view parts[] = {
        {st->h, sizeof st->h}, view_of(pieces->bytes.data, pieces->bytes.len), {fresh, FRESH}};

    if (!random->fill(random->ctx, fresh, FRESH, err) ||
        !xof_of("ensign-trsa-v1/nonce", parts, 3, nonce, NONCE, err))
        return false;
    *ret = number_of(st->ring, nonce, NONCE);
    return true;
}

/* z = k + c * sum b s, over the integers. */
static bool make_proof(struct statement *st, struct number *const *s, struct number *k,
                       struct quorum_partial *ret, struct ens_err *err)
{
    struct number *t = number_new(st->ring);
    struct number *u = number_new(st->ring);
    struct number *sum = number_new(st->ring);
    struct number *term = number_new(st->ring);

    number_exp_secret(st->ring, t, number_v(st->ring), k);
    number_exp_secret(st->ring, u, st->square, k);
    if (!challenge(st, t, u, ret->proof.c, err))
        return false;
    for (unsigned j = 0; j < st->count; j++) {
        number_multiply(st->ring, term, s[j], st->b[j]);
        number_add(st->ring, sum, sum, term);
    }
    number_multiply(st->ring, sum, sum, number_of(st->ring, ret->proof.c, sizeof ret->proof.c));
    number_add(st->ring, k, k, sum);
    number_write(st->ring, k, ret->proof.z, sizeof ret->proof.z);
    return number_ok(st->ring, err);
}

static bool make_partial(struct statement *st, const struct quorum_pieces *pieces,
                         const struct number_random *random, struct quorum_partial *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret room = {0};
    struct number *s[QUORUM_SHARE_MAX] = {0};
    struct number *k = NULL;

    if (pieces->count != st->count)
        return ens_fail(err, ENS_BUG, "partial: a holder of %u pieces gives %u", st->count, pieces->count);
    for (unsigned j = 0; j < st->count; j++)
        s[j] =
            number_of(st->ring, (const uint8_t *)pieces->bytes.data + (size_t)j * QUORUM_PIECE, QUORUM_PIECE);
    if (!secret_alloc(&room, err) || !make_values(st, s, random, &room, err))
        return false;
    for (unsigned j = 0; j < st->count; j++)
        number_write(st->ring, st->y[j], ret->values[j], QUORUM_NUMBER);
    return finish_statement(st, err) && make_nonce(st, pieces, random, &room, &k, err) &&
           make_proof(st, s, k, ret, err);
}

bool prove_partial(const struct quorum_public *q, unsigned holder, const struct quorum_pieces *pieces,
                   const uint8_t digest[static 32], const struct number_random *random,
                   struct quorum_partial *ret, struct ens_err *err)
{
    ENS_CLEANUP(release_statement) struct statement st = {.q = q, .holder = holder};
    enum quorum_verdict verdict = QUORUM_BAD_PROOF;

    memcpy(ret->quorum, q->id, sizeof ret->quorum);
    memcpy(ret->mrsigner, q->mrsigner, sizeof ret->mrsigner);
    memcpy(ret->digest, digest, sizeof ret->digest);
    ret->holder = holder;
    ret->count = quorum_pieces_of_one(q);
    if (!begin_statement(&st, digest, err) || !make_partial(&st, pieces, random, ret, err) ||
        !prove_verify(q, ret, digest, &verdict, err))
        return false;
    return verdict == QUORUM_OK ||
           ens_fail(err, ENS_BUG, "partial: its own proof does not hold: this machine cannot be trusted");
}

/* ---- verifying ---- */

/* z is below 2^3745. */
static bool is_in_range(const uint8_t z[static QUORUM_Z])
{
    return z[0] == 0 && z[1] == 0 && z[2] == 0 && z[3] <= 1;
}

/* base^z * (prod a^b)^-c. */
static void recompute(const struct statement *st, const struct number *base, const struct number *z,
                      struct number *const *a, bool squared, const struct number *c, struct number *ret)
{
    struct number *product = number_shifted(st->ring, 1, 0);
    struct number *power = number_new(st->ring);

    for (unsigned j = 0; j < st->count; j++) {
        number_exp_public(st->ring, power, a[j], st->b[j]);
        number_mod_multiply(st->ring, product, product, power);
    }
    if (squared)
        number_mod_multiply(st->ring, product, product, product);
    number_exp_public(st->ring, product, product, c);
    number_inverse(st->ring, product, product);
    number_exp_public(st->ring, ret, base, z);
    number_mod_multiply(st->ring, ret, ret, product);
}

static bool proof_holds(struct statement *st, const struct quorum_partial *partial, bool *ret,
                        struct ens_err *err)
{
    uint8_t c[DIGEST_SIZE];
    struct number *t = number_new(st->ring);
    struct number *u = number_new(st->ring);
    const struct number *z = number_of(st->ring, partial->proof.z, sizeof partial->proof.z);
    const struct number *claimed = number_of(st->ring, partial->proof.c, sizeof partial->proof.c);

    if (!finish_statement(st, err))
        return false;
    recompute(st, number_v(st->ring), z, st->w, false, claimed, t);
    recompute(st, st->square, z, st->y, true, claimed, u);
    if (!challenge(st, t, u, c, err))
        return false;
    *ret = memcmp(c, partial->proof.c, sizeof c) == 0;
    return true;
}

/* Reads the values; `*ret` false: one is out of range. */
static bool read_values(struct statement *st, const struct quorum_partial *partial, bool *ret,
                        struct ens_err *err)
{
    struct number *product = number_new(st->ring);
    struct ens_err why = {0};

    *ret = check_units(st->ring, st->q, partial->values, st->count, "values", product, &why);
    if (!*ret && why.code != ENS_DATA) {
        *err = why;
        return false;
    }
    for (unsigned j = 0; j < st->count; j++)
        number_read(st->ring, st->y[j], view_of(partial->values[j], QUORUM_NUMBER));
    return number_ok(st->ring, err);
}

bool prove_verify(const struct quorum_public *q, const struct quorum_partial *partial,
                  const uint8_t digest[static 32], enum quorum_verdict *ret, struct ens_err *err)
{
    ENS_CLEANUP(release_statement) struct statement st = {.q = q, .holder = partial->holder};
    enum quorum_verdict verdict = QUORUM_OK;
    bool holds = false;

    if (memcmp(partial->quorum, q->id, QUORUM_ID) != 0 ||
        memcmp(partial->mrsigner, q->mrsigner, MRSIGNER_SIZE) != 0)
        verdict = QUORUM_OTHER_QUORUM;
    else if (partial->holder < 1 || partial->holder > q->holders || partial->count != quorum_pieces_of_one(q))
        verdict = QUORUM_MALFORMED;
    else if (memcmp(partial->digest, digest, sizeof partial->digest) != 0)
        verdict = QUORUM_OTHER_SIGN_DATA;
    else if (!is_in_range(partial->proof.z))
        verdict = QUORUM_RANGE;
    if (verdict == QUORUM_OK) {
        if (!begin_statement(&st, digest, err) || !read_values(&st, partial, &holds, err))
            return false;
        if (!holds)
            verdict = QUORUM_RANGE;
        else if (!proof_holds(&st, partial, &holds, err))
            return false;
        else if (!holds)
            verdict = QUORUM_BAD_PROOF;
    }
    *ret = verdict;
    return true;
}
