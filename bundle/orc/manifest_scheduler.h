/* What the ROFL scheduler's own, stricter manifest parser refuses and oasis-core accepts. */
#pragma once

#include "bundle/orc/bundle.h"

/* Gives every reason why the scheduler refuses the JSON tree `root` (of manifest_load): unknown or missing
 * fields, values outside its types, components that it does not run. */
bool manifest_scheduler_check(const void *root, const struct bundle_reasons *reasons,
                              struct ens_err *err) ENS_MUST_CHECK;
