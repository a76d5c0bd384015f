/* RSA-3072 keys: reading public keys from PEM, DER and certificates, and writing PEM. Private keys are never
 * read: ensign has no use for one. */
#include "signer/sgx/rsa3072.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/base/ossl.h"

static void bio_freep(BIO **bio)
{
    BIO_free_all(*bio);
}

static void bn_freep(BIGNUM **n)
{
    BN_free(*n);
}

static void pkey_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void pkey_ctx_freep(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
}

/* One PEM block, as OpenSSL hands it out; released by pem_free. */
struct pem {
    char *label;
    char *header;
    unsigned char *data;
    long len;
};

static void pem_free(struct pem *p)
{
    OPENSSL_free(p->label);
    OPENSSL_free(p->header);
    OPENSSL_free(p->data);
    *p = (struct pem){0};
}

static EVP_PKEY *key_of_certificate(const unsigned char *der, long len)
{
    OSSL_LIB_CTX *lib = ossl_context();
    X509 *cert = lib != NULL ? X509_new_ex(lib, NULL) : NULL;
    EVP_PKEY *key = NULL;

    /* One that does not parse is released, and becomes NULL. */
    if (cert != NULL && d2i_X509(&cert, &der, len) != NULL)
        key = X509_get_pubkey(cert);
    X509_free(cert);
    return key;
}

/* A SubjectPublicKeyInfo. */
static EVP_PKEY *key_of_info(const unsigned char *der, long len)
{
    OSSL_LIB_CTX *lib = ossl_context();

    return lib != NULL ? d2i_PUBKEY_ex(NULL, &der, len, lib, NULL) : NULL;
}

/* The key in a PEM block; NULL if its label or content is not one that is read. */
static EVP_PKEY *key_of_pem(const struct pem *p)
{
    const unsigned char *der = p->data;

    if (strcmp(p->label, PEM_STRING_PUBLIC) == 0)
        return key_of_info(der, p->len);
    if (strcmp(p->label, PEM_STRING_RSA_PUBLIC) == 0)
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, p->len);
    if (strcmp(p->label, PEM_STRING_X509) == 0 || strcmp(p->label, PEM_STRING_X509_OLD) == 0)
        return key_of_certificate(der, p->len);
    return NULL;
}

/* The first PEM block of the file decides; without one, the file may be DER. */
static bool decode_key(struct view file, const char *name, EVP_PKEY **ret, struct ens_err *err)
{
    ENS_CLEANUP(bio_freep) BIO *bio = BIO_new_mem_buf(file.data, (int)file.len);
    ENS_CLEANUP(pem_free) struct pem p = {0};
    const unsigned char *der = file.data;
    EVP_PKEY *key = NULL;

    if (bio == NULL)
        return ossl_fail(err, ENS_RESOURCE, "%s: OpenSSL cannot read it", name);
    bool is_pem = PEM_read_bio(bio, &p.label, &p.header, &p.data, &p.len) == 1;

    if (is_pem && strstr(p.label, "PRIVATE KEY") != NULL) {
        OPENSSL_cleanse(p.data, (size_t)p.len);
        return ens_fail(err, ENS_DATA, "%s: holds a private key: give the public one (openssl pkey -pubout)",
                        name);
    }
    key = is_pem ? key_of_pem(&p) : key_of_info(der, (long)file.len);
    ossl_clear();
    if (key == NULL)
        return ens_fail(
            err, ENS_DATA,
            "%s: is not a public key: give PEM (PUBLIC KEY, RSA PUBLIC KEY) or an X.509 certificate", name);
    *ret = key;
    return true;
}

bool rsa3072_read_pubkey(struct view file, const char *name, struct pubkey *ret, struct ens_err *err)
{
    ENS_CLEANUP(pkey_freep) EVP_PKEY *key = NULL;
    ENS_CLEANUP(bn_freep) BIGNUM *n = NULL;
    ENS_CLEANUP(bn_freep) BIGNUM *e = NULL;

    if (file.len == 0)
        return ens_fail(err, ENS_DATA, "%s: is empty: give a public key", name);
    if (file.len > RSA3072_KEY_FILE_MAX)
        return ens_fail(err, ENS_DATA, "%s: has more than %d bytes: give one public key", name,
                        RSA3072_KEY_FILE_MAX);
    if (!decode_key(file, name, &key, err))
        return false;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return ens_fail(err, ENS_DATA,
                        "%s: is not an RSA key: SGX signers have RSA keys of 3072 bits with e = 3", name);
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
        return ossl_fail(err, ENS_DATA, "%s: OpenSSL does not give its numbers", name);
    if (BN_num_bits(n) != PUBKEY_BITS)
        return ens_fail(err, ENS_DATA,
                        "%s: the RSA key has %d bits: SGX demands 3072, make a new key with keygen", name,
                        BN_num_bits(n));
    if (!BN_is_word(e, PUBKEY_EXPONENT))
        return ens_fail(err, ENS_DATA,
                        "%s: the RSA key has exponent %lu: SGX demands 3, make a new key with keygen", name,
                        (unsigned long)BN_get_word(e));
    if (!BN_is_odd(n) || BN_bn2binpad(n, ret->modulus, PUBKEY_SIZE) != PUBKEY_SIZE)
        return ens_fail(err, ENS_DATA, "%s: the modulus is even: this is not an RSA key", name);
    return true;
}

bool rsa3072_recognise(struct view file)
{
    static const uint8_t begin[] = "-----BEGIN ";

    if (file.len == 0 || file.len > RSA3072_KEY_FILE_MAX)
        return false;
    if (file.len > 4 && file.data[0] == 0x30 && file.data[1] == 0x82)
        return true;
    return memmem(file.data, file.len, begin, sizeof begin - 1) != NULL;
}

/* The key as OpenSSL's object; the caller releases it. */
static EVP_PKEY *to_pkey(const struct pubkey *key)
{
    uint8_t n_native[PUBKEY_SIZE];
    unsigned e = PUBKEY_EXPONENT;
    EVP_PKEY *pkey = NULL;
    ENS_CLEANUP(bn_freep) BIGNUM *n = BN_bin2bn(key->modulus, PUBKEY_SIZE, NULL);
    OSSL_LIB_CTX *lib = ossl_context();
    ENS_CLEANUP(pkey_ctx_freep)
    EVP_PKEY_CTX *ctx = lib != NULL ? EVP_PKEY_CTX_new_from_name(lib, "RSA", NULL) : NULL;

    if (n == NULL || ctx == NULL || BN_bn2nativepad(n, n_native, sizeof n_native) != PUBKEY_SIZE)
        return NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, n_native, sizeof n_native),
        OSSL_PARAM_uint(OSSL_PKEY_PARAM_RSA_E, &e),
        OSSL_PARAM_END,
    };
    if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return pkey;
}

bool rsa3072_write_pubkey(const struct pubkey *key, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(pkey_freep) EVP_PKEY *pkey = to_pkey(key);
    ENS_CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (pkey == NULL || bio == NULL || PEM_write_bio_PUBKEY(bio, pkey) != 1)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot write the public key");
    long len = BIO_get_mem_data(bio, &text);

    return buf_append(ret, view_of(text, (size_t)len), err);
}

bool rsa3072_write_spki(const struct pubkey *key, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(pkey_freep) EVP_PKEY *pkey = to_pkey(key);
    unsigned char *der = NULL;
    int len = pkey != NULL ? i2d_PUBKEY(pkey, &der) : -1;

    if (len <= 0)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot write the public key");
    bool ok = buf_append(ret, view_of(der, (size_t)len), err);

    OPENSSL_free(der);
    return ok;
}

bool rsa3072_spki_digest(const struct pubkey *key, uint8_t ret[static 32], struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf der = {0};

    return rsa3072_write_spki(key, &der, err) && digest_of(DIGEST_SHA256, buf_view(&der), ret, err);
}
