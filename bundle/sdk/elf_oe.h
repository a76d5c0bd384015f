/* Shared by the files of the Open Enclave container: what .oeinfo says, what the loaders of its releases do
 * differently, and the plan by which one of them lays an enclave out. Only for elf_oe*.c. */
#pragma once

#include "bundle/container/internal.h"
#include "bundle/stream/sgxs_write.h"

/* The kinds of container. */
extern const struct container_ops elf_oe;
extern const struct container_ops elf_ego;

/* Limits on what a file may ask for; each refusal names its limit. */
#define OE_SIZE_MAX    (UINT64_C(1) << 40) /* bytes of address space: 1 TiB */
#define OE_PAGES_MAX   (OE_SIZE_MAX / SGXS_PAGE_SIZE)
#define OE_DYNAMIC_MAX 65536 /* entries of .dynamic */

#define OE_PATCHES_MAX 24 /* the loader changes eighteen places at most */
#define OE_PLANS_MAX   3

/* Sizes of the structure in .oeinfo, which tell the release. */
#define OE_INFO_0_4    1856
#define OE_INFO_0_5    1920 /* 0.5.0 to 0.12.0 */
#define OE_INFO_0_13   1952 /* 0.13.0 to 0.17.0 */
#define OE_INFO_0_17_1 1960 /* 0.17.1 to 0.19 */

/* Bits of its flags. */
#define OE_FLAG_CAPTURE   1u /* page faults are reported to the enclave: MISCSELECT, nothing measured */
#define OE_FLAG_ZERO_BASE 2u /* the enclave's address range begins at 0, its image at `start` */

struct oe_info {
    uint64_t offset;      /* of the structure, in the file */
    uint64_t rva;         /* of the structure, in the image */
    uint32_t size;        /* of the structure: OE_INFO_* */
    uint32_t sigstruct;   /* its offset in the structure */
    uint64_t heap, stack; /* pages; `stack` for each thread */
    uint64_t tcs;         /* threads */
    uint32_t flags;
    uint64_t start; /* address of the image where OE_FLAG_ZERO_BASE is set */
};

/* The symbols of the enclave's runtime that the loader fills in, and two that tell its release. */
enum oe_symbol {
    OE_ENCLAVE_RVA,
    OE_RELOC_RVA,
    OE_RELOC_SIZE,
    OE_TDATA_RVA,
    OE_TDATA_SIZE,
    OE_TDATA_ALIGN,
    OE_TBSS_SIZE,
    OE_TBSS_ALIGN,
    OE_TD_FROM_TCS, /* since 0.11 */
    OE_MODULE_INFO, /* since 0.16 */
    OE_SYMBOLS,
};

struct oe_symbols {
    bool found[OE_SYMBOLS];
    uint64_t value[OE_SYMBOLS];
};

/* Looks the symbols up, the first of each name: in .dynsym, or in .symtab. A table that is not there has none
 * of them. ENS_DATA if a table breaks its limits. */
bool oe_symbols_read(const struct elf *e, bool dynamic, struct oe_symbols *ret,
                     struct ens_err *err) ENS_MUST_CHECK;

/* The behaviour of the loaders of some releases. */
struct oe_layout {
    uint32_t size;       /* of the structure in .oeinfo */
    bool clears_header;  /* e_shoff, e_shnum and e_shstrndx are 0 in the measured image */
    bool static_symbols; /* where .dynsym does not have the symbols, they are those of .symtab */
    bool gs_before;      /* GS points to the page before that of FS; else both to the same */
    bool patches_end;    /* image_info.enclave_size is the end of the pages, not the size of ECREATE */
    bool tls_pages;      /* as many pages for thread-locals as they need; else one for each thread */
    bool counts_one_tls; /* ... but the size of the enclave is computed as if it were one */
    bool modules;        /* .rela.plt is read as well, and a module beside the enclave */
};

/* A place that the loader fills in: `len` bytes at `rva` become `value`, little-endian, or zeros if `len`
 * is larger than 8. */
struct oe_patch {
    uint64_t rva;
    size_t len;
    uint64_t value;
};

/* Where everything lies when one layout is applied to one file. Bytes, if nothing else is said. */
struct oe_plan {
    const struct elf *elf;
    const struct oe_info *info;
    uint64_t image;    /* whole pages */
    uint64_t rela_dyn; /* file offsets and sizes of the two tables, sizes 0 if they are not read */
    uint64_t rela_dyn_size;
    uint64_t rela_plt;
    uint64_t rela_plt_size;
    uint64_t relocs; /* both tables, whole pages */
    uint64_t tls;    /* pages of each thread */
    bool gs_before;
    uint64_t base; /* what is added to every address: 0, or `info->start` */
    uint64_t end;  /* of the last thread's pages, from the image's begin */
    uint64_t size; /* of the enclave, for ECREATE */
    struct oe_patch patches[OE_PATCHES_MAX];
    size_t patches_len;
};

/* Applies a layout to the file; `elf` and `info` are borrowed by the plan. ENS_DATA
 * names what does not fit. */
bool oe_plan_make(const struct elf *elf, const struct oe_info *info, const struct oe_layout *layout,
                  struct oe_plan *ret, struct ens_err *err) ENS_MUST_CHECK;
/* True if both measure to the same. */
bool oe_plan_equal(const struct oe_plan *a, const struct oe_plan *b);

/* The section of that name, or NULL. ENS_DATA if two have the name: loaders differ in which one they take. */
bool oe_section(const struct elf *e, const char *name, const struct elf_section **ret,
                struct ens_err *err) ENS_MUST_CHECK;

/* The work of pouring it once (container_work). */
uint64_t oe_work(const struct oe_plan *plan);

/* Pours the enclave as SGXS records. */
bool oe_pour(const struct oe_plan *plan, const struct sink *sink, struct ens_err *err) ENS_MUST_CHECK;
