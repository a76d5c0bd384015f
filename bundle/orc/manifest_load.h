/* From a manifest's text to a JSON tree. */
#pragma once

#include "signer/base/bytes.h"

/* Parses one JSON object: no duplicate keys at any depth, no byte order mark, nothing after it, within the
 * limits of manifest_scan.h. `*ret_root` gets the tree (the JSON library's, of which no type is named in a
 * header); release with manifest_load_free. ENS_DATA, ENS_RESOURCE. */
bool manifest_load(struct view text, void **ret_root, struct ens_err *err) ENS_MUST_CHECK;
void manifest_load_free(void *root);
