/* Where the loader of an Open Enclave release puts everything, and what it fills in: the image of all PT_LOAD
 * segments from address 0 on, the relocations, the heap, and for each thread a guard page, the stack, a guard
 * page, the TCS, two pages of SSA, a guard page, the pages of thread-locals and one page of thread data. */
#include "bundle/sdk/elf_oe.h"

#include <inttypes.h>
#include <string.h>

#define RELA_SIZE     24
#define GUARDS        2 /* around each stack */
#define CONTROL_PAGES 4 /* of each thread: TCS, two of SSA, a guard page; thread-locals follow */
#define DATA_PAGES    1 /* of each thread, after its thread-locals */

/* Fields of the ELF header. */
#define E_SHOFF    40
#define E_SHNUM    60
#define E_SHSTRNDX 62

#define IMAGE_INFO_SIZE 48 /* oeinfo_rva, oeinfo_size, reloc_rva, reloc_size, heap_rva, enclave_size */

/* The symbols that the loader fills in, and two that tell its release. */
static const char *const symbol_names[OE_SYMBOLS] = {
    [OE_ENCLAVE_RVA] = "_enclave_rva",
    [OE_RELOC_RVA] = "_reloc_rva",
    [OE_RELOC_SIZE] = "_reloc_size",
    [OE_TDATA_RVA] = "_tdata_rva",
    [OE_TDATA_SIZE] = "_tdata_size",
    [OE_TDATA_ALIGN] = "_tdata_align",
    [OE_TBSS_SIZE] = "_tbss_size",
    [OE_TBSS_ALIGN] = "_tbss_align",
    [OE_TD_FROM_TCS] = "_td_from_tcs_offset",
    [OE_MODULE_INFO] = "_module_info",
};

bool oe_symbols_read(const struct elf *e, bool dynamic, struct oe_symbols *ret, struct ens_err *err)
{
    struct elf_symbol found[OE_SYMBOLS];

    if (!elf_symbols(e, dynamic, symbol_names, OE_SYMBOLS, found, NULL, err))
        return false;
    for (size_t i = 0; i < OE_SYMBOLS; i++) {
        ret->found[i] = found[i].found;
        ret->value[i] = found[i].value;
    }
    return true;
}

static uint64_t whole_pages(uint64_t size)
{
    return (size + SGXS_PAGE_SIZE - 1) / SGXS_PAGE_SIZE * SGXS_PAGE_SIZE;
}

bool oe_section(const struct elf *e, const char *name, const struct elf_section **ret, struct ens_err *err)
{
    *ret = NULL;
    for (size_t i = 0; i < e->sections_len; i++) {
        if (strcmp(e->sections[i].name, name) != 0)
            continue;
        if (*ret != NULL)
            return ens_fail(err, ENS_DATA,
                            "%s: has two sections %s, of which loaders take one: it is damaged", e->label,
                            name);
        *ret = &e->sections[i];
    }
    return true;
}

/* ---- the image ---- */

/* Its whole pages. The segments ascend from address 0 and share no page, as the loader demands. */
static bool plan_image(struct oe_plan *p, struct ens_err *err)
{
    const struct elf *e = p->elf;
    uint64_t end = 0;
    bool first = true;

    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *s = &e->segments[i];

        if (s->type != ELF_PT_LOAD)
            continue;
        if (first ? s->vaddr != 0 : s->vaddr / SGXS_PAGE_SIZE * SGXS_PAGE_SIZE < end)
            return ens_fail(err, ENS_DATA,
                            "%s: the segment at 0x%" PRIx64 ": segments begin at 0, ascend and share no page "
                            "where Open Enclave loads them: it is damaged",
                            e->label, s->vaddr);
        end = s->vaddr + s->memsz;
        if (end > OE_SIZE_MAX)
            return ens_fail(err, ENS_DATA, "%s: the segment at 0x%" PRIx64 " ends above 1 TiB: it is damaged",
                            e->label, s->vaddr);
        first = false;
    }
    p->image = whole_pages(end);
    if (p->image == 0)
        return ens_fail(err, ENS_DATA, "%s: has no segment to load: it is damaged", e->label);
    return true;
}

/* The bytes that a section of thread-locals takes for each thread, and what is said of it. */
struct locals {
    uint64_t rva, size, align;
    uint64_t taken;
};

static bool read_locals(const struct elf *e, const char *name, struct locals *ret, struct ens_err *err)
{
    const struct elf_section *s = NULL;

    if (!oe_section(e, name, &s, err))
        return false;
    if (s == NULL || s->size == 0)
        return true;
    if (s->size > OE_SIZE_MAX || s->align == 0 || s->align > OE_SIZE_MAX || (s->align & (s->align - 1)) != 0)
        return ens_fail(err, ENS_DATA,
                        "%s: %s: 0x%" PRIx64 " bytes, aligned to 0x%" PRIx64
                        " (both up to 1 TiB, a power of two): it is damaged",
                        e->label, name, s->size, s->align);
    *ret = (struct locals){.rva = s->addr,
                           .size = s->size,
                           .align = s->align,
                           .taken = (s->size + s->align - 1) / s->align * s->align};
    return true;
}

/* ---- the relocations ---- */

static bool find_rela(const struct elf *e, const char *name, uint64_t *ret_offset, uint64_t *ret_size,
                      bool *ret_found, struct ens_err *err)
{
    const struct elf_section *s = elf_section(e, name);

    *ret_found = s != NULL;
    if (s == NULL)
        return true;
    if (s->type == ELF_SHT_NOBITS || s->entsize != RELA_SIZE || s->size % RELA_SIZE != 0)
        return ens_fail(err, ENS_DATA,
                        "%s: %s: 0x%" PRIx64 " bytes in entries of %" PRIu64
                        " are no table of entries of %d: "
                        "it is damaged",
                        e->label, name, s->size, s->entsize, RELA_SIZE);
    if (s->offset > e->size || s->size > e->size - s->offset)
        return ens_fail(err, ENS_DATA, "%s: %s: lies outside the file: it is cut or damaged", e->label, name);
    *ret_offset = s->offset;
    *ret_size = s->size;
    return true;
}

/* Without .rela.dyn the loader reads none. */
static bool plan_relocs(struct oe_plan *p, const struct oe_layout *l, struct ens_err *err)
{
    bool found = false;

    if (!find_rela(p->elf, ".rela.dyn", &p->rela_dyn, &p->rela_dyn_size, &found, err) ||
        (found && l->modules &&
         !find_rela(p->elf, ".rela.plt", &p->rela_plt, &p->rela_plt_size, &found, err)))
        return false;
    p->relocs = whole_pages(p->rela_dyn_size + p->rela_plt_size);
    return true;
}

/* ---- sizes ---- */

static uint64_t power_of_two(uint64_t at_least)
{
    uint64_t size = 1;

    while (size < at_least)
        size *= 2;
    return size;
}

/* `*ret` gets the size of the enclave that image_info gets. */
static bool plan_sizes(struct oe_plan *p, const struct oe_layout *l, uint64_t *ret, struct ens_err *err)
{
    const struct oe_info *o = p->info;
    uint64_t before = (p->image + p->relocs) / SGXS_PAGE_SIZE;
    uint64_t thread = GUARDS + o->stack + CONTROL_PAGES + DATA_PAGES;

    if (o->heap > OE_PAGES_MAX || o->stack > OE_PAGES_MAX || o->tcs > OE_PAGES_MAX ||
        p->tls > 2 * OE_PAGES_MAX || before + o->heap + o->tcs * (thread + p->tls) > OE_PAGES_MAX)
        return ens_fail(err, ENS_DATA,
                        "%s: .oeinfo: %" PRIu64 " heap pages and %" PRIu64 " threads with %" PRIu64
                        " stack pages make an enclave above 1 TiB: it is damaged",
                        p->elf->label, o->heap, o->tcs, o->stack);
    p->end = (before + o->heap + o->tcs * (thread + p->tls)) * SGXS_PAGE_SIZE;
    uint64_t counted =
        (before + o->heap + o->tcs * (thread + (l->counts_one_tls ? 1 : p->tls))) * SGXS_PAGE_SIZE;

    p->base = (o->flags & OE_FLAG_ZERO_BASE) != 0 ? o->start : 0;
    if (p->base % SGXS_PAGE_SIZE != 0 || p->base > OE_SIZE_MAX || counted > OE_SIZE_MAX - p->base)
        return ens_fail(err, ENS_DATA,
                        "%s: .oeinfo: start address 0x%" PRIx64
                        ": is not a page, or the enclave would end above "
                        "1 TiB: it is damaged",
                        p->elf->label, p->base);
    p->size = power_of_two(p->base + counted);
    *ret = l->patches_end ? counted : power_of_two(counted);
    return true;
}

/* ---- what the loader fills in ---- */

static bool add_patch(struct oe_plan *p, const char *what, uint64_t rva, size_t len, uint64_t value,
                      struct ens_err *err)
{
    if (rva > p->image || len > p->image - rva)
        return ens_fail(err, ENS_DATA, "%s: %s at 0x%" PRIx64 ": lies outside the image: it is damaged",
                        p->elf->label, what, rva);
    if (p->patches_len == OE_PATCHES_MAX)
        return ens_fail(err, ENS_BUG, "%s: more than %d patches", p->elf->label, OE_PATCHES_MAX);
    p->patches[p->patches_len++] = (struct oe_patch){.rva = rva, .len = len, .value = value};
    return true;
}

/* The fields of the ELF header that point to the sections: in the first segment, which holds it. */
static bool clear_header(struct oe_plan *p, struct ens_err *err)
{
    for (size_t i = 0; i < p->elf->segments_len; i++) {
        const struct elf_segment *s = &p->elf->segments[i];

        if (s->type == ELF_PT_LOAD && s->offset == 0 && s->filesz >= E_SHSTRNDX + 2)
            return add_patch(p, "ELF header", s->vaddr + E_SHOFF, 8, 0, err) &&
                   add_patch(p, "ELF header", s->vaddr + E_SHNUM, 4, 0, err);
    }
    return true;
}

static bool patch_info(struct oe_plan *p, uint64_t enclave_size, struct ens_err *err)
{
    const struct oe_info *o = p->info;
    const uint64_t values[] = {o->rva, o->size, p->image, p->relocs, p->image + p->relocs, enclave_size};
    uint64_t at = o->rva + o->sigstruct - IMAGE_INFO_SIZE;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (!add_patch(p, "image_info", at + i * 8, 8, values[i], err))
            return false;
    }
    return true;
}

static bool patch_symbols(struct oe_plan *p, const struct oe_layout *l, const struct locals *tdata,
                          const struct locals *tbss, struct ens_err *err)
{
    struct oe_symbols at = {0};

    if (!oe_symbols_read(p->elf, true, &at, err) ||
        (l->static_symbols && !at.found[OE_ENCLAVE_RVA] && !oe_symbols_read(p->elf, false, &at, err)))
        return false;
    const struct {
        enum oe_symbol symbol;
        bool set;
        uint64_t value;
    } rows[] = {
        {OE_ENCLAVE_RVA, true, at.value[OE_ENCLAVE_RVA]},
        {OE_RELOC_RVA, true, p->image},
        {OE_RELOC_SIZE, true, p->relocs},
        {OE_TDATA_RVA, tdata->size != 0, tdata->rva},
        {OE_TDATA_SIZE, tdata->size != 0, tdata->size},
        {OE_TDATA_ALIGN, tdata->size != 0, tdata->align},
        {OE_TBSS_SIZE, tbss->size != 0, tbss->size},
        {OE_TBSS_ALIGN, tbss->size != 0, tbss->align},
        {OE_TD_FROM_TCS, l->tls_pages, (p->tls + CONTROL_PAGES) * SGXS_PAGE_SIZE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].set && at.found[rows[i].symbol] &&
            !add_patch(p, symbol_names[rows[i].symbol], at.value[rows[i].symbol], 8, rows[i].value, err))
            return false;
    }
    return true;
}

bool oe_plan_make(const struct elf *elf, const struct oe_info *info, const struct oe_layout *layout,
                  struct oe_plan *ret, struct ens_err *err)
{
    struct oe_plan p = {.elf = elf, .info = info, .gs_before = layout->gs_before};
    struct locals tdata = {0}, tbss = {0};
    uint64_t enclave_size = 0;

    if (!plan_image(&p, err) || !read_locals(elf, ".tdata", &tdata, err) ||
        !read_locals(elf, ".tbss", &tbss, err) || !plan_relocs(&p, layout, err))
        return false;
    p.tls = layout->tls_pages ? whole_pages(tdata.taken + tbss.taken) / SGXS_PAGE_SIZE : 1;
    if (!plan_sizes(&p, layout, &enclave_size, err) || (layout->clears_header && !clear_header(&p, err)) ||
        !patch_info(&p, enclave_size, err) || !patch_symbols(&p, layout, &tdata, &tbss, err) ||
        !add_patch(&p, "SIGSTRUCT", info->rva + info->sigstruct, SIGSTRUCT_SIZE, 0, err))
        return false;
    *ret = p;
    return true;
}

bool oe_plan_equal(const struct oe_plan *a, const struct oe_plan *b)
{
    if (a->rela_plt_size != b->rela_plt_size || a->tls != b->tls || a->gs_before != b->gs_before ||
        a->end != b->end || a->size != b->size || a->patches_len != b->patches_len)
        return false;
    for (size_t i = 0; i < a->patches_len; i++) {
        const struct oe_patch *x = &a->patches[i], *y = &b->patches[i];

        if (x->rva != y->rva || x->len != y->len || x->value != y->value)
            return false;
    }
    return true;
}
