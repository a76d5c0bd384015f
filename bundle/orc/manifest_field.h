/* Single fields of a manifest's objects. As in Go's encoding/json, which the readers of bundles use, a
 * field that is null counts as absent. `object` is an object of the JSON tree; outputs are written only
 * where the field is there. All: ENS_DATA naming the key and the rule. */
#pragma once

#include "signer/base/bytes.h"

struct field;

/* Refuses keys that differ from one of `rows` only as Go ignores it: in case, and in
 * two letters that fold to ASCII. Others are unknown keys, and stay as they are. */
bool manifest_field_keys(const void *object, const struct field *rows, struct ens_err *err) ENS_MUST_CHECK;

/* A text; an empty one counts as absent. Points into the tree. */
bool manifest_field_text(const void *object, const char *key, const char **ret,
                         struct ens_err *err) ENS_MUST_CHECK;
bool manifest_field_bool(const void *object, const char *key, bool *ret, struct ens_err *err) ENS_MUST_CHECK;
/* An integer from 0 to `max`, without point or exponent. */
bool manifest_field_uint(const void *object, const char *key, uint64_t max, uint64_t *ret,
                         struct ens_err *err) ENS_MUST_CHECK;
bool manifest_field_object(const void *object, const char *key, const void **ret,
                           struct ens_err *err) ENS_MUST_CHECK;
bool manifest_field_array(const void *object, const char *key, const void **ret,
                          struct ens_err *err) ENS_MUST_CHECK;

/* Sets the error "KEY: RULE: correct the manifest and rebuild the bundle"; returns false. */
bool manifest_field_bad(struct ens_err *err, const char *key, const char *rule);

/* Exactly `len` bytes (at most 64) in standard base64 with padding, or, if `hex`, in hexadecimal. */
bool manifest_field_binary(const char *text, bool hex, uint8_t *ret, size_t len);
/* May another reader find `len` bytes in a text that is refused here: base64 with line breaks, or with bits
 * behind the last byte? */
bool manifest_field_is_loose(const char *text, size_t len);
