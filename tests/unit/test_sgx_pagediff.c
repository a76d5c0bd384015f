/* The page comparison: the vectors of tests/vectors/sgxs, each explained by what was changed in it and by
 * nothing else; streams built here for what moves, repeats, or is reordered; and large
 * ones in bounded memory. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bundle/stream/pagediff.h"
#include "bundle/stream/sgxs.h"
#include "signer/base/mem.h"
#include "tests/support/support.h"

#define R   0x201ull
#define RW  0x203ull
#define RX  0x205ull
#define TCS 0x100ull

/* ---- sources ---- */

/* Bytes, in pieces of `step`; counts how often it is poured. After `stable` pours (0:
 * never) it gives `later`. */
struct bytes_source {
    struct view bytes;
    struct view later;
    size_t step;
    size_t stable;
    size_t pours;
    size_t fails_at; /* the pour that fails of itself, from 1; 0: none */
    uint64_t poured; /* bytes, in all pours */
};

static bool pour_bytes(void *ctx, const struct sink *sink, struct ens_err *err)
{
    struct bytes_source *s = ctx;
    struct view left = s->bytes;

    s->pours++;
    if (s->pours == s->fails_at)
        return ens_fail(err, ENS_IO, "cannot be read any more");
    if (s->stable > 0 && s->pours > s->stable)
        left = s->later;
    while (left.len > 0) {
        size_t n = s->step < left.len ? s->step : left.len;

        s->poured += n;
        if (!sink->put(sink->ctx, view_slice(left, 0, n), err))
            return false;
        left = view_slice(left, n, left.len - n);
    }
    return true;
}

static struct page_source source_of(struct bytes_source *s, const char *label)
{
    if (s->step == 0)
        s->step = SIZE_MAX;
    return (struct page_source){.pour = pour_bytes, .ctx = s, .label = label};
}

static struct pagediff *compare_in(struct view a, struct view b, size_t step, size_t batch)
{
    struct bytes_source sa = {.bytes = a, .step = step};
    struct bytes_source sb = {.bytes = b, .step = step};
    const struct page_source pa = source_of(&sa, "a");
    const struct page_source pb = source_of(&sb, "b");
    struct pagediff *d = NULL;
    struct ens_err err = {0};

    assert_ok(pagediff_compare_in(&pa, &pb, batch, &d, &err), err);
    assert_int_equal(err.code, ENS_OK);
    return d;
}

static struct pagediff *compare(const struct buf *a, const struct buf *b)
{
    return compare_in(buf_view(a), buf_view(b), SIZE_MAX, PAGEDIFF_BATCH);
}

/* ---- streams ---- */

static void put(struct buf *b, const void *data, size_t len)
{
    struct ens_err err = {0};

    assert_ok(buf_append(b, view_of(data, len), &err), err);
}

static void put_record(struct buf *b, const char *tag, uint64_t first, uint64_t second)
{
    uint8_t record[64] = {0};

    memcpy(record, tag, strlen(tag));
    bytes_put_le(record + 8, 8, first);
    bytes_put_le(record + 16, 8, second);
    put(b, record, sizeof record);
}

static struct buf stream_new(void)
{
    struct buf b = {0};
    uint8_t record[64] = "ECREATE";

    bytes_put_le(record + 8, 4, 1);
    bytes_put_le(record + 12, 8, 1ull << 32);
    put(&b, record, sizeof record);
    return b;
}

static void put_eadd(struct buf *b, uint64_t offset, uint64_t flags)
{
    put_record(b, "EADD", offset, flags);
}

static void put_chunk(struct buf *b, const char *tag, uint64_t offset, const uint8_t *data)
{
    put_record(b, tag, offset, 0);
    put(b, data, 256);
}

static void put_filled(struct buf *b, const char *tag, uint64_t offset, int fill)
{
    uint8_t data[256];

    memset(data, fill, sizeof data);
    put_chunk(b, tag, offset, data);
}

/* A page whose chunks are all measured. */
static void put_page(struct buf *b, uint64_t offset, uint64_t flags, const uint8_t *page)
{
    put_eadd(b, offset, flags);
    for (size_t i = 0; i < 4096; i += 256)
        put_chunk(b, "EEXTEND", offset + i, page + i);
}

static void put_page_of(struct buf *b, uint64_t offset, uint64_t flags, int fill)
{
    uint8_t page[4096];

    memset(page, fill, sizeof page);
    put_page(b, offset, flags, page);
}

/* Pages that are added and not given. */
static void put_heap(struct buf *b, uint64_t offset, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        put_eadd(b, offset + i * 4096, RW);
}

/* A thread: TCS at `offset`, its SSA frame in the page after it. */
static void put_thread(struct buf *b, uint64_t offset, uint64_t oentry)
{
    uint8_t page[4096] = {0};

    bytes_put_le(page + 16, 8, offset + 4096);
    bytes_put_le(page + 28, 4, 1);
    bytes_put_le(page + 32, 8, oentry);
    bytes_put_le(page + 48, 8, offset + 8192);
    bytes_put_le(page + 56, 8, offset + 8192);
    bytes_put_le(page + 64, 4, 0xfff);
    bytes_put_le(page + 68, 4, 0xfff);
    put_page(b, offset, TCS, page);
    put_heap(b, offset + 4096, 1);
}

/* ---- what is expected ---- */

/* The report in short: one line for each row. */
static void render(const struct pagediff *d, char *ret, size_t cap)
{
    size_t at = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < d->len && at < cap; i++) {
        const struct pagediff_row *r = &d->rows[i];
        int n = snprintf(ret + at, cap - at,
                         "%s%s %" PRIx64 "-%" PRIx64 " %" PRIx64 "/%" PRIx64 " %" PRIx64 "/%" PRIx64,
                         i > 0 ? "; " : "", pagediff_kind_name(r->kind), r->from, r->to, r->flags_a,
                         r->flags_b, r->value_a, r->value_b);

        assert_true(n > 0);
        at += (size_t)n;
        if (r->bytes > 0 && at < cap)
            at += (size_t)snprintf(ret + at, cap - at, " %" PRIu64 " bytes at %" PRIx64, r->bytes,
                                   r->first_offset);
        if ((r->kind == PAGEDIFF_CHUNK_ORDER || r->kind == PAGEDIFF_CHUNK_REPEAT) && at < cap)
            at += (size_t)snprintf(ret + at, cap - at, " first %" PRIx64, r->first_offset);
        if (!r->measured && at < cap)
            at += (size_t)snprintf(ret + at, cap - at, " unmeasured");
    }
    assert_true(at < cap);
}

static void assert_mrenclave(struct view stream, uint8_t ret[static 32])
{
    struct sgxs *s = NULL;
    struct ens_err err = {0};
    static struct sgxs_report report;

    assert_ok(sgxs_new(&s, &err) && sgxs_put(s, stream, &err) && sgxs_finish(s, &report, &err), err);
    memcpy(ret, report.mrenclave, 32);
    sgxs_freep(&s);
}

/* The report reads `want`; and whether it says that MRENCLAVE differs is true. */
static void assert_report(const struct buf *a, const struct buf *b, const char *want)
{
    static char got[4096];
    uint8_t mrenclave_a[32];
    uint8_t mrenclave_b[32];
    struct pagediff *d = compare(a, b);

    render(d, got, sizeof got);
    assert_string_equal(got, want);
    assert_int_equal(d->dropped, 0);
    assert_mrenclave(buf_view(a), mrenclave_a);
    assert_mrenclave(buf_view(b), mrenclave_b);
    assert_int_equal(d->measured, memcmp(mrenclave_a, mrenclave_b, 32) != 0);
    pagediff_freep(&d);
}

static struct buf vector(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "sgxs/%s.sgxs", name);
    return support_vector(path);
}

static const struct vector_case {
    const char *a;
    const char *b;
    const char *want;
} vectors[] = {
    {"base", "base", ""},
    {"base", "one-byte", "content 1000-2000 205/205 0/0 1 bytes at 1411"},
    {"base", "one-flag", "secinfo 18000-19000 203/201 0/0"},
    {"base", "extra-page", "only-b 19000-1a000 0/203 0/0"},
    {"extra-page", "base", "only-a 19000-1a000 203/0 0/0"},
    {"base", "outside", "only-b 10000000000-10000001000 0/203 0/0"},
    {"base", "swapped-pages", "page-order 0-1000 201/201 1/2; page-order 1000-2000 205/205 2/1"},
    {"base", "swapped-chunks", "chunk-order 0-1000 201/201 200/300 first 200"},
    {"base", "ssaframesize", "ssaframesize 0-0 0/0 1/2"},
    {"base", "unmeasured-chunk", "chunks 0-1000 201/201 0/0"},
    {"base", "unmeasured-page", "chunks 18000-19000 203/203 0/0"},
    {"unmeasured-chunk", "unmeasured-chunk-other", "content 0-1000 201/201 0/0 1 bytes at 524 unmeasured"},
    {"base", "duplicate-chunk", "chunk-repeat 0-1000 201/201 400/300 first 300"},
    {"base", "ecreate-padding", "padding 0-0 0/0 0/0 unmeasured"},
    {"base", "eadd-reserved", "padding 0-1000 201/201 0/0 unmeasured"},
    {"base", "eextend-padding", "padding 0-1000 201/201 0/0 unmeasured"},
    {"base", "tcs-dbgoptin", "tcs 15000-16000 100/100 0/0 1 bytes at 15008"},
    {"base", "tcs-reserved", "tcs 15000-16000 100/100 0/0 1 bytes at 150c8"},
    {"minimal", "base",
     "size 0-0 0/0 1000/40000; only-b 0-1000 0/201 0/0; only-b 1000-3000 0/205 0/0; only-b 3000-4000 0/203 "
     "0/0; "
     "only-b 5000-9000 0/203 0/0; only-b 15000-16000 0/100 0/0; only-b 16000-17000 0/203 0/0; "
     "only-b 18000-19000 0/203 0/0"},
};

static void each_vector_is_explained_by_its_cause(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct buf a = vector(vectors[i].a);
        struct buf b = vector(vectors[i].b);

        assert_report(&a, &b, vectors[i].want);
        buf_free(&a);
        buf_free(&b);
    }
}

/* Each list of arguments is what is put into a stream; the two are released by the macro. */
#define ASSERT_REPORT(a, b, want)                                                                            \
    do {                                                                                                     \
        assert_report(&(a), &(b), want);                                                                     \
        buf_free(&(a));                                                                                      \
        buf_free(&(b));                                                                                      \
    } while (0)

/* ---- what moves ---- */

static struct buf with_heap(size_t heap, uint64_t threads)
{
    struct buf b = stream_new();

    put_page_of(&b, 0, RX, 1);
    put_heap(&b, 0x2000, heap);
    put_thread(&b, threads, 0x40);
    put_thread(&b, threads + 0x4000, 0x40);
    return b;
}

static void a_larger_heap_moves_the_threads(void **state)
{
    struct buf a = with_heap(4, 0x10000);
    struct buf b = with_heap(12, 0x20000);
    struct pagediff *d = compare(&a, &b);
    const struct pagediff_row *r = &d->rows[d->len - 2];

    (void)state;
    assert_int_equal(r->kind, PAGEDIFF_TCS_MOVED);
    for (int i = 0; i < TCS_FIELDS; i++)
        assert_int_equal(r->tcs.a[i] != r->tcs.b[i], i == TCS_OSSA || i == TCS_OFSBASE || i == TCS_OGSBASE);
    assert_int_equal(r->tcs.a[TCS_OSSA], 0x11000);
    assert_int_equal(r->tcs.b[TCS_OSSA], 0x21000);
    assert_int_equal(r->tcs.other, 0);
    assert_int_equal(d->totals.threads_a, 2);
    assert_int_equal(d->totals.threads_b, 2);
    assert_int_equal(d->totals.pages_a, 9);
    assert_int_equal(d->totals.pages_b, 17);
    assert_int_equal(d->totals.pages, 16);
    assert_int_equal(d->totals.bytes, 0);
    pagediff_freep(&d);
    /* Of the pages with nothing in them B has more, so that it is not said where they went. */
    ASSERT_REPORT(a, b,
                  "only-a 11000-12000 203/0 0/0; only-a 15000-16000 203/0 0/0; only-b 6000-e000 0/203 0/0; "
                  "only-b 21000-22000 0/203 0/0; only-b 25000-26000 0/203 0/0; "
                  "tcs-moved 10000-11000 100/100 0/20000 3 bytes at 10012; "
                  "tcs-moved 14000-15000 100/100 0/24000 3 bytes at 14012");
}

/* As Fortanix' tools lay out a thread: a gap, the stack, a page with content, the TCS, its SSA frames. */
static void put_whole_thread(struct buf *b, uint64_t offset, size_t stack, size_t ssa)
{
    uint64_t at = offset + 0x10000 + stack * 0x1000;

    put_heap(b, offset + 0x10000, stack);
    put_page_of(b, at, RW, 3);
    put_thread(b, at + 0x1000, 0x40);
    if (ssa > 1)
        put_heap(b, at + 0x3000, ssa - 1);
}

static struct buf with_layout(size_t heap, size_t stack, size_t ssa, size_t threads)
{
    struct buf b = stream_new();

    put_page_of(&b, 0, RX, 1);
    put_heap(&b, 0x1000, heap);
    for (size_t i = 0; i < threads; i++)
        put_whole_thread(&b, 0x10000 + heap * 0x1000 + i * 0x80000, stack, ssa);
    return b;
}

static void heap_and_stack_are_told_apart(void **state)
{
    static const struct {
        size_t heap, stack, ssa, threads;
        struct pagediff_memory want;
    } cases[] = {
        {4, 2, 1, 2, {4, 2}}, {4, 2, 3, 3, {4, 2}}, {1, 1, 1, 2, {1, 1}}, {0, 5, 1, 2, {0, 5}},
        {7, 3, 1, 1, {7, 3}}, {3, 0, 1, 2, {3, 0}}, {1, 0, 1, 2, {1, 0}}, {2, 0, 1, 1, {2, 0}},
        {9, 0, 2, 3, {9, 0}}, {6, 0, 1, 0, {6, 0}},
    };
    struct buf none = stream_new();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf a = with_layout(cases[i].heap, cases[i].stack, cases[i].ssa, cases[i].threads);
        struct pagediff *d = compare(&a, &none);

        assert_int_equal(d->totals.memory_a.heap, cases[i].want.heap);
        assert_int_equal(d->totals.memory_a.stack, cases[i].want.stack);
        assert_int_equal(d->totals.memory_b.heap, 0);
        pagediff_freep(&d);
        buf_free(&a);
    }
    buf_free(&none);
}

static struct buf with_threads(uint64_t first, uint64_t second, uint64_t oentry)
{
    struct buf b = stream_new();

    put_thread(&b, first, oentry);
    put_thread(&b, second, oentry + 0x100);
    return b;
}

static void threads_that_move_over_each_other(void **state)
{
    struct buf a = with_threads(0x10000, 0x13000, 0x40);
    struct buf b = with_threads(0x13000, 0x16000, 0x40);

    (void)state;
    /* The TCS at 0x13000 are not two versions of one. */
    ASSERT_REPORT(
        a, b,
        "moved 11000-12000 203/203 0/17000; tcs-moved 10000-11000 100/100 0/13000 3 bytes at 10011; "
        "tcs-moved 13000-14000 100/100 0/16000 3 bytes at 13011");
    /* They are equal, so that it is not they that moved. */
    a = with_threads(0x10000, 0x13000, 0x40);
    b = with_threads(0x13000, 0x16000, 0x140);
    ASSERT_REPORT(
        a, b, "moved 11000-12000 203/203 0/17000; tcs-moved 10000-11000 100/100 0/16000 4 bytes at 10011");
}

static void a_thread_that_meets_another_page(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    put_heap(&a, 0x1000, 1);
    put_eadd(&a, 0x2000, TCS);
    put_heap(&b, 0x1000, 2);
    put_eadd(&b, 0x3000, TCS);
    ASSERT_REPORT(a, b, "secinfo 2000-3000 100/203 0/0; tcs-moved 2000-3000 100/100 0/3000");
}

static void a_thread_more(void **state)
{
    struct buf a = with_threads(0x10000, 0x13000, 0x40);
    struct buf b = with_threads(0x10000, 0x13000, 0x40);

    (void)state;
    put_thread(&b, 0x16000, 0x40);
    ASSERT_REPORT(a, b, "only-b 16000-17000 0/100 0/0; only-b 17000-18000 0/203 0/0");
}

static void another_entry_point(void **state)
{
    struct buf a = with_threads(0x10000, 0x13000, 0x40);
    struct buf b = with_threads(0x10000, 0x13000, 0x1040);
    struct pagediff *d = compare(&a, &b);

    (void)state;
    assert_int_equal(d->len, 2);
    assert_int_equal(d->rows[0].tcs.a[TCS_OENTRY], 0x40);
    assert_int_equal(d->rows[0].tcs.b[TCS_OENTRY], 0x1040);
    assert_int_equal(d->rows[0].tcs.a[TCS_NSSA], 1);
    assert_int_equal(d->rows[0].tcs.a[TCS_GSLIMIT], 0xfff);
    assert_int_equal(d->rows[0].tcs.other, 0);
    assert_int_equal(d->totals.bytes, 2);
    pagediff_freep(&d);
    ASSERT_REPORT(
        a, b, "tcs 10000-11000 100/100 0/0 1 bytes at 10021; tcs 13000-14000 100/100 0/0 1 bytes at 13021");
}

static void pages_that_move(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    put_page_of(&a, 0x1000, RW, 7);
    put_page_of(&a, 0x2000, RW, 8);
    put_page_of(&a, 0x3000, RW, 9);
    put_page_of(&b, 0x8000, RW, 7);
    put_page_of(&b, 0x9000, RW, 8);
    put_page_of(&b, 0xb000, RW, 9);
    ASSERT_REPORT(a, b, "moved 1000-3000 203/203 0/8000; moved 3000-4000 203/203 0/b000");
    a = stream_new();
    b = stream_new();
    put_page_of(&a, 0x1000, RW, 7);
    put_page_of(&b, 0x8000, R, 7);
    put_page_of(&b, 0x9000, RW, 6);
    ASSERT_REPORT(a, b, "only-a 1000-2000 203/0 0/0; only-b 8000-9000 0/201 0/0; only-b 9000-a000 0/203 0/0");
}

/* ---- order and repetition ---- */

static void pages_in_another_order(void **state)
{
    static const uint64_t orders[2][5] = {{1, 2, 3, 4, 5}, {1, 3, 4, 2, 5}};
    struct buf s[2] = {stream_new(), stream_new()};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 5; j++)
            put_eadd(&s[i], orders[i][j] * 0x1000, RW);
    }
    /* A page that one side does not have is in nobody's order. */
    put_eadd(&s[0], 0, RX);
    ASSERT_REPORT(s[0], s[1], "only-a 0-1000 205/0 0/0; page-order 2000-5000 203/203 2/4");
}

static void a_page_that_is_added_twice(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    put_eadd(&a, 0x1000, RW);
    put_eadd(&a, 0x2000, RW);
    put_eadd(&a, 0x1000, RX);
    put_eadd(&b, 0x1000, RW);
    put_eadd(&b, 0x2000, RW);
    ASSERT_REPORT(a, b, "only-a 1000-2000 205/0 0/0");
}

static void chunks_that_are_given_again(void **state)
{
    /* Of page 0x1000, all measured or not: what each copy is filled with. */
    static const struct {
        const char *tag_a[3];
        int fill_a[3];
        const char *tag_b[3];
        int fill_b[3];
        const char *want;
    } cases[] = {
        {{"EEXTEND", "EEXTEND"},
         {1, 2},
         {"EEXTEND", "EEXTEND"},
         {3, 2},
         "chunk-repeat 1000-2000 203/203 0/0 first 1000"},
        {{"EEXTEND", "EEXTEND"},
         {1, 2},
         {"EEXTEND", "EEXTEND"},
         {1, 3},
         "content 1000-2000 203/203 0/0 256 bytes at 1000"},
        {{"UNMEASRD", "EEXTEND"},
         {1, 2},
         {"UNMEASRD", "EEXTEND"},
         {3, 2},
         "chunk-repeat 1000-2000 203/203 0/0 first 1000 unmeasured"},
        {{"EEXTEND", "UNMEASRD"},
         {1, 2},
         {"EEXTEND", "UNMEASRD"},
         {1, 3},
         "chunk-repeat 1000-2000 203/203 0/0 first 1000 unmeasured"},
        {{"EEXTEND", "UNMEASRD"},
         {1, 2},
         {"UNMEASRD", "EEXTEND"},
         {2, 1},
         "chunk-repeat 1000-2000 203/203 1000/1000 first 1000 unmeasured"},
        {{"EEXTEND"},
         {1},
         {"EEXTEND", "EEXTEND"},
         {1, 1},
         "chunk-repeat 1000-2000 203/203 0/1000 first 1000"},
        {{"UNMEASRD"},
         {1},
         {"UNMEASRD", "UNMEASRD"},
         {1, 1},
         "chunk-repeat 1000-2000 203/203 0/1000 first 1000 unmeasured"},
        {{"EEXTEND", "EEXTEND", "UNMEASRD"},
         {1, 2, 3},
         {"EEXTEND", "UNMEASRD", "EEXTEND"},
         {1, 3, 2},
         "chunk-repeat 1000-2000 203/203 1000/1000 first 1000 unmeasured"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf a = stream_new();
        struct buf b = stream_new();

        put_eadd(&a, 0x1000, RW);
        put_eadd(&b, 0x1000, RW);
        for (size_t j = 0; j < 3; j++) {
            if (cases[i].tag_a[j] != NULL)
                put_filled(&a, cases[i].tag_a[j], 0x1000, cases[i].fill_a[j]);
            if (cases[i].tag_b[j] != NULL)
                put_filled(&b, cases[i].tag_b[j], 0x1000, cases[i].fill_b[j]);
        }
        ASSERT_REPORT(a, b, cases[i].want);
    }
}

static void unmeasured_chunks_in_another_order(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    put_eadd(&a, 0x1000, RW);
    put_filled(&a, "EEXTEND", 0x1000, 1);
    put_filled(&a, "UNMEASRD", 0x1100, 2);
    put_filled(&a, "EEXTEND", 0x1f00, 3);
    put_eadd(&b, 0x1000, RW);
    put_filled(&b, "EEXTEND", 0x1000, 1);
    put_filled(&b, "EEXTEND", 0x1f00, 3);
    put_filled(&b, "UNMEASRD", 0x1100, 2);
    ASSERT_REPORT(a, b, "chunk-order 1000-2000 203/203 1100/1f00 first 1100 unmeasured");
}

/* Measured chunks swapped while another one is no longer given. */
static void chunks_in_another_order_and_fewer(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    put_eadd(&a, 0x1000, RW);
    put_filled(&a, "EEXTEND", 0x1000, 1);
    put_filled(&a, "EEXTEND", 0x1100, 2);
    put_eadd(&b, 0x1000, RW);
    put_filled(&b, "EEXTEND", 0x1100, 2);
    put_filled(&b, "EEXTEND", 0x1000, 1);
    put_filled(&b, "UNMEASRD", 0x1200, 0);
    ASSERT_REPORT(
        a, b, "chunks 1000-2000 203/203 0/0 unmeasured; chunk-order 1000-2000 203/203 1000/1100 first 1000");
}

/* ---- content ---- */

static void bytes_chunks_and_runs_are_counted(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();
    uint8_t page[4096] = {0};

    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        page[0] = page[0x7ff] = page[0x800] = 0;
        put_page(&a, i * 0x1000, i < 3 ? R : RW, page);
        page[0x7ff] = page[0x800] = 1;
        put_page(&b, i * 0x1000, i < 3 ? R : RW, page);
    }
    put_eadd(&a, 0x5000, R);
    put_eadd(&b, 0x5000, R);
    put_filled(&a, "EEXTEND", 0x5100, 1);
    put_filled(&b, "EEXTEND", 0x5100, 2);
    put_filled(&a, "UNMEASRD", 0x5200, 1);
    put_filled(&b, "UNMEASRD", 0x5200, 2);
    struct pagediff *d = compare(&a, &b);

    assert_int_equal(d->len, 3);
    assert_int_equal(d->rows[0].pages, 3);
    assert_int_equal(d->rows[0].chunks, 6);
    assert_int_equal(d->rows[0].chunks_measured, 6);
    assert_int_equal(d->rows[0].chunk_mask, 0x180);
    assert_int_equal(d->rows[2].chunks, 2);
    assert_int_equal(d->rows[2].chunks_measured, 1);
    assert_int_equal(d->rows[2].bytes_measured, 256);
    assert_int_equal(d->totals.pages, 5);
    assert_int_equal(d->totals.pages_of[PAGEDIFF_CONTENT], 5);
    assert_int_equal(d->totals.bytes, 8 + 512);
    assert_int_equal(d->totals.bytes_measured, 8 + 256);
    pagediff_freep(&d);
    ASSERT_REPORT(a, b,
                  "content 0-3000 201/201 0/0 6 bytes at 7ff; content 3000-4000 203/203 0/0 2 bytes at 37ff; "
                  "content 5000-6000 201/201 0/0 512 bytes at 5100");
}

/* What is not given is zero when the enclave starts, so that only the measurement differs. */
static void zeros_that_are_given_or_not(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    put_page_of(&a, 0x1000, RW, 0);
    put_page_of(&a, 0x2000, RW, 0);
    put_page_of(&a, 0x3000, RW, 1);
    put_heap(&b, 0x1000, 3);
    struct pagediff *d = compare(&a, &b);

    assert_int_equal(d->rows[0].measured_a, 0xffff);
    assert_int_equal(d->rows[0].measured_b, 0);
    pagediff_freep(&d);
    ASSERT_REPORT(a, b, "chunks 1000-4000 203/203 0/0; content 3000-4000 203/203 0/0 4096 bytes at 3000");
}

static void addresses_at_the_edge(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    put_eadd(&a, 0xfffffffffffff000, RW);
    put_filled(&a, "EEXTEND", 0xffffffffffffff00, 1);
    put_eadd(&b, 0xfffffffffffff000, RW);
    put_filled(&b, "EEXTEND", 0xffffffffffffff00, 2);
    put_eadd(&a, 0x1080, RW);
    put_filled(&a, "EEXTEND", 0x2000, 1);
    put_eadd(&b, 0x1080, RW);
    put_filled(&b, "EEXTEND", 0x2000, 3);
    put_eadd(&b, UINT64_MAX, RW);
    ASSERT_REPORT(a, b,
                  "only-b ffffffffffffffff-ffffffffffffffff 0/203 0/0; content 1080-2080 203/203 0/0 256 "
                  "bytes at 2000; "
                  "content fffffffffffff000-ffffffffffffffff 203/203 0/0 256 bytes at ffffffffffffff00");
}

/* ---- pieces and batches ---- */

static void assert_same_report(const struct pagediff *got, const struct pagediff *want)
{
    assert_int_equal(got->len, want->len);
    assert_memory_equal(&got->totals, &want->totals, sizeof got->totals);
    assert_int_equal(got->measured, want->measured);
    for (size_t i = 0; i < got->len; i++)
        assert_memory_equal(&got->rows[i], &want->rows[i], sizeof got->rows[i]);
}

static void the_report_does_not_depend_on_pieces_and_batches(void **state)
{
    static const size_t steps[] = {1, 7, 63, 64, 65, 255, 256, 320, 4096, SIZE_MAX};
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    for (uint64_t i = 0; i < 9; i++) {
        put_page_of(&a, i * 0x1000, RW, 1);
        put_page_of(&b, i * 0x1000, RW, i % 3 == 0 ? 1 : 2);
    }
    put_thread(&a, 0x10000, 1);
    put_thread(&b, 0x10000, 2);
    put_thread(&a, 0x13000, 1);
    put_thread(&b, 0x16000, 2);
    struct pagediff *want = compare(&a, &b);

    assert_int_equal(want->len, 3 + 1 + 1 + 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (size_t batch = 0; batch < 12; batch++) {
            struct pagediff *got = compare_in(buf_view(&a), buf_view(&b), steps[i], batch);

            assert_same_report(got, want);
            pagediff_freep(&got);
        }
    }
    pagediff_freep(&want);
    buf_free(&a);
    buf_free(&b);
}

static void no_more_is_poured_than_is_needed(void **state)
{
    struct buf a = stream_new();
    struct buf b = stream_new();
    struct pagediff *d = NULL;
    struct ens_err err = {0};

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        put_page_of(&a, i * 0x1000, RW, 1);
        put_page_of(&b, i * 0x1000, RW, i < 2 ? 2 : 1);
    }
    struct bytes_source sa = {.bytes = buf_view(&a), .step = 1000};
    struct bytes_source sb = {.bytes = buf_view(&b), .step = 1000};
    const struct page_source pa = source_of(&sa, "a");
    const struct page_source pb = source_of(&sb, "b");

    assert_ok(pagediff_compare_in(&pa, &pb, 1, &d, &err), err);
    assert_int_equal(err.code, ENS_OK);
    pagediff_freep(&d);
    /* Once in full for the index, and the beginning for each of two batches. */
    assert_int_equal(sa.pours, 3);
    assert_int_equal(sb.pours, 3);
    assert_true(sa.poured < a.len + a.len / 10);
    sb = (struct bytes_source){.bytes = buf_view(&a), .step = 1000};
    sa.pours = 0;
    assert_ok(pagediff_compare(&pa, &pb, &d, &err), err);
    pagediff_freep(&d);
    assert_int_equal(sa.pours, 1);
    assert_int_equal(sb.pours, 1);
    buf_free(&a);
    buf_free(&b);
}

/* ---- errors ---- */

static void expect_failure(struct bytes_source *a, struct bytes_source *b, enum ens_code code,
                           const char *want)
{
    const struct page_source pa = source_of(a, "a");
    const struct page_source pb = source_of(b, "b");
    struct pagediff *d = NULL;
    struct ens_err err = {0};

    if (pagediff_compare_in(&pa, &pb, 2, &d, &err))
        fail_msg("accepted, and not: %s", want);
    assert_null(d);
    assert_int_equal(err.code, code);
    assert_string_equal(err.msg, want);
}

static void what_is_no_stream_is_refused_as_by_its_judge(void **state)
{
    static const char *const broken[] = {"bad-tag",          "empty",       "no-ecreate", "trailing",
                                         "truncated-header", "two-ecreate", "unsized"};
    struct buf base = vector("base");
    static struct sgxs_report report;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct buf b = vector(broken[i]);
        struct sgxs *s = NULL;
        struct ens_err why = {0};
        char want[600];

        assert_ok(sgxs_new(&s, &why) && sgxs_put(s, buf_view(&b), &why), why);
        assert_false(sgxs_finish(s, &report, &why));
        sgxs_freep(&s);
        for (size_t side = 0; side < 2; side++) {
            struct bytes_source bad = {.bytes = buf_view(&b), .step = 100};
            struct bytes_source good = {.bytes = buf_view(&base), .step = 100};

            (void)snprintf(want, sizeof want, "%c: %s", side == 0 ? 'a' : 'b', why.msg);
            expect_failure(side == 0 ? &bad : &good, side == 0 ? &good : &bad, ENS_DATA, want);
        }
        buf_free(&b);
    }
    buf_free(&base);
}

static void a_chunk_outside_its_page_is_refused(void **state)
{
    struct buf base = vector("base");
    static const uint64_t outside[] = {0xf00, 0x2000, 0x1001};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct buf b = stream_new();
        char want[200];

        put_eadd(&b, 0x1000, RW);
        put_filled(&b, "EEXTEND", outside[i], 0);
        struct bytes_source bad = {.bytes = buf_view(&b)};
        struct bytes_source good = {.bytes = buf_view(&base)};

        (void)snprintf(want, sizeof want,
                       "b: EEXTEND 0x%" PRIx64 " at 0x80 is not a chunk of the page before it", outside[i]);
        expect_failure(&good, &bad, ENS_DATA, want);
        buf_free(&b);
    }
    buf_free(&base);
}

static void a_source_that_fails(void **state)
{
    struct buf a = vector("base");
    struct buf b = vector("one-byte");

    (void)state;
    for (size_t n = 1; n <= 2; n++) {
        struct bytes_source fails = {.bytes = buf_view(&a), .fails_at = n};
        struct bytes_source good = {.bytes = buf_view(&b)};

        expect_failure(&fails, &good, ENS_IO, "cannot be read any more");
        fails.pours = 0;
        expect_failure(&good, &fails, ENS_IO, "cannot be read any more");
    }
    /* Broken at first, and unreadable when it is asked why. */
    struct buf bad = vector("bad-tag");
    struct bytes_source fails = {.bytes = buf_view(&bad), .fails_at = 2};
    struct bytes_source good = {.bytes = buf_view(&b)};

    expect_failure(&fails, &good, ENS_IO, "cannot be read any more");
    buf_free(&a);
    buf_free(&b);
    buf_free(&bad);
}

/* The second pour is another stream: other flags, fewer pages, no difference any more, no stream. */
static void a_source_that_changes(void **state)
{
    static const char *const later[] = {"minimal", "one-byte", "unmeasured-page"};
    struct buf base = vector("base");
    struct buf other = vector("one-byte");
    struct buf flag = vector("one-flag");
    struct buf bad = vector("bad-tag");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buf now = vector(later[i]);
        struct bytes_source a = {.bytes = buf_view(&base), .later = buf_view(&now), .stable = 1};
        struct bytes_source b = {.bytes = buf_view(&other)};

        /* With the second of the list it is the difference that is gone. */
        expect_failure(&a, &b, ENS_DATA,
                       i == 0 ? "a: changed while it was read: repeat when it is complete"
                              : "b: changed while it was read: repeat when it is complete");
        buf_free(&now);
    }
    struct buf other_chunk = vector("unmeasured-chunk-other");
    struct buf chunk = vector("unmeasured-chunk");
    struct bytes_source a = {.bytes = buf_view(&chunk)};
    struct bytes_source b = {.bytes = buf_view(&other_chunk), .later = buf_view(&base), .stable = 1};

    expect_failure(&a, &b, ENS_DATA, "b: changed while it was read: repeat when it is complete");
    b = (struct bytes_source){.bytes = buf_view(&other_chunk), .later = buf_view(&bad), .stable = 1};
    a = (struct bytes_source){.bytes = buf_view(&bad), .later = buf_view(&base), .stable = 1};
    expect_failure(&b, &a, ENS_DATA, "b: changed while it was read: repeat when it is complete");
    buf_free(&other_chunk);
    buf_free(&chunk);
    buf_free(&base);
    buf_free(&other);
    buf_free(&flag);
    buf_free(&bad);
}

/* ---- large streams ---- */

/* Pages made on the way: each with one chunk, every tenth with another content where `changed` is set. */
struct made_source {
    size_t pages;
    bool changed;
};

static bool pour_made(void *ctx, const struct sink *sink, struct ens_err *err)
{
    const struct made_source *m = ctx;
    struct buf head = stream_new();
    bool ok = sink->put(sink->ctx, buf_view(&head), err);

    buf_free(&head);
    for (size_t i = 0; ok && i < m->pages; i++) {
        uint8_t records[64 + 320] = "EADD";

        bytes_put_le(records + 8, 8, i * 4096);
        bytes_put_le(records + 16, 8, RW);
        memcpy(records + 64, "EEXTEND", 8);
        bytes_put_le(records + 72, 8, i * 4096);
        bytes_put_le(records + 128, 8, i + 1);
        records[383] = m->changed && i % 10 == 0;
        ok = sink->put(sink->ctx, view_of(records, sizeof records), err);
    }
    return ok;
}

/* More than a batch holds, ten times; test_sgx_pagediff_memory.c looks at the memory. */
static void more_pages_than_a_batch(void **state)
{
    struct made_source a = {.pages = 20000};
    struct made_source b = {.pages = 20000, .changed = true};
    const struct page_source pa = {pour_made, &a, "a"};
    const struct page_source pb = {pour_made, &b, "b"};
    struct pagediff *d = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(pagediff_compare_in(&pa, &pb, 200, &d, &err), err);
    assert_int_equal(d->len, 2000);
    assert_int_equal(d->totals.pages, 2000);
    assert_int_equal(d->totals.bytes, 2000);
    assert_int_equal(d->rows[1999].first_offset, 19990 * 4096 + 255);
    assert_int_equal(d->rows[1999].sample, 19990 * 4096 + 240);
    assert_memory_equal(d->rows[1999].sample_a, (uint8_t[PAGEDIFF_SAMPLE]){0}, PAGEDIFF_SAMPLE);
    assert_memory_equal(d->rows[1999].sample_b, (uint8_t[PAGEDIFF_SAMPLE]){[15] = 1}, PAGEDIFF_SAMPLE);
    pagediff_freep(&d);
}

static bool count_page(void *ctx, const struct page *page, const struct page_bytes *bytes,
                       struct ens_err *err)
{
    (void)page;
    (void)bytes;
    (void)err;
    ++*(size_t *)ctx;
    return true;
}

/* `ctx`: how many pages. In pieces of 1024 pages. */
static bool pour_eadds(void *ctx, const struct sink *sink, struct ens_err *err)
{
    static uint8_t records[1024 * 64];
    struct buf head = stream_new();
    bool ok = sink->put(sink->ctx, buf_view(&head), err);
    size_t left = *(const size_t *)ctx;

    buf_free(&head);
    for (size_t i = 0; i < sizeof records; i += 64)
        memcpy(records + i, "EADD", 4);
    while (ok && left > 0) {
        size_t n = left < 1024 ? left : 1024;

        ok = sink->put(sink->ctx, view_of(records, n * 64), err);
        left -= n;
    }
    return ok;
}

static void the_limit_of_pages(void **state)
{
    size_t pages = PAGES_MAX;
    size_t counted = 0;
    const struct page_source source = {pour_eadds, &pages, "a"};
    struct page_taker taker = {.take = count_page, .ctx = &counted};
    struct page_ecreate ecreate;
    struct ens_err err = {0};

    (void)state;
    assert_ok(pages_pour(&source, &taker, &ecreate, &err), err);
    assert_int_equal(counted, PAGES_MAX);
    pages++;
    assert_fails(pages_pour(&source, &taker, &ecreate, &err), err, ENS_DATA, "a: more than 16777216 pages");
}

static void rows_beyond_the_limit_are_counted(void **state)
{
    const size_t pages = PAGEDIFF_ROWS_MAX + 100;
    struct buf a = stream_new();
    struct buf b = stream_new();

    (void)state;
    for (size_t i = 0; i < pages; i++)
        put_eadd(&a, i * 0x2000, RW);
    /* A difference of another kind behind them all is not lost. */
    put_eadd(&a, pages * 0x2000, RW);
    put_eadd(&b, pages * 0x2000, RX);
    struct pagediff *d = compare(&a, &b);

    assert_int_equal(d->len, PAGEDIFF_ROWS_MAX + 1);
    assert_int_equal(d->dropped, 100);
    assert_int_equal(d->totals.pages_of[PAGEDIFF_ONLY_A], pages);
    assert_int_equal(d->totals.pages, pages + 1);
    assert_int_equal(d->rows[0].kind, PAGEDIFF_ONLY_A);
    assert_int_equal(d->rows[PAGEDIFF_ROWS_MAX].kind, PAGEDIFF_SECINFO);
    assert_int_equal(d->rows[PAGEDIFF_ROWS_MAX].from, pages * 0x2000);
    pagediff_freep(&d);
    buf_free(&a);
    buf_free(&b);
}

static void everything_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < PAGEDIFF_KINDS; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(pagediff_kind_name((enum pagediff_kind)i),
                                    pagediff_kind_name((enum pagediff_kind)j));
    }
    for (int i = 0; i < TCS_FIELDS; i++)
        assert_non_null(pagediff_tcs_field_name((enum pagediff_tcs_field)i));
    assert_string_equal(pagediff_tcs_field_name(TCS_OGSBASE), "OGSBASE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_vector_is_explained_by_its_cause),
        cmocka_unit_test(a_larger_heap_moves_the_threads),
        cmocka_unit_test(heap_and_stack_are_told_apart),
        cmocka_unit_test(threads_that_move_over_each_other),
        cmocka_unit_test(a_thread_that_meets_another_page),
        cmocka_unit_test(a_thread_more),
        cmocka_unit_test(another_entry_point),
        cmocka_unit_test(pages_that_move),
        cmocka_unit_test(pages_in_another_order),
        cmocka_unit_test(a_page_that_is_added_twice),
        cmocka_unit_test(chunks_that_are_given_again),
        cmocka_unit_test(unmeasured_chunks_in_another_order),
        cmocka_unit_test(chunks_in_another_order_and_fewer),
        cmocka_unit_test(bytes_chunks_and_runs_are_counted),
        cmocka_unit_test(zeros_that_are_given_or_not),
        cmocka_unit_test(addresses_at_the_edge),
        cmocka_unit_test(the_report_does_not_depend_on_pieces_and_batches),
        cmocka_unit_test(no_more_is_poured_than_is_needed),
        cmocka_unit_test(what_is_no_stream_is_refused_as_by_its_judge),
        cmocka_unit_test(a_chunk_outside_its_page_is_refused),
        cmocka_unit_test(a_source_that_fails),
        cmocka_unit_test(a_source_that_changes),
        cmocka_unit_test(more_pages_than_a_batch),
        cmocka_unit_test(the_limit_of_pages),
        cmocka_unit_test(rows_beyond_the_limit_are_counted),
        cmocka_unit_test(everything_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
