/* The signed fields, from wherever the command line says they come. */
#pragma once

#include "signer/cmd/cmd.h"
#include "signer/sgx/sigstruct.h"

/* The SIGSTRUCT inside any container (a bundle's component `id`, a raw SIGSTRUCT, sign-data). */
bool fields_of_container(const char *path, const char *id, struct sigstruct *ret,
                         struct ens_err *err) ENS_MUST_CHECK;

/* Is the file a SIGSTRUCT or sign-data by itself, without an enclave? */
bool fields_is_container(const char *path, bool *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Reads a sign-data file: exactly 256 bytes, strictly. */
bool fields_of_signdata(const char *path, struct sigstruct *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Builds the fields from the SIGSTRUCT options, --from and the date, for an enclave with this MRENCLAVE;
 * refuses unusual ones unless --allow-unusual. All unsigned fields are zero. */
bool fields_of_options(const struct args *args, const uint8_t mrenclave[static MRENCLAVE_SIZE],
                       struct sigstruct *ret, struct ens_err *err) ENS_MUST_CHECK;
