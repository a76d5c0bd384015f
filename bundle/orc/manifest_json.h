/* Writing a manifest's JSON tree as text. */
#pragma once

#include "signer/base/bytes.h"

/* Appends `root` to `out` in compact form: objects in their order, <, >, & and the line separators
 * U+2028 and U+2029 escaped as encoding/json of Go does, no newline at the end. Of the top-level `digests`
 * only the `keep_len` keys of `keep` are written, in that order. ENS_RESOURCE. */
bool manifest_json_write(const void *root, const char *const *keep, size_t keep_len, struct buf *out,
                         struct ens_err *err) ENS_MUST_CHECK;
