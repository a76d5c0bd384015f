/* Metadata of an Intel SDK enclave that sgx_sign never writes. They decide what is loaded
 * as much as the image does, and a reader of the ELF file does not see them: a patch that overwrites code,
 * pages of code that the layout table brings along, an entry point elsewhere, and bounds of the enclave that
 * trusted code is told and that are not those it has. None of it keeps a loader from loading the file. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>
#include <string.h>

#define RULE "patched-code"

/* Fields of the ELF header that every sgx_sign sets to zero: where the section headers are. */
#define E_SHOFF  40 /* 8 bytes */
#define E_SHNUM  60 /* 2 bytes, and 2 of e_shstrndx */
#define E_FIELDS 64

#define TCS_OENTRY   32   /* offset in a TCS (Intel SDM, "TCS") */
#define GLOBAL_MAX   4096 /* bytes of g_global_data; 1488 to 1768 in the releases to 2.26 */
#define GLOBAL_FIRST 1488

/* The state of the checks of one block. */
struct doubts {
    struct container *c;
    const struct intel_block *b;
    size_t site;
    bool has_global; /* .dynsym has g_global_data: */
    struct elf_symbol global;
    bool has_entry; /* ... and enclave_entry */
    struct elf_symbol entry;
};

/* True if either begins within the other. Nothing is added, so that nothing wraps. */
static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a_size > 0 && b_size > 0 && (a - b < b_size || b - a < a_size);
}

/* ---- patches ---- */

/* Zeros in the header's fields of section headers, which nothing loads. */
static bool hides_sections(const struct doubts *d, const struct intel_patch *p)
{
    bool offset = p->dst >= E_SHOFF && p->size <= 8 && p->dst + p->size <= E_SHOFF + 8;
    bool numbers = p->dst >= E_SHNUM && p->size <= 4 && p->dst + p->size <= E_FIELDS;

    return (offset || numbers) && view_is_zero(view_slice(d->b->bytes, p->src, p->size));
}

/* True if the patch reaches bytes of the file that a segment with one of these flags loads. `*ret_addr` gets the
 * address of the first one. */
static bool reaches(const struct doubts *d, const struct intel_patch *p, uint32_t flags, uint64_t *ret_addr)
{
    const struct elf *e = d->c->elf;

    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *s = &e->segments[i];

        if (s->type != ELF_PT_LOAD || (s->flags & flags) == 0 ||
            !overlap(p->dst, p->size, s->offset, s->filesz))
            continue;
        *ret_addr = s->vaddr + (p->dst > s->offset ? p->dst - s->offset : 0);
        return true;
    }
    return false;
}

static bool reaches_code_section(const struct doubts *d, const struct intel_patch *p)
{
    const struct elf *e = d->c->elf;

    for (size_t i = 0; i < e->sections_len; i++) {
        const struct elf_section *s = &e->sections[i];

        if ((s->flags & ELF_SHF_EXECINSTR) != 0 && s->type != ELF_SHT_NOBITS &&
            overlap(p->dst, p->size, s->offset, s->size))
            return true;
    }
    return false;
}

/* True for the data that sgx_sign fills in: they can be written to, and lie in no segment of code, whatever the
 * section headers say, which are not measured. */
static bool is_global(const struct doubts *d, uint64_t addr, uint32_t size)
{
    return d->has_global && d->global.size <= GLOBAL_MAX && addr >= d->global.value &&
           size <= d->global.size && addr - d->global.value <= d->global.size - size;
}

static void judge_patch(const struct doubts *d, size_t index, size_t *others)
{
    const struct intel_patch p = intel_patch_at(d->b, index);
    uint64_t addr = 0;

    if (hides_sections(d, &p) || !reaches(d, &p, ELF_PF_R | ELF_PF_W | ELF_PF_X, &addr))
        return;
    if (reaches_code_section(d, &p) || reaches(d, &p, ELF_PF_X, &addr)) {
        container_odd(d->c, d->site, RULE,
                      "patch %zu overwrites 0x%" PRIx32 " bytes of code at 0x%" PRIx64
                      ": what is loaded is not what the file shows",
                      index + 1, p.size, addr);
        return;
    }
    /* Where the symbol is stripped, one patch may be that of its data. */
    if (is_global(d, addr, p.size) || (!d->has_global && p.size >= GLOBAL_FIRST && (*others)++ == 0))
        return;
    container_odd(d->c, d->site, "patched-data",
                  "patch %zu overwrites 0x%" PRIx32 " bytes of data at 0x%" PRIx64
                  ", which are not g_global_data",
                  index + 1, p.size, addr);
}

/* ---- the layout ---- */

static void judge_content(const struct doubts *d, size_t index, const struct intel_row *row)
{
    bool code = (row->flags & SECINFO_X) != 0;

    container_odd(d->c, d->site, code ? RULE : "layout-content",
                  "layout row %zu brings 0x%" PRIx32 " bytes of %s to 0x%" PRIx64
                  ", which are not in the image: what is loaded is not what the file shows",
                  index + 1, row->content_size, code ? "code" : "content", row->rva);
}

static void judge_tcs(const struct doubts *d, size_t index, const struct intel_row *row)
{
    uint64_t oentry = row->content_size < TCS_OENTRY + 8
                          ? 0
                          : bytes_get_le(view_slice(d->b->bytes, row->content_offset + TCS_OENTRY, 8));
    uint64_t entry = d->has_entry ? d->entry.value : d->c->elf->entry;

    if (oentry != entry && oentry != entry + d->b->shift)
        container_odd(d->c, d->site, RULE,
                      "layout row %zu: its threads enter at 0x%" PRIx64 ", %s is at 0x%" PRIx64
                      ": what runs is not what the file shows",
                      index + 1, oentry, d->has_entry ? "enclave_entry" : "the file's entry", entry);
}

/* A page that is filled with a word, and can be executed; zeros are memory for code that is made later. */
static void judge_fill(const struct doubts *d, size_t index, const struct intel_row *row)
{
    if ((row->attributes & INTEL_ATTR_EEXTEND) != 0 && (row->flags & SECINFO_X) != 0 &&
        row->content_size != 0)
        container_odd(d->c, d->site, RULE,
                      "layout row %zu fills executable pages at 0x%" PRIx64 " with 0x%08" PRIx32
                      ": what is loaded is not what the file shows",
                      index + 1, row->rva, row->content_size);
}

static void judge_row(const struct doubts *d, size_t index)
{
    const struct intel_row row = intel_row_at(d->b, index);

    if (row.group || (row.attributes & INTEL_ATTR_EADD) == 0 || row.pages == 0)
        return;
    if (row.content_offset == 0)
        judge_fill(d, index, &row);
    else if (SECINFO_TYPE(row.flags) == SECINFO_TCS) /* EADD takes one with permissions as one without */
        judge_tcs(d, index, &row);
    else
        judge_content(d, index, &row);
}

/* ---- what trusted code is told ---- */

/* The bytes that stand in g_global_data when it is loaded; empty if no one patch has all of them. */
static struct view global_data(const struct doubts *d)
{
    struct view found = {0};

    for (size_t i = 0; d->has_global && i < intel_rows(d->b->patches); i++) {
        const struct intel_patch p = intel_patch_at(d->b, i);
        uint64_t addr = 0;

        if (p.size == d->global.size && reaches(d, &p, ELF_PF_R | ELF_PF_W | ELF_PF_X, &addr) &&
            addr == d->global.value)
            found = view_slice(d->b->bytes, p.src, p.size);
    }
    return found;
}

/* Releases from 2.9.1 on have the SDK's version in front of enclave_size (their sizes of the structure). */
static size_t global_enclave_size(size_t size)
{
    return size > 1648 ? 8 : 0;
}

/* enclave_size, heap_offset and heap_size: trusted code takes its bounds from there. */
static void judge_global(const struct doubts *d)
{
    struct view v = global_data(d);
    size_t at = global_enclave_size(v.len);
    uint64_t heap = 0, heap_pages = 0;
    bool has_heap = false;

    if (v.len < GLOBAL_FIRST || v.len > GLOBAL_MAX)
        return;
    for (size_t i = 0; i < intel_rows(d->b->layout); i++) {
        const struct intel_row row = intel_row_at(d->b, i);

        if (row.group || (row.id != INTEL_ID_HEAP_MIN && row.id != INTEL_ID_HEAP_INIT))
            continue;
        heap = has_heap ? heap : row.rva;
        has_heap = true;
        heap_pages += row.pages;
    }
    const struct {
        const char *name;
        uint64_t want;
    } words[] = {
        {"enclave_size", d->b->size}, {"heap_offset", heap}, {"heap_size", heap_pages * SGXS_PAGE_SIZE}};

    for (size_t i = 0; i < (has_heap ? 3 : 1); i++) {
        uint64_t have = bytes_get_le(view_slice(v, at + 8 * i, 8));

        if (have != words[i].want) {
            container_odd(d->c, d->site, RULE,
                          "a patch tells trusted code that its %s is 0x%" PRIx64
                          ", and the layout makes it 0x%" PRIx64 ": its checks of pointers do not hold",
                          words[i].name, have, words[i].want);
            return;
        }
    }
}

/* ---- all of it ---- */

/* A table of symbols that is broken has none; the loader needs none either. */
static bool find_symbols(struct doubts *d, struct ens_err *err)
{
    static const char *const names[] = {"g_global_data", "enclave_entry"};
    struct elf_symbol found[2] = {0};
    struct ens_err why = {0};

    if (!elf_symbols(d->c->elf, true, names, 2, found, NULL, &why)) {
        if (why.code == ENS_DATA)
            return true;
        *err = why;
        return false;
    }
    d->has_global = found[0].found;
    d->global = found[0];
    d->has_entry = found[1].found;
    d->entry = found[1];
    return true;
}

bool intel_judge(struct container *c, struct ens_err *err)
{
    const struct intel *intel = c->own;
    struct doubts d = {.c = c};

    if (!find_symbols(&d, err))
        return false;
    for (d.site = 0; d.site < intel->blocks_len; d.site++) {
        size_t others = 0;

        d.b = &intel->blocks[d.site];
        for (size_t i = 0; i < intel_rows(d.b->patches); i++)
            judge_patch(&d, i, &others);
        for (size_t i = 0; i < intel_rows(d.b->layout); i++)
            judge_row(&d, i);
        judge_global(&d);
    }
    return true;
}
