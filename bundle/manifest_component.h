/* One component of a manifest. `object` and `root` are objects of the JSON tree, into which the results
 * point. ENS_DATA naming the field and the rule, ENS_RESOURCE. */
#pragma once

#include "bundle/bundle.h"

/* Reads a component into the zeroed `c`. Release it with manifest_component_release, in failure as well. */
bool manifest_component_read(const void *object, struct bundle_component *c,
                             struct ens_err *err) ENS_MUST_CHECK;

/* The same of the executable and sgx that an old manifest has at its top level; `c->id` stays NULL where it
 * has none. */
bool manifest_component_legacy(const void *root, struct bundle_component *c,
                               struct ens_err *err) ENS_MUST_CHECK;
void manifest_component_release(struct bundle_component *c);

/* The field `version` of an object; zero where absent. */
bool manifest_component_version(const void *object, struct bundle_version *ret,
                                struct ens_err *err) ENS_MUST_CHECK;
