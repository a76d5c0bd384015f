/* Are these the bytes that were read before? A sum under a key that is random and leaves the process only to its forks
 * (Poly1305, RFC 8439 section 2.5): whoever changes a file meanwhile cannot choose bytes with the same sum,
 * and it costs a tenth of SHA-256. It says nothing outside of the process, and is never shown. */
#pragma once

#include "signer/base/bytes.h"

#define TIE_SIZE 16

struct tie;

/* A running sum; release with tie_freep. ENS_RESOURCE. */
bool tie_new(struct tie **ret, struct ens_err *err) ENS_MUST_CHECK;
bool tie_update(struct tie *t, struct view piece, struct ens_err *err) ENS_MUST_CHECK;
/* The sum of all pieces; `t` takes no more afterwards. Equal sums: equal bytes. */
bool tie_final(struct tie *t, uint8_t ret[static TIE_SIZE], struct ens_err *err) ENS_MUST_CHECK;
void tie_freep(struct tie **t);
