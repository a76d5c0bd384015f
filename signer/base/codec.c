/* What both sides of a message share. */
#include "signer/base/codec.h"

#include <string.h>

struct codec codec_reading(struct view message)
{
    return (struct codec){.in = reader_of(message), .ok = true};
}

struct codec codec_writing(uint8_t *out, size_t room)
{
    return (struct codec){.out = out, .room = room, .ok = true};
}

bool codec_is_read(const struct codec *c)
{
    return c->ok && c->in.ok && c->in.left.len == 0;
}

static void put_bytes(struct codec *c, struct view v)
{
    c->ok = c->ok && v.len <= c->room - c->len;
    if (!c->ok)
        return;
    if (v.len > 0)
        memcpy(c->out + c->len, v.data, v.len);
    c->len += v.len;
}

void codec_integer(struct codec *c, uint64_t *value, size_t size)
{
    uint8_t bytes[8];

    if (c->out == NULL) {
        *value = bytes_get_le(reader_take(&c->in, size));
        return;
    }
    bytes_put_le(bytes, size, *value);
    put_bytes(c, view_of(bytes, size));
}

void codec_flags(struct codec *c, uint64_t *value, uint64_t known)
{
    codec_integer(c, value, 1);
    c->ok = c->ok && (*value & ~known) == 0;
}

void codec_fixed(struct codec *c, struct view *v, size_t len)
{
    if (c->out == NULL)
        *v = reader_take(&c->in, len);
    else
        put_bytes(c, *v);
    c->ok = c->ok && v->len == len;
}

void codec_length(struct codec *c, struct view *v, size_t max)
{
    uint64_t len = v->len;

    codec_integer(c, &len, 4);
    c->ok = c->ok && len <= max;
    v->len = c->ok ? (size_t)len : 0;
}

void codec_bytes(struct codec *c, struct view *v, size_t max)
{
    codec_length(c, v, max);
    if (c->ok)
        codec_fixed(c, v, v->len);
}

void codec_text(struct codec *c, struct view *v, size_t max)
{
    codec_bytes(c, v, max);
    c->ok = c->ok && (v->len == 0 || memchr(v->data, '\0', v->len) == NULL);
}
