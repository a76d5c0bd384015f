/* Pours an Open Enclave image as its loader would build it: page after page from the file, with the places
 * that the loader fills in, then the relocations, the heap and the threads. */
#include "bundle/sdk/elf_oe.h"

#include <string.h>

#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define SSAFRAMESIZE 1
#define SSA_FRAMES   2
#define STACK_FILL   0xcc

#define RELA_SIZE        24 /* r_offset, r_info, r_addend */
#define RELA_INFO        8
#define RELA_ADDEND      16
#define R_X86_64_TPOFF64 18

#define CONTROL_PAGES   (1 + SSA_FRAMES) /* TCS and SSA; a thread's guard pages are not added */
#define RELOCATION_WORK 256              /* two reads of the file for some */

/* Pages that are poured between two looks at the signals. */
#define PAGES_PER_LOOK 1024

/* The pages after the image are poured in order; `at` is the address of the next one. */
struct pour {
    const struct oe_plan *plan;
    const struct sink *sink;
    uint64_t at;
};

static bool put_page(struct pour *p, uint64_t flags, const uint8_t *page, struct ens_err *err)
{
    uint64_t at = p->at;

    p->at += SGXS_PAGE_SIZE;
    if (at / SGXS_PAGE_SIZE % PAGES_PER_LOOK == 0 && !interrupt_check(err))
        return false;
    return sgxs_write_page(p->sink, p->plan->base + at, flags, page, err);
}

/* The same page, or none, `count` times. */
static bool put_pages(struct pour *p, uint64_t count, const uint8_t *page, struct ens_err *err)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!put_page(p, SECINFO_REG | SECINFO_R | SECINFO_W, page, err))
            return false;
    }
    return true;
}

/* ---- the image ---- */

static void apply_patch(const struct oe_patch *patch, uint64_t rva, uint8_t *bytes, size_t len)
{
    if (patch->rva >= rva + len || patch->rva + patch->len <= rva)
        return;
    for (size_t i = 0; i < patch->len; i++) {
        uint64_t at = patch->rva + i;

        if (at >= rva && at - rva < len)
            bytes[at - rva] = (uint8_t)(patch->len <= 8 ? patch->value >> 8 * i : 0);
    }
}

/* The image from `rva` on, as the loader has it in memory. */
static bool read_image(const struct oe_plan *plan, const struct elf_segment *s, uint64_t rva, uint8_t *ret,
                       size_t len, struct ens_err *err)
{
    if (!elf_read_segment(plan->elf, s, rva, ret, len, err))
        return false;
    for (size_t i = 0; i < plan->patches_len; i++)
        apply_patch(&plan->patches[i], rva, ret, len);
    return true;
}

static uint64_t secinfo_flags(const struct elf_segment *s)
{
    return ((s->flags & ELF_PF_R) != 0 ? SECINFO_R : 0) | ((s->flags & ELF_PF_W) != 0 ? SECINFO_W : 0) |
           ((s->flags & ELF_PF_X) != 0 ? SECINFO_X : 0);
}

static bool put_segment(struct pour *p, const struct elf_segment *s, uint8_t *piece, struct ens_err *err)
{
    uint64_t flags = secinfo_flags(s);
    uint64_t end = s->vaddr + s->memsz;

    if (flags == 0)
        return true;
    p->at = s->vaddr / SGXS_PAGE_SIZE * SGXS_PAGE_SIZE;
    while (p->at < end) {
        if (!read_image(p->plan, s, p->at, piece, FILE_PIECE, err))
            return false;
        for (size_t i = 0; i < FILE_PIECE && p->at < end; i += SGXS_PAGE_SIZE) {
            if (!put_page(p, SECINFO_REG | flags, piece + i, err))
                return false;
        }
    }
    return true;
}

static bool put_image(struct pour *p, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_alloc(FILE_PIECE, 1, err);

    if (piece == NULL)
        return false;
    for (size_t i = 0; i < p->plan->elf->segments_len; i++) {
        const struct elf_segment *s = &p->plan->elf->segments[i];

        if (s->type == ELF_PT_LOAD && !put_segment(p, s, piece, err))
            return false;
    }
    p->at = p->plan->image;
    return true;
}

/* ---- the relocations ---- */

/* Entry at `offset` of the two tables, taken as one. The loader puts the value of its symbol into one that
 * relates to thread-locals, because the enclave has no symbols. */
static bool read_rela(const struct oe_plan *plan, uint64_t offset, uint8_t ret[static RELA_SIZE],
                      struct ens_err *err)
{
    uint64_t at = offset < plan->rela_dyn_size ? plan->rela_dyn + offset
                                               : plan->rela_plt + (offset - plan->rela_dyn_size);
    uint64_t value = 0;

    if (!elf_read(plan->elf, at, ret, RELA_SIZE, "relocations", err))
        return false;
    uint64_t info = bytes_get_le(view_of(ret + RELA_INFO, 8));

    if ((info & 0xffffffff) != R_X86_64_TPOFF64)
        return true;
    if (!elf_symbol_value(plan->elf, info >> 32, &value, err))
        return false;
    bytes_put_le(ret + RELA_ADDEND, 8, value);
    return true;
}

static bool put_relocs(struct pour *p, struct ens_err *err)
{
    uint64_t total = p->plan->rela_dyn_size + p->plan->rela_plt_size;
    uint8_t page[SGXS_PAGE_SIZE] = {0};
    uint8_t rela[RELA_SIZE];
    size_t len = 0;

    for (uint64_t offset = 0; offset < total; offset += RELA_SIZE) {
        if (!read_rela(p->plan, offset, rela, err))
            return false;
        size_t now = SGXS_PAGE_SIZE - len < RELA_SIZE ? SGXS_PAGE_SIZE - len : RELA_SIZE;

        memcpy(page + len, rela, now);
        len += now;
        if (len < SGXS_PAGE_SIZE)
            continue;
        if (!put_page(p, SECINFO_REG | SECINFO_R, page, err))
            return false;
        memset(page, 0, sizeof page);
        memcpy(page, rela + now, RELA_SIZE - now);
        len = RELA_SIZE - now;
    }
    return len == 0 || put_page(p, SECINFO_REG | SECINFO_R, page, err);
}

/* ---- the threads ---- */

static bool put_tcs(struct pour *p, struct ens_err *err)
{
    const struct oe_plan *plan = p->plan;
    uint64_t here = plan->base + p->at;
    uint64_t data = here + (1 + SSA_FRAMES + 1 + plan->tls) * SGXS_PAGE_SIZE;
    const struct sgxs_tcs tcs = {.ossa = here + SGXS_PAGE_SIZE,
                                 .nssa = SSA_FRAMES,
                                 .oentry = plan->base + plan->elf->entry,
                                 .ofsbase = data,
                                 .ogsbase = plan->gs_before ? data - SGXS_PAGE_SIZE : data,
                                 .fslimit = 0xffffffff,
                                 .gslimit = 0xffffffff};

    p->at += SGXS_PAGE_SIZE;
    return sgxs_write_tcs(p->sink, here, &tcs, err);
}

static bool put_thread(struct pour *p, const uint8_t *stack, const uint8_t *zeros, struct ens_err *err)
{
    p->at += SGXS_PAGE_SIZE;
    if (!put_pages(p, p->plan->info->stack, stack, err))
        return false;
    p->at += SGXS_PAGE_SIZE;
    if (!put_tcs(p, err) || !put_pages(p, SSA_FRAMES, zeros, err))
        return false;
    p->at += SGXS_PAGE_SIZE;
    return put_pages(p, p->plan->tls + 1, zeros, err);
}

uint64_t oe_work(const struct oe_plan *plan)
{
    const struct oe_info *info = plan->info;
    uint64_t work = CONTAINER_WORK_PAGE;
    uint64_t measured = 0; /* pages */
    uint64_t thread = info->stack + CONTROL_PAGES + plan->tls + 1;

    for (size_t i = 0; i < plan->elf->segments_len; i++) {
        const struct elf_segment *s = &plan->elf->segments[i];

        if (s->type == ELF_PT_LOAD)
            measured += s->memsz / SGXS_PAGE_SIZE + 2;
    }
    container_work_add(&work, measured + plan->relocs / SGXS_PAGE_SIZE, CONTAINER_WORK_MEASURED);
    container_work_add(&work, (plan->rela_dyn_size + plan->rela_plt_size) / RELA_SIZE, RELOCATION_WORK);
    container_work_add(&work, info->heap, CONTAINER_WORK_PAGE);
    uint64_t threads = 0;

    container_work_add(&threads, info->tcs, thread);
    container_work_add(&work, threads, CONTAINER_WORK_MEASURED);
    return work;
}

bool oe_pour(const struct oe_plan *plan, const struct sink *sink, struct ens_err *err)
{
    static const uint8_t zeros[SGXS_PAGE_SIZE];
    struct pour p = {.plan = plan, .sink = sink};
    uint8_t stack[SGXS_PAGE_SIZE];

    memset(stack, STACK_FILL, sizeof stack);
    if (!sgxs_write_ecreate(sink, SSAFRAMESIZE, plan->size, err) || !put_image(&p, err) ||
        !put_relocs(&p, err) || !put_pages(&p, plan->info->heap, NULL, err))
        return false;
    for (uint64_t i = 0; i < plan->info->tcs; i++) {
        if (!put_thread(&p, stack, zeros, err))
            return false;
    }
    return true;
}
