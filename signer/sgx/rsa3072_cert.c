/* The self-signed certificate of pubkey --x509. Each field has a fixed length, so the DER is a row of
 * constants with three holes: serial number, modulus, signature. Writing it needs no key that can sign, as
 * OpenSSL's own way does; OpenSSL then reads the result as a stranger would, and must find the same parts. */
#include "signer/sgx/rsa3072_cert.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "signer/sgx/rsa3072.h"

/* A constant of bytes; the 0 that ends a string literal is none of them. */
#define BYTES(literal)                                                                                       \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

/* Name: SEQUENCE, SET, SEQUENCE, commonName (2.5.4.3), UTF8String. */
#define NAME BYTES("\x30\x20\x31\x1e\x30\x1c\x06\x03\x55\x04\x03\x0c\x15" RSA3072_CERT_NAME)
_Static_assert(sizeof RSA3072_CERT_NAME - 1 == 0x15, "the lengths in NAME are those of another name");

/* Validity: SEQUENCE, UTCTime, GeneralizedTime. */
#define VALIDITY BYTES("\x30\x20\x17\x0d" RSA3072_CERT_BEGINS "\x18\x0f" RSA3072_CERT_ENDS)
_Static_assert(sizeof RSA3072_CERT_BEGINS - 1 == 0x0d && sizeof RSA3072_CERT_ENDS - 1 == 0x0f,
               "the lengths in VALIDITY are those of other times");

/* AlgorithmIdentifier: sha256WithRSAEncryption (1.2.840.113549.1.1.11), NULL. */
#define ALGORITHM BYTES("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")

/* SubjectPublicKeyInfo up to the modulus: SEQUENCE, rsaEncryption (...1.1.1) with NULL, BIT STRING, SEQUENCE,
 * INTEGER of 385 bytes, the first of them 0 since the modulus has its top bit set. Behind the modulus: 3. */
#define KEY_BEGIN                                                                                            \
    BYTES("\x30\x82\x01\xa0\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x8d\x00" \
          "\x30\x82\x01\x88\x02\x82\x01\x81\x00")
#define KEY_END BYTES("\x02\x01\x03")

/* [3] extensions: basicConstraints (2.5.29.19), critical, empty: no CA. */
#define EXTENSIONS BYTES("\xa3\x10\x30\x0e\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00")

/* TBSCertificate up to the serial number: SEQUENCE of 578 bytes, [0] version 3, INTEGER of 16 bytes. */
#define TBS_BEGIN BYTES("\x30\x82\x02\x42\xa0\x03\x02\x01\x02\x02\x10")

/* Certificate up to its TBSCertificate: SEQUENCE of 986 bytes. Before the signature: BIT STRING of 385 bytes,
 * no unused bits. */
#define CERT_BEGIN      BYTES("\x30\x82\x03\xda")
#define SIGNATURE_BEGIN BYTES("\x03\x82\x01\x81\x00")

#define CERT_SIZE 990

static void bio_freep(BIO **bio)
{
    BIO_free_all(*bio);
}

static void x509_freep(X509 **cert)
{
    X509_free(*cert);
}

static void ossl_bytes_freep(unsigned char **bytes)
{
    OPENSSL_free(*bytes);
}

/* The parts one behind the other. ENS_BUG if they have not `len` bytes together. */
static bool join_der(const struct view *parts, size_t parts_len, uint8_t *ret, size_t len,
                     struct ens_err *err)
{
    size_t at = 0;

    for (size_t i = 0; i < parts_len; i++) {
        if (parts[i].len > len - at)
            return ens_fail(err, ENS_BUG, "certificate: its parts have more than %zu bytes", len);
        memcpy(ret + at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    if (at != len)
        return ens_fail(err, ENS_BUG, "certificate: its parts have %zu bytes, not %zu", at, len);
    return true;
}

bool rsa3072_cert_serial(const struct pubkey *key, uint8_t ret[static RSA3072_CERT_SERIAL_SIZE],
                         struct ens_err *err)
{
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (!rsa3072_mrsigner(key, mrsigner, err))
        return false;
    memcpy(ret, mrsigner, RSA3072_CERT_SERIAL_SIZE);
    ret[0] = (uint8_t)((ret[0] & 0x3f) | 0x40);
    return true;
}

bool rsa3072_cert_tbs(const struct pubkey *key, uint8_t ret[static RSA3072_CERT_TBS_SIZE],
                      struct ens_err *err)
{
    uint8_t serial[RSA3072_CERT_SERIAL_SIZE];
    const struct view parts[] = {
        TBS_BEGIN, {serial, sizeof serial},     ALGORITHM, NAME,       VALIDITY, NAME,
        KEY_BEGIN, {key->modulus, PUBKEY_SIZE}, KEY_END,   EXTENSIONS,
    };

    return rsa3072_cert_serial(key, serial, err) &&
           join_der(parts, sizeof parts / sizeof parts[0], ret, RSA3072_CERT_TBS_SIZE, err);
}

static bool write_pem(struct view der, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (bio == NULL || PEM_write_bio(bio, PEM_STRING_X509, "", der.data, (long)der.len) <= 0)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot write the certificate");
    long len = BIO_get_mem_data(bio, &text);

    return buf_append(ret, view_of(text, (size_t)len), err);
}

/* The TBSCertificate in the PEM, encoded anew, and the signature. */
static bool read_parts(struct view pem, uint8_t ret_tbs[static RSA3072_CERT_TBS_SIZE],
                       uint8_t ret_signature[static SIGNATURE_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(bio_freep) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    OSSL_LIB_CTX *lib = ossl_context();
    ENS_CLEANUP(x509_freep) X509 *cert = lib != NULL ? X509_new_ex(lib, NULL) : NULL;
    ENS_CLEANUP(ossl_bytes_freep) unsigned char *tbs = NULL;
    const ASN1_BIT_STRING *signature = NULL;

    if (bio == NULL || cert == NULL || PEM_read_bio_X509(bio, &cert, NULL, NULL) == NULL)
        return ossl_fail(err, ENS_BUG, "certificate: OpenSSL does not read it");
    X509_get0_signature(&signature, NULL, cert);
    if (i2d_re_X509_tbs(cert, &tbs) != RSA3072_CERT_TBS_SIZE || signature == NULL ||
        ASN1_STRING_length(signature) != SIGNATURE_SIZE ||
        X509_get_signature_nid(cert) != NID_sha256WithRSAEncryption)
        return ossl_fail(err, ENS_BUG, "certificate: OpenSSL finds other parts in it");
    memcpy(ret_tbs, tbs, RSA3072_CERT_TBS_SIZE);
    memcpy(ret_signature, ASN1_STRING_get0_data(signature), SIGNATURE_SIZE);
    return true;
}

/* The certificate as a stranger finds it: the key in it is `key`, and signed what is in it. */
static bool check_pem(const struct pubkey *key, struct view pem, struct ens_err *err)
{
    uint8_t tbs[RSA3072_CERT_TBS_SIZE];
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t digest[DIGEST_SIZE];
    struct pubkey inside;
    bool verified = false;

    if (!rsa3072_read_pubkey(pem, "certificate", &inside, err) || !read_parts(pem, tbs, signature, err) ||
        !digest_of(DIGEST_SHA256, view_of(tbs, sizeof tbs), digest, err) ||
        !rsa3072_verify(&inside, digest, signature, &verified, err))
        return false;
    if (memcmp(inside.modulus, key->modulus, PUBKEY_SIZE) != 0)
        return ens_fail(err, ENS_BUG, "certificate: another key is in it");
    if (!verified)
        return ens_fail(err, ENS_BADSIG, "certificate: its signature does not verify under its own key");
    return true;
}

bool rsa3072_cert_finish(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                         struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    uint8_t tbs[RSA3072_CERT_TBS_SIZE];
    uint8_t der[CERT_SIZE];
    const struct view parts[] = {
        CERT_BEGIN, {tbs, sizeof tbs}, ALGORITHM, SIGNATURE_BEGIN, {signature, SIGNATURE_SIZE},
    };

    return rsa3072_cert_tbs(key, tbs, err) &&
           join_der(parts, sizeof parts / sizeof parts[0], der, sizeof der, err) &&
           write_pem(view_of(der, sizeof der), &pem, err) && check_pem(key, buf_view(&pem), err) &&
           buf_append(ret, buf_view(&pem), err);
}
