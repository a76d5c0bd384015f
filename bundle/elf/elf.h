/* ELF64 files, read with bounds: the header, the program headers, the section headers with their names. Only
 * what enclaves are: little-endian, x86-64, ET_DYN (System V ABI, "Object Files"). No byte outside the file
 * is read, whatever its headers say. */
#pragma once

#include <stdint.h>

#include "signer/base/bytes.h"

/* Limits on what is read from an ELF file; each refusal names its limit. Of headers there are as many as fit
 * into the 16 bits of their numbers. */
#define ELF_NAMES_MAX   (1u << 24) /* bytes of the section name table */
#define ELF_SYMBOLS_MAX (1u << 20) /* entries of one symbol table */

#define ELF_PT_LOAD    1u
#define ELF_PT_DYNAMIC 2u
#define ELF_PT_TLS     7u
#define ELF_PT_NOTE    4u
#define ELF_PF_X       1u
#define ELF_PF_W       2u
#define ELF_PF_R       4u

#define ELF_SHT_RELA      4u
#define ELF_SHT_NOTE      7u
#define ELF_SHT_NOBITS    8u
#define ELF_SHT_DYNSYM    11u
#define ELF_SHF_ALLOC     2u
#define ELF_SHF_EXECINSTR 4u
#define ELF_SHF_TLS       0x400u

struct elf_section {
    const char *name; /* owned by the elf */
    uint32_t type;
    uint64_t flags;
    uint64_t addr;
    uint64_t offset; /* as the file has it: what is read from there is checked by elf_read */
    uint64_t size;
    uint32_t link;
    uint64_t align;
    uint64_t entsize;
};

struct elf_segment {
    uint32_t type;   /* what is said below holds for PT_LOAD: others are as the file has them */
    uint32_t flags;  /* ELF_PF_* */
    uint64_t offset; /* `filesz` bytes from here lie in the file */
    uint64_t vaddr;
    uint64_t filesz;
    uint64_t memsz; /* at least `filesz`; vaddr + memsz does not wrap */
    uint64_t align;
};

struct elf {
    int fd;            /* borrowed */
    const char *label; /* borrowed; for messages */
    uint64_t size;     /* of the file */
    uint64_t entry;
    struct elf_section *sections; /* in the order of the file; the first is empty */
    size_t sections_len;
    struct elf_segment *segments; /* in the file's order */
    size_t segments_len;
    char *names;
    struct elf_reads *reads; /* elf_reads.h; NULL: what is read is not remembered */
};

/* Reads the headers; `fd` and `label` are borrowed. `remembers`: for elf_reads_same, everything that is read.
 * ENS_DATA names the header and the rule. Release with elf_freep. */
bool elf_open(int fd, const char *label, uint64_t size, bool remembers, struct elf **ret,
              struct ens_err *err) ENS_MUST_CHECK;
void elf_freep(struct elf **e);

/* The first section of that name, or NULL. */
const struct elf_section *elf_section(const struct elf *e, const char *name);

/* The allocated section in which an address lies, or NULL; .tbss takes no room and is never it. */
const struct elf_section *elf_section_at(const struct elf *e, uint64_t addr);

/* True if an allocated section of code reaches into these addresses. */
bool elf_is_code(const struct elf *e, uint64_t addr, uint64_t len);

/* Reads exactly `len` bytes from `offset` of the file; ENS_DATA if that is outside, `what` names it. */
bool elf_read(const struct elf *e, uint64_t offset, uint8_t *ret, size_t len, const char *what,
              struct ens_err *err) ENS_MUST_CHECK;

/* The `len` bytes of memory from the address `at` on, as a loader of `s` alone has them: those of the file, and zeros.
 * at + len does not wrap. */
bool elf_read_segment(const struct elf *e, const struct elf_segment *s, uint64_t at, uint8_t *ret, size_t len,
                      struct ens_err *err) ENS_MUST_CHECK;

struct elf_symbol {
    bool found;
    bool again; /* a second one has the name */
    uint64_t value, size;
};

/* Looks `len` names up, of at most 31 bytes, the first symbol of each: in .dynsym, or in .symtab. A table
 * that is not there has none of them. `ret_undefined` (or NULL) gets the number of entries without a section, the
 * first of the table left out. ENS_DATA if a table breaks its limits. */
bool elf_symbols(const struct elf *e, bool dynamic, const char *const *names, size_t len,
                 struct elf_symbol *ret, uint64_t *ret_undefined, struct ens_err *err) ENS_MUST_CHECK;
/* The value of one entry of .dynsym; ENS_DATA if there is none. */
bool elf_symbol_value(const struct elf *e, uint64_t index, uint64_t *ret, struct ens_err *err) ENS_MUST_CHECK;
