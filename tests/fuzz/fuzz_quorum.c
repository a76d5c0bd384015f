/* Fuzz target: the seven files of a quorum; the first line says which reader gets the input. So that the trailer stops
 * nothing, the input has none: it is made here, before the last line of a share's own part also. What is refused is
 * refused with one line; what is accepted is written again with the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/quorum/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void append(struct buf *b, struct view v)
{
    struct ens_err err = {0};

    must(buf_append(b, v, &err));
}

/* Appends `text` and its trailer. */
static void append_sealed(struct buf *ret, struct view text)
{
    uint8_t sum[DIGEST_SIZE];
    struct ens_err err = {0};

    must(digest_of(DIGEST_SHA256, text, sum, &err));
    append(ret, text);
    must(buf_printf(ret, &err, "sha256: %s\n", hex_of(view_of(sum, sizeof sum)).text));
}

/* A share has a public file behind it, which begins at its first line. */
static void append_whole(struct buf *ret, enum quorum_kind kind, struct view text)
{
    static const char first[] = "ensign quorum public 1\n";
    const uint8_t *at = kind == QUORUM_SHARE ? memmem(text.data, text.len, first, sizeof first - 1) : NULL;

    if (at == NULL) {
        append_sealed(ret, text);
        return;
    }
    size_t own = (size_t)(at - text.data);

    append_sealed(ret, view_slice(text, 0, own));
    append_sealed(ret, view_slice(text, own, text.len - own));
}

static void try(enum quorum_kind kind, struct view file)
{
    static union {
        struct quorum_public public;
        struct quorum_share share;
        struct quorum_delta delta;
    } doc; /* the largest */
    ENS_CLEANUP(buf_free) struct buf again = {0};
    struct ens_err err = {0};

    if (!formats_read(kind, file, "F", &doc, &err)) {
        must(err.code == ENS_DATA && strchr(err.msg, '\n') == NULL);
        return;
    }
    must(formats_write(kind, &doc, &again, &err) && view_equal(buf_view(&again), file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENS_CLEANUP(buf_free) struct buf whole = {0};
    struct view text = view_of(data, size);
    enum quorum_kind kind = QUORUM_PUBLIC;

    if (!quorum_recognise(text, &kind))
        return 0;
    append_whole(&whole, kind, text);
    try(kind, text);
    try(kind, buf_view(&whole));
    return 0;
}
