/* The headers of a zip file's directory, and the local header of each entry, which must agree. Where the
 * directory is, is found in directory_end.c. */
#include "bundle/orc/directory.h"

#include <stdlib.h>
#include <string.h>

#include "bundle/orc/bundle.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"

#define REMEDY "get the file again, or rebuild it"

/* Sizes and signatures (APPNOTE 4.3.12, 4.3.7), the zip64 extra field (4.5.3). */
#define HEADER_SIZE  46u
#define HEADER_MAGIC 0x02014b50u
#define LOCAL_SIZE   30u
#define LOCAL_MAGIC  0x04034b50u
#define EXTRA_MAX    65535u
#define EXTRA_ZIP64  1u
#define MAX32        0xffffffffu

/* General purpose flags that change how an entry is read: encrypted, sizes after the data, strong
 * encryption, masked headers (APPNOTE 4.4.4). */
#define FLAGS_READING 0x2049u

/* The data descriptor, with a mark and 64-bit sizes (APPNOTE 4.3.9). */
#define FLAGS_DESCRIPTOR 0x0008u
#define DESCRIPTOR_MAX   24u
#define DESCRIPTOR_MAGIC 0x08074b50u

/* The bytes of an entry in the file, from its local header on. */
struct extent {
    uint64_t begin, end;
};

struct walk {
    int fd;
    const struct directory *d;
    struct directory_visitor visitor;
    uint8_t name[BUNDLE_NAME_MAX];
    uint8_t local_name[BUNDLE_NAME_MAX];
    uint8_t extra[EXTRA_MAX];
    struct extent *extents;
};

bool directory_read_at(int fd, uint64_t offset, uint8_t *ret, size_t len, size_t *ret_len,
                       struct ens_err *err)
{
    *ret_len = 0;
    return offset > INT64_MAX || file_read_at(fd, NULL, offset, ret, len, ret_len, err);
}

bool directory_read_exact(int fd, uint64_t offset, uint8_t *ret, size_t len, struct ens_err *err)
{
    size_t have = 0;

    if (!directory_read_at(fd, offset, ret, len, &have, err))
        return false;
    if (have != len)
        return ens_fail_own(err, "is truncated: " REMEDY);
    return true;
}

/* Takes from the zip64 extra field what is saturated in the header, in the field's fixed order. */
static bool resolve_zip64(struct view extra, struct directory_entry *e, struct ens_err *err)
{
    struct reader r = reader_of(extra);

    while (r.ok && r.left.len > 0) {
        uint16_t id = reader_le16(&r);
        struct reader field = reader_of(reader_take(&r, reader_le16(&r)));

        if (id != EXTRA_ZIP64 || !r.ok)
            continue;
        if (e->size == MAX32)
            e->size = reader_le64(&field);
        if (e->packed == MAX32)
            e->packed = reader_le64(&field);
        if (e->offset == MAX32)
            e->offset = reader_le64(&field);
        if (!field.ok)
            return ens_fail_own(err, "its zip64 field is too short: " REMEDY);
        return true;
    }
    return true; /* without the field the numbers mean themselves */
}

/* Reads the header at `at`, of which `left` bytes can exist; `*ret_whole` is its length with its name,
 * extra fields and comment. */
static bool read_central_header(struct walk *w, uint64_t at, uint64_t left, struct directory_entry *ret,
                                uint64_t *ret_whole, struct ens_err *err)
{
    uint8_t bytes[HEADER_SIZE];
    struct directory_entry e = {.index = ret->index};

    if (left < HEADER_SIZE)
        return ens_fail_own(err, "its header lies outside the directory: " REMEDY);
    if (!directory_read_exact(w->fd, at, bytes, sizeof bytes, err))
        return false;
    struct reader r = reader_of(view_of(bytes, sizeof bytes));
    bool ok = reader_le32(&r) == HEADER_MAGIC;

    (void)reader_take(&r, 4); /* versions */
    e.flags = reader_le16(&r);
    e.method = reader_le16(&r);
    (void)reader_take(&r, 4); /* time, date */
    e.crc = reader_le32(&r);
    e.packed = reader_le32(&r);
    e.size = reader_le32(&r);
    size_t name = reader_le16(&r);
    size_t extra = reader_le16(&r);
    size_t comment = reader_le16(&r);

    ok = reader_le16(&r) == 0 && ok; /* disk */
    (void)reader_take(&r, 2);        /* internal attributes */
    e.attributes = reader_le32(&r);
    e.offset = reader_le32(&r);
    if (!ok || !r.ok || HEADER_SIZE + name + extra + comment > left)
        return ens_fail_own(err, "its header is malformed: " REMEDY);
    if (name > BUNDLE_NAME_MAX)
        return ens_fail_own(err, "its name has %zu bytes, more than the limit of %d: rename the file", name,
                            BUNDLE_NAME_MAX);
    if (!directory_read_exact(w->fd, at + HEADER_SIZE, w->name, name, err) ||
        !directory_read_exact(w->fd, at + HEADER_SIZE + name, w->extra, extra, err) ||
        !resolve_zip64(view_of(w->extra, extra), &e, err))
        return false;
    e.name = view_of(w->name, name);
    *ret = e;
    *ret_whole = HEADER_SIZE + name + extra + comment;
    return true;
}

/* ---- what stands before and behind the data ---- */

/* True if `v` is a data descriptor of the entry that ends with it: CRC and two sizes of `width` bytes. */
static bool is_descriptor(struct view v, const struct directory_entry *e, size_t width)
{
    struct reader r = reader_of(v);
    bool ok = reader_le32(&r) == e->crc;

    ok = bytes_get_le(reader_take(&r, width)) == e->packed && ok;
    ok = bytes_get_le(reader_take(&r, width)) == e->size && ok;
    return ok && r.ok;
}

/* Behind the data of an entry whose flags announce it stands its CRC once more, with a mark before it or not,
 * and its sizes, of 4 bytes or of 8 (APPNOTE 4.3.9): readers of streams find the entry's end by it.
 * `*ret_end` is moved behind it. */
static bool check_descriptor(struct walk *w, const struct directory_entry *e, uint64_t *ret_end,
                             struct ens_err *err)
{
    uint8_t bytes[DESCRIPTOR_MAX];
    uint64_t room = w->d->offset - *ret_end;
    size_t len = room < sizeof bytes ? (size_t)room : sizeof bytes;

    if ((e->flags & FLAGS_DESCRIPTOR) == 0)
        return true;
    if (!directory_read_exact(w->fd, *ret_end, bytes, len, err))
        return false;
    for (size_t width = 4; width <= 8; width += 4) {
        for (size_t mark = 0; mark <= 4; mark += 4) {
            size_t whole = mark + 4 + 2 * width;

            if (len < whole || (mark > 0 && bytes_get_le(view_of(bytes, 4)) != DESCRIPTOR_MAGIC) ||
                !is_descriptor(view_of(bytes + mark, whole - mark), e, width))
                continue;
            *ret_end += whole;
            return true;
        }
    }
    return ens_fail_own(err, "its data descriptor is missing, or contradicts its header: " REMEDY);
}

/* The local header says the same numbers; where a descriptor follows, it may leave any of them 0, since a
 * program that writes into a pipe knows them later. */
static bool same_numbers(const struct directory_entry *e, const struct directory_entry *local)
{
    bool later = (e->flags & FLAGS_DESCRIPTOR) != 0;

    return (local->crc == e->crc || (later && local->crc == 0)) &&
           (local->packed == e->packed || (later && local->packed == 0)) &&
           (local->size == e->size || (later && local->size == 0));
}

/* Reads the local header of `e`: numbers into `ret`, length with name and extra fields into `*ret_whole`. */
static bool read_local(struct walk *w, const struct directory_entry *e, struct directory_entry *ret,
                       uint64_t *ret_whole, struct ens_err *err)
{
    uint8_t bytes[LOCAL_SIZE];

    if (e->offset > w->d->offset || w->d->offset - e->offset < LOCAL_SIZE)
        return ens_fail_own(err, "its data lie outside the archive: " REMEDY);
    if (!directory_read_exact(w->fd, e->offset, bytes, sizeof bytes, err))
        return false;
    struct reader r = reader_of(view_of(bytes, sizeof bytes));
    bool ok = reader_le32(&r) == LOCAL_MAGIC;

    (void)reader_take(&r, 2); /* version */
    ok = ((reader_le16(&r) ^ e->flags) & FLAGS_READING) == 0 && ok;
    ok = reader_le16(&r) == e->method && ok;
    (void)reader_take(&r, 4); /* time, date */
    ret->crc = reader_le32(&r);
    ret->packed = reader_le32(&r);
    ret->size = reader_le32(&r);
    size_t name = reader_le16(&r);
    size_t extra = reader_le16(&r);

    if (!ok || !r.ok || name != e->name.len)
        return ens_fail_own(err, "its two headers contradict each other: " REMEDY);
    *ret_whole = LOCAL_SIZE + name + extra;
    if (ret->packed != MAX32 && ret->size != MAX32)
        return true;
    return directory_read_exact(w->fd, e->offset + LOCAL_SIZE + name, w->extra, extra, err) &&
           resolve_zip64(view_of(w->extra, extra), ret, err);
}

/* The local header must be of the same entry; it says where the data are. `*ret` gets the bytes that the
 * entry takes in the file. */
static bool check_local(struct walk *w, struct directory_entry *e, struct extent *ret, struct ens_err *err)
{
    struct directory_entry local = {0};
    uint64_t whole = 0;

    if (!read_local(w, e, &local, &whole, err) ||
        !directory_read_exact(w->fd, e->offset + LOCAL_SIZE, w->local_name, e->name.len, err))
        return false;
    if (!view_equal(view_of(w->local_name, e->name.len), e->name))
        return ens_fail_own(err, "its two headers give two names: " REMEDY);
    if (!same_numbers(e, &local))
        return ens_fail_own(err, "its two headers contradict each other in a size or the CRC: " REMEDY);
    uint64_t room = w->d->offset - e->offset;

    if (whole > room || e->packed > room - whole)
        return ens_fail_own(err, "its data run into the directory: " REMEDY);
    e->data = e->offset + whole;
    *ret = (struct extent){.begin = e->offset, .end = e->offset + whole + e->packed};
    return check_descriptor(w, e, &ret->end, err);
}

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a;
    const struct extent *y = b;

    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* No byte belongs to two entries: otherwise a small file can hold any number of large ones. */
static bool check_extents(struct walk *w, struct ens_err *err)
{
    if (w->d->entries == 0)
        return true;
    qsort(w->extents, w->d->entries, sizeof *w->extents, compare_extents);
    for (uint64_t i = 1; i < w->d->entries; i++) {
        if (w->extents[i].begin < w->extents[i - 1].end)
            return ens_fail_own(err, "two of its entries share bytes: " REMEDY);
    }
    if (w->extents[0].begin != 0)
        return ens_fail_own(err, "does not begin with an entry: remove what stands before the archive");
    return true;
}

static bool visit(struct walk *w, uint64_t index, uint64_t *done, struct ens_err *err)
{
    struct directory_entry e = {.index = index};
    uint64_t whole = 0;

    if (!read_central_header(w, w->d->offset + *done, w->d->size - *done, &e, &whole, err))
        return ens_wrap(err, "entry %llu", (unsigned long long)index);
    if (!check_local(w, &e, &w->extents[index], err))
        return ens_wrap(err, "entry %.*s", (int)e.name.len, (const char *)w->name);
    *done += whole;
    return w->visitor.entry(w->visitor.ctx, &e, err);
}

static void walk_freep(struct walk **w)
{
    if (*w != NULL)
        mem_free((*w)->extents);
    mem_free(*w);
}

bool directory_walk(int fd, const struct directory *d, struct directory_visitor visitor, struct ens_err *err)
{
    ENS_CLEANUP(walk_freep) struct walk *w = mem_room(sizeof *w, err);
    uint64_t done = 0;

    if (w == NULL)
        return false;
    w->fd = fd;
    w->d = d;
    w->visitor = visitor;
    w->extents = mem_alloc(d->entries, sizeof *w->extents, err); /* the rest is written before it is read */
    if (w->extents == NULL)
        return false;
    for (uint64_t i = 0; i < d->entries; i++) {
        if (!visit(w, i, &done, err))
            return false;
    }
    if (done != d->size)
        return ens_fail_own(err, "its directory is longer than its entries: " REMEDY);
    return check_extents(w, err);
}
