/* The order in which the two sides add the pages that both have. It is measured, though the enclave in memory
 * is the same. */
#include "bundle/stream/pagediff_internal.h"
#include "signer/base/mem.h"

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
