/* The walk over a stream's records that puts pages together. It judges nothing: a stream that it cannot
 * follow goes to sgxs.c, which knows how to say why. */
#include "bundle/stream/pages.h"

#include <string.h>

#include "bundle/stream/sgxs.h"
#include "signer/base/digest.h"
#include "signer/base/mem.h"

static const struct view nothing = {0};

/* The order in which chunks were given. As long as it ascends the set of chunks tells it, and the digest is
 * not begun. */
struct order {
    uint64_t digest;
    bool lost;
    unsigned next; /* the lowest chunk that keeps the order */
};

struct walk {
    struct page_taker *taker;
    struct page_ecreate ecreate;
    struct page page;
    struct page_bytes bytes;
    struct order measured_order;
    struct order order;
    uint32_t pages;  /* taken so far, and with the one at hand */
    uint32_t chunks; /* of the page at hand */
    struct sgxs_reader reader;
    bool created;
    bool broken;   /* no SGXS stream */
    bool too_many; /* pages */
};

bool pages_is_tcs(const struct page *p)
{
    return SECINFO_TYPE(p->flags) == SECINFO_TCS;
}

/* Chunks are aligned whatever the page is, so that those of a page that is not begin above it. */
static uint64_t first_chunk(uint64_t page)
{
    return (page + SGXS_CHUNK_SIZE - 1) & ~(uint64_t)(SGXS_CHUNK_SIZE - 1);
}

uint64_t pages_chunk_address(const struct page *p, unsigned n)
{
    return first_chunk(p->offset) + (uint64_t)n * SGXS_CHUNK_SIZE;
}

/* Makes `*digest` depend on two more byte strings, the first of a fixed length. */
static bool fold(uint64_t *digest, struct view head, struct view data, struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;
    uint8_t before[8];
    uint8_t after[DIGEST_SIZE];

    bytes_put_le(before, sizeof before, *digest);
    if (!digest_new(DIGEST_SHA256, &d, err) || !digest_update(d, view_of(before, sizeof before), err) ||
        !digest_update(d, head, err) || !digest_update(d, data, err) || !digest_final(d, after, err))
        return false;
    *digest = bytes_get_le(view_of(after, sizeof *digest));
    return true;
}

/* Folds the padding of a header in, unless it is zero. */
static bool fold_padding(uint64_t *digest, uint32_t place, const uint8_t *header, size_t used,
                         struct ens_err *err)
{
    struct view padding = view_of(header + used, SGXS_HEADER_SIZE - used);
    uint8_t head[4];

    bytes_put_le(head, sizeof head, place);
    return view_is_zero(padding) || fold(digest, view_of(head, sizeof head), padding, err);
}

/* One more chunk. `before` is the set of those already given, `replaced` the copy that does not count, where
 * there is one. */
static bool order_add(struct order *o, uint8_t given, uint32_t before, struct view replaced,
                      struct ens_err *err)
{
    unsigned chunk = given % SGXS_PAGE_CHUNKS;
    uint8_t head[4];

    if (!o->lost && chunk >= o->next) {
        o->next = chunk + 1;
        return true;
    }
    bytes_put_le(head, sizeof head, before);
    if (!o->lost && !fold(&o->digest, view_of(head, sizeof head), nothing, err))
        return false;
    o->lost = true;
    return fold(&o->digest, view_of(&given, 1), replaced, err);
}

/* Hands on the page that is complete now. */
static bool end_page(struct walk *w, struct ens_err *err)
{
    if (w->pages == 0)
        return true;
    w->page.measured_order = w->measured_order.digest;
    w->page.order = w->order.digest;
    return w->taker->take(w->taker->ctx, &w->page, &w->bytes, err) && !w->taker->enough;
}

static bool walk_page(struct walk *w, const uint8_t *header, struct ens_err *err)
{
    if (!end_page(w, err))
        return false;
    if (w->pages == PAGES_MAX) {
        w->too_many = true;
        return false;
    }
    if (w->chunks > 0)
        w->bytes = (struct page_bytes){0};
    w->page = (struct page){.offset = bytes_get_le64(header + 8),
                            .flags = bytes_get_le64(header + 16),
                            .number = w->pages & (PAGES_MAX - 1)};
    w->measured_order = (struct order){0};
    w->order = (struct order){0};
    w->chunks = 0;
    w->pages++;
    return fold_padding(&w->page.padding, 0, header, SGXS_USED_EADD, err);
}

static bool walk_chunk(struct walk *w, const struct sgxs_record *r, struct ens_err *err)
{
    struct page *p = &w->page;
    uint64_t offset = bytes_get_le64(r->header + SGXS_TAG_SIZE);

    if (w->pages == 0 || offset < p->offset || offset - p->offset >= SGXS_PAGE_SIZE ||
        offset % SGXS_CHUNK_SIZE != 0) {
        w->broken = true;
        return false;
    }
    unsigned chunk = (unsigned)((offset - p->offset) / SGXS_CHUNK_SIZE);
    uint8_t *kept = w->bytes.data + (size_t)chunk * SGXS_CHUNK_SIZE;
    struct view old = view_of(kept, SGXS_CHUNK_SIZE);
    struct view new = view_of(r->chunk, SGXS_CHUNK_SIZE);
    uint16_t bit = (uint16_t)(1u << chunk);
    bool measured = r->tag == SGXS_EEXTEND;
    bool was_measured = (p->measured & bit) != 0;
    bool was_given = was_measured || (p->unmeasured & bit) != 0;
    bool replaces = measured || !was_measured;
    uint8_t given = (uint8_t)(chunk | (measured ? SGXS_PAGE_CHUNKS : 0));

    w->chunks++;
    if (!fold_padding(&p->padding, w->chunks, r->header, SGXS_USED_CHUNK, err))
        return false;
    if (measured && !order_add(&w->measured_order, given, p->measured, was_measured ? old : nothing, err))
        return false;
    if (!order_add(&w->order, given, (uint32_t)p->unmeasured << 16 | p->measured,
                   was_given ? (replaces ? old : new) : nothing, err))
        return false;
    if (replaces)
        memcpy(kept, r->chunk, SGXS_CHUNK_SIZE);
    if (w->bytes.given_len < PAGE_GIVEN_KEPT)
        w->bytes.given[w->bytes.given_len++] = given;
    p->repeated |= was_given;
    if (measured)
        p->measured |= bit;
    else
        p->unmeasured |= bit;
    return true;
}

static bool walk_ecreate(struct walk *w, const uint8_t *header, struct ens_err *err)
{
    w->created = true;
    w->ecreate.ssaframesize = (uint32_t)bytes_get_le(view_of(header + 8, 4));
    w->ecreate.size = bytes_get_le64(header + 12);
    return fold_padding(&w->ecreate.padding, 0, header, SGXS_USED_ECREATE, err);
}

static bool walk_record(struct walk *w, const struct sgxs_record *r, struct ens_err *err)
{
    if (r->tag == SGXS_ECREATE && !w->created)
        return walk_ecreate(w, r->header, err);
    if (r->tag == SGXS_EADD && w->created)
        return walk_page(w, r->header, err);
    if (r->chunk != NULL && w->created)
        return walk_chunk(w, r, err);
    w->broken = true;
    return false;
}

static bool put(void *ctx, struct view piece, struct ens_err *err)
{
    struct walk *w = ctx;
    struct sgxs_record record;

    if (w->broken || w->too_many || w->taker->enough)
        return false;
    sgxs_feed(&w->reader, piece);
    while (sgxs_next(&w->reader, &record)) {
        if (!walk_record(w, &record, err))
            return false;
    }
    return true;
}

static bool put_sgxs(void *ctx, struct view piece, struct ens_err *err)
{
    return sgxs_put(ctx, piece, err);
}

/* Why it is not an SGXS stream, from the one who judges streams. */
static bool explain(const struct page_source *source, struct ens_err *err)
{
    ENS_CLEANUP(sgxs_freep) struct sgxs *s = NULL;
    ENS_CLEANUP(mem_freep) struct sgxs_report *report = mem_alloc(1, sizeof *report, err);

    if (report == NULL || !sgxs_new(&s, err))
        return false;
    const struct sink sink = {put_sgxs, s};

    if (!source->pour(source->ctx, &sink, err))
        return false;
    if (sgxs_finish(s, report, err))
        (void)ens_fail(err, ENS_DATA, "changed while it was read: repeat when it is complete");
    return ens_wrap(err, "%s", source->label);
}

bool pages_pour(const struct page_source *source, struct page_taker *taker, struct page_ecreate *ret,
                struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct walk *w = mem_alloc(1, sizeof *w, err);
    struct ens_err why = {0};

    if (w == NULL)
        return false;
    const struct sink sink = {put, w};

    w->taker = taker;
    bool ok = source->pour(source->ctx, &sink, &why);

    if (ok && (!w->created || sgxs_rest(&w->reader).len > 0))
        w->broken = true;
    if (w->broken)
        return explain(source, err);
    if (w->too_many)
        return ens_fail(err, ENS_DATA, "%s: more than %u pages: enclaves of up to 64 GiB can be compared",
                        source->label, PAGES_MAX);
    /* The last page ends with the stream. */
    if (ok && !end_page(w, &why))
        ok = false;
    if (!ok && !taker->enough) {
        *err = why;
        return false;
    }
    *ret = w->ecreate;
    return true;
}
