/* The manifest hash: what a chain records of a bundle (bundle_checksum), and the recommended file name.
 * SHA-512/256 over the known fields in canonical CBOR (RFC 7049, section 3.9). */
#pragma once

#include "signer/base/bytes.h"

/* Hashes the JSON tree `root` (of manifest_load). The rules of components need not hold; texts that must be
 * binary (id, digests, identity) are ENS_DATA if they are not. */
bool manifest_hash_of(const void *root, uint8_t ret[static 32], struct ens_err *err) ENS_MUST_CHECK;
