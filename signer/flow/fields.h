/* The signed fields, from wherever the command line says they come. */
#pragma once

#include "signer/flow/enclave.h"
#include "signer/sgx/sigstruct.h"
#include "signer/sgx/params.h"
#include "signer/ui/notice.h"
#include "signer/ui/options.h"

/* What commands that choose fields take. */
struct fields_options {
    struct params params;
    const char *from;
    const char *component;
    bool allow_large;
};
extern const struct option fields_rows[];

/* The SIGSTRUCT inside any container (in a bundle, of `component`, see enclave_open), or the fields of sign-data. Adds to
 * `ret_notices` that no enclave is measured, and warnings for what is wrong with the container around it and
 * for a signature that does not verify. */
bool fields_of_container(const char *path, const char *component, struct sigstruct *ret,
                         struct notices *ret_notices, struct ens_err *err) ENS_MUST_CHECK;

/* What new fields start from must be what was signed: ENS_DATA if `css`, of the file `path`, has a
 * signature that does not verify. */
bool fields_check_signed(const struct sigstruct *css, const char *path, struct ens_err *err) ENS_MUST_CHECK;

/* Reads a sign-data file: exactly 256 bytes, strictly. */
bool fields_in_signdata(const struct artifact *a, struct sigstruct *ret, struct ens_err *err) ENS_MUST_CHECK;

/* An enclave in a file of its SDK was signed before, and its loader knows the values that it was signed with:
 * new fields start from them. ENS_USAGE if no --from says so. */
bool fields_check_from(const struct fields_options *o, const struct enclave *e,
                       struct ens_err *err) ENS_MUST_CHECK;

/* The fields of --from, which is given, through their signed bytes: nothing unsigned comes along. `ret_notices` is that of
 * fields_of_container, but for the signature, which must verify. `measured` is the file whose enclave is
 * measured anyway: if it is that of --from, its descriptor (-1: it has none) is read, or taken over, and nothing is
 * opened. */
bool fields_of_from(const struct fields_options *o, struct artifact *measured, struct sigstruct *ret,
                    struct notices *ret_notices, struct ens_err *err) ENS_MUST_CHECK;

/* Builds the fields of an enclave with this MRENCLAVE: those of `from` (NULL: the defaults), then what the
 * SIGSTRUCT options say; DATE is `today` (BCD) where neither gives one. Refuses unusual ones unless
 * --allow-unusual. Only the signed fields of `from` are taken. */
bool fields_build(const struct fields_options *o, const struct sigstruct *from, uint32_t today,
                  const uint8_t mrenclave[static MRENCLAVE_SIZE], struct sigstruct *ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* Builds the fields from the SIGSTRUCT options, --from or what the author of the enclave wrote beside it (`site`; NULL:
 * nothing), and the date, for an enclave with this MRENCLAVE; refuses unusual ones unless --allow-unusual. All unsigned fields are zero. `ret_from` gets the fields of
 * --from, if it is given, `measured` and `ret_notices` are those of fields_of_from. */
bool fields_of_options(const struct fields_options *o, struct artifact *measured, const struct site *site,
                       const uint8_t mrenclave[static MRENCLAVE_SIZE], struct sigstruct *ret,
                       struct sigstruct *ret_from, struct notices *ret_notices,
                       struct ens_err *err) ENS_MUST_CHECK;
