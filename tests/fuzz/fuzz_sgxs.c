/* Fuzz target: SGXS streams. The first byte says in what pieces the rest is fed. The result does not depend
 * on the pieces, the SHA-256 is that of the bytes, and MRENCLAVE equals it exactly when nothing was found
 * that makes them differ. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/stream/sgxs.h"
#include "signer/base/digest.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_stream(struct view stream, size_t step, struct sgxs_report *ret, struct ens_err *err)
{
    ENS_CLEANUP(sgxs_freep) struct sgxs *s = NULL;

    if (!sgxs_new(&s, err))
        abort();
    for (size_t at = 0; at < stream.len;) {
        size_t n = step < stream.len - at ? step : stream.len - at;

        if (!sgxs_put(s, view_slice(stream, at, n), err))
            abort();
        at += n;
    }
    return sgxs_finish(s, ret, err);
}

/* Is there a finding that says why the CPU's value is not that of the file? */
static bool tells_a_difference(const struct findings *f)
{
    static const char *const rules[] = {"unmeasured", "ecreate-padding", "secinfo-reserved", "chunk-padding"};

    for (size_t i = 0; i < f->len; i++) {
        for (size_t j = 0; j < sizeof rules / sizeof rules[0]; j++) {
            if (strcmp(f->items[i].rule, rules[j]) == 0)
                return true;
        }
    }
    return false;
}

static void check_report(const struct sgxs_report *r, size_t size)
{
    const struct findings *f = &r->problems;

    if (r->equal != (memcmp(r->mrenclave, r->sha256, 32) == 0))
        abort();
    /* Findings beyond the limit are counted, and not told apart. */
    if (f->dropped == 0 && r->equal == tells_a_difference(f))
        abort();
    if (64 * (1 + r->pages) + 320 * (r->measured_chunks + r->unmeasrd_chunks) != size || r->tcs > r->pages)
        abort();
    for (size_t i = 0; i < f->len; i++) {
        if (f->items[i].text[0] == '\0' || strchr(f->items[i].text, '\n') != NULL)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 3, 64, 100, 255, 256, 320, 4096};
    struct sgxs_report whole;
    struct sgxs_report pieces;
    struct ens_err why_whole = {0};
    struct ens_err why_pieces = {0};
    uint8_t sha256[32];

    if (size == 0)
        return 0;
    struct view stream = view_of(data + 1, size - 1);

    memset(&whole, 0, sizeof whole);
    memset(&pieces, 0, sizeof pieces);
    bool ok = read_stream(stream, SIZE_MAX, &whole, &why_whole);

    if (ok != read_stream(stream, steps[data[0] % 8], &pieces, &why_pieces) ||
        memcmp(&whole, &pieces, sizeof whole) != 0 || strcmp(why_whole.msg, why_pieces.msg) != 0)
        abort();
    if (!digest_of(DIGEST_SHA256, stream, sha256, &why_whole) || memcmp(sha256, whole.sha256, 32) != 0)
        abort();
    if (ok)
        check_report(&whole, stream.len);
    else if (why_pieces.code != ENS_DATA || why_pieces.msg[0] == '\0')
        abort();
    if (ok && magic_of(stream) != MAGIC_SGXS)
        abort();
    return 0;
}
