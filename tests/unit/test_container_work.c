/* A15: what measuring a file costs is known before it begins. The number that container_work tells is never
 * below what is poured; a small file that asks for hours is refused before the first piece, whichever table
 * asks; and an enclave that is large and not measured is none of those. Work is counted here, not timed. */
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "tests/support/elf.h"

/* Offsets of Open Enclave files, as mkoe.py lays oe-rich-* out. */
#define OE_INFO  0x4200
#define OE_HEAP  (OE_INFO + 8)
#define OE_STACK (OE_INFO + 16)
#define OE_TCS   (OE_INFO + 24)

#define ROW(i, field) (DESC + B_LAYOUT(i) + (field))

static const char *const intel[] = {"1.3",     "1.4", "1.5",          "2.4-2.1-1.4", "3.1-1.4",
                                    "3.3-1.5", "3.3", "3.3-1.5-fips", "12.4-11.4",   "13.3-11.5"};
static const char *const oe[] = {"0.7", "0.9", "0.10", "0.11", "0.12", "0.15", "0.16", "0.19", "zero-base"};

struct count {
    uint64_t bytes;
    uint64_t most; /* the sink ends the pour there */
};

static bool put_count(void *ctx, struct view piece, struct ens_err *err)
{
    struct count *n = ctx;

    n->bytes += piece.len;
    return n->bytes <= n->most || ens_fail(err, ENS_RESOURCE, "enough");
}

/* What is poured of all streams that are not the same as an earlier one. */
static uint64_t pour_all(struct container *c)
{
    struct count n = {.most = UINT64_MAX};
    struct ens_err err = {0};

    for (size_t i = 0; i < container_streams_len(c); i++) {
        bool same = false;

        for (size_t j = 0; j < i; j++)
            same = same || container_same_stream(c, j, i);
        if (!same)
            assert_ok(container_stream(c, i, &(struct sink){put_count, &n}, &err), err);
    }
    return n.bytes;
}

static void check_vector(const char *prefix, const char *name, const char *suffix)
{
    char path[128];
    struct opened o = {0};
    struct ens_err err = {0};

    (void)snprintf(path, sizeof path, "containers/%s%s%s", prefix, name, suffix);
    struct buf file = support_vector(path);

    assert_ok(open_bytes(&file, &o, &err), err);
    uint64_t work = container_work(o.c);
    uint64_t poured = pour_all(o.c);

    /* Open Enclave's layouts, up to three, are poured to choose one. */
    if (poured > work || work > 10 * poured)
        fail_msg("%s: work %llu, poured %llu", path, (unsigned long long)work, (unsigned long long)poured);
    close_opened(&o);
    buf_free(&file);
}

static void work_is_what_is_poured(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof intel / sizeof intel[0]; i++)
        check_vector("intel-", intel[i], ".signed.so");
    for (size_t i = 0; i < sizeof oe / sizeof oe[0]; i++)
        check_vector("oe-rich-", oe[i], ".signed");
}

/* ---- tables that ask for too much ---- */

/* Opens, and pours nothing. */
static void refused(const struct buf *file)
{
    struct opened o = {0};
    struct count n = {.most = UINT64_MAX};
    struct ens_err err = {0};

    assert_ok(open_bytes(file, &o, &err), err);
    assert_true(container_work(o.c) > CONTAINER_WORK_MAX);
    for (size_t i = 0; i < container_streams_len(o.c); i++) {
        assert_fails(container_stream(o.c, i, &(struct sink){put_count, &n}, &err), err, ENS_DATA,
                     "--allow-large");
        assert_int_equal(n.bytes, 0);
    }
    close_opened(&o);
}

/* Begins to pour, and would go on. */
static void begins(const struct buf *file)
{
    struct opened o = {0};
    struct count n = {.most = 1 << 20};
    struct ens_err err = {0};

    assert_ok(open_bytes(file, &o, &err), err);
    assert_true(container_work(o.c) > UINT64_C(1) << 30);
    assert_fails(container_stream(o.c, 0, &(struct sink){put_count, &n}, &err), err, ENS_RESOURCE, "enough");
    close_opened(&o);
}

/* An Intel file with an enclave of 1 TiB. */
static struct buf large_intel(void)
{
    struct buf file = intel_vector("1.4.signed");

    set_le(&file, DESC + 40, 8, UINT64_C(1) << 40);
    return file;
}

/* Row 1 has EADD alone, row 5 is a TCS: its number of pages is the work. */
static void rows_with_many_measured_pages(void **state)
{
    struct buf file = large_intel();

    (void)state;
    set_le(&file, ROW(0, 2), 2, 3);
    set_le(&file, ROW(0, 4), 4, 0x4000000);
    refused(&file);
    /* The same pages without EEXTEND are 4 GiB of EADD. */
    set_le(&file, ROW(0, 2), 2, 1);
    begins(&file);
    buf_free(&file);
}

/* A segment has as many pages as memory, and all are measured. */
static void segments_with_much_memory(void **state)
{
    struct buf file = large_intel();

    (void)state;
    set_le(&file, PHDR(2) + 40, 8, UINT64_C(1) << 39);
    refused(&file);
    buf_free(&file);
}

/* Segments that lie over one another, over as many pages as will do. */
static void segments_that_overlap(void **state)
{
    struct buf file = large_intel();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        set_le(&file, PHDR(i) + 16, 8, 0);
        set_le(&file, PHDR(i) + 8, 8, 0);
        set_le(&file, PHDR(i) + 40, 8, UINT64_C(3) << 30);
    }
    refused(&file);
    buf_free(&file);
}

/* Rows that are repeated cost, with pages or without. */
static void groups_that_repeat(void **state)
{
    struct buf file = large_intel();

    (void)state;
    /* Row 10 is the group: of the 7 rows of a thread. */
    set_le(&file, ROW(9, 4), 4, 0x100000);
    refused(&file);
    for (size_t i = 2; i < 9; i++)
        set_le(&file, ROW(i, 4), 4, 0);
    set_le(&file, ROW(9, 4), 4, 0x2000000);
    set_le(&file, ROW(9, 8), 8, 0x1000);
    refused(&file);
    buf_free(&file);
}

/* As many patches as fit, each of as many bytes as there are, over a segment of as many pieces as will do. */
static void patches_over_patches(void **state)
{
    struct buf file = intel_vector("1.5.signed");
    struct ens_err err = {0};

    (void)state;
    /* The block takes all of the descriptor; its table of patches is at the end. */
    size_t table = 0x1000, rows = (0x6000 - table) / 32;
    size_t segment = file.len;

    set_le(&file, DESC + 16, 4, 0x6000);
    set_le(&file, DESC + 40, 8, UINT64_C(1) << 40);
    set_le(&file, DESC + 1872, 4, table);
    set_le(&file, DESC + 1876, 4, rows * 32);
    for (size_t i = 0; i < rows; i++) {
        memset(file.data + DESC + table + 32 * i, 0, 32);
        set_le(&file, DESC + table + 32 * i, 8, segment);
        set_le(&file, DESC + table + 32 * i + 8, 4, 0x780);
        set_le(&file, DESC + table + 32 * i + 12, 4, 0x5000);
    }
    /* 64 MiB more in the file, which the last segment loads. */
    ENS_CLEANUP(buf_free) struct buf more = {0};
    static const uint8_t zeros[1 << 20];

    for (int i = 0; i < 64; i++)
        assert_ok(buf_append(&more, view_of(zeros, sizeof zeros), &err), err);
    assert_ok(buf_append(&file, buf_view(&more), &err), err);
    set_le(&file, PHDR(2) + 8, 8, segment);
    set_le(&file, PHDR(2) + 16, 8, 0x40000000 | segment % PAGE);
    set_le(&file, PHDR(2) + 32, 8, more.len);
    set_le(&file, PHDR(2) + 40, 8, more.len);
    struct opened o = {0};

    assert_ok(open_bytes(&file, &o, &err), err);
    assert_true(container_work(o.c) > CONTAINER_WORK_MAX + CONTAINER_WORK_PER_BYTE * file.len);
    close_opened(&o);
    refused(&file);
    buf_free(&file);
}

static struct buf oe_file(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "containers/oe-rich-%s.signed", name);
    return support_vector(path);
}

static void open_enclave_with_much_to_measure(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof oe / sizeof oe[0] - 1; i++) {
        struct buf file = oe_file(oe[i]);

        set_le(&file, OE_STACK, 8, 1 << 24);
        refused(&file);
        set_le(&file, OE_STACK, 8, 1);
        set_le(&file, OE_TCS, 8, 1 << 23);
        refused(&file);
        set_le(&file, OE_TCS, 8, 1);
        /* The last segment, all zeros. */
        set_le(&file, PHDR(3) + 40, 8, UINT64_C(1) << 38);
        refused(&file);
        buf_free(&file);
    }
}

/* D1: a production enclave has 128 GiB of heap, which is added and not measured. */
static void heap_may_be_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof oe / sizeof oe[0] - 1; i++) {
        struct buf file = oe_file(oe[i]);

        set_le(&file, OE_HEAP, 8, 1 << 25);
        if (strcmp(oe[i], "0.19") == 0 || strcmp(oe[i], "0.16") == 0)
            begins(&file);
        buf_free(&file);
    }
}

/* Last: it holds for the process. */
static void the_limit_can_be_taken_off(void **state)
{
    struct buf file = large_intel();

    (void)state;
    set_le(&file, ROW(0, 2), 2, 3);
    set_le(&file, ROW(0, 4), 4, 0x4000000);
    refused(&file);
    container_allow_large();
    begins(&file);
    buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_what_is_poured),
        cmocka_unit_test(rows_with_many_measured_pages),
        cmocka_unit_test(segments_with_much_memory),
        cmocka_unit_test(segments_that_overlap),
        cmocka_unit_test(groups_that_repeat),
        cmocka_unit_test(patches_over_patches),
        cmocka_unit_test(open_enclave_with_much_to_measure),
        cmocka_unit_test(heap_may_be_large),
        cmocka_unit_test(the_limit_can_be_taken_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
