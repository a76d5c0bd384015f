/* Files that are known by their first bytes, before any reader of them is asked. The one place where the magic
 * numbers of enclave files stand that both programs link. */
#pragma once

#include "signer/base/bytes.h"

enum magic {
    MAGIC_NONE,
    MAGIC_ZIP,  /* an Oasis bundle */
    MAGIC_SGXS, /* one of the five record tags; only ECREATE begins a whole stream */
    MAGIC_ELF,
};

/* The kind of a file that begins with `head`; eight bytes will do. */
enum magic magic_of(struct view head);

/* Is it the text of a Gramine manifest: does a line begin with one of its tables, [sgx], [loader], [libos] or [fs], or a key of
 * one? So many bytes of `head` are looked at. */
#define MAGIC_MANIFEST_MAX 4096
bool magic_is_manifest(struct view head);

/* Names a file that is given by mistake, and the remedy: "a tar archive: unpack it first". NULL: none that is
 * known. 300 bytes of `head` will do. Owned by the program. */
const char *magic_mistake(struct view head);
