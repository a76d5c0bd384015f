/* RSA-3072 in plain integers: published and generated vectors, the arithmetic against its definition, and
 * every kind of forgery that a verifier of exponent 3 must refuse. */
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/sigstruct.h"
#include "signer/sgx/verify.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

static const uint8_t info[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

static struct testkey key;
static uint8_t digest[32];

static int set_up(void **state)
{
    (void)state;
    key = testkey_load();
    for (unsigned i = 0; i < sizeof digest; i++)
        digest[i] = (uint8_t)(0xa0 + i);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testkey_free(&key);
    return 0;
}

static bool verifies(const struct pubkey *pub, const uint8_t hash[32],
                     const uint8_t signature[SIGNATURE_SIZE])
{
    bool ok = false;
    struct ens_err err = {0};

    assert_ok(rsa3072_verify(pub, hash, signature, &ok, &err), err);
    return ok;
}

/* Signature, Q1 and Q2 of a SIGSTRUCT, big-endian. */
struct numbers {
    struct sigstruct css;
    struct pubkey key;
    uint8_t digest[32], signature[384], q1[384], q2[384];
};

static struct numbers numbers_of(struct view file)
{
    struct numbers n;
    struct ens_err err = {0};

    assert_int_equal(file.len, SIGSTRUCT_SIZE);
    memcpy(n.css.bytes, file.data, SIGSTRUCT_SIZE);
    verify_key_of(&n.css, &n.key);
    bytes_reverse(n.signature, n.css.bytes + 516, 384);
    bytes_reverse(n.q1, n.css.bytes + 1040, 384);
    bytes_reverse(n.q2, n.css.bytes + 1424, 384);
    assert_ok(signdata_digest(&n.css, n.digest, &err), err);
    return n;
}

static void assert_quotients(const struct numbers *n)
{
    uint8_t q1[384];
    uint8_t q2[384];
    bool fit = false;
    struct ens_err err = {0};

    assert_ok(rsa3072_q1q2(&n->key, n->signature, q1, q2, &fit, &err), err);
    assert_true(fit);
    assert_memory_equal(q1, n->q1, 384);
    assert_memory_equal(q2, n->q2, 384);
}

/* ---- vectors ---- */

static void the_block_is_the_one_of_rfc_8017(void **state)
{
    uint8_t want[384];
    uint8_t got[384];

    (void)state;
    memset(want, 0xff, sizeof want);
    want[0] = 0;
    want[1] = 1;
    want[2 + 330] = 0;
    memcpy(want + 333, info, 19);
    memcpy(want + 352, digest, 32);
    rsa3072_encode(digest, got);
    assert_memory_equal(got, want, 384);
}

static void the_published_signature_and_quotients_hold(void **state)
{
    ENS_CLEANUP(buf_free) struct buf data = support_shared("keys/sig1.data.bin");
    ENS_CLEANUP(buf_free) struct buf n = support_shared("keys/sig1.key_n.bin");
    ENS_CLEANUP(buf_free) struct buf sig = support_shared("keys/sig1.sig.bin");
    ENS_CLEANUP(buf_free) struct buf q1 = support_shared("keys/sig1.q1.bin");
    ENS_CLEANUP(buf_free) struct buf q2 = support_shared("keys/sig1.q2.bin");
    struct numbers v;

    (void)state;
    if (data.len == 0 || n.len == 0 || sig.len == 0 || q1.len == 0 || q2.len == 0)
        support_skip("shared data is not here");
    assert_int_equal(data.len, 32);
    assert_true(n.len == 384 && sig.len == 384 && q1.len == 384 && q2.len == 384);
    bytes_reverse(v.key.modulus, n.data, 384);
    bytes_reverse(v.signature, sig.data, 384);
    bytes_reverse(v.q1, q1.data, 384);
    bytes_reverse(v.q2, q2.data, 384);
    assert_quotients(&v);
    assert_true(verifies(&v.key, data.data, v.signature));
    data.data[0] ^= 1;
    assert_false(verifies(&v.key, data.data, v.signature));
}

static void the_published_key_is_a_known_one(void **state)
{
    ENS_CLEANUP(buf_free) struct buf n = support_shared("keys/sig1.key_n.bin");
    struct pubkey pub;
    uint8_t mrsigner[32];
    uint8_t want[32];
    struct ens_err err = {0};

    (void)state;
    if (n.len == 0)
        support_skip("shared data is not here");
    bytes_reverse(pub.modulus, n.data, 384);
    assert_ok(rsa3072_mrsigner(&pub, mrsigner, &err), err);
    assert_memory_equal(mrsigner, "\x83\xd7\x19\xe7", 4);
    assert_memory_equal(mrsigner + 30, "\xce\x9e", 2);
    assert_ok(digest_of(DIGEST_SHA256, buf_view(&n), want, &err), err);
    assert_memory_equal(mrsigner, want, 32);
    assert_non_null(known_key_owner(mrsigner));
}

static void the_golden_sigstruct_is_finished_byte_for_byte(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_shared("keys/sig1.sigstruct.bin");
    struct signdata data;
    struct sigstruct again;
    uint8_t q1[384];
    uint8_t q2[384];
    bool fit = false;
    char hex[65];
    struct ens_err err = {0};

    (void)state;
    if (file.len == 0)
        support_skip("shared data is not here");
    struct numbers n = numbers_of(buf_view(&file));

    hex_encode(hex, view_of(n.digest, 32));
    assert_string_equal(hex, "ea7ced3b8c78324bce65ad851152a125fd1989df324dc72b244ed5f44573ac95");
    assert_true(verifies(&n.key, n.digest, n.signature));
    signdata_extract(&n.css, &data);
    assert_ok(signdata_parse(view_of(data.bytes, 256), "sig1", &again, &err), err);
    assert_ok(rsa3072_q1q2(&n.key, n.signature, q1, q2, &fit, &err), err);
    sigstruct_finish(&again, &n.key, n.signature, q1, q2);
    assert_memory_equal(again.bytes, file.data, SIGSTRUCT_SIZE);
}

static void the_published_enclave_verifies(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_shared("enclaves/test_enclave.sig");
    uint8_t mrsigner[32];
    struct ens_err err = {0};

    (void)state;
    if (file.len == 0)
        support_skip("shared data is not here");
    struct numbers n = numbers_of(buf_view(&file));

    assert_true(verifies(&n.key, n.digest, n.signature));
    assert_quotients(&n);
    assert_ok(rsa3072_mrsigner(&n.key, mrsigner, &err), err);
    assert_memory_equal(mrsigner, "\xfb\x4b\xab\x3d", 4);
    assert_memory_equal(mrsigner + 30, "\x55\x42", 2);
}

static void quotients_with_a_zero_top_byte_are_padded_at_the_top(void **state)
{
    static const struct {
        const char *name;
        size_t offset; /* of the number whose top byte is zero, in struct numbers */
    } vectors[] = {
        {"sigstruct/short-q1.sig", offsetof(struct numbers, q1)},
        {"sigstruct/short-q2.sig", offsetof(struct numbers, q2)},
        {"sigstruct/short-signature.sig", offsetof(struct numbers, signature)},
        {"sigstruct/good.sig", SIZE_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf file = support_vector(vectors[i].name);
        struct numbers n = numbers_of(buf_view(&file));

        if (vectors[i].offset != SIZE_MAX)
            assert_int_equal(((const uint8_t *)&n)[vectors[i].offset], 0);
        assert_memory_equal(n.key.modulus, key.pub.modulus, 384);
        assert_quotients(&n);
        assert_true(verifies(&n.key, n.digest, n.signature));
    }
}

static void deterministic_signatures_agree_with_the_vectors(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_vector("sigstruct/good.sig");
    struct numbers n = numbers_of(buf_view(&file));
    uint8_t signature[384];

    (void)state;
    testkey_sign_digest(&key, n.digest, signature);
    assert_memory_equal(signature, n.signature, 384);
}

/* ---- arithmetic ---- */

/* a * n + r == s * t and r < n, with r computed here. */
static void assert_division(const BIGNUM *s, const BIGNUM *t, const uint8_t a[384], BIGNUM *ret_rest,
                            BN_CTX *ctx)
{
    BIGNUM *product = BN_new();
    BIGNUM *back = BN_bin2bn(a, 384, NULL);

    assert_int_equal(BN_mul(product, s, t, ctx), 1);
    assert_int_equal(BN_mul(back, back, key.n, ctx), 1);
    assert_int_equal(BN_sub(ret_rest, product, back), 1);
    assert_false(BN_is_negative(ret_rest));
    assert_true(BN_cmp(ret_rest, key.n) < 0);
    BN_free(product);
    BN_free(back);
}

static void the_quotients_are_what_the_sdm_defines(void **state)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *rest = BN_new();
    BIGNUM *cube = BN_new();
    struct ens_err err = {0};

    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        uint8_t s_bytes[384] = {0};
        uint8_t block[384];
        uint8_t q1[384];
        uint8_t q2[384];
        bool fit = false;

        /* 0, 1, 2, then numbers of every size below n. */
        if (round < 3)
            s_bytes[383] = (uint8_t)round;
        else
            for (size_t i = 384 - round * 9; i < 384; i++)
                s_bytes[i] = (uint8_t)(i * 37 + round * 101 + 1);
        BIGNUM *s = BN_bin2bn(s_bytes, 384, NULL);

        assert_true(BN_cmp(s, key.n) < 0);
        assert_ok(rsa3072_q1q2(&key.pub, s_bytes, q1, q2, &fit, &err), err);
        assert_true(fit);
        assert_division(s, s, q1, rest, ctx);
        assert_int_equal(BN_copy(cube, rest) != NULL, 1);
        assert_division(s, cube, q2, rest, ctx);
        /* What is left is s^3 mod n. */
        assert_int_equal(BN_bn2binpad(rest, s_bytes, 384), 384);
        assert_int_equal(BN_bn2binpad(s, q1, 384), 384);
        assert_ok(rsa3072_recover(&key.pub, q1, block, &err), err);
        assert_memory_equal(block, s_bytes, 384);
        BN_free(s);
    }
    BN_free(rest);
    BN_free(cube);
    BN_CTX_free(ctx);
}

static void quotients_that_do_not_fit_are_zero(void **state)
{
    struct pubkey small = {.modulus = {0x80}};
    uint8_t s[384];
    uint8_t q1[384];
    uint8_t q2[384];
    bool fit = true;
    struct ens_err err = {0};

    (void)state;
    small.modulus[383] = 1;
    memset(s, 0xff, sizeof s);
    memset(q1, 0x55, sizeof q1);
    memset(q2, 0x55, sizeof q2);
    assert_ok(rsa3072_q1q2(&small, s, q1, q2, &fit, &err), err);
    assert_false(fit);
    assert_true(view_is_zero(view_of(q1, 384)) && view_is_zero(view_of(q2, 384)));
}

static void a_modulus_of_zero_is_an_error_and_no_crash(void **state)
{
    static const struct pubkey zero;
    uint8_t s[384] = {1};
    uint8_t out[384];
    bool flag = false;
    struct ens_err err;

    (void)state;
    assert_fails(rsa3072_recover(&zero, s, out, &err), err, ENS_RESOURCE, "cannot compute");
    assert_fails(rsa3072_verify(&zero, digest, s, &flag, &err), err, ENS_RESOURCE, "cannot compute");
    assert_fails(rsa3072_q1q2(&zero, s, out, out, &flag, &err), err, ENS_RESOURCE, "cannot compute");
    assert_false(flag);
}

static void mrsigner_is_the_digest_of_the_little_endian_modulus(void **state)
{
    uint8_t reversed[384];
    uint8_t want[32];
    uint8_t got[32];
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < 384; i++)
        reversed[i] = key.pub.modulus[383 - i];
    assert_ok(digest_of(DIGEST_SHA256, view_of(reversed, 384), want, &err), err);
    assert_ok(rsa3072_mrsigner(&key.pub, got, &err), err);
    assert_memory_equal(got, want, 32);
    assert_null(known_key_owner(got));
}

/* ---- what must not verify ---- */

static void a_good_signature_verifies_and_its_neighbours_do_not(void **state)
{
    uint8_t s[384];

    (void)state;
    testkey_sign_digest(&key, digest, s);
    assert_true(verifies(&key.pub, digest, s));
    for (size_t bit = 0; bit < 256; bit++) {
        digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(verifies(&key.pub, digest, s));
        digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 3072; bit += 61) {
        s[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(verifies(&key.pub, digest, s));
        s[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(verifies(&key.pub, digest, s));
}

static void the_simplest_numbers_are_no_signatures(void **state)
{
    uint8_t s[384] = {0};

    (void)state;
    assert_false(verifies(&key.pub, digest, s));
    s[383] = 1;
    assert_false(verifies(&key.pub, digest, s));
    memcpy(s, key.pub.modulus, 384);
    assert_false(verifies(&key.pub, digest, s));
    s[383] -= 1;
    assert_false(verifies(&key.pub, digest, s));
    memset(s, 0xff, 384);
    assert_false(verifies(&key.pub, digest, s));
}

static void a_signature_above_the_modulus_is_refused(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_vector("sigstruct/sig-plus-n.sig");
    struct numbers n = numbers_of(buf_view(&file));
    uint8_t block[384];
    uint8_t want[384];
    BIGNUM *s = BN_bin2bn(n.signature, 384, NULL);
    struct ens_err err = {0};

    (void)state;
    /* Its cube is right, which is what makes it dangerous. */
    assert_ok(rsa3072_recover(&n.key, n.signature, block, &err), err);
    rsa3072_encode(n.digest, want);
    assert_memory_equal(block, want, 384);
    assert_false(verifies(&n.key, n.digest, n.signature));
    assert_int_equal(BN_sub(s, s, key.n), 1);
    assert_int_equal(BN_bn2binpad(s, n.signature, 384), 384);
    assert_true(verifies(&n.key, n.digest, n.signature));
    BN_free(s);
}

/* floor of the cube root, by bisection. */
static BIGNUM *cube_root(const BIGNUM *x, BN_CTX *ctx)
{
    BIGNUM *root = BN_new();
    BIGNUM *cube = BN_new();

    BN_zero(root);
    for (int bit = BN_num_bits(x) / 3 + 1; bit >= 0; bit--) {
        assert_int_equal(BN_set_bit(root, bit), 1);
        assert_int_equal(BN_sqr(cube, root, ctx) == 1 && BN_mul(cube, cube, root, ctx) == 1, 1);
        if (BN_cmp(cube, x) > 0)
            assert_int_equal(BN_clear_bit(root, bit), 1);
    }
    BN_free(cube);
    return root;
}

/* A verifier that reads the block from its beginning and does not look at what follows the digest. */
static bool lenient_verifier_accepts(const uint8_t block[384], const uint8_t hash[32])
{
    size_t at = 2;

    if (block[0] != 0 || block[1] != 1)
        return false;
    while (at < 384 && block[at] == 0xff)
        at++;
    return at >= 10 && at + 52 <= 384 && block[at] == 0 && memcmp(block + at + 1, info, 19) == 0 &&
           memcmp(block + at + 20, hash, 32) == 0;
}

/* Bleichenbacher, 2006: with e = 3, a number whose cube begins with a short padding, the DigestInfo and the
 * digest is found without any key; the rest of the cube is what it happens to be. */
static void a_cube_root_forgery_is_refused(void **state)
{
    static const size_t paddings[] = {8, 16, 48, 70};
    BN_CTX *ctx = BN_CTX_new();
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof paddings / sizeof paddings[0]; i++) {
        uint8_t target[384];
        uint8_t s[384];
        uint8_t block[384];

        memset(target, 0xff, sizeof target);
        target[0] = 0;
        target[1] = 1;
        target[2 + paddings[i]] = 0;
        memcpy(target + 3 + paddings[i], info, 19);
        memcpy(target + 22 + paddings[i], digest, 32);
        BIGNUM *x = BN_bin2bn(target, 384, NULL);
        BIGNUM *root = cube_root(x, ctx);

        assert_int_equal(BN_bn2binpad(root, s, 384), 384);
        assert_ok(rsa3072_recover(&key.pub, s, block, &err), err);
        assert_true(lenient_verifier_accepts(block, digest));
        assert_false(verifies(&key.pub, digest, s));
        BN_free(x);
        BN_free(root);
    }
    BN_CTX_free(ctx);
}

static void blocks_that_are_almost_right_are_refused(void **state)
{
    /* DigestInfo without the NULL of its parameters: RFC 8017 has readers accept it, the CPU does not. */
    static const uint8_t bare_info[17] = {0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
                                          0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20};
    uint8_t right[384];
    uint8_t payload[64];
    uint8_t s[384];

    (void)state;
    rsa3072_encode(digest, right);
    testkey_sign_block(&key, right, s);
    assert_true(verifies(&key.pub, digest, s));
    for (size_t at = 0; at < 352; at += at < 4 || at > 328 ? 1 : 27) {
        uint8_t block[384];

        memcpy(block, right, 384);
        block[at] ^= 1;
        if (at == 0)
            continue; /* would be above the modulus */
        testkey_sign_block(&key, block, s);
        assert_false(verifies(&key.pub, digest, s));
    }
    memcpy(payload, bare_info, 17);
    memcpy(payload + 17, digest, 32);
    testkey_sign_payload(&key, payload, 49, s);
    assert_false(verifies(&key.pub, digest, s));
    testkey_sign_payload(&key, digest, 32, s);
    assert_false(verifies(&key.pub, digest, s));
    /* The same with the padding cut and garbage at the end, signed by the key itself. */
    memcpy(right, "\0\1\xff\xff\xff\xff\xff\xff\xff\xff\0", 11);
    memcpy(right + 11, info, 19);
    memcpy(right + 30, digest, 32);
    testkey_sign_block(&key, right, s);
    assert_true(lenient_verifier_accepts(right, digest));
    assert_false(verifies(&key.pub, digest, s));
    /* Block type 2. */
    rsa3072_encode(digest, right);
    right[1] = 2;
    testkey_sign_block(&key, right, s);
    assert_false(verifies(&key.pub, digest, s));
}

static void another_key_does_not_verify(void **state)
{
    struct pubkey other = key.pub;
    uint8_t s[384];

    (void)state;
    testkey_sign_digest(&key, digest, s);
    other.modulus[383] ^= 2;
    assert_false(verifies(&other, digest, s));
    other = key.pub;
    other.modulus[0] ^= 1;
    assert_false(verifies(&other, digest, s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_block_is_the_one_of_rfc_8017),
        cmocka_unit_test(the_published_signature_and_quotients_hold),
        cmocka_unit_test(the_published_key_is_a_known_one),
        cmocka_unit_test(the_golden_sigstruct_is_finished_byte_for_byte),
        cmocka_unit_test(the_published_enclave_verifies),
        cmocka_unit_test(quotients_with_a_zero_top_byte_are_padded_at_the_top),
        cmocka_unit_test(deterministic_signatures_agree_with_the_vectors),
        cmocka_unit_test(the_quotients_are_what_the_sdm_defines),
        cmocka_unit_test(quotients_that_do_not_fit_are_zero),
        cmocka_unit_test(a_modulus_of_zero_is_an_error_and_no_crash),
        cmocka_unit_test(mrsigner_is_the_digest_of_the_little_endian_modulus),
        cmocka_unit_test(a_good_signature_verifies_and_its_neighbours_do_not),
        cmocka_unit_test(the_simplest_numbers_are_no_signatures),
        cmocka_unit_test(a_signature_above_the_modulus_is_refused),
        cmocka_unit_test(a_cube_root_forgery_is_refused),
        cmocka_unit_test(blocks_that_are_almost_right_are_refused),
        cmocka_unit_test(another_key_does_not_verify),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
