/* Builds zip archives and bundles byte by byte for the tests of bundle/: every header field can be made to
 * lie, in the local header, in the directory, or in both. APPNOTE 4.3.7 to 4.3.16. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "tests/support/support.h"

#define MANIFEST "META-INF/MANIFEST.MF"
#define ZEROS    "0000000000000000000000000000000000000000000000000000000000000000"

/* One header, as it is written in one of the two places. */
struct zip_head {
    uint16_t flags, method, time, date;
    uint32_t crc, packed, size, attributes, offset;
    const char *name;
    size_t name_len;
    struct view extra;
};

struct zip_item {
    struct view data; /* the bytes between local header and the next, and data descriptor if any */
    struct zip_head local, central;
};

struct zip_build {
    struct buf bytes;
    struct buf directory;
    uint32_t entries;
};

void put(struct buf *b, const void *data, size_t len);

void put_le(struct buf *b, size_t len, uint64_t value);

uint32_t crc_of(struct view v);

/* A stored entry, everything true. */
struct zip_item stored(const char *name, struct view data);

/* The same deflated, as one block of stored bytes (RFC 1951, 3.2.4); at most 65535 bytes.
 * `space` holds the result. */
struct zip_item deflated(const char *name, struct view data, struct buf *space);

void put_common(struct buf *b, const struct zip_head *h);

void zip_put(struct zip_build *z, const struct zip_item *item);

/* The end record, with a comment of `comment` bytes to follow. */
void put_end(struct buf *b, uint64_t entries, uint64_t size, uint64_t offset, size_t comment);

/* The zip64 end record and its locator; `at` is where they begin. */
void put_end64(struct buf *b, uint64_t entries, uint64_t size, uint64_t offset, uint64_t at);

void zip_put_directory(struct zip_build *z);

void zip_end(struct zip_build *z);

void zip_free(struct zip_build *z);

/* An open memory file with these bytes. */
int memory_file(struct view v);

/* All of an open file. */
struct buf read_back(int fd);

/* A file of a bundle. */
struct bundle_part {
    const char *name;
    const char *data;
};

/* Appends `"name":"digest",...` for all parts (NULL name at the end). */
void put_digests(struct buf *b, const struct bundle_part *parts);

/* The text of a manifest: `before`, then "digests":{...}, then `after`. */
struct buf manifest_with(const char *before, const struct bundle_part *parts, const char *after);

/* A bundle of stored entries with this manifest. */
struct buf bundle_with(struct view manifest, const struct bundle_part *parts);
