/* Enclaves of Fortanix' EDP that nobody has laid out yet: the ELF file that rustc linked, with the values that the tool
 * takes as options. Poured as the tool writes it: segments, heap, threads. There is no SIGSTRUCT in it. */
#include "bundle/sdk/elf_edp.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define DATA (SECINFO_REG | SECINFO_R | SECINFO_W)

/* The page of thread-locals begins with its address, and with 1 in every thread but the first. */
#define TLS_SECONDARY 8

/* Pages that are poured between two looks at the signals. */
#define PAGES_PER_LOOK 1024

/* ---- pouring ---- */

/* `count` pages without content. */
static bool put_empty(const struct sink *sink, uint64_t at, uint64_t count, struct ens_err *err)
{
    for (uint64_t i = 0; i < count; i++) {
        if ((i % PAGES_PER_LOOK == 0 && !interrupt_check(err)) ||
            !sgxs_write_page(sink, at + i * SGXS_PAGE_SIZE, DATA, NULL, err))
            return false;
    }
    return true;
}

static void lay_patch(const struct edp_patch *patch, uint64_t at, uint8_t *bytes, size_t len)
{
    uint64_t first = patch->at > at ? patch->at : at;

    for (uint64_t i = first; i < patch->at + patch->len && i < at + len; i++)
        bytes[i - at] = i - patch->at < 8 ? (uint8_t)(patch->value >> 8 * (i - patch->at)) : EDP_NOP;
}

static bool put_load(const struct edp_plan *p, const struct elf_segment *s, const struct sink *sink,
                     uint8_t *piece, struct ens_err *err)
{
    uint64_t flags = SECINFO_REG | ((s->flags & ELF_PF_R) != 0 ? SECINFO_R : 0) |
                     ((s->flags & ELF_PF_W) != 0 ? SECINFO_W : 0) |
                     ((s->flags & ELF_PF_X) != 0 ? SECINFO_X : 0);
    uint64_t end = edp_segment_end(p, s);

    for (uint64_t at = edp_page(s->vaddr); at < end; at += FILE_PIECE) {
        size_t len = end - at < FILE_PIECE ? (size_t)(end - at) : FILE_PIECE;

        memset(piece, 0, FILE_PIECE);
        if (!interrupt_check(err) || !elf_read_segment(p->elf, s, at, piece, len, err))
            return false;
        for (size_t i = 0; i < p->patches_len; i++)
            lay_patch(&p->patches[i], at, piece, len);
        for (size_t i = 0; i < len; i += SGXS_PAGE_SIZE) {
            if (!sgxs_write_page(sink, at + i, flags, piece + i, err))
                return false;
        }
    }
    return true;
}

static bool put_loads(const struct edp_plan *p, const struct sink *sink, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);

    if (piece == NULL)
        return false;
    for (size_t i = 0; i < p->elf->segments_len; i++) {
        if (p->elf->segments[i].type == ELF_PT_LOAD && !put_load(p, &p->elf->segments[i], sink, piece, err))
            return false;
    }
    return true;
}

/* Stack, thread-locals, TCS, SSA. */
static bool put_edp_thread(const struct edp_plan *p, uint64_t number, const struct sink *sink,
                           struct ens_err *err)
{
    uint64_t stack = p->heap + p->options.heap + number * p->thread + EDP_GUARD;
    uint64_t locals = stack + p->options.stack;
    uint64_t ssa = locals + 2 * SGXS_PAGE_SIZE;
    uint8_t tls[SGXS_PAGE_SIZE] = {0};
    const struct sgxs_tcs tcs = {.ossa = ssa,
                                 .nssa = 1,
                                 .oentry = p->entry,
                                 .ofsbase = locals,
                                 .ogsbase = locals,
                                 .fslimit = SGXS_PAGE_SIZE - 1,
                                 .gslimit = SGXS_PAGE_SIZE - 1};

    bytes_put_le64(tls, locals);
    tls[TLS_SECONDARY] = number > 0 && !p->options.library;
    return put_empty(sink, stack, p->options.stack / SGXS_PAGE_SIZE, err) &&
           sgxs_write_page(sink, locals, DATA, tls, err) &&
           sgxs_write_tcs(sink, locals + SGXS_PAGE_SIZE, &tcs, err) &&
           put_empty(sink, ssa, p->options.ssaframesize, err);
}

static bool pour_edp(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    const struct edp_plan *p = c->own;
    bool is_sized = !p->options.is_unsized;

    (void)index;
    if (!(is_sized ? sgxs_write_ecreate(sink, p->options.ssaframesize, p->size, err)
                   : sgxs_write_unsized(sink, p->options.ssaframesize, p->size_at, err)) ||
        !put_loads(p, sink, err) || !put_empty(sink, p->heap, p->options.heap / SGXS_PAGE_SIZE, err))
        return false;
    for (uint64_t i = 0; i < p->options.threads; i++) {
        if (!put_edp_thread(p, i, sink, err))
            return false;
    }
    return true;
}

/* ---- the container ---- */

static bool recognise_edp(const struct container *c, struct view head)
{
    (void)head;
    return c->elf != NULL && elf_section(c->elf, EDP_NOTE) != NULL;
}

/* The tool writes its numbers to where symbols are, whose author may put them anywhere. */
static void judge_edp(struct container *c, const struct edp_plan *p)
{
    for (size_t i = 0; i < p->patches_len; i++) {
        if (p->patches[i].len <= 8 && elf_is_code(c->elf, p->patches[i].at, p->patches[i].len))
            container_odd(c, 0, "patched-code",
                          "elf2sgxs overwrites %" PRIu64 " bytes of code at 0x%" PRIx64
                          ", where a symbol of std lies: what is loaded is not what the file shows",
                          p->patches[i].len, p->patches[i].at);
    }
}

static void add_edp_work(struct container *c, const struct edp_plan *p)
{
    const struct container_edp *o = &p->options;
    uint64_t thread = 2 * CONTAINER_WORK_MEASURED;

    for (size_t i = 0; i < c->elf->segments_len; i++) {
        const struct elf_segment *s = &c->elf->segments[i];

        if (s->type == ELF_PT_LOAD)
            container_work_add(&c->work, s->memsz / SGXS_PAGE_SIZE + 2, CONTAINER_WORK_MEASURED);
    }
    container_work_add(&c->work, o->heap / SGXS_PAGE_SIZE + 1, CONTAINER_WORK_PAGE);
    container_work_add(&thread, o->stack / SGXS_PAGE_SIZE + o->ssaframesize, CONTAINER_WORK_PAGE);
    container_work_add(&c->work, o->threads, thread);
}

static bool open_edp(struct container *c, const char *component, struct ens_err *err)
{
    struct edp_plan *p = mem_alloc(1, sizeof *p, err);
    struct container_edp options = {0};
    struct site *site = NULL;

    (void)component;
    c->own = p;
    if (p == NULL || !container_add_site(c, &site, err))
        return false;
    site->has_place = false;
    if (c->beside->find_edp == NULL)
        return ens_fail(
            err, ENS_DATA,
            "%s: is an ELF file of x86_64-fortanix-unknown-sgx, whose heap, stack and threads are "
            "not in it: give --cargo DIR, or --heap-size N, --stack-size N and --threads N",
            c->label);
    if (!c->beside->find_edp(c->beside->edp, c->label, &options, err) ||
        !edp_plan_make(c->elf, &options, p, err))
        return false;
    container_set(c, "heap", options.heap / SGXS_PAGE_SIZE);
    container_set(c, "stack", options.stack / SGXS_PAGE_SIZE);
    container_set(c, "threads", options.threads);
    container_tell(
        c, "layout", "Laid out with",
        "heap 0x%" PRIx64 ", stack 0x%" PRIx64 ", %" PRIu64 " threads, SSA frames of %" PRIu32 ", debug %s",
        options.heap, options.stack, options.threads, options.ssaframesize, options.debug ? "true" : "false");
    judge_edp(c, p);
    add_edp_work(c, p);
    return true;
}

static void close_edp(struct container *c)
{
    mem_free(c->own);
    c->own = NULL;
}

static bool write_no_place(struct container *c, const struct container_edit *edit, struct file_out *out,
                           struct ens_err *err)
{
    (void)edit;
    (void)out;
    return ens_fail(err, ENS_DATA, "%s: is not laid out, and has no place for a signature: give --to FILE",
                    c->label);
}

const struct container_ops elf_edp = {
    .kind = CONTAINER_EDP,
    .name = "Fortanix EDP ELF",
    .recognise = recognise_edp,
    .open = open_edp,
    .close = close_edp,
    .stream = pour_edp,
    .write = write_no_place,
};
