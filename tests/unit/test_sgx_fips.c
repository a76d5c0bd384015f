/* The second signature of Intel SDK files: what ensign makes is checked by OpenSSL, and what another program
 * made by ensign; neither survives a changed byte. */
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "tests/support/container.h"
#include "signer/base/digest.h"
#include "signer/sgx/rsa3072_sign.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

#define MODULUS_AT   0
#define EXPONENT_AT  384
#define SIGNATURE_AT 388

static struct sample {
    uint8_t sigstruct[SIGSTRUCT_SIZE];
    uint8_t block[FIPS_SIZE];
} samples[2];

/* Both blocks of metadata of a file that Intel's rules allow. */
static int set_up(void **state)
{
    struct container *c = NULL;
    struct ens_err err = {0};

    (void)state;
    if (!container_of_path("tests/vectors/containers/intel-3.3-1.5-fips.signed.so", &c, &err) ||
        container_sites_len(c) != 2)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        const struct site *site = container_site(c, i);

        memcpy(samples[i].sigstruct, site->css.bytes, sizeof samples[i].sigstruct);
        memcpy(samples[i].block, site->fips, sizeof samples[i].block);
        if (!site->has_fips)
            return -1;
    }
    container_closep(&c);
    return 0;
}

static struct view css_of(const struct sample *s)
{
    return view_of(s->sigstruct, sizeof s->sigstruct);
}

static bool verifies(const struct sample *s)
{
    bool ok = false;
    struct ens_err err = {0};

    assert_ok(rsa3072_fips_verify(css_of(s), s->block, &ok, &err), err);
    assert_int_equal(ERR_peek_error(), 0);
    return ok;
}

/* The public key as the block has it, read by OpenSSL alone. */
static EVP_PKEY *openssl_key(const uint8_t *block)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_lebin2bn(block + MODULUS_AT, 384, NULL);
    BIGNUM *e = BN_lebin2bn(block + EXPONENT_AT, 4, NULL);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;

    assert_true(build != NULL && n != NULL && e != NULL && ctx != NULL);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);

    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return key;
}

/* The same question to OpenSSL: RSASSA-PKCS1-v1_5 with SHA-256 over all of the SIGSTRUCT. */
static bool openssl_verifies(const struct sample *s)
{
    EVP_PKEY *key = openssl_key(s->block);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert_non_null(ctx);
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    int ok = EVP_DigestVerify(ctx, s->block + SIGNATURE_AT, 384, s->sigstruct, sizeof s->sigstruct);

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok == 1;
}

static void sign(struct sample *s)
{
    struct ens_err err = {0};

    memset(s->block, 0xee, sizeof s->block);
    assert_ok(rsa3072_fips_sign(css_of(s), s->block, &err), err);
}

/* ---- */

static void blocks_of_another_program_verify(void **state)
{
    struct sample own = samples[0];

    (void)state;
    sign(&own);
    for (size_t i = 0; i < 2; i++) {
        assert_true(verifies(&samples[i]));
        assert_true(openssl_verifies(&samples[i]));
        /* The key is another one: any will do. */
        assert_memory_not_equal(samples[i].block, own.block, 384);
    }
}

/* Flips one bit of the sample at a time: nothing verifies, and that is not an error. */
static void assert_no_byte_is_free(const struct sample *s, bool in_block, size_t step)
{
    size_t len = in_block ? sizeof s->block : sizeof s->sigstruct;

    for (size_t i = 0; i < len + step; i += step) {
        struct sample flipped = *s;
        size_t at = i < len ? i : len - 1;
        uint8_t *byte = in_block ? flipped.block + at : flipped.sigstruct + at;

        *byte ^= (uint8_t)(1u << at % 8);
        if (verifies(&flipped))
            fail_msg("byte %zu of the %s does not count", at, in_block ? "block" : "SIGSTRUCT");
    }
    assert_true(verifies(s));
}

static void a_flipped_byte_is_seen(void **state)
{
    (void)state;
    assert_no_byte_is_free(&samples[0], true, 1);
    assert_no_byte_is_free(&samples[1], true, 31);
    /* Also what the first signature does not cover: key, signature, Q1 and Q2. */
    assert_no_byte_is_free(&samples[0], false, 3);
}

static void what_is_made_verifies_by_openssl(void **state)
{
    struct sample s = samples[0];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        s.sigstruct[i * 200] ^= (uint8_t)(i + 1);
        assert_false(verifies(&s));
        assert_false(openssl_verifies(&s));
        sign(&s);
        assert_true(verifies(&s));
        assert_true(openssl_verifies(&s));
    }
    assert_no_byte_is_free(&s, true, 97);
}

/* Two runs give the same bytes; another SIGSTRUCT the same key, and another signature. */
static void the_same_sigstruct_gives_the_same_block(void **state)
{
    struct sample a = samples[0];
    struct sample b = samples[0];
    struct sample c = samples[0];

    (void)state;
    sign(&a);
    sign(&b);
    assert_memory_equal(a.block, b.block, sizeof a.block);
    c.sigstruct[20] ^= 1;
    sign(&c);
    assert_memory_equal(a.block, c.block, SIGNATURE_AT);
    assert_memory_not_equal(a.block + SIGNATURE_AT, c.block + SIGNATURE_AT, 384);
    assert_memory_equal(a.block + EXPONENT_AT, "\1\0\1\0", 4);
    assert_true((a.block[383] & 0x80) != 0);
}

static void all_bytes_of_the_sigstruct_are_signed(void **state)
{
    struct sample s = samples[0];
    bool ok = true;
    struct ens_err err = {0};

    (void)state;
    sign(&s);
    assert_ok(rsa3072_fips_verify(view_of(s.sigstruct, sizeof s.sigstruct - 1), s.block, &ok, &err), err);
    assert_false(ok);
    assert_ok(rsa3072_fips_verify(view_of(NULL, 0), s.block, &ok, &err), err);
    assert_false(ok);
    assert_ok(rsa3072_fips_verify(css_of(&s), s.block, &ok, &err), err);
    assert_true(ok);
}

/* A sound signature with e = 3, which Intel's loader does not know. */
static void another_exponent_is_refused(void **state)
{
    struct testkey key = testkey_load();
    struct sample s = samples[0];
    uint8_t digest[32];
    struct ens_err err = {0};

    (void)state;
    assert_ok(digest_of(DIGEST_SHA256, css_of(&s), digest, &err), err);
    bytes_reverse(s.block, key.pub.modulus, 384);
    bytes_put_le(s.block + EXPONENT_AT, 4, 3);
    testkey_sign_digest(&key, digest, s.block + SIGNATURE_AT);
    assert_true(openssl_verifies(&s));
    assert_false(verifies(&s));
    testkey_free(&key);
}

static void a_block_that_holds_no_key_is_refused(void **state)
{
    struct sample s = samples[0];

    (void)state;
    memset(s.block, 0, sizeof s.block);
    assert_false(verifies(&s));
    memset(s.block, 0xff, sizeof s.block);
    assert_false(verifies(&s));
    bytes_put_le(s.block + EXPONENT_AT, 4, 65537);
    assert_false(verifies(&s)); /* SIGNATURE is not below MODULUS */
    s = samples[0];
    s.block[383] &= 0x7f;
    assert_false(verifies(&s));
    s = samples[0];
    s.block[0] &= 0xfe;
    assert_false(verifies(&s));
    s = samples[0];
    memset(s.block + SIGNATURE_AT, 0, 384);
    assert_false(verifies(&s));
    /* The modulus has no other byte order. */
    bytes_reverse(s.block, samples[0].block, 384);
    memcpy(s.block + SIGNATURE_AT, samples[0].block + SIGNATURE_AT, 384);
    assert_false(verifies(&s));
    s = samples[0];
    bytes_reverse(s.block + SIGNATURE_AT, samples[0].block + SIGNATURE_AT, 384);
    assert_false(verifies(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_another_program_verify),
        cmocka_unit_test(a_flipped_byte_is_seen),
        cmocka_unit_test(what_is_made_verifies_by_openssl),
        cmocka_unit_test(the_same_sigstruct_gives_the_same_block),
        cmocka_unit_test(all_bytes_of_the_sigstruct_are_signed),
        cmocka_unit_test(another_exponent_is_refused),
        cmocka_unit_test(a_block_that_holds_no_key_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
