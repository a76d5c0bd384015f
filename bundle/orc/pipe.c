/* Files read and written at a place, without moving their position. */
#include "bundle/orc/pipe.h"

#include <string.h>

#include "bundle/orc/directory.h"
#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define BUFFER (256u << 10)

void pipe_free(struct pipe *p)
{
    mem_free(p->buffer);
    p->buffer = NULL;
    p->len = 0;
}

static bool make_buffer(struct pipe *p)
{
    if (p->buffer == NULL)
        p->buffer = mem_room(BUFFER, &p->err);
    return p->buffer != NULL;
}

/* Reads what comes at the place of `p` into the buffer. */
static bool fill_piece(struct pipe *p)
{
    uint64_t left = p->at < p->size ? p->size - p->at : 0;

    p->begin = p->at;
    p->len = 0;
    return interrupt_check(&p->err) && make_buffer(p) &&
           directory_read_at(p->fd, p->at, p->buffer, left < BUFFER ? (size_t)left : BUFFER, &p->len,
                             &p->err);
}

int64_t pipe_read(struct pipe *p, void *ret, uint64_t len)
{
    uint8_t *bytes = ret;
    uint64_t done = 0;

    while (done < len) {
        if ((p->at < p->begin || p->at - p->begin >= p->len) && !fill_piece(p))
            return -1;
        size_t skip = (size_t)(p->at - p->begin);
        size_t n = p->len - skip < len - done ? p->len - skip : (size_t)(len - done);

        if (n == 0)
            break;
        memcpy(bytes + done, p->buffer + skip, n);
        done += n;
        p->at += n;
    }
    return (int64_t)done;
}

int64_t pipe_flush(struct pipe *p)
{
    if (!interrupt_check(&p->err) ||
        !file_write_at(p->fd, NULL, p->begin, view_of(p->buffer, p->len), &p->err))
        return -1;
    p->len = 0;
    return 0;
}

int64_t pipe_write(struct pipe *p, const void *data, uint64_t len)
{
    const uint8_t *bytes = data;
    uint64_t done = 0;

    if (!make_buffer(p))
        return -1;
    while (done < len) {
        if ((p->len == BUFFER || p->at != p->begin + p->len) && pipe_flush(p) < 0)
            return -1;
        if (p->len == 0)
            p->begin = p->at;
        size_t n = BUFFER - p->len < len - done ? BUFFER - p->len : (size_t)(len - done);

        memcpy(p->buffer + p->len, bytes + done, n);
        p->len += n;
        p->at += n;
        done += n;
    }
    if (p->at > p->size)
        p->size = p->at;
    return (int64_t)done;
}

bool pipe_pour(int fd, uint64_t size, const struct sink *sink, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);

    if (piece == NULL)
        return false;
    for (uint64_t at = 0; at < size;) {
        size_t want = size - at < FILE_PIECE ? (size_t)(size - at) : FILE_PIECE;
        size_t len = 0;

        if (!interrupt_check(err) || !directory_read_at(fd, at, piece, want, &len, err))
            return false;
        if (len < want)
            return ens_fail(err, ENS_DATA, "became shorter while it was read: repeat when it is complete");
        if (!sink->put(sink->ctx, view_of(piece, len), err))
            return false;
        at += len;
    }
    return true;
}
