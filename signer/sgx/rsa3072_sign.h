/* Signatures that no token makes, and that vouch for nobody: only ensign links them.
 *
 * The second signature that Intel's loader checks where an enclave has it (EnableIPPFIPS, SDK 2.24 on):
 * RSA-3072 with e = 65537, PKCS#1 v1.5 and SHA-256, over all 1808 bytes of the SIGSTRUCT. Its key is in the
 * block beside it, so that it vouches for nothing: any key will do. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/sgx/layout.h"

/* Makes the block, MODULUS and EXPONENT little-endian, SIGNATURE big-endian, always with the same published key: the same SIGSTRUCT gives the same bytes. */
bool rsa3072_fips_sign(struct view sigstruct, uint8_t ret[static FIPS_SIZE],
                       struct ens_err *err) ENS_MUST_CHECK;

/* `*ret_ok` is true if the block verifies under the key in it; false is not an error. */
bool rsa3072_fips_verify(struct view sigstruct, const uint8_t block[static FIPS_SIZE], bool *ret_ok,
                         struct ens_err *err) ENS_MUST_CHECK;

/* Makes a key, signs `digest`, throws the private half away. For enclaves whose signer does not matter. */
bool rsa3072_sign_ephemeral(const uint8_t digest[static 32], struct pubkey *ret_key,
                            uint8_t ret_signature[static SIGNATURE_SIZE], struct ens_err *err) ENS_MUST_CHECK;
