/* A signature that does not fit, and why: each cause is made here with the test key, and the one line that
 * comes back names it. The search for a differing field is in test_sgx_diagnose_fields.c. */
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/sgx/diagnose.h"
#include "signer/sgx/rsa3072.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

static struct testkey key;
static struct sigstruct css;
static uint8_t digest[32];

static int set_up(void **state)
{
    struct buf file = support_vector("sigstruct/good.sig");
    struct ens_err err = {0};

    (void)state;
    key = testkey_load();
    memcpy(css.bytes, file.data, SIGSTRUCT_SIZE);
    buf_free(&file);
    return !signdata_digest(&css, digest, &err);
}

static int tear_down(void **state)
{
    (void)state;
    testkey_free(&key);
    return 0;
}

/* The diagnosis is ENS_DATA, one line, begins with the name of the file and contains `why`. */
static void assert_why(const uint8_t signature[384], const char *why)
{
    struct ens_err err;
    struct sigstruct before = css;

    assert_fails(diagnose_fail(&key.pub, signature, &css, "app.sig", &err), err, ENS_DATA, why);
    assert_memory_equal(err.msg, "app.sig: ", 9);
    assert_null(strchr(err.msg, '\n'));
    assert_memory_equal(before.bytes, css.bytes, SIGSTRUCT_SIZE);
}

static void assert_why_of_payload(const void *payload, size_t len, const char *why)
{
    uint8_t signature[384];

    testkey_sign_payload(&key, payload, len, signature);
    assert_why(signature, why);
}

static void sha256_of(const void *data, size_t len, uint8_t ret[32])
{
    struct ens_err err = {0};

    assert_ok(digest_of(DIGEST_SHA256, view_of(data, len), ret, &err), err);
}

/* A proper signature, but over the SHA-256 of `data`. */
static void assert_why_of_data(const void *data, size_t len, const char *why)
{
    uint8_t signature[384];
    uint8_t h[32];

    sha256_of(data, len, h);
    testkey_sign_digest(&key, h, signature);
    assert_why(signature, why);
}

/* ---- padding and hash ---- */

static void a_bare_digest_lacks_its_digest_info(void **state)
{
    uint8_t other[32] = {1};

    (void)state;
    assert_why_of_payload(digest, 32, "the bare digest was signed, without DigestInfo");
    assert_why_of_payload(other, 32, "holds 32 bytes without DigestInfo, not this digest");
    assert_why_of_payload("x", 1, "holds 1 bytes without DigestInfo");
}

static void unhashed_sign_data_is_told(void **state)
{
    struct signdata data;

    (void)state;
    signdata_extract(&css, &data);
    assert_why_of_payload(data.bytes, 256, "the sign-data was signed unhashed");
    data.bytes[255] ^= 1;
    assert_why_of_payload(data.bytes, 256, "holds 256 bytes without DigestInfo");
}

static void another_hash_is_named(void **state)
{
    static const struct {
        const char *name, *prefix;
        size_t len;
    } hashes[] = {
        {"SHA-1", "3021300906052b0e03021a05000414", 20},
        {"MD5", "3020300c06082a864886f70d020505000410", 16},
        {"SHA-224", "302d300d06096086480165030402040500041c", 28},
        {"SHA-384", "3041300d060960864801650304020205000430", 48},
        {"SHA-512", "3051300d060960864801650304020305000440", 64},
        {"SHA-512/256", "3031300d060960864801650304020605000420", 32},
        {"SHA3-256", "3031300d060960864801650304020805000420", 32},
        {"SHA3-384", "3041300d060960864801650304020905000430", 48},
        {"SHA3-512", "3051300d060960864801650304020a05000440", 64},
    };
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        uint8_t payload[128];
        char why[80];
        size_t prefix = strlen(hashes[i].prefix) / 2;

        assert_ok(hex_decode(hashes[i].prefix, "x", payload, prefix, &err), err);
        memset(payload + prefix, 0x5a, hashes[i].len);
        (void)snprintf(why, sizeof why, "the signature uses %s: SGX demands SHA-256", hashes[i].name);
        assert_why_of_payload(payload, prefix + hashes[i].len, why);
        /* One byte more is not a DigestInfo. */
        payload[prefix + hashes[i].len] = 0;
        assert_why_of_payload(payload, prefix + hashes[i].len + 1, "without DigestInfo");
    }
}

/* Signs with RSASSA-PSS: OpenSSL's encoding, our exponentiation. */
static void sign_pss(const char *md, int salt, uint8_t ret[384])
{
    FILE *f = fopen("tests/vectors/keys/testkey.pem", "rb");
    EVP_PKEY *pkey = f != NULL ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    uint8_t h[64] = {0};
    size_t len = 384;
    const EVP_MD *hash = strcmp(md, "SHA-1") == 0 ? EVP_sha1() : EVP_sha256();

    memcpy(h, digest, 32);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, hash), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, ret, &len, h, (size_t)EVP_MD_get_size(hash)), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    assert_int_equal(fclose(f), 0);
}

static void pss_of_any_salt_is_told(void **state)
{
    static const int salts[] = {0, 20, 32, 350};
    uint8_t signature[384];

    (void)state;
    for (size_t i = 0; i < sizeof salts / sizeof salts[0]; i++) {
        sign_pss("SHA-256", salts[i], signature);
        assert_why(signature, "the signature is RSASSA-PSS: SGX demands RSASSA-PKCS1-v1_5");
    }
    /* Another hash inside is not recognised, and still refused. */
    sign_pss("SHA-1", 20, signature);
    assert_why(signature, "not of this public key");
}

static void a_reversed_signature_is_told(void **state)
{
    uint8_t signature[384];
    uint8_t reversed[384];

    (void)state;
    testkey_sign_digest(&key, digest, signature);
    bytes_reverse(reversed, signature, 384);
    assert_why(reversed, "the signature is byte-reversed (little-endian)");
}

static void another_key_or_damage_is_told(void **state)
{
    uint8_t signature[384];
    struct testkey other = key;

    (void)state;
    testkey_sign_digest(&key, digest, signature);
    signature[200] ^= 4;
    assert_why(signature, "is not of this public key, or damaged");
    signature[200] ^= 4;
    struct ens_err err;

    other.pub.modulus[383] ^= 2;
    assert_fails(diagnose_fail(&other.pub, signature, &css, "app.sig", &err), err, ENS_DATA,
                 "is not of this public key, or damaged");
    memset(signature, 0xff, 384);
    assert_why(signature, "is not of this public key");
    memset(signature, 0, 384);
    assert_why(signature, "the signature is all zero");
    signature[383] = 1;
    assert_why(signature, "is not of this public key");
    memcpy(signature, key.pub.modulus, 384);
    assert_why(signature, "is not of this public key");
}

/* ---- over the wrong bytes ---- */

static void a_digest_that_was_hashed_again_is_told(void **state)
{
    (void)state;
    assert_why_of_data(digest, 32, "the digest was hashed once more");
}

static void a_digest_that_was_signed_as_text_is_told(void **state)
{
    char text[66];

    (void)state;
    hex_encode(text, view_of(digest, 32));
    assert_why_of_data(text, 64, "the digest was signed as hexadecimal text");
    text[64] = '\n';
    assert_why_of_data(text, 65, "the digest was signed as hexadecimal text");
}

static void a_whole_sigstruct_that_was_signed_is_told(void **state)
{
    (void)state;
    assert_why_of_data(css.bytes, SIGSTRUCT_SIZE, "the whole SIGSTRUCT was signed");
}

static void something_else_is_shown_by_its_digest(void **state)
{
    uint8_t h[32];
    char why[160] = "is a signature by this key over other sign-data, with SHA-256 ";

    (void)state;
    sha256_of("something else", 14, h);
    hex_encode(why + strlen(why), view_of(h, 32));
    assert_why_of_data("something else", 14, why);
}

/* ---- the signed digest ---- */

static void the_signed_digest_of_a_proper_signature_is_given(void **state)
{
    uint8_t signature[384];
    uint8_t got[32] = {0};
    uint8_t h[32];
    bool is = false;
    struct ens_err err = {0};

    (void)state;
    sha256_of("x", 1, h);
    testkey_sign_digest(&key, h, signature);
    assert_ok(diagnose_signed_digest(&key.pub, signature, &is, got, &err), err);
    assert_true(is);
    assert_memory_equal(got, h, 32);
}

static void other_signatures_have_no_signed_digest(void **state)
{
    ENS_CLEANUP(buf_free) struct buf above = support_vector("sigstruct/sig-plus-n.sig");
    uint8_t signature[384];
    uint8_t got[32] = {0x77};
    bool is = true;
    struct ens_err err = {0};

    (void)state;
    testkey_sign_payload(&key, digest, 32, signature);
    assert_ok(diagnose_signed_digest(&key.pub, signature, &is, got, &err), err);
    assert_false(is);
    is = true;
    sign_pss("SHA-256", 32, signature);
    assert_ok(diagnose_signed_digest(&key.pub, signature, &is, got, &err), err);
    assert_false(is);
    is = true;
    bytes_reverse(signature, above.data + 516, 384);
    assert_ok(diagnose_signed_digest(&key.pub, signature, &is, got, &err), err);
    assert_false(is);
    assert_int_equal(got[0], 0x77);
}

static void a_padding_with_a_fault_is_not_explained_away(void **state)
{
    uint8_t block[384];
    uint8_t signature[384];
    bool is = true;
    uint8_t got[32];
    struct ens_err err = {0};

    (void)state;
    for (size_t at = 1; at < 333; at += 47) {
        rsa3072_encode(digest, block);
        block[at] ^= 0x10;
        testkey_sign_block(&key, block, signature);
        assert_ok(diagnose_signed_digest(&key.pub, signature, &is, got, &err), err);
        assert_false(is);
        is = true;
        assert_why(signature, at < 10 ? "not of this public key" : "");
    }
}

/* ---- reading signature files ---- */

static void raw_signatures_of_any_length_up_to_384_are_padded(void **state)
{
    uint8_t file[384];
    uint8_t got[384];
    uint8_t want[384];
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof file; i++)
        file[i] = (uint8_t)(i * 3 + 1) | 0x80;
    for (size_t len = 1; len <= 384; len++) {
        if (len == 256)
            continue;
        memset(want, 0, sizeof want);
        memcpy(want + 384 - len, file, len);
        assert_ok(diagnose_read_signature(view_of(file, len), "s", got, &err), err);
        assert_memory_equal(got, want, 384);
    }
}

static void what_is_no_raw_signature_is_refused(void **state)
{
    static uint8_t bytes[DIAGNOSE_FILE_MAX];
    static const struct {
        size_t len;
        const char *why;
    } sizes[] = {{0, "is empty"},
                 {256, "it is sign-data, which is to be signed first, or of a 2048-bit key"},
                 {385, "a signature is 384 bytes, not 385: give the raw output"},
                 {512, "it is of a 4096-bit key"},
                 {1808, "a signature is 384 bytes, not 1808"},
                 {4096, "a signature is 384 bytes, not 4096"}};
    uint8_t got[384] = {0x77};
    struct ens_err err;

    (void)state;
    memset(bytes, 0x81, sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_fails(diagnose_read_signature(view_of(bytes, sizes[i].len), "app.sig", got, &err), err,
                     ENS_DATA, sizes[i].why);
        assert_memory_equal(err.msg, "app.sig: ", 9);
    }
    assert_int_equal(got[0], 0x77);
}

static void text_is_recognised_as_hexadecimal_or_base64(void **state)
{
    uint8_t signature[384];
    char hex[800];
    unsigned char base64[600];
    uint8_t got[384];
    struct ens_err err;

    (void)state;
    testkey_sign_digest(&key, digest, signature);
    hex_encode(hex, view_of(signature, 384));
    assert_fails(diagnose_read_signature(view_of(hex, 768), "s", got, &err), err, ENS_DATA,
                 "is hexadecimal text, not a raw signature: convert it (xxd -r -p)");
    hex[768] = '\n';
    assert_fails(diagnose_read_signature(view_of(hex, 769), "s", got, &err), err, ENS_DATA, "hexadecimal");
    assert_fails(diagnose_read_signature(view_of_string("AB:CD:EF\r\n01 02"), "s", got, &err), err, ENS_DATA,
                 "hexadecimal");
    int len = EVP_EncodeBlock(base64, signature, 384);

    assert_int_equal(len, 512);
    assert_fails(diagnose_read_signature(view_of(base64, 512), "s", got, &err), err, ENS_DATA,
                 "is base64 text, not a raw signature: convert it (base64 -d)");
    base64[512] = '\n';
    assert_fails(diagnose_read_signature(view_of(base64, 513), "s", got, &err), err, ENS_DATA, "base64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_digest_lacks_its_digest_info),
        cmocka_unit_test(unhashed_sign_data_is_told),
        cmocka_unit_test(another_hash_is_named),
        cmocka_unit_test(pss_of_any_salt_is_told),
        cmocka_unit_test(a_reversed_signature_is_told),
        cmocka_unit_test(another_key_or_damage_is_told),
        cmocka_unit_test(a_digest_that_was_hashed_again_is_told),
        cmocka_unit_test(a_digest_that_was_signed_as_text_is_told),
        cmocka_unit_test(a_whole_sigstruct_that_was_signed_is_told),
        cmocka_unit_test(something_else_is_shown_by_its_digest),
        cmocka_unit_test(the_signed_digest_of_a_proper_signature_is_given),
        cmocka_unit_test(other_signatures_have_no_signed_digest),
        cmocka_unit_test(a_padding_with_a_fault_is_not_explained_away),
        cmocka_unit_test(raw_signatures_of_any_length_up_to_384_are_padded),
        cmocka_unit_test(what_is_no_raw_signature_is_refused),
        cmocka_unit_test(text_is_recognised_as_hexadecimal_or_base64),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
