/* Metadata of an Intel SDK enclave that sgx_sign never writes. They decide what is loaded
 * as much as the image does, and a reader of the ELF file does not see them: a patch that overwrites code,
 * pages of code that the layout table brings along, an entry point elsewhere, and bounds of the enclave that
 * trusted code is told and that are not those it has. None of it keeps a loader from loading the file. Of a rebuild
 * that is laid out as another file says, each is a reason against that file: then symbols and segments are those of
 * the rebuild. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>
#include <string.h>

#define TCS_FLAGS    8 /* offsets in a TCS (Intel SDM, "TCS") */
#define TCS_OENTRY   32
#define AEX_NOTIFY   10          /* bit of ATTRIBUTES */
#define STACK_WORD   0xccccccccu /* fills stacks */
#define GLOBAL_FIRST 1488        /* bytes of g_global_data in SDK 2.0; later ones have more */

/* Fields of the ELF header that every sgx_sign sets to zero: where the section headers are, how many there are, and
 * which has their names. */
static const struct {
    uint64_t at;
    uint32_t size;
} hidden[] = {{40, 8}, {60, 2}, {62, 2}};

#define HIDDEN (sizeof hidden / sizeof hidden[0])

/* The patches that sgx_sign writes, as they are found. */
struct patches_seen {
    bool global, hidden[HIDDEN];
    struct view told; /* what the first puts into g_global_data; NULL: there is no such symbol */
};

/* True if either begins within the other. Nothing is added, so that nothing wraps. */
static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a_size > 0 && b_size > 0 && (a - b < b_size || b - a < a_size);
}

/* ---- patches ---- */

/* Zeros in one of the header's fields, which nothing loads. */
static bool hides_sections(const struct intel_doubts *d, const struct intel_patch *p,
                           struct patches_seen *seen)
{
    for (size_t i = 0; i < HIDDEN; i++) {
        if (p->dst == hidden[i].at && p->size == hidden[i].size &&
            view_is_zero(view_slice(d->b->bytes, p->src, p->size))) {
            seen->hidden[i] = true;
            return true;
        }
    }
    return false;
}

/* True if the patch reaches bytes of the file that a segment with one of these flags loads. `*ret_addr` gets the
 * address of the first one. */
static bool reaches(const struct intel_doubts *d, const struct intel_patch *p, uint32_t flags,
                    uint64_t *ret_addr)
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

static bool reaches_code_section(const struct intel_doubts *d, const struct intel_patch *p)
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

/* The patch of the data that sgx_sign fills in: all of g_global_data, once. It lies in no segment of code, whatever the
 * section headers say, which are not measured. */
static bool fills_global(const struct intel_doubts *d, const struct intel_patch *p, uint64_t addr,
                         struct patches_seen *seen)
{
    /* Where the symbol is stripped, one patch may be that of its data; not in a rebuild, whose symbols are there. */
    bool is_it = d->global.found
                     ? addr == d->global.value && (d->global.size == 0 || p->size == d->global.size)
                     : !d->intel->is_foreign && p->size >= GLOBAL_FIRST;

    if (!is_it || seen->global)
        return false;
    seen->global = true;
    if (d->global.found)
        seen->told = view_slice(d->b->bytes, p->src, p->size);
    return true;
}

static void judge_patch(const struct intel_doubts *d, size_t index, struct patches_seen *seen)
{
    const struct intel_patch p = intel_patch_at(d->b, index);
    uint64_t addr = 0;

    if (hides_sections(d, &p, seen))
        return;
    if (!reaches(d, &p, ELF_PF_R | ELF_PF_W | ELF_PF_X, &addr)) {
        container_odd(d->c, d->site, INTEL_RULE_TABLES,
                      "patch %zu changes 0x%" PRIx32 " bytes at 0x%" PRIx64
                      " of the file, which are not loaded",
                      index + 1, p.size, p.dst);
    } else if (reaches_code_section(d, &p) || reaches(d, &p, ELF_PF_X, &addr)) {
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "patch %zu overwrites 0x%" PRIx32 " bytes of code at 0x%" PRIx64
                      ": what is loaded is not what the file shows",
                      index + 1, p.size, addr);
    } else if (d->global.found && overlap(addr, p.size, d->global.value, d->global.size) &&
               !(addr == d->global.value && p.size == d->global.size && !seen->global)) {
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "patch %zu overwrites 0x%" PRIx32 " bytes at 0x%" PRIx64
                      ", a part of g_global_data, which one patch fills whole",
                      index + 1, p.size, addr);
    } else if (!fills_global(d, &p, addr, seen)) {
        container_odd(d->c, d->site, "patched-data",
                      "patch %zu overwrites 0x%" PRIx32 " bytes of data at 0x%" PRIx64
                      ", which are not g_global_data",
                      index + 1, p.size, addr);
    }
}

static void judge_patch_table(const struct intel_doubts *d, struct patches_seen *seen)
{
    size_t len = intel_rows(d->b->patches);
    bool all = true;

    for (size_t i = 0; i < len; i++)
        judge_patch(d, i, seen);
    size_t want = HIDDEN + (seen->global || d->global.found ? 1 : 0);

    if (d->b->has_first_ids && d->global.found && d->global.size >= GLOBAL_FIRST)
        container_odd(d->c, d->site, INTEL_RULE_TABLES,
                      "the layout has the ids of SDK 1.x, and g_global_data is of 2.0 or later");
    if (d->global.found && !seen->global)
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "no patch fills g_global_data: trusted code is told neither its size nor its heap");
    for (size_t i = 0; i < HIDDEN; i++)
        all = all && seen->hidden[i];
    if (len != want || !all)
        container_odd(
            d->c, d->site, INTEL_RULE_TABLES,
            "the patch table has %zu rows, where sgx_sign writes %zu: g_global_data, and the three fields "
            "of section headers",
            len, want);
}

/* ---- the layout ---- */

static void judge_content(const struct intel_doubts *d, size_t index, const struct intel_row *row)
{
    bool code = (row->flags & SECINFO_X) != 0;

    container_odd(d->c, d->site, code ? INTEL_RULE_CODE : "layout-content",
                  "layout row %zu brings 0x%" PRIx32 " bytes of %s to 0x%" PRIx64
                  ", which are not in the image: what is loaded is not what the file shows",
                  index + 1, row->content_size, code ? "code" : "content", row->rva);
}

/* Where a thread enters, counted from the start of ELRANGE. Tools that left the shift out send it to where there is no
 * image; to another place in the image is what is told here. */
static bool enters_rightly(const struct intel_doubts *d, uint64_t oentry, uint64_t entry)
{
    return oentry == entry + d->b->shift || (oentry == entry && entry < d->b->shift);
}

static void judge_tcs(const struct intel_doubts *d, size_t index, const struct intel_row *row)
{
    bool whole = row->content_offset != 0 && row->content_size == INTEL_TCS_SIZE;
    struct view tcs = view_slice(d->b->bytes, row->content_offset, whole ? INTEL_TCS_SIZE : 0);
    const struct site *site = &d->c->sites[d->site];
    uint64_t attributes = sigstruct_get_int(site->is_rebuild ? &site->release : &site->css, CSS_ATTRIBUTES);
    uint64_t entry = d->entry.found ? d->entry.value : d->c->elf->entry;

    if (!whole) {
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "layout row %zu: its TCS is not the %u bytes that sgx_sign writes", index + 1,
                      INTEL_TCS_SIZE);
        return;
    }
    uint64_t oentry = bytes_get_le(view_slice(tcs, TCS_OENTRY, 8));
    uint64_t flags = bytes_get_le(view_slice(tcs, TCS_FLAGS, 8));

    if (!enters_rightly(d, oentry, entry))
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "layout row %zu: its threads enter at 0x%" PRIx64 ", %s is at 0x%" PRIx64
                      ": what runs is not what the file shows",
                      index + 1, oentry, d->entry.found ? "enclave_entry" : "the file's entry", entry);
    if ((flags & ~((attributes >> AEX_NOTIFY & 1) << 1)) != 0)
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "layout row %zu: its TCS has FLAGS 0x%" PRIx64 ", which sgx_sign leaves clear",
                      index + 1, flags);
    if (d->global.found) /* trusted code of the SDK finds its data by FS and GS */
        intel_judge_thread(d, index, tcs);
}

/* Pages that are filled with a word; zeros are memory for what is made later. */
static void judge_fill(const struct intel_doubts *d, size_t index, const struct intel_row *row)
{
    bool code = (row->flags & SECINFO_X) != 0;

    if (row->content_size == 0 || (row->content_size == STACK_WORD && !code))
        return;
    container_odd(d->c, d->site, code ? INTEL_RULE_CODE : INTEL_RULE_TABLES,
                  "layout row %zu fills %spages at 0x%" PRIx64 " with 0x%08" PRIx32
                  ": what is loaded is not what the file shows",
                  index + 1, code ? "executable " : "", row->rva, row->content_size);
}

/* The permissions and the type that sgx_sign gives to pages of each id. */
static void judge_flags(const struct intel_doubts *d, size_t index, const struct intel_row *row, bool tcs)
{
    const uint64_t usual = SECINFO_REG | SECINFO_R | SECINFO_W;
    bool is_reserved = row->id == INTEL_ID_RSRV_MIN || row->id == INTEL_ID_RSRV_INIT;
    bool is_later = row->id == INTEL_ID_HEAP_MAX || row->id == INTEL_ID_RSRV_MAX; /* none for SGX1 */
    uint64_t want = tcs ? SECINFO_TCS : row->id == INTEL_ID_GUARD ? 0 : usual;
    bool is_odd = tcs || (row->flags & SECINFO_X) != 0;

    if (row->flags == want || (is_later && row->flags == 0))
        return;
    if (is_reserved && row->flags == (usual | SECINFO_X)) {
        if (d->intel->is_foreign)
            container_odd(
                d->c, d->site, "note-reserved",
                "reserved memory can be executed (ReservedMemExecutable): trusted code may make code "
                "there");
        return;
    }
    container_odd(d->c, d->site, is_odd ? INTEL_RULE_CODE : INTEL_RULE_TABLES,
                  "layout row %zu: SECINFO 0x%" PRIx64 " at 0x%" PRIx64 ", not 0x%" PRIx64, index + 1,
                  row->flags, row->rva, want);
}

/* What threads begin with is measured; the heap is not. */
static void judge_measured(const struct intel_doubts *d, size_t index, const struct intel_row *row)
{
    unsigned id = row->id > INTEL_ID_DYNAMIC ? row->id - INTEL_ID_DYNAMIC : row->id;
    bool is_thread = id >= INTEL_ID_TCS && id <= INTEL_ID_STACK_MIN;

    if (is_thread && (row->attributes & INTEL_ATTR_EADD) != 0 && (row->attributes & INTEL_ATTR_EEXTEND) == 0)
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "layout row %zu: %s at 0x%" PRIx64 " is added and not measured: the host chooses it",
                      index + 1, id == INTEL_ID_TCS ? "a TCS" : "memory of a thread", row->rva);
}

static void judge_row(const struct intel_doubts *d, size_t index, const struct intel_row *row)
{
    bool tcs = row->id == INTEL_ID_TCS || row->id == INTEL_ID_TCS + INTEL_ID_DYNAMIC ||
               SECINFO_TYPE(row->flags) == SECINFO_TCS; /* EADD takes one with permissions as one without */

    if (tcs)
        judge_tcs(d, index, row);
    else if (row->content_offset != 0)
        judge_content(d, index, row);
    else
        judge_fill(d, index, row);
    judge_flags(d, index, row, tcs);
    judge_measured(d, index, row);
}

/* ---- where the rows lie ---- */

/* Below INTEL_SIZE_MAX: the segments fit the enclave. */
static uint64_t image_end(const struct elf *e)
{
    uint64_t end = 0;

    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *s = &e->segments[i];

        if (s->type == ELF_PT_LOAD && s->memsz > 0 && s->vaddr + s->memsz > end)
            end = s->vaddr + s->memsz;
    }
    return (end + SGXS_PAGE_SIZE - 1) & ~(uint64_t)(SGXS_PAGE_SIZE - 1);
}

/* The rows of a group follow one another, and so do its repetitions. Returns where it ends. */
static uint64_t judge_group(const struct intel_doubts *d, size_t index, const struct intel_row *group,
                            uint64_t at)
{
    uint64_t pages = 0;

    for (size_t i = index - (group->entries < index ? group->entries : index); i < index; i++)
        pages += intel_row_at(d->b, i).pages;
    if (group->entries <= index && group->step == pages * SGXS_PAGE_SIZE)
        return at + group->times * group->step; /* both are bounded: check_group */
    container_odd(d->c, d->site, INTEL_RULE_TABLES,
                  "layout row %zu repeats 0x%" PRIx64 " pages at steps of 0x%" PRIx64
                  ": they overlap or leave holes",
                  index + 1, pages, group->step);
    return at;
}

static void judge_layout(const struct intel_doubts *d)
{
    uint64_t at = image_end(d->c->elf);

    for (size_t i = 0; i < intel_rows(d->b->layout); i++) {
        const struct intel_row row = intel_row_at(d->b, i);

        if (row.group) {
            at = judge_group(d, i, &row, at);
            continue;
        }
        /* Behind the image loaders of 1.3 add a page; before reserved memory tools of 1.x left a hole. */
        bool may_leave = row.id >= INTEL_ID_RSRV_MIN && row.id <= INTEL_ID_RSRV_MAX;

        if (row.rva < at || (row.rva > at + (i == 0 ? SGXS_PAGE_SIZE : 0) && !may_leave))
            container_odd(d->c, d->site, INTEL_RULE_TABLES,
                          "layout row %zu begins at 0x%" PRIx64 ", and what is before it ends at 0x%" PRIx64,
                          i + 1, row.rva, at);
        at = row.rva + (uint64_t)row.pages * SGXS_PAGE_SIZE;
        judge_row(d, i, &row);
    }
}

/* ---- all of it ---- */

/* A table of symbols that is broken has none; the loader needs none either. */
static bool find_symbols(struct intel_doubts *d, struct ens_err *err)
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
    d->global = found[0];
    d->entry = found[1];
    return true;
}

bool intel_judge(struct container *c, struct ens_err *err)
{
    struct intel_doubts d = {.c = c, .intel = c->own};

    if (!find_symbols(&d, err))
        return false;
    for (d.site = 0; d.site < d.intel->blocks_len; d.site++) {
        d.b = &d.intel->blocks[d.site];
        if (d.b->unfit.code != ENS_OK) {
            container_odd(c, d.site, INTEL_RULE_TABLES, "%s", d.b->unfit.msg);
            continue;
        }
        if (d.b->has_second_image)
            container_odd(
                c, d.site, INTEL_RULE_CODE,
                "the loader appends a second image (EnableOSSLFIPS), which is measured and is not here");
        struct patches_seen seen = {0};

        judge_patch_table(&d, &seen);
        judge_layout(&d);
        if (seen.told.data != NULL)
            intel_judge_told(&d, seen.told);
    }
    return true;
}
