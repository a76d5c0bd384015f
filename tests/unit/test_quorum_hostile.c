/* Partials, public files, shares, repairs and deltas that lie, in full size: each is refused for its own reason. */
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/quorum/check.h"
#include "signer/quorum/combine.h"
#include "signer/quorum/deal.h"
#include "signer/quorum/prove.h"
#include "signer/quorum/refresh.h"
#include "tests/support/quorum.h"

#define TESTKEY "tests/vectors/keys/testkey.pem"

static struct dealt *d;
static struct quorum_partial *good, *bad; /* of holder 1; what a test changes */
static struct quorum_pieces pieces;       /* of holder 1 */
static struct quorum_public *lie;         /* a public file that a test changes */
static struct secret primes;

static int set_up(void **state)
{
    (void)state;
    primes = quorum_real_primes(TESTKEY);
    d = quorum_dealt(quorum_real_primes(TESTKEY), 2, 3, "hostile");
    good = quorum_partial_of(d, 1);
    pieces = quorum_pieces_of(d, 1);
    bad = calloc(1, sizeof *bad);
    lie = calloc(1, sizeof *lie);
    return bad == NULL || lie == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    secret_wipe(&primes);
    secret_wipe(&pieces.bytes);
    free(good);
    free(bad);
    free(lie);
    quorum_dealt_free(d);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    *bad = *good;
    *lie = d->q;
    return 0;
}

static void assert_verdict(enum quorum_verdict want)
{
    enum quorum_verdict got = QUORUM_MALFORMED;
    struct ens_err err = {0};

    assert_ok(prove_verify(&d->q, bad, d->digest, &got, &err), err);
    assert_int_equal(got, want);
}

/* What other numbers the values are: as `modulus` is, big-endian. */
static void negate(uint8_t *value)
{
    int borrow = 0;

    for (size_t i = QUORUM_NUMBER; i-- > 0;) {
        int byte = d->q.modulus[i] - value[i] - borrow;

        borrow = byte < 0;
        value[i] = (uint8_t)(byte & 0xff);
    }
}

static void an_honest_partial_is_good(void **state)
{
    (void)state;
    assert_verdict(QUORUM_OK);
}

static void values_out_of_range(void **state)
{
    uint8_t *value = bad->values[1];

    (void)state;
    memset(value, 0, QUORUM_NUMBER);
    assert_verdict(QUORUM_RANGE);
    memcpy(value, d->q.modulus, QUORUM_NUMBER);
    assert_verdict(QUORUM_RANGE);
    memset(value, 0xff, QUORUM_NUMBER);
    assert_verdict(QUORUM_RANGE);
    /* A factor of n. */
    memset(value, 0, QUORUM_NUMBER);
    memcpy(value + NUMBER_PRIME, primes.data, NUMBER_PRIME);
    assert_verdict(QUORUM_RANGE);
    *bad = *good;
    bad->proof.z[3] = 2;
    assert_verdict(QUORUM_RANGE);
    bad->proof.z[3] = 0;
    bad->proof.z[0] = 1;
    assert_verdict(QUORUM_RANGE);
}

static void values_that_are_others(void **state)
{
    (void)state;
    memset(bad->values[0], 0, QUORUM_NUMBER);
    bad->values[0][QUORUM_NUMBER - 1] = 1;
    assert_verdict(QUORUM_BAD_PROOF);
    negate(bad->values[0]);
    assert_verdict(QUORUM_BAD_PROOF);
    *bad = *good;
    negate(bad->values[0]);
    assert_verdict(QUORUM_BAD_PROOF);
    *bad = *good;
    memcpy(bad->values[0], good->values[1], QUORUM_NUMBER);
    memcpy(bad->values[1], good->values[0], QUORUM_NUMBER);
    assert_verdict(QUORUM_BAD_PROOF);
    *bad = *good;
    bad->holder = 2;
    assert_verdict(QUORUM_BAD_PROOF);
}

/* Two wrong values whose product is right: a batch without weights would pass. */
static void values_that_cancel(void **state)
{
    ENS_CLEANUP(number_ring_freep) struct number_ring *ring = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(number_ring_new(d->q.modulus, &ring, &err), err);
    struct number *f = number_shifted(ring, 5, 0);
    struct number *inverse = number_new(ring);
    struct number *y = number_of(ring, good->values[0], QUORUM_NUMBER);

    number_inverse(ring, inverse, f);
    number_mod_multiply(ring, y, y, f);
    number_write(ring, y, bad->values[0], QUORUM_NUMBER);
    number_read(ring, y, view_of(good->values[1], QUORUM_NUMBER));
    number_mod_multiply(ring, y, y, inverse);
    number_write(ring, y, bad->values[1], QUORUM_NUMBER);
    assert_ok(number_ok(ring, &err), err);
    assert_verdict(QUORUM_BAD_PROOF);
}

static void a_proof_that_was_changed(void **state)
{
    (void)state;
    bad->proof.c[31] ^= 1;
    assert_verdict(QUORUM_BAD_PROOF);
    *bad = *good;
    bad->proof.z[QUORUM_Z - 1] ^= 1;
    assert_verdict(QUORUM_BAD_PROOF);
    *bad = *good;
    memset(&bad->proof, 0, sizeof bad->proof);
    assert_verdict(QUORUM_BAD_PROOF);
}

static void a_partial_of_something_else(void **state)
{
    struct dealt *other = quorum_dealt(quorum_real_primes(TESTKEY), 2, 3, "another deal of the key");
    struct quorum_partial *theirs = quorum_partial_of(other, 1);

    (void)state;
    *bad = *theirs;
    assert_verdict(QUORUM_OTHER_QUORUM);
    memcpy(bad->quorum, d->q.id, sizeof bad->quorum);
    assert_verdict(QUORUM_BAD_PROOF);
    *bad = *good;
    bad->mrsigner[0] ^= 1;
    assert_verdict(QUORUM_OTHER_QUORUM);
    *bad = *good;
    bad->digest[0] ^= 1;
    assert_verdict(QUORUM_OTHER_SIGN_DATA);
    /* Relabelled: over another digest, and says this one. */
    d->digest[0] ^= 1;
    assert_verdict(QUORUM_BAD_PROOF);
    d->digest[0] ^= 1;
    *bad = *good;
    bad->count--;
    assert_verdict(QUORUM_MALFORMED);
    bad->count++;
    bad->holder = 0;
    assert_verdict(QUORUM_MALFORMED);
    bad->holder = 4;
    assert_verdict(QUORUM_MALFORMED);
    free(theirs);
    quorum_dealt_free(other);
}

/* A machine that computes wrongly, or a share whose pieces were not checked: nothing is released. */
static void a_wrong_piece_gives_no_partial(void **state)
{
    struct ens_err err = {0};

    (void)state;
    pieces.bytes.data[500] ^= 1;
    assert_fails(prove_partial(&d->q, 1, &pieces, d->digest, &d->random, bad, &err), err, ENS_BUG,
                 "its own proof does not hold");
    pieces.bytes.data[500] ^= 1;
}

/* Values that somebody who knows the primes could have proven: no signature, and it is said that one was expected. */
static void wrong_values_give_no_signature(void **state)
{
    struct quorum_partial *second = quorum_partial_of(d, 2);
    const struct quorum_partial *set[] = {bad, second};
    struct combine_result result = {0};
    struct combine_result honest = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(combine_partials(&d->q, set, 2, d->digest, &honest, &err), err);
    assert_int_equal(honest.holders, 3);
    bad->values[0][100] ^= 1;
    assert_ok(combine_partials(&d->q, set, 2, d->digest, &result, &err), err);
    assert_int_equal(result.holders, 0);
    assert_true(result.is_complete);
    /* -y with its proof holds, and is no harm: the signature comes from the second form. */
    *bad = *good;
    negate(bad->values[0]);
    assert_ok(combine_partials(&d->q, set, 2, d->digest, &result, &err), err);
    assert_int_equal(result.holders, 3);
    assert_memory_equal(result.signature, honest.signature, sizeof honest.signature);
    /* The first file of a holder counts. */
    const struct quorum_partial *three[] = {second, good, bad};

    bad->values[0][100] ^= 1;
    assert_ok(combine_partials(&d->q, three, 3, d->digest, &result, &err), err);
    assert_int_equal(result.holders, 3);
    three[1] = bad;
    three[2] = good;
    assert_ok(combine_partials(&d->q, three, 3, d->digest, &result, &err), err);
    assert_int_equal(result.holders, 0);
    free(second);
}

static void public_files_that_lie(void **state)
{
    static const char *const modulus = "modulus: is not that";
    struct ens_err err = {0};

    (void)state;
    assert_ok(check_public(lie, &err), err);
    memset(lie->values[0], 0, QUORUM_NUMBER);
    assert_fails(check_public(lie, &err), err, ENS_DATA, "values: number 1 is out of range");
    *lie = d->q;
    memcpy(lie->values[2], lie->modulus, QUORUM_NUMBER);
    assert_fails(check_public(lie, &err), err, ENS_DATA, "values: number 3 is out of range");
    memset(lie->values[2], 0, QUORUM_NUMBER);
    memcpy(lie->values[2] + NUMBER_PRIME, primes.data, NUMBER_PRIME);
    assert_fails(check_public(lie, &err), err, ENS_DATA, "a factor in common");
    *lie = d->q;
    negate(lie->values[0]);
    assert_fails(check_public(lie, &err), err, ENS_DATA, "not those of this key");
    *lie = d->q;
    lie->values[0][383] ^= 4;
    assert_fails(check_public(lie, &err), err, ENS_DATA, "not those of this key");
    *lie = d->q;
    lie->epoch = 1;
    assert_fails(check_public(lie, &err), err, ENS_DATA, "not those of this key");
    *lie = d->q;
    lie->modulus[383] ^= 1;
    assert_fails(check_public(lie, &err), err, ENS_DATA, modulus);
    lie->modulus[383] ^= 1;
    lie->modulus[0] ^= 0x80;
    assert_fails(check_public(lie, &err), err, ENS_DATA, modulus);
    /* Both primes are 2 mod 3, so that 3 divides n + 2. */
    for (unsigned add = 2; add <= 4; add += 2) {
        *lie = d->q;
        assert_true(lie->modulus[383] <= 0xfb);
        lie->modulus[383] = (uint8_t)(lie->modulus[383] + add);
        assert_fails(check_public(lie, &err), err, ENS_DATA, add == 2 ? "modulus: is not that" : "");
    }
}

/* Values in another order pass everybody's check, and fail at a holder of one of the two. */
static void values_in_another_order(void **state)
{
    struct ens_err err = {0};

    (void)state;
    memcpy(lie->values[0], d->q.values[1], QUORUM_NUMBER);
    memcpy(lie->values[1], d->q.values[0], QUORUM_NUMBER);
    assert_ok(check_public(lie, &err), err);
    assert_fails(check_pieces(lie, 1, &pieces, &d->random, &err), err, ENS_DATA,
                 "piece 2: does not fit its public value");
}

/* The product of two values that both have the wrong sign is right, and so is every other product of random powers. */
static void values_of_the_wrong_sign(void **state)
{
    struct ens_err err = {0};

    (void)state;
    negate(lie->values[1]);
    negate(lie->values[2]);
    assert_ok(check_public(lie, &err), err);
    for (int i = 0; i < 8; i++)
        assert_fails(check_pieces(lie, 1, &pieces, &number_openssl, &err), err, ENS_DATA,
                     "piece 2: does not fit its public value");
}

static void shares_that_lie(void **state)
{
    uint8_t *bytes = (uint8_t *)pieces.bytes.data;
    uint8_t saved[2 * QUORUM_PIECE];
    struct ens_err err = {0};

    (void)state;
    assert_ok(check_pieces(&d->q, 1, &pieces, &d->random, &err), err);
    memcpy(saved, bytes, sizeof saved);
    bytes[sizeof saved - 1] ^= 1;
    assert_fails(check_pieces(&d->q, 1, &pieces, &d->random, &err), err, ENS_DATA,
                 "piece 3: does not fit its public value");
    memcpy(bytes, saved, sizeof saved);
    bytes[QUORUM_PIECE - QUORUM_NUMBER - 1] = 1; /* 2^3072 and more */
    assert_fails(check_pieces(&d->q, 1, &pieces, &d->random, &err), err, ENS_DATA,
                 "piece 2: is out of range");
    memset(bytes, 0, QUORUM_PIECE);
    assert_fails(check_pieces(&d->q, 1, &pieces, &d->random, &err), err, ENS_DATA,
                 "piece 2: is out of range");
    memcpy(bytes, saved + QUORUM_PIECE, QUORUM_PIECE);
    memcpy(bytes + QUORUM_PIECE, saved, QUORUM_PIECE);
    assert_fails(check_pieces(&d->q, 1, &pieces, &d->random, &err), err, ENS_DATA, "piece 2: does not fit");
    memcpy(bytes, saved, sizeof saved);
    /* Those of holder 1, where holder 2's are wanted; and one of two. */
    assert_fails(check_pieces(&d->q, 2, &pieces, &d->random, &err), err, ENS_DATA, "piece 1: does not fit");
    assert_fails(check_pieces(&d->q, 3, &pieces, &d->random, &err), err, ENS_DATA, "pieces: are 2: 1 belong");
}

static void deltas_that_lie(void **state)
{
    struct quorum_delta *delta = calloc(1, sizeof *delta);
    struct quorum_pieces his = {0};
    struct secret numbers = {0};
    struct ens_err err = {0};

    (void)state;
    assert_non_null(delta);
    *delta = (struct quorum_delta){.holder = 1, .holders = 3, .count = 3};
    assert_ok(refresh_draw(&d->q, &d->random, delta->commitments, &numbers, &err), err);
    assert_ok(deal_select(&d->q, 0, &numbers, 1, &his, &err), err);
    assert_ok(check_delta(&d->q, delta, &his, &d->random, &err), err);
    his.bytes.data[his.bytes.len - 1] ^= 1;
    assert_fails(check_delta(&d->q, delta, &his, &d->random, &err), err, ENS_DATA, "number 3: does not fit");
    his.bytes.data[0] = 1;
    assert_fails(check_delta(&d->q, delta, &his, &d->random, &err), err, ENS_DATA,
                 "number 2: is out of range");
    delta->count = 2;
    assert_fails(check_delta(&d->q, delta, &his, &d->random, &err), err, ENS_DATA, "commitments: are 2");
    delta->count = 3;
    negate(delta->commitments[0]);
    assert_fails(check_delta(&d->q, delta, &his, &d->random, &err), err, ENS_DATA, "would change the key");
    memset(delta->commitments[0], 0, QUORUM_NUMBER);
    assert_fails(check_delta(&d->q, delta, &his, &d->random, &err), err, ENS_DATA,
                 "commitments: number 1 is out of range");
    secret_wipe(&numbers);
    secret_wipe(&his.bytes);
    free(delta);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_honest_partial_is_good),
        TEST(values_out_of_range),
        TEST(values_that_are_others),
        TEST(values_that_cancel),
        TEST(a_proof_that_was_changed),
        TEST(a_partial_of_something_else),
        TEST(a_wrong_piece_gives_no_partial),
        TEST(wrong_values_give_no_signature),
        TEST(public_files_that_lie),
        TEST(values_in_another_order),
        TEST(values_of_the_wrong_sign),
        TEST(shares_that_lie),
        TEST(deltas_that_lie),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
