/* Fuzz target: the page comparison. Four bytes tell the length of stream A and how B is made: it is what
 * follows, or a copy of A with edits; one byte tells the pieces and the batch. Both are streams exactly where
 * sgxs.c says so; no row means the same bytes; `measured` means another MRENCLAVE; and rows, totals, the
 * comparison in the other direction and in one batch agree. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/stream/pagediff.h"
#include "bundle/stream/sgxs.h"
#include "signer/base/mem.h"

#define EDIT_SIZE 4 /* bytes: a position of two bytes, what to do, a value */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stream {
    struct view bytes;
    size_t step;
    bool ok; /* as sgxs.c judges */
    struct ens_err why;
    struct sgxs_report report;
};

static void need(bool holds)
{
    if (!holds)
        abort();
}

static bool pour(void *ctx, const struct sink *sink, struct ens_err *err)
{
    const struct stream *s = ctx;

    for (size_t at = 0; at < s->bytes.len;) {
        size_t n = s->step < s->bytes.len - at ? s->step : s->bytes.len - at;

        if (!sink->put(sink->ctx, view_slice(s->bytes, at, n), err))
            return false;
        at += n;
    }
    return true;
}

static void judge(struct stream *s)
{
    ENS_CLEANUP(sgxs_freep) struct sgxs *judge = NULL;

    need(sgxs_new(&judge, &s->why) && sgxs_put(judge, s->bytes, &s->why));
    s->ok = sgxs_finish(judge, &s->report, &s->why);
}

/* A copy of A, with bytes changed and 64 bytes swapped with those after them. */
static struct view edit(struct view a, struct view edits, uint8_t *copy)
{
    if (a.len > 0)
        memcpy(copy, a.data, a.len);
    for (; edits.len >= EDIT_SIZE; edits = view_slice(edits, EDIT_SIZE, edits.len - EDIT_SIZE)) {
        size_t at = (size_t)bytes_get_le(view_slice(edits, 0, 2));
        size_t span = edits.data[2] % 4 == 1 ? 64 : edits.data[2] % 4 == 2 ? 320 : 1;
        uint8_t swap[320];

        if (span == 1 && at < a.len)
            copy[at] = edits.data[3];
        if (span == 1 || at + 2 * span > a.len)
            continue;
        memcpy(swap, copy + at, span);
        memmove(copy + at, copy + at + span, span);
        memcpy(copy + at + span, swap, span);
    }
    return view_of(copy, a.len);
}

static struct pagediff *compare(struct stream *a, struct stream *b, size_t batch)
{
    const struct page_source pa = {pour, a, "a"};
    const struct page_source pb = {pour, b, "b"};
    const struct stream *bad = !a->ok ? a : b;
    struct pagediff *d = NULL;
    struct ens_err err = {0};
    char want[sizeof err.msg + 3];

    if (pagediff_compare_in(&pa, &pb, batch, &d, &err)) {
        need(a->ok && b->ok && d != NULL && err.code == ENS_OK);
        return d;
    }
    need(d == NULL && !bad->ok && err.code == ENS_DATA);
    (void)snprintf(want, sizeof want, "%s: %s", bad == a ? "a" : "b", bad->why.msg);
    /* A message that is too long is cut in its middle. */
    need(strcmp(err.msg, want) == 0 || strlen(want) >= sizeof err.msg);
    return NULL;
}

static void check_rows(const struct pagediff *d)
{
    uint64_t pages[PAGEDIFF_KINDS] = {0};
    bool measured = false;

    for (size_t i = 0; i < d->len; i++) {
        const struct pagediff_row *r = &d->rows[i];
        const struct pagediff_row *last = i > 0 ? &d->rows[i - 1] : NULL;
        bool ecreate = r->kind <= PAGEDIFF_SSAFRAMESIZE || (r->kind == PAGEDIFF_PADDING && r->to == 0);

        need(r->kind < PAGEDIFF_KINDS && (ecreate ? r->pages == 0 : r->pages > 0 && r->to >= r->from));
        need(last == NULL || last->kind < r->kind || (last->kind == r->kind && last->from <= r->from));
        need(r->bytes_measured <= r->bytes && r->chunks_measured <= r->chunks && r->chunks <= r->bytes);
        need((r->kind != PAGEDIFF_CONTENT && r->kind != PAGEDIFF_TCS) || r->bytes > 0);
        need(r->tcs.other <= r->bytes);
        pages[r->kind] += r->pages;
        measured |= r->measured;
    }
    need(d->dropped == 0 && measured == d->measured);
    need(memcmp(pages, d->totals.pages_of, sizeof pages) == 0);
}

static void check_directions(const struct pagediff *d, const struct pagediff *back)
{
    for (int i = 0; i < PAGEDIFF_KINDS; i++) {
        int j = i == PAGEDIFF_ONLY_A ? PAGEDIFF_ONLY_B : i == PAGEDIFF_ONLY_B ? PAGEDIFF_ONLY_A : i;

        need(d->totals.pages_of[i] == back->totals.pages_of[j]);
    }
    need(d->measured == back->measured && d->totals.bytes == back->totals.bytes &&
         d->totals.pages == back->totals.pages && d->totals.bytes_measured == back->totals.bytes_measured);
}

static void check(struct stream *a, struct stream *b, size_t batch)
{
    ENS_CLEANUP(pagediff_freep) struct pagediff *d = compare(a, b, batch);
    ENS_CLEANUP(pagediff_freep) struct pagediff *back = compare(b, a, PAGEDIFF_BATCH);
    ENS_CLEANUP(pagediff_freep) struct pagediff *once = compare(a, b, PAGEDIFF_BATCH);

    if (d == NULL)
        return;
    check_rows(d);
    check_directions(d, back);
    need((d->len == 0) == view_equal(a->bytes, b->bytes));
    need(d->measured == (memcmp(a->report.mrenclave, b->report.mrenclave, MRENCLAVE_SIZE) != 0));
    need(d->totals.pages_a == a->report.pages && d->totals.threads_b == b->report.tcs);
    need(d->len == once->len && (d->len == 0 || memcmp(d->rows, once->rows, d->len * sizeof *d->rows) == 0));
    need(memcmp(&d->totals, &once->totals, sizeof d->totals) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {SIZE_MAX, 1, 63, 64, 256, 320, 384, 1000};
    static uint8_t copy[1u << 16u];
    static struct stream a;
    static struct stream b;

    if (size < 5 || size > sizeof copy)
        return 0;
    uint64_t head = bytes_get_le(view_of(data, 4));
    size_t len = (head & 0x7fffffff) < size - 5 ? (size_t)(head & 0x7fffffff) : size - 5;
    struct view rest = view_of(data + 5 + len, size - 5 - len);

    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.bytes = view_of(data + 5, len);
    b.bytes = head >> 31 != 0 ? edit(a.bytes, rest, copy) : rest;
    a.step = steps[data[4] % 8];
    b.step = steps[data[4] / 8 % 8];
    judge(&a);
    judge(&b);
    check(&a, &b, 1 + data[4] / 64);
    return 0;
}
