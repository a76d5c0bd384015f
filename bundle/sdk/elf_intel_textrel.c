/* Text relocations of an Intel SDK enclave. Where the dynamic segment has DT_TEXTREL, the loader makes every
 * page writable to which a relocation is applied; it reads the tables before it patches the image. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define PT_DYNAMIC 2u
#define DYN_SIZE   16
#define RELA_SIZE  24

/* Tags of the dynamic segment (System V ABI, "Dynamic Section"). */
#define DT_NULL     0u
#define DT_PLTRELSZ 2u
#define DT_RELA     7u
#define DT_RELASZ   8u
#define DT_TEXTREL  22u
#define DT_JMPREL   23u

/* The tags of the dynamic segment that are used; 0 if one is missing. */
struct dynamic {
    bool textrel;
    uint64_t rela, rela_size, jmprel, jmprel_size;
};

static bool fail_at(const struct intel_build *s, const char *rule, uint64_t at, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "%s: %s 0x%" PRIx64 ": the file is damaged, build it again", s->c->label,
                    rule, at);
}

/* Takes one entry; the last one of a tag counts. Says whether it was the end. */
static bool take_dynamic_entry(struct dynamic *d, struct view entry)
{
    struct reader r = reader_of(entry);
    uint64_t tag = reader_le64(&r);
    uint64_t value = reader_le64(&r);

    d->textrel = d->textrel || tag == DT_TEXTREL;
    if (tag == DT_RELA)
        d->rela = value;
    if (tag == DT_RELASZ)
        d->rela_size = value;
    if (tag == DT_JMPREL)
        d->jmprel = value;
    if (tag == DT_PLTRELSZ)
        d->jmprel_size = value;
    return tag == DT_NULL;
}

static bool read_dynamic(struct intel_build *s, const struct elf_segment *seg, struct dynamic *ret,
                         struct ens_err *err)
{
    uint64_t most = seg->filesz / DYN_SIZE < INTEL_DYNAMIC_MAX ? seg->filesz / DYN_SIZE : INTEL_DYNAMIC_MAX;
    struct dynamic d = {0};
    uint8_t entry[DYN_SIZE];

    for (uint64_t i = 0; i < most; i++) {
        if (!elf_read(s->c->elf, seg->offset + i * DYN_SIZE, entry, sizeof entry, "dynamic segment", err))
            return false;
        if (take_dynamic_entry(&d, view_of(entry, sizeof entry))) {
            *ret = d;
            return true;
        }
    }
    return fail_at(s, "dynamic segment: no end within its size and 65536 entries, at", seg->vaddr, err);
}

/* A relocation writes eight bytes, which may reach into the next page. */
static void mark(struct intel_build *s, uint64_t at)
{
    uint64_t first = at / SGXS_PAGE_SIZE;
    uint64_t last = (at + 7) / SGXS_PAGE_SIZE;

    for (uint64_t page = first; page <= last && page < s->b->size / SGXS_PAGE_SIZE; page++)
        s->relocated[page / 8] |= (uint8_t)(1u << page % 8);
}

static bool take_relocation(struct intel_build *s, struct view row, struct ens_err *err)
{
    struct reader r = reader_of(row);
    uint64_t at = reader_le64(&r);
    uint64_t type = reader_le64(&r) & 0xffffffff;

    if (type == 0) /* R_X86_64_NONE */
        return true;
    if (at >= s->b->size)
        return fail_at(s, "a relocation outside the enclave: at", at, err);
    mark(s, at);
    return true;
}

/* Where in the file the table is. Its section is found by its address, and not by a segment: so does the
 * loader. Only if there are no sections a segment must do. */
static bool find_table(const struct elf *e, uint64_t addr, uint64_t *ret)
{
    for (size_t i = 0; i < e->sections_len; i++) {
        *ret = e->sections[i].offset;
        if (e->sections[i].addr == addr)
            return true;
    }
    for (size_t i = 0; e->sections_len == 0 && i < e->segments_len; i++) {
        const struct elf_segment *s = &e->segments[i];

        *ret = s->offset + (addr - s->vaddr);
        if (s->type == ELF_PT_LOAD && addr >= s->vaddr && addr - s->vaddr < s->filesz)
            return true;
    }
    return false;
}

static bool read_relocations(struct intel_build *s, uint64_t addr, uint64_t size, struct ens_err *err)
{
    const uint64_t most = FILE_PIECE / RELA_SIZE * RELA_SIZE;
    uint64_t offset = 0;

    if (addr == 0 || size == 0)
        return true;
    if (!find_table(s->c->elf, addr, &offset) || size % RELA_SIZE != 0)
        return fail_at(s, "the relocations are in no section, or no whole rows: at", addr, err);
    if (offset > s->c->size || size > s->c->size - offset)
        return fail_at(s, "the relocations lie outside the file: at", addr, err);
    for (uint64_t at = 0; at < size; at += most) {
        uint64_t len = size - at;

        if (len > most)
            len = most;
        if (!interrupt_check(err) ||
            !elf_read(s->c->elf, offset + at, s->piece, (size_t)len, "relocations", err))
            return false;
        for (uint64_t i = 0; i < len; i += RELA_SIZE) {
            if (!take_relocation(s, view_of(s->piece + i, RELA_SIZE), err))
                return false;
        }
    }
    return true;
}

bool intel_find_relocated(struct intel_build *s, struct ens_err *err)
{
    const struct elf *e = s->c->elf;
    struct dynamic d = {0};

    for (size_t i = 0; i < e->segments_len; i++) {
        if (e->segments[i].type == PT_DYNAMIC) {
            if (!read_dynamic(s, &e->segments[i], &d, err))
                return false;
            break;
        }
    }
    if (!d.textrel)
        return true;
    s->relocated = mem_alloc((size_t)(s->b->size / SGXS_PAGE_SIZE / 8 + 1), 1, err);
    return s->relocated != NULL && read_relocations(s, d.rela, d.rela_size, err) &&
           read_relocations(s, d.jmprel, d.jmprel_size, err);
}
