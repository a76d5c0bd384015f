/* What the tests of Open Enclave ELF files share: files opened from memory, edited, poured and measured. */
#pragma once

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/open.h"
#include "bundle/stream/sgxs.h"
#include "tests/support/support.h"

#define PAGE        4096
#define ENCLAVEHASH 960

/* Offsets in an ELF header, in a program header and in a section header. */
#define E_SHOFF   40
#define E_SHNUM   60
#define PHDR(i)   (64 + 56 * (size_t)(i))
#define P_FLAGS   4
#define P_OFFSET  8
#define P_VADDR   16
#define P_FILESZ  32
#define P_MEMSZ   40
#define S_NAME    0
#define S_TYPE    4
#define S_ADDR    16
#define S_OFFSET  24
#define S_SIZE    32
#define S_ALIGN   48
#define S_ENTSIZE 56

/* Offsets in the structure in .oeinfo. */
#define I_TYPE  4
#define I_HEAP  8
#define I_STACK 16
#define I_TCS   24
#define I_FLAGS 36
#define I_START 88

/* tests/vectors/containers/oe-rich-*, as mkoe.py lays them out. */
#define RICH_DYNSYM  0x300
#define RICH_DYNAMIC 0x1d00
#define RICH_INFO    0x4200
#define RICH_INFO_AT 0x9200 /* its address */

struct opened {
    int fd;
    struct container *c;
};

static inline struct buf oe_vector(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "containers/%s", name);
    return support_vector(path);
}

static inline uint64_t get_le(const struct buf *b, size_t at, size_t len)
{
    assert_true(at + len <= b->len);
    return bytes_get_le(view_of(b->data + at, len));
}

static inline void set_le(struct buf *b, size_t at, size_t len, uint64_t value)
{
    assert_true(at + len <= b->len);
    bytes_put_le(b->data + at, len, value);
}

/* Offset of the header of the section of that name, read without the product. */
static inline size_t section(const struct buf *b, const char *name)
{
    size_t table = (size_t)get_le(b, E_SHOFF, 8);
    size_t count = (size_t)get_le(b, E_SHNUM, 2);
    size_t names = (size_t)get_le(b, table + (count - 1) * 64 + S_OFFSET, 8);

    for (size_t i = 0; i < count; i++) {
        size_t at = table + i * 64;

        if (strcmp((const char *)b->data + names + get_le(b, at + S_NAME, 4), name) == 0)
            return at;
    }
    fail_msg("no section %s", name);
    return 0;
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

/* The MRENCLAVE of an opened file, whose stream is one that the CPU takes. */
static inline void measure(struct container *c, struct sgxs_report *ret)
{
    struct ens_err err = {0};
    struct sgxs *s = NULL;

    memset(ret, 0, sizeof *ret);
    assert_int_equal(container_streams_len(c), 1);
    assert_null(container_why_no_stream(c));
    assert_ok(sgxs_new(&s, &err), err);
    assert_ok(container_stream(c, 0, &(struct sink){put_into_sgxs, s}, &err), err);
    assert_ok(sgxs_finish(s, ret, &err), err);
    assert_true(ret->equal);
    sgxs_freep(&s);
}

/* The same of a file in memory. */
static inline void measure_file(const struct buf *file, struct sgxs_report *ret)
{
    struct opened o = {0};
    struct ens_err err = {0};

    assert_ok(open_bytes(file, &o, &err), err);
    measure(o.c, ret);
    close_opened(&o);
}

/* The file is opened, cannot be poured, and says why. */
static inline void check_no_stream(const struct buf *file, const char *why)
{
    struct opened o = {0};
    struct ens_err err = {0};

    assert_ok(open_bytes(file, &o, &err), err);
    assert_int_equal(container_streams_len(o.c), 0);
    assert_non_null(container_why_no_stream(o.c));
    assert_non_null(strstr(container_why_no_stream(o.c), why));
    close_opened(&o);
}
