/* The ROFL scheduler's rules. Its parser knows the fields that manifest_schema.c does not call UNKNOWN to it,
 * and refuses every other one. Numbers that are too large for it no node reads either (manifest_schema.h). */
#include "bundle/orc/manifest_scheduler.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bundle/orc/manifest_schema.h"

#define KERNEL_OPTIONS_MAX 32
#define REASON_MAX         256

static bool add_reason(const struct bundle_reasons *r, struct ens_err *err, const char *fmt, ...)
    ENS_PRINTF(3, 4);

static bool add_reason(const struct bundle_reasons *r, struct ens_err *err, const char *fmt, ...)
{
    char text[REASON_MAX];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    va_end(args);
    return r->add(r->ctx, text, err);
}

static bool check_object(const struct field *fields, json_t *object, const char *path,
                         const struct bundle_reasons *r, struct ens_err *err);

/* An object, or an array of objects, below `path`. */
static bool check_below(const struct field *f, json_t *value, const char *path,
                        const struct bundle_reasons *r, struct ens_err *err)
{
    char below[REASON_MAX];

    for (size_t i = 0; i < json_array_size(value); i++) {
        (void)snprintf(below, sizeof below, "%s%s[%zu].", path, f->key, i);
        if (!check_object(f->below, json_array_get(value, i), below, r, err))
            return false;
    }
    (void)snprintf(below, sizeof below, "%s%s.", path, f->key);
    return !json_is_object(value) || check_object(f->below, value, below, r, err);
}

static bool check_object(const struct field *fields, json_t *object, const char *path,
                         const struct bundle_reasons *r, struct ens_err *err)
{
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        const struct field *known = schema_find(fields, key);

        if ((known == NULL || known->scheduler == UNKNOWN) &&
            !add_reason(r, err, "%s%s: the scheduler does not know this field", path, key))
            return false;
    }
    for (const struct field *f = fields; f->key != NULL; f++) {
        json_t *value = json_object_get(object, f->key);

        if (f->scheduler == REQUIRED && (value == NULL || json_is_null(value)) &&
            !add_reason(r, err, "%s%s: is missing, the scheduler requires it", path, f->key))
            return false;
        if (f->scheduler != UNKNOWN && f->below != NULL && !check_below(f, value, path, r, err))
            return false;
    }
    return true;
}

/* ---- values ---- */

static bool judge_tdx(json_t *tdx, const char *id, const struct bundle_reasons *r, struct ens_err *err)
{
    const char *format = json_string_value(json_object_get(tdx, "stage2_format"));
    const char *kernel = json_string_value(json_object_get(tdx, "kernel"));
    size_t options = json_array_size(json_object_get(tdx, "extra_kernel_options"));

    if ((format == NULL || strcmp(format, "qcow2") != 0) &&
        !add_reason(r, err, "%s: stage2_format: must be qcow2", id))
        return false;
    if (options > KERNEL_OPTIONS_MAX && !add_reason(r, err, "%s: extra_kernel_options: are %zu, more than %d",
                                                    id, options, KERNEL_OPTIONS_MAX))
        return false;
    return options == 0 || (kernel != NULL && kernel[0] != '\0') ||
           add_reason(r, err, "%s: extra_kernel_options: need a kernel", id);
}

static bool check_component(json_t *component, size_t index, const struct bundle_reasons *r,
                            struct ens_err *err)
{
    const char *kind = json_string_value(json_object_get(component, "kind"));
    json_t *sgx = json_object_get(component, "sgx");
    json_t *tdx = json_object_get(component, "tdx");
    char id[40];

    (void)snprintf(id, sizeof id, "components[%zu]", index);
    if ((kind == NULL || strcmp(kind, "rofl") != 0) &&
        !add_reason(r, err, "%s: kind: the scheduler runs rofl components only", id))
        return false;
    if (json_is_true(json_object_get(component, "disabled")) &&
        !add_reason(r, err, "%s: disabled: must not be set", id))
        return false;
    if (json_is_object(sgx) && json_string_length(json_object_get(sgx, "signature")) == 0 &&
        json_object_get(sgx, "signature") != NULL &&
        !add_reason(r, err, "%s: sgx.signature: is empty, sign the component", id))
        return false;
    return !json_is_object(tdx) || judge_tdx(tdx, id, r, err);
}

bool manifest_scheduler_check(const void *root, const struct bundle_reasons *reasons, struct ens_err *err)
{
    json_t *top = json_deep_copy(root);
    bool ok = true;

    if (top == NULL)
        return ens_fail(err, ENS_RESOURCE, "out of memory: give ensign more memory and repeat");
    json_t *components = json_object_get(top, "components");

    ok = check_object(schema_top, top, "", reasons, err);
    for (size_t i = 0; ok && i < json_array_size(components); i++)
        ok = check_component(json_array_get(components, i), i, reasons, err);
    json_decref(top);
    return ok;
}
