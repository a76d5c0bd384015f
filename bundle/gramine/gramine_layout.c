/* Where the pages of a Gramine enclave lie, and what is in them. */
#include <inttypes.h>
#include <string.h>

#include "bundle/gramine/gramine.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

/* Constants of all releases: pal_linux_defs.h, pal_arch.h, sgx_arch.h. Pages, if nothing else is said. */
#define PAGE          ((uint64_t)SGXS_PAGE_SIZE)
#define SSAFRAMESIZE  4
#define SSA_FRAMES    2
#define SSA_PAGES     UINT64_C(8) /* of each thread, as the next two */
#define STACK_PAGES   UINT64_C(64)
#define SIGNAL_PAGES  UINT64_C(16)
#define THREAD_PAGES  (SSA_PAGES + 2 + STACK_PAGES + SIGNAL_PAGES) /* 2: TCS and TLS */
#define HEAP_MIN      UINT64_C(0x10000)                            /* address */
#define SSA_GPR_BYTES UINT64_C(184)                                /* at the end of a frame */
#define CANARY        UINT64_C(0xbadbadbadbad)

#define SECINFO_RW     (SECINFO_REG | SECINFO_R | SECINFO_W)
#define PAGES_PER_LOOK 1024 /* between two looks at the signals */
#define PAGES(bytes)   (((bytes) + PAGE - 1) / PAGE)

/* ---- the plan ---- */

/* Takes pages below `*top`; false if there are none above the heap's begin. */
static bool take_below(uint64_t *top, uint64_t heap, uint64_t pages, uint64_t *ret)
{
    if (pages > (*top - heap) / PAGE)
        return false;
    *top -= pages * PAGE;
    *ret = *top;
    return true;
}

/* The pages of libpal.so, from its address 0 on. */
static bool count_pal(const struct elf *libpal, uint64_t size, uint64_t *ret, struct ens_err *err)
{
    const struct elf_segment *first = NULL;

    *ret = 0;
    for (size_t i = 0; i < libpal->segments_len; i++) {
        const struct elf_segment *s = &libpal->segments[i];

        if (s->type != ELF_PT_LOAD)
            continue;
        if (first == NULL)
            first = s;
        if (s->vaddr + s->memsz > size)
            return ens_fail(err, ENS_DATA,
                            "%s: the segment at 0x%" PRIx64 " ends beyond an enclave of 0x%" PRIx64
                            " bytes: give Gramine's libpal.so, or a larger sgx.enclave_size",
                            libpal->label, s->vaddr, size);
        if (PAGES(s->vaddr + s->memsz) > *ret)
            *ret = PAGES(s->vaddr + s->memsz);
    }
    /* What lies around it is the heap, of which the host chooses the code. */
    return (first != NULL && first->vaddr < PAGE && libpal->entry < *ret * PAGE) ||
           ens_fail(
               err, ENS_DATA,
               "%s: its first segment is not at address 0, or its entry not in it: give Gramine's libpal.so",
               libpal->label);
}

bool gramine_plan_make(const struct gramine_settings *settings, const struct elf *libpal,
                       struct view manifest, struct gramine_plan *ret, struct ens_err *err)
{
    struct gramine_plan p = {.settings = settings, .libpal = libpal, .manifest = manifest};
    uint64_t threads = settings->threads;
    uint64_t pal = 0;
    uint64_t text = 0;

    if (!count_pal(libpal, settings->size, &pal, err))
        return false;
    p.base = settings->is_high ? settings->size : 0;
    p.heap = settings->is_high ? p.base : HEAP_MIN;
    uint64_t top = p.base + settings->size;

    if (top < p.heap || threads > settings->size / (THREAD_PAGES * PAGE) ||
        !take_below(&top, p.heap, PAGES(manifest.len + 1), &text) ||
        !take_below(&top, p.heap, threads * SSA_PAGES, &p.ssa) ||
        !take_below(&top, p.heap, threads, &p.tcs) || !take_below(&top, p.heap, threads, &p.tls) ||
        !take_below(&top, p.heap, threads * STACK_PAGES, &p.stacks) ||
        !take_below(&top, p.heap, threads * SIGNAL_PAGES, &p.signals) ||
        !take_below(&top, p.heap, pal, &p.pal))
        return ens_fail(err, ENS_DATA,
                        "sgx.enclave_size: 0x%" PRIx64 " bytes have no room for %" PRIu64
                        " threads and a libpal.so of %" PRIu64 " pages: make it larger",
                        settings->size, threads, pal);
    *ret = p;
    return true;
}

uint64_t gramine_work(const struct gramine_plan *plan)
{
    uint64_t work = CONTAINER_WORK_PAGE;

    container_work_add(&work, PAGES(plan->manifest.len + 1), CONTAINER_WORK_MEASURED);
    container_work_add(&work, plan->settings->threads * THREAD_PAGES, CONTAINER_WORK_MEASURED);
    for (size_t i = 0; i < plan->libpal->segments_len; i++) {
        if (plan->libpal->segments[i].type == ELF_PT_LOAD)
            container_work_add(&work, plan->libpal->segments[i].memsz / PAGE + 2, CONTAINER_WORK_MEASURED);
    }
    if (!plan->settings->edmm)
        container_work_add(&work, (plan->pal - plan->heap) / PAGE, CONTAINER_WORK_PAGE);
    return work;
}

/* ---- pouring ---- */

/* The pages are poured in order; `at` is the address of the next one. */
struct pour {
    const struct gramine_plan *plan;
    const struct sink *sink;
    uint64_t at;
};

/* True if no signal says stop; looked at once in a while. */
static bool go_on(const struct pour *p, struct ens_err *err)
{
    return p->at / PAGE % PAGES_PER_LOOK != 0 || interrupt_check(err);
}

static bool lay_page(struct pour *p, uint64_t flags, const uint8_t *page, struct ens_err *err)
{
    uint64_t at = p->at - p->plan->base;

    p->at += PAGE;
    return go_on(p, err) && sgxs_write_page(p->sink, at, flags, page, err);
}

/* The same page, or none, up to the address `end`. */
static bool lay_pages(struct pour *p, uint64_t end, uint64_t flags, const uint8_t *page, struct ens_err *err)
{
    while (p->at < end) {
        if (!lay_page(p, flags, page, err))
            return false;
    }
    return true;
}

/* With the NUL behind it. */
static bool lay_manifest(struct pour *p, struct ens_err *err)
{
    struct view text = p->plan->manifest;
    uint8_t page[SGXS_PAGE_SIZE];

    for (uint64_t i = 0; i < PAGES(text.len + 1); i++) {
        struct view piece =
            view_slice(text, i * PAGE, text.len - i * PAGE < PAGE ? text.len - i * PAGE : PAGE);

        memset(page, 0, sizeof page);
        if (piece.len > 0)
            memcpy(page, piece.data, piece.len);
        if (!lay_page(p, SECINFO_REG | SECINFO_R, page, err))
            return false;
    }
    return true;
}

static bool lay_tcs(struct pour *p, struct ens_err *err)
{
    const struct gramine_plan *plan = p->plan;

    for (uint64_t t = 0; t < plan->settings->threads; t++) {
        const struct sgxs_tcs tcs = {.ossa = plan->ssa + t * SSA_PAGES * PAGE - plan->base,
                                     .nssa = SSA_FRAMES,
                                     .oentry = plan->pal - plan->base + plan->libpal->entry,
                                     .ogsbase = plan->tls + t * PAGE - plan->base,
                                     .fslimit = 0xfff,
                                     .gslimit = 0xfff};

        p->at += PAGE;
        if (!sgxs_write_tcs(p->sink, p->at - PAGE - plan->base, &tcs, err))
            return false;
    }
    return true;
}

/* Thread 0 has the highest stack. */
static bool lay_tls(struct pour *p, struct ens_err *err)
{
    const struct gramine_plan *plan = p->plan;
    uint64_t threads = plan->settings->threads;

    for (uint64_t t = 0; t < threads; t++) {
        uint64_t ssa = plan->ssa + t * SSA_PAGES * PAGE;
        uint64_t signals = plan->signals + (threads - 1 - t) * SIGNAL_PAGES * PAGE;
        /* Offsets in struct pal_enclave_tcb, and what stands there. */
        const uint64_t words[][2] = {
            {0x000, p->at}, /* itself */
            {0x008, CANARY},
            {0x110, plan->settings->size},
            {0x118, plan->tcs + t * PAGE - plan->base},
            {0x120, plan->stacks + (threads - t) * STACK_PAGES * PAGE}, /* top */
            {0x130, signals},
            {0x138, signals + SIGNAL_PAGES * PAGE},
            {0x148, ssa},
            {0x150, ssa + SSAFRAMESIZE * PAGE - SSA_GPR_BYTES},
            {0x1a0, plan->manifest.len + 1},
            {0x1a8, plan->heap},
            {0x1b0, plan->pal}, /* the heap's end */
        };
        uint8_t page[SGXS_PAGE_SIZE] = {0};

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            bytes_put_le64(page + words[i][0], words[i][1]);
        if (!lay_page(p, SECINFO_RW, page, err))
            return false;
    }
    return true;
}

/* The stacks of one sort, thread 0 first. */
static bool lay_stacks(struct pour *p, uint64_t low, uint64_t pages, struct ens_err *err)
{
    static const uint8_t zeros[SGXS_PAGE_SIZE];

    for (uint64_t t = p->plan->settings->threads; t-- > 0;) {
        p->at = low + t * pages * PAGE;
        if (!lay_pages(p, p->at + pages * PAGE, SECINFO_RW, zeros, err))
            return false;
    }
    return true;
}

static uint64_t flags_of(const struct elf_segment *s)
{
    return SECINFO_REG | ((s->flags & ELF_PF_R) != 0 ? SECINFO_R : 0) |
           ((s->flags & ELF_PF_W) != 0 ? SECINFO_W : 0) | ((s->flags & ELF_PF_X) != 0 ? SECINFO_X : 0);
}

static bool lay_segment(struct pour *p, const struct elf_segment *s, uint8_t *piece, struct ens_err *err)
{
    const struct gramine_plan *plan = p->plan;

    p->at = plan->pal + s->vaddr / PAGE * PAGE;
    while (p->at < plan->pal + s->vaddr + s->memsz) {
        if (!elf_read_segment(plan->libpal, s, p->at - plan->pal, piece, FILE_PIECE, err))
            return false;
        for (size_t i = 0; i < FILE_PIECE && p->at < plan->pal + s->vaddr + s->memsz; i += PAGE) {
            if (!lay_page(p, flags_of(s), piece + i, err))
                return false;
        }
    }
    return true;
}

static bool lay_pal(struct pour *p, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);

    for (size_t i = 0; piece != NULL && i < p->plan->libpal->segments_len; i++) {
        const struct elf_segment *s = &p->plan->libpal->segments[i];

        if (s->type == ELF_PT_LOAD && !lay_segment(p, s, piece, err))
            return false;
    }
    return piece != NULL;
}

bool gramine_pour(const struct gramine_plan *plan, const struct sink *sink, struct ens_err *err)
{
    static const uint8_t zeros[SGXS_PAGE_SIZE];
    struct pour p = {.plan = plan, .sink = sink};

    p.at = plan->base + plan->settings->size - PAGES(plan->manifest.len + 1) * PAGE;
    if (!sgxs_write_ecreate(sink, SSAFRAMESIZE, plan->settings->size, err) || !lay_manifest(&p, err))
        return false;
    p.at = plan->ssa;
    if (!lay_pages(&p, plan->ssa + plan->settings->threads * SSA_PAGES * PAGE, SECINFO_RW, zeros, err))
        return false;
    p.at = plan->tcs;
    if (!lay_tcs(&p, err))
        return false;
    p.at = plan->tls;
    if (!lay_tls(&p, err) || !lay_stacks(&p, plan->stacks, STACK_PAGES, err) ||
        !lay_stacks(&p, plan->signals, SIGNAL_PAGES, err) || !lay_pal(&p, err))
        return false;
    return plan->settings->edmm || sgxs_write_added(sink, plan->heap - plan->base, SECINFO_REG | SECINFO_RWX,
                                                    (plan->pal - plan->heap) / PAGE, err);
}
