/* A key for fuzz targets that sign at every run: its modulus is the product of the 96 largest primes of 32
 * bits for which 3 has an inverse, so that a cube root takes microseconds. Whoever verifies sees an odd
 * number of 3072 bits and e = 3, as ever. It guards nothing: everybody can take the product apart. */
#pragma once

#include "tests/support/testkey.h"

#define FUZZKEY_PRIMES 96

struct fuzzkey {
    uint32_t prime[FUZZKEY_PRIMES];
    uint32_t exponent[FUZZKEY_PRIMES]; /* 1/3 mod (prime - 1) */
    BIGNUM *unit[FUZZKEY_PRIMES];      /* 1 mod prime, 0 mod the others */
    BIGNUM *n;
    BN_CTX *ctx;
    struct pubkey pub;
};

struct fuzzkey fuzzkey_make(void);

/* The signature whose cube is the block. The block is below n. */
void fuzzkey_sign_block(const struct fuzzkey *k, const uint8_t block[SIGNATURE_SIZE],
                        uint8_t ret[SIGNATURE_SIZE]);

void fuzzkey_sign_payload(const struct fuzzkey *k, const uint8_t *payload, size_t len,
                          uint8_t ret[SIGNATURE_SIZE]);

/* RSASSA-PKCS1-v1_5 with SHA-256 over a digest. */
void fuzzkey_sign_digest(const struct fuzzkey *k, const uint8_t digest[32], uint8_t ret[SIGNATURE_SIZE]);
