/* approve --rebuilt, for reviewers, who have ensign. */
#include "signer/cmd/approve/approve.h"

#include <string.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
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

static bool measure_all(const struct args *args, struct rebuilds *ret, struct ens_err *err)
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

bool cmd_approve_rebuilt(const struct args *args, struct ens_err *err)
{
    return approve_run(args, measure_all, err);
}
