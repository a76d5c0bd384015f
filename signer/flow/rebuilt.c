/* --rebuilt. */
#include "signer/flow/rebuilt.h"

#include <string.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/flow/enclave.h"

static bool hash_file(const char *path, uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    size_t len = 0;

    if (piece == NULL || !file_open(path, &fd, err) || !digest_new(DIGEST_SHA256, &d, err))
        return false;
    do {
        if (!file_read(fd, path, piece, FILE_PIECE, &len, err) || !digest_update(d, view_of(piece, len), err))
            return false;
    } while (len == FILE_PIECE);
    return digest_final(d, ret, err);
}

/* The file is hashed before and after it is measured: the hash is that of the file that was measured. */
static bool measure(const struct args *args, struct rebuilt *ret, struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    uint8_t after[DIGEST_SIZE];

    if (!hash_file(ret->path, ret->sha256, err) ||
        !enclave_load(ret->path, args->component, ENCLAVE_LOOK, args->params.allow_unusual, &e, err) ||
        !hash_file(ret->path, after, err))
        return false;
    if (!e.is_measured)
        return ens_fail(err, ENS_DATA, "%s: %s: nothing can be rebuilt from it, give the enclave", ret->path,
                        container_why_no_stream(e.container));
    if (memcmp(after, ret->sha256, sizeof after) != 0)
        return ens_fail(err, ENS_DATA, "%s: was changed while it was measured: run again", ret->path);
    memcpy(ret->mrenclave, e.mrenclave, sizeof ret->mrenclave);
    return true;
}

bool rebuilt_measure(const struct args *args, struct rebuilds *ret, struct ens_err *err)
{
    struct rebuilds r = {0};

    for (; r.len < args->rebuilt.len; r.len++) {
        r.items[r.len].path = args->rebuilt.items[r.len];
        if (!measure(args, &r.items[r.len], err))
            return false;
    }
    *ret = r;
    return true;
}

bool rebuilt_find(const struct rebuilds *r, const struct sigstruct *css, const char *name,
                  const struct rebuilt **ret, struct ens_err *err)
{
    struct view want = sigstruct_get(css, CSS_ENCLAVEHASH);
    char want_hex[2 * MRENCLAVE_SIZE + 1];
    char have_hex[2 * MRENCLAVE_SIZE + 1];

    *ret = NULL;
    for (size_t i = 0; i < r->len; i++) {
        if (view_equal(want, view_of(r->items[i].mrenclave, MRENCLAVE_SIZE)))
            *ret = &r->items[i];
    }
    if (*ret != NULL || r->len == 0)
        return true;
    hex_encode(want_hex, want);
    hex_encode(have_hex, view_of(r->items[0].mrenclave, MRENCLAVE_SIZE));
    if (r->len == 1)
        return ens_fail(err, ENS_DATA,
                        "%s: is for MRENCLAVE %s, but %s has %s: do not approve; compare the two builds",
                        name, want_hex, r->items[0].path, have_hex);
    return ens_fail(err, ENS_DATA,
                    "%s: is for MRENCLAVE %s, which none of the %zu builds has (%s has %s): do not approve; "
                    "rebuild it, or compare the builds",
                    name, want_hex, r->len, r->items[0].path, have_hex);
}
