/* What the files of the page comparison share: one run over two indices. */
#pragma once

#include "bundle/stream/pagediff.h"

/* A page of A and one of B: the two at one address, or one that moved. NULL if a side has none. */
struct page_pair {
    struct page *a;
    struct page *b;
};

struct page_pairs {
    struct page_pair *items;
    size_t len;
};

struct pagediff_run {
    const struct page_source *source_a;
    const struct page_source *source_b;
    struct pages a;
    struct pages b;
    size_t batch;
    struct page_pairs moved;     /* by the address in A */
    struct page_pairs tcs_moved; /* the same */
    struct pagediff *out;
    size_t rows_cap;
    size_t rows_of[PAGEDIFF_KINDS];
    struct pagediff_row last; /* the row that the next page may belong to; none if `open` is false */
    bool open;
};

/* Where a walk over the addresses of both sides is; starts as zero. */
struct page_walk {
    size_t a;
    size_t b;
};

/* ---- pagediff_rows.c ---- */

/* The next address that a side has: pages with the same address meet in the order of their streams. False at
 * the end. */
bool pagediff_next(const struct pagediff_run *run, struct page_walk *at, struct page_pair *ret);

/* Is everything equal but the content, the address, and the place in the stream? */
bool pagediff_same_frame(const struct page *a, const struct page *b);
bool pagediff_same_content(const struct page *a, const struct page *b);

/* A row of one pair, with its addresses and flags. */
struct pagediff_row pagediff_row_of(enum pagediff_kind kind, struct page_pair pair);

/* Adds a row to the totals, and to the last row or behind it. Rows come by kind, then by address. */
bool pagediff_add(struct pagediff_run *run, const struct pagediff_row *row,
                  struct ens_err *err) ENS_MUST_CHECK;

/* After the last row. */
bool pagediff_end(struct pagediff_run *run, struct ens_err *err) ENS_MUST_CHECK;

/* ---- pagediff_moved.c ---- */

/* Finds run->moved and run->tcs_moved, and marks their pages. */
bool pagediff_find_moved(struct pagediff_run *run, struct ens_err *err) ENS_MUST_CHECK;

/* Adds the rows of PAGE_ORDER. */
bool pagediff_page_order(struct pagediff_run *run, struct ens_err *err) ENS_MUST_CHECK;

/* ---- pagediff_content.c ---- */

/* Adds the rows that need the content: CONTENT, TCS, TCS_MOVED, CHUNK_ORDER, CHUNK_REPEAT. */
bool pagediff_contents(struct pagediff_run *run, struct ens_err *err) ENS_MUST_CHECK;
