/* Shared by the files of the Fortanix container: an ELF file of x86_64-fortanix-unknown-sgx, and how the tool
 * ftxsgx-elf2sgxs 0.6.4 lays it out. Only for elf_edp*.c. */
#pragma once

#include "bundle/container/internal.h"
#include "bundle/stream/sgxs_write.h"

/* The kind of container. */
extern const struct container_ops elf_edp;

#define EDP_NOTE ".note.x86_64-fortanix-unknown-sgx"

/* Limits on what a file may ask for; each refusal names its limit. */
#define EDP_SIZE_MAX    (UINT64_C(1) << 47) /* bytes of address space: 128 TiB */
#define EDP_LOADS_MAX   256                 /* segments */
#define EDP_DYNAMIC_MAX 65536               /* entries of PT_DYNAMIC */

#define EDP_GUARD UINT64_C(0x10000) /* bytes below each stack that are not added */

#define EDP_NOP         0x90
#define EDP_PATCHES_MAX 16 /* thirteen symbols, and .text_no_sgx */

/* Bytes of the image that the tool writes: `value`, little-endian, and NOPs behind its eight bytes. */
struct edp_patch {
    uint64_t at, len, value;
};

/* Where everything lies. Bytes. */
struct edp_plan {
    const struct elf *elf;
    struct container_edp options;
    uint64_t entry;     /* sgx_entry */
    uint64_t size_at;   /* ENCLAVE_SIZE, the address */
    uint64_t heap;      /* address; the threads follow the heap */
    uint64_t thread;    /* size of each, with its guard */
    uint64_t end, size; /* of the last thread; of the enclave, for ECREATE */
    bool is_cut;        /* .text_no_sgx ends its segment, which ends at `cut_at` instead */
    uint64_t cut_at;
    struct edp_patch patches[EDP_PATCHES_MAX];
    size_t patches_len;
};

/* Holds the file to the rules of the tool, and lays it out; `elf` is borrowed by the plan. ENS_DATA names the rule. */
bool edp_plan_make(const struct elf *elf, const struct container_edp *options, struct edp_plan *ret,
                   struct ens_err *err) ENS_MUST_CHECK;

/* The begin of the page of address `at`. */
static inline uint64_t edp_page(uint64_t at)
{
    return at / SGXS_PAGE_SIZE * SGXS_PAGE_SIZE;
}

/* The end of a segment in the stream, before it is rounded up to a page. */
static inline uint64_t edp_segment_end(const struct edp_plan *p, const struct elf_segment *s)
{
    uint64_t end = s->vaddr + s->memsz;

    return p->is_cut && p->cut_at >= edp_page(s->vaddr) && p->cut_at < end ? p->cut_at : end;
}
