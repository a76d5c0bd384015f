/* The memory of the page comparison: how much it takes at most for large streams, and that running out of it
 * at any single allocation is ENS_RESOURCE, with nothing lost. This program's own malloc, calloc, realloc and
 * reallocarray serve everybody in the process, and count. The sanitizer and valgrind bring allocators of
 * their own: there the streams are compared, and not counted. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/stream/pagediff.h"
#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "tests/support/support.h"

#if defined(__SANITIZE_ADDRESS__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#ifndef OWN_ALLOCATOR
#define OWN_ALLOCATOR 1
#endif

/* Volatile, for a compiler knows what malloc does, and that it changes no variable of the program. */
static volatile bool counting;
static volatile size_t calls;     /* allocations since the count began */
static volatile size_t fail_from; /* the first that fails; 0: none */
static volatile bool fail_on;     /* and all after it */
static volatile long long live;   /* bytes that were given and not taken back, while counting */
static volatile long long peak;

#if OWN_ALLOCATOR
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

static bool refuse(void)
{
    if (!counting)
        return false;
    calls++;
    if (fail_from == 0 || calls < fail_from || (!fail_on && calls > fail_from))
        return false;
    errno = ENOMEM;
    return true;
}

static void *given(void *block)
{
    if (counting && block != NULL) {
        live += (long long)malloc_usable_size(block);
        peak = live > peak ? live : peak;
    }
    return block;
}

static void taken(void *block)
{
    if (counting && block != NULL)
        live -= (long long)malloc_usable_size(block);
}

void *malloc(size_t size)
{
    return refuse() ? NULL : given(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : given(__libc_calloc(count, size));
}

/* Always to another place, so that both blocks count while the bytes are copied. */
void *realloc(void *block, size_t size)
{
    void *grown = refuse() ? NULL : given(__libc_malloc(size));
    size_t old = block != NULL ? malloc_usable_size(block) : 0;

    if (grown == NULL)
        return NULL;
    if (old > 0)
        memcpy(grown, block, old < size ? old : size);
    taken(block);
    __libc_free(block);
    return grown;
}

void *reallocarray(void *block, size_t count, size_t size)
{
    return realloc(block, count * size); /* no count here comes near an overflow */
}

void free(void *block)
{
    taken(block);
    __libc_free(block);
}
#endif

static void count_from_here(size_t at, bool on)
{
    calls = 0;
    live = 0;
    peak = 0;
    fail_from = at;
    fail_on = on;
    counting = true;
}

/* Does this program's allocator serve the libraries? Under valgrind it does not. */
static bool own_allocator(void)
{
    const char *volatile some_text = "text";

    count_from_here(0, false);
    char *volatile copy = strdup(some_text); /* not to be optimised away */

    counting = false;
    free(copy);
    return calls == 1;
}

/* ---- streams that are made on the way ---- */

/* Pages with one measured chunk each. In the other one of two: every tenth page has another content; the
 * last pages lie elsewhere; and where `shuffled`, neighbours are swapped. */
struct made {
    size_t pages;
    size_t moved;
    bool other;
    bool shuffled;
};

/* A page of two chunks: of a TCS, a chunk alone, or given in the wrong order. */
static bool put_page(const struct sink *sink, const struct made *m, size_t i, struct ens_err *err)
{
    uint8_t records[64 + 2 * 320] = "EADD";
    uint64_t offset = i * 4096 + (m->other && i >= m->pages - m->moved ? 1u << 30u : 0);
    bool tcs = i % 1000 == 7;

    bytes_put_le(records + 8, 8, offset);
    bytes_put_le(records + 16, 8, tcs ? 0x100 : 0x203);
    for (size_t j = 0; j < 2; j++) {
        uint8_t *chunk = records + 64 + j * 320;
        bool swapped = m->other && i % 100 == 3;

        memcpy(chunk, "EEXTEND", 8);
        bytes_put_le(chunk + 8, 8, offset + (j == (swapped ? 0 : 1) ? 256 : 0));
        bytes_put_le(chunk + 64 + 16, 8, j == (swapped ? 1 : 0) ? i + 1 : 0);
        chunk[64 + 32] = m->other && i % 10 == 0;
    }
    return sink->put(sink->ctx, view_of(records, sizeof records), err);
}

static bool pour_made(void *ctx, const struct sink *sink, struct ens_err *err)
{
    const struct made *m = ctx;
    uint8_t head[64] = "ECREATE";

    bytes_put_le(head + 8, 4, 1);
    bytes_put_le(head + 12, 8, 1ull << 32);
    if (!sink->put(sink->ctx, view_of(head, sizeof head), err))
        return false;
    for (size_t i = 0; i < m->pages; i++) {
        if (!put_page(sink, m, m->other && m->shuffled ? i ^ 1 : i, err))
            return false;
    }
    return true;
}

static bool compare(struct made *a, struct made *b, size_t batch, struct pagediff **ret, struct ens_err *err)
{
    const struct page_source pa = {pour_made, a, "a"};
    const struct page_source pb = {pour_made, b, "b"};

    return pagediff_compare_in(&pa, &pb, batch, ret, err);
}

/* ---- the tests ---- */

/* 80,000 pages on each side, 640 MB in memory: two indices, the second of them while it grows, a thousand
 * pages, and the rows. */
static void memory_is_bounded(void **state)
{
    bool own = own_allocator();
    const size_t pages = own ? 80000 : 8000;
    struct made a = {.pages = pages};
    struct made b = {.pages = pages, .other = true};
    struct pagediff *d = NULL;
    struct ens_err err = {0};

    (void)state;
    count_from_here(0, false);
    bool ok = compare(&a, &b, 1000, &d, &err);

    counting = false;
    assert_ok(ok, err);
    assert_int_equal(d->totals.pages_of[PAGEDIFF_CONTENT], pages / 10);
    assert_int_equal(d->totals.pages_of[PAGEDIFF_CHUNK_ORDER], pages / 100);
    assert_int_equal(d->totals.pages, pages / 10 + pages / 100);
    pagediff_freep(&d);
    if (!own)
        support_skip("the allocator is a sanitizer's or valgrind's");
    print_message("# at most %lld bytes\n", peak);
    assert_in_range(peak, 2 * pages * 64, 32u << 20u);
}

/* One run; whether it went through. */
static bool run(size_t at, bool on, struct pagediff **ret, struct ens_err *err)
{
    struct made a = {.pages = 1020, .moved = 20};
    struct made b = {.pages = 1020, .moved = 20, .other = true, .shuffled = true};

    count_from_here(at, on);
    bool ok = compare(&a, &b, 50, ret, err);

    counting = false;
    return ok;
}

/* One run for each allocation at the beginning and the end, and for some between, where page follows page.
 * qsort and OpenSSL live without some of them; then the report must be the right one. */
static void walk(size_t allocations, bool on, const struct pagediff *want)
{
    size_t tried = 0;
    size_t survived = 0;

    for (size_t at = 1; at <= allocations; at += at < 40 || at > allocations - 200 ? 1 : 41) {
        struct pagediff *got = NULL;
        struct ens_err err = {0};

        tried++;
        if (run(at, on, &got, &err)) {
            survived++;
            assert_int_equal(got->len, want->len);
            assert_memory_equal(got->rows, want->rows, want->len * sizeof *want->rows);
            pagediff_freep(&got);
            continue;
        }
        assert_null(got);
        if (err.code != ENS_RESOURCE)
            fail_msg("allocation %zu: %d: %s", at, (int)err.code, err.msg);
        if (live > 0)
            fail_msg("allocation %zu: %lld bytes lost", at, live);
    }
    assert_true(on ? survived == 0 : survived < tried / 2);
}

static void out_of_memory_at_any_point(void **state)
{
    struct pagediff *want = NULL;
    struct ens_err err = {0};
    bool own = own_allocator();

    (void)state;
    (void)ossl_fail(&err, ENS_RESOURCE, "the texts of OpenSSL's errors, which come with the first one");
    assert_ok(run(0, false, &want, &err), err);
    /* Every path that allocates was taken. */
    assert_true(want->totals.pages_of[PAGEDIFF_CONTENT] > 0 &&
                want->totals.pages_of[PAGEDIFF_TCS_MOVED] > 0 && want->totals.pages_of[PAGEDIFF_MOVED] > 0 &&
                want->totals.pages_of[PAGEDIFF_PAGE_ORDER] > 0 &&
                want->totals.pages_of[PAGEDIFF_CHUNK_ORDER] > 0);
    pagediff_freep(&want);
    assert_ok(run(0, false, &want, &err), err); /* now what is allocated once for all is there */
    if (own) {
        size_t allocations = calls;

        assert_true(allocations > 1000);
        walk(allocations, false, want);
        walk(allocations, true, want);
    }
    pagediff_freep(&want);
    if (!own)
        support_skip("the allocator is a sanitizer's or valgrind's");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(out_of_memory_at_any_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
