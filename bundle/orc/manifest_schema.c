/* The one table of a manifest's fields. */
#include "bundle/orc/manifest_schema.h"

#include <jansson.h>
#include <string.h>

#include "bundle/orc/manifest_field.h"
#include "signer/base/mem.h"

#define AT(member) offsetof(struct bundle_component, member)

const struct field schema_version[] = {
    {"major", FIELD_UINT16, NONEMPTY, OPTIONAL, AT(version.major), 0, NULL},
    {"minor", FIELD_UINT16, NONEMPTY, OPTIONAL, AT(version.minor), 0, NULL},
    {"patch", FIELD_UINT16, NONEMPTY, OPTIONAL, AT(version.patch), 0, NULL},
    {0}};
static const struct field sgx[] = {{"signature", FIELD_TEXT, ALWAYS, REQUIRED, AT(sgx_signature), 0, NULL},
                                   {"executable", FIELD_TEXT, ALWAYS, REQUIRED, AT(sgx_executable), 0, NULL},
                                   {0}};
static const struct field elf[] = {{"executable", FIELD_TEXT, ALWAYS, REQUIRED, AT(elf_executable), 0, NULL},
                                   {0}};
static const struct field gpu[] = {{"count", FIELD_UINT8, ALWAYS, REQUIRED, AT(tdx.gpu_count), 0, NULL},
                                   {"model", FIELD_TEXT, NONEMPTY, OPTIONAL, AT(tdx.gpu_model), 0, NULL},
                                   {0}};
static const struct field resources[] = {{"gpu", FIELD_OBJECT, NONEMPTY, OPTIONAL, 0, SEEN_GPU, gpu},
                                         {"cpus", FIELD_UINT8, ALWAYS, REQUIRED, AT(tdx.cpus), 0, NULL},
                                         {"memory", FIELD_UINT64, ALWAYS, REQUIRED, AT(tdx.memory), 0, NULL},
                                         {0}};
static const struct field tdx[] = {
    {"initrd", FIELD_TEXT, NONEMPTY, OPTIONAL, AT(tdx.initrd), 0, NULL},
    {"kernel", FIELD_TEXT, NONEMPTY, REQUIRED, AT(tdx.kernel), 0, NULL},
    {"firmware", FIELD_TEXT, ALWAYS, REQUIRED, AT(tdx.firmware), 0, NULL},
    {"resources", FIELD_OBJECT, ALWAYS, REQUIRED, 0, 0, resources},
    {"stage2_image", FIELD_TEXT, NONEMPTY, OPTIONAL, AT(tdx.stage2_image), 0, NULL},
    {"stage2_format", FIELD_TEXT, NONEMPTY, OPTIONAL, AT(tdx.stage2_format), 0, NULL},
    {"stage2_persist", FIELD_BOOLEAN, NONEMPTY, OPTIONAL, AT(tdx.stage2_persist), 0, NULL},
    {"extra_kernel_options", FIELD_TEXTS, NONEMPTY, OPTIONAL, AT(tdx.kernel_options), 0, NULL},
    {0}};
const struct field schema_identity[] = {{"enclave", FIELD_ENCLAVE, ALWAYS, REQUIRED, 0, 0, NULL},
                                        {"hypervisor", FIELD_TEXT, NONEMPTY, OPTIONAL, 0, 0, NULL},
                                        {0}};
const struct field schema_component[] = {
    {"elf", FIELD_OBJECT, NONEMPTY, OPTIONAL, 0, SEEN_ELF, elf},
    {"sgx", FIELD_OBJECT, NONEMPTY, OPTIONAL, 0, SEEN_SGX, sgx},
    {"tdx", FIELD_OBJECT, NONEMPTY, OPTIONAL, 0, SEEN_TDX, tdx},
    {"kind", FIELD_TEXT, ALWAYS, REQUIRED, AT(kind), 0, NULL},
    {"name", FIELD_TEXT, NONEMPTY, REQUIRED, AT(name), 0, NULL},
    {"version", FIELD_OBJECT, NONEMPTY, REQUIRED, 0, 0, schema_version},
    {"disabled", FIELD_BOOLEAN, NONEMPTY, OPTIONAL, AT(disabled), 0, NULL},
    {"identity", FIELD_OBJECTS, NONEMPTY, REQUIRED, 0, 0, schema_identity},
    {"executable", FIELD_TEXT, NONEMPTY, UNKNOWN, AT(executable), 0, NULL},
    {0}};
const struct field schema_top[] = {{"id", FIELD_ID, ALWAYS, REQUIRED, 0, 0, NULL},
                                   {"sgx", FIELD_OBJECT, NONEMPTY, UNKNOWN, 0, SEEN_SGX, sgx},
                                   {"name", FIELD_TEXT, NONEMPTY, OPTIONAL, AT(name), 0, NULL},
                                   {"digests", FIELD_DIGESTS, ALWAYS, REQUIRED, 0, 0, NULL},
                                   {"version", FIELD_OBJECT, NONEMPTY, OPTIONAL, 0, 0, schema_version},
                                   {"components", FIELD_OBJECTS, NONEMPTY, REQUIRED, 0, 0, schema_component},
                                   {"executable", FIELD_TEXT, NONEMPTY, UNKNOWN, AT(executable), 0, NULL},
                                   {0}};

const struct field *schema_find(const struct field *rows, const char *key)
{
    for (const struct field *f = rows; f->key != NULL; f++) {
        if (strcmp(f->key, key) == 0)
            return f;
    }
    return NULL;
}

static bool load_texts(const void *object, const char *key, struct bundle_tdx *t, struct ens_err *err)
{
    const void *array = NULL;

    if (!manifest_field_array(object, key, &array, err))
        return false;
    size_t len = json_array_size(array);
    const char **texts = len == 0 ? NULL : mem_alloc(len, sizeof *texts, err);

    if (texts == NULL)
        return len == 0;
    t->kernel_options = texts;
    t->kernel_options_len = len;
    for (size_t i = 0; i < len; i++) {
        texts[i] = json_string_value(json_array_get(array, i));
        if (texts[i] == NULL) {
            (void)manifest_field_bad(err, key, "must be texts");
            err->own = json_is_null(json_array_get(array, i)); /* others take it for an empty text */
            return false;
        }
    }
    return true;
}

static bool load_object(const struct field *f, const void *object, struct bundle_component *c, unsigned *seen,
                        struct ens_err *err)
{
    const void *below = NULL;

    if (!manifest_field_object(object, f->key, &below, err))
        return false;
    if (below == NULL)
        return true;
    *seen |= f->seen;
    return schema_load(f->below, below, c, seen, err) || ens_wrap(err, "%s", f->key);
}

static bool load_value(const struct field *f, const void *object, struct bundle_component *c, unsigned *seen,
                       struct ens_err *err)
{
    void *at = (char *)c + f->offset;
    uint64_t n = 0;

    switch (f->kind) {
    case FIELD_TEXT:
        return manifest_field_text(object, f->key, at, err);
    case FIELD_BOOLEAN:
        return manifest_field_bool(object, f->key, at, err);
    case FIELD_UINT8:
        if (!manifest_field_uint(object, f->key, UINT8_MAX, &n, err))
            return false;
        *(uint8_t *)at = (uint8_t)n;
        return true;
    case FIELD_UINT16:
        if (!manifest_field_uint(object, f->key, UINT16_MAX, &n, err))
            return false;
        *(uint16_t *)at = (uint16_t)n;
        return true;
    case FIELD_UINT64:
        return manifest_field_uint(object, f->key, INT64_MAX, at, err);
    case FIELD_TEXTS:
        return load_texts(object, f->key, &c->tdx, err);
    case FIELD_OBJECT:
        return load_object(f, object, c, seen, err);
    case FIELD_OBJECTS:
    case FIELD_ID:
    case FIELD_DIGESTS:
    case FIELD_ENCLAVE:
        break;
    }
    return true;
}

bool schema_load(const struct field *rows, const void *object, struct bundle_component *c, unsigned *seen,
                 struct ens_err *err)
{
    if (!manifest_field_keys(object, rows, err))
        return false;
    for (const struct field *f = rows; f->key != NULL; f++) {
        if (!load_value(f, object, c, seen, err))
            return false;
    }
    return true;
}
