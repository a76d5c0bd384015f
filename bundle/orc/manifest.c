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
#include "signer/base/hex.h"
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

/* ---- new trees: the order of members is that of orc ---- */

/* Takes `value`, which is NULL if memory ran out, in failure as well. */
static bool set_member(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* As Go writes it: numbers that are zero are left out. */
static json_t *version_object(struct bundle_version v)
{
    json_t *object = json_object();

    if ((v.major == 0 || set_member(object, "major", json_integer(v.major))) &&
        (v.minor == 0 || set_member(object, "minor", json_integer(v.minor))) &&
        (v.patch == 0 || set_member(object, "patch", json_integer(v.patch))))
        return object;
    json_decref(object);
    return NULL;
}

/* A tree with name, id, version, no component, and digests that are null until there is one, as in orc. */
static bool make_root(const char *name, const uint8_t id[static 32], struct bundle_version version,
                      json_t **ret_root, struct ens_err *err)
{
    json_t *root = json_object();

    if (set_member(root, "name", json_string(name)) &&
        set_member(root, "id", json_string(hex_of(view_of(id, 32)).text)) &&
        set_member(root, "version", version_object(version)) && set_member(root, "digests", json_null())) {
        *ret_root = root;
        return true;
    }
    json_decref(root);
    return ens_fail(err, ENS_RESOURCE, "out of memory: give ensign more memory and repeat");
}

/* This one and put_component: false if memory ran out; the tree is then spoilt. */
static bool put_file_digest(json_t *root, const char *file, const uint8_t digest[static 32])
{
    if (!json_is_object(json_object_get(root, "digests")) && !set_member(root, "digests", json_object()))
        return false;
    return set_member(json_object_get(root, "digests"), file, json_string(hex_of(view_of(digest, 32)).text));
}

/* ---- components ---- */

/* Puts an empty array of components where its turn is: in front of the digests. Fields that nobody knows
 * keep their order. */
static bool insert_components(json_t *root)
{
    json_t *ordered = json_object();
    bool ok = ordered != NULL;

    for (void *i = json_object_iter(root); ok && i != NULL; i = json_object_iter_next(root, i)) {
        if (i == json_object_iter_at(root, "digests"))
            ok = set_member(ordered, "components", json_array());
        ok = ok && json_object_set(ordered, json_object_iter_key(i), json_object_iter_value(i)) == 0;
    }
    if (ok && json_object_get(ordered, "components") == NULL)
        ok = set_member(ordered, "components", json_array());
    ok = ok && json_object_clear(root) == 0 && json_object_update(root, ordered) == 0;
    json_decref(ordered);
    return ok;
}

/* The array of components, made if there is none; NULL if memory ran out. */
static json_t *components_array(json_t *root)
{
    const json_t *found = json_object_get(root, "components");

    if (json_is_null(found) && !set_member(root, "components", json_array()))
        return NULL;
    if (found == NULL && !insert_components(root))
        return NULL;
    return json_object_get(root, "components");
}

static bool set_executable(json_t *component, const struct manifest_addition *add)
{
    if (!add->elf_metadata)
        return set_member(component, "executable", json_string(add->executable));
    return set_member(component, "elf", json_object()) &&
           set_member(json_object_get(component, "elf"), "executable", json_string(add->executable));
}

/* An unsigned stream has an empty signature, as orc writes it. */
static bool set_sgx(json_t *component, const struct manifest_addition *add)
{
    const char *signature = add->sgx_signature != NULL ? add->sgx_signature : "";

    if (add->sgx_executable == NULL)
        return true;
    if (!set_member(component, "sgx", json_object()))
        return false;
    json_t *sgx = json_object_get(component, "sgx");

    return set_member(sgx, "executable", json_string(add->sgx_executable)) &&
           set_member(sgx, "signature", json_string(signature));
}

/* The version stays empty: readers give ronl the bundle's own, and rofl components of orc have none. */
static bool fill_component(json_t *component, const struct manifest_addition *add)
{
    return set_member(component, "kind", json_string(add->kind)) &&
           (add->name == NULL || set_member(component, "name", json_string(add->name))) &&
           set_member(component, "version", json_object()) && set_executable(component, add) &&
           set_sgx(component, add);
}

static bool put_component(json_t *root, const struct manifest_addition *add)
{
    json_t *components = components_array(root);
    json_t *component = json_object();

    if (!fill_component(component, add)) {
        json_decref(component);
        return false;
    }
    if (json_array_append_new(components, component) != 0)
        return false;
    for (size_t i = 0; i < add->digests_len; i++) {
        if (!put_file_digest(root, add->digests[i].name, add->digests[i].digest))
            return false;
    }
    return true;
}

/* ---- the manifest ---- */

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
    json_t *root = NULL;

    return make_root(name, id, version, &root, err) && adopt_root(root, ret, err);
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
        !put_file_digest(root, file, digest)) {
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
    if (!put_component(root, add)) {
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
