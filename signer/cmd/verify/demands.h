/* What the options of verify demand of every SIGSTRUCT, and what of that was checked. */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/cmd/verify/profile.h"

struct demands {
    enum profile profile;
    bool has_mrenclave, has_mrsigner, has_isvprodid, has_min_isvsvn;
    uint8_t mrenclave[MRENCLAVE_SIZE];
    uint8_t mrsigner[MRSIGNER_SIZE];
    uint64_t min_isvsvn;
    uint64_t isvprodid;
    bool forbid_debug;
    bool allow_public_key;
    bool allow_unusual;
    struct policy *policy; /* owned; its lines about fields and the signer. NULL: none */
};

void demands_free(struct demands *d);

/* Does anything that is demanded need a SIGSTRUCT? */
bool demands_need_sigstruct(const struct demands *d);

/* Adds to `v` each reason why the SIGSTRUCT of `object` is not what is demanded: by the profile, the options and the
 * policy. */
bool demands_check(const struct demands *d, const char *object, const struct sigstruct *css,
                   struct verdict *v, struct ens_err *err) ENS_MUST_CHECK;

/* The same of an MRENCLAVE alone. */
bool demands_check_mrenclave(const struct demands *d, const char *object, struct view mrenclave,
                             struct verdict *v, struct ens_err *err) ENS_MUST_CHECK;

/* What was checked of the verdict's objects, and what was not: lists of names, and in text lines below a yes. */
void demands_report(const struct demands *d, const struct verdict *v, struct report *r);
