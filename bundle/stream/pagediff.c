/* The comparison of two streams from its start to its end: an index of each, and the differences that the two
 * indices alone tell. */
#include "bundle/stream/pagediff.h"

#include <stdlib.h>
#include <string.h>

#include "bundle/stream/pagediff_internal.h"
#include "signer/base/digest.h"
#include "signer/base/mem.h"

#define FIRST_CAP 256 /* entries of an index */

_Static_assert(sizeof(struct page) == 64, "the index is promised to take 64 bytes per page");

/* ---- the index of a stream: one small entry for each page, by offset ---- */

static void free_pages(struct pages *p)
{
    mem_free(p->items);
    *p = (struct pages){0};
}

static bool grow(struct pages *p, struct ens_err *err)
{
    size_t cap = p->cap == 0 ? FIRST_CAP : p->cap * 2;
    void *items = p->items;

    if (p->len < p->cap)
        return true;
    if (!mem_grow(&items, cap, sizeof *p->items, err))
        return false;
    p->items = items;
    p->cap = cap;
    return true;
}

static bool take_page(void *ctx, const struct page *page, const struct page_bytes *bytes, struct ens_err *err)
{
    struct pages *p = ctx;
    struct view data = view_of(bytes->data, sizeof bytes->data);
    uint8_t digest[DIGEST_SIZE] = {0};

    if (!grow(p, err) || (!view_is_zero(data) && !digest_of(DIGEST_SHA256, data, digest, err)))
        return false;
    struct page *entry = &p->items[p->len];

    *entry = *page;
    memcpy(entry->content, digest, sizeof entry->content);
    if (p->len > 0 && p->items[p->len - 1].offset > page->offset)
        p->in_order = false;
    p->len++;
    return true;
}

static int by_offset(const void *left, const void *right)
{
    const struct page *a = left;
    const struct page *b = right;

    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* `ret` is released with free_pages. */
static bool read_pages(const struct page_source *source, struct pages *ret, struct ens_err *err)
{
    ENS_CLEANUP(free_pages) struct pages p = {.in_order = true};
    struct page_taker taker = {.take = take_page, .ctx = &p};

    if (!pages_pour(source, &taker, &p.ecreate, err))
        return false;
    if (!p.in_order)
        qsort(p.items, p.len, sizeof *p.items, by_offset);
    *ret = p;
    p = (struct pages){0};
    return true;
}

/* ---- heap and stack ---- */

static bool is_bare(const struct page *p)
{
    return !pages_is_tcs(p) && (p->measured | p->unmeasured) == 0;
}

static bool follows(const struct page *p)
{
    return p[-1].offset == p->offset - SGXS_PAGE_SIZE;
}

/* Pages between two threads: how many are bare, in how many runs, and how long the last run is. */
struct stretch {
    uint64_t bare, runs, last;
};

/* From `*at` up to the next TCS or the end, which is where `*at` is left. What lies right behind a TCS are
 * its SSA frames, and is left out. */
static struct stretch next_stretch(const struct pages *p, size_t *at)
{
    struct stretch s = {0};
    bool in_run = false;

    for (; *at > 0 && *at < p->len && is_bare(&p->items[*at]) && follows(&p->items[*at]); (*at)++) {
    }
    for (; *at < p->len && !pages_is_tcs(&p->items[*at]); (*at)++) {
        const struct page *page = &p->items[*at];

        in_run = in_run && is_bare(page) && follows(page);
        if (!is_bare(page))
            continue;
        s.bare++;
        s.runs += !in_run;
        s.last = in_run ? s.last + 1 : 1;
        in_run = true;
    }
    return s;
}

static struct pagediff_memory memory_of(const struct pages *p)
{
    size_t at = 0;
    struct stretch first = next_stretch(p, &at);

    if (at == p->len)
        return (struct pagediff_memory){.heap = first.bare};
    at++;
    struct stretch second = next_stretch(p, &at);
    bool is_stack = at < p->len ? first.last == second.last : first.runs > 1;

    return (struct pagediff_memory){.heap = first.bare - (is_stack ? first.last : 0),
                                    .stack = is_stack ? first.last : 0};
}

static void count_pages(struct pagediff_run *run)
{
    struct pagediff_totals *t = &run->out->totals;
    struct page_walk at = {0};
    struct page_pair p;

    t->pages_a = run->a.len;
    t->pages_b = run->b.len;
    t->memory_a = memory_of(&run->a);
    t->memory_b = memory_of(&run->b);
    while (pagediff_next(run, &at, &p)) {
        t->threads_a += p.a != NULL && pages_is_tcs(p.a);
        t->threads_b += p.b != NULL && pages_is_tcs(p.b);
        t->pages +=
            p.a == NULL || p.b == NULL || !pagediff_same_frame(p.a, p.b) || !pagediff_same_content(p.a, p.b);
    }
}

static bool add_values(struct pagediff_run *run, enum pagediff_kind kind, uint64_t a, uint64_t b,
                       struct ens_err *err)
{
    const struct pagediff_row row = {.kind = kind, .measured = true, .value_a = a, .value_b = b};

    return a == b || pagediff_add(run, &row, err);
}

/* ---- differences that the index tells: a pair, and the row it makes ---- */

static bool is_only_a(struct page_pair p, struct pagediff_row *ret)
{
    *ret = pagediff_row_of(PAGEDIFF_ONLY_A, p);
    return p.b == NULL && !p.a->moved;
}

static bool is_only_b(struct page_pair p, struct pagediff_row *ret)
{
    *ret = pagediff_row_of(PAGEDIFF_ONLY_B, p);
    return p.a == NULL && !p.b->moved;
}

static bool is_other_secinfo(struct page_pair p, struct pagediff_row *ret)
{
    *ret = pagediff_row_of(PAGEDIFF_SECINFO, p);
    return p.a != NULL && p.b != NULL && p.a->flags != p.b->flags;
}

static bool is_other_chunks(struct page_pair p, struct pagediff_row *ret)
{
    if (p.a == NULL || p.b == NULL)
        return false;
    *ret = pagediff_row_of(PAGEDIFF_CHUNKS, p);
    ret->measured = p.a->measured != p.b->measured;
    ret->measured_a = p.a->measured;
    ret->measured_b = p.b->measured;
    ret->unmeasured_a = p.a->unmeasured;
    ret->unmeasured_b = p.b->unmeasured;
    return ret->measured || p.a->unmeasured != p.b->unmeasured;
}

static bool is_other_padding(struct page_pair p, struct pagediff_row *ret)
{
    *ret = pagediff_row_of(PAGEDIFF_PADDING, p);
    ret->measured = false;
    return p.a != NULL && p.b != NULL && p.a->padding != p.b->padding;
}

static bool add_where(struct pagediff_run *run, bool (*is)(struct page_pair p, struct pagediff_row *ret),
                      struct ens_err *err)
{
    struct page_walk at = {0};
    struct page_pair p;
    struct pagediff_row row;

    while (pagediff_next(run, &at, &p)) {
        if (is(p, &row) && !pagediff_add(run, &row, err))
            return false;
    }
    return true;
}

static bool add_moved(struct pagediff_run *run, struct ens_err *err)
{
    for (size_t i = 0; i < run->moved.len; i++) {
        struct pagediff_row row = pagediff_row_of(PAGEDIFF_MOVED, run->moved.items[i]);

        row.value_b = run->moved.items[i].b->offset;
        if (!pagediff_add(run, &row, err))
            return false;
    }
    return true;
}

static bool add_padding(struct pagediff_run *run, struct ens_err *err)
{
    const struct pagediff_row row = {.kind = PAGEDIFF_PADDING};

    if (run->a.ecreate.padding != run->b.ecreate.padding && !pagediff_add(run, &row, err))
        return false;
    return add_where(run, is_other_padding, err);
}

/* ---- the whole ---- */

static void diff_free(struct pagediff_run *run)
{
    free_pages(&run->a);
    free_pages(&run->b);
    mem_free(run->moved.items);
    mem_free(run->tcs_moved.items);
    pagediff_freep(&run->out);
}

/* In the order of enum pagediff_kind. */
static bool add_rows(struct pagediff_run *run, struct ens_err *err)
{
    const struct page_ecreate *a = &run->a.ecreate;
    const struct page_ecreate *b = &run->b.ecreate;

    return add_values(run, PAGEDIFF_SIZE, a->size, b->size, err) &&
           add_values(run, PAGEDIFF_SSAFRAMESIZE, a->ssaframesize, b->ssaframesize, err) &&
           add_where(run, is_only_a, err) && add_where(run, is_only_b, err) && add_moved(run, err) &&
           add_where(run, is_other_secinfo, err) && add_where(run, is_other_chunks, err) &&
           pagediff_contents(run, err) && pagediff_page_order(run, err) && add_padding(run, err) &&
           pagediff_end(run, err);
}

bool pagediff_compare_in(const struct page_source *a, const struct page_source *b, size_t batch,
                         struct pagediff **ret, struct ens_err *err)
{
    ENS_CLEANUP(diff_free)
    struct pagediff_run run = {.source_a = a, .source_b = b, .batch = batch > 0 ? batch : 1};

    run.out = mem_alloc(1, sizeof *run.out, err);
    if (run.out == NULL || !read_pages(a, &run.a, err) || !read_pages(b, &run.b, err))
        return false;
    count_pages(&run);
    if (!pagediff_find_moved(&run, err) || !add_rows(&run, err))
        return false;
    *ret = ens_take(run.out);
    return true;
}

bool pagediff_compare(const struct page_source *a, const struct page_source *b, struct pagediff **ret,
                      struct ens_err *err)
{
    return pagediff_compare_in(a, b, PAGEDIFF_BATCH, ret, err);
}

void pagediff_freep(struct pagediff **d)
{
    if (*d == NULL)
        return;
    mem_free((*d)->rows);
    mem_free(*d);
    *d = NULL;
}
