/* Intel SDK ELF files that are broken, by accident or on purpose: each is refused with ENS_DATA and its
 * reason, before or while its enclave is poured, and nothing is read outside the file. */
#include "tests/support/elf.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char remedy[] = "sign it again with sgx_sign";

/* Must not open, and the message names the file, the rule and the remedy in one line. */
static void refused(const struct buf *file, const char *says, const char *advises)
{
    struct opened o = {0};
    struct ens_err err = {0};

    assert_fails(open_bytes(file, &o, &err), err, ENS_DATA, says);
    assert_null(o.c);
    assert_int_equal(strncmp(err.msg, "file: ", 6), 0);
    assert_non_null(strstr(err.msg, advises));
    assert_null(strchr(err.msg, '\n'));
    (void)close(o.fd);
}

/* ---- the broken vectors ---- */

static void test_vectors(void **state)
{
    static const struct {
        const char *file, *says, *advises;
    } broken[] = {
        {"bad-size.signed", ".note.sgxmeta: metadata block 1 at 0x3589: size 0x7fffffff is not from", remedy},
        {"size-zero.signed", "metadata block 1 at 0x3589: size 0x0 is not from", remedy},
        {"wrong-magic.signed", "no metadata block begins at 0x3589 (wrong magic)", remedy},
        {"wrong-name.signed", "the note's name is not \"sgx_metadata\"", remedy},
        {"truncated.signed", "outside the file", "cut or damaged"},
        {"1.4", ".note.sgxmeta is empty", "sign it once with sgx_sign and any key, then with ensign"},
        {"3.3-1.5-fips", ".note.sgxmeta is empty", "sign it once with sgx_sign"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct buf file = intel_vector(broken[i].file);

        refused(&file, broken[i].says, broken[i].advises);
        buf_free(&file);
    }
}

static void test_sample_unsigned(void **state)
{
    struct buf file = support_shared("intel-sdk-sample/enclave.so");

    (void)state;
    if (file.len == 0)
        support_skip("shared data is not here");
    refused(&file, ".note.sgxmeta is empty", "sign it once with sgx_sign");
    buf_free(&file);
}

/* ---- one number of a good file changed ---- */

/* `len` bytes at `at` become `value`; then the same of the second number, where there is one. */
struct change {
    const char *says;
    size_t at, len;
    uint64_t value;
    size_t at2, len2;
    uint64_t value2;
};

static struct buf changed(const char *name, const struct change *c)
{
    struct buf file = intel_vector(name);

    set_le(&file, c->at, c->len, c->value);
    if (c->len2 != 0)
        set_le(&file, c->at2, c->len2, c->value2);
    return file;
}

static void refuse_changes(const char *name, const struct change *changes, size_t len, const char *advises)
{
    for (size_t i = 0; i < len; i++) {
        struct buf file = changed(name, &changes[i]);

        refused(&file, changes[i].says, advises);
        buf_free(&file);
    }
}

#define REFUSE(name, changes) refuse_changes(name, changes, sizeof(changes) / sizeof(changes)[0], remedy)

static void test_note(void **state)
{
    /* The header of the section is the sixth of those at 0x65c8: type @4, size @32. */
    static const struct change changes[] = {
        {.says = "the note's name", .at = NOTE, .len = 4, .value = 12},
        {.says = "the note's name", .at = NOTE + 24, .len = 1, .value = 1},
        {.says = "the section has 0x301c bytes, its note 0x2019", .at = NOTE + 4, .len = 4, .value = 0x2000},
        {.says = "its note 0x100000018", .at = NOTE + 4, .len = 4, .value = UINT32_MAX},
        {.says = "the section has 0x301c bytes, its note 0x1019", .at = NOTE + 4, .len = 4, .value = 0x1000},
        {.says = "the section has 0x301c bytes, its note 0x6019", .at = NOTE + 4, .len = 4, .value = 0x6000},
        {.says = "the section has 0x301b bytes", .at = 0x65c8 + 5 * 64 + 32, .len = 8, .value = 0x301b},
        {.says = "aligned to 0x8", .at = 0x65c8 + 5 * 64 + 48, .len = 8, .value = 8},
        {.says = "aligned to 0x1", .at = 0x65c8 + 5 * 64 + 48, .len = 8, .value = 1},
    };

    (void)state;
    REFUSE("1.4.signed", changes);
}

static void test_outside_note(void **state)
{
    static const struct change changes[] = {
        {.says = "lie outside the file", .at = 0x65c8 + 5 * 64 + 24, .len = 8, .value = UINT64_MAX - 8},
        {.says = "lie outside the file",
         .at = 0x65c8 + 5 * 64 + 24,
         .len = 8,
         .value = UINT64_MAX - 8,
         .at2 = 0x65c8 + 5 * 64 + 4,
         .len2 = 4,
         .value2 = 8},
    };

    (void)state;
    refuse_changes("1.4.signed", changes, 2, "cut or damaged");
}

static void test_head(void **state)
{
    static const struct change changes[] = {
        {.says = "size 0x75f is not from 0x760 to 0x3000", .at = DESC + 16, .len = 4, .value = 0x75f},
        {.says = "size 0x3001 is not from", .at = DESC + 16, .len = 4, .value = 0x3001},
        {.says = "SSA frame size 0", .at = DESC + 24, .len = 4, .value = 0},
        {.says = "enclave size 0x0 is", .at = DESC + 40, .len = 8, .value = 0},
        {.says = "enclave size 0x800 is", .at = DESC + 40, .len = 8, .value = 0x800},
        {.says = "enclave size 0x20001 is", .at = DESC + 40, .len = 8, .value = 0x20001},
        {.says = "to 0x10000000000", .at = DESC + 40, .len = 8, .value = 1ull << 41},
        {.says = "enclave size 0x8000000000000000 is", .at = DESC + 40, .len = 8, .value = 1ull << 63},
    };
    static const struct change versions[] = {
        {.says = "metadata version 1.2 is unknown", .at = DESC + 8, .len = 4, .value = 2},
        {.says = "metadata version 4.4 is unknown", .at = DESC + 12, .len = 4, .value = 4},
        {.says = "metadata version 4294967295.4 is", .at = DESC + 12, .len = 4, .value = UINT32_MAX},
    };

    (void)state;
    REFUSE("1.4.signed", changes);
    refuse_changes("1.4.signed", versions, 3, "sign with such an SDK");
}

/* The second of two blocks is checked like the first, and must fit behind it. */
static void test_second_block(void **state)
{
    static const struct change changes[] = {
        {.says = "metadata block 2 at 0x3ef9: size 0x4691 is not from 0x760 to 0x4690",
         .at = DESC + 0x970 + 16,
         .len = 4,
         .value = 0x4691},
        {.says = "metadata block 2 at 0x3ef9: SSA", .at = DESC + 0x970 + 24, .len = 4, .value = 0},
    };

    (void)state;
    REFUSE("3.1-1.4.signed", changes);
}

/* Magic after magic, to the end of the descriptor. */
static void test_many_blocks(void **state)
{
    struct buf file = intel_vector("1.5.signed");

    (void)state;
    for (size_t i = 1; i < 9; i++)
        memcpy(file.data + DESC + i * 0x980, file.data + DESC, 0x980);
    refused(&file, "more than 8 metadata blocks", remedy);
    memset(file.data + DESC + 8 * 0x980, 0, 0x980);
    struct opened o = {0};
    struct ens_err err = {0};

    assert_ok(open_bytes(&file, &o, &err), err);
    assert_int_equal(container_sites_len(o.c), 8);
    close_opened(&o);
    /* A magic in the last bytes, with no room for a block. */
    memcpy(file.data + DESC + 0x6000 - 8, file.data + DESC, 8);
    memset(file.data + DESC + 0x980, 0, 7 * 0x980);
    set_le(&file, DESC + 16, 4, 0x6000 - 8);
    refused(&file, "metadata block 2 at 0x9581: only 0x8 bytes are left", remedy);
    buf_free(&file);
}

static void test_tables(void **state)
{
    static const struct change changes[] = {
        {.says = "the patch table, 0x60 bytes at 0xffffffff",
         .at = DESC + 1872,
         .len = 4,
         .value = UINT32_MAX},
        {.says = "the patch table, 0x60 bytes at 0x750", .at = DESC + 1872, .len = 4, .value = 0x750},
        {.says = "the patch table, 0x61 bytes", .at = DESC + 1876, .len = 4, .value = 0x61},
        {.says = "the patch table, 0xffffffe0 bytes", .at = DESC + 1876, .len = 4, .value = 0xffffffe0},
        {.says = "the layout table, 0x180 bytes", .at = DESC + 1884, .len = 4, .value = 0x180},
        {.says = "the layout table, 0x160 bytes at 0x0", .at = DESC + 1880, .len = 4, .value = 0},
        {.says = "patch 1 takes 0x8 bytes at 0x40", .at = DESC + B_PATCH(0) + 8, .len = 4, .value = 0x40},
        {.says = "patch 2 takes 0x2 bytes at 0x96f", .at = DESC + B_PATCH(1) + 8, .len = 4, .value = 0x96f},
        {.says = "patch 3 takes 0xffffffff bytes",
         .at = DESC + B_PATCH(2) + 12,
         .len = 4,
         .value = UINT32_MAX},
        {.says = "patch 1 puts 0x8 bytes at 0x6788", .at = DESC + B_PATCH(0), .len = 8, .value = 0x6788},
        {.says = "patch 1 puts 0x8 bytes at 0xfffffffffffffff8",
         .at = DESC + B_PATCH(0),
         .len = 8,
         .value = UINT64_MAX - 7},
        {.says = "or into its metadata", .at = DESC + B_PATCH(0), .len = 8, .value = NOTE - 7},
        {.says = "or into its metadata", .at = DESC + B_PATCH(1), .len = 8, .value = NOTE + 0x3018},
    };

    (void)state;
    REFUSE("1.4.signed", changes);
}

#define ROW(i, field) (DESC + B_LAYOUT(i) + (field))
#define PAGES         4
#define RVA           8
#define CONTENT_SIZE  16
#define CONTENT       20

static void test_layout(void **state)
{
    static const struct change changes[] = {
        {.says = "layout row 1: 0x2 pages at 0x7001", .at = ROW(0, RVA), .len = 8, .value = 0x7001},
        {.says = "outside the enclave's 0x20000", .at = ROW(0, RVA), .len = 8, .value = 0x1f000},
        {.says = "outside the enclave's 0x20000", .at = ROW(1, RVA), .len = 8, .value = 0x20000},
        {.says = "at 0xfffffffffffff000", .at = ROW(0, RVA), .len = 8, .value = UINT64_MAX - 0xfff},
        {.says = "layout row 1: 0xffffffff pages", .at = ROW(0, PAGES), .len = 4, .value = UINT32_MAX},
        {.says = "layout row 6: content of 0x48 bytes at 0x40",
         .at = ROW(5, CONTENT),
         .len = 4,
         .value = 0x40},
        {.says = "content of 0x48 bytes at 0x92a", .at = ROW(5, CONTENT), .len = 4, .value = 0x92a},
        {.says = "content of 0xffffffff bytes", .at = ROW(5, CONTENT_SIZE), .len = 4, .value = UINT32_MAX},
        {.says = "content of 0x48 bytes at 0x760, which are not in the block's data or not in the pages",
         .at = ROW(5, 24),
         .len = 8,
         .value = 0x203,
         .at2 = ROW(5, PAGES),
         .len2 = 4,
         .value2 = 0},
    };

    (void)state;
    REFUSE("1.4.signed", changes);
}

/* A thread's content is one page at most, however many bytes the block has. */
static void test_large_thread(void **state)
{
    struct buf file = intel_vector("1.4.signed");

    (void)state;
    set_le(&file, DESC + 16, 4, 0x3000);
    set_le(&file, ROW(5, CONTENT_SIZE), 4, 0x1001);
    set_le(&file, ROW(5, PAGES), 4, 2);
    refused(&file, "layout row 6: content of 0x1001 bytes", remedy);
    buf_free(&file);
}

/* Row 10 is the group: 7 rows, once, 0x9000 further. */
static void test_groups(void **state)
{
    static const struct change changes[] = {
        {.says = "layout row 10: a group of 10 rows, and only 9", .at = ROW(9, 2), .len = 2, .value = 10},
        {.says = "at steps of 0x0", .at = ROW(9, RVA), .len = 8, .value = 0},
        {.says = "loaded 4294967295 times", .at = ROW(9, PAGES), .len = 4, .value = UINT32_MAX},
        {.says = "loaded 4 times", .at = ROW(9, PAGES), .len = 4, .value = 4},
        {.says = "at steps of 0xffffffffffff7000", .at = ROW(9, RVA), .len = 8, .value = UINT64_MAX - 0x8fff},
        {.says = "(further by 0x12000)", .at = ROW(9, PAGES), .len = 4, .value = 2},
        {.says = "(further by 0x9001)", .at = ROW(9, RVA), .len = 8, .value = 0x9001},
        {.says = "layout row 11: a group within a group", .at = ROW(10, 0), .len = 8, .value = 0x10001100a},
        {.says = "groups repeat more rows than twice the enclave's pages (0x40)",
         .at = ROW(9, 2),
         .len = 6,
         .value = 9 | 8 << 16,
         .at2 = ROW(9, RVA),
         .len2 = 8,
         .value2 = 0x1000},
    };

    (void)state;
    /* The guard that becomes a group: one row, once; its place is the step. */
    REFUSE("1.4.signed", changes);
}

static void test_segments(void **state)
{
    static const struct change changes[] = {
        {.says = "the segment at 0x4000 of 0x1c001 bytes ends outside",
         .at = PHDR(2) + 40,
         .len = 8,
         .value = 0x1c001},
        {.says = "the segment at 0x20000 of 0x2100 bytes", .at = PHDR(2) + 16, .len = 8, .value = 0x20000},
        {.says = "has no permissions", .at = PHDR(1) + 4, .len = 4, .value = 0},
        {.says = "or is empty and not aligned",
         .at = PHDR(2) + 32,
         .len = 8,
         .value = 0,
         .at2 = PHDR(2) + 16,
         .len2 = 8,
         .value2 = 0x4008},
        {.says = "loads the metadata", .at = PHDR(2) + 32, .len = 8, .value = 0x571},
        {.says = "loads the metadata",
         .at = PHDR(2) + 8,
         .len = 8,
         .value = NOTE + 0x1018,
         .at2 = PHDR(2) + 32,
         .len2 = 8,
         .value2 = 1},
    };

    (void)state;
    REFUSE("1.3.signed", changes);
}

/* ---- FIPS and ELRANGE ---- */

/* The EXTEND table at 0x980 has one row: id, size, offset (0x990). */
static void test_fips(void **state)
{
    static const struct change changes[] = {
        {.says = "the FIPS signature, 0x303 bytes", .at = DESC + 0x984, .len = 4, .value = 771},
        {.says = "0x304 bytes at 0x991", .at = DESC + 0x988, .len = 4, .value = 0x991},
        {.says = "0x304 bytes at 0xffffffff", .at = DESC + 0x988, .len = 4, .value = UINT32_MAX},
        {.says = "0x304 bytes at 0x40", .at = DESC + 0x988, .len = 4, .value = 0x40},
        {.says = "the EXTEND table, 0x10 bytes at 0x980", .at = DESC + 0x988, .len = 4, .value = 0x98f},
        {.says = "the EXTEND table, 0x10 bytes at 0x1", .at = DESC + 1896, .len = 4, .value = 1},
        {.says = "the EXTEND table, 0x11 bytes", .at = DESC + 1900, .len = 4, .value = 0x11},
        {.says = "the EXTEND table, 0x20 bytes", .at = DESC + 1900, .len = 4, .value = 0x20},
        {.says = "the EXTEND table, 0xfffffff0 bytes", .at = DESC + 1900, .len = 4, .value = 0xfffffff0},
        /* What is measured must not come from the signature. */
        {.says = "patch 1 takes 0x8 bytes at 0x990", .at = DESC + 0x7c8, .len = 4, .value = 0x990},
        {.says = "content of 0x48 bytes at 0x94c",
         .at = DESC + 0x820 + 5 * 32 + 20,
         .len = 4,
         .value = 0x94c},
    };

    (void)state;
    REFUSE("3.3-1.5-fips.signed", changes);
}

/* Two signatures where the loader knows one; rows that are not about FIPS are left alone. */
static void test_extend_rows(void **state)
{
    struct buf file = intel_vector("3.3-1.5-fips.signed");
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    set_le(&file, DESC + 0x980, 4, 0x1002);
    set_le(&file, DESC + 0x988, 4, UINT32_MAX);
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_false(container_site(o.c, 0)->has_fips);
    assert_true(container_site(o.c, 1)->has_fips);
    close_opened(&o);
    buf_free(&file);

    file = intel_vector("3.3.signed");
    set_le(&file, DESC + 16, 4, 0x6000);
    for (size_t i = 0; i < 2; i++) {
        set_le(&file, DESC + 0x980 + 16 * i, 8, 0x1001 | 0x304ull << 32);
        set_le(&file, DESC + 0x988 + 16 * i, 8, 0x1000 + 0x1000 * i);
    }
    set_le(&file, DESC + 1896, 8, 0x980 | 0x20ull << 32);
    refused(&file, "is not the only one", remedy);
    buf_free(&file);
}

/* The table at 0x980: where the enclave is, where the range begins, its size. */
static void test_elrange(void **state)
{
    static const struct change changes[] = {
        {.says = "the ELRANGE table, 0x18 bytes at 0x981", .at = DESC + 1888, .len = 4, .value = 0x981},
        {.says = "the ELRANGE table, 0x17 bytes", .at = DESC + 1892, .len = 4, .value = 0x17},
        {.says = "is impossible", .at = DESC + 1892, .len = 4, .value = 0},
        {.says = "ELRANGE", .at = DESC + 0x980, .len = 8, .value = UINT64_MAX - 0xfff},
        {.says = "with the enclave at 0x0 is impossible",
         .at = DESC + 0x980,
         .len = 8,
         .value = 0,
         .at2 = DESC + 0x988,
         .len2 = 8,
         .value2 = 1ull << 40},
        {.says = "is impossible", .at = DESC + 0x988, .len = 8, .value = 0x1000},
        {.says = "of 0x0 bytes", .at = DESC + 0x990, .len = 8, .value = 0},
        {.says = "of 0x10000 bytes", .at = DESC + 0x990, .len = 8, .value = 0x10000},
        {.says = "of 0x1000000000000 bytes", .at = DESC + 0x990, .len = 8, .value = 1ull << 48},
        {.says = "ELRANGE 0xfffffffffffe0000 of 0x20000 bytes",
         .at = DESC + 0x988,
         .len = 8,
         .value = UINT64_MAX - 0x1ffff,
         .at2 = DESC + 0x990,
         .len2 = 8,
         .value2 = 0x20000},
    };

    (void)state;
    REFUSE("13.3-11.5.signed", changes);
}

/* A page that two rows or segments lay out is poured twice, and the judge of the stream finds it. */
static void find_twice(const struct change *c)
{
    struct buf file = changed("1.4.signed", c);
    struct sgxs_report report = {0};
    struct opened o = {0};
    struct ens_err err = {0};

    assert_ok(open_bytes(&file, &o, &err), err);
    measure(o.c, 0, &report);
    const struct finding *f = findings_first(&report.problems, SEVERITY_ERROR);

    assert_non_null(f);
    assert_string_equal(f->rule, "page-twice");
    assert_int_equal(strncmp(f->text, c->says, strlen(c->says)), 0);
    close_opened(&o);
    buf_free(&file);
}

static void test_twice(void **state)
{
    static const struct change changes[] = {
        {.says = "page 0xf000 is added twice", .at = ROW(9, RVA), .len = 8, .value = 0x1000},
        {.says = "page 0x6000 is added twice", .at = ROW(0, RVA), .len = 8, .value = 0x6000},
        {.says = "page 0x1000 is added twice", .at = PHDR(2) + 16, .len = 8, .value = 0x1000},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++)
        find_twice(&changes[i]);
}

/* The sink's word is the last. */
static bool put_nowhere(void *ctx, struct view piece, struct ens_err *err)
{
    uint64_t *left = ctx;

    if (piece.len > *left)
        return ens_fail(err, ENS_RESOURCE, "enough");
    *left -= piece.len;
    return true;
}

static void test_sink(void **state)
{
    struct buf file = intel_vector("1.4.signed");
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(open_bytes(&file, &o, &err), err);
    struct buf stream = pour(&file);

    for (uint64_t most = 0; most < stream.len; most += 499) {
        uint64_t left = most;

        assert_fails(container_stream(o.c, 0, &(struct sink){put_nowhere, &left}, &err), err, ENS_RESOURCE,
                     "enough");
    }
    buf_free(&stream);
    close_opened(&o);
    buf_free(&file);
}

/* 64 GiB of address space, almost all of it stack that is not measured: it is poured until the sink has
 * enough, from 26 KiB of file. Were it measured, it would be refused before (test_container_work.c). */
static void test_largest(void **state)
{
    struct buf file = intel_vector("1.4.signed");
    struct opened o = {0};
    struct ens_err err = {0};
    uint64_t left = 32u << 20;

    (void)state;
    set_le(&file, DESC + 40, 8, 64ull << 30);
    set_le(&file, ROW(3, RVA), 8, 0x100000);
    set_le(&file, ROW(3, 2), 2, 1);
    set_le(&file, ROW(3, PAGES), 4, (64u << 18) - 0x100);
    set_le(&file, ROW(9, 2), 2, 0);
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_fails(container_stream(o.c, 0, &(struct sink){put_nowhere, &left}, &err), err, ENS_RESOURCE,
                 "enough");
    close_opened(&o);
    set_le(&file, ROW(3, PAGES), 4, (64u << 18) - 0xff);
    refused(&file, "layout row 4: 0xffff01 pages at 0x100000", remedy);
    buf_free(&file);
}

/* Cut anywhere, the file is refused: its section table is at its end. */
static void test_cut(void **state)
{
    struct buf file = intel_vector("1.4.signed");

    (void)state;
    while (file.len > 4) {
        struct opened o = {0};
        struct ens_err err = {0};

        file.len -= file.len > 512 ? 509 : 1;
        assert_fails(open_bytes(&file, &o, &err), err, ENS_DATA, "file: ");
        (void)close(o.fd);
    }
    buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),     cmocka_unit_test(test_sample_unsigned),
        cmocka_unit_test(test_note),        cmocka_unit_test(test_outside_note),
        cmocka_unit_test(test_head),        cmocka_unit_test(test_second_block),
        cmocka_unit_test(test_many_blocks), cmocka_unit_test(test_tables),
        cmocka_unit_test(test_layout),      cmocka_unit_test(test_large_thread),
        cmocka_unit_test(test_groups),      cmocka_unit_test(test_segments),
        cmocka_unit_test(test_fips),        cmocka_unit_test(test_extend_rows),
        cmocka_unit_test(test_elrange),     cmocka_unit_test(test_twice),
        cmocka_unit_test(test_sink),        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
