/* --rebuilt: the reviewer's own build of the enclave, held against the sign-data. Apart from approve.c, which
 * reads no bundle. */
#pragma once

#include "signer/cmd/cmd.h"
#include "signer/sgx/sigstruct.h"

/* Measures args->rebuilt (the component args->component) and compares MRENCLAVE with ENCLAVEHASH of `css`;
 * ENS_DATA with both values where they differ. Without --rebuilt nothing is done. */
bool rebuilt_check(const struct args *args, const struct sigstruct *css, struct ens_err *err) ENS_MUST_CHECK;
