/* The index of a stream: one small entry for each page, by offset. */
#include "bundle/stream/pages.h"

#include <stdlib.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"

#define FIRST_CAP 256 /* entries */

_Static_assert(sizeof(struct page) == 64, "the index is promised to take 64 bytes per page");

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

static bool take(void *ctx, const struct page *page, const struct page_bytes *bytes, struct ens_err *err)
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

bool pages_read(const struct page_source *source, struct pages *ret, struct ens_err *err)
{
    ENS_CLEANUP(pages_free) struct pages p = {.in_order = true};
    struct page_taker taker = {.take = take, .ctx = &p};

    if (!pages_pour(source, &taker, &p.ecreate, err))
        return false;
    if (!p.in_order)
        qsort(p.items, p.len, sizeof *p.items, by_offset);
    *ret = p;
    p = (struct pages){0};
    return true;
}

void pages_free(struct pages *p)
{
    mem_free(p->items);
    *p = (struct pages){0};
}
