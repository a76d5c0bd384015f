/* RSA-3072 with e = 3 in plain integers. Reading and making keys is in rsa3072_key.c. */
#include "signer/sgx/rsa3072.h"

#include <openssl/bn.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/base/ossl.h"

static void bn_ctx_freep(BN_CTX **ctx)
{
    BN_CTX_free(*ctx);
}

static void bn_freep(BIGNUM **n)
{
    BN_free(*n);
}

static BIGNUM *bn_of(const uint8_t bytes[static SIGNATURE_SIZE])
{
    return BN_bin2bn(bytes, SIGNATURE_SIZE, NULL);
}

static bool bn_failed(struct ens_err *err)
{
    return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot compute with 3072-bit numbers");
}

void rsa3072_encode(const uint8_t digest[static 32], uint8_t ret_block[static SIGNATURE_SIZE])
{
    /* DigestInfo of SHA-256 up to the digest (RFC 8017, section 9.2, note 1). */
    static const uint8_t info[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                     0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t *tail = ret_block + SIGNATURE_SIZE - sizeof info - 32;

    memset(ret_block, 0xff, SIGNATURE_SIZE);
    ret_block[0] = 0x00;
    ret_block[1] = 0x01;
    tail[-1] = 0x00;
    memcpy(tail, info, sizeof info);
    memcpy(tail + sizeof info, digest, 32);
}

bool rsa3072_mrsigner(const struct pubkey *key, uint8_t ret[static MRSIGNER_SIZE], struct ens_err *err)
{
    uint8_t little_endian[PUBKEY_SIZE];

    bytes_reverse(little_endian, key->modulus, PUBKEY_SIZE);
    return digest_of(DIGEST_SHA256, view_of(little_endian, sizeof little_endian), ret, err);
}

bool rsa3072_recover(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                     uint8_t ret_block[static SIGNATURE_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(bn_ctx_freep) BN_CTX *ctx = BN_CTX_new();
    ENS_CLEANUP(bn_freep) BIGNUM *n = bn_of(key->modulus);
    ENS_CLEANUP(bn_freep) BIGNUM *s = bn_of(signature);
    ENS_CLEANUP(bn_freep) BIGNUM *m = BN_new();

    if (ctx == NULL || n == NULL || s == NULL || m == NULL || BN_is_zero(n))
        return bn_failed(err);
    if (BN_mod_sqr(m, s, n, ctx) != 1 || BN_mod_mul(m, m, s, n, ctx) != 1)
        return bn_failed(err);
    if (BN_bn2binpad(m, ret_block, SIGNATURE_SIZE) != SIGNATURE_SIZE)
        return bn_failed(err);
    return true;
}

bool rsa3072_verify(const struct pubkey *key, const uint8_t digest[static 32],
                    const uint8_t signature[static SIGNATURE_SIZE], bool *ret_ok, struct ens_err *err)
{
    uint8_t want[SIGNATURE_SIZE];
    uint8_t got[SIGNATURE_SIZE];

    if (!rsa3072_recover(key, signature, got, err))
        return false;
    rsa3072_encode(digest, want);
    *ret_ok = memcmp(signature, key->modulus, SIGNATURE_SIZE) < 0 && memcmp(want, got, SIGNATURE_SIZE) == 0;
    return true;
}

/* q1 = s^2 / n; q2 = s * (s^2 mod n) / n, which equals floor((s^3 - q1 s n) / n). */
static bool compute_q1q2(const BIGNUM *s, const BIGNUM *n, BIGNUM *q1, BIGNUM *q2, BN_CTX *ctx)
{
    ENS_CLEANUP(bn_freep) BIGNUM *square = BN_new();
    ENS_CLEANUP(bn_freep) BIGNUM *rest = BN_new();

    return square != NULL && rest != NULL && BN_sqr(square, s, ctx) == 1 &&
           BN_div(q1, rest, square, n, ctx) == 1 && BN_mul(square, s, rest, ctx) == 1 &&
           BN_div(q2, NULL, square, n, ctx) == 1;
}

bool rsa3072_q1q2(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                  uint8_t ret_q1[static SIGNATURE_SIZE], uint8_t ret_q2[static SIGNATURE_SIZE], bool *ret_fit,
                  struct ens_err *err)
{
    ENS_CLEANUP(bn_ctx_freep) BN_CTX *ctx = BN_CTX_new();
    ENS_CLEANUP(bn_freep) BIGNUM *n = bn_of(key->modulus);
    ENS_CLEANUP(bn_freep) BIGNUM *s = bn_of(signature);
    ENS_CLEANUP(bn_freep) BIGNUM *q1 = BN_new();
    ENS_CLEANUP(bn_freep) BIGNUM *q2 = BN_new();

    if (ctx == NULL || n == NULL || s == NULL || q1 == NULL || q2 == NULL || BN_is_zero(n))
        return bn_failed(err);
    if (!compute_q1q2(s, n, q1, q2, ctx))
        return bn_failed(err);
    memset(ret_q1, 0, SIGNATURE_SIZE);
    memset(ret_q2, 0, SIGNATURE_SIZE);
    *ret_fit = BN_num_bytes(q1) <= SIGNATURE_SIZE && BN_num_bytes(q2) <= SIGNATURE_SIZE;
    if (*ret_fit && (BN_bn2binpad(q1, ret_q1, SIGNATURE_SIZE) != SIGNATURE_SIZE ||
                     BN_bn2binpad(q2, ret_q2, SIGNATURE_SIZE) != SIGNATURE_SIZE))
        return bn_failed(err);
    return true;
}
