/* Sealing, by OpenSSL's EVP. */
#include "signer/quorum/seal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "signer/quorum/card.h"

#define KEY_BITS 3072 /* of new sealing keys */

struct seal_key {
    EVP_PKEY *pkey;
    struct quorum_card card;
};

static void seal_pkey_freep(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}

static void seal_ctx_freep(EVP_PKEY_CTX **c)
{
    EVP_PKEY_CTX_free(*c);
}

static void cipher_freep(EVP_CIPHER **c)
{
    EVP_CIPHER_free(*c);
}

static void cipher_ctx_freep(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c);
}

static void kdf_freep(EVP_KDF **k)
{
    EVP_KDF_free(*k);
}

static void kdf_ctx_freep(EVP_KDF_CTX **c)
{
    EVP_KDF_CTX_free(*c);
}

static void pkcs8_freep(PKCS8_PRIV_KEY_INFO **p)
{
    PKCS8_PRIV_KEY_INFO_free(*p);
}

static bool fail_library(struct ens_err *err)
{
    return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot seal");
}

/* ---- AES-256-GCM ---- */

/* Encrypts or decrypts `len` bytes, whose tag stands behind the ciphertext. *ret_fits false: the tag does not fit. */
static bool gcm(bool encrypts, const struct secret *key, struct view aad, const uint8_t *in, uint8_t *ret,
                size_t len, bool *ret_fits, struct ens_err *err)
{
    static const uint8_t iv[12];
    ENS_CLEANUP(cipher_freep) EVP_CIPHER *cipher = EVP_CIPHER_fetch(ossl_context(), "AES-256-GCM", NULL);
    ENS_CLEANUP(cipher_ctx_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t tag[QUORUM_TAG];
    int done = 0;
    int rest = 0;

    if (cipher == NULL || c == NULL || key->len != SEAL_FILE_KEY ||
        EVP_CipherInit_ex2(c, cipher, (const uint8_t *)key->data, iv, encrypts, NULL) != 1 ||
        EVP_CipherUpdate(c, NULL, &done, aad.data, (int)aad.len) != 1 ||
        EVP_CipherUpdate(c, ret, &done, in, (int)len) != 1 || (size_t)done != len)
        return fail_library(err);
    if (!encrypts) {
        memcpy(tag, in + len, sizeof tag);
        if (EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1)
            return fail_library(err);
    }
    *ret_fits = EVP_CipherFinal_ex(c, ret + done, &rest) == 1;
    if (encrypts && (!*ret_fits || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, sizeof tag, ret + len) != 1))
        return fail_library(err);
    ossl_clear();
    return true;
}

/* ---- RSAES-OAEP ---- */

static bool oaep_context(EVP_PKEY *pkey, enum quorum_oaep oaep, bool encrypts, EVP_PKEY_CTX **ret)
{
    char mode[] = OSSL_PKEY_RSA_PAD_MODE_OAEP;
    char sha1[] = "SHA1";
    char sha256[] = "SHA256";
    char *hash = oaep == QUORUM_OAEP_SHA1 ? sha1 : sha256;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, mode, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, hash, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, hash, 0),
        OSSL_PARAM_construct_end(),
    };

    *ret = EVP_PKEY_CTX_new_from_pkey(ossl_context(), pkey, NULL);
    return *ret != NULL &&
           (encrypts ? EVP_PKEY_encrypt_init_ex(*ret, params) : EVP_PKEY_decrypt_init_ex(*ret, params)) == 1;
}

bool seal_wrap(const struct quorum_card *to, struct view plain, uint8_t ret[static QUORUM_WRAPPED_MAX],
               unsigned *ret_len, struct ens_err *err)
{
    const uint8_t *at = to->spki;
    ENS_CLEANUP(seal_pkey_freep) EVP_PKEY *pkey = d2i_PUBKEY_ex(NULL, &at, to->size, ossl_context(), NULL);
    ENS_CLEANUP(seal_ctx_freep) EVP_PKEY_CTX *c = NULL;
    size_t len = QUORUM_WRAPPED_MAX;

    if (pkey == NULL || !oaep_context(pkey, to->oaep, true, &c) ||
        EVP_PKEY_encrypt(c, ret, &len, plain.data, plain.len) != 1)
        return fail_library(err);
    *ret_len = (unsigned)len;
    return true;
}

bool seal_key_unwrap(const struct seal_key *key, enum quorum_oaep oaep, struct view wrapped,
                     struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(seal_ctx_freep) EVP_PKEY_CTX *c = NULL;
    ENS_CLEANUP(secret_wipe) struct secret plain = {0};
    size_t len = QUORUM_WRAPPED_MAX;

    if (!oaep_context(key->pkey, oaep, false, &c))
        return fail_library(err);
    if (!secret_alloc_size(&plain, len, err))
        return false;
    if (EVP_PKEY_decrypt(c, (uint8_t *)plain.data, &len, wrapped.data, wrapped.len) != 1 ||
        len > SEAL_FILE_KEY)
        return ossl_fail(err, ENS_DATA, "wrapped: was not made for this key");
    plain.len = len;
    *ret = plain;
    plain = (struct secret){0};
    return true;
}

/* ---- pieces ---- */

bool seal_box(enum quorum_kind kind, const void *doc, struct quorum_sealed *box, const struct quorum_card *to,
              const struct quorum_pieces *pieces, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret key = {0};
    ENS_CLEANUP(buf_free) struct buf head = {0};
    bool fits = false;

    memcpy(box->key, to->key, sizeof box->key);
    box->bits = to->bits;
    box->oaep = to->oaep;
    box->pieces = pieces->count;
    if (!secret_alloc(&key, err))
        return false;
    key.len = SEAL_FILE_KEY;
    if (RAND_priv_bytes_ex(ossl_context(), (uint8_t *)key.data, key.len, 0) != 1)
        return fail_library(err);
    return seal_wrap(to, view_of(key.data, key.len), box->wrapped, &box->wrapped_len, err) &&
           formats_head(kind, doc, &head, err) &&
           gcm(true, &key, buf_view(&head), (const uint8_t *)pieces->bytes.data, box->sealed,
               pieces->bytes.len, &fits, err);
}

bool seal_open_box(enum quorum_kind kind, const void *doc, const struct quorum_sealed *box,
                   const struct secret *file_key, struct quorum_pieces *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret plain = {0};
    ENS_CLEANUP(buf_free) struct buf head = {0};
    size_t len = (size_t)box->pieces * QUORUM_PIECE;
    bool fits = false;

    if (file_key->len != SEAL_FILE_KEY)
        return ens_fail(err, ENS_DATA, "wrapped: is not a file key");
    if (!formats_head(kind, doc, &head, err) || !secret_alloc_size(&plain, len, err) ||
        !gcm(false, file_key, buf_view(&head), box->sealed, (uint8_t *)plain.data, len, &fits, err))
        return false;
    if (!fits)
        return ens_fail(err, ENS_DATA,
                        "sealed: is not what was sealed: the file was put together from others");
    plain.len = len;
    *ret = (struct quorum_pieces){.bytes = plain, .count = box->pieces};
    plain = (struct secret){0};
    return true;
}

/* ---- identities ---- */

static bool stretch(const struct quorum_identity *i, const struct secret *passphrase, struct secret *ret,
                    struct ens_err *err)
{
    ENS_CLEANUP(kdf_freep) EVP_KDF *kdf = EVP_KDF_fetch(ossl_context(), "SCRYPT", NULL);
    ENS_CLEANUP(kdf_ctx_freep) EVP_KDF_CTX *c = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    uint8_t salt[sizeof i->salt];
    uint64_t n = UINT64_C(1) << i->log2n;
    uint64_t room = UINT64_C(2) << 30;
    uint32_t r = 8;
    uint32_t p = 1;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, passphrase->data, passphrase->len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof salt),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &room),
        OSSL_PARAM_construct_end(),
    };

    memcpy(salt, i->salt, sizeof salt);
    if (!secret_alloc(ret, err))
        return false;
    ret->len = SEAL_FILE_KEY;
    return (c != NULL && EVP_KDF_derive(c, (uint8_t *)ret->data, ret->len, params) == 1) ||
           ossl_fail(err, ENS_RESOURCE, "scrypt needs %u MiB of memory", 1U << (i->log2n - 10));
}

/* PKCS#8 in plain memory is wiped by OpenSSL when it is released. */
static bool put_pkcs8(const EVP_PKEY *pkey, struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(pkcs8_freep) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(pkey);
    int len = p8 != NULL ? i2d_PKCS8_PRIV_KEY_INFO(p8, NULL) : 0;

    if (len < QUORUM_PKCS8_MIN || len > QUORUM_PKCS8_MAX)
        return fail_library(err);
    if (!secret_alloc_size(ret, (size_t)len, err))
        return false;
    uint8_t *at = (uint8_t *)ret->data;

    ret->len = (size_t)len;
    return i2d_PKCS8_PRIV_KEY_INFO(p8, &at) == len || fail_library(err);
}

static bool get_pkcs8(struct view der, EVP_PKEY **ret, struct ens_err *err)
{
    const uint8_t *at = der.data;
    ENS_CLEANUP(pkcs8_freep) PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);

    *ret = p8 != NULL && at == der.data + der.len ? EVP_PKCS82PKEY_ex(p8, ossl_context(), NULL) : NULL;
    return *ret != NULL || ossl_fail(err, ENS_DATA, "holds no PKCS#8 key");
}

/* The public half, in bounds. */
static bool public_half(const EVP_PKEY *pkey, struct quorum_card *ret, struct ens_err *err)
{
    int len = i2d_PUBKEY(pkey, NULL);
    uint8_t *at = ret->spki;

    if (len < QUORUM_SPKI_MIN || len > QUORUM_SPKI_MAX || i2d_PUBKEY(pkey, &at) != len)
        return ossl_fail(err, ENS_DATA, "holds no RSA key of %d to %d bits", QUORUM_BITS_MIN,
                         QUORUM_BITS_MAX);
    ret->size = (unsigned)len;
    return card_read_key(ret, err);
}

static bool generate_sealing_key(EVP_PKEY **ret, struct ens_err *err)
{
    ENS_CLEANUP(seal_ctx_freep) EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(ossl_context(), "RSA", NULL);
    size_t bits = KEY_BITS;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits), /* e = 65537 unless it is given */
        OSSL_PARAM_construct_end(),
    };

    return (c != NULL && EVP_PKEY_keygen_init(c) == 1 && EVP_PKEY_CTX_set_params(c, params) == 1 &&
            EVP_PKEY_generate(c, ret) == 1) ||
           ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot make a key");
}

bool seal_identity_new(const struct secret *passphrase, unsigned log2n, struct quorum_identity *ret,
                       struct quorum_card *ret_card, struct ens_err *err)
{
    ENS_CLEANUP(seal_pkey_freep) EVP_PKEY *pkey = NULL;
    ENS_CLEANUP(secret_wipe) struct secret key = {0};
    ENS_CLEANUP(secret_wipe) struct secret der = {0};
    ENS_CLEANUP(buf_free) struct buf head = {0};
    bool fits = false;

    if (passphrase->len < SEAL_PASSPHRASE_MIN)
        return ens_fail(err, ENS_DATA, "the passphrase has %zu bytes: give %d at least", passphrase->len,
                        SEAL_PASSPHRASE_MIN);
    if (!generate_sealing_key(&pkey, err) || !public_half(pkey, ret_card, err) || !put_pkcs8(pkey, &der, err))
        return false;
    ret->log2n = log2n;
    ret->size = (unsigned)der.len;
    if (RAND_bytes_ex(ossl_context(), ret->salt, sizeof ret->salt, 0) != 1)
        return fail_library(err);
    return stretch(ret, passphrase, &key, err) && quorum_head(ret, &head, err) &&
           gcm(true, &key, buf_view(&head), (const uint8_t *)der.data, ret->sealed, der.len, &fits, err);
}

bool seal_identity_open(const struct quorum_identity *i, const struct secret *passphrase,
                        struct seal_key **ret, struct ens_err *err)
{
    ENS_CLEANUP(seal_key_freep) struct seal_key *k = mem_alloc(1, sizeof *k, err);
    ENS_CLEANUP(secret_wipe) struct secret key = {0};
    ENS_CLEANUP(secret_wipe) struct secret der = {0};
    ENS_CLEANUP(buf_free) struct buf head = {0};
    bool fits = false;

    if (k == NULL || !stretch(i, passphrase, &key, err) || !quorum_head(i, &head, err) ||
        !secret_alloc_size(&der, i->size, err) ||
        !gcm(false, &key, buf_view(&head), i->sealed, (uint8_t *)der.data, i->size, &fits, err))
        return false;
    if (!fits)
        return ens_fail(err, ENS_PIN, "the passphrase does not open it");
    if (!get_pkcs8(view_of(der.data, i->size), &k->pkey, err) || !public_half(k->pkey, &k->card, err))
        return false;
    *ret = ens_take(k);
    return true;
}

void seal_key_freep(struct seal_key **key)
{
    if (*key == NULL)
        return;
    EVP_PKEY_free((*key)->pkey);
    mem_free(*key);
    *key = NULL;
}

const struct quorum_card *seal_key_card(const struct seal_key *key)
{
    return &key->card;
}
