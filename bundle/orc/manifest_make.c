/* New manifests, new components, new digests. The order of members is that of orc: name, id, version,
 * executable, sgx, components, digests; kind, name, version, executable, elf, sgx. */
#include "bundle/orc/manifest_make.h"

#include <jansson.h>

#include "signer/base/hex.h"

/* Takes `value`, which is NULL if memory ran out, in failure as well. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* As Go writes it: numbers that are zero are left out. */
static json_t *version_object(struct bundle_version v)
{
    json_t *object = json_object();

    if ((v.major == 0 || set(object, "major", json_integer(v.major))) &&
        (v.minor == 0 || set(object, "minor", json_integer(v.minor))) &&
        (v.patch == 0 || set(object, "patch", json_integer(v.patch))))
        return object;
    json_decref(object);
    return NULL;
}

bool manifest_make(const char *name, const uint8_t id[static 32], struct bundle_version version,
                   void **ret_root, struct ens_err *err)
{
    json_t *root = json_object();

    if (set(root, "name", json_string(name)) && set(root, "id", json_string(hex_of(view_of(id, 32)).text)) &&
        set(root, "version", version_object(version)) && set(root, "digests", json_null())) {
        *ret_root = root;
        return true;
    }
    json_decref(root);
    return ens_fail(err, ENS_RESOURCE, "out of memory: give ensign more memory and repeat");
}

bool manifest_make_digest(void *root, const char *file, const uint8_t digest[static 32])
{
    if (!json_is_object(json_object_get(root, "digests")) && !set(root, "digests", json_object()))
        return false;
    return set(json_object_get(root, "digests"), file, json_string(hex_of(view_of(digest, 32)).text));
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
            ok = set(ordered, "components", json_array());
        ok = ok && json_object_set(ordered, json_object_iter_key(i), json_object_iter_value(i)) == 0;
    }
    if (ok && json_object_get(ordered, "components") == NULL)
        ok = set(ordered, "components", json_array());
    ok = ok && json_object_clear(root) == 0 && json_object_update(root, ordered) == 0;
    json_decref(ordered);
    return ok;
}

/* The array of components, made if there is none; NULL if memory ran out. */
static json_t *components_array(json_t *root)
{
    const json_t *found = json_object_get(root, "components");

    if (json_is_null(found) && !set(root, "components", json_array()))
        return NULL;
    if (found == NULL && !insert_components(root))
        return NULL;
    return json_object_get(root, "components");
}

static bool set_executable(json_t *component, const struct manifest_addition *add)
{
    if (!add->elf_metadata)
        return set(component, "executable", json_string(add->executable));
    return set(component, "elf", json_object()) &&
           set(json_object_get(component, "elf"), "executable", json_string(add->executable));
}

/* An unsigned stream has an empty signature, as orc writes it. */
static bool set_sgx(json_t *component, const struct manifest_addition *add)
{
    const char *signature = add->sgx_signature != NULL ? add->sgx_signature : "";

    if (add->sgx_executable == NULL)
        return true;
    if (!set(component, "sgx", json_object()))
        return false;
    json_t *sgx = json_object_get(component, "sgx");

    return set(sgx, "executable", json_string(add->sgx_executable)) &&
           set(sgx, "signature", json_string(signature));
}

/* The version stays empty: readers give ronl the bundle's own, and rofl components of orc have none. */
static bool fill_component(json_t *component, const struct manifest_addition *add)
{
    return set(component, "kind", json_string(add->kind)) &&
           (add->name == NULL || set(component, "name", json_string(add->name))) &&
           set(component, "version", json_object()) && set_executable(component, add) &&
           set_sgx(component, add);
}

bool manifest_make_component(void *root, const struct manifest_addition *add)
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
        if (!manifest_make_digest(root, add->digests[i].name, add->digests[i].digest))
            return false;
    }
    return true;
}
