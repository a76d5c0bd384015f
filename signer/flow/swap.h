/* Is memory of this host written to a disk? */
#pragma once

#include "signer/base/err.h"

/* Is a swap device or file in use? ENS_IO. */
bool swap_is_used(bool *ret, struct ens_err *err) ENS_MUST_CHECK;
