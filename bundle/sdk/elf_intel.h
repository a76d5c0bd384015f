/* Intel SDK ELF files (.signed.so). sgx_sign leaves one or more metadata blocks in the note .note.sgxmeta,
 * one for each generation of loaders; each holds a SIGSTRUCT, and tables that say how its enclave is built:
 * what is patched into the image, and what follows it (heap, stacks, threads). Only for elf_intel*.c:
 *   elf_intel.c         the sites, editing
 *   elf_intel_note.c    the note: where it is, how large
 *   elf_intel_blocks.c  the blocks and their tables, checked
 *   elf_intel_image.c   the pages of the ELF segments
 *   elf_intel_textrel.c which of them a loader makes writable
 *   elf_intel_layout.c  the pages of the layout table; the whole stream
 *   elf_intel_doubts.c  what the tables do that sgx_sign never does
 *   elf_intel_threads.c which memory a thread has
 *   elf_intel_told.c    what trusted code is told of them, and is not so
 * Everything that a block says is hostile until elf_intel_blocks.c has checked it. */
#pragma once

#include "bundle/container/internal.h"
#include "bundle/stream/sgxs_write.h"

/* The kinds of container. */
extern const struct container_ops elf_intel;

#define INTEL_DESC_MAX 0x10000u /* the largest descriptor that is read; SDKs wrote up to 0x6000 */
/* Bytes of an enclave: the map of its text relocations has 32 MiB then. */
#define INTEL_SIZE_MAX (1ull << 40)

#define INTEL_ELRANGE_MAX  (1ull << 47) /* bytes of ELRANGE: what a process can address */
#define INTEL_DYNAMIC_MAX  65536u       /* entries of the dynamic segment */
#define INTEL_MAGIC_SIZE   8
#define INTEL_ROW_SIZE     32 /* of the patch table, and of the layout table */
#define INTEL_CSS          64 /* offset of the SIGSTRUCT in every block */
#define INTEL_MISCSELECT   32
#define INTEL_ATTRIBUTES   48
#define INTEL_XFRM         56
#define INTEL_SSAFRAMESIZE 24

/* The remedy for a file that cannot be as sgx_sign left it. */
#define INTEL_REMEDY "the file is damaged, sign it again with sgx_sign"

#define INTEL_SECTION   ".note.sgxmeta"
#define INTEL_NOTE_HEAD 25 /* bytes before the descriptor: three words, and the name, which is not padded */

/* Where the note lies that holds the metadata. */
struct intel_note {
    uint64_t offset, size;             /* in the file, as its header says */
    const struct elf_section *section; /* NULL: it was found by a program header */
};

/* Finds it: by its section, as Intel's loader does, or else, if the section is stripped, among the notes
 * of the program headers. */
bool intel_find_note(const struct elf *e, struct intel_note *ret);

/* Tells from its first INTEL_NOTE_HEAD bytes how large its descriptor is; `note->size` gets what that makes
 * it. What is odd about the note is added to the oddities. ENS_DATA, as intel_block_read, where Intel's
 * loader refuses it. */
bool intel_check_note(struct container *c, struct intel_note *note, struct view head, uint32_t *ret_desc,
                      struct ens_err *err) ENS_MUST_CHECK;

struct intel_block {
    uint64_t at;       /* in the file */
    struct view bytes; /* all of it */
    uint32_t major, minor;
    uint32_t data;               /* offset behind the directories, where tables and contents may lie */
    uint64_t size;               /* bytes in which the enclave's pages lie: a power of two */
    uint64_t range;              /* what ECREATE is told: `size`, or that of ELRANGE */
    uint64_t shift;              /* where in that range the pages begin */
    struct view patches, layout; /* tables: whole rows */
    struct view elrange;         /* the enclave's address, the range's, its size; empty: none is demanded */
    uint32_t fips;               /* offset of the FIPS signature; 0: none */
    bool has_first_ids;          /* the rows have the ids of SDK 1.x, and intel_row_at gives those of 2.0 */
    bool has_second_image; /* the loader appends another file to the image, which is not ours to measure */
    struct ens_err unfit;  /* the tables are another file's, and the image does not fit; ENS_OK: it does */
};

struct intel {
    bool is_foreign;  /* the metadata are those of another file, whose layout this one takes */
    uint64_t at, end; /* the note in the file that has it */
    struct view desc; /* the metadata; `bytes` of the blocks lie in it */
    struct intel_block blocks[CONTAINER_SITES_MAX];
    size_t blocks_len;
    uint8_t desc_bytes[INTEL_DESC_MAX];
};

/* Bytes `src`..`src + size` of the block stand in the image for those from file offset `dst` on. */
struct intel_patch {
    uint64_t dst;
    uint32_t src, size;
};

/* A row of the layout table: pages, or a group, which repeats the `entries` rows before it `times` times,
 * each time `step` bytes further. */
struct intel_row {
    bool group;
    uint16_t id; /* what the pages are for; INTEL_ID_* */
    uint16_t attributes;
    uint32_t pages;
    uint64_t rva;
    uint32_t content_size; /* of the content, or if that has no offset, a word that fills the pages */
    uint32_t content_offset;
    uint64_t flags; /* SECINFO */
    uint16_t entries;
    uint32_t times;
    uint64_t step;
};

/* Ids of the rows that a configuration decides; each also as it is for threads and heap that grow. */
#define INTEL_ID_HEAP_MIN  1u
#define INTEL_ID_HEAP_INIT 2u
#define INTEL_ID_HEAP_MAX  3u
#define INTEL_ID_TCS       4u
#define INTEL_ID_TD        5u
#define INTEL_ID_SSA       6u
#define INTEL_ID_STACK_MAX 7u
#define INTEL_ID_STACK_MIN 8u
#define INTEL_ID_GUARD     10u
#define INTEL_ID_DYNAMIC   10u /* added to the id where the pages come later */
#define INTEL_ID_RSRV_MIN  20u
#define INTEL_ID_RSRV_INIT 21u
#define INTEL_ID_RSRV_MAX  22u

#define INTEL_ATTR_EADD     1u
#define INTEL_ATTR_EEXTEND  2u
#define INTEL_ATTR_POST_ADD 8u

#define INTEL_TCS_SIZE 72u /* bytes of a TCS template */

/* Reads the block that begins at offset `at` of the descriptor, with every table checked; ENS_DATA says the
 * rule and the remedy, not the block. */
bool intel_block_read(const struct intel *intel, size_t at, uint64_t file_size, struct intel_block *ret,
                      struct ens_err *err) ENS_MUST_CHECK;

size_t intel_rows(struct view table);
struct intel_patch intel_patch_at(const struct intel_block *b, size_t index);
struct intel_row intel_row_at(const struct intel_block *b, size_t index);

/* An enclave that is being poured. */
struct intel_build {
    const struct container *c;
    const struct intel_block *b;
    const struct sink *sink;
    uint8_t *relocated; /* a bit for each page to which a relocation is applied. NULL: no text relocations */
    uint8_t *piece;     /* FILE_PIECE bytes to work in */
};

/* Adds to the container's oddities what the blocks' tables do behind the back of who reads the image, and what no
 * sgx_sign writes: rules "patched-code" (a danger), "patched-data", "layout-content", "sdk-tables". Fails only if the
 * file cannot be read. */
bool intel_judge(struct container *c, struct ens_err *err) ENS_MUST_CHECK;

#define INTEL_RULE_CODE   "patched-code"
#define INTEL_RULE_TABLES "sdk-tables"

/* The checks of one block. */
struct intel_doubts {
    struct container *c;
    const struct intel *intel;
    const struct intel_block *b;
    size_t site;
    struct elf_symbol global, entry; /* of .dynsym: g_global_data and enclave_entry */
};

/* The same of the thread whose TCS is row `index` of the layout, which is `tcs`. */
void intel_judge_thread(const struct intel_doubts *d, size_t index, struct view tcs);

/* The same of `data`, which a patch puts into g_global_data. */
void intel_judge_told(const struct intel_doubts *d, struct view data);

/* Pours the page at `rva`, measured where `page` is not NULL. ENS_DATA if that is outside the enclave. */
bool intel_page(struct intel_build *s, uint64_t rva, uint64_t flags, const uint8_t *page,
                struct ens_err *err) ENS_MUST_CHECK;

/* True if the file is an enclave that no tool has laid out: nothing like a metadata block begins its note, or there is no
 * note, and the file has the symbol where threads enter, or no sections. */
bool intel_is_bare(const struct elf *e);

/* Requires that the segments fit the block's enclave. ENS_DATA, as intel_block_read. */
bool intel_image_check(const struct elf *e, const struct intel *intel, const struct intel_block *b,
                       struct ens_err *err) ENS_MUST_CHECK;
/* Sets `s->relocated` where the enclave has text relocations; it is released by intel_stream. */
bool intel_find_relocated(struct intel_build *s, struct ens_err *err) ENS_MUST_CHECK;
/* The work of pouring the segments, and of pouring the layout (container_work). */
void intel_image_work(const struct elf *e, const struct intel_block *b, uint64_t *work);
void intel_layout_work(const struct intel_block *b, uint64_t *work);

/* Pours the segments' pages. */
bool intel_image(struct intel_build *s, struct ens_err *err) ENS_MUST_CHECK;

/* True if the layout tables of two blocks add the same pages in the same order, by whatever rows. */
bool intel_same_layout(const struct intel_block *x, const struct intel_block *y);

/* Pours ECREATE, the image and the layout; the `stream` of the kind. */
bool intel_stream(struct container *c, size_t index, const struct sink *sink,
                  struct ens_err *err) ENS_MUST_CHECK;
