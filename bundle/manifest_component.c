/* One component of a manifest: its fields and the rules that hold within it (FORMATS section 6, points 3 and
 * 4), in the order of that section. */
#include "bundle/manifest_component.h"

#include <jansson.h>
#include <string.h>

#include "bundle/manifest_field.h"
#include "signer/base/mem.h"

/* Characters of a rofl component's name; least memory of a TDX guest in MiB. */
#define NAME_MIN       3
#define NAME_MAX_CHARS 128
#define TDX_MEMORY_MIN 16

static const char *const version_keys[] = {"major", "minor", "patch", NULL};
static const char *const component_keys[] = {"kind", "name", "version",  "executable", "elf",
                                             "sgx",  "tdx",  "identity", "disabled",   NULL};
static const char *const elf_keys[] = {"executable", NULL};
static const char *const sgx_keys[] = {"executable", "signature", NULL};
static const char *const tdx_keys[] = {
    "firmware",       "kernel",    "initrd", "extra_kernel_options", "stage2_image", "stage2_format",
    "stage2_persist", "resources", NULL};
static const char *const resources_keys[] = {"memory", "cpus", "gpu", NULL};
static const char *const gpu_keys[] = {"model", "count", NULL};
static const char *const identity_keys[] = {"hypervisor", "enclave", NULL};

/* ---- version, sgx, elf ---- */

bool manifest_component_version(const void *object, struct bundle_version *ret, struct ens_err *err)
{
    const void *version = NULL;
    uint64_t major = 0;
    uint64_t minor = 0;
    uint64_t patch = 0;

    if (!manifest_field_object(object, "version", &version, err))
        return false;
    if (version != NULL && (!manifest_field_keys(version, version_keys, err) ||
                            !manifest_field_uint(version, "major", UINT16_MAX, &major, err) ||
                            !manifest_field_uint(version, "minor", UINT16_MAX, &minor, err) ||
                            !manifest_field_uint(version, "patch", UINT16_MAX, &patch, err)))
        return ens_wrap(err, "version");
    *ret = (struct bundle_version){(uint16_t)major, (uint16_t)minor, (uint16_t)patch};
    return true;
}

static bool read_sgx(const void *object, struct bundle_component *c, struct ens_err *err)
{
    const void *sgx = NULL;

    if (!manifest_field_object(object, "sgx", &sgx, err))
        return false;
    if (sgx == NULL)
        return true;
    if (!manifest_field_keys(sgx, sgx_keys, err) ||
        !manifest_field_text(sgx, "executable", &c->sgx_executable, err) ||
        !manifest_field_text(sgx, "signature", &c->sgx_signature, err))
        return ens_wrap(err, "sgx");
    if (c->sgx_executable == NULL)
        return manifest_field_bad(err, "sgx.executable", "must name the enclave's stream");
    c->tee = BUNDLE_TEE_SGX;
    return true;
}

static bool read_elf(const void *object, struct bundle_component *c, struct ens_err *err)
{
    const void *elf = NULL;

    if (!manifest_field_object(object, "elf", &elf, err))
        return false;
    if (elf == NULL)
        return true;
    if (!manifest_field_keys(elf, elf_keys, err) ||
        !manifest_field_text(elf, "executable", &c->elf_executable, err))
        return ens_wrap(err, "elf");
    if (c->elf_executable == NULL)
        return manifest_field_bad(err, "elf.executable", "must name a file");
    return true;
}

/* ---- tdx ---- */

static bool read_gpu(const void *resources, struct bundle_tdx *t, struct ens_err *err)
{
    const void *gpu = NULL;

    if (!manifest_field_object(resources, "gpu", &gpu, err))
        return false;
    if (gpu == NULL)
        return true;
    if (!manifest_field_keys(gpu, gpu_keys, err) || !manifest_field_text(gpu, "model", &t->gpu_model, err) ||
        !manifest_field_uint(gpu, "count", INT64_MAX, &t->gpu_count, err))
        return ens_wrap(err, "gpu");
    if (t->gpu_count < 1)
        return manifest_field_bad(err, "gpu.count", "must be at least 1");
    t->has_gpu = true;
    return true;
}

static bool read_resources(const void *tdx, struct bundle_tdx *t, struct ens_err *err)
{
    const void *resources = NULL;

    if (!manifest_field_object(tdx, "resources", &resources, err))
        return false;
    if (resources != NULL &&
        (!manifest_field_keys(resources, resources_keys, err) ||
         !manifest_field_uint(resources, "memory", INT64_MAX, &t->memory, err) ||
         !manifest_field_uint(resources, "cpus", INT64_MAX, &t->cpus, err) || !read_gpu(resources, t, err)))
        return ens_wrap(err, "resources");
    if (t->memory < TDX_MEMORY_MIN)
        return manifest_field_bad(err, "resources.memory", "must be at least 16");
    if (t->cpus < 1)
        return manifest_field_bad(err, "resources.cpus", "must be at least 1");
    return true;
}

static bool read_options(const void *tdx, struct bundle_tdx *t, struct ens_err *err)
{
    const void *array = NULL;

    if (!manifest_field_array(tdx, "extra_kernel_options", &array, err))
        return false;
    size_t len = json_array_size(array);

    if (len == 0)
        return true;
    const char **options = mem_alloc(len, sizeof *options, err);

    if (options == NULL)
        return false;
    t->kernel_options = options;
    t->kernel_options_len = len;
    for (size_t i = 0; i < len; i++) {
        options[i] = json_string_value(json_array_get(array, i));
        if (options[i] == NULL)
            return manifest_field_bad(err, "extra_kernel_options", "must be texts");
    }
    return true;
}

static bool read_tdx_fields(const void *tdx, struct bundle_tdx *t, struct ens_err *err)
{
    return manifest_field_keys(tdx, tdx_keys, err) &&
           manifest_field_text(tdx, "firmware", &t->firmware, err) &&
           manifest_field_text(tdx, "kernel", &t->kernel, err) &&
           manifest_field_text(tdx, "initrd", &t->initrd, err) && read_options(tdx, t, err) &&
           manifest_field_text(tdx, "stage2_image", &t->stage2_image, err) &&
           manifest_field_text(tdx, "stage2_format", &t->stage2_format, err) &&
           manifest_field_bool(tdx, "stage2_persist", &t->stage2_persist, err) && read_resources(tdx, t, err);
}

static bool read_tdx(const void *object, struct bundle_component *c, struct ens_err *err)
{
    const void *tdx = NULL;

    if (!manifest_field_object(object, "tdx", &tdx, err))
        return false;
    if (tdx == NULL)
        return true;
    if (c->tee != BUNDLE_TEE_NONE)
        return manifest_field_bad(err, "tdx", "a component has sgx or tdx, not both");
    if (!read_tdx_fields(tdx, &c->tdx, err))
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

    if (!json_is_object(entry))
        return manifest_field_bad(err, "identity", "its entries must be objects");
    if (!manifest_field_keys(entry, identity_keys, err) ||
        !manifest_field_text(entry, "hypervisor", &ret->hypervisor, err) ||
        !manifest_field_text(entry, "enclave", &enclave, err))
        return ens_wrap(err, "identity");
    if (enclave == NULL || !manifest_field_binary(enclave, false, ret->enclave, sizeof ret->enclave))
        return manifest_field_bad(err, "identity.enclave",
                                  "must be MRENCLAVE and MRSIGNER, 64 bytes in base64");
    return true;
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

/* Kind and name, and the id that they make; `*ret_id` is owned by the component. */
static bool read_kind(const void *object, struct bundle_component *c, struct ens_err *err)
{
    if (!manifest_field_text(object, "kind", &c->kind, err) ||
        !manifest_field_text(object, "name", &c->name, err))
        return false;
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

/* What holds for a ronl component, whether it is a component or the legacy top level. */
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
    if (!json_is_object((const json_t *)object))
        return ens_fail(err, ENS_DATA, "must be an object: correct the manifest and rebuild the bundle");
    return manifest_field_keys(object, component_keys, err) && read_kind(object, c, err) &&
           manifest_component_version(object, &c->version, err) &&
           manifest_field_text(object, "executable", &c->executable, err) && read_elf(object, c, err) &&
           read_sgx(object, c, err) && read_tdx(object, c, err) && read_identities(object, c, err) &&
           manifest_field_bool(object, "disabled", &c->disabled, err) &&
           (strcmp(c->kind, "ronl") != 0 || check_ronl(c, err));
}

/* The top-level executable and sgx of an old manifest, as the component ronl; `c->id` stays NULL where
 * there are none. */
bool manifest_component_legacy(const void *root, struct bundle_component *c, struct ens_err *err)
{
    if (!manifest_field_text(root, "executable", &c->executable, err) || !read_sgx(root, c, err))
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
