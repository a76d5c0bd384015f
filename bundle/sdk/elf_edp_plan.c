/* What ftxsgx-elf2sgxs demands of an ELF file, and where it puts everything: the segments as they are, the heap, and
 * for each thread a guard, the stack, a page of thread-locals, the TCS and one SSA frame. It says nothing about a
 * symbol outside of the segments, or two in one place, and then writes less than it should; such a file is refused. */
#include "bundle/sdk/elf_edp.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/interrupt.h"

#define REBUILD   "build it with cargo and the target x86_64-fortanix-unknown-sgx"
#define VERSION   1 /* of the toolchain's note, the highest that is known */
#define RELATIVE  8 /* R_X86_64_RELATIVE, without a symbol */
#define RELA_SIZE 24
#define DYN_SIZE  16
#define PIECE     128 /* entries that are read at once */

#define DT_RELA      7
#define DT_RELACOUNT UINT64_C(0x6ffffff9)

/* The symbols of Fortanix' std. The older pair of EH_FRM_HDR is taken if the file has it. */
enum symbol {
    SGX_ENTRY,
    HEAP_BASE,
    HEAP_SIZE,
    RELA,
    RELACOUNT,
    ENCLAVE_SIZE,
    CFGDATA_BASE,
    DEBUG,
    TEXT_BASE,
    TEXT_SIZE,
    MANDATORY,
    OLD_HDR_BASE = MANDATORY,
    OLD_HDR_SIZE,
    FRAME_OFFSET,
    FRAME_LEN,
    HDR_OFFSET,
    HDR_LEN,
    SYMBOLS,
};

static const char *const names[SYMBOLS] = {
    [SGX_ENTRY] = "sgx_entry",          [HEAP_BASE] = "HEAP_BASE",
    [HEAP_SIZE] = "HEAP_SIZE",          [RELA] = "RELA",
    [RELACOUNT] = "RELACOUNT",          [ENCLAVE_SIZE] = "ENCLAVE_SIZE",
    [CFGDATA_BASE] = "CFGDATA_BASE",    [DEBUG] = "DEBUG",
    [TEXT_BASE] = "TEXT_BASE",          [TEXT_SIZE] = "TEXT_SIZE",
    [OLD_HDR_BASE] = "EH_FRM_HDR_BASE", [OLD_HDR_SIZE] = "EH_FRM_HDR_SIZE",
    [FRAME_OFFSET] = "EH_FRM_OFFSET",   [FRAME_LEN] = "EH_FRM_LEN",
    [HDR_OFFSET] = "EH_FRM_HDR_OFFSET", [HDR_LEN] = "EH_FRM_HDR_LEN",
};

/* ---- what must be there ---- */

static bool check_toolchain(const struct elf *e, struct ens_err *err)
{
    static const uint8_t head[] = "\x12\0\0\0\x04\0\0\0\1\0\0\0toolchain-version\0\0";
    const struct elf_section *s = elf_section(e, EDP_NOTE);
    uint8_t note[36];

    if (s == NULL || s->type != ELF_SHT_NOTE || s->size < sizeof note)
        return ens_fail(err, ENS_DATA, "%s: has no note " EDP_NOTE ": " REBUILD, e->label);
    if (!elf_read(e, s->offset, note, sizeof note, EDP_NOTE, err))
        return false;
    uint64_t version = bytes_get_le(view_of(note + 32, 4));

    if (memcmp(note, head, 8) != 0 || memcmp(note + 12, head + 12, 18) != 0)
        return ens_fail(err, ENS_DATA, "%s: " EDP_NOTE ": is not toolchain-version and 4 bytes: " REBUILD,
                        e->label);
    return version <= VERSION ||
           ens_fail(err, ENS_DATA,
                    "%s: is of toolchain version %" PRIu64 ", and up to %d is known: it needs a newer ensign",
                    e->label, version, VERSION);
}

static bool need_section(const struct elf *e, const char *name, const struct elf_section **ret,
                         struct ens_err *err)
{
    *ret = elf_section(e, name);
    return *ret != NULL ||
           ens_fail(err, ENS_DATA, "%s: has no section %s: give the file as rustc linked it, not stripped",
                    e->label, name);
}

/* The symbols that are written over have their sizes. */
static bool check_std(const struct elf *e, const struct elf_symbol *found, struct ens_err *err)
{
    for (size_t i = HEAP_BASE; i < SYMBOLS; i++) {
        uint64_t size = i == DEBUG ? 1 : 8;

        if (found[i].found && found[i].size != size)
            return ens_fail(err, ENS_DATA,
                            "%s: symbol %s has %" PRIu64 " bytes, and %" PRIu64 " are written: " REBUILD,
                            e->label, names[i], found[i].size, size);
    }
    return found[ENCLAVE_SIZE].value % 8 == 0 ||
           ens_fail(err, ENS_DATA, "%s: symbol ENCLAVE_SIZE is not aligned to 8 bytes: " REBUILD, e->label);
}

static bool find_std(const struct elf *e, struct elf_symbol ret[static SYMBOLS], struct ens_err *err)
{
    const struct elf_section *s = NULL;
    uint64_t undefined = 0;

    if (!need_section(e, ".dynsym", &s, err) || !need_section(e, ".dynstr", &s, err))
        return false;
    if (elf_section(e, ".dynsym")->type != ELF_SHT_DYNSYM || s->offset > e->size ||
        s->size > e->size - s->offset)
        return ens_fail(err, ENS_DATA, "%s: .dynsym: is no table of symbols, or has no names: " REBUILD,
                        e->label);
    if (!elf_symbols(e, true, names, SYMBOLS, ret, &undefined, err))
        return false;
    if (undefined > 0)
        return ens_fail(err, ENS_DATA, "%s: has %" PRIu64 " undefined dynamic symbols: " REBUILD, e->label,
                        undefined);
    bool older = ret[OLD_HDR_BASE].found && ret[OLD_HDR_SIZE].found;

    for (size_t i = 0; i < SYMBOLS; i++) {
        bool is_needed = i < MANDATORY || (i < FRAME_OFFSET ? older : !older);

        if (ret[i].again)
            return ens_fail(err, ENS_DATA, "%s: symbol %s is there twice: " REBUILD, e->label, names[i]);
        if (is_needed && !ret[i].found)
            return ens_fail(err, ENS_DATA, "%s: has no dynamic symbol %s: " REBUILD, e->label, names[i]);
        ret[i].found = is_needed;
    }
    return check_std(e, ret, err);
}

/* ---- relocations ---- */

/* DT_RELA and DT_RELACOUNT; 0 if there are none. */
struct dynamic {
    uint64_t rela, count;
    bool has_rela, has_count;
};

static bool take_dynamic(const struct elf *e, struct view entry, struct dynamic *ret, struct ens_err *err)
{
    /* PLTRELSZ, INIT, FINI, REL, RELSZ, RELENT, PLTREL, JMPREL, INIT_ARRAY, FINI_ARRAY and their sizes. */
    static const uint8_t refused[] = {2, 12, 13, 17, 18, 19, 20, 23, 25, 26, 27, 28};
    uint64_t tag = bytes_get_le(view_slice(entry, 0, 8));
    uint64_t value = bytes_get_le(view_slice(entry, 8, 8));
    bool is_rela = tag == DT_RELA;

    if (tag == DT_RELACOUNT + 1 || (tag < 64 && memchr(refused, (int)tag, sizeof refused) != NULL))
        return ens_fail(err, ENS_DATA,
                        "%s: PT_DYNAMIC has an entry %" PRIu64
                        ", which an enclave of this target cannot have: " REBUILD,
                        e->label, tag);
    if (!is_rela && tag != DT_RELACOUNT)
        return true;
    if (is_rela ? ret->has_rela : ret->has_count)
        return ens_fail(err, ENS_DATA, "%s: PT_DYNAMIC has two entries 0x%" PRIx64 ": it is damaged",
                        e->label, tag);
    *(is_rela ? &ret->has_rela : &ret->has_count) = true;
    *(is_rela ? &ret->rela : &ret->count) = value;
    return true;
}

/* All entries of the first PT_DYNAMIC, also those behind DT_NULL. */
static bool read_dyn(const struct elf *e, struct dynamic *ret, struct ens_err *err)
{
    const struct elf_segment *s = e->segments;
    uint8_t entry[DYN_SIZE];

    while (s < e->segments + e->segments_len && s->type != ELF_PT_DYNAMIC)
        s++;
    if (s == e->segments + e->segments_len)
        return ens_fail(err, ENS_DATA, "%s: has no segment PT_DYNAMIC: " REBUILD, e->label);
    if (s->filesz % DYN_SIZE != 0 || s->filesz / DYN_SIZE > EDP_DYNAMIC_MAX)
        return ens_fail(err, ENS_DATA,
                        "%s: PT_DYNAMIC has 0x%" PRIx64 " bytes (up to %d entries of %d): it is damaged",
                        e->label, s->filesz, EDP_DYNAMIC_MAX, DYN_SIZE);
    for (uint64_t at = 0; at < s->filesz; at += sizeof entry) {
        if (!elf_read(e, s->offset + at, entry, sizeof entry, "PT_DYNAMIC", err) ||
            !take_dynamic(e, view_of(entry, sizeof entry), ret, err))
            return false;
    }
    return ret->has_rela == ret->has_count ||
           ens_fail(err, ENS_DATA, "%s: PT_DYNAMIC has one of DT_RELA and DT_RELACOUNT: it is damaged",
                    e->label);
}

static bool check_rela(const struct elf *e, struct view rela, struct ens_err *err)
{
    uint64_t at = bytes_get_le(view_slice(rela, 0, 8));

    if (bytes_get_le(view_slice(rela, 8, 8)) != RELATIVE)
        return ens_fail(err, ENS_DATA, "%s: the relocation at 0x%" PRIx64 " is not relative: " REBUILD,
                        e->label, at);
    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *s = &e->segments[i];

        if (s->type == ELF_PT_LOAD && (s->flags & ELF_PF_W) != 0 && at >= s->vaddr && s->memsz >= 8 &&
            at - s->vaddr <= s->memsz - 8)
            return true;
    }
    return ens_fail(err, ENS_DATA,
                    "%s: the relocation at 0x%" PRIx64 " is outside of the writable segments: " REBUILD,
                    e->label, at);
}

/* `*count` of them may still come: as many as PT_DYNAMIC says, so that a file that names one table over and over is
 * not read for ever. */
static bool check_rela_table(const struct elf *e, const struct elf_section *s, uint64_t *count,
                             struct ens_err *err)
{
    uint8_t piece[PIECE * RELA_SIZE];
    uint64_t left = s->size / RELA_SIZE;

    if (s->size % RELA_SIZE != 0 || left > *count)
        return ens_fail(err, ENS_DATA,
                        "%s: %s: has 0x%" PRIx64 " bytes, and DT_RELACOUNT allows %" PRIu64
                        " more relocations: it is damaged",
                        e->label, s->name, s->size, *count);
    *count -= left;
    for (uint64_t at = s->offset; left > 0; at += sizeof piece) {
        size_t n = left < PIECE ? (size_t)left : PIECE;

        if (!interrupt_check(err) || !elf_read(e, at, piece, n * RELA_SIZE, s->name, err))
            return false;
        for (size_t i = 0; i < n; i++) {
            if (!check_rela(e, view_of(piece + i * RELA_SIZE, RELA_SIZE), err))
                return false;
        }
        left -= n;
    }
    return true;
}

static bool check_relocations(const struct elf *e, struct dynamic *ret, struct ens_err *err)
{
    if (!read_dyn(e, ret, err))
        return false;
    uint64_t count = ret->count;

    if (count > e->size / RELA_SIZE)
        return ens_fail(err, ENS_DATA, "%s: %" PRIu64 " relocations do not fit into it: it is damaged",
                        e->label, count);
    for (size_t i = 0; i < e->sections_len; i++) {
        if (e->sections[i].type == ELF_SHT_RELA && !check_rela_table(e, &e->sections[i], &count, err))
            return false;
    }
    return count == 0 || ens_fail(err, ENS_DATA,
                                  "%s: DT_RELACOUNT says %" PRIu64
                                  " relocations more than the sections have: it is damaged",
                                  e->label, count);
}

/* ---- the layout ---- */

/* Segments ascend and share no page: the stream cannot have them otherwise. */
static bool plan_segments(struct edp_plan *p, struct ens_err *err)
{
    size_t loads = 0;

    for (size_t i = 0; i < p->elf->segments_len; i++) {
        const struct elf_segment *s = &p->elf->segments[i];

        if (s->type != ELF_PT_LOAD)
            continue;
        if (s->vaddr + s->memsz > EDP_SIZE_MAX || ++loads > EDP_LOADS_MAX)
            return ens_fail(err, ENS_DATA,
                            "%s: the segment at 0x%" PRIx64
                            " ends above 128 TiB, or more than %d are before it: it is damaged",
                            p->elf->label, s->vaddr, EDP_LOADS_MAX);
        if (edp_page(s->vaddr) < p->heap)
            return ens_fail(err, ENS_DATA,
                            "%s: the segment at 0x%" PRIx64
                            " shares a page with the one before it, or lies below it: it is damaged",
                            p->elf->label, s->vaddr);
        if (s->vaddr < SGXS_PAGE_SIZE && (s->flags & ELF_PF_X) != 0)
            return ens_fail(
                err, ENS_DATA,
                "%s: its first page is executable, which load value injection could use: " REBUILD,
                p->elf->label);
        p->heap = edp_page(s->vaddr + s->memsz + SGXS_PAGE_SIZE - 1);
    }
    return p->heap > 0 || ens_fail(err, ENS_DATA, "%s: has no segment to load: it is damaged", p->elf->label);
}

static bool plan_threads(struct edp_plan *p, struct ens_err *err)
{
    const struct container_edp *o = &p->options;

    container_work_add(&p->thread, 1, o->stack);
    container_work_add(&p->thread, o->ssaframesize + UINT64_C(2), SGXS_PAGE_SIZE);
    container_work_add(&p->thread, 1, EDP_GUARD);
    p->end = p->heap;
    container_work_add(&p->end, 1, o->heap);
    container_work_add(&p->end, o->threads, p->thread);
    if (p->end > EDP_SIZE_MAX)
        return ens_fail(err, ENS_DATA,
                        "%s: heap and threads end above 128 TiB: give smaller ones (heap 0x%" PRIx64
                        ", stack 0x%" PRIx64 ", %" PRIu64 " threads)",
                        p->elf->label, o->heap, o->stack, o->threads);
    for (p->size = SGXS_PAGE_SIZE; p->size < p->end; p->size *= 2) {
    }
    return true;
}

/* ---- what is written over the image ---- */

/* The segment in whose pages these bytes lie; NULL: they are not all in one. */
static const struct elf_segment *segment_of(const struct elf *e, uint64_t at, uint64_t len)
{
    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *s = &e->segments[i];
        uint64_t end = s->vaddr + s->memsz;

        if (s->type == ELF_PT_LOAD && at >= edp_page(s->vaddr) && at <= end && len <= end - at)
            return s;
    }
    return NULL;
}

static bool write_over(struct edp_plan *p, const char *name, struct edp_patch new, struct ens_err *err)
{
    const struct elf_segment *s = segment_of(p->elf, new.at, new.len);

    if (s == NULL || new.at + new.len > s->vaddr + s->filesz || new.at + new.len > edp_segment_end(p, s))
        return ens_fail(err, ENS_DATA,
                        "%s: %s at 0x%" PRIx64 " is not in what the file has of a segment: " REBUILD,
                        p->elf->label, name, new.at);
    for (size_t i = 0; i < p->patches_len; i++) {
        const struct edp_patch *old = &p->patches[i];

        if (new.at < old->at + old->len && old->at < new.at + new.len)
            return ens_fail(err, ENS_DATA,
                            "%s: %s at 0x%" PRIx64 " shares bytes with another symbol: " REBUILD,
                            p->elf->label, name, new.at);
    }
    p->patches[p->patches_len++] = new;
    return true;
}

static bool write_std(struct edp_plan *p, const struct elf_symbol *found, const struct dynamic *d,
                      struct ens_err *err)
{
    const struct elf_section *text = NULL;
    const struct elf_section *frame = NULL;
    const struct elf_section *header = NULL;

    if (!need_section(p->elf, ".eh_frame", &frame, err) ||
        !need_section(p->elf, ".eh_frame_hdr", &header, err) || !need_section(p->elf, ".text", &text, err))
        return false;
    const uint64_t values[SYMBOLS] = {
        [HEAP_BASE] = p->heap,         [HEAP_SIZE] = p->options.heap, [RELA] = d->rela,
        [RELACOUNT] = d->count,        [ENCLAVE_SIZE] = p->size,      [CFGDATA_BASE] = p->end,
        [DEBUG] = p->options.debug,    [TEXT_BASE] = text->addr,      [TEXT_SIZE] = text->size,
        [OLD_HDR_BASE] = header->addr, [OLD_HDR_SIZE] = header->size, [FRAME_OFFSET] = frame->addr,
        [FRAME_LEN] = frame->size,     [HDR_OFFSET] = header->addr,   [HDR_LEN] = header->size,
    };

    for (size_t i = HEAP_BASE; i < SYMBOLS; i++) {
        struct edp_patch patch = {found[i].value, found[i].size, values[i]};

        if (found[i].found && !(i == ENCLAVE_SIZE && p->options.is_unsized) &&
            !write_over(p, names[i], patch, err))
            return false;
    }
    return true;
}

/* Code for the host becomes NOPs, or is left out if it ends its segment. */
static bool write_no_sgx(struct edp_plan *p, struct ens_err *err)
{
    const struct elf_section *s = elf_section(p->elf, ".text_no_sgx");
    const struct elf_segment *in = s != NULL ? segment_of(p->elf, s->addr, s->size) : NULL;

    if (s == NULL || s->size == 0)
        return true;
    p->is_cut = in != NULL && s->addr + s->size == in->vaddr + in->memsz;
    p->cut_at = s->addr;
    return p->is_cut ||
           write_over(p, s->name, (struct edp_patch){s->addr, s->size, UINT64_C(0x9090909090909090)}, err);
}

bool edp_plan_make(const struct elf *elf, const struct container_edp *options, struct edp_plan *ret,
                   struct ens_err *err)
{
    struct edp_plan p = {.elf = elf, .options = *options};
    struct elf_symbol found[SYMBOLS] = {0};
    struct dynamic dynamic = {0};

    if (!check_toolchain(elf, err) || !find_std(elf, found, err) || !plan_segments(&p, err) ||
        !check_relocations(elf, &dynamic, err) || !plan_threads(&p, err) || !write_no_sgx(&p, err) ||
        !write_std(&p, found, &dynamic, err))
        return false;
    p.entry = found[SGX_ENTRY].value;
    p.size_at = found[ENCLAVE_SIZE].value;
    *ret = p;
    return true;
}
