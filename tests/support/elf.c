/* ELF files of tests: opened from memory, edited, poured and measured. */
#include "tests/support/elf.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct buf intel_vector(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "containers/intel-%s.so", name);
    return support_vector(path);
}

struct buf oe_vector(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "containers/%s", name);
    return support_vector(path);
}

uint64_t get_le(const struct buf *b, size_t at, size_t len)
{
    assert_true(at + len <= b->len);
    return bytes_get_le(view_of(b->data + at, len));
}

void set_le(struct buf *b, size_t at, size_t len, uint64_t value)
{
    assert_true(at + len <= b->len);
    bytes_put_le(b->data + at, len, value);
}

size_t section(const struct buf *b, const char *name)
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

bool open_bytes(const struct buf *b, struct opened *ret, struct ens_err *err)
{
    ret->c = NULL;
    ret->fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(ret->fd >= 0);
    assert_int_equal(write(ret->fd, b->data, b->len), (ssize_t)b->len);
    return container_open_fd(ret->fd, "file", NULL, NULL, &ret->c, err);
}

void close_opened(struct opened *o)
{
    container_closep(&o->c);
    (void)close(o->fd);
}

static bool put_into_sgxs(void *ctx, struct view piece, struct ens_err *err)
{
    return sgxs_put(ctx, piece, err);
}

bool put_into_buf(void *ctx, struct view piece, struct ens_err *err)
{
    return buf_append(ctx, piece, err);
}

void measure(struct container *c, size_t index, struct sgxs_report *ret)
{
    struct ens_err err = {0};
    struct sgxs *s = NULL;

    memset(ret, 0, sizeof *ret);
    assert_ok(sgxs_new(&s, &err), err);
    assert_ok(container_stream(c, index, &(struct sink){put_into_sgxs, s}, &err), err);
    assert_ok(sgxs_finish(s, ret, &err), err);
    sgxs_freep(&s);
}

struct buf pour(const struct buf *file)
{
    struct opened o = {0};
    struct ens_err err = {0};
    struct buf stream = {0};

    assert_ok(open_bytes(file, &o, &err), err);
    assert_ok(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err);
    close_opened(&o);
    return stream;
}

uint64_t page_of(const struct buf *stream, uint64_t offset, uint8_t ret[PAGE], size_t *ret_chunks)
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

uint64_t flags_of(const struct buf *stream, uint64_t offset)
{
    uint8_t page[PAGE];
    size_t chunks = 0;

    return page_of(stream, offset, page, &chunks);
}

void measure_only(struct container *c, struct sgxs_report *ret)
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

void measure_file(const struct buf *file, struct sgxs_report *ret)
{
    struct opened o = {0};
    struct ens_err err = {0};

    assert_ok(open_bytes(file, &o, &err), err);
    measure_only(o.c, ret);
    close_opened(&o);
}

void check_no_stream(const struct buf *file, const char *why)
{
    struct opened o = {0};
    struct ens_err err = {0};

    assert_ok(open_bytes(file, &o, &err), err);
    assert_int_equal(container_streams_len(o.c), 0);
    assert_non_null(container_why_no_stream(o.c));
    assert_non_null(strstr(container_why_no_stream(o.c), why));
    close_opened(&o);
}
