/* RSA with 3072 bits and exponent 3, in plain integers: the only user of BIGNUM, RSA and PEM. Numbers are
 * big-endian arrays of 384 bytes, as PKCS#11 and PEM hold them.
 *
 * Verification recomputes signature^3 mod n and compares all 384 bytes with the one block that
 * RSASSA-PKCS1-v1_5 allows (RFC 8017, sections 8.2.2 and 9.2). No ASN.1 is parsed: with e = 3, a lenient
 * parser is a forgery (Bleichenbacher, 2006). */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"

/* Largest file that is read as a public key or certificate chain. */
#define RSA3072_KEY_FILE_MAX 65536

/* Reads a PEM file (SubjectPublicKeyInfo, PKCS#1 RSA PUBLIC KEY, or X.509 certificate, after any prose) or
 * DER SubjectPublicKeyInfo. ENS_DATA naming `name`: no key, a private key, not RSA, not 3072 bits, e != 3. */
bool rsa3072_read_pubkey(struct view file, const char *name, struct pubkey *ret,
                         struct ens_err *err) ENS_MUST_CHECK;

/* True if the first bytes are those of a file that rsa3072_read_pubkey reads. */
bool rsa3072_recognise(struct view file);

/* Appends the key as PEM SubjectPublicKeyInfo. */
bool rsa3072_write_pubkey(const struct pubkey *key, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Appends the key as DER SubjectPublicKeyInfo (RFC 5280, section 4.1). */
bool rsa3072_write_spki(const struct pubkey *key, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* SHA-256 of that: what `openssl pkey -pubin -outform
 * DER | sha256sum` prints. */
bool rsa3072_spki_digest(const struct pubkey *key, uint8_t ret[static 32],
                         struct ens_err *err) ENS_MUST_CHECK;

/* SHA-256 of the little-endian modulus: MRSIGNER (Intel SDM, EINIT). */
bool rsa3072_mrsigner(const struct pubkey *key, uint8_t ret[static MRSIGNER_SIZE],
                      struct ens_err *err) ENS_MUST_CHECK;

/* signature^3 mod n: the block that was signed, whatever it is. */
bool rsa3072_recover(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                     uint8_t ret_block[static SIGNATURE_SIZE], struct ens_err *err) ENS_MUST_CHECK;

/* The one block that RSASSA-PKCS1-v1_5 with SHA-256 makes of `digest`: 00 01 FF*330 00 DigestInfo digest. */
void rsa3072_encode(const uint8_t digest[static 32], uint8_t ret_block[static SIGNATURE_SIZE]);

/* Is the signature below n, and signature^3 mod n the block of `digest`? `ret_ok` false is not an error. */
bool rsa3072_verify(const struct pubkey *key, const uint8_t digest[static 32],
                    const uint8_t signature[static SIGNATURE_SIZE], bool *ret_ok,
                    struct ens_err *err) ENS_MUST_CHECK;

/* q1 = floor(s^2 / n), q2 = floor((s^3 - q1 s n) / n), which EINIT uses in place of a division; zero-padded
 * to 384 bytes. If s is not below n they may not fit: `ret_fit` is false then, and the outputs are zero. */
bool rsa3072_q1q2(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                  uint8_t ret_q1[static SIGNATURE_SIZE], uint8_t ret_q2[static SIGNATURE_SIZE], bool *ret_fit,
                  struct ens_err *err) ENS_MUST_CHECK;
