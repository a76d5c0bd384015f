/* What differs inside of pages. Both streams are poured again for a batch of pages: those of A are kept,
 * those of B are compared as they come by. */
#include <stdlib.h>
#include <string.h>

#include "bundle/stream/pagediff_internal.h"
#include "signer/base/mem.h"

/* Intel SDM, "TCS". */
static const struct {
    const char *name;
    size_t offset;
    size_t len;
} tcs_fields[TCS_FIELDS] = {
    [TCS_FLAGS] = {"FLAGS", 8, 8},      [TCS_OSSA] = {"OSSA", 16, 8},
    [TCS_NSSA] = {"NSSA", 28, 4},       [TCS_OENTRY] = {"OENTRY", 32, 8},
    [TCS_OFSBASE] = {"OFSBASE", 48, 8}, [TCS_OGSBASE] = {"OGSBASE", 56, 8},
    [TCS_FSLIMIT] = {"FSLIMIT", 64, 4}, [TCS_GSLIMIT] = {"GSLIMIT", 68, 4},
};

const char *pagediff_tcs_field_name(enum pagediff_tcs_field field)
{
    return tcs_fields[field].name;
}

/* A page to look for, by its place in the stream. */
struct wanted {
    uint32_t number;
    size_t slot;
};

struct slot {
    struct page_pair pair;
    struct pagediff_row row;
    struct page_bytes bytes; /* of A */
};

struct batch {
    struct slot *slots;
    struct wanted *a;
    struct wanted *b;
    size_t len;
    size_t cap;
};

static void batch_free(struct batch *batch)
{
    mem_free(batch->slots);
    mem_free(batch->a);
    mem_free(batch->b);
}

/* Memory is asked for when there is something to compare. */
static bool batch_begin(const struct pagediff_run *run, struct batch *batch, struct ens_err *err)
{
    if (batch->slots != NULL)
        return true;
    batch->cap = run->batch < run->a.len ? run->batch : run->a.len;
    batch->slots = mem_alloc(batch->cap, sizeof *batch->slots, err);
    batch->a = batch->slots != NULL ? mem_alloc(batch->cap, sizeof *batch->a, err) : NULL;
    batch->b = batch->a != NULL ? mem_alloc(batch->cap, sizeof *batch->b, err) : NULL;
    return batch->b != NULL;
}

/* ---- two pages ---- */

static size_t differing_bytes(const uint8_t *a, const uint8_t *b, size_t len, size_t *ret_first)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (a[i] == b[i])
            continue;
        if (n == 0)
            *ret_first = i;
        n++;
    }
    return n;
}

static void compare_chunk(struct slot *s, unsigned chunk, const uint8_t *a, const uint8_t *b)
{
    struct pagediff_row *row = &s->row;
    uint16_t bit = (uint16_t)(1u << chunk);
    bool measured = ((s->pair.a->measured | s->pair.b->measured) & bit) != 0;
    size_t first = 0;
    size_t n = differing_bytes(a, b, SGXS_CHUNK_SIZE, &first);

    if (n == 0)
        return;
    if (row->bytes == 0) {
        size_t at = first - first % PAGEDIFF_SAMPLE;

        row->first_offset = pages_chunk_address(s->pair.a, chunk) + first;
        row->sample = row->first_offset - first % PAGEDIFF_SAMPLE;
        memcpy(row->sample_a, a + at, PAGEDIFF_SAMPLE);
        memcpy(row->sample_b, b + at, PAGEDIFF_SAMPLE);
    }
    row->bytes += n;
    row->bytes_measured += measured ? n : 0;
    row->chunks++;
    row->chunks_measured += measured;
    row->chunk_mask |= bit;
}

static void compare_tcs(struct pagediff_tcs *ret, uint64_t differing, const uint8_t *a, const uint8_t *b)
{
    size_t first = 0;

    ret->other = differing;
    for (size_t i = 0; i < TCS_FIELDS; i++) {
        size_t offset = tcs_fields[i].offset;
        size_t len = tcs_fields[i].len;

        ret->a[i] = bytes_get_le(view_of(a + offset, len));
        ret->b[i] = bytes_get_le(view_of(b + offset, len));
        ret->other -= differing_bytes(a + offset, b + offset, len, &first);
    }
}

static void compare_content(struct slot *s, const struct page_bytes *b)
{
    const struct page_bytes *a = &s->bytes;

    for (unsigned i = 0; i < SGXS_PAGE_CHUNKS; i++)
        compare_chunk(s, i, a->data + (size_t)i * SGXS_CHUNK_SIZE, b->data + (size_t)i * SGXS_CHUNK_SIZE);
    if (s->row.kind != PAGEDIFF_CONTENT)
        compare_tcs(&s->row.tcs, s->row.bytes, a->data, b->data);
    if (s->row.kind != PAGEDIFF_TCS_MOVED)
        s->row.measured = s->row.bytes_measured > 0;
}

/* Is the chunk `at` of the list one of those before it? */
static bool is_again(const struct page_bytes *p, size_t at)
{
    return at < p->given_len && memchr(p->given, p->given[at], at) != NULL;
}

/* Where the two orders part. */
static void compare_order(struct slot *s, const struct page_bytes *b)
{
    const struct page_bytes *a = &s->bytes;
    struct pagediff_row *row = &s->row;
    size_t i = 0;

    row->first_offset = s->pair.a->offset;
    while (i < a->given_len && i < b->given_len && a->given[i] == b->given[i])
        i++;
    if (i < a->given_len)
        row->value_a = pages_chunk_address(s->pair.a, a->given[i] % SGXS_PAGE_CHUNKS);
    if (i < b->given_len)
        row->value_b = pages_chunk_address(s->pair.b, b->given[i] % SGXS_PAGE_CHUNKS);
    if (i < a->given_len)
        row->first_offset = row->value_a;
    if (i < b->given_len && (i >= a->given_len || is_again(b, i)))
        row->first_offset = row->value_b;
}

static void compare_slot(struct slot *s, const struct page_bytes *b)
{
    if (s->row.kind == PAGEDIFF_CHUNK_ORDER || s->row.kind == PAGEDIFF_CHUNK_REPEAT)
        compare_order(s, b);
    else
        compare_content(s, b);
}

/* ---- a batch ---- */

struct fetch {
    struct batch *batch;
    struct page_taker taker;
    size_t at; /* the next one that is wanted */
    bool is_a;
    bool changed; /* it is not the stream that the index was made of */
};

static bool fetch_page(void *ctx, const struct page *page, const struct page_bytes *bytes,
                       struct ens_err *err)
{
    struct fetch *f = ctx;
    const struct wanted *wanted = f->is_a ? f->batch->a : f->batch->b;
    struct slot *s = &f->batch->slots[wanted[f->at].slot];
    const struct page *known = f->is_a ? s->pair.a : s->pair.b;

    if (page->number != wanted[f->at].number)
        return true;
    if (page->offset != known->offset || !pagediff_same_frame(page, known)) {
        f->changed = true;
        return ens_fail(err, ENS_DATA, "the stream changed");
    }
    if (f->is_a)
        s->bytes = *bytes;
    else
        compare_slot(s, bytes);
    f->at++;
    f->taker.enough = f->at == f->batch->len;
    return true;
}

static bool fail_changed(const struct page_source *source, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "%s: changed while it was read: repeat when it is complete",
                    source->label);
}

static bool fetch_side(struct pagediff_run *run, struct batch *batch, bool is_a, struct ens_err *err)
{
    const struct page_source *source = is_a ? run->source_a : run->source_b;
    struct fetch f = {.batch = batch, .is_a = is_a};
    struct page_ecreate ecreate;

    f.taker = (struct page_taker){.take = fetch_page, .ctx = &f};
    bool ok = pages_pour(source, &f.taker, &ecreate, err);

    if (f.changed || (ok && !f.taker.enough))
        return fail_changed(source, err);
    return ok;
}

static int by_number(const void *left, const void *right)
{
    const struct wanted *a = left;
    const struct wanted *b = right;

    return a->number < b->number ? -1 : a->number > b->number;
}

/* Compares what is in the batch, adds its rows, and empties it. */
static bool batch_end(struct pagediff_run *run, struct batch *batch, struct ens_err *err)
{
    if (batch->len == 0)
        return true;
    qsort(batch->a, batch->len, sizeof *batch->a, by_number);
    qsort(batch->b, batch->len, sizeof *batch->b, by_number);
    if (!fetch_side(run, batch, true, err) || !fetch_side(run, batch, false, err))
        return false;
    for (size_t i = 0; i < batch->len; i++) {
        const struct pagediff_row *row = &batch->slots[i].row;

        /* The index says that they differ. */
        if ((row->kind == PAGEDIFF_CONTENT || row->kind == PAGEDIFF_TCS) && row->bytes == 0)
            return fail_changed(run->source_b, err);
        if (!pagediff_add(run, row, err))
            return false;
    }
    batch->len = 0;
    return true;
}

static bool batch_add(struct pagediff_run *run, struct batch *batch, const struct pagediff_row *row,
                      struct page_pair pair, struct ens_err *err)
{
    if (!batch_begin(run, batch, err) || (batch->len == batch->cap && !batch_end(run, batch, err)))
        return false;
    struct slot *s = &batch->slots[batch->len];

    s->pair = pair;
    s->row = *row;
    batch->a[batch->len] = (struct wanted){.number = pair.a->number, .slot = batch->len};
    batch->b[batch->len] = (struct wanted){.number = pair.b->number, .slot = batch->len};
    batch->len++;
    return true;
}

/* ---- which pages ---- */

/* Does the order of the chunks differ, and not only because other chunks are given? Another order of
 * unmeasured ones does not change MRENCLAVE. */
static bool order_differs(const struct page *a, const struct page *b, bool *ret_measured)
{
    *ret_measured = a->measured_order != b->measured_order;
    if (a->measured != b->measured)
        return false;
    return *ret_measured || (a->unmeasured == b->unmeasured && a->order != b->order);
}

/* Is there this difference between the two? Fills in what the index knows. */
static bool selects(enum pagediff_kind kind, struct page_pair p, struct pagediff_row *ret)
{
    bool both_tcs = pages_is_tcs(p.a) && pages_is_tcs(p.b);
    bool repeated = p.a->repeated || p.b->repeated;
    bool measured = true;
    bool selected = false;

    if (kind == PAGEDIFF_CONTENT)
        selected = !both_tcs && !pagediff_same_content(p.a, p.b);
    else if (kind == PAGEDIFF_TCS)
        selected = both_tcs && !pagediff_same_content(p.a, p.b) && !(p.a->moved && p.b->moved);
    else
        selected = order_differs(p.a, p.b, &measured) && repeated == (kind == PAGEDIFF_CHUNK_REPEAT);
    if (!selected)
        return false;
    *ret = pagediff_row_of(kind, p);
    ret->measured = measured;
    return true;
}

static bool compare_kind(struct pagediff_run *run, struct batch *batch, enum pagediff_kind kind,
                         struct ens_err *err)
{
    struct page_walk at = {0};
    struct page_pair p;
    struct pagediff_row row;

    while (pagediff_next(run, &at, &p)) {
        if (p.a != NULL && p.b != NULL && selects(kind, p, &row) && !batch_add(run, batch, &row, p, err))
            return false;
    }
    return batch_end(run, batch, err);
}

static bool compare_moved(struct pagediff_run *run, struct batch *batch, struct ens_err *err)
{
    for (size_t i = 0; i < run->tcs_moved.len; i++) {
        struct page_pair p = run->tcs_moved.items[i];
        struct pagediff_row row = pagediff_row_of(PAGEDIFF_TCS_MOVED, p);

        row.value_b = p.b->offset;
        if (!batch_add(run, batch, &row, p, err))
            return false;
    }
    return batch_end(run, batch, err);
}

bool pagediff_contents(struct pagediff_run *run, struct ens_err *err)
{
    ENS_CLEANUP(batch_free) struct batch batch = {0};

    return compare_kind(run, &batch, PAGEDIFF_CONTENT, err) && compare_kind(run, &batch, PAGEDIFF_TCS, err) &&
           compare_moved(run, &batch, err) && compare_kind(run, &batch, PAGEDIFF_CHUNK_ORDER, err) &&
           compare_kind(run, &batch, PAGEDIFF_CHUNK_REPEAT, err);
}
