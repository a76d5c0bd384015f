/* A self-signed X.509 certificate of a signer's key, for programs that take a public key in no other form
 * (oesign sign -x). It says nothing but the key: nobody is certified by it, and it certifies nobody.
 *
 * The key in the token signs it, so the bytes that are signed must never pass for sign-data. They cannot: a
 * TBSCertificate begins with 30 82 and has RSA3072_CERT_TBS_SIZE bytes, sign-data begins with 06 00 00 00 and
 * has 256. Every byte follows from the key alone; nothing is taken from a caller, a clock or a random source,
 * and so the same key gives the same certificate. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"

/* Every part has a fixed length, because the modulus has. */
#define RSA3072_CERT_TBS_SIZE    582
#define RSA3072_CERT_SERIAL_SIZE 16

/* Subject and issuer, a CN; and the validity: RFC 5280, section 4.1.2.5, has this end for "no well-defined
 * expiration date". */
#define RSA3072_CERT_NAME   "ensign enclave signer"
#define RSA3072_CERT_BEGINS "000101000000Z"
#define RSA3072_CERT_ENDS   "99991231235959Z"

/* The serial number: the first 16 bytes of MRSIGNER with 01 in place of the top two bits, so that it is
 * positive and never shorter. */
bool rsa3072_cert_serial(const struct pubkey *key, uint8_t ret[static RSA3072_CERT_SERIAL_SIZE],
                         struct ens_err *err) ENS_MUST_CHECK;

/* The TBSCertificate (RFC 5280, section 4.1), DER: version 3, sha256WithRSAEncryption, basicConstraints
 * (critical) without CA. It is what RSASSA-PKCS1-v1_5 with SHA-256 is computed over. */
bool rsa3072_cert_tbs(const struct pubkey *key, uint8_t ret[static RSA3072_CERT_TBS_SIZE],
                      struct ens_err *err) ENS_MUST_CHECK;

/* Appends the certificate of `key` with `signature` over its TBSCertificate, PEM. The PEM is read again and
 * held to key and signature before it is returned: ENS_BADSIG if the signature does not verify. */
bool rsa3072_cert_finish(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                         struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
