/* The two digests that exist here: SHA-256 (MRENCLAVE, MRSIGNER, sign-data) and SHA-512/256 (the files
 * of an ORC bundle). The only user of EVP_MD. */
#pragma once

#include "signer/base/bytes.h"

#define DIGEST_SIZE 32

enum digest_kind {
    DIGEST_SHA256,
    DIGEST_SHA512_256, /* FIPS 180-4, section 6.7 */
};

struct digest;

/* A running digest; release with digest_freep. ENS_RESOURCE. */
bool digest_new(enum digest_kind kind, struct digest **ret, struct ens_err *err) ENS_MUST_CHECK;
bool digest_update(struct digest *d, struct view piece, struct ens_err *err) ENS_MUST_CHECK;
/* Gives the digest of all pieces; `d` takes no more pieces afterwards. */
bool digest_final(struct digest *d, uint8_t ret[static DIGEST_SIZE], struct ens_err *err) ENS_MUST_CHECK;
/* A second digest that has taken the same pieces; release it as well. */
bool digest_fork(const struct digest *d, struct digest **ret, struct ens_err *err) ENS_MUST_CHECK;
void digest_freep(struct digest **d);

/* All at once. */
bool digest_of(enum digest_kind kind, struct view v, uint8_t ret[static DIGEST_SIZE],
               struct ens_err *err) ENS_MUST_CHECK;
