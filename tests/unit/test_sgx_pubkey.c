/* Public keys as files: each form that is read, each key that SGX cannot use, private keys that are sent
 * away, and the key that is made only to be thrown away. The files are made here, by OpenSSL. */
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_sign.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

static struct testkey key;
static EVP_PKEY *test_pkey;

/* A public key from its numbers, whatever they are. */
static EVP_PKEY *public_of(const BIGNUM *n, unsigned e, const char *type)
{
    uint8_t native[1024];
    int len = BN_num_bytes(n);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    assert_true(len > 0 && len <= (int)sizeof native);
    assert_int_equal(BN_bn2nativepad(n, native, len), len);
    OSSL_PARAM params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, native, (size_t)len),
        OSSL_PARAM_uint(OSSL_PKEY_PARAM_RSA_E, &e),
        OSSL_PARAM_END,
    };
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static int set_up(void **state)
{
    FILE *f = fopen("tests/vectors/keys/testkey.pem", "rb");

    (void)state;
    if (f == NULL)
        return -1;
    key = testkey_load();
    test_pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    return fclose(f) != 0 || test_pkey == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    testkey_free(&key);
    EVP_PKEY_free(test_pkey);
    return 0;
}

/* What was written to `bio`; releases it. */
static struct buf taken(BIO *bio)
{
    struct buf b = {0};
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    struct ens_err err = {0};

    assert_ok(buf_append(&b, view_of(text, (size_t)len), &err), err);
    BIO_free_all(bio);
    return b;
}

static struct buf spki_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    return taken(bio);
}

static struct buf pem_of(const char *label, const unsigned char *der, int len)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_true(PEM_write_bio(bio, label, "", der, len) > 0);
    return taken(bio);
}

static struct buf pkcs1_pem(EVP_PKEY *pkey)
{
    unsigned char *der = NULL;
    int len = i2d_PublicKey(pkey, &der);

    assert_true(len > 0);
    struct buf b = pem_of("RSA PUBLIC KEY", der, len);

    OPENSSL_free(der);
    return b;
}

static struct buf spki_der(EVP_PKEY *pkey)
{
    struct buf b = {0};
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    struct ens_err err = {0};

    assert_true(len > 0);
    assert_ok(buf_append(&b, view_of(der, (size_t)len), &err), err);
    OPENSSL_free(der);
    return b;
}

static struct buf certificate_pem(EVP_PKEY *pkey, const char *label)
{
    unsigned char *der = NULL;
    X509 *x = X509_new();

    assert_non_null(x);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 86400));
    assert_int_equal(X509_set_pubkey(x, pkey), 1);
    assert_true(X509_sign(x, test_pkey, EVP_sha256()) > 0);
    int len = i2d_X509(x, &der);

    assert_true(len > 0);
    struct buf b = pem_of(label, der, len);

    OPENSSL_free(der);
    X509_free(x);
    return b;
}

static void assert_reads(struct view file)
{
    struct pubkey got = {{0}};
    struct ens_err err = {0};

    assert_true(rsa3072_recognise(file));
    assert_ok(rsa3072_read_pubkey(file, "f", &got, &err), err);
    assert_memory_equal(got.modulus, key.pub.modulus, PUBKEY_SIZE);
}

static void assert_refuses(struct view file, const char *why)
{
    struct pubkey got = {{0x77}};
    struct ens_err err;

    assert_fails(rsa3072_read_pubkey(file, "f.pem", &got, &err), err, ENS_DATA, why);
    assert_memory_equal(err.msg, "f.pem: ", 7);
    assert_int_equal(got.modulus[0], 0x77);
}

static struct buf joined(const char *before, struct view file, const char *after)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(buf_append(&b, view_of_string(before), &err), err);
    assert_ok(buf_append(&b, file, &err), err);
    assert_ok(buf_append(&b, view_of_string(after), &err), err);
    return b;
}

/* ---- what is read ---- */

static void each_form_of_a_public_key_is_read(void **state)
{
    struct buf files[] = {
        spki_pem(test_pkey),
        pkcs1_pem(test_pkey),
        spki_der(test_pkey),
        certificate_pem(test_pkey, "CERTIFICATE"),
        certificate_pem(test_pkey, "X509 CERTIFICATE"),
        support_vector("keys/testkey.pub.pem"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_reads(buf_view(&files[i]));
        buf_free(&files[i]);
    }
}

static void prose_around_a_key_does_not_matter(void **state)
{
    ENS_CLEANUP(buf_free) struct buf pem = spki_pem(test_pkey);
    ENS_CLEANUP(buf_free)
    struct buf b =
        joined("Release key of the project\n\nMade 2026-01-31 -----\n", buf_view(&pem), "\nEnd.\n");

    (void)state;
    assert_reads(buf_view(&b));
    buf_free(&b);
    b = joined("\xef\xbb\xbf\n", buf_view(&pem), "");
    assert_reads(buf_view(&b));
}

static void windows_line_ends_do_not_matter(void **state)
{
    ENS_CLEANUP(buf_free) struct buf pem = spki_pem(test_pkey);
    ENS_CLEANUP(buf_free) struct buf crlf = {0};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < pem.len; i++) {
        if (pem.data[i] == '\n')
            assert_ok(buf_append(&crlf, view_of("\r", 1), &err), err);
        assert_ok(buf_append(&crlf, view_of(pem.data + i, 1), &err), err);
    }
    assert_reads(buf_view(&crlf));
}

static void the_first_key_of_a_file_counts(void **state)
{
    BIGNUM *n = BN_dup(key.n);

    assert_int_equal(BN_sub_word(n, 2), 1);
    EVP_PKEY *other = public_of(n, 3, "RSA");
    ENS_CLEANUP(buf_free) struct buf first = spki_pem(test_pkey);
    ENS_CLEANUP(buf_free) struct buf second = spki_pem(other);
    ENS_CLEANUP(buf_free) struct buf both = joined("", buf_view(&first), (const char *)"");
    struct ens_err err = {0};
    struct pubkey got;

    (void)state;
    assert_ok(buf_append(&both, buf_view(&second), &err), err);
    assert_reads(buf_view(&both));
    assert_ok(rsa3072_read_pubkey(buf_view(&second), "f", &got, &err), err);
    assert_memory_not_equal(got.modulus, key.pub.modulus, PUBKEY_SIZE);
    EVP_PKEY_free(other);
    BN_free(n);
}

static void what_is_written_is_read_and_is_what_openssl_writes(void **state)
{
    ENS_CLEANUP(buf_free) struct buf want = support_vector("keys/testkey.pub.pem");
    ENS_CLEANUP(buf_free) struct buf got = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(rsa3072_write_pubkey(&key.pub, &got, &err), err);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
    assert_reads(buf_view(&got));
    /* It appends. */
    assert_ok(rsa3072_write_pubkey(&key.pub, &got, &err), err);
    assert_int_equal(got.len, 2 * want.len);
}

static void the_published_key_with_a_preamble_is_read(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_shared("keys/sig1.key-with-preamble.pem");
    ENS_CLEANUP(buf_free) struct buf n = support_shared("keys/sig1.key_n.bin");
    struct pubkey got;
    uint8_t want[PUBKEY_SIZE];
    struct ens_err err = {0};

    (void)state;
    if (file.len == 0 || n.len == 0)
        support_skip("shared data is not here");
    /* It is a private key. Its public half, after the same prose, is read. */
    assert_refuses(buf_view(&file), "holds a private key: give the public one");
    BIO *bio = BIO_new_mem_buf(file.data, (int)file.len);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    const uint8_t *begin = memmem(file.data, file.len, "-----BEGIN", 10);

    assert_non_null(pkey);
    assert_true(begin != NULL && begin > file.data);
    ENS_CLEANUP(buf_free) struct buf pem = spki_pem(pkey);

    file.len = (size_t)(begin - file.data);
    assert_ok(buf_append(&file, buf_view(&pem), &err), err);
    assert_ok(rsa3072_read_pubkey(buf_view(&file), "f", &got, &err), err);
    bytes_reverse(want, n.data, PUBKEY_SIZE);
    assert_memory_equal(got.modulus, want, PUBKEY_SIZE);
    EVP_PKEY_free(pkey);
    BIO_free_all(bio);
}

/* ---- what is not ---- */

static void private_keys_are_sent_away(void **state)
{
    ENS_CLEANUP(buf_free) struct buf pkcs8 = support_vector("keys/testkey.pem");
    BIO *bio = BIO_new(BIO_s_mem());

    (void)state;
    assert_refuses(buf_view(&pkcs8), "holds a private key: give the public one (openssl pkey -pubout)");
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, test_pkey, NULL, NULL, 0, NULL, NULL), 1);
    struct buf pkcs1 = taken(bio);

    assert_refuses(buf_view(&pkcs1), "holds a private key");
    buf_free(&pkcs1);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, test_pkey, EVP_aes_256_cbc(), "pass", 4, NULL, NULL),
                     1);
    struct buf encrypted = taken(bio);

    assert_refuses(buf_view(&encrypted), "holds a private key");
    buf_free(&encrypted);
    struct buf der = {0};
    unsigned char *bytes = NULL;
    int len = i2d_PrivateKey(test_pkey, &bytes);
    struct ens_err err = {0};

    assert_true(len > 0);
    assert_ok(buf_append(&der, view_of(bytes, (size_t)len), &err), err);
    assert_refuses(buf_view(&der), "is not a public key");
    OPENSSL_free(bytes);
    buf_free(&der);
}

/* The public key of `n` and `e`, in every form. */
static void assert_refuses_key(const BIGNUM *n, unsigned e, const char *why)
{
    EVP_PKEY *pkey = public_of(n, e, "RSA");
    struct buf files[] = {spki_pem(pkey), pkcs1_pem(pkey), spki_der(pkey),
                          certificate_pem(pkey, "CERTIFICATE")};

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_refuses(buf_view(&files[i]), why);
        buf_free(&files[i]);
    }
    EVP_PKEY_free(pkey);
}

static void keys_that_sgx_cannot_use_are_refused(void **state)
{
    BIGNUM *n = BN_dup(key.n);

    (void)state;
    assert_refuses_key(key.n, 65537, "has exponent 65537: SGX demands 3");
    assert_refuses_key(key.n, 17, "has exponent 17");
    assert_refuses_key(key.n, 1, "has exponent 1:");
    assert_int_equal(BN_rshift1(n, key.n), 1);
    assert_int_equal(BN_set_bit(n, 0), 1);
    assert_refuses_key(n, 3, "has 3071 bits: SGX demands 3072");
    assert_int_equal(BN_rshift(n, key.n, 1024), 1);
    assert_int_equal(BN_set_bit(n, 0), 1);
    assert_refuses_key(n, 3, "has 2048 bits");
    assert_refuses_key(n, 65537, "has 2048 bits");
    assert_int_equal(BN_lshift(n, key.n, 1), 1);
    assert_int_equal(BN_set_bit(n, 0), 1);
    assert_refuses_key(n, 3, "has 3073 bits");
    assert_int_equal(BN_lshift(n, key.n, 1024), 1);
    assert_int_equal(BN_set_bit(n, 0), 1);
    assert_refuses_key(n, 3, "has 4096 bits");
    assert_non_null(BN_copy(n, key.n));
    assert_int_equal(BN_sub_word(n, 1), 1);
    assert_refuses_key(n, 3, "the modulus is even");
    BN_free(n);
}

static void keys_of_another_kind_are_refused(void **state)
{
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    EVP_PKEY *pss = public_of(key.n, 3, "RSA-PSS");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *others[] = {ec, pss, ed};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct buf pem = spki_pem(others[i]);
        struct buf der = spki_der(others[i]);

        assert_refuses(buf_view(&pem), "is not an RSA key: SGX signers have RSA keys");
        assert_refuses(buf_view(&der), "is not an RSA key");
        buf_free(&pem);
        buf_free(&der);
        EVP_PKEY_free(others[i]);
    }
}

static void what_is_no_key_is_refused(void **state)
{
    static const char *const texts[] = {
        "hello",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN RSA PUBLIC KEY-----\nMAYCAQECAQM=\n",
        "-----BEGIN OPENSSH PUBLIC KEY-----\nAAAA\n-----END OPENSSH PUBLIC KEY-----\n",
        "ssh-rsa AAAAB3NzaC1yc2EAAAABAw==",
        "0",
    };
    static const uint8_t der_start[] = {0x30, 0x82, 0x01, 0xa0, 0x30, 0x0d};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_refuses(view_of_string(texts[i]), "is not a public key: give PEM");
    assert_refuses(view_of(der_start, sizeof der_start), "is not a public key");
    assert_refuses(view_of(NULL, 0), "is empty");
    assert_refuses(view_of("", 0), "is empty");
}

static void a_key_that_is_cut_or_changed_is_never_taken_for_another(void **state)
{
    ENS_CLEANUP(buf_free) struct buf der = spki_der(test_pkey);
    const uint8_t *modulus = memmem(der.data, der.len, key.pub.modulus, PUBKEY_SIZE);

    (void)state;
    assert_non_null(modulus);
    for (size_t len = 1; len < der.len; len += 3)
        assert_refuses(view_of(der.data, len), "is not a public key");
    for (size_t at = 0; at < der.len; at++) {
        struct pubkey got;
        struct ens_err err = {0};
        bool in_modulus = der.data + at >= modulus && der.data + at < modulus + PUBKEY_SIZE;

        der.data[at] ^= 0x55;
        if (!rsa3072_read_pubkey(buf_view(&der), "f", &got, &err))
            assert_int_equal(err.code, ENS_DATA);
        else if (in_modulus)
            assert_memory_equal(got.modulus, modulus, PUBKEY_SIZE);
        else
            assert_memory_equal(got.modulus, key.pub.modulus, PUBKEY_SIZE);
        der.data[at] ^= 0x55;
    }
}

static void the_size_of_a_key_file_is_limited(void **state)
{
    ENS_CLEANUP(buf_free) struct buf b = spki_pem(test_pkey);
    struct ens_err err = {0};

    (void)state;
    while (b.len < RSA3072_KEY_FILE_MAX)
        assert_ok(buf_append(&b, view_of("\n", 1), &err), err);
    assert_reads(buf_view(&b));
    assert_ok(buf_append(&b, view_of("\n", 1), &err), err);
    assert_refuses(buf_view(&b), "has more than 65536 bytes");
    assert_false(rsa3072_recognise(buf_view(&b)));
}

static void artifacts_of_other_kinds_are_not_taken_for_keys(void **state)
{
    static const char *const others[] = {"",        "0",          "PK\3\4",
                                         "ECREATE", "-----BEGIN", "-----begin PUBLIC KEY-----"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(rsa3072_recognise(view_of_string(others[i])));
    assert_false(rsa3072_recognise(view_of(NULL, 0)));
    assert_true(rsa3072_recognise(view_of_string("text\n-----BEGIN PUBLIC KEY-----")));
}

/* ---- the key that is thrown away ---- */

static void a_fresh_key_signs_and_is_another_each_time(void **state)
{
    uint8_t digest[32] = {1, 2, 3};
    struct pubkey keys[2];
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t signature[SIGNATURE_SIZE];
        bool ok = false;

        assert_ok(rsa3072_sign_ephemeral(digest, &keys[i], signature, &err), err);
        assert_true((keys[i].modulus[0] & 0x80) != 0);
        assert_true((keys[i].modulus[PUBKEY_SIZE - 1] & 1) != 0);
        assert_ok(rsa3072_verify(&keys[i], digest, signature, &ok, &err), err);
        assert_true(ok);
        signature[100] ^= 1;
        assert_ok(rsa3072_verify(&keys[i], digest, signature, &ok, &err), err);
        assert_false(ok);
    }
    assert_memory_not_equal(keys[0].modulus, keys[1].modulus, PUBKEY_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_of_a_public_key_is_read),
        cmocka_unit_test(prose_around_a_key_does_not_matter),
        cmocka_unit_test(windows_line_ends_do_not_matter),
        cmocka_unit_test(the_first_key_of_a_file_counts),
        cmocka_unit_test(what_is_written_is_read_and_is_what_openssl_writes),
        cmocka_unit_test(the_published_key_with_a_preamble_is_read),
        cmocka_unit_test(private_keys_are_sent_away),
        cmocka_unit_test(keys_that_sgx_cannot_use_are_refused),
        cmocka_unit_test(keys_of_another_kind_are_refused),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(a_key_that_is_cut_or_changed_is_never_taken_for_another),
        cmocka_unit_test(the_size_of_a_key_file_is_limited),
        cmocka_unit_test(artifacts_of_other_kinds_are_not_taken_for_keys),
        cmocka_unit_test(a_fresh_key_signs_and_is_another_each_time),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
