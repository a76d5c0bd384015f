/* The entries of an archive as Go's archive/zip finds them, and as oasis-core takes them (go/runtime/bundle:
 * Open). It asks less than listing.c: a search from the end, headers up to the first that is none, and of a
 * local header no more than its length. Facts of Go 1.26; what is beyond ensign's limits
 * is left open (`own`). */
#include <stdlib.h>
#include <string.h>

#include "bundle/orc/bundle.h"
#include "bundle/orc/listing.h"
#include "signer/base/mem.h"

#define REMEDY "get the file again, or rebuild it"

/* APPNOTE 4.3.7, 4.3.9, 4.3.12, 4.3.14 to 4.3.16, 4.5.3; how far back an end record is looked for. */
#define LOCAL_SIZE   30u
#define LOCAL_MAGIC  0x04034b50u
#define HEADER_SIZE  46u
#define HEADER_MAGIC 0x02014b50u
#define END_SIZE     22u
#define END_MAGIC    "PK\5\6"
#define END64_SIZE   56u
#define END64_MAGIC  0x06064b50u
#define LOC64_SIZE   20u
#define LOC64_MAGIC  0x07064b50u
#define DESCRIPTOR   0x08074b50u
#define TAIL_MAX     (65u * 1024)
#define MAX16        0xffffu
#define MAX32        0xffffffffu
#define DESCRIBED    0x0008u

/* Bytes of one file: what Go would unpack is not unpacked without end to answer a question. */
#define FILE_MAX (4ull << 30)

/* A header of the directory. */
struct header {
    struct directory_entry e;
    size_t name;   /* bytes; it stands in core.rest */
    uint64_t next; /* where the next one begins; 0: here is none */
    bool over;     /* the file ended between two parts of one, which Go takes for another error */
};

struct core {
    int fd;
    uint64_t size;
    struct listing *ret;
    struct directory_entry *heads; /* of ret->entries, in the order of the directory */
    size_t room;                   /* of both */
    uint64_t records;
    uint64_t base; /* added to every offset */
    uint64_t at;   /* the next header */
    uint8_t header[HEADER_SIZE];
    uint8_t rest[3 * 65535]; /* name, extra fields, comment */
};

static bool refuse_as_core(struct ens_err *err, const char *what)
{
    return ens_fail(err, ENS_DATA, "%s: " REMEDY, what);
}

/* The last end mark, unless its comment is longer than what follows. */
static const uint8_t *find_mark(const uint8_t *tail, size_t len)
{
    for (size_t i = len < END_SIZE ? 0 : len - END_SIZE + 1; i > 0; i--) {
        const uint8_t *at = tail + i - 1;

        if (memcmp(at, END_MAGIC, 4) == 0)
            return bytes_get_le(view_of(at + 20, 2)) + END_SIZE <= len - (i - 1) ? at : NULL;
    }
    return NULL;
}

/* Reads the zip64 end record if a locator stands before the end record at `*end`. */
static bool read_core_end64(struct core *c, uint64_t *end, uint64_t *ret_size, uint64_t *ret_offset,
                            struct ens_err *err)
{
    uint8_t bytes[END64_SIZE];
    size_t len = 0;

    if (*end < LOC64_SIZE)
        return true;
    if (!directory_read_at(c->fd, *end - LOC64_SIZE, bytes, LOC64_SIZE, &len, err))
        return false;
    struct reader r = reader_of(view_of(bytes, len));
    bool found = reader_le32(&r) == LOC64_MAGIC && reader_le32(&r) == 0;
    uint64_t at = reader_le64(&r);

    if (!found || reader_le32(&r) != 1)
        return true;
    if (!directory_read_at(c->fd, at, bytes, sizeof bytes, &len, err))
        return false;
    r = reader_of(view_of(bytes, len));
    if (len != sizeof bytes || reader_le32(&r) != END64_MAGIC)
        return refuse_as_core(err, "its zip64 end record is not where its locator says");
    (void)reader_take(&r, 28); /* length, versions, disks, entries here */
    c->records = reader_le64(&r);
    *ret_size = reader_le64(&r);
    *ret_offset = reader_le64(&r);
    *end = at;
    return true;
}

static bool read_core_header(struct core *c, uint64_t at, struct header *ret, struct ens_err *err);

/* Where the headers begin. */
static bool find_headers(struct core *c, uint64_t end, uint64_t size, uint64_t offset, struct ens_err *err)
{
    struct header h = {0};

    if (size > INT64_MAX || offset > INT64_MAX || size > end || end - size >= c->size)
        return refuse_as_core(err, "its directory lies outside the file");
    c->at = end - size;
    c->base = c->at - offset; /* may be less than nothing: modulo 2^64 it adds up */
    if (c->at > offset && offset < c->size) {
        if (!read_core_header(c, offset, &h, err))
            return false;
        if (h.next != 0) {
            c->base = 0;
            c->at = offset;
        }
    }
    return true;
}

static bool find_directory(struct core *c, struct ens_err *err)
{
    size_t len = c->size < TAIL_MAX ? (size_t)c->size : TAIL_MAX;
    ENS_CLEANUP(mem_freep) uint8_t *tail = mem_alloc(len + 1, 1, err);

    if (tail == NULL || !directory_read_at(c->fd, c->size - len, tail, len, &len, err))
        return false;
    const uint8_t *mark = find_mark(tail, len);

    if (mark == NULL)
        return refuse_as_core(err, "has no end record");
    struct reader r = reader_of(view_of(mark + 10, END_SIZE - 10));
    uint64_t end = c->size - len + (uint64_t)(mark - tail);

    c->records = reader_le16(&r);
    uint64_t size = reader_le32(&r);
    uint64_t offset = reader_le32(&r);

    /* A size of 0xffff: Go compares the 32-bit field with it. */
    if ((c->records == MAX16 || size == MAX16 || offset == MAX32) &&
        !read_core_end64(c, &end, &size, &offset, err))
        return false;
    return find_headers(c, end, size, offset, err);
}

/* ---- headers ---- */

/* Fills what is saturated from the zip64 field; false: the header is none. */
static bool resolve_core_zip64(struct view extra, struct directory_entry *e)
{
    uint64_t *need[] = {&e->size, &e->packed, &e->offset};
    bool missing[3];
    struct reader r = reader_of(extra);

    for (int i = 0; i < 3; i++)
        missing[i] = *need[i] == MAX32;
    while (r.left.len >= 4) {
        uint16_t id = reader_le16(&r);
        uint16_t len = reader_le16(&r);

        if (r.left.len < len)
            break;
        struct reader field = reader_of(reader_take(&r, len));

        for (int i = 0; i < 3 && id == 1; i++) {
            if (!missing[i])
                continue;
            *need[i] = reader_le64(&field);
            missing[i] = false;
            if (!field.ok)
                return false;
        }
    }
    return !missing[1] && !missing[2];
}

static bool read_core_header(struct core *c, uint64_t at, struct header *ret, struct ens_err *err)
{
    size_t len = 0;

    *ret = (struct header){0};
    if (!directory_read_at(c->fd, at, c->header, sizeof c->header, &len, err))
        return false;
    ret->over = len == 0;
    struct reader r = reader_of(view_of(c->header, len));

    if (len != sizeof c->header || reader_le32(&r) != HEADER_MAGIC)
        return true;
    (void)reader_take(&r, 4); /* versions */
    struct directory_entry e = {.flags = reader_le16(&r), .method = reader_le16(&r)};

    (void)reader_take(&r, 4); /* time, date */
    e.crc = reader_le32(&r);
    e.packed = reader_le32(&r);
    e.size = reader_le32(&r);
    size_t name = reader_le16(&r);
    size_t extra = reader_le16(&r);
    size_t whole = name + extra + reader_le16(&r);

    (void)reader_take(&r, 8); /* disk, attributes */
    e.offset = reader_le32(&r);
    if (!directory_read_at(c->fd, at + HEADER_SIZE, c->rest, whole, &len, err))
        return false;
    ret->over = len == 0 && whole > 0;
    if (len != whole || !resolve_core_zip64(view_of(c->rest + name, extra), &e))
        return true;
    ret->e = e;
    ret->name = name;
    ret->next = at + HEADER_SIZE + whole;
    return true;
}

/* True if the directory of the name, as Go's filepath.Dir cleans it, is ".". */
static bool is_flat(const char *name)
{
    long depth = 0;

    if (name[0] == '/')
        return false;
    for (const char *slash = strchr(name, '/'); slash != NULL; name = slash + 1, slash = strchr(name, '/')) {
        size_t len = (size_t)(slash - name);

        if (len == 0 || (len == 1 && name[0] == '.'))
            continue;
        depth += len == 2 && memcmp(name, "..", 2) == 0 ? -1 : 1;
        if (depth < 0)
            return false;
    }
    return depth == 0;
}

/* Behind the data: the CRC once more, with a mark before it or not; nothing else is looked at. */
static bool check_core_descriptor(const struct core *c, const struct directory_entry *e, struct ens_err *err)
{
    uint8_t bytes[16];
    size_t len = 0;

    if (e->packed > c->size - e->data)
        return refuse_as_core(err, "its data descriptor is missing");
    if (!directory_read_at(c->fd, e->data + e->packed, bytes, sizeof bytes, &len, err))
        return false;
    size_t mark = len >= 4 && bytes_get_le(view_of(bytes, 4)) == DESCRIPTOR ? 4 : 0;

    return (len >= mark + 12 && bytes_get_le(view_of(bytes + mark, 4)) == e->crc) ||
           refuse_as_core(err, "its data descriptor is missing, or contradicts its header");
}

/* Finds the data of the entry that `ret` names, and what must hold of them. */
static bool find_data(const struct core *c, struct directory_entry *e, struct listing_entry *ret,
                      struct ens_err *err)
{
    uint8_t bytes[LOCAL_SIZE];
    size_t len = 0;
    uint64_t at = e->offset + c->base;

    if (at <= INT64_MAX && !directory_read_at(c->fd, at, bytes, sizeof bytes, &len, err))
        return false;
    if (len != sizeof bytes || bytes_get_le(view_of(bytes, 4)) != LOCAL_MAGIC)
        return refuse_as_core(err, "has no local header");
    e->data = at + LOCAL_SIZE + bytes_get_le(view_of(bytes + 26, 2)) + bytes_get_le(view_of(bytes + 28, 2));
    e->data = e->data < c->size ? e->data : c->size;
    ret->data = e->data;
    ret->any_crc = e->crc == 0 && (e->flags & DESCRIBED) == 0;
    if (ret->name[strlen(ret->name) - 1] == '/') {
        ret->any_crc = true;
        return e->size == 0 || refuse_as_core(err, "is a directory with content");
    }
    if (e->method != 0 && e->method != 8)
        return refuse_as_core(err, "is compressed by a method that is neither Store nor Deflate");
    if (e->size > FILE_MAX)
        return ens_fail_own(err, "declares %llu bytes, more than are unpacked for this: " REMEDY,
                            (unsigned long long)e->size);
    ret->size = e->size;
    ret->packed = e->packed < c->size - e->data ? e->packed : c->size - e->data;
    ret->crc = e->crc;
    ret->deflated = e->method == 8;
    return (e->flags & DESCRIBED) == 0 || check_core_descriptor(c, e, err);
}

static void *grown(void *old, size_t len, size_t room, size_t size, struct ens_err *err)
{
    void *more = mem_alloc(room, size, err);

    if (more != NULL && len > 0)
        memcpy(more, old, len * size);
    if (more != NULL)
        mem_free(old);
    return more;
}

/* Room for one entry more. */
static bool grow_list(struct core *c, struct ens_err *err)
{
    struct listing *l = c->ret;
    size_t room = 2 * c->room + 16;

    if (l->len < c->room)
        return true;
    if (l->len >= BUNDLE_ENTRIES_MAX)
        return ens_fail_own(err, "has more than %d entries: make a smaller bundle", BUNDLE_ENTRIES_MAX);
    struct listing_entry *entries = grown(l->entries, l->len, room, sizeof *entries, err);

    if (entries == NULL)
        return false;
    l->entries = entries;
    struct directory_entry *heads = grown(c->heads, l->len, room, sizeof *heads, err);

    if (heads == NULL)
        return false;
    c->heads = heads;
    c->room = room;
    return true;
}

static bool take_core_entry(struct core *c, const struct header *h, struct ens_err *err)
{
    struct listing *l = c->ret;
    const char *name = (const char *)c->rest;

    if (h->name == 0 || memchr(name, '\0', h->name) != NULL)
        return ens_fail_own(err, "an entry has no name, or one with U+0000: rename the file");
    if (!grow_list(c, err))
        return false;
    c->heads[l->len] = h->e;
    l->entries[l->len] = (struct listing_entry){.name = mem_strndup(name, h->name, err), .index = l->len};
    if (l->entries[l->len].name == NULL)
        return false;
    name = l->entries[l->len++].name;
    if (l->len == 1)
        return strcmp(name, LISTING_MANIFEST) == 0 ||
               refuse_as_core(err, "its first entry is not " LISTING_MANIFEST);
    return is_flat(name) || refuse_as_core(err, "the name of an entry is a path");
}

/* By name; of one name, in their order. */
static int compare_core_names(const void *x, const void *y)
{
    const struct listing_entry *a = x;
    const struct listing_entry *b = y;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* Sorts the files, and keeps the last of each name. */
static void settle(struct listing *l)
{
    size_t kept = 1;

    qsort(l->entries + 1, l->len - 1, sizeof *l->entries, compare_core_names);
    for (size_t i = 1; i < l->len; i++) {
        if (i + 1 < l->len && strcmp(l->entries[i].name, l->entries[i + 1].name) == 0)
            mem_free(l->entries[i].name);
        else
            l->entries[kept++] = l->entries[i];
    }
    l->len = kept;
}

static bool read_all(struct core *c, struct ens_err *err)
{
    struct listing *l = c->ret;
    struct header h = {0};

    do {
        if (!read_core_header(c, c->at, &h, err) || (h.next != 0 && !take_core_entry(c, &h, err)))
            return false;
        c->at = h.next;
    } while (h.next != 0);
    if (h.over || (l->len & MAX16) != (c->records & MAX16) || l->len == 0)
        return refuse_as_core(err, "its directory has another number of entries than its end record says");
    settle(l);
    for (size_t i = 0; i < l->len; i++) {
        if (!find_data(c, &c->heads[l->entries[i].index], &l->entries[i], err))
            return ens_wrap(err, "entry %s", l->entries[i].name);
    }
    return true;
}

static void core_freep(struct core **c)
{
    if (*c != NULL)
        mem_free((*c)->heads);
    mem_free(*c);
}

bool listing_as_core(int fd, uint64_t size, struct listing *ret, struct ens_err *err)
{
    ENS_CLEANUP(core_freep) struct core *c = mem_alloc(1, sizeof *c, err);

    if (c == NULL)
        return false;
    c->fd = fd;
    c->size = size;
    c->ret = ret;
    return find_directory(c, err) && read_all(c, err);
}
