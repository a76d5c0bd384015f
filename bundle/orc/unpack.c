/* Unpacking one entry. ISA-L decodes the deflate blocks, at twice the speed of zlib (docs/performance.md); it
 * takes codes that zlib and other readers refuse, so zlib reads the header of each block first. ISA-L gets
 * one block at a time, each as if it were the last, and says where it ended. */
#include "bundle/orc/unpack.h"

#include <string.h>

#define ZLIB_CONST /* inputs are const */
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include "bundle/orc/directory.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define REMEDY "get the file again, or rebuild it"

/* Raw deflate data, without a header of zlib's or gzip's (zlib.h, inflateInit2). */
#define RAW_DEFLATE (-15)

/* inflate() adds to data_type: the last block's header was read; a header was read whole. */
#define DATA_LAST   64
#define DATA_HEADER 256

/* Bytes that are read at a time, and those that are kept of what went before: ISA-L takes up to 8 bytes more
 * than it needs. */
#define IN_PIECE 65536u
#define IN_KEPT  8u

/* At the begin of a block so many bytes are there, if the data have them: more than a header can have
 * (RFC 1951, 3.2.7), and enough that ISA-L builds its large tables. */
#define IN_BLOCK 8192u

/* Deflate data refer back so far. */
#define WINDOW 32768u

/* inflate_state counts 32 bits of output, and asks only whether so much went before. */
#define TOTAL_MAX (1u << 30)

struct unpack {
    const struct unpack_source *from;
    const struct sink *sink;
    uint64_t taken; /* bytes read of `packed` */
    uint64_t done;  /* bytes given of `size` */
    uint32_t crc;
    z_stream headers;
    bool started; /* `headers` is to be released */
    struct inflate_state blocks;
    size_t window;                      /* bytes of content that went before, at most WINDOW */
    size_t filled;                      /* bytes of the piece */
    uint8_t in[IN_KEPT + IN_PIECE];     /* what is left of it is blocks.next_in, avail_in */
    uint8_t out[WINDOW + UNPACK_PIECE]; /* what went before ends where the piece begins */
};

static void unpack_freep(struct unpack **u)
{
    if (*u != NULL && (*u)->started)
        (void)inflateEnd(&(*u)->headers);
    mem_free(*u);
}

/* ---- input and output ---- */

/* Reads the next bytes of the entry, up to `len`; less only if the file became shorter. */
static bool read_packed(struct unpack *u, uint8_t *ret, size_t len, size_t *ret_len, struct ens_err *err)
{
    uint64_t left = u->from->packed - u->taken;

    if (!interrupt_check(err) || !directory_read_at(u->from->fd, u->from->offset + u->taken, ret,
                                                    len < left ? len : (size_t)left, ret_len, err))
        return false;
    u->taken += *ret_len;
    return u->from->tie == NULL || tie_update(u->from->tie, view_of(ret, *ret_len), err);
}

/* Moves what is left, and the bytes before it, to the front, and fills up behind it. */
static bool refill(struct unpack *u, struct ens_err *err)
{
    struct inflate_state *b = &u->blocks;
    size_t keep = IN_KEPT + b->avail_in;
    size_t len = 0;

    memmove(u->in, b->next_in - IN_KEPT, keep);
    b->next_in = u->in + IN_KEPT;
    if (!read_packed(u, u->in + keep, sizeof u->in - keep, &len, err))
        return false;
    b->avail_in += (uint32_t)len;
    return true;
}

/* Passes content on. */
static bool give(struct unpack *u, struct view content, struct ens_err *err)
{
    if (content.len == 0)
        return true;
    if (content.len > u->from->size - u->done)
        return ens_fail(err, ENS_DATA, "unpacks to more than the %llu bytes it declares: " REMEDY,
                        (unsigned long long)u->from->size);
    u->done += content.len;
    u->crc = crc32_gzip_refl(u->crc, content.data, content.len);
    return u->sink->put(u->sink->ctx, content, err);
}

/* Passes the piece on, and begins the next one behind the window. */
static bool give_piece(struct unpack *u, struct ens_err *err)
{
    size_t len = u->filled;
    size_t window = u->window + len < WINDOW ? u->window + len : WINDOW;

    if (!give(u, view_of(u->out + WINDOW, len), err))
        return false;
    memmove(u->out + WINDOW - window, u->out + WINDOW + len - window, window);
    u->window = window;
    u->filled = 0;
    return true;
}

/* ---- one block ---- */

static bool fail_damaged(struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "its compressed data are damaged: " REMEDY);
}

/* The bytes before the end are held to the declared size first. */
static bool fail_early(struct unpack *u, struct ens_err *err)
{
    return give_piece(u, err) && ens_fail(err, ENS_DATA, "its data end too early: " REMEDY);
}

/* Has zlib read the block's header: its first `bits` bits are the upper ones of the byte before the input. */
static bool judge_header(struct unpack *u, unsigned bits, bool *ret_last, struct ens_err *err)
{
    z_stream *z = &u->headers;
    const uint8_t *in = u->blocks.next_in;
    uint8_t nothing = 0;

    z->next_in = in;
    z->avail_in = u->blocks.avail_in;
    z->next_out = &nothing;
    z->avail_out = 0;
    if (inflateReset(z) != Z_OK || (bits > 0 && inflatePrime(z, (int)bits, in[-1] >> (8 - bits)) != Z_OK))
        return ens_fail(err, ENS_BUG, "zlib cannot begin a block: report this");
    int result = inflate(z, Z_TREES);

    if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END)
        return fail_damaged(err);
    if (result != Z_STREAM_END && (z->data_type & DATA_HEADER) == 0)
        return fail_early(u, err);
    *ret_last = (z->data_type & DATA_LAST) != 0;
    return true;
}

/* Gives ISA-L the bytes that it took and did not need back, and begins the next block: with the bits that are
 * left of the last byte (or with the next byte), the first of which says that the block is the last. */
static bool begin_block(struct unpack *u, bool *ret_last, struct ens_err *err)
{
    struct inflate_state *b = &u->blocks;
    unsigned bits = (unsigned)b->read_in_length % 8;
    uint32_t back = (uint32_t)b->read_in_length / 8;
    size_t have = u->window + u->filled < WINDOW ? u->window + u->filled : WINDOW;

    b->next_in -= back;
    b->avail_in += back;
    if (b->avail_in < IN_BLOCK && !refill(u, err))
        return false;
    if (bits == 0 && b->avail_in == 0)
        return fail_early(u, err);
    if (!judge_header(u, bits, ret_last, err))
        return false;
    isal_inflate_reset(b);
    if (isal_inflate_set_dict(b, u->out + WINDOW + u->filled - have, (uint32_t)have) != ISAL_DECOMP_OK)
        return ens_fail(err, ENS_BUG, "ISA-L cannot begin a block: report this");
    if (bits == 0) {
        bits = 8;
        b->next_in++;
        b->avail_in--;
    }
    b->read_in = 1u | (uint64_t)b->next_in[-1] >> (8 - bits);
    b->read_in_length = (int32_t)bits;
    return true;
}

/* Decodes as much as there is input and room for. */
static bool decode_block(struct unpack *u, struct ens_err *err)
{
    struct inflate_state *b = &u->blocks;
    uint32_t room = (uint32_t)(UNPACK_PIECE - u->filled);

    b->next_out = u->out + WINDOW + u->filled;
    b->avail_out = room;
    int result = isal_inflate(b);

    if (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT)
        return fail_damaged(err);
    u->filled += room - b->avail_out;
    if (b->total_out > TOTAL_MAX)
        b->total_out = TOTAL_MAX / 2;
    return true;
}

static bool inflate_block(struct unpack *u, struct ens_err *err)
{
    struct inflate_state *b = &u->blocks;

    for (;;) {
        size_t before = u->filled;

        if (b->avail_in == 0 && !refill(u, err))
            return false;
        uint32_t given = b->avail_in;

        if (!decode_block(u, err))
            return false;
        bool stuck = b->avail_in == given && u->filled == before;

        if (u->filled == UNPACK_PIECE && !give_piece(u, err))
            return false;
        if (b->block_state == ISAL_BLOCK_FINISH)
            return true;
        if (stuck && b->avail_in == 0)
            return fail_early(u, err);
        if (stuck)
            return ens_fail(err, ENS_BUG, "ISA-L does not go on: report this");
    }
}

/* ---- one entry ---- */

static bool inflate_all(struct unpack *u, struct ens_err *err)
{
    bool last = false;

    if (inflateInit2(&u->headers, RAW_DEFLATE) != Z_OK)
        return ens_fail(err, ENS_RESOURCE, "out of memory in zlib: give ensign more memory and repeat");
    u->started = true;
    u->blocks.next_in = u->in + IN_KEPT;
    while (!last) {
        if (!begin_block(u, &last, err) || !inflate_block(u, err))
            return false;
    }
    return give_piece(u, err);
}

static bool copy_all(struct unpack *u, struct ens_err *err)
{
    size_t len = 0;

    do {
        if (!read_packed(u, u->in, IN_PIECE, &len, err) || !give(u, view_of(u->in, len), err))
            return false;
    } while (len > 0);
    return u->taken == u->from->packed || fail_early(u, err);
}

/* Bytes behind the last block belong to the entry all the same. */
static bool tie_rest(struct unpack *u, struct ens_err *err)
{
    size_t len = 1;

    while (u->taken < u->from->packed && len > 0) {
        if (!read_packed(u, u->in, IN_PIECE, &len, err))
            return false;
    }
    return u->taken == u->from->packed || fail_early(u, err);
}

/* Everything but the pieces, which are written before they are read. */
static struct unpack *unpack_new(const struct unpack_source *from, const struct sink *sink,
                                 struct ens_err *err)
{
    struct unpack *u = mem_room(sizeof *u, err);

    if (u == NULL)
        return NULL;
    u->from = from;
    u->sink = sink;
    u->taken = 0;
    u->done = 0;
    u->crc = 0;
    u->headers = (z_stream){0};
    u->started = false;
    isal_inflate_init(&u->blocks);
    u->window = 0;
    u->filled = 0;
    return u;
}

bool unpack(const struct unpack_source *from, const struct sink *sink, struct ens_err *err)
{
    ENS_CLEANUP(unpack_freep) struct unpack *u = unpack_new(from, sink, err);

    if (u == NULL)
        return false;
    if (!(from->deflated ? inflate_all(u, err) : copy_all(u, err)))
        return false;
    if (u->done != from->size)
        return ens_fail(err, ENS_DATA, "unpacks to %llu bytes, and declares %llu: " REMEDY,
                        (unsigned long long)u->done, (unsigned long long)from->size);
    if (u->crc != from->crc && !from->any_crc) {
        (void)ens_fail(err, ENS_DATA, "its CRC is not that of its data: " REMEDY);
        err->own = from->crc == 0; /* which other readers take for none */
        return false;
    }
    return from->tie == NULL || tie_rest(u, err);
}
