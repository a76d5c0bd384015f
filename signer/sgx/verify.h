/* The judge: takes the 1808 bytes of a SIGSTRUCT, and nothing else, and says everything that is wrong with
 * them by the rules of EINIT (Intel SDM volume 3D, EINIT), and what their reader should know. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/sgx/findings.h"
#include "signer/sgx/sigstruct.h"

/* Adds what is found to `ret`. SEVERITY_ERROR: EINIT refuses, or can never succeed. Fails only if OpenSSL
 * cannot compute (ENS_RESOURCE). */
bool verify_sigstruct(struct view bytes, struct findings *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The part of the above that needs no key and no signature, for sign-data. */
void verify_signed_fields(const struct sigstruct *css, struct findings *ret);

/* Did the key that it holds sign it? Looks only at the RSA signature, not at Q1, Q2 or another field. */
bool verify_signature(const struct sigstruct *css, bool *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The signer's key as the structure holds it (its fields are not judged here). */
void verify_key_of(const struct sigstruct *css, struct pubkey *ret);

/* Is the rule of a finding one that oasis-core has as well? It does not look at what the others are about. */
bool verify_is_core_rule(const char *rule);
