/* Files read and written at a place, without moving their position. */
#include "bundle/pipe.h"

#include <errno.h>
#include <unistd.h>

#include "bundle/directory.h"
#include "signer/base/file.h"
#include "signer/base/interrupt.h"

int64_t pipe_read(struct pipe *p, void *ret, uint64_t len)
{
    uint64_t left = p->at < p->size ? p->size - p->at : 0;
    size_t have = 0;

    if (!interrupt_check(&p->err) ||
        !directory_read_at(p->fd, p->at, ret, len < left ? len : left, &have, &p->err))
        return -1;
    p->at += have;
    return (int64_t)have;
}

int64_t pipe_write(struct pipe *p, const void *data, uint64_t len)
{
    const uint8_t *bytes = data;
    size_t done = 0;

    if (!interrupt_check(&p->err))
        return -1;
    while (done < len) {
        ssize_t n = pwrite(p->fd, bytes + done, len - done, (off_t)(p->at + done));

        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            (void)ens_fail_errno(&p->err, ENS_IO, errno, "cannot be written");
            return -1;
        } else if (!interrupt_check(&p->err)) {
            return -1;
        }
    }
    p->at += done;
    if (p->at > p->size)
        p->size = p->at;
    return (int64_t)done;
}

bool pipe_pour(int fd, uint64_t size, const struct sink *sink, struct ens_err *err)
{
    struct pipe p = {.fd = fd, .size = size};
    uint8_t piece[FILE_PIECE];

    while (p.at < size) {
        int64_t n = pipe_read(&p, piece, sizeof piece);

        if (n < 0) {
            *err = p.err;
            return false;
        }
        if (n == 0)
            return ens_fail(err, ENS_DATA, "became shorter while it was read: repeat when it is complete");
        if (!sink->put(sink->ctx, view_of(piece, (size_t)n), err))
            return false;
    }
    return true;
}
