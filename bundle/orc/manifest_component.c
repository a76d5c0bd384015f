/* One component of a manifest: its fields and the rules that hold within it. */
#include "bundle/orc/manifest_component.h"

#include <jansson.h>
#include <string.h>

#include "bundle/orc/manifest_field.h"
#include "bundle/orc/manifest_schema.h"
#include "signer/base/mem.h"

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

bool manifest_component_read(const void *object, struct bundle_component *c, struct ens_err *err)
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

bool manifest_component_legacy(struct bundle_component *c, unsigned seen, struct ens_err *err)
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

void manifest_component_release(struct bundle_component *c)
{
    mem_freep(&c->id);
    mem_freep(&c->identities);
    mem_freep(&c->tdx.kernel_options);
}
