/* The profiles of verify: what one consumer of a bundle or SIGSTRUCT refuses. */
#pragma once

#include "signer/flow/enclave.h"
#include "signer/flow/verdict.h"

enum profile {
    PROFILE_CPU,            /* EINIT; also if no profile is named */
    PROFILE_CORE,           /* oasis-core */
    PROFILE_REGISTRY,       /* oasis-core's bundle registry: downloads by manifest hash */
    PROFILE_ROFL_SCHEDULER, /* the ROFL scheduler */
};

/* NULL: PROFILE_CPU. ENS_USAGE for an unknown name. */
bool profile_parse(const char *name, enum profile *ret, struct ens_err *err) ENS_MUST_CHECK;

/* What the consumer says of a SIGSTRUCT. */
bool profile_sigstruct(enum profile p, const char *object, const struct sigstruct *css, struct verdict *v,
                       struct ens_err *err) ENS_MUST_CHECK;

/* What it says of a bundle that oasis-core opens, beyond its SIGSTRUCTs. */
bool profile_bundle(enum profile p, const char *path, struct bundle *b, const struct enclave_set *set,
                    struct verdict *v, struct ens_err *err) ENS_MUST_CHECK;
