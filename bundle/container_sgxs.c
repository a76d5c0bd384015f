/* An SGXS stream: the enclave itself, as records. It has no place for a SIGSTRUCT. */
#include "bundle/kinds.h"

#include "signer/base/interrupt.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"

/* A stream begins with any record; reading says what is wrong with all but ECREATE. */
static bool recognise_sgxs(const struct container *c, struct view head)
{
    (void)c;
    return magic_of(head) == MAGIC_SGXS;
}

static bool open_stream(struct container *c, const char *component, struct ens_err *err)
{
    struct site *site = NULL;

    (void)component;
    if (!container_add_site(c, &site, err))
        return false;
    site->has_place = false;
    return true;
}

static bool pour_records(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    size_t len = FILE_PIECE;

    (void)index;
    if (piece == NULL)
        return false;
    for (uint64_t at = 0; len == FILE_PIECE; at += len) {
        if (!interrupt_check(err) || !file_read_at(c->fd, c->label, at, piece, FILE_PIECE, &len, err) ||
            !sink->put(sink->ctx, view_of(piece, len), err))
            return false;
    }
    return true;
}

static bool write_nothing(struct container *c, const struct container_edit *edit, struct file_out *out,
                          struct ens_err *err)
{
    (void)edit;
    (void)out;
    return ens_fail(err, ENS_DATA, "%s: is a bare stream, which has no place for a signature: give --to FILE",
                    c->label);
}

const struct container_ops container_sgxs = {
    .kind = CONTAINER_SGXS,
    .name = "SGXS stream",
    .recognise = recognise_sgxs,
    .open = open_stream,
    .stream = pour_records,
    .write = write_nothing,
};
