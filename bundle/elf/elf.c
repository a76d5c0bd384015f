/* ELF64 headers, with bounds. Offsets and field orders are those of the System V ABI, "Object Files". */
#include "bundle/elf/elf.h"

#include <inttypes.h>
#include <string.h>

#include "bundle/elf/elf_reads.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"

#define EHDR_SIZE 64
#define PHDR_SIZE 56
#define SHDR_SIZE 64

#define ET_DYN    3
#define EM_X86_64 62

/* e_ident: magic, 64 bits, little-endian, version 1. */
static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

void elf_freep(struct elf **e)
{
    if (*e == NULL)
        return;
    mem_free((*e)->sections);
    mem_free((*e)->segments);
    mem_free((*e)->names);
    elf_reads_freep(&(*e)->reads);
    mem_free(*e);
    *e = NULL;
}

bool elf_read(const struct elf *e, uint64_t offset, uint8_t *ret, size_t len, const char *what,
              struct ens_err *err)
{
    size_t have = 0;

    if (offset > e->size || len > e->size - offset)
        return ens_fail(err, ENS_DATA,
                        "%s: %s: 0x%zx bytes at 0x%" PRIx64 " lie outside the file: it is cut or damaged",
                        e->label, what, len, offset);
    if (!file_read_at(e->fd, e->label, offset, ret, len, &have, err))
        return false;
    if (have < len)
        return ens_fail(err, ENS_IO, "%s: became shorter while it was read: repeat when it is complete",
                        e->label);
    return e->reads == NULL || elf_reads_add(e->reads, offset, view_of(ret, len), err);
}

bool elf_read_segment(const struct elf *e, const struct elf_segment *s, uint64_t at, uint8_t *ret, size_t len,
                      struct ens_err *err)
{
    uint64_t end = s->vaddr + s->filesz;
    uint64_t from = at > s->vaddr ? at : s->vaddr;
    uint64_t to = end < at + len ? end : at + len;

    memset(ret, 0, len);
    return from >= to ||
           elf_read(e, s->offset + (from - s->vaddr), ret + (from - at), (size_t)(to - from), "segment", err);
}

/* Where the tables lie, as the ELF header says. */
struct tables {
    uint64_t segments, sections;
    uint16_t segments_len, sections_len, names;
};

static bool read_ehdr(struct elf *e, struct tables *ret, struct ens_err *err)
{
    uint8_t bytes[EHDR_SIZE];

    if (!elf_read(e, 0, bytes, sizeof bytes, "ELF header", err))
        return false;
    struct reader r = reader_of(view_of(bytes, sizeof bytes));
    struct view magic = reader_take(&r, 16);
    uint16_t type = reader_le16(&r);
    uint16_t machine = reader_le16(&r);

    (void)reader_le32(&r); /* e_version */
    e->entry = reader_le64(&r);
    ret->segments = reader_le64(&r);
    ret->sections = reader_le64(&r);
    (void)reader_le32(&r); /* e_flags */

    (void)reader_le16(&r); /* e_ehsize: the loaders do not look at it */
    uint16_t segment_size = reader_le16(&r);

    ret->segments_len = reader_le16(&r);
    uint16_t section_size = reader_le16(&r);

    ret->sections_len = reader_le16(&r);
    ret->names = reader_le16(&r);
    if (!view_equal(view_slice(magic, 0, sizeof ident), view_of(ident, sizeof ident)) || type != ET_DYN ||
        machine != EM_X86_64)
        return ens_fail(err, ENS_DATA,
                        "%s: ELF header: is not an x86-64 shared object: give an enclave's ELF file%s",
                        e->label, bytes[4] == 1 ? " (this one has 32 bits)" : "");
    if (ret->segments_len == 0 || segment_size != PHDR_SIZE)
        return ens_fail(err, ENS_DATA,
                        "%s: ELF header: %u program headers of %u bytes (one or more of %d are read): it is "
                        "damaged",
                        e->label, ret->segments_len, segment_size, PHDR_SIZE);
    if (ret->sections_len != 0 && (section_size != SHDR_SIZE || ret->names >= ret->sections_len))
        return ens_fail(err, ENS_DATA,
                        "%s: ELF header: %u sections of %u bytes, names in number %u (of %d bytes are read): "
                        "it is damaged",
                        e->label, ret->sections_len, section_size, ret->names, SHDR_SIZE);
    return true;
}

static bool read_segment(const struct elf *e, uint64_t at, struct elf_segment *ret, struct ens_err *err)
{
    uint8_t bytes[PHDR_SIZE];

    if (!elf_read(e, at, bytes, sizeof bytes, "program header", err))
        return false;
    struct reader r = reader_of(view_of(bytes, sizeof bytes));

    ret->type = reader_le32(&r);
    ret->flags = reader_le32(&r);
    ret->offset = reader_le64(&r);
    ret->vaddr = reader_le64(&r);
    (void)reader_le64(&r); /* p_paddr */
    ret->filesz = reader_le64(&r);
    ret->memsz = reader_le64(&r);
    ret->align = reader_le64(&r);
    if (ret->type != ELF_PT_LOAD)
        return true;
    if (ret->offset > e->size || ret->filesz > e->size - ret->offset)
        return ens_fail(err, ENS_DATA,
                        "%s: the segment at 0x%" PRIx64 " lies outside the file: it is cut or damaged",
                        e->label, ret->vaddr);
    if (ret->filesz > ret->memsz || ret->vaddr + ret->memsz < ret->vaddr)
        return ens_fail(err, ENS_DATA,
                        "%s: the segment at 0x%" PRIx64 " has 0x%" PRIx64 " bytes in the file and 0x%" PRIx64
                        " in memory: it is damaged",
                        e->label, ret->vaddr, ret->filesz, ret->memsz);
    return true;
}

static bool read_segments(struct elf *e, const struct tables *t, struct ens_err *err)
{
    e->segments = mem_alloc(t->segments_len, sizeof *e->segments, err);
    if (e->segments == NULL)
        return false;
    for (; e->segments_len < t->segments_len; e->segments_len++) {
        if (!read_segment(e, t->segments + e->segments_len * PHDR_SIZE, &e->segments[e->segments_len], err))
            return false;
    }
    return true;
}

/* `ret_name` gets the offset of the name in the name table. */
static bool read_section(const struct elf *e, uint64_t at, struct elf_section *ret, uint32_t *ret_name,
                         struct ens_err *err)
{
    uint8_t bytes[SHDR_SIZE];

    if (!elf_read(e, at, bytes, sizeof bytes, "section header", err))
        return false;
    struct reader r = reader_of(view_of(bytes, sizeof bytes));

    *ret_name = reader_le32(&r);
    ret->type = reader_le32(&r);
    ret->flags = reader_le64(&r);
    ret->addr = reader_le64(&r);
    ret->offset = reader_le64(&r);
    ret->size = reader_le64(&r);
    ret->link = reader_le32(&r);
    (void)reader_le32(&r); /* sh_info */
    ret->align = reader_le64(&r);
    ret->entsize = reader_le64(&r);
    return true;
}

/* The table in which the sections' names are, terminated at its end. */
static bool read_section_names(struct elf *e, const struct tables *t, size_t *ret_len, struct ens_err *err)
{
    struct elf_section s = {0};
    uint32_t name = 0;

    if (!read_section(e, t->sections + (uint64_t)t->names * SHDR_SIZE, &s, &name, err))
        return false;
    if (s.type == ELF_SHT_NOBITS)
        return ens_fail(err, ENS_DATA, "%s: the section names are not in the file: it is damaged", e->label);
    if (s.size > ELF_NAMES_MAX)
        return ens_fail(err, ENS_DATA,
                        "%s: the section names have %" PRIu64 " bytes (limit %u): it is damaged", e->label,
                        s.size, ELF_NAMES_MAX);
    e->names = mem_alloc((size_t)s.size + 1, 1, err);
    *ret_len = (size_t)s.size;
    return e->names != NULL &&
           elf_read(e, s.offset, (uint8_t *)e->names, (size_t)s.size, "section names", err);
}

static bool read_sections(struct elf *e, const struct tables *t, struct ens_err *err)
{
    size_t names_len = 0;
    uint32_t name = 0;

    if (t->sections_len == 0)
        return true;
    e->sections = mem_alloc(t->sections_len, sizeof *e->sections, err);
    if (e->sections == NULL || !read_section_names(e, t, &names_len, err))
        return false;
    for (size_t i = 0; i < t->sections_len; i++) {
        struct elf_section *s = &e->sections[e->sections_len];

        if (!read_section(e, t->sections + i * SHDR_SIZE, s, &name, err))
            return false;
        /* One that lies outside of them is nobody's. */
        s->name = e->names + (name < names_len ? name : names_len);
        e->sections_len++;
    }
    return true;
}

bool elf_open(int fd, const char *label, uint64_t size, bool remembers, struct elf **ret, struct ens_err *err)
{
    ENS_CLEANUP(elf_freep) struct elf *e = mem_alloc(1, sizeof *e, err);
    struct tables t = {0};

    if (e == NULL)
        return false;
    e->fd = fd;
    e->label = label;
    e->size = size;
    if (remembers && !elf_reads_new(&e->reads, err))
        return false;
    if (!read_ehdr(e, &t, err) || !read_segments(e, &t, err) || !read_sections(e, &t, err))
        return false;
    *ret = ens_take(e);
    return true;
}

const struct elf_section *elf_section(const struct elf *e, const char *name)
{
    for (size_t i = 0; i < e->sections_len; i++) {
        if (strcmp(e->sections[i].name, name) == 0)
            return &e->sections[i];
    }
    return NULL;
}

/* Zeros of thread-locals take no room in the image: what comes next has the same addresses. */
static bool takes_room(const struct elf_section *s)
{
    return (s->flags & ELF_SHF_ALLOC) != 0 && ((s->flags & ELF_SHF_TLS) == 0 || s->type != ELF_SHT_NOBITS);
}

const struct elf_section *elf_section_at(const struct elf *e, uint64_t addr)
{
    for (size_t i = 0; i < e->sections_len; i++) {
        const struct elf_section *s = &e->sections[i];

        if (takes_room(s) && addr >= s->addr && addr - s->addr < s->size)
            return s;
    }
    return NULL;
}

bool elf_is_code(const struct elf *e, uint64_t addr, uint64_t len)
{
    for (size_t i = 0; i < e->sections_len; i++) {
        const struct elf_section *s = &e->sections[i];

        /* Either begins within the other; nothing is added, so that nothing wraps. */
        if (takes_room(s) && (s->flags & ELF_SHF_EXECINSTR) != 0 && s->size > 0 && len > 0 &&
            (addr - s->addr < s->size || s->addr - addr < len))
            return true;
    }
    return false;
}
