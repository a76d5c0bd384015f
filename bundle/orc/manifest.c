/* The manifest of a bundle: a JSON tree, and the view of it that callers see. The tree stays the one that
 * was read, with whatever fields it has; edits change single values in a copy of it, and the copy is
 * checked like a manifest that was read. */
#include "bundle/orc/manifest.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/orc/manifest_hash.h"
#include "bundle/orc/manifest_json.h"
#include "bundle/orc/manifest_load.h"
#include "bundle/orc/manifest_scheduler.h"
#include "signer/base/mem.h"

struct manifest {
    json_t *root;
    struct manifest_view *view;
};

void manifest_freep(struct manifest **m)
{
    if (*m == NULL)
        return;
    manifest_view_freep(&(*m)->view);
    manifest_load_free((*m)->root);
    mem_free(*m);
    *m = NULL;
}

void bundle_before_threads(void)
{
    json_object_seed(0);
}

/* Makes a manifest of the tree, which it owns, in failure as well. */
static bool adopt_root(json_t *root, struct manifest **ret, struct ens_err *err)
{
    ENS_CLEANUP(manifest_freep) struct manifest *m = mem_alloc(1, sizeof *m, err);

    if (m == NULL) {
        manifest_load_free(root);
        return false;
    }
    m->root = root;
    if (!manifest_view_of(root, &m->view, err))
        return false;
    *ret = ens_take(m);
    return true;
}

bool manifest_new(const char *name, const uint8_t id[static 32], struct bundle_version version,
                  struct manifest **ret, struct ens_err *err)
{
    void *root = NULL;

    return manifest_make(name, id, version, &root, err) && adopt_root(root, ret, err);
}

bool manifest_parse(struct view text, struct manifest **ret, struct ens_err *err)
{
    void *root = NULL;

    return manifest_load(text, &root, err) && adopt_root(root, ret, err);
}

const struct bundle_info *manifest_info(const struct manifest *m)
{
    return &m->view->info;
}

static int compare_to_digest(const void *name, const void *digest)
{
    const struct manifest_digest *d = digest;

    return strcmp(name, d->name);
}

const struct manifest_digest *manifest_digest(const struct manifest *m, const char *name)
{
    if (m->view->digests_len == 0)
        return NULL;
    return bsearch(name, m->view->digests, m->view->digests_len, sizeof *m->view->digests, compare_to_digest);
}

const struct manifest_digest *manifest_digests(const struct manifest *m, size_t *ret_len)
{
    *ret_len = m->view->digests_len;
    return m->view->digests;
}

/* ---- edits ---- */

static bool fail_json_memory(struct ens_err *err)
{
    return ens_fail(err, ENS_RESOURCE, "out of memory: give ensign more memory and repeat");
}

static bool copy_tree(const json_t *root, json_t **ret, struct ens_err *err)
{
    *ret = json_deep_copy(root);
    return *ret != NULL || fail_json_memory(err);
}

/* The object of component `index` in the tree; the legacy component is the top level. */
static json_t *component_object(const struct manifest *m, json_t *root, size_t index)
{
    const struct bundle_component *components = m->view->components;

    if (components[index].legacy)
        return root;
    return json_array_get(json_object_get(root, "components"), index - (components[0].legacy ? 1 : 0));
}

bool manifest_set_signature(const struct manifest *m, size_t index, const char *file,
                            const uint8_t digest[static 32], struct manifest **ret, struct ens_err *err)
{
    json_t *root = NULL;

    if (!copy_tree(m->root, &root, err))
        return false;
    json_t *sgx = json_object_get(component_object(m, root, index), "sgx");

    if (json_object_set_new(sgx, "signature", json_string(file)) != 0 ||
        !manifest_make_digest(root, file, digest)) {
        json_decref(root);
        return fail_json_memory(err);
    }
    return adopt_root(root, ret, err);
}

bool manifest_add_component(const struct manifest *m, const struct manifest_addition *add,
                            struct manifest **ret, struct ens_err *err)
{
    json_t *root = NULL;

    if (!copy_tree(m->root, &root, err))
        return false;
    if (!manifest_make_component(root, add)) {
        json_decref(root);
        return fail_json_memory(err);
    }
    return adopt_root(root, ret, err);
}

/* Standard base64 with padding (RFC 4648, section 4) of 64 bytes. */
static void encode_identity(const uint8_t enclave[static 64], char ret[static 89])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t padded[66] = {0};

    memcpy(padded, enclave, 64);
    for (size_t i = 0; i < 22; i++) {
        uint32_t bits = (uint32_t)padded[3 * i] << 16 | (uint32_t)padded[3 * i + 1] << 8 | padded[3 * i + 2];

        for (size_t j = 0; j < 4; j++)
            ret[4 * i + j] = alphabet[bits >> (18 - 6 * j) & 63];
    }
    memcpy(ret + 86, "==", 3);
}

/* Works from the end, so that a removal moves nothing that is still to come. */
static bool edit_list(json_t *list, const enum bundle_identity_edit *edits, const char *text)
{
    for (size_t i = json_array_size(list); i > 0; i--) {
        int failed = 0;

        if (edits[i - 1] == BUNDLE_IDENTITY_SET)
            failed = json_object_set_new(json_array_get(list, i - 1), "enclave", json_string(text));
        else if (edits[i - 1] == BUNDLE_IDENTITY_DROP)
            failed = json_array_remove(list, i - 1);
        if (failed != 0)
            return false;
    }
    return true;
}

bool manifest_edit_identities(const struct manifest *m, size_t index, const enum bundle_identity_edit *edits,
                              const uint8_t enclave[static 64], struct manifest **ret, struct ens_err *err)
{
    json_t *root = NULL;
    char text[89];

    if (!copy_tree(m->root, &root, err))
        return false;
    json_t *component = component_object(m, root, index);
    json_t *list = json_object_get(component, "identity");

    encode_identity(enclave, text);
    if (!edit_list(list, edits, text) ||
        (json_array_size(list) == 0 && json_object_del(component, "identity") != 0)) {
        json_decref(root);
        return fail_json_memory(err);
    }
    return adopt_root(root, ret, err);
}

bool manifest_write(const struct manifest *m, const char *const *keep, size_t keep_len, struct buf *out,
                    struct ens_err *err)
{
    return manifest_json_write(m->root, keep, keep_len, out, err);
}

bool manifest_hash(const struct manifest *m, uint8_t ret[static 32], struct ens_err *err)
{
    return manifest_hash_of(m->root, ret, err);
}

bool manifest_scheduler(const struct manifest *m, const struct bundle_reasons *reasons, struct ens_err *err)
{
    return manifest_scheduler_check(m->root, reasons, err);
}
