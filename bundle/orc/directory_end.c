/* The end of a zip file: its end record, the zip64 form of it, and what they say about the directory. A
 * reader looks for the end record from the back, so the last mark in the file must be the real one, and
 * the directory must end where the end records begin. */
#include "bundle/orc/directory.h"

#include <string.h>

#include "bundle/orc/bundle.h"
#include "signer/base/mem.h"

#define REMEDY "get the file again, or rebuild it"

/* Sizes and signatures of the records (APPNOTE 4.3.14, 4.3.15, 4.3.16). */
#define END64_SIZE  56u
#define END64_MAGIC 0x06064b50u
#define LOC64_SIZE  20u
#define LOC64_MAGIC 0x07064b50u
#define END_SIZE    22u
#define END_MAGIC   "PK\5\6"
#define COMMENT_MAX 65535u

/* A field with every bit set refers to the zip64 record. */
#define MAX16 0xffffu
#define MAX32 0xffffffffu

/* The end records as they were read: what they say, where they begin, and the zip64 locator, if any. */
struct end {
    struct directory d;
    uint64_t at;
};

/* The last end mark within `tail`, which leaves room for an end record; NULL: none. */
static const uint8_t *last_mark(const uint8_t *tail, size_t len)
{
    for (size_t i = len - END_SIZE + 1; i > 0; i--) {
        if (memcmp(tail + i - 1, END_MAGIC, 4) == 0)
            return tail + i - 1;
    }
    return NULL;
}

/* Reads the end record out of the last bytes of the file. */
static bool parse_end(const uint8_t *tail, size_t len, uint64_t size, struct end *ret, struct ens_err *err)
{
    const uint8_t *mark = last_mark(tail, len);

    if (mark == NULL)
        return ens_fail(err, ENS_DATA,
                        "has no end record: it is not a zip archive, or is truncated: " REMEDY);
    size_t left = len - (size_t)(mark - tail);
    struct reader r = reader_of(view_of(mark + 4, left - 4));
    bool ok = reader_le32(&r) == 0; /* disk numbers */
    uint64_t here = reader_le16(&r);
    struct end end = {.d.entries = reader_le16(&r), .at = size - left};

    end.d.size = reader_le32(&r);
    end.d.offset = reader_le32(&r);
    end.d.comment = reader_le16(&r);
    if (!ok || !r.ok || here != end.d.entries)
        return ens_fail_own(err, "its end record speaks of more than one disk: " REMEDY);
    if (end.d.comment != left - END_SIZE)
        return ens_fail_own(err, "its comment is not as long as its end record says: " REMEDY);
    *ret = end;
    return true;
}

/* Reads it without a comment if it has none, which is nearly always; else with all that may follow it. */
static bool read_end(int fd, uint64_t size, struct end *ret, struct ens_err *err)
{
    size_t len = size < END_SIZE + COMMENT_MAX ? (size_t)size : END_SIZE + COMMENT_MAX;
    uint8_t bare[END_SIZE];

    if (size < END_SIZE)
        return ens_fail(err, ENS_DATA, "is too short for a zip archive: name a bundle");
    if (!directory_read_exact(fd, size - END_SIZE, bare, END_SIZE, err))
        return false;
    if (memcmp(bare, END_MAGIC, 4) == 0)
        return parse_end(bare, END_SIZE, size, ret, err);
    ENS_CLEANUP(mem_freep) uint8_t *tail = mem_room(len, err);

    return tail != NULL && directory_read_exact(fd, size - len, tail, len, err) &&
           parse_end(tail, len, size, ret, err);
}

/* The zip64 end record and its locator. Fields of the end record that are not saturated must say the same. */
static bool parse_end64(struct view v, struct end *end)
{
    struct reader r = reader_of(v);
    bool ok = reader_le32(&r) == END64_MAGIC && reader_le64(&r) == END64_SIZE - 12;

    (void)reader_take(&r, 4);        /* versions */
    ok = reader_le64(&r) == 0 && ok; /* disk numbers */
    uint64_t here = reader_le64(&r);
    struct directory d = {.entries = reader_le64(&r), .comment = end->d.comment};

    d.size = reader_le64(&r);
    d.offset = reader_le64(&r);
    ok = reader_le32(&r) == LOC64_MAGIC && reader_le32(&r) == 0 && ok;
    ok = reader_le64(&r) == end->at && reader_le32(&r) == 1 && ok;
    ok = ok && r.ok && here == d.entries;
    ok = ok && (end->d.entries == MAX16 || end->d.entries == d.entries);
    ok = ok && (end->d.size == MAX32 || end->d.size == d.size);
    ok = ok && (end->d.offset == MAX32 || end->d.offset == d.offset);
    end->d = d;
    return ok;
}

/* Looks for the zip64 locator before the end record, and reads what it refers to. Some programs write it
 * although nothing is too large for the end record; readers that look at one of the two find the same. */
static bool read_end64(int fd, struct end *end, struct ens_err *err)
{
    uint8_t bytes[END64_SIZE + LOC64_SIZE];

    if (end->at < LOC64_SIZE)
        return true;
    if (!directory_read_exact(fd, end->at - LOC64_SIZE, bytes, 4, err))
        return false;
    if (bytes_get_le(view_of(bytes, 4)) != LOC64_MAGIC)
        return true;
    if (end->at < sizeof bytes)
        return ens_fail_own(err, "has no room for its zip64 end record: " REMEDY);
    end->at -= sizeof bytes;
    if (!directory_read_exact(fd, end->at, bytes, sizeof bytes, err))
        return false;
    if (!parse_end64(view_of(bytes, sizeof bytes), end))
        return ens_fail_own(err, "its zip64 end record is malformed, or contradicts its end record: " REMEDY);
    return true;
}

bool directory_find(int fd, uint64_t size, struct directory *ret, struct ens_err *err)
{
    struct end end = {0};

    if (!read_end(fd, size, &end, err) || !read_end64(fd, &end, err))
        return false;
    if (end.d.entries > BUNDLE_ENTRIES_MAX)
        return ens_fail_own(err, "has %llu entries, more than the limit of %d: make a smaller bundle",
                            (unsigned long long)end.d.entries, BUNDLE_ENTRIES_MAX);
    if (end.d.size > DIRECTORY_MAX)
        return ens_fail_own(err, "its directory has %llu bytes, more than the limit of %u: " REMEDY,
                            (unsigned long long)end.d.size, DIRECTORY_MAX);
    if (end.d.offset > end.at || end.d.size != end.at - end.d.offset)
        return ens_fail_own(err, "its directory does not end where its end record begins: " REMEDY);
    *ret = end.d;
    return true;
}
