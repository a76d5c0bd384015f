/* META-INF/MANIFEST.MF of a bundle: parsed, checked, edited, written. An edit makes a new manifest and
 * leaves the old one as it was, so that a failed edit changes nothing and what callers hold stays valid.
 * Unknown fields keep their value and their place. */
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

struct manifest;

/* Takes the text of a manifest. ENS_DATA naming the field and the rule, ENS_RESOURCE. */
bool manifest_parse(struct view text, struct manifest **ret, struct ens_err *err) ENS_MUST_CHECK;
void manifest_freep(struct manifest **m);

/* A manifest without components and digests; `name` is UTF-8. ENS_DATA, ENS_RESOURCE. */
bool manifest_new(const char *name, const uint8_t id[static 32], struct bundle_version version,
                  struct manifest **ret, struct ens_err *err) ENS_MUST_CHECK;

/* The content of the manifest; texts live as long as the manifest. */
const struct bundle_info *manifest_info(const struct manifest *m);

/* The digest of file `name`, or NULL. */
const struct manifest_digest *manifest_digest(const struct manifest *m, const char *name);
/* All digests, sorted by name. */
const struct manifest_digest *manifest_digests(const struct manifest *m, size_t *ret_len);

/* A copy of `m` in which component `index` of manifest_info, one with SGX, has the signature file `file`,
 * and `file` this digest. */
bool manifest_set_signature(const struct manifest *m, size_t index, const char *file,
                            const uint8_t digest[static 32], struct manifest **ret,
                            struct ens_err *err) ENS_MUST_CHECK;

/* A copy of `m` in which the identity list of component `index` is edited: `edits` has an entry for each of
 * its identities, and those to set get `enclave`. */
bool manifest_edit_identities(const struct manifest *m, size_t index, const enum bundle_identity_edit *edits,
                              const uint8_t enclave[static 64], struct manifest **ret,
                              struct ens_err *err) ENS_MUST_CHECK;

/* A copy of `m` that has the component `add` as well. ENS_DATA if the rules of manifests
 * forbid it. */
bool manifest_add_component(const struct manifest *m, const struct manifest_addition *add,
                            struct manifest **ret, struct ens_err *err) ENS_MUST_CHECK;

/* The manifest hash (manifest_hash.h), and the scheduler's reasons (manifest_scheduler.h). */
bool manifest_hash(const struct manifest *m, uint8_t ret[static 32], struct ens_err *err) ENS_MUST_CHECK;
bool manifest_scheduler(const struct manifest *m, const struct bundle_reasons *reasons,
                        struct ens_err *err) ENS_MUST_CHECK;

/* Appends the manifest's text, as manifest_json_write does, with the digests of `keep` only. */
bool manifest_write(const struct manifest *m, const char *const *keep, size_t keep_len, struct buf *out,
                    struct ens_err *err) ENS_MUST_CHECK;
