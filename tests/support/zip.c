/* Zip archives and bundles, built byte by byte. */
#include "tests/support/zip.h"

void put(struct buf *b, const void *data, size_t len)
{
    struct ens_err err = {0};

    assert_ok(buf_append(b, view_of(data, len), &err), err);
}

void put_le(struct buf *b, size_t len, uint64_t value)
{
    uint8_t bytes[8];

    bytes_put_le(bytes, len, value);
    put(b, bytes, len);
}

uint32_t crc_of(struct view v)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < v.len; i++) {
        crc ^= v.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    }
    return ~crc;
}

struct zip_item stored(const char *name, struct view data)
{
    struct zip_head h = {.name = name, .name_len = strlen(name), .crc = crc_of(data)};

    h.packed = h.size = (uint32_t)data.len;
    return (struct zip_item){.data = data, .local = h, .central = h};
}

struct zip_item deflated(const char *name, struct view data, struct buf *space)
{
    struct zip_item item = stored(name, data);

    put_le(space, 1, 1);
    put_le(space, 2, data.len);
    put_le(space, 2, data.len ^ 0xffff);
    put(space, data.data, data.len);
    item.data = buf_view(space);
    item.local.method = item.central.method = 8;
    item.local.packed = item.central.packed = (uint32_t)space->len;
    return item;
}

void put_common(struct buf *b, const struct zip_head *h)
{
    put_le(b, 2, h->flags);
    put_le(b, 2, h->method);
    put_le(b, 2, h->time);
    put_le(b, 2, h->date);
    put_le(b, 4, h->crc);
    put_le(b, 4, h->packed);
    put_le(b, 4, h->size);
    put_le(b, 2, h->name_len);
    put_le(b, 2, h->extra.len);
}

void zip_put(struct zip_build *z, const struct zip_item *item)
{
    const struct zip_head *c = &item->central;
    uint64_t at = z->bytes.len + c->offset;

    put_le(&z->bytes, 4, 0x04034b50);
    put_le(&z->bytes, 2, 20);
    put_common(&z->bytes, &item->local);
    put(&z->bytes, item->local.name, item->local.name_len);
    put(&z->bytes, item->local.extra.data, item->local.extra.len);
    put(&z->bytes, item->data.data, item->data.len);

    put_le(&z->directory, 4, 0x02014b50);
    put_le(&z->directory, 2, 20);
    put_le(&z->directory, 2, 20);
    put_common(&z->directory, c);
    put_le(&z->directory, 6, 0); /* comment, disk, internal attributes */
    put_le(&z->directory, 4, c->attributes);
    put_le(&z->directory, 4, at);
    put(&z->directory, c->name, c->name_len);
    put(&z->directory, c->extra.data, c->extra.len);
    z->entries++;
}

void put_end(struct buf *b, uint64_t entries, uint64_t size, uint64_t offset, size_t comment)
{
    put_le(b, 4, 0x06054b50);
    put_le(b, 4, 0);
    put_le(b, 2, entries);
    put_le(b, 2, entries);
    put_le(b, 4, size);
    put_le(b, 4, offset);
    put_le(b, 2, comment);
}

void put_end64(struct buf *b, uint64_t entries, uint64_t size, uint64_t offset, uint64_t at)
{
    put_le(b, 4, 0x06064b50);
    put_le(b, 8, 44);
    put_le(b, 4, 0x002d002d);
    put_le(b, 8, 0);
    put_le(b, 8, entries);
    put_le(b, 8, entries);
    put_le(b, 8, size);
    put_le(b, 8, offset);
    put_le(b, 4, 0x07064b50);
    put_le(b, 4, 0);
    put_le(b, 8, at);
    put_le(b, 4, 1);
}

void zip_put_directory(struct zip_build *z)
{
    put(&z->bytes, z->directory.data, z->directory.len);
}

void zip_end(struct zip_build *z)
{
    uint64_t at = z->bytes.len;

    zip_put_directory(z);
    put_end(&z->bytes, z->entries, z->directory.len, at, 0);
}

void zip_free(struct zip_build *z)
{
    buf_free(&z->bytes);
    buf_free(&z->directory);
}

int memory_file(struct view v)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, v.data, v.len), (ssize_t)v.len);
    return fd;
}

struct buf read_back(int fd)
{
    struct buf b = {0};
    char piece[4096];
    off_t at = 0;

    for (ssize_t n = 0; (n = pread(fd, piece, sizeof piece, at)) > 0; at += n)
        put(&b, piece, (size_t)n);
    return b;
}

void put_digests(struct buf *b, const struct bundle_part *parts)
{
    struct ens_err err = {0};

    for (size_t i = 0; parts[i].name != NULL; i++) {
        uint8_t digest[32];
        char hex[65];

        assert_ok(digest_of(DIGEST_SHA512_256, view_of_string(parts[i].data), digest, &err), err);
        hex_encode(hex, view_of(digest, 32));
        assert_ok(buf_printf(b, &err, "%s\"%s\":\"%s\"", i > 0 ? "," : "", parts[i].name, hex), err);
    }
}

struct buf manifest_with(const char *before, const struct bundle_part *parts, const char *after)
{
    struct buf b = {0};

    put(&b, before, strlen(before));
    put(&b, "\"digests\":{", 11);
    put_digests(&b, parts);
    put(&b, "}", 1);
    put(&b, after, strlen(after));
    return b;
}

struct buf bundle_with(struct view manifest, const struct bundle_part *parts)
{
    struct zip_build z = {0};
    struct zip_item item = stored(MANIFEST, manifest);

    zip_put(&z, &item);
    for (size_t i = 0; parts[i].name != NULL; i++) {
        item = stored(parts[i].name, view_of_string(parts[i].data));
        zip_put(&z, &item);
    }
    zip_end(&z);
    buf_free(&z.directory);
    return z.bytes;
}
