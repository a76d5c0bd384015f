/* A raw SIGSTRUCT: 1808 bytes without any framing, as Fortanix, Gramine and Intel's -cssfile write them. */
#include "bundle/kinds.h"

#include <inttypes.h>

/* HEADER of the SDM without its last four bytes, in which Intel's release type stands. */
static bool recognise_sigstruct(const struct container *c, struct view head)
{
    static const uint8_t header[] = {6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0};

    (void)c;
    return view_begins(head, view_of(header, sizeof header));
}

static bool open_sigstruct(struct container *c, const char *component, struct ens_err *err)
{
    struct site *site = NULL;
    size_t len = 0;

    (void)component;
    c->why_no_stream = "a SIGSTRUCT holds no enclave";
    if (c->size != SIGSTRUCT_SIZE)
        return ens_fail(err, ENS_DATA,
                        "%s: a SIGSTRUCT is %d bytes, not %" PRIu64 ": give the whole structure", c->label,
                        SIGSTRUCT_SIZE, c->size);
    if (!container_add_site(c, &site, err) ||
        !file_read_at(c->fd, c->label, 0, site->css.bytes, sizeof site->css.bytes, &len, err))
        return false;
    if (len != sizeof site->css.bytes)
        return ens_fail(err, ENS_IO, "%s: became shorter while it was read: repeat when it is complete",
                        c->label);
    return true;
}

const struct container_ops container_sigstruct = {
    .kind = CONTAINER_SIGSTRUCT,
    .name = "SIGSTRUCT",
    .recognise = recognise_sigstruct,
    .open = open_sigstruct,
};
