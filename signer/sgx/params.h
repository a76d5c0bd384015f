/* The values that a signer chooses: from the SIGSTRUCT options of the command line to the signed fields, and
 * the rules that those fields keep. Option names, defaults and inverse masks are those of orc 0.3.0, so that
 * the same options give the same bytes. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/sgx/findings.h"
#include "signer/sgx/sigstruct.h"

/* The options as they were typed; NULL or false: not given. */
struct params {
    const char *date;
    const char *swdefined;
    const char *isvprodid;
    const char *isvsvn;
    const char *miscselect; /* V/M, M inverse */
    const char *attributes; /* V/M, M inverse */
    const char *xfrm;       /* V/M, M inverse */
    const char *cet_attributes;
    const char *isvfamilyid;
    const char *isvextprodid;
    bool bit32;
    bool debug;
    bool forbid_debug;
    bool allow_unusual;
};

/* True if an option that decides a field is given. */
bool params_any(const struct params *p);

/* Gives the signed fields: those of `from` (NULL: the defaults), then what the options say. DATE is --date,
 * else that of `from`, else `today` (BCD). ENCLAVEHASH is left as it was. ENS_USAGE if an
 * option cannot be read. */
bool params_build(const struct params *p, const struct sigstruct *from, uint32_t today, struct sigstruct *ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* Adds what no signer should sign, as errors: INIT, no MODE64BIT (unless `bit32`), reserved attribute bits, XFRM
 * without x87 and SSE or with half of a feature, KSS identifiers without KSS, a VENDOR that EINIT refuses, no
 * MRENCLAVE. Looks at values, whatever their masks leave open; a rule that verify.h has as well has its name. */
void params_judge(const struct sigstruct *css, bool bit32, struct findings *ret);

/* Refuses the first of these. ENS_DATA naming field and rule. The caller leaves it out if the user said
 * --allow-unusual. */
bool params_check(const struct sigstruct *css, bool bit32, struct ens_err *err) ENS_MUST_CHECK;
