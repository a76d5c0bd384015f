/* Bytes: views, buffers, readers; see bytes.h. */
#include "signer/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"

struct view view_of(const void *data, size_t len)
{
    return (struct view){.data = data, .len = len};
}

struct view view_of_string(const char *text)
{
    return view_of(text, strlen(text));
}

struct view view_slice(struct view v, size_t offset, size_t len)
{
    if (v.data == NULL || offset > v.len || len > v.len - offset)
        return view_of(NULL, 0);
    return view_of(v.data + offset, len);
}

bool view_equal(struct view a, struct view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool view_begins(struct view v, struct view with)
{
    return v.len >= with.len && view_equal(view_slice(v, 0, with.len), with);
}

bool view_is(struct view v, const char *text)
{
    return view_equal(v, view_of_string(text));
}

bool view_is_zero(struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] != 0)
            return false;
    }
    return true;
}

/* Makes room for `more` bytes behind what is there. */
static bool reserve(struct buf *b, size_t more, struct ens_err *err)
{
    void *data = b->data;

    if (more > SIZE_MAX / 2 - b->len)
        return ens_fail(err, ENS_RESOURCE, "out of memory: a buffer of more than %zu bytes", SIZE_MAX / 2);
    if (b->len + more <= b->cap)
        return true;
    size_t cap = b->len + more < 128 ? 256 : 2 * (b->len + more);

    if (!mem_grow(&data, cap, 1, err))
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

bool buf_append(struct buf *b, struct view v, struct ens_err *err)
{
    if (!reserve(b, v.len, err))
        return false;
    if (v.len > 0)
        memcpy(b->data + b->len, v.data, v.len);
    b->len += v.len;
    return true;
}

bool buf_vprintf(struct buf *b, struct ens_err *err, const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        return ens_fail(err, ENS_BUG, "a format of ensign's own is invalid");
    /* One byte more, for the terminator that is written and not counted. */
    if (!reserve(b, (size_t)len + 1, err))
        return false;
    (void)vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, args);
    b->len += (size_t)len;
    return true;
}

bool buf_printf(struct buf *b, struct ens_err *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    bool ok = buf_vprintf(b, err, fmt, args);
    va_end(args);
    return ok;
}

struct view buf_view(const struct buf *b)
{
    return view_of(b->data, b->len);
}

void buf_free(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){0};
}

struct reader reader_of(struct view v)
{
    return (struct reader){.left = v, .ok = true};
}

struct view reader_take(struct reader *r, size_t len)
{
    if (!r->ok || len > r->left.len) {
        r->ok = false;
        return view_of(NULL, 0);
    }
    struct view taken = view_of(r->left.data, len);

    r->left = view_of(r->left.data + len, r->left.len - len);
    return taken;
}

uint16_t reader_le16(struct reader *r)
{
    return (uint16_t)bytes_get_le(reader_take(r, 2));
}

uint32_t reader_le32(struct reader *r)
{
    return (uint32_t)bytes_get_le(reader_take(r, 4));
}

uint64_t reader_le64(struct reader *r)
{
    return bytes_get_le(reader_take(r, 8));
}

uint64_t bytes_get_le(struct view v)
{
    uint64_t value = 0;

    for (size_t i = v.len; i > 0; i--)
        value = value << 8 | v.data[i - 1];
    return value;
}

void bytes_put_le(uint8_t *ret, size_t len, uint64_t value)
{
    for (size_t i = 0; i < len; i++) {
        ret[i] = (uint8_t)value;
        value >>= 8;
    }
}

void bytes_reverse(uint8_t *ret, const uint8_t *in, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ret[i] = in[len - 1 - i];
}
