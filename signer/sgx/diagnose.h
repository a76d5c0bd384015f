/* Signature files: reading them, and explaining one that does not fit from signature^3 mod n. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/sgx/sigstruct.h"

/* Largest file that is read as a signature; text encodings of 384 bytes are well below. */
#define DIAGNOSE_FILE_MAX 4096

/* Reads a signature file: 1 to 384 bytes, big-endian, left-padded with zeros (some tools strip them). Text
 * and lengths of other key sizes are ENS_DATA, with what to do. */
bool diagnose_read_signature(struct view file, const char *name, uint8_t ret[static SIGNATURE_SIZE],
                             struct ens_err *err) ENS_MUST_CHECK;

/* Is the signature a well-formed RSASSA-PKCS1-v1_5 one with SHA-256 under this key, whatever it is over? Then
 * `ret_digest` is the SHA-256 that was signed. */
bool diagnose_signed_digest(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                            bool *ret_is, uint8_t ret_digest[static 32], struct ens_err *err) ENS_MUST_CHECK;

/* Fails always, with the reason why the signature does not fit the sign-data of `css`
 * under `key`, in one line. */
bool diagnose_fail(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                   const struct sigstruct *css, const char *name, struct ens_err *err);

/* Looks for the DATE that makes SHA-256 of the sign-data equal `digest`, among all days from 1970 to 2099:
 * that of `css`, the days before it, then those after it, the last one first, in the form that DATE has. Only DATE of `css` is changed, and only if
 * `ret_found` becomes true. */
bool diagnose_find_date(struct sigstruct *css, const uint8_t digest[static 32], bool *ret_found,
                        struct ens_err *err) ENS_MUST_CHECK;

/* Names the first field in which two sign-data differ, with both values, or says that they are equal. */
#define DIAGNOSE_TEXT_MAX 256
bool diagnose_differ(const struct sigstruct *a, const struct sigstruct *b,
                     char ret[static DIAGNOSE_TEXT_MAX]);
