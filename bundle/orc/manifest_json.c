/* Writing a manifest's JSON tree as text, with the escapes that readers of bundles write themselves. */
#include "bundle/orc/manifest_json.h"

#include <jansson.h>
#include <string.h>

#include "bundle/orc/manifest_scan.h"

static bool put_json(struct buf *out, const char *text, struct ens_err *err)
{
    return buf_append(out, view_of_string(text), err);
}

/* The escape of the character at `s`, of which `*ret_len` bytes are taken; NULL: it stands for itself. */
static const char *escape(const char *s, size_t left, char ret[static 8], size_t *ret_len)
{
    static const char shorts[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    unsigned char c = (unsigned char)*s;
    const char *found = c == '\0' ? NULL : strchr(shorts, c);

    *ret_len = 1;
    if (found != NULL) {
        (void)snprintf(ret, 8, "\\%c", letters[found - shorts]);
        return ret;
    }
    if (c < 0x20 || c == '<' || c == '>' || c == '&') {
        (void)snprintf(ret, 8, "\\u%04x", (unsigned)c);
        return ret;
    }
    if (left < 3 || memcmp(s, "\xe2\x80", 2) != 0 || (s[2] != '\xa8' && s[2] != '\xa9'))
        return NULL;
    *ret_len = 3;
    return s[2] == '\xa8' ? "\\u2028" : "\\u2029";
}

static bool write_text(const char *text, size_t len, struct buf *out, struct ens_err *err)
{
    char space[8];
    size_t plain = 0; /* where the run of characters that need no escape began */

    if (!put_json(out, "\"", err))
        return false;
    for (size_t i = 0; i < len;) {
        size_t taken = 0;
        const char *escaped = escape(text + i, len - i, space, &taken);

        if (escaped != NULL) {
            if (!buf_append(out, view_of(text + plain, i - plain), err) || !put_json(out, escaped, err))
                return false;
            plain = i + taken;
        }
        i += taken;
    }
    return buf_append(out, view_of(text + plain, len - plain), err) && put_json(out, "\"", err);
}

static bool write_scalar(const json_t *value, struct buf *out, struct ens_err *err)
{
    char real[MANIFEST_NUMBER_MAX];

    switch (json_typeof(value)) {
    case JSON_STRING:
        return write_text(json_string_value(value), json_string_length(value), out, err);
    case JSON_INTEGER:
        return buf_printf(out, err, "%lld", (long long)json_integer_value(value));
    case JSON_REAL:
        manifest_scan_real(json_real_value(value), real);
        return put_json(out, real, err);
    case JSON_TRUE:
        return put_json(out, "true", err);
    case JSON_FALSE:
        return put_json(out, "false", err);
    case JSON_NULL:
        return put_json(out, "null", err);
    case JSON_OBJECT:
    case JSON_ARRAY:
    default:
        return ens_fail(err, ENS_BUG, "manifest: an object or array is not a scalar: report this");
    }
}

static bool write_key(const char *key, bool first, struct buf *out, struct ens_err *err)
{
    return (first || put_json(out, ",", err)) && write_text(key, strlen(key), out, err) &&
           put_json(out, ":", err);
}

/* Recursion ends at MANIFEST_DEPTH_MAX, which every tree was held to when it was read. */
static bool write_value(const json_t *value, struct buf *out, struct ens_err *err)
{
    if (json_is_array(value)) {
        if (!put_json(out, "[", err))
            return false;
        for (size_t i = 0; i < json_array_size(value); i++) {
            if ((i > 0 && !put_json(out, ",", err)) || !write_value(json_array_get(value, i), out, err))
                return false;
        }
        return put_json(out, "]", err);
    }
    if (!json_is_object(value))
        return write_scalar(value, out, err);
    json_t *object = (json_t *)(uintptr_t)value; /* the iterator's interface has no const */
    bool first = true;

    if (!put_json(out, "{", err))
        return false;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        if (!write_key(json_object_iter_key(i), first, out, err) ||
            !write_value(json_object_iter_value(i), out, err))
            return false;
        first = false;
    }
    return put_json(out, "}", err);
}

static bool write_digests(const json_t *digests, const char *const *keep, size_t keep_len, struct buf *out,
                          struct ens_err *err)
{
    if (!put_json(out, "{", err))
        return false;
    for (size_t i = 0; i < keep_len; i++) {
        if (!write_key(keep[i], i == 0, out, err) ||
            !write_value(json_object_get(digests, keep[i]), out, err))
            return false;
    }
    return put_json(out, "}", err);
}

bool manifest_json_write(const void *root, const char *const *keep, size_t keep_len, struct buf *out,
                         struct ens_err *err)
{
    json_t *object = (json_t *)(uintptr_t)root;
    bool first = true;

    if (!put_json(out, "{", err))
        return false;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);
        const json_t *value = json_object_iter_value(i);
        bool digests = strcmp(key, "digests") == 0 && json_is_object(value);

        if (!write_key(key, first, out, err) ||
            !(digests ? write_digests(value, keep, keep_len, out, err) : write_value(value, out, err)))
            return false;
        first = false;
    }
    return put_json(out, "}", err);
}
