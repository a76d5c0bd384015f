/* What a loader asks the CPU for when it creates the enclave (SECS.ATTRIBUTES, MISCSELECT, SSAFRAMESIZE),
 * held against the SIGSTRUCT. Intel's SDK keeps these values beside the SIGSTRUCT, unmeasured: they must
 * follow it when it changes, or EINIT refuses the enclave; what is measured cannot follow. */
#pragma once

#include "signer/sgx/findings.h"
#include "signer/sgx/sigstruct.h"

struct launch {
    uint64_t attributes;
    uint64_t xfrm;
    uint32_t miscselect;
    uint32_t ssaframesize; /* pages; goes into ECREATE, measured */
};

/* Pages of one SSA frame that hold the state of these features: XSAVE area, GPR area (Intel SDM volume 1,
 * XSAVE managed features; volume 3D, SSA frame), at least one. */
uint32_t launch_ssa_pages(uint64_t xfrm);

/* What must be asked for under the SIGSTRUCT `new`, where `now` is asked for under `old`: only what `new`
 * changes follows. ENS_DATA: the change would alter a measured value, and so MRENCLAVE (the enclave has to be
 * built again). */
bool launch_follow(const struct sigstruct *old, const struct sigstruct *new, const struct launch *now,
                   struct launch *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Adds why EINIT, or ECREATE before it, refuses an enclave that is asked for like this. */
void launch_judge(const struct sigstruct *css, const struct launch *launch, struct findings *ret);
