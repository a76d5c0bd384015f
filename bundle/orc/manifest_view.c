/* The rules of a manifest: of its components, then of its top level.
 *
 * A ronl component's version is taken from a non-zero top-level version here, in what callers see, as every
 * reader takes it after loading; the manifest's text is not changed for that. */
#include "bundle/orc/manifest_view.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/orc/manifest_field.h"
#include "bundle/orc/manifest_schema.h"
#include "signer/base/mem.h"

/* Bits of the first byte of an id that are defined: 63 test runtime, 62 key manager. */
#define ID_FLAGS 0xc0u
/* Characters of a rofl component's name; least memory of a TDX guest in MiB. */
#define NAME_MIN       3
#define NAME_MAX_CHARS 128
#define TDX_MEMORY_MIN 16

/* ---- sgx, tdx ---- */

static bool check_sgx(struct bundle_component *c, unsigned seen, struct ens_err *err)
{
    if ((seen & SEEN_SGX) == 0)
        return true;
    c->tee = BUNDLE_TEE_SGX;
    return c->sgx_executable != NULL ||
           manifest_field_bad(err, "sgx.executable", "must name the enclave's stream");
}

static bool check_resources(struct bundle_tdx *t, unsigned seen, struct ens_err *err)
{
    t->has_gpu = (seen & SEEN_GPU) != 0;
    if (t->has_gpu && t->gpu_count < 1)
        return manifest_field_bad(err, "gpu.count", "must be at least 1") || ens_wrap(err, "resources");
    if (t->memory < TDX_MEMORY_MIN)
        return manifest_field_bad(err, "resources.memory", "must be at least 16");
    return t->cpus >= 1 || manifest_field_bad(err, "resources.cpus", "must be at least 1");
}

static bool check_tdx(struct bundle_component *c, unsigned seen, struct ens_err *err)
{
    if ((seen & SEEN_TDX) == 0)
        return true;
    if (c->tee != BUNDLE_TEE_NONE)
        return manifest_field_bad(err, "tdx", "a component has sgx or tdx, not both");
    if (!check_resources(&c->tdx, seen, err))
        return ens_wrap(err, "tdx");
    if (c->tdx.firmware == NULL)
        return manifest_field_bad(err, "tdx.firmware", "must name a file");
    if (c->tdx.kernel == NULL && (c->tdx.initrd != NULL || c->tdx.stage2_image != NULL))
        return manifest_field_bad(err, "tdx.kernel",
                                  "must name a file where there is an initrd or a stage 2 image");
    c->tee = BUNDLE_TEE_TDX;
    return true;
}

/* ---- identity ---- */

static bool read_identity(const json_t *entry, struct bundle_identity *ret, struct ens_err *err)
{
    const char *enclave = NULL;

    if (!json_is_object(entry)) {
        (void)manifest_field_bad(err, "identity", "its entries must be objects");
        err->own = json_is_null(entry); /* others take it for one of zeros */
        return false;
    }
    if (!manifest_field_keys(entry, schema_identity, err) ||
        !manifest_field_text(entry, "hypervisor", &ret->hypervisor, err) ||
        !manifest_field_text(entry, "enclave", &enclave, err))
        return ens_wrap(err, "identity");
    if (enclave != NULL && manifest_field_binary(enclave, false, ret->enclave, sizeof ret->enclave))
        return true;
    (void)manifest_field_bad(err, "identity.enclave", "must be MRENCLAVE and MRSIGNER, 64 bytes in base64");
    err->own = enclave == NULL ? !json_is_string(json_object_get(entry, "enclave"))
                               : manifest_field_is_loose(enclave, sizeof ret->enclave);
    return false;
}

static bool read_identities(const void *object, struct bundle_component *c, struct ens_err *err)
{
    const void *array = NULL;

    if (!manifest_field_array(object, "identity", &array, err))
        return false;
    size_t len = json_array_size(array);

    if (len == 0)
        return true;
    struct bundle_identity *identities = mem_alloc(len, sizeof *identities, err);

    if (identities == NULL)
        return false;
    c->identities = identities;
    c->identities_len = len;
    for (size_t i = 0; i < len; i++) {
        if (!read_identity(json_array_get(array, i), &identities[i], err))
            return false;
    }
    return true;
}

/* ---- components ---- */

static bool is_rofl_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return len >= NAME_MIN && len <= NAME_MAX_CHARS && name[len] == '\0';
}

bool bundle_check_component_id(const char *id, struct ens_err *err)
{
    if (strcmp(id, "ronl") == 0 || (strncmp(id, "rofl.", 5) == 0 && is_rofl_name(id + 5)))
        return true;
    return ens_fail(
        err, ENS_USAGE,
        "%s: a component is ronl, or rofl.NAME with 3 to 128 of a-z, A-Z, 0-9, _ and -: name it so", id);
}

/* Kind and name, and the id that they make; `c->id` is owned by the component. */
static bool check_component_kind(struct bundle_component *c, struct ens_err *err)
{
    if (c->kind == NULL || (strcmp(c->kind, "ronl") != 0 && strcmp(c->kind, "rofl") != 0))
        return manifest_field_bad(err, "kind", "must be ronl or rofl");
    bool rofl = strcmp(c->kind, "rofl") == 0;

    if (!rofl && c->name != NULL)
        return manifest_field_bad(err, "name", "a ronl component has no name");
    if (rofl && (c->name == NULL || !is_rofl_name(c->name)))
        return manifest_field_bad(err, "name",
                                  "a rofl component's name has 3 to 128 of a-z, A-Z, 0-9, _ and -");
    c->id = rofl ? mem_printf(err, "rofl.%s", c->name) : mem_strdup("ronl", err);
    return c->id != NULL;
}

/* The rules for a ronl component, be it a component or the legacy top level. */
static bool check_ronl(const struct bundle_component *c, struct ens_err *err)
{
    if (c->executable == NULL && c->elf_executable == NULL)
        return manifest_field_bad(err, "executable", "a ronl component must name one, here or in elf");
    if (c->disabled)
        return manifest_field_bad(err, "disabled", "a ronl component cannot be disabled");
    return true;
}

/* Reads a component into the zeroed `c`. Release it with component_release, in failure as well. */
static bool component_read(const void *object, struct bundle_component *c, struct ens_err *err)
{
    unsigned seen = 0;

    if (!json_is_object((const json_t *)object))
        return ens_fail(err, ENS_DATA, "must be an object: correct the manifest and rebuild the bundle");
    if (!schema_load(schema_component, object, c, &seen, err) || !check_component_kind(c, err))
        return false;
    if ((seen & SEEN_ELF) != 0 && c->elf_executable == NULL)
        return manifest_field_bad(err, "elf.executable", "must name a file");
    return check_sgx(c, seen, err) && check_tdx(c, seen, err) && read_identities(object, c, err) &&
           (strcmp(c->kind, "ronl") != 0 || check_ronl(c, err));
}

/* The executable and sgx that an old manifest has at its top level, as the component ronl: `c` and `seen` are
 * what schema_load made of schema_top. `c->id` stays NULL if it has none. */
static bool component_legacy(struct bundle_component *c, unsigned seen, struct ens_err *err)
{
    c->name = NULL;
    if (!check_sgx(c, seen, err))
        return false;
    if (c->executable == NULL && c->tee == BUNDLE_TEE_NONE)
        return true;
    c->kind = "ronl";
    c->legacy = true;
    c->id = mem_strdup("ronl", err);
    return c->id != NULL && check_ronl(c, err);
}

static void component_release(struct bundle_component *c)
{
    mem_freep(&c->id);
    mem_freep(&c->identities);
    mem_freep(&c->tdx.kernel_options);
}

/* ---- the components of one manifest ---- */

static bool version_is_zero(struct bundle_version v)
{
    return v.major == 0 && v.minor == 0 && v.patch == 0;
}

static int compare_ids(const void *x, const void *y)
{
    const char *const *a = x;
    const char *const *b = y;

    return strcmp(*a, *b);
}

static bool check_unique(const struct bundle_info *info, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) const char **ids = mem_alloc(info->components_len, sizeof *ids, err);

    if (ids == NULL)
        return false;
    for (size_t i = 0; i < info->components_len; i++)
        ids[i] = info->components[i].id;
    qsort(ids, info->components_len, sizeof *ids, compare_ids);
    for (size_t i = 1; i < info->components_len; i++) {
        if (strcmp(ids[i - 1], ids[i]) == 0)
            return ens_fail(err, ENS_DATA,
                            "component %s: is there twice%s: correct the manifest and rebuild the bundle",
                            ids[i],
                            info->components[0].legacy && strcmp(ids[i], "ronl") == 0
                                ? ", once as the older executable or sgx at the top level"
                                : "");
    }
    return true;
}

/* `top` and `seen` are what the top level holds. */
static bool read_components(const void *root, const struct bundle_component *top, unsigned seen,
                            struct manifest_view *v, struct ens_err *err)
{
    const void *array = NULL;

    if (!manifest_field_array(root, "components", &array, err))
        return false;
    size_t len = json_array_size(array);

    if (len > BUNDLE_COMPONENTS_MAX)
        return ens_fail_own(err, "components: are %zu, more than the limit of %d: make a smaller bundle", len,
                            BUNDLE_COMPONENTS_MAX);
    v->components = mem_alloc(len + 1, sizeof *v->components, err);
    if (v->components == NULL)
        return false;
    v->info.components = v->components;
    v->info.components_len = 1; /* so that a half-read one is released as well */
    v->components[0] = *top;
    if (!component_legacy(&v->components[0], seen, err))
        return false;
    size_t at = v->components[0].id != NULL ? 1 : 0;

    for (size_t i = 0; i < len; i++, at++) {
        v->info.components_len = at + 1;
        if (!component_read(json_array_get(array, i), &v->components[at], err))
            return ens_wrap(err, "components[%zu]", i);
    }
    v->info.components_len = at;
    for (size_t i = 0; i < at; i++) {
        if (v->components[i].legacy ||
            (strcmp(v->components[i].kind, "ronl") == 0 && !version_is_zero(v->info.version)))
            v->components[i].version = v->info.version;
    }
    return check_unique(&v->info, err);
}

/* ---- top level ---- */

/* The rule that the text of an id breaks, or NULL. */
static const char *decode_id(const char *text, uint8_t ret[static 32])
{
    if (text == NULL || !manifest_field_binary(text, true, ret, 32))
        return "must be 32 bytes in hex or base64";
    if ((ret[0] & ~ID_FLAGS) != 0 || !view_is_zero(view_of(ret + 1, 7)))
        return "may have no flags but test (bit 63) and key manager (bit 62)";
    return NULL;
}

bool bundle_parse_id(const char *text, uint8_t ret[static 32], struct ens_err *err)
{
    uint8_t id[32] = {0};
    const char *rule = decode_id(text, id);

    if (rule != NULL)
        return ens_fail(err, ENS_USAGE, "runtime id %s: %s: give the id that the runtime is registered with",
                        text, rule);
    memcpy(ret, id, sizeof id);
    return true;
}

static bool read_id(const void *root, uint8_t ret[static 32], struct ens_err *err)
{
    const void *null = json_object_get(root, "id");
    const char *text = NULL;
    uint8_t id[32] = {0};

    if (null == NULL || json_is_null((const json_t *)null))
        return true;
    if (!manifest_field_text(root, "id", &text, err))
        return false;
    const char *rule = decode_id(text, id);

    if (rule == NULL) {
        memcpy(ret, id, sizeof id);
        return true;
    }
    (void)manifest_field_bad(err, "id", rule);
    err->own = text != NULL && manifest_field_is_loose(text, sizeof id);
    return false;
}

static int compare_digests(const void *x, const void *y)
{
    const struct manifest_digest *a = x;
    const struct manifest_digest *b = y;

    return strcmp(a->name, b->name);
}

static bool read_digests(const void *root, struct manifest_view *v, struct ens_err *err)
{
    const void *object = NULL;

    if (!manifest_field_object(root, "digests", &object, err))
        return false;
    size_t len = json_object_size(object);

    if (len == 0)
        return true;
    v->digests = mem_alloc(len, sizeof *v->digests, err);
    if (v->digests == NULL)
        return false;
    void *cursor = json_object_iter((json_t *)(uintptr_t)object);

    for (; cursor != NULL; cursor = json_object_iter_next((json_t *)(uintptr_t)object, cursor)) {
        struct manifest_digest *d = &v->digests[v->digests_len++];
        const char *text = json_string_value(json_object_iter_value(cursor));

        d->name = json_object_iter_key(cursor);
        if (text != NULL && manifest_field_binary(text, true, d->digest, sizeof d->digest))
            continue;
        (void)ens_fail(err, ENS_DATA,
                       "digests: %s: must be a SHA-512/256, 32 bytes in hex or base64: correct the manifest "
                       "and rebuild the bundle",
                       d->name);
        err->own = text == NULL ? json_is_null(json_object_iter_value(cursor))
                                : manifest_field_is_loose(text, sizeof d->digest);
        return false;
    }
    qsort(v->digests, v->digests_len, sizeof *v->digests, compare_digests);
    return true;
}

void manifest_view_freep(struct manifest_view **v)
{
    if (*v == NULL)
        return;
    for (size_t i = 0; i < (*v)->info.components_len; i++)
        component_release(&(*v)->components[i]);
    mem_free((*v)->components);
    mem_free((*v)->digests);
    mem_free(*v);
    *v = NULL;
}

bool manifest_view_of(const void *root, struct manifest_view **ret, struct ens_err *err)
{
    ENS_CLEANUP(manifest_view_freep) struct manifest_view *v = mem_alloc(1, sizeof *v, err);

    struct bundle_component top = {0};
    unsigned seen = 0;

    if (v == NULL || !schema_load(schema_top, root, &top, &seen, err))
        return false;
    v->info.name = top.name;
    v->info.version = top.version;
    if (!read_id(root, v->info.id, err) || !read_components(root, &top, seen, v, err) ||
        !read_digests(root, v, err))
        return false;
    *ret = ens_take(v);
    return true;
}
