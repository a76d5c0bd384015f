/* Unpacking one entry with zlib, of which this is the only user. */
#include "bundle/unpack.h"

#define ZLIB_CONST /* inputs are const */
#include <zlib.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"

#define REMEDY "get the file again, or rebuild it"

/* Raw deflate data, without a header of zlib's or gzip's (zlib.h, inflateInit2). */
#define RAW_DEFLATE (-15)

struct unpack {
    z_stream z;
    bool deflated;
    bool started; /* `z` is to be released */
    bool ended;   /* the last block was read */
    uint64_t size, done;
    uLong want_crc, crc;
    const struct sink *sink;
    uint8_t piece[FILE_PIECE];
};

bool unpack_new(bool deflated, uint64_t size, uint32_t crc, const struct sink *sink, struct unpack **ret,
                struct ens_err *err)
{
    ENS_CLEANUP(unpack_freep) struct unpack *u = mem_alloc(1, sizeof *u, err);

    if (u == NULL)
        return false;
    u->deflated = deflated;
    u->size = size;
    u->want_crc = crc;
    u->crc = crc32(0, NULL, 0);
    u->sink = sink;
    if (deflated && inflateInit2(&u->z, RAW_DEFLATE) != Z_OK)
        return ens_fail(err, ENS_RESOURCE, "out of memory in zlib: give ensign more memory and repeat");
    u->started = deflated;
    *ret = ens_take(u);
    return true;
}

void unpack_freep(struct unpack **u)
{
    if (*u == NULL)
        return;
    if ((*u)->started)
        (void)inflateEnd(&(*u)->z);
    mem_free(*u);
    *u = NULL;
}

/* Passes content on. */
static bool give(struct unpack *u, struct view content, struct ens_err *err)
{
    if (content.len == 0)
        return true;
    if (content.len > u->size - u->done)
        return ens_fail(err, ENS_DATA, "unpacks to more than the %llu bytes it declares: " REMEDY,
                        (unsigned long long)u->size);
    u->done += content.len;
    u->crc = crc32(u->crc, content.data, (uInt)content.len);
    return u->sink->put(u->sink->ctx, content, err);
}

static bool inflate_piece(struct unpack *u, struct ens_err *err)
{
    u->z.next_out = u->piece;
    u->z.avail_out = sizeof u->piece;
    int result = inflate(&u->z, Z_NO_FLUSH);

    if (result == Z_MEM_ERROR)
        return ens_fail(err, ENS_RESOURCE, "out of memory in zlib: give ensign more memory and repeat");
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return ens_fail(err, ENS_DATA, "its compressed data are damaged: " REMEDY);
    u->ended = result == Z_STREAM_END;
    return give(u, view_of(u->piece, sizeof u->piece - u->z.avail_out), err);
}

bool unpack_put(struct unpack *u, struct view packed, struct ens_err *err)
{
    if (!u->deflated)
        return give(u, packed, err);
    u->z.next_in = packed.data;
    u->z.avail_in = (uInt)packed.len;
    /* A full piece may mean that there is more to come of what was taken in. */
    do {
        if (!u->ended && !inflate_piece(u, err))
            return false;
    } while (!u->ended && (u->z.avail_in > 0 || u->z.avail_out == 0));
    return true;
}

bool unpack_end(struct unpack *u, struct ens_err *err)
{
    if (u->deflated && !u->ended)
        return ens_fail(err, ENS_DATA, "its data end too early: " REMEDY);
    if (u->done != u->size)
        return ens_fail(err, ENS_DATA, "unpacks to %llu bytes, and declares %llu: " REMEDY,
                        (unsigned long long)u->done, (unsigned long long)u->size);
    if (u->crc != u->want_crc)
        return ens_fail(err, ENS_DATA, "its CRC is not that of its data: " REMEDY);
    return true;
}
