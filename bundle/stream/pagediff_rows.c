/* The pairs of pages at one address, and the rows of the report: pages that lie side by side and differ alike
 * become one row. */
#include <string.h>

#include "bundle/stream/pagediff_internal.h"
#include "signer/base/mem.h"

#define FIRST_CAP 16 /* rows */

const char *pagediff_kind_name(enum pagediff_kind kind)
{
    static const char *const names[PAGEDIFF_KINDS] = {
        [PAGEDIFF_SIZE] = "size",
        [PAGEDIFF_SSAFRAMESIZE] = "ssaframesize",
        [PAGEDIFF_ONLY_A] = "only-a",
        [PAGEDIFF_ONLY_B] = "only-b",
        [PAGEDIFF_MOVED] = "moved",
        [PAGEDIFF_SECINFO] = "secinfo",
        [PAGEDIFF_CHUNKS] = "chunks",
        [PAGEDIFF_CONTENT] = "content",
        [PAGEDIFF_TCS] = "tcs",
        [PAGEDIFF_TCS_MOVED] = "tcs-moved",
        [PAGEDIFF_CHUNK_ORDER] = "chunk-order",
        [PAGEDIFF_CHUNK_REPEAT] = "chunk-repeat",
        [PAGEDIFF_PAGE_ORDER] = "page-order",
        [PAGEDIFF_PADDING] = "padding",
    };

    return names[kind];
}

/* ---- pairs ---- */

bool pagediff_next(const struct pagediff_run *run, struct page_walk *at, struct page_pair *ret)
{
    struct page *a = at->a < run->a.len ? &run->a.items[at->a] : NULL;
    struct page *b = at->b < run->b.len ? &run->b.items[at->b] : NULL;

    if (a == NULL && b == NULL)
        return false;
    if (a != NULL && b != NULL && a->offset > b->offset)
        a = NULL;
    else if (a != NULL && b != NULL && b->offset > a->offset)
        b = NULL;
    at->a += a != NULL;
    at->b += b != NULL;
    *ret = (struct page_pair){.a = a, .b = b};
    return true;
}

bool pagediff_same_frame(const struct page *a, const struct page *b)
{
    return a->flags == b->flags && a->measured == b->measured && a->unmeasured == b->unmeasured &&
           a->measured_order == b->measured_order && a->order == b->order && a->padding == b->padding;
}

bool pagediff_same_content(const struct page *a, const struct page *b)
{
    return memcmp(a->content, b->content, sizeof a->content) == 0;
}

/* ---- rows ---- */

static uint64_t end_of_page(uint64_t offset)
{
    return offset > UINT64_MAX - SGXS_PAGE_SIZE ? UINT64_MAX : offset + SGXS_PAGE_SIZE;
}

struct pagediff_row pagediff_row_of(enum pagediff_kind kind, struct page_pair pair)
{
    struct pagediff_row row = {.kind = kind, .measured = true, .pages = 1};

    row.from = pair.a != NULL ? pair.a->offset : pair.b->offset;
    row.to = end_of_page(row.from);
    row.flags_a = pair.a != NULL ? pair.a->flags : 0;
    row.flags_b = pair.b != NULL ? pair.b->flags : 0;
    return row;
}

/* Is it the page after the row, and the same difference? A TCS keeps a row of its own, for its fields. */
static bool continues(const struct pagediff_row *last, const struct pagediff_row *row)
{
    if (last->kind != row->kind || last->pages == 0 || last->to != row->from ||
        last->flags_a != row->flags_a || last->flags_b != row->flags_b || last->measured != row->measured)
        return false;
    if (row->kind == PAGEDIFF_TCS || row->kind == PAGEDIFF_TCS_MOVED)
        return false;
    if (row->kind == PAGEDIFF_MOVED)
        return row->value_b == last->value_b + last->pages * SGXS_PAGE_SIZE;
    return last->measured_a == row->measured_a && last->measured_b == row->measured_b &&
           last->unmeasured_a == row->unmeasured_a && last->unmeasured_b == row->unmeasured_b;
}

static void join_rows(struct pagediff_row *last, const struct pagediff_row *row)
{
    last->to = row->to;
    last->pages += row->pages;
    last->bytes += row->bytes;
    last->bytes_measured += row->bytes_measured;
    last->chunks += row->chunks;
    last->chunks_measured += row->chunks_measured;
    last->chunk_mask |= row->chunk_mask;
}

static bool keep(struct pagediff_run *run, const struct pagediff_row *row, struct ens_err *err)
{
    struct pagediff *d = run->out;
    size_t cap = run->rows_cap == 0 ? FIRST_CAP : run->rows_cap * 2;
    void *rows = d->rows;

    if (run->rows_of[row->kind] == PAGEDIFF_ROWS_MAX) {
        d->dropped++;
        return true;
    }
    run->rows_of[row->kind]++;
    if (d->len == run->rows_cap) {
        if (!mem_grow(&rows, cap, sizeof *d->rows, err))
            return false;
        d->rows = rows;
        run->rows_cap = cap;
    }
    d->rows[d->len++] = *row;
    return true;
}

static void count_difference(struct pagediff *d, const struct pagediff_row *row)
{
    d->measured |= row->measured;
    d->totals.pages_of[row->kind] += row->pages;
    if (row->kind == PAGEDIFF_TCS_MOVED)
        return;
    d->totals.bytes += row->bytes;
    d->totals.bytes_measured += row->bytes_measured;
}

bool pagediff_end(struct pagediff_run *run, struct ens_err *err)
{
    if (run->open && !keep(run, &run->last, err))
        return false;
    run->open = false;
    return true;
}

bool pagediff_add(struct pagediff_run *run, const struct pagediff_row *row, struct ens_err *err)
{
    count_difference(run->out, row);
    if (run->open && continues(&run->last, row)) {
        join_rows(&run->last, row);
        return true;
    }
    if (!pagediff_end(run, err))
        return false;
    run->last = *row;
    run->open = true;
    return true;
}
