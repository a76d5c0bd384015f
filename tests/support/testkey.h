/* The generated test key of tests/vectors/keys, with its private half: what the product must verify, refuse
 * or explain has to be signed by something that is not the product. Plain integers, so that any block at all
 * can be signed. For unit tests and fuzz targets alike: no cmocka here; what cannot happen aborts. */
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/pubkey.h"

struct testkey {
    BIGNUM *n;
    BIGNUM *d;
    struct pubkey pub;
};

/* Aborts unless `ok`. */
void testkey_need(bool ok);

/* Reads a private key; release with testkey_free. */
struct testkey testkey_read(const char *path);

struct testkey testkey_load(void);

void testkey_free(struct testkey *k);

/* block^d mod n: the signature whose cube is the block. The block is below n. */
void testkey_sign_block(const struct testkey *k, const uint8_t block[SIGNATURE_SIZE],
                        uint8_t ret[SIGNATURE_SIZE]);

/* 00 01 FF..FF 00 payload. */
void testkey_block(const uint8_t *payload, size_t len, uint8_t ret[SIGNATURE_SIZE]);

void testkey_sign_payload(const struct testkey *k, const uint8_t *payload, size_t len,
                          uint8_t ret[SIGNATURE_SIZE]);

#define TESTKEY_PAYLOAD_SIZE (19 + 32)

/* The DigestInfo of a SHA-256 digest. */
void testkey_payload(const uint8_t digest[32], uint8_t ret[TESTKEY_PAYLOAD_SIZE]);

/* RSASSA-PKCS1-v1_5 with SHA-256 over a digest. */
void testkey_sign_digest(const struct testkey *k, const uint8_t digest[32], uint8_t ret[SIGNATURE_SIZE]);
