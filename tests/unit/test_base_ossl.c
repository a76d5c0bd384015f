/* A10: what others do to the OpenSSL that they share with ensign decides nothing. The shared library context
 * gets the provider without algorithms (OSSL_PROVIDER-null(7)), as a module or a configuration file could
 * give it, and everything still works. */
#include "tests/support/support.h"

#include <openssl/evp.h>
#include <openssl/provider.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_cert.h"
#include "signer/sgx/rsa3072_sign.h"
#include "tests/support/testkey.h"

static struct testkey key;
static OSSL_PROVIDER *none;

static int set_up(void **state)
{
    (void)state;
    none = OSSL_PROVIDER_load(NULL, "null");
    key = testkey_load();
    return none == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    testkey_free(&key);
    return OSSL_PROVIDER_unload(none) != 1;
}

static void the_shared_context_has_nothing(void **state)
{
    (void)state;
    assert_null(EVP_MD_fetch(NULL, "SHA256", NULL));
    ossl_clear();
    assert_non_null(ossl_context());
    assert_ptr_equal(ossl_context(), ossl_context());
}

static void digests(void **state)
{
    uint8_t got[DIGEST_SIZE];
    struct ens_err err = {0};

    (void)state;
    assert_ok(digest_of(DIGEST_SHA256, view_of("abc", 3), got, &err), err);
    assert_memory_equal(got, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8);
    assert_ok(digest_of(DIGEST_SHA512_256, view_of("abc", 3), got, &err), err);
    assert_memory_equal(got, "\x53\x04\x8e\x26\x81\x94\x1e\xf9", 8);
}

/* The key again, from what `file` holds. */
static void assert_read(struct view file)
{
    struct pubkey got;
    struct ens_err err = {0};

    assert_ok(rsa3072_read_pubkey(file, "file", &got, &err), err);
    assert_memory_equal(got.modulus, key.pub.modulus, sizeof got.modulus);
}

static void keys_and_certificates(void **state)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    ENS_CLEANUP(buf_free) struct buf cert = {0};
    uint8_t tbs[RSA3072_CERT_TBS_SIZE];
    uint8_t digest[DIGEST_SIZE];
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    assert_ok(rsa3072_write_pubkey(&key.pub, &pem, &err), err);
    assert_read(buf_view(&pem));
    assert_ok(rsa3072_cert_tbs(&key.pub, tbs, &err), err);
    assert_ok(digest_of(DIGEST_SHA256, view_of(tbs, sizeof tbs), digest, &err), err);
    testkey_sign_digest(&key, digest, signature);
    assert_ok(rsa3072_cert_finish(&key.pub, signature, &cert, &err), err);
    assert_read(buf_view(&cert));
}

static void signatures(void **state)
{
    uint8_t block[FIPS_SIZE];
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t digest[DIGEST_SIZE] = {1};
    struct pubkey fresh;
    struct ens_err err = {0};
    bool ok = false;

    (void)state;
    assert_ok(rsa3072_fips_sign(view_of("text", 4), block, &err), err);
    assert_ok(rsa3072_fips_verify(view_of("text", 4), block, &ok, &err), err);
    assert_true(ok);
    assert_ok(rsa3072_fips_verify(view_of("tExt", 4), block, &ok, &err), err);
    assert_false(ok);
    assert_ok(rsa3072_sign_ephemeral(digest, &fresh, signature, &err), err);
    assert_ok(rsa3072_verify(&fresh, digest, signature, &ok, &err), err);
    assert_true(ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shared_context_has_nothing),
        cmocka_unit_test(digests),
        cmocka_unit_test(keys_and_certificates),
        cmocka_unit_test(signatures),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
