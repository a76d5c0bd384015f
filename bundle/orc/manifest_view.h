/* From the JSON tree of a manifest to struct bundle_info: each type and range, and the rules of components. */
#pragma once

#include "bundle/orc/bundle.h"

struct manifest_digest {
    const char *name;
    uint8_t digest[32];
};

struct manifest_view {
    struct bundle_info info;             /* without what the archive says */
    struct bundle_component *components; /* info.components, owned */
    struct manifest_digest *digests;     /* sorted by name, bytewise */
    size_t digests_len;
};

/* Reads `root` (a tree of manifest_load), into which the view points: it must live longer. ENS_DATA naming
 * the field and the rule, ENS_RESOURCE. */
bool manifest_view_of(const void *root, struct manifest_view **ret, struct ens_err *err) ENS_MUST_CHECK;
void manifest_view_freep(struct manifest_view **v);
