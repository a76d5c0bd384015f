/* The image of an Intel SDK enclave: every PT_LOAD segment in the file's order, page by page, with the patch
 * table laid over what is read. The file is read in pieces and never held. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

static uint64_t page_down(uint64_t at)
{
    return at & ~(uint64_t)(SGXS_PAGE_SIZE - 1);
}

/* Only for numbers below INTEL_SIZE_MAX: does not wrap. */
static uint64_t page_up(uint64_t at)
{
    return page_down(at + SGXS_PAGE_SIZE - 1);
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool is_load(const struct elf_segment *seg)
{
    return seg->type == ELF_PT_LOAD && seg->memsz > 0;
}

static uint64_t segment_flags(const struct elf_segment *seg)
{
    return SECINFO_REG | ((seg->flags & ELF_PF_R) != 0 ? SECINFO_R : 0) |
           ((seg->flags & ELF_PF_W) != 0 ? SECINFO_W : 0) | ((seg->flags & ELF_PF_X) != 0 ? SECINFO_X : 0);
}

/* ---- what the segments must be ---- */

static bool check_segment(const struct elf_segment *seg, const struct intel *intel,
                          const struct intel_block *b, struct ens_err *err)
{
    const char *remedy = intel->is_foreign ? "it is another enclave" : INTEL_REMEDY;

    if (seg->vaddr >= b->size || seg->memsz > b->size - seg->vaddr)
        return ens_fail(err, ENS_DATA,
                        "the segment at 0x%" PRIx64 " of 0x%" PRIx64
                        " bytes ends outside the enclave's 0x%" PRIx64 " bytes: %s",
                        seg->vaddr, seg->memsz, b->size, remedy);
    if ((seg->flags & (ELF_PF_R | ELF_PF_W | ELF_PF_X)) == 0 ||
        (seg->filesz == 0 && seg->vaddr % SGXS_PAGE_SIZE != 0))
        return ens_fail(err, ENS_DATA,
                        "the segment at 0x%" PRIx64
                        " has no permissions, or is empty and not aligned, which no loader builds: %s",
                        seg->vaddr, remedy);
    if (!intel->is_foreign && seg->offset < intel->end && seg->offset + seg->filesz > intel->at)
        return ens_fail(err, ENS_DATA,
                        "the segment at 0x%" PRIx64
                        " loads the metadata, so that MRENCLAVE depends on its own signature: " INTEL_REMEDY,
                        seg->vaddr);
    return true;
}

bool intel_image_check(const struct elf *e, const struct intel *intel, const struct intel_block *b,
                       struct ens_err *err)
{
    for (size_t i = 0; i < e->segments_len; i++) {
        if (is_load(&e->segments[i]) && !check_segment(&e->segments[i], intel, b, err))
            return false;
    }
    return true;
}

/* ---- pages ---- */

bool intel_page(struct intel_build *s, uint64_t rva, uint64_t flags, const uint8_t *page, struct ens_err *err)
{
    if (!interrupt_check(err))
        return false;
    if (rva >= s->b->size)
        return ens_fail(err, ENS_DATA,
                        "%s: .note.sgxmeta: metadata %" PRIu32 ".%" PRIu32 ": page 0x%" PRIx64
                        " is outside the enclave: " INTEL_REMEDY,
                        s->c->label, s->b->major, s->b->minor, rva);
    return sgxs_write_page(s->sink, rva + s->b->shift, flags, page, err);
}

/* Lays the patches over `len` bytes that were read from file offset `from`. Later rows win. */
static void patch(const struct intel_block *b, uint64_t from, uint8_t *bytes, uint64_t len)
{
    for (size_t i = 0; i < intel_rows(b->patches); i++) {
        struct intel_patch p = intel_patch_at(b, i);
        uint64_t first = higher(p.dst, from);
        uint64_t end = lower(p.dst + p.size, from + len);

        if (first < end)
            memcpy(bytes + (first - from), b->bytes.data + p.src + (first - p.dst), (size_t)(end - first));
    }
}

/* Fills the piece with the segment's memory from `at` on: its bytes of the file, zeros around them. */
static bool read_piece(struct intel_build *s, const struct elf_segment *seg, uint64_t at, uint64_t len,
                       struct ens_err *err)
{
    uint64_t first = higher(at, seg->vaddr);
    uint64_t end = lower(at + len, seg->vaddr + seg->filesz);

    if (first >= end) {
        memset(s->piece, 0, (size_t)len);
        return true;
    }
    uint64_t from = seg->offset + (first - seg->vaddr);
    uint8_t *bytes = s->piece + (first - at);

    memset(s->piece, 0, (size_t)(first - at));
    memset(s->piece + (end - at), 0, (size_t)(at + len - end));
    if (!elf_read(s->c->elf, from, bytes, (size_t)(end - first), "segment", err))
        return false;
    patch(s->b, from, bytes, end - first);
    return true;
}

/* A page with bytes of the file to which relocations are applied is added writable, whatever its segment. */
static uint64_t page_flags(const struct intel_build *s, const struct elf_segment *seg, uint64_t at)
{
    uint64_t page = at / SGXS_PAGE_SIZE;
    bool written = s->relocated != NULL && at < seg->vaddr + seg->filesz &&
                   (s->relocated[page / 8] >> page % 8 & 1) != 0;

    return segment_flags(seg) | (written ? SECINFO_W : 0);
}

static bool add_segment(struct intel_build *s, const struct elf_segment *seg, struct ens_err *err)
{
    uint64_t end = page_up(seg->vaddr + seg->memsz);

    for (uint64_t at = page_down(seg->vaddr); at < end; at += FILE_PIECE) {
        uint64_t len = lower(FILE_PIECE, end - at);

        if (!read_piece(s, seg, at, len, err))
            return false;
        for (uint64_t i = 0; i < len; i += SGXS_PAGE_SIZE) {
            if (!intel_page(s, at + i, page_flags(s, seg, at + i), s->piece + i, err))
                return false;
        }
    }
    return true;
}

/* Metadata 1.3: the loaders of that time rounded the size of a segment up before they added its place in the
 * page, and so added one page of zeros more behind some. `next` is where the next segment begins. */
static bool pad_segment(struct intel_build *s, const struct elf_segment *seg, uint64_t next,
                        struct ens_err *err)
{
    if (seg == NULL || s->b->major != 1 || s->b->minor != 3)
        return true;
    uint64_t end = page_up(seg->vaddr + seg->memsz);

    if (end >= page_up(page_up(seg->memsz) + seg->vaddr) || end >= page_down(next))
        return true;
    memset(s->piece, 0, SGXS_PAGE_SIZE);
    return intel_page(s, end, segment_flags(seg), s->piece, err);
}

static bool add_segments(struct intel_build *s, struct ens_err *err)
{
    const struct elf *e = s->c->elf;
    const struct elf_segment *last = NULL; /* the one that lies highest, of those above address 0 */

    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *seg = &e->segments[i];

        if (!is_load(seg))
            continue;
        if (!pad_segment(s, last, seg->vaddr, err))
            return false;
        if (seg->vaddr > (last != NULL ? last->vaddr : 0))
            last = seg;
        if (!add_segment(s, seg, err))
            return false;
    }
    return pad_segment(s, last, UINT64_MAX, err);
}

void intel_image_work(const struct elf *e, const struct intel_block *b, uint64_t *work)
{
    uint64_t patched = 0; /* of one piece that is read from the file */

    for (size_t i = 0; i < intel_rows(b->patches); i++)
        container_work_add(&patched, 1, INTEL_ROW_SIZE + (uint64_t)intel_patch_at(b, i).size);
    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *seg = &e->segments[i];

        if (!is_load(seg))
            continue;
        /* One page more: pad_segment. */
        container_work_add(work,
                           (page_up(seg->vaddr + seg->memsz) - page_down(seg->vaddr)) / SGXS_PAGE_SIZE + 1,
                           CONTAINER_WORK_MEASURED);
        container_work_add(work, seg->filesz / FILE_PIECE + 2, patched);
    }
}

bool intel_image(struct intel_build *s, struct ens_err *err)
{
    return intel_find_relocated(s, err) && add_segments(s, err);
}
