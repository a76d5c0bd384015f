/* The reads of an ELF file: their places, and a keyed sum of all bytes (tie.h). A reader that is given the same
 * bytes again at the same places finds the same enclave: so a copy of the file need not be measured again. */
#pragma once

#include "bundle/elf/elf.h"

struct elf_reads;

/* Nothing was read yet; release with elf_reads_freep. ENS_RESOURCE. */
bool elf_reads_new(struct elf_reads **ret, struct ens_err *err) ENS_MUST_CHECK;
void elf_reads_freep(struct elf_reads **r);

/* These bytes were read at `offset`. ENS_RESOURCE. */
bool elf_reads_add(struct elf_reads *r, uint64_t offset, struct view bytes,
                   struct ens_err *err) ENS_MUST_CHECK;

/* Bytes of the file that may differ. */
struct elf_span {
    uint64_t offset;
    size_t len;
};

/* Are the bytes of the open file `fd`, which messages call `label`, those that were read of `e`, but for
 * `spans`? In the spans the bytes that `e` has there now stand for those of `fd`. `e` is not read between two
 * calls. ENS_IO, ENS_INTERRUPTED. */
bool elf_reads_same(const struct elf *e, int fd, const char *label, const struct elf_span *spans,
                    size_t spans_len, bool *ret, struct ens_err *err) ENS_MUST_CHECK;
