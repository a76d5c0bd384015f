/* Is a file of a bundle that was written the one that was checked before it was copied, byte by byte as it
 * was compressed? Then what was found out about the one is known of the other. */
#include "bundle/orc/bundle.h"

#include <string.h>

#include "bundle/orc/internal.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define PIECE (128u << 10)

/* The sum of the entry's bytes, as they are in the archive. */
static bool sum_of_entry(const struct archive *a, const struct listing_entry *e, uint8_t ret[static TIE_SIZE],
                         struct ens_err *err)
{
    ENS_CLEANUP(tie_freep) struct tie *tie = NULL;
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(PIECE, err);
    size_t have = 0;

    if (piece == NULL || !tie_new(&tie, err))
        return false;
    for (uint64_t done = 0; done < e->packed; done += have) {
        size_t len = e->packed - done < PIECE ? (size_t)(e->packed - done) : PIECE;

        if (!interrupt_check(err) || !archive_read_at(a, e->data + done, piece, len, &have, err) ||
            !tie_update(tie, view_of(piece, have), err))
            return false;
        if (have < len)
            return ens_fail(err, ENS_DATA, "its data end too early: repeat, and examine the disk");
    }
    return tie_final(tie, ret, err);
}

static bool fail_differs(struct ens_err *err)
{
    return ens_fail(
        err, ENS_DATA,
        "is not what was checked: it was changed meanwhile, or the disk is bad: run the command again");
}

/* Compares first the declared values, and then the bytes. */
static bool compare_copy(const struct bundle *b, const struct state_file *is, const struct state_file *was,
                         const uint8_t want[static TIE_SIZE], struct ens_err *err)
{
    uint8_t sum[TIE_SIZE];

    if (is->entry == NULL || is->entry->deflated != was->entry->deflated ||
        is->entry->crc != was->entry->crc || is->entry->size != was->entry->size ||
        is->entry->packed != was->entry->packed || memcmp(is->digest, was->digest, sizeof is->digest) != 0)
        return fail_differs(err);
    return sum_of_entry(b->archive, is->entry, sum, err) &&
           (memcmp(sum, want, sizeof sum) == 0 || fail_differs(err));
}

bool bundle_compare_copy(const struct bundle *b, const struct bundle *from, const char *name,
                         bool *ret_copied, struct ens_err *err)
{
    const struct state_file *is = state_find(b->now, name);
    const struct state_file *was = state_find(from->now, name);
    uint8_t want[TIE_SIZE];

    if (is == NULL)
        return ens_fail(err, ENS_DATA, "%s: has no file %s: name one that it has", b->label, name);
    *ret_copied = was != NULL && was->entry != NULL && archive_sum_known(from->archive, was->entry, want);
    return !*ret_copied || compare_copy(b, is, was, want, err) ||
           ens_wrap(err, "%s: file %s", b->label, name);
}
