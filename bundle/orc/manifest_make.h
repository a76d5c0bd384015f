/* New parts of a manifest's JSON tree, in the member order that orc writes. */
#pragma once

#include "bundle/orc/bundle.h"
#include "bundle/orc/manifest_view.h"

/* A component and its files. */
struct manifest_addition {
    const char *kind;
    const char *name;  /* NULL for ronl */
    bool elf_metadata; /* the newer elf: {executable} */
    const char *executable;
    const char *sgx_executable;            /* NULL: no SGX */
    const char *sgx_signature;             /* NULL: unsigned */
    const struct manifest_digest *digests; /* of these files */
    size_t digests_len;
};

/* A tree with name, id, version, no component, and digests that are null until there is one, as in orc;
 * release with manifest_load_free. `name` is UTF-8. ENS_RESOURCE. */
bool manifest_make(const char *name, const uint8_t id[static 32], struct bundle_version version,
                   void **ret_root, struct ens_err *err) ENS_MUST_CHECK;

/* Change a tree that obeys the rules of manifests. False if memory ran out; the tree is then spoilt. */
bool manifest_make_digest(void *root, const char *file, const uint8_t digest[static 32]) ENS_MUST_CHECK;
bool manifest_make_component(void *root, const struct manifest_addition *add) ENS_MUST_CHECK;
