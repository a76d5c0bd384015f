/* A private key in a file: its primes, if they are those of a key that can be dealt. */
#include "signer/sgx/rsa3072_private.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/ossl.h"

#define PRIME_BITS 1536
#define PRIME      (PRIME_BITS / 8)
#define APART_BITS 1436 /* |p - q| > 2^1436, or Fermat's method finds them */

struct parts {
    EVP_PKEY *key;
    BIO *bio;
    BN_CTX *ctx;
    BIGNUM *n, *e, *d, *p, *q, *a, *b; /* a, b: room */
};

static void private_free(struct parts *k)
{
    EVP_PKEY_free(k->key);
    BIO_free_all(k->bio);
    BN_free(k->n);
    BN_free(k->e);
    BN_clear_free(k->d);
    BN_clear_free(k->p);
    BN_clear_free(k->q);
    BN_clear_free(k->a);
    BN_clear_free(k->b);
    BN_CTX_free(k->ctx);
}

bool rsa3072_private_is_encrypted(struct view file)
{
    static const char pkcs8[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    static const char old[] = "\nProc-Type: 4,ENCRYPTED";

    return memmem(file.data, file.len, pkcs8, sizeof pkcs8 - 1) != NULL ||
           memmem(file.data, file.len, old, sizeof old - 1) != NULL;
}

/* OpenSSL asks for the passphrase here, and asks nobody else. */
static int give_passphrase(char *ret, int size, int writing, void *ctx)
{
    const struct secret *passphrase = ctx;

    (void)writing;
    if (passphrase == NULL || passphrase->len > (size_t)size)
        return -1;
    memcpy(ret, passphrase->data, passphrase->len);
    return (int)passphrase->len;
}

static bool open_parts(struct view file, const char *name, const struct secret *passphrase, struct parts *k,
                       struct ens_err *err)
{
    OSSL_LIB_CTX *lib = ossl_context();

    k->bio = BIO_new_mem_buf(file.data, (int)file.len);
    k->ctx = lib != NULL ? BN_CTX_secure_new_ex(lib) : NULL;
    k->n = BN_new();
    k->e = BN_new();
    k->d = BN_secure_new();
    k->p = BN_secure_new();
    k->q = BN_secure_new();
    k->a = BN_secure_new();
    k->b = BN_secure_new();
    if (k->bio == NULL || k->ctx == NULL || k->n == NULL || k->e == NULL || k->d == NULL || k->p == NULL ||
        k->q == NULL || k->a == NULL || k->b == NULL)
        return ossl_fail(err, ENS_RESOURCE, "%s: OpenSSL cannot read it", name);
    k->key =
        PEM_read_bio_PrivateKey_ex(k->bio, NULL, give_passphrase, (void *)(uintptr_t)passphrase, lib, NULL);
    if (k->key == NULL)
        return ossl_fail(err, passphrase != NULL ? ENS_PIN : ENS_DATA,
                         passphrase != NULL ? "%s: the passphrase does not open it"
                                            : "%s: is not a private key in PEM",
                         name);
    if (EVP_PKEY_get_base_id(k->key) != EVP_PKEY_RSA ||
        EVP_PKEY_get_bn_param(k->key, OSSL_PKEY_PARAM_RSA_N, &k->n) != 1 ||
        EVP_PKEY_get_bn_param(k->key, OSSL_PKEY_PARAM_RSA_E, &k->e) != 1 ||
        EVP_PKEY_get_bn_param(k->key, OSSL_PKEY_PARAM_RSA_D, &k->d) != 1 ||
        EVP_PKEY_get_bn_param(k->key, OSSL_PKEY_PARAM_RSA_FACTOR1, &k->p) != 1 ||
        EVP_PKEY_get_bn_param(k->key, OSSL_PKEY_PARAM_RSA_FACTOR2, &k->q) != 1) {
        ossl_clear();
        return ens_fail(err, ENS_DATA, "%s: is not an RSA private key of two primes", name);
    }
    return true;
}

/* Has it the bits, is it 2 mod 3, and prime? */
static bool is_prime(struct parts *k, const BIGNUM *p)
{
    return BN_num_bits(p) == PRIME_BITS && BN_mod_word(p, 3) == 2 && BN_check_prime(p, k->ctx, NULL) == 1;
}

/* 3 d = 1 mod p - 1. */
static bool fits_exponent(struct parts *k, const BIGNUM *p)
{
    return BN_copy(k->a, p) != NULL && BN_sub_word(k->a, 1) == 1 && BN_copy(k->b, k->d) != NULL &&
           BN_mul_word(k->b, 3) == 1 && BN_mod(k->b, k->b, k->a, k->ctx) == 1 && BN_is_one(k->b);
}

static bool check_parts(struct parts *k, const char *name, struct ens_err *err)
{
    if (!BN_is_word(k->e, PUBKEY_EXPONENT))
        return ens_fail(err, ENS_DATA, "%s: its public exponent is not 3: SGX demands 3", name);
    if (BN_num_bits(k->n) != PUBKEY_BITS)
        return ens_fail(err, ENS_DATA, "%s: has %d bits: SGX demands 3072", name, BN_num_bits(k->n));
    if (!is_prime(k, k->p) || !is_prime(k, k->q))
        return ens_fail(err, ENS_DATA, "%s: is not made of two primes of 1536 bits, 2 mod 3", name);
    if (BN_sub(k->a, k->p, k->q) != 1 || BN_num_bits(k->a) <= APART_BITS)
        return ens_fail(err, ENS_DATA, "%s: its primes are too near to each other: make a new key", name);
    if (BN_mul(k->a, k->p, k->q, k->ctx) != 1 || BN_cmp(k->a, k->n) != 0 || !fits_exponent(k, k->p) ||
        !fits_exponent(k, k->q))
        return ens_fail(err, ENS_DATA, "%s: its parts do not fit one another", name);
    return true;
}

bool rsa3072_private_read(struct view file, const char *name, const struct secret *passphrase,
                          struct secret *ret_primes, struct pubkey *ret_key, struct ens_err *err)
{
    ENS_CLEANUP(private_free) struct parts k = {0};
    ENS_CLEANUP(secret_wipe) struct secret primes = {0};

    if (!secret_alloc(&primes, err) || !open_parts(file, name, passphrase, &k, err) ||
        !check_parts(&k, name, err))
        return false;
    if (BN_bn2binpad(k.p, (unsigned char *)primes.data, PRIME) != PRIME ||
        BN_bn2binpad(k.q, (unsigned char *)primes.data + PRIME, PRIME) != PRIME ||
        BN_bn2binpad(k.n, ret_key->modulus, PUBKEY_SIZE) != PUBKEY_SIZE)
        return ossl_fail(err, ENS_RESOURCE, "%s: OpenSSL cannot write its numbers", name);
    primes.len = (size_t)2 * PRIME;
    *ret_primes = primes;
    primes = (struct secret){0};
    return true;
}
