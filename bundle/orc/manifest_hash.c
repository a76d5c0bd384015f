/* The manifest hash: the rows of manifest_schema.c in canonical CBOR. What is not in a row is not hashed. */
#include "bundle/orc/manifest_hash.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/orc/manifest_field.h"
#include "bundle/orc/manifest_schema.h"
#include "signer/base/digest.h"
#include "signer/base/mem.h"

/* Where the encoding goes, and what changes it on the way. */
struct encoder {
    struct buf out;
    bool has_version; /* at the top level: a ronl component's own version is left out then */
};

/* ---- CBOR (RFC 7049, section 2.1) ---- */

enum major { CBOR_UINT = 0, CBOR_BYTES = 2, CBOR_TEXT = 3, CBOR_ARRAY = 4, CBOR_MAP = 5 };

#define CBOR_FALSE 0xf4
#define CBOR_TRUE  0xf5
#define CBOR_NULL  0xf6

static bool put_byte(struct encoder *e, unsigned byte, struct ens_err *err)
{
    return buf_append(&e->out, view_of(&(uint8_t){(uint8_t)byte}, 1), err);
}

/* The head of an item: major type, and `n` in the fewest bytes. */
static bool put_head(struct encoder *e, enum major major, uint64_t n, struct ens_err *err)
{
    unsigned size_code = n < 24 ? 0 : n <= UINT8_MAX ? 24 : n <= UINT16_MAX ? 25 : n <= UINT32_MAX ? 26 : 27;
    int bytes = size_code == 0 ? 0 : 1 << (size_code - 24);

    if (!put_byte(e, (unsigned)major << 5 | (size_code == 0 ? (unsigned)n : size_code), err))
        return false;
    for (int i = bytes - 1; i >= 0; i--) {
        if (!put_byte(e, (unsigned)(n >> 8 * i & 0xff), err))
            return false;
    }
    return true;
}

static bool put_string(struct encoder *e, enum major major, struct view v, struct ens_err *err)
{
    return put_head(e, major, v.len, err) && buf_append(&e->out, v, err);
}

static bool encode_text(struct encoder *e, const char *text, struct ens_err *err)
{
    return put_string(e, CBOR_TEXT, view_of_string(text != NULL ? text : ""), err);
}

/* ---- which fields ---- */

static bool is_zero_version(const json_t *version)
{
    return json_integer_value(json_object_get(version, "major")) == 0 &&
           json_integer_value(json_object_get(version, "minor")) == 0 &&
           json_integer_value(json_object_get(version, "patch")) == 0;
}

static bool is_left_out(const struct field *f, const json_t *value)
{
    if (value == NULL || json_is_null(value) || json_is_false(value))
        return true;
    if (f->below == schema_version)
        return is_zero_version(value);
    if (json_is_string(value))
        return json_string_length(value) == 0;
    if (json_is_integer(value))
        return json_integer_value(value) == 0;
    return json_is_array(value) && json_array_size(value) == 0;
}

/* oasis-core fills a ronl component's version from the top level and leaves it out of the hash again. */
static bool is_hashed(const struct encoder *e, const struct field *fields, const struct field *f,
                      const json_t *object)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));

    if (fields == schema_component && f->below == schema_version && e->has_version && kind != NULL &&
        strcmp(kind, "ronl") == 0)
        return false;
    return f->hashed == ALWAYS || !is_left_out(f, json_object_get(object, f->key));
}

/* ---- values ---- */

static bool put_object(struct encoder *e, const struct field *fields, const json_t *object,
                       struct ens_err *err);

static bool put_binary(struct encoder *e, const char *what, const json_t *value, bool hex, size_t len,
                       uint8_t *room, struct ens_err *err)
{
    const char *text = json_string_value(value);

    if (text == NULL || !manifest_field_binary(text, hex, room, len))
        return manifest_field_bad(err, what, "must be binary text of the right length");
    return put_string(e, CBOR_BYTES, view_of(room, len), err);
}

static bool put_id(struct encoder *e, const json_t *value, struct ens_err *err)
{
    uint8_t id[32] = {0};

    if (value == NULL || json_is_null(value))
        return put_string(e, CBOR_BYTES, view_of(id, sizeof id), err);
    return put_binary(e, "id", value, true, sizeof id, id, err);
}

/* {mr_signer, mr_enclave}: the shorter key first. */
static bool put_enclave(struct encoder *e, const json_t *value, struct ens_err *err)
{
    const char *text = json_string_value(value);
    uint8_t enclave[64];

    if (text == NULL || !manifest_field_binary(text, false, enclave, sizeof enclave))
        return manifest_field_bad(err, "identity.enclave", "must be 64 bytes in base64");
    return put_head(e, CBOR_MAP, 2, err) && encode_text(e, "mr_signer", err) &&
           put_string(e, CBOR_BYTES, view_of(enclave + 32, 32), err) && encode_text(e, "mr_enclave", err) &&
           put_string(e, CBOR_BYTES, view_of(enclave, 32), err);
}

static int compare_keys(const void *x, const void *y)
{
    const char *const *a = x;
    const char *const *b = y;
    size_t len_a = strlen(*a);
    size_t len_b = strlen(*b);

    return len_a != len_b ? (len_a > len_b) - (len_a < len_b) : strcmp(*a, *b);
}

static bool put_digests(struct encoder *e, json_t *digests, struct ens_err *err)
{
    size_t len = json_object_size(digests);
    size_t n = 0;
    uint8_t digest[32];

    if (digests == NULL || json_is_null(digests))
        return put_byte(e, CBOR_NULL, err);
    ENS_CLEANUP(mem_freep) const char **names = mem_alloc(len, sizeof *names, err);

    if (names == NULL)
        return false;
    for (void *at = json_object_iter(digests); at != NULL; at = json_object_iter_next(digests, at))
        names[n++] = json_object_iter_key(at);
    qsort(names, n, sizeof *names, compare_keys);
    if (!put_head(e, CBOR_MAP, n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!encode_text(e, names[i], err) ||
            !put_binary(e, "digests", json_object_get(digests, names[i]), true, sizeof digest, digest, err))
            return false;
    }
    return true;
}

static bool put_array(struct encoder *e, const struct field *f, const json_t *array, struct ens_err *err)
{
    if (!put_head(e, CBOR_ARRAY, json_array_size(array), err))
        return false;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);

        if (f->kind == FIELD_TEXTS ? !encode_text(e, json_string_value(item), err)
                                   : !put_object(e, f->below, item, err))
            return false;
    }
    return true;
}

static bool encode_value(struct encoder *e, const struct field *f, json_t *value, struct ens_err *err)
{
    switch (f->kind) {
    case FIELD_TEXT:
        return encode_text(e, json_string_value(value), err);
    case FIELD_UINT8:
    case FIELD_UINT16:
    case FIELD_UINT64:
        return put_head(e, CBOR_UINT, (uint64_t)json_integer_value(value), err);
    case FIELD_BOOLEAN:
        return put_byte(e, json_is_true(value) ? CBOR_TRUE : CBOR_FALSE, err);
    case FIELD_ID:
        return put_id(e, value, err);
    case FIELD_TEXTS:
    case FIELD_OBJECTS:
        return put_array(e, f, value, err);
    case FIELD_OBJECT:
        return put_object(e, f->below, value, err);
    case FIELD_DIGESTS:
        return put_digests(e, value, err);
    case FIELD_ENCLAVE:
        return put_enclave(e, value, err);
    }
    return ens_fail(err, ENS_BUG, "a field of the manifest has no kind");
}

static bool put_object(struct encoder *e, const struct field *fields, const json_t *object,
                       struct ens_err *err)
{
    size_t n = 0;

    for (const struct field *f = fields; f->key != NULL; f++)
        n += is_hashed(e, fields, f, object);
    if (!put_head(e, CBOR_MAP, n, err))
        return false;
    for (const struct field *f = fields; f->key != NULL; f++) {
        if (is_hashed(e, fields, f, object) &&
            (!encode_text(e, f->key, err) || !encode_value(e, f, json_object_get(object, f->key), err)))
            return false;
    }
    return true;
}

static void encoder_free(struct encoder *e)
{
    buf_free(&e->out);
}

bool manifest_hash_of(const void *root, uint8_t ret[static 32], struct ens_err *err)
{
    ENS_CLEANUP(encoder_free) struct encoder e = {0};

    e.has_version = !is_zero_version(json_object_get((const json_t *)root, "version"));
    return put_object(&e, schema_top, root, err) && digest_of(DIGEST_SHA512_256, buf_view(&e.out), ret, err);
}
