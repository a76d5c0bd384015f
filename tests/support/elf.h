/* What the tests of ELF files share: files opened from memory, edited, poured and measured. Offsets are those
 * of tests/vectors/containers/intel-*, whose notes all begin at the same place, and of oe-rich-*, as mkoe.py
 * lays them out. */
#pragma once

#include "bundle/open.h"
#include "bundle/stream/sgxs.h"
#include "tests/support/support.h"

#define PAGE        4096
#define ENCLAVEHASH 960

/* ---- Intel: the note, its block of metadata, the dynamic section ---- */

#define NOTE    0x3570
#define DESC    (NOTE + 25)
#define DYNAMIC 0x3080

/* Offsets in a block of metadata with two directories. */
#define B_PATCH(i)  (0x7b0 + 32 * (i))
#define B_LAYOUT(i) (0x810 + 32 * (i))

/* ---- Open Enclave ---- */

/* Offsets in an ELF header, in a program header and in a section header. */
#define E_SHOFF   40
#define E_SHNUM   60
#define PHDR(i)   (64 + 56 * (size_t)(i))
#define P_FLAGS   4
#define P_OFFSET  8
#define P_VADDR   16
#define P_FILESZ  32
#define P_MEMSZ   40
#define S_NAME    0
#define S_TYPE    4
#define S_ADDR    16
#define S_OFFSET  24
#define S_SIZE    32
#define S_ALIGN   48
#define S_ENTSIZE 56

/* Offsets in the structure in .oeinfo. */
#define I_TYPE  4
#define I_HEAP  8
#define I_STACK 16
#define I_TCS   24
#define I_FLAGS 36
#define I_START 88

/* tests/vectors/containers/oe-rich-*, as mkoe.py lays them out. */
#define RICH_DYNSYM  0x300
#define RICH_DYNAMIC 0x1d00
#define RICH_INFO    0x4200
#define RICH_INFO_AT 0x9200 /* its address */

/* ---- a file opened from memory ---- */

struct opened {
    int fd;
    struct container *c;
};

struct buf intel_vector(const char *name);

struct buf oe_vector(const char *name);

uint64_t get_le(const struct buf *b, size_t at, size_t len);

void set_le(struct buf *b, size_t at, size_t len, uint64_t value);

/* Offset of the header of the section of that name, read without the product. */
size_t section(const struct buf *b, const char *name);

bool open_bytes(const struct buf *b, struct opened *ret, struct ens_err *err);

void close_opened(struct opened *o);

/* A sink that appends to a struct buf. */
bool put_into_buf(void *ctx, struct view piece, struct ens_err *err);

/* Pours stream `index` into the parser. */
void measure(struct container *c, size_t index, struct sgxs_report *ret);

/* The whole stream 0 of a file. */
struct buf pour(const struct buf *file);

/* A page of a stream, read without the product: 0 where it is not added, else its SECINFO flags. `ret` gets
 * its bytes; `*ret_chunks` the number of measured chunks. */
uint64_t page_of(const struct buf *stream, uint64_t offset, uint8_t ret[PAGE], size_t *ret_chunks);

uint64_t flags_of(const struct buf *stream, uint64_t offset);

/* The MRENCLAVE of an opened file, whose stream is one that the CPU takes. */
void measure_only(struct container *c, struct sgxs_report *ret);

/* The same of a file in memory. */
void measure_file(const struct buf *file, struct sgxs_report *ret);

/* The file is opened, cannot be poured, and says why. */
void check_no_stream(const struct buf *file, const char *why);
