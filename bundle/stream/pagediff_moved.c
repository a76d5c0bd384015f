/* Pages that are at another address, or at another place in the stream, on the other side. Another number of
 * threads, another stack or heap moves what lies behind: TCS pages, whose fields move with them, and pages
 * that are equal but for the address. Nothing is claimed if the two sides do not have as many such pages. */
#include <stdlib.h>
#include <string.h>

#include "bundle/stream/pagediff_internal.h"
#include "signer/base/mem.h"

/* Pages of one side, as pointers into its index. */
struct list {
    struct page **items;
    size_t len;
};

static void list_free(struct list *l)
{
    mem_free(l->items);
}

static bool list_new(size_t cap, struct list *ret, struct ens_err *err)
{
    *ret = (struct list){.items = mem_alloc(cap, sizeof(struct page *), err)};
    return ret->items != NULL;
}

static void pair_up(struct page_pairs *pairs, struct page *a, struct page *b)
{
    a->moved = 1;
    b->moved = 1;
    pairs->items[pairs->len++] = (struct page_pair){.a = a, .b = b};
}

/* ---- TCS ---- */

/* The TCS of both sides, without those that are the same at the same address. */
static void list_tcs(const struct pagediff_run *run, struct list *a, struct list *b)
{
    struct page_walk at = {0};
    struct page_pair p;

    while (pagediff_next(run, &at, &p)) {
        bool is_a = p.a != NULL && pages_is_tcs(p.a);
        bool is_b = p.b != NULL && pages_is_tcs(p.b);

        if (is_a && is_b && pagediff_same_frame(p.a, p.b) && pagediff_same_content(p.a, p.b))
            continue;
        if (is_a)
            a->items[a->len++] = p.a;
        if (is_b)
            b->items[b->len++] = p.b;
    }
}

/* The n-th thread of A is the n-th thread of B. */
static bool pair_tcs(struct pagediff_run *run, struct ens_err *err)
{
    ENS_CLEANUP(list_free) struct list a = {0};
    ENS_CLEANUP(list_free) struct list b = {0};

    if (!list_new(run->out->totals.threads_a, &a, err) || !list_new(run->out->totals.threads_b, &b, err))
        return false;
    list_tcs(run, &a, &b);
    if (a.len != b.len)
        return true;
    for (size_t i = 0; i < a.len; i++) {
        if (!pagediff_same_frame(a.items[i], b.items[i]))
            return true;
    }
    run->tcs_moved.items = mem_alloc(a.len, sizeof *run->tcs_moved.items, err);
    if (run->tcs_moved.items == NULL)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (a.items[i]->offset != b.items[i]->offset)
            pair_up(&run->tcs_moved, a.items[i], b.items[i]);
    }
    return true;
}

/* ---- any page ---- */

#define COMPARE(x, y) ((x) < (y) ? -1 : (x) > (y))

/* Orders pages by all that makes them equal. */
static int by_nature(const struct page *a, const struct page *b)
{
    const int parts[] = {COMPARE(a->flags, b->flags),
                         memcmp(a->content, b->content, sizeof a->content),
                         COMPARE(a->measured, b->measured),
                         COMPARE(a->unmeasured, b->unmeasured),
                         COMPARE(a->measured_order, b->measured_order),
                         COMPARE(a->order, b->order),
                         COMPARE(a->padding, b->padding)};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i] != 0)
            return parts[i];
    }
    return 0;
}

static int by_address(const struct page *a, const struct page *b)
{
    int c = COMPARE(a->offset, b->offset);

    return c != 0 ? c : COMPARE(a->number, b->number);
}

static int compare_pages(const void *left, const void *right)
{
    const struct page *a = *(struct page *const *)left;
    const struct page *b = *(struct page *const *)right;
    int c = by_nature(a, b);

    return c != 0 ? c : by_address(a, b);
}

static int compare_pairs(const void *left, const void *right)
{
    return by_address(((const struct page_pair *)left)->a, ((const struct page_pair *)right)->a);
}

/* The pages that only one side has, without those that are paired already. */
static void list_only(const struct pagediff_run *run, struct list *a, struct list *b)
{
    struct page_walk at = {0};
    struct page_pair p;

    while (pagediff_next(run, &at, &p)) {
        if (p.b == NULL && !p.a->moved)
            a->items[a->len++] = p.a;
        if (p.a == NULL && !p.b->moved)
            b->items[b->len++] = p.b;
    }
    qsort(a->items, a->len, sizeof(struct page *), compare_pages);
    qsort(b->items, b->len, sizeof(struct page *), compare_pages);
}

/* How many pages from `from` on are equal to it. */
static size_t equal_run(const struct list *l, size_t from)
{
    size_t n = 1;

    while (from + n < l->len && by_nature(l->items[from], l->items[from + n]) == 0)
        n++;
    return n;
}

static void pair_equals(struct page_pairs *pairs, const struct list *a, const struct list *b)
{
    size_t i = 0;
    size_t j = 0;

    while (i < a->len && j < b->len) {
        int c = by_nature(a->items[i], b->items[j]);
        size_t in_a = c <= 0 ? equal_run(a, i) : 0;
        size_t in_b = c >= 0 ? equal_run(b, j) : 0;

        for (size_t n = 0; in_a == in_b && n < in_a; n++)
            pair_up(pairs, a->items[i + n], b->items[j + n]);
        i += in_a;
        j += in_b;
    }
}

static void count_only(const struct pagediff_run *run, size_t *ret_a, size_t *ret_b)
{
    struct page_walk at = {0};
    struct page_pair p;

    *ret_a = 0;
    *ret_b = 0;
    while (pagediff_next(run, &at, &p)) {
        *ret_a += p.b == NULL;
        *ret_b += p.a == NULL;
    }
}

static bool pair_pages(struct pagediff_run *run, struct ens_err *err)
{
    ENS_CLEANUP(list_free) struct list a = {0};
    ENS_CLEANUP(list_free) struct list b = {0};
    size_t only_a = 0;
    size_t only_b = 0;

    count_only(run, &only_a, &only_b);
    if (only_a == 0 || only_b == 0)
        return true;
    run->moved.items = mem_alloc(only_a < only_b ? only_a : only_b, sizeof *run->moved.items, err);
    if (run->moved.items == NULL || !list_new(only_a, &a, err) || !list_new(only_b, &b, err))
        return false;
    list_only(run, &a, &b);
    pair_equals(&run->moved, &a, &b);
    qsort(run->moved.items, run->moved.len, sizeof *run->moved.items, compare_pairs);
    return true;
}

bool pagediff_find_moved(struct pagediff_run *run, struct ens_err *err)
{
    return pair_tcs(run, err) && pair_pages(run, err);
}

/* ---- the order of common pages: it is measured, though the enclave in memory is the same ---- */

/* Turns marks into places: what is marked is counted from 1. */
static void number_marked(uint32_t *marks, size_t len)
{
    uint32_t place = 0;

    for (size_t i = 0; i < len; i++) {
        if (marks[i] != 0)
            marks[i] = ++place;
    }
}

/* The place of each common page among the common pages of its stream, by page.number. */
static void find_places(const struct pagediff_run *run, uint32_t *ret_a, uint32_t *ret_b)
{
    struct page_walk at = {0};
    struct page_pair p;

    while (pagediff_next(run, &at, &p)) {
        if (p.a == NULL || p.b == NULL)
            continue;
        ret_a[p.a->number] = 1;
        ret_b[p.b->number] = 1;
    }
    number_marked(ret_a, run->a.len);
    number_marked(ret_b, run->b.len);
}

/* A page that nothing else was found about counts among those that differ. */
static void count_page(struct pagediff_run *run, struct page_pair p)
{
    run->out->totals.pages += pagediff_same_frame(p.a, p.b) && pagediff_same_content(p.a, p.b);
}

bool pagediff_page_order(struct pagediff_run *run, struct ens_err *err)
{
    struct page_walk at = {0};
    struct page_pair p;

    if (run->a.in_order && run->b.in_order)
        return true;
    ENS_CLEANUP(mem_freep) uint32_t *a = mem_alloc(run->a.len, sizeof *a, err);
    ENS_CLEANUP(mem_freep) uint32_t *b = a != NULL ? mem_alloc(run->b.len, sizeof *b, err) : NULL;

    if (a == NULL || b == NULL)
        return false;
    find_places(run, a, b);
    while (pagediff_next(run, &at, &p)) {
        if (p.a == NULL || p.b == NULL || a[p.a->number] == b[p.b->number])
            continue;
        struct pagediff_row row = pagediff_row_of(PAGEDIFF_PAGE_ORDER, p);

        row.value_a = a[p.a->number];
        row.value_b = b[p.b->number];
        if (!pagediff_add(run, &row, err))
            return false;
        count_page(run, p);
    }
    return true;
}
