/* The self-signed certificate: laid out by hand in the product, taken apart and verified by OpenSSL here. */
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_cert.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

static struct testkey key;

static int set_up(void **state)
{
    (void)state;
    key = testkey_load();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testkey_free(&key);
    return 0;
}

static void sign_tbs(const struct testkey *k, uint8_t ret[static SIGNATURE_SIZE])
{
    uint8_t tbs[RSA3072_CERT_TBS_SIZE];
    uint8_t digest[DIGEST_SIZE];
    struct ens_err err = {0};

    assert_ok(rsa3072_cert_tbs(&k->pub, tbs, &err), err);
    assert_ok(digest_of(DIGEST_SHA256, view_of(tbs, sizeof tbs), digest, &err), err);
    testkey_sign_digest(k, digest, ret);
}

static X509 *certificate(void)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    sign_tbs(&key, signature);
    assert_ok(rsa3072_cert_finish(&key.pub, signature, &pem, &err), err);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    assert_non_null(cert);
    assert_true(BIO_eof(bio));
    BIO_free_all(bio);
    return cert;
}

static void openssl_verifies_it(void **state)
{
    X509 *cert = certificate();
    EVP_PKEY *pkey = X509_get_pubkey(cert);

    (void)state;
    assert_int_equal(X509_verify(cert, pkey), 1);
    assert_int_equal(X509_self_signed(cert, 1), 1);
    EVP_PKEY_free(pkey);
    X509_free(cert);
}

static void it_holds_what_is_documented(void **state)
{
    X509 *cert = certificate();
    char name[128];
    struct tm begins = {0};
    struct tm ends = {0};

    (void)state;
    assert_int_equal(X509_get_version(cert), X509_VERSION_3);
    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)), 0);
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(cert)), 1);
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name) >
                0);
    assert_string_equal(name, "ensign enclave signer");
    assert_int_equal(ASN1_TIME_to_tm(X509_get0_notBefore(cert), &begins), 1);
    assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(cert), &ends), 1);
    assert_int_equal(begins.tm_year, 100);
    assert_int_equal(begins.tm_yday, 0);
    assert_int_equal(ends.tm_year, 9999 - 1900);
    /* RFC 5280, section 4.1.2.5: UTCTime through 2049, GeneralizedTime after. */
    assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(cert)), V_ASN1_UTCTIME);
    assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(cert)), V_ASN1_GENERALIZEDTIME);
    assert_int_equal(X509_get_signature_nid(cert), NID_sha256WithRSAEncryption);
    assert_int_equal(OBJ_obj2nid(X509_get0_tbs_sigalg(cert)->algorithm), NID_sha256WithRSAEncryption);
    /* Nobody is certified by it. */
    assert_int_equal(X509_check_ca(cert), 0);
    assert_int_equal(X509_get_ext_count(cert), 1);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(cert, 0)), 1);
    X509_free(cert);
}

static void it_is_read_as_the_key(void **state)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    uint8_t signature[SIGNATURE_SIZE];
    struct pubkey inside;
    struct ens_err err = {0};

    (void)state;
    sign_tbs(&key, signature);
    assert_ok(buf_append(&pem, view_of_string("prose\n"), &err), err);
    assert_ok(rsa3072_cert_finish(&key.pub, signature, &pem, &err), err);
    /* What was in the buffer stays in front. */
    assert_memory_equal(pem.data, "prose\n-----BEGIN CERTIFICATE-----\n", 34);
    assert_true(rsa3072_recognise(buf_view(&pem)));
    assert_ok(rsa3072_read_pubkey(buf_view(&pem), "c.pem", &inside, &err), err);
    assert_memory_equal(inside.modulus, key.pub.modulus, PUBKEY_SIZE);
}

/* Sign-data begins with HEADER, 06 00 00 00, and has 256 bytes. */
static void it_cannot_pass_for_sign_data(void **state)
{
    uint8_t tbs[RSA3072_CERT_TBS_SIZE];
    struct ens_err err = {0};

    (void)state;
    assert_int_not_equal(sizeof tbs, 256);
    assert_ok(rsa3072_cert_tbs(&key.pub, tbs, &err), err);
    assert_int_equal(tbs[0], 0x30);
    assert_int_equal(tbs[1], 0x82);
}

static void a_wrong_signature_makes_none(void **state)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t digest[DIGEST_SIZE] = {0};
    struct ens_err err = {0};

    (void)state;
    testkey_sign_digest(&key, digest, signature);
    assert_fails(rsa3072_cert_finish(&key.pub, signature, &pem, &err), err, ENS_BADSIG, "does not verify");
    sign_tbs(&key, signature);
    signature[SIGNATURE_SIZE - 1] ^= 1;
    assert_fails(rsa3072_cert_finish(&key.pub, signature, &pem, &err), err, ENS_BADSIG, "does not verify");
    memset(signature, 0, sizeof signature);
    assert_fails(rsa3072_cert_finish(&key.pub, signature, &pem, &err), err, ENS_BADSIG, "does not verify");
    /* Nothing was written, not even a part. */
    assert_int_equal(pem.len, 0);
}

/* Another key of the same shape: `n` with its low bytes replaced. */
static struct pubkey other_key(unsigned i)
{
    struct pubkey k = key.pub;

    k.modulus[PUBKEY_SIZE - 3] = (uint8_t)(i >> 8);
    k.modulus[PUBKEY_SIZE - 2] = (uint8_t)i;
    return k;
}

/* Whatever MRSIGNER begins with, the serial number is positive and has 16 bytes. */
static void every_key_has_one(void **state)
{
    uint8_t tbs[RSA3072_CERT_TBS_SIZE];
    uint8_t serial[RSA3072_CERT_SERIAL_SIZE];
    uint8_t mrsigner[MRSIGNER_SIZE];
    unsigned tops = 0;
    struct ens_err err = {0};

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        struct pubkey k = other_key(i);

        assert_ok(rsa3072_mrsigner(&k, mrsigner, &err), err);
        assert_ok(rsa3072_cert_serial(&k, serial, &err), err);
        assert_int_equal(serial[0], (mrsigner[0] & 0x3f) | 0x40);
        assert_memory_equal(serial + 1, mrsigner + 1, sizeof serial - 1);
        tops |= 1u << (mrsigner[0] >> 6);
        assert_ok(rsa3072_cert_tbs(&k, tbs, &err), err);
        assert_non_null(memmem(tbs, sizeof tbs, k.modulus, PUBKEY_SIZE));
        assert_non_null(memmem(tbs, sizeof tbs, serial, sizeof serial));
    }
    assert_int_equal(tops, 0xf);
}

static void the_same_key_gives_the_same_bytes(void **state)
{
    uint8_t one[RSA3072_CERT_TBS_SIZE];
    uint8_t two[RSA3072_CERT_TBS_SIZE];
    struct pubkey other = other_key(1);
    struct ens_err err = {0};

    (void)state;
    assert_ok(rsa3072_cert_tbs(&key.pub, one, &err), err);
    assert_ok(rsa3072_cert_tbs(&key.pub, two, &err), err);
    assert_memory_equal(one, two, sizeof one);
    assert_ok(rsa3072_cert_tbs(&other, two, &err), err);
    assert_memory_not_equal(one, two, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_verifies_it),
        cmocka_unit_test(it_holds_what_is_documented),
        cmocka_unit_test(it_is_read_as_the_key),
        cmocka_unit_test(it_cannot_pass_for_sign_data),
        cmocka_unit_test(a_wrong_signature_makes_none),
        cmocka_unit_test(every_key_has_one),
        cmocka_unit_test(the_same_key_gives_the_same_bytes),
    };

    return cmocka_run_group_tests_name("certificate", tests, set_up, tear_down);
}
