/* What the tests of Intel SDK ELF files share: files opened from memory, edited, poured and measured. Offsets
 * are those of tests/vectors/containers/intel-*, whose notes all begin at the same place. */
#pragma once

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/open.h"
#include "bundle/stream/sgxs.h"
#include "tests/support/support.h"

#define PAGE        4096
#define NOTE        0x3570
#define DESC        (NOTE + 25)
#define ENCLAVEHASH 960
#define PHDR(i)     (64 + 56 * (i))
#define DYNAMIC     0x3080

/* Offsets in a block of metadata with two directories. */
#define B_PATCH(i)  (0x7b0 + 32 * (i))
#define B_LAYOUT(i) (0x810 + 32 * (i))

struct opened {
    int fd;
    struct container *c;
};

static inline struct buf intel_vector(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "containers/intel-%s.so", name);
    return support_vector(path);
}

static inline void set_le(struct buf *b, size_t at, size_t len, uint64_t value)
{
    assert_true(at + len <= b->len);
    bytes_put_le(b->data + at, len, value);
}

static inline bool open_bytes(const struct buf *b, struct opened *ret, struct ens_err *err)
{
    ret->c = NULL;
    ret->fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(ret->fd >= 0);
    assert_int_equal(write(ret->fd, b->data, b->len), (ssize_t)b->len);
    return container_open_fd(ret->fd, "file", NULL, &ret->c, err);
}

static inline void close_opened(struct opened *o)
{
    container_closep(&o->c);
    (void)close(o->fd);
}

static inline bool put_into_sgxs(void *ctx, struct view piece, struct ens_err *err)
{
    return sgxs_put(ctx, piece, err);
}

static inline bool put_into_buf(void *ctx, struct view piece, struct ens_err *err)
{
    return buf_append(ctx, piece, err);
}

/* Pours stream `index` into the parser. */
static inline void measure(struct container *c, size_t index, struct sgxs_report *ret)
{
    struct ens_err err = {0};
    struct sgxs *s = NULL;

    memset(ret, 0, sizeof *ret);
    assert_ok(sgxs_new(&s, &err), err);
    assert_ok(container_stream(c, index, &(struct sink){put_into_sgxs, s}, &err), err);
    assert_ok(sgxs_finish(s, ret, &err), err);
    sgxs_freep(&s);
}

/* The whole stream 0 of a file. */
static inline struct buf pour(const struct buf *file)
{
    struct opened o = {0};
    struct ens_err err = {0};
    struct buf stream = {0};

    assert_ok(open_bytes(file, &o, &err), err);
    assert_ok(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err);
    close_opened(&o);
    return stream;
}

/* A page of a stream, read without the product: 0 where it is not added, else its SECINFO flags. `ret` gets
 * its bytes; `*ret_chunks` the number of measured chunks. */
static inline uint64_t page_of(const struct buf *stream, uint64_t offset, uint8_t ret[PAGE],
                               size_t *ret_chunks)
{
    uint64_t flags = 0;

    *ret_chunks = 0;
    memset(ret, 0, PAGE);
    for (size_t at = 64; at < stream->len;) {
        uint64_t where = bytes_get_le(view_of(stream->data + at + 8, 8));
        bool chunk = memcmp(stream->data + at, "EEXTEND", 8) == 0;

        if (!chunk && where == offset) {
            assert_int_equal(flags, 0);
            flags = bytes_get_le(view_of(stream->data + at + 16, 8));
        }
        if (chunk && where - offset < PAGE) {
            memcpy(ret + (where - offset), stream->data + at + 64, 256);
            ++*ret_chunks;
        }
        at += chunk ? 320 : 64;
    }
    return flags;
}

static inline uint64_t flags_of(const struct buf *stream, uint64_t offset)
{
    uint8_t page[PAGE];
    size_t chunks = 0;

    return page_of(stream, offset, page, &chunks);
}
