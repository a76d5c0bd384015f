/* Is a file of a bundle that was written the one that was to be copied, byte by byte as it was compressed?
 * Then what was found out about the one is known of the other. */
#include "bundle/bundle.h"

#include <string.h>

#include "bundle/internal.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define PIECE (128u << 10)

/* Reads `len` bytes that are there. */
static bool read_all(const struct archive *a, uint64_t offset, uint8_t *ret, size_t len, struct ens_err *err)
{
    size_t have = 0;

    if (!interrupt_check(err) || !archive_read_at(a, offset, ret, len, &have, err))
        return false;
    return have == len || ens_fail(err, ENS_DATA, "its data end too early: repeat, and examine the disk");
}

static bool fail_differs(struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "is not what was copied: repeat, and examine the disk");
}

static bool compare_data(const struct archive *x, uint64_t x_at, const struct archive *y, uint64_t y_at,
                         uint64_t size, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *pieces = mem_room((size_t)2 * PIECE, err);

    if (pieces == NULL)
        return false;
    for (uint64_t done = 0; done < size; done += PIECE) {
        size_t len = size - done < PIECE ? (size_t)(size - done) : PIECE;

        if (!read_all(x, x_at + done, pieces, len, err) ||
            !read_all(y, y_at + done, pieces + PIECE, len, err))
            return false;
        if (memcmp(pieces, pieces + PIECE, len) != 0)
            return fail_differs(err);
    }
    return true;
}

static bool compare(const struct bundle *b, const struct state_file *is, const struct bundle *from,
                    const struct state_file *was, struct ens_err *err)
{
    if (is->entry == NULL || is->entry->deflated != was->entry->deflated ||
        is->entry->crc != was->entry->crc || is->entry->size != was->entry->size ||
        is->entry->packed != was->entry->packed || memcmp(is->digest, was->digest, sizeof is->digest) != 0)
        return fail_differs(err);
    return compare_data(b->archive, is->entry->data, from->archive, was->entry->data, is->entry->packed, err);
}

bool bundle_compare_copy(const struct bundle *b, const struct bundle *from, const char *name,
                         bool *ret_copied, struct ens_err *err)
{
    const struct state_file *is = state_find(b->now, name);
    const struct state_file *was = state_find(from->now, name);

    if (is == NULL)
        return ens_fail(err, ENS_DATA, "%s: has no file %s: name one that it has", b->label, name);
    if (was == NULL || was->entry == NULL) {
        *ret_copied = false;
        return true;
    }
    if (!compare(b, is, from, was, err))
        return ens_wrap(err, "%s: file %s", b->label, name);
    *ret_copied = true;
    return true;
}

bool bundle_is_unchanged(const struct bundle *b)
{
    return b->archive == NULL || archive_is_unchanged(b->archive);
}
