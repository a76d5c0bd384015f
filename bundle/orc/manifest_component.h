/* One component of a manifest. `object` and `root` are objects of the JSON tree, into which the results
 * point. ENS_DATA naming the field and the rule, ENS_RESOURCE. */
#pragma once

#include "bundle/orc/bundle.h"

/* Reads a component into the zeroed `c`. Release it with manifest_component_release, in failure as well. */
bool manifest_component_read(const void *object, struct bundle_component *c,
                             struct ens_err *err) ENS_MUST_CHECK;

/* The executable and sgx that an old manifest has at its top level, as the component ronl: `c` and `seen` are
 * what schema_load made of schema_top. `c->id` stays NULL if it has none. */
bool manifest_component_legacy(struct bundle_component *c, unsigned seen, struct ens_err *err) ENS_MUST_CHECK;
void manifest_component_release(struct bundle_component *c);
