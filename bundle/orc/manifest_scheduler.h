/* The rules of the ROFL scheduler's own manifest parser, which is stricter than oasis-core. */
#pragma once

#include "bundle/orc/bundle.h"

/* Gives every reason why the scheduler refuses the JSON tree `root` (of manifest_load): unknown or missing
 * fields, values outside its types, components that it does not run. */
bool manifest_scheduler_check(const void *root, const struct bundle_reasons *reasons,
                              struct ens_err *err) ENS_MUST_CHECK;
