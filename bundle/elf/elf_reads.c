/* The reads of an ELF file, remembered. */
#include "bundle/elf/elf_reads.h"

#include <string.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/tie.h"

struct range {
    uint64_t offset, len;
};

struct elf_reads {
    struct tie *tie; /* NULL: `sum` is final */
    uint8_t sum[TIE_SIZE];
    struct range *ranges; /* in the order of reading; what follows on the last one makes it longer */
    size_t len, room;
};

bool elf_reads_new(struct elf_reads **ret, struct ens_err *err)
{
    ENS_CLEANUP(elf_reads_freep) struct elf_reads *r = mem_alloc(1, sizeof *r, err);

    if (r == NULL || !tie_new(&r->tie, err))
        return false;
    *ret = ens_take(r);
    return true;
}

void elf_reads_freep(struct elf_reads **r)
{
    if (*r == NULL)
        return;
    tie_freep(&(*r)->tie);
    mem_free((*r)->ranges);
    mem_free(*r);
    *r = NULL;
}

static bool add_range(struct elf_reads *r, uint64_t offset, uint64_t len, struct ens_err *err)
{
    void *grown = r->ranges;

    if (r->len > 0 && r->ranges[r->len - 1].offset + r->ranges[r->len - 1].len == offset) {
        r->ranges[r->len - 1].len += len;
        return true;
    }
    if (r->len == r->room) {
        size_t room = r->room == 0 ? 64 : 2 * r->room;

        if (!mem_grow(&grown, room, sizeof *r->ranges, err))
            return false;
        r->ranges = grown;
        r->room = room;
    }
    r->ranges[r->len++] = (struct range){offset, len};
    return true;
}

bool elf_reads_add(struct elf_reads *r, uint64_t offset, struct view bytes, struct ens_err *err)
{
    if (r->tie == NULL)
        return ens_fail(err, ENS_BUG, "an ELF file is read after its sum was taken");
    return tie_update(r->tie, bytes, err) && add_range(r, offset, bytes.len, err);
}

/* One piece of both files, to be summed. */
struct again {
    const struct elf *e;
    int fd;
    const char *label;
    const struct elf_span *spans;
    size_t spans_len;
    uint8_t *piece; /* FILE_PIECE bytes */
    struct tie *tie;
};

/* Puts the bytes of `e` over those of the new file, where the piece and the span meet. */
static bool take_old(const struct again *a, uint64_t at, size_t len, const struct elf_span *span,
                     struct ens_err *err)
{
    uint64_t from = at > span->offset ? at : span->offset;
    uint64_t to = at + len < span->offset + span->len ? at + len : span->offset + span->len;
    size_t have = 0;

    return from >= to ||
           file_read_at(a->e->fd, a->e->label, from, a->piece + (from - at), (size_t)(to - from), &have, err);
}

static bool sum_range(const struct again *a, const struct range *range, struct ens_err *err)
{
    for (uint64_t done = 0, at = range->offset; done < range->len; at = range->offset + done) {
        size_t want = range->len - done < FILE_PIECE ? (size_t)(range->len - done) : FILE_PIECE;
        size_t have = 0;

        if (!interrupt_check(err) || !file_read_at(a->fd, a->label, at, a->piece, want, &have, err))
            return false;
        for (size_t i = 0; i < a->spans_len; i++) {
            if (!take_old(a, at, have, &a->spans[i], err))
                return false;
        }
        if (!tie_update(a->tie, view_of(a->piece, have), err))
            return false;
        done += want;
    }
    return true;
}

bool elf_reads_same(const struct elf *e, int fd, const char *label, const struct elf_span *spans,
                    size_t spans_len, bool *ret, struct ens_err *err)
{
    ENS_CLEANUP(tie_freep) struct tie *tie = NULL;
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    struct elf_reads *r = e->reads;
    uint8_t sum[TIE_SIZE];

    if (piece == NULL || !tie_new(&tie, err))
        return false;
    const struct again a = {e, fd, label, spans, spans_len, piece, tie};

    if (r->tie != NULL && !tie_final(r->tie, r->sum, err))
        return false;
    tie_freep(&r->tie);
    for (size_t i = 0; i < r->len; i++) {
        if (!sum_range(&a, &r->ranges[i], err))
            return false;
    }
    if (!tie_final(tie, sum, err))
        return false;
    *ret = memcmp(sum, r->sum, TIE_SIZE) == 0;
    return true;
}
