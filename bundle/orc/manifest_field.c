/* Single fields of a manifest: type, range, and the ways in which they are written. */
#include "bundle/orc/manifest_field.h"

#include <jansson.h>
#include <string.h>

#include "bundle/orc/manifest_schema.h"
#include "signer/base/hex.h"

/* The most bytes that a binary field has (identity[].enclave). */
#define BINARY_MAX 64

bool manifest_field_bad(struct ens_err *err, const char *key, const char *rule)
{
    return ens_fail(err, ENS_DATA, "%s: %s: correct the manifest and rebuild the bundle", key, rule);
}

/* ---- keys ---- */

/* The next character of `*s` as Go compares keys (foldFunc of encoding/json): ASCII without case, U+017F
 * as s, U+212A as k; other bytes as they are. */
static char fold_letter(const char **s)
{
    const char *c = *s;

    if (strncmp(c, "\xc5\xbf", 2) == 0) {
        *s = c + 2;
        return 's';
    }
    if (strncmp(c, "\xe2\x84\xaa", 3) == 0) {
        *s = c + 3;
        return 'k';
    }
    *s = c + 1;
    return *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
}

/* True if a reader that folds takes `key` for `known`, which is lower-case ASCII. */
static bool folds_to(const char *key, const char *known)
{
    while (*key != '\0' && *known != '\0') {
        if (fold_letter(&key) != *known++)
            return false;
    }
    return *key == *known;
}

bool manifest_field_keys(const void *object, const struct field *rows, struct ens_err *err)
{
    void *cursor = json_object_iter((json_t *)(uintptr_t)object);

    for (; cursor != NULL; cursor = json_object_iter_next((json_t *)(uintptr_t)object, cursor)) {
        const char *key = json_object_iter_key(cursor);

        for (const struct field *f = rows; f->key != NULL; f++) {
            if (folds_to(key, f->key) && strcmp(key, f->key) != 0)
                return ens_fail_own(
                    err,
                    "%s: differs from the key %s only in case, and readers differ in what they make "
                    "of that: correct the manifest and rebuild the bundle",
                    key, f->key);
        }
    }
    return true;
}

/* ---- values ---- */

static const json_t *get(const void *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

bool manifest_field_text(const void *object, const char *key, const char **ret, struct ens_err *err)
{
    const json_t *value = get(object, key);

    if (value == NULL)
        return true;
    if (!json_is_string(value))
        return manifest_field_bad(err, key, "must be a text");
    if (json_string_length(value) > 0)
        *ret = json_string_value(value);
    return true;
}

bool manifest_field_bool(const void *object, const char *key, bool *ret, struct ens_err *err)
{
    const json_t *value = get(object, key);

    if (value == NULL)
        return true;
    if (!json_is_boolean(value))
        return manifest_field_bad(err, key, "must be true or false");
    *ret = json_is_true(value);
    return true;
}

bool manifest_field_uint(const void *object, const char *key, uint64_t max, uint64_t *ret,
                         struct ens_err *err)
{
    const json_t *value = get(object, key);

    if (value == NULL)
        return true;
    if (!json_is_integer(value))
        return manifest_field_bad(err, key, "must be an integer without point or exponent");
    json_int_t n = json_integer_value(value);

    if (n < 0 || (uint64_t)n > max)
        return ens_fail(
            err, ENS_DATA,
            "%s: must be from 0 to %llu, and is %lld: correct the manifest and rebuild the bundle", key,
            (unsigned long long)max, (long long)n);
    *ret = (uint64_t)n;
    return true;
}

bool manifest_field_object(const void *object, const char *key, const void **ret, struct ens_err *err)
{
    const json_t *value = get(object, key);

    if (value == NULL)
        return true;
    if (!json_is_object(value))
        return manifest_field_bad(err, key, "must be an object");
    *ret = value;
    return true;
}

bool manifest_field_array(const void *object, const char *key, const void **ret, struct ens_err *err)
{
    const json_t *value = get(object, key);

    if (value == NULL)
        return true;
    if (!json_is_array(value))
        return manifest_field_bad(err, key, "must be an array");
    *ret = value;
    return true;
}

/* ---- binary values ---- */

static int base64_value(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c == '\0' ? NULL : strchr(alphabet, c);

    return found == NULL ? -1 : (int)(found - alphabet);
}

/* RFC 4648, section 4, strict: padded, no line breaks, no bits behind the last byte. */
static bool decode_base64(const char *text, uint8_t *ret, size_t len)
{
    size_t pad = (3 - len % 3) % 3;
    uint32_t bits = 0;
    unsigned have = 0;
    size_t out = 0;

    for (size_t i = 0; i < (len + 2) / 3 * 4 - pad; i++) {
        int value = base64_value(text[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            ret[out++] = (uint8_t)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0 && strspn(text + (len + 2) / 3 * 4 - pad, "=") == pad;
}

bool manifest_field_is_loose(const char *text, size_t len)
{
    size_t n = 0;

    for (const char *c = text; *c != '\0'; c++) {
        if (base64_value(*c) < 0 && strchr("=\r\n", *c) == NULL)
            return false;
        n += *c != '\r' && *c != '\n';
    }
    return n == (len + 2) / 3 * 4;
}

bool manifest_field_binary(const char *text, bool hex, uint8_t *ret, size_t len)
{
    struct ens_err ignored = {0};
    uint8_t bytes[BINARY_MAX];
    size_t text_len = strlen(text);

    if (len > sizeof bytes)
        return false;
    bool ok = hex && text_len == 2 * len ? hex_decode(text, "", bytes, len, &ignored)
                                         : text_len == (len + 2) / 3 * 4 && decode_base64(text, bytes, len);
    if (ok)
        memcpy(ret, bytes, len);
    return ok;
}
