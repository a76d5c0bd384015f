/* From fields and a signature to a finished SIGSTRUCT: what set-sig and resign share. */
#pragma once

#include "signer/base/pubkey.h"
#include "signer/sgx/sigstruct.h"

/* Puts key, signature, Q1 and Q2 into `css`. The signature has been verified under `key`; ENS_BUG where Q1
 * and Q2 then do not fit. */
bool finish_sigstruct(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                      struct sigstruct *css, struct ens_err *err) ENS_MUST_CHECK;

/* Judges the finished SIGSTRUCT that goes into the file at `path` as EINIT would, from its 1808
 * bytes alone. ENS_DATA. */
bool finish_judge(const struct sigstruct *css, const char *path, struct ens_err *err) ENS_MUST_CHECK;
