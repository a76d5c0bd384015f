/* --pubkey and --mrsigner: the two ways to name a signing key. */
#pragma once

#include "signer/base/err.h"
#include "signer/base/pubkey.h"

/* MRSIGNER of the key that one of them names; the other is NULL. ENS_USAGE if both are given, or --mrsigner is not a hash;
 * ENS_NOINPUT, ENS_DATA. */
bool signer_name_read(const char *pubkey, const char *text, uint8_t ret[static MRSIGNER_SIZE],
                      struct ens_err *err) ENS_MUST_CHECK;
