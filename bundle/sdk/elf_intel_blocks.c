/* The metadata blocks of Intel SDK ELF files: which versions are known, and every rule that their tables must
 * keep before they are followed. The rules are those of Intel's loader, which refuses the same files. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>

#define DIRS         1872 /* offset of the directories: 8 bytes each, offset and size in the block */
#define DIR_PATCH    0
#define DIR_LAYOUT   1
#define DIR_ELRANGE  2
#define DIR_EXTEND   3
#define ENCLAVE_SIZE 40      /* offset */
#define ROW_GROUP    0x1000u /* bit of a layout row's id */

#define ELRANGE_SIZE 24
#define EXTEND_SIZE  16
#define EXTEND_FIPS  0x1001u
#define EXTEND_IMAGE 0x1002u

struct version {
    uint32_t major, minor;
    uint32_t dirs;
};

/* The versions that the SDK's tools wrote, 1.6 to 2.26. From 11 on there is an ELRANGE, and room for its directory where
 * there are two others. */
static const struct version versions[] = {
    {1, 3, 2}, {1, 4, 2}, {1, 5, 4},  {2, 1, 2},  {2, 2, 2},  {2, 3, 2},  {2, 4, 2},  {3, 0, 2},  {3, 1, 2},
    {3, 2, 4}, {3, 3, 4}, {11, 4, 3}, {11, 5, 4}, {12, 4, 3}, {13, 0, 3}, {13, 1, 3}, {13, 2, 4}, {13, 3, 4},
};

static bool has_elrange(const struct intel_block *b)
{
    return b->major > 10;
}

/* A number of 1 to 8 bytes. */
static uint64_t number(const struct intel_block *b, size_t offset, size_t len)
{
    return bytes_get_le(view_slice(b->bytes, offset, len));
}

static bool is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* ---- the head ---- */

static bool read_metadata_version(struct intel_block *b, struct ens_err *err)
{
    b->minor = (uint32_t)number(b, 8, 4);
    b->major = (uint32_t)number(b, 12, 4);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (versions[i].major == b->major && versions[i].minor == b->minor) {
            b->data = DIRS + 8 * versions[i].dirs;
            return true;
        }
    }
    return ens_fail(err, ENS_DATA,
                    "metadata version %" PRIu32 ".%" PRIu32
                    " is unknown: ensign reads 1.3 to 3.3 and 11.4 to 13.3; sign with such an SDK",
                    b->major, b->minor);
}

/* `left`: the descriptor from the block on. */
static bool read_head(struct view left, struct intel_block *b, struct ens_err *err)
{
    b->bytes = left;
    if (left.len < DIRS)
        return ens_fail(err, ENS_DATA, "only 0x%zx bytes are left for it: " INTEL_REMEDY, left.len);
    if (!read_metadata_version(b, err))
        return false;
    uint64_t size = number(b, 16, 4);

    if (size < b->data || size > left.len)
        return ens_fail(err, ENS_DATA,
                        "size 0x%" PRIx64 " is not from 0x%" PRIx32 " to 0x%zx, what is left: " INTEL_REMEDY,
                        size, b->data, left.len);
    b->bytes = view_slice(left, 0, (size_t)size);
    b->size = b->range = number(b, ENCLAVE_SIZE, 8);
    if (!is_power_of_two(b->size) || b->size < SGXS_PAGE_SIZE || b->size > INTEL_SIZE_MAX)
        return ens_fail(err, ENS_DATA,
                        "enclave size 0x%" PRIx64
                        " is not a power of two from 0x1000 to 0x%llx: " INTEL_REMEDY,
                        b->size, INTEL_SIZE_MAX);
    if (number(b, INTEL_SSAFRAMESIZE, 4) == 0)
        return ens_fail(err, ENS_DATA, "SSA frame size 0: " INTEL_REMEDY);
    return true;
}

/* ---- places in the block ---- */

/* Lies `offset`..`offset + size` behind the directories, and apart from the FIPS signature? That one is
 * replaced when the enclave is signed, so that nothing measured may come from it. */
static bool inside(const struct intel_block *b, uint64_t offset, uint64_t size)
{
    bool apart = b->fips == 0 || offset + size <= b->fips || offset >= b->fips + (uint64_t)FIPS_SIZE;

    return offset >= b->data && offset <= b->bytes.len && size <= b->bytes.len - offset && apart;
}

static bool dir(const struct intel_block *b, size_t index, const char *name, size_t row, struct view *ret,
                struct ens_err *err)
{
    uint64_t offset = number(b, DIRS + 8 * index, 4);
    uint64_t size = number(b, DIRS + 8 * index + 4, 4);

    if (!inside(b, offset, size) || size % row != 0)
        return ens_fail(err, ENS_DATA,
                        "the %s table, 0x%" PRIx64 " bytes at 0x%" PRIx64
                        ", is not whole rows of %zu inside the block: " INTEL_REMEDY,
                        name, size, offset, row);
    *ret = view_slice(b->bytes, (size_t)offset, (size_t)size);
    return true;
}

/* ---- ELRANGE, EXTEND ---- */

/* The range that the loader reserves, and where in it the enclave lies. */
static bool read_elrange(struct intel_block *b, struct ens_err *err)
{
    struct view v = {0};

    if (!has_elrange(b))
        return true;
    if (!dir(b, DIR_ELRANGE, "ELRANGE", ELRANGE_SIZE, &v, err))
        return false;
    struct reader r = reader_of(v);
    uint64_t image = reader_le64(&r);
    uint64_t start = reader_le64(&r);
    uint64_t size = reader_le64(&r);

    if (!r.ok || r.left.len != 0 || !is_power_of_two(size) || size < b->size || size > INTEL_ELRANGE_MAX ||
        start % size != 0 || start + size < start || image % SGXS_PAGE_SIZE != 0 || image < start ||
        image - start > size - b->size)
        return ens_fail(err, ENS_DATA,
                        "ELRANGE 0x%" PRIx64 " of 0x%" PRIx64 " bytes with the enclave at 0x%" PRIx64
                        " is impossible: " INTEL_REMEDY,
                        start, size, image);
    b->elrange = v;
    b->range = size;
    b->shift = image - start;
    return true;
}

/* Rows of the EXTEND table: id, size, offset, 0. The others than FIPS are not ours to understand: they are
 * neither measured from here nor changed. */
static bool read_extend_row(struct intel_block *b, struct view row, struct ens_err *err)
{
    struct reader r = reader_of(row);
    uint32_t id = reader_le32(&r);
    uint32_t size = reader_le32(&r);
    uint32_t offset = reader_le32(&r);

    b->has_second_image = b->has_second_image || id == EXTEND_IMAGE;
    if (id != EXTEND_FIPS)
        return true;
    if (b->fips != 0 || size != FIPS_SIZE || !inside(b, offset, size))
        return ens_fail(err, ENS_DATA,
                        "the FIPS signature, 0x%" PRIx32 " bytes at 0x%" PRIx32
                        ", is not the only one, of 0x%x bytes inside the block: " INTEL_REMEDY,
                        size, offset, FIPS_SIZE);
    b->fips = offset;
    return true;
}

static bool read_extend(struct intel_block *b, struct ens_err *err)
{
    struct view v = {0};

    if (b->data < DIRS + 8 * (DIR_EXTEND + 1) || number(b, DIRS + 8 * DIR_EXTEND, 8) == 0)
        return true;
    if (!dir(b, DIR_EXTEND, "EXTEND", EXTEND_SIZE, &v, err))
        return false;
    for (size_t at = 0; at < v.len; at += EXTEND_SIZE) {
        if (!read_extend_row(b, view_slice(v, at, EXTEND_SIZE), err))
            return false;
    }
    /* The table itself must not lie under the signature. */
    return dir(b, DIR_EXTEND, "EXTEND", EXTEND_SIZE, &v, err);
}

/* ---- the patch table ---- */

size_t intel_rows(struct view table)
{
    return table.len / INTEL_ROW_SIZE;
}

struct intel_patch intel_patch_at(const struct intel_block *b, size_t index)
{
    struct reader r = reader_of(view_slice(b->patches, index * INTEL_ROW_SIZE, INTEL_ROW_SIZE));

    return (struct intel_patch){.dst = reader_le64(&r), .src = reader_le32(&r), .size = reader_le32(&r)};
}

/* A patch goes into the file, but not into the note: what is signed must not depend on the signature. */
static bool check_patches(const struct intel *intel, const struct intel_block *b, uint64_t file_size,
                          struct ens_err *err)
{
    for (size_t i = 0; i < intel_rows(b->patches); i++) {
        struct intel_patch p = intel_patch_at(b, i);

        if (!inside(b, p.src, p.size))
            return ens_fail(err, ENS_DATA,
                            "patch %zu takes 0x%" PRIx32 " bytes at 0x%" PRIx32
                            ", which are not in the block's data: " INTEL_REMEDY,
                            i + 1, p.size, p.src);
        if (p.dst > file_size || p.size > file_size - p.dst ||
            (p.dst < intel->end && p.dst + p.size > intel->at))
            return ens_fail(err, ENS_DATA,
                            "patch %zu puts 0x%" PRIx32 " bytes at 0x%" PRIx64
                            ", outside the file or into its metadata: " INTEL_REMEDY,
                            i + 1, p.size, p.dst);
    }
    return true;
}

/* ---- the layout table ---- */

/* Heap, TCS, thread data, SSA frames, stack and guard, by the ids of SDK 1.x. */
static const uint8_t first_ids[] = {
    0, INTEL_ID_HEAP_MIN, INTEL_ID_TCS, INTEL_ID_TD, INTEL_ID_SSA, INTEL_ID_STACK_MIN, 0, INTEL_ID_GUARD,
};

struct intel_row intel_row_at(const struct intel_block *b, size_t index)
{
    struct reader r = reader_of(view_slice(b->layout, index * INTEL_ROW_SIZE, INTEL_ROW_SIZE));
    uint16_t id = reader_le16(&r);

    if (b->has_first_ids && id < sizeof first_ids)
        id = first_ids[id];
    struct intel_row row = {.group = (id & ROW_GROUP) != 0, .id = id};

    row.attributes = row.entries = reader_le16(&r);
    row.pages = row.times = reader_le32(&r);
    row.rva = row.step = reader_le64(&r);
    row.content_size = reader_le32(&r);
    row.content_offset = reader_le32(&r);
    row.flags = reader_le64(&r);
    return row;
}

/* Where a row's content may lie, and whether it fits its pages. */
static bool check_content(const struct intel_block *b, const struct intel_row *row, struct ens_err *err)
{
    uint64_t room = row->flags == SECINFO_TCS ? SGXS_PAGE_SIZE : (uint64_t)row->pages * SGXS_PAGE_SIZE;

    if (row->content_offset != 0 &&
        (!inside(b, row->content_offset, row->content_size) || row->content_size > room))
        return ens_fail(err, ENS_DATA,
                        "content of 0x%" PRIx32 " bytes at 0x%" PRIx32
                        ", which are not in the block's data or not in the pages: " INTEL_REMEDY,
                        row->content_size, row->content_offset);
    return true;
}

/* True if the row, `step` bytes further, is within the enclave. */
static bool check_row_place(const struct intel_block *b, const struct intel_row *row, uint64_t step,
                            struct ens_err *err)
{
    uint64_t size = (uint64_t)row->pages * SGXS_PAGE_SIZE;

    /* `step` is at most the enclave's size, so that the sum does not wrap once `rva` is below it as well. */
    if (row->rva >= b->size || row->rva + step >= b->size || size > b->size - row->rva - step ||
        (row->rva + step) % SGXS_PAGE_SIZE != 0)
        return ens_fail(err, ENS_DATA,
                        "0x%" PRIx32 " pages at 0x%" PRIx64 " (further by 0x%" PRIx64
                        ") are not aligned or outside the enclave's 0x%" PRIx64 " bytes: " INTEL_REMEDY,
                        row->pages, row->rva, step, b->size);
    return true;
}

/* A group and the rows that it repeats. `*visits` counts repeated rows: no more than two for each page, so
 * that rows without pages cannot keep a reader busy. */
static bool check_group(const struct intel_block *b, size_t index, uint64_t *visits, struct ens_err *err)
{
    const struct intel_row group = intel_row_at(b, index);
    uint64_t most = 2 * (b->size / SGXS_PAGE_SIZE);

    if (group.times == 0 || group.entries == 0)
        return true;
    if (group.entries > index)
        return ens_fail(err, ENS_DATA, "a group of %u rows, and only %zu are before it: " INTEL_REMEDY,
                        group.entries, index);
    if (group.step == 0 || group.step > b->size / group.times)
        return ens_fail(err, ENS_DATA,
                        "a group is loaded %" PRIu32 " times at steps of 0x%" PRIx64
                        ", which leaves the enclave's 0x%" PRIx64 " bytes: " INTEL_REMEDY,
                        group.times, group.step, b->size);
    *visits += (uint64_t)group.times * group.entries;
    if (*visits > most)
        return ens_fail(
            err, ENS_DATA,
            "groups repeat more rows than twice the enclave's pages (0x%" PRIx64 "): " INTEL_REMEDY, most);
    for (size_t i = index - group.entries; i < index; i++) {
        const struct intel_row row = intel_row_at(b, i);

        if (row.group)
            return ens_fail(err, ENS_DATA, "a group within a group: " INTEL_REMEDY);
        /* The steps between the first and the last lie between two places that are good. */
        if (!check_row_place(b, &row, group.step, err) ||
            !check_row_place(b, &row, group.step * group.times, err))
            return false;
    }
    return true;
}

/* SDK 1.x wrote metadata 1.3 and 1.4; later ones, which write them too, call another row 2. */
static bool find_first_ids(const struct intel_block *b)
{
    bool found = false;

    for (size_t i = 0; b->major == 1 && b->minor <= 4 && i < intel_rows(b->layout); i++) {
        const struct intel_row row = intel_row_at(b, i);

        found = found || (row.id == 2 && row.flags == SECINFO_TCS);
    }
    return found;
}

static bool check_layout(const struct intel_block *b, struct ens_err *err)
{
    uint64_t visits = 0;

    for (size_t i = 0; i < intel_rows(b->layout); i++) {
        const struct intel_row row = intel_row_at(b, i);
        bool ok = row.group ? check_group(b, i, &visits, err)
                            : check_row_place(b, &row, 0, err) && check_content(b, &row, err);

        if (!ok)
            return ens_wrap(err, "layout row %zu", i + 1);
    }
    return true;
}

bool intel_block_read(const struct intel *intel, size_t at, uint64_t file_size, struct intel_block *ret,
                      struct ens_err *err)
{
    struct intel_block b = {0};

    if (!read_head(view_slice(intel->desc, at, intel->desc.len - at), &b, err) || !read_extend(&b, err) ||
        !read_elrange(&b, err) || !dir(&b, DIR_PATCH, "patch", INTEL_ROW_SIZE, &b.patches, err) ||
        !dir(&b, DIR_LAYOUT, "layout", INTEL_ROW_SIZE, &b.layout, err) ||
        !check_patches(intel, &b, file_size, err) || !check_layout(&b, err))
        return false;
    b.has_first_ids = find_first_ids(&b);
    *ret = b;
    return true;
}
