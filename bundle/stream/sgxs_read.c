#include "bundle/stream/sgxs_read.h"

#include <string.h>

static size_t record_len(uint64_t tag)
{
    return tag == SGXS_EEXTEND || tag == SGXS_UNMEASRD ? SGXS_HEADER_SIZE + SGXS_CHUNK_SIZE
                                                       : SGXS_HEADER_SIZE;
}

static void skip(struct sgxs_reader *r, size_t n)
{
    if (n > 0)
        r->piece.data += n;
    r->piece.len -= n;
}

/* Moves bytes of the piece to `have`, up to `want` of them. */
static bool join_bytes(struct sgxs_reader *r, size_t want)
{
    size_t n = want - r->have_len < r->piece.len ? want - r->have_len : r->piece.len;

    if (n > 0)
        memcpy(r->have + r->have_len, r->piece.data, n);
    r->have_len += n;
    skip(r, n);
    return r->have_len == want;
}

/* The record at `bytes`, all of which are there. */
static void give_record(struct sgxs_reader *r, const uint8_t *bytes, struct sgxs_record *ret)
{
    uint64_t tag = bytes_get_le64(bytes);
    size_t len = record_len(tag);

    *ret = (struct sgxs_record){.tag = tag,
                                .at = r->at,
                                .header = bytes,
                                .chunk = len > SGXS_HEADER_SIZE ? bytes + SGXS_HEADER_SIZE : NULL,
                                .len = len,
                                .joined = r->given};
    r->at += len;
}

void sgxs_feed(struct sgxs_reader *r, struct view piece)
{
    r->piece = piece;
}

bool sgxs_next(struct sgxs_reader *r, struct sgxs_record *ret)
{
    const uint8_t *bytes = r->piece.data;

    if (r->given)
        r->have_len = 0;
    r->given = false;
    if (r->have_len == 0 && r->piece.len >= SGXS_HEADER_SIZE &&
        r->piece.len >= record_len(bytes_get_le64(bytes))) {
        give_record(r, bytes, ret);
        skip(r, ret->len);
        return true;
    }
    if ((r->have_len < SGXS_HEADER_SIZE && !join_bytes(r, SGXS_HEADER_SIZE)) ||
        !join_bytes(r, record_len(bytes_get_le64(r->have))))
        return false;
    r->given = true;
    give_record(r, r->have, ret);
    return true;
}

struct view sgxs_rest(const struct sgxs_reader *r)
{
    return view_of(r->have, r->given ? 0 : r->have_len);
}
