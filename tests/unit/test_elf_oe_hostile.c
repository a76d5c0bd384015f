/* Open Enclave and EGo ELF files that are broken or made to break their reader: each is refused with the
 * reason, none is read outside of itself, none makes more than its address space has room for. */
#include <stdio.h>
#include <string.h>

#include "tests/support/elf.h"

/* What is written over a vector. `name`: a section, whose header `at` counts from; else the file's begin. */
struct edit {
    const char *name;
    size_t at, len;
    uint64_t value;
};

struct hostile {
    const char *file;
    struct edit edits[4];
    const char *says;
};

#define RICH "oe-rich-0.19.signed"
#define OLD  "oe-rich-0.9.signed"

static const struct hostile refused[] = {
    /* the structure */
    {"oe-bad-size.signed", {{0}}, "of no release of Open Enclave"},
    {"oe-bad-size.unsigned", {{0}}, "structure of 1912 bytes"},
    {RICH, {{NULL, RICH_INFO, 4, 0xffffffff}}, "of no release of Open Enclave"},
    {RICH, {{".oeinfo", S_SIZE, 8, 1959}}, "in a section of 1959"},
    {RICH, {{".oeinfo", S_SIZE, 8, 0}}, "in a section of 0"},
    {RICH, {{NULL, RICH_INFO + I_TYPE, 4, 3}}, "enclave type 3"},
    {RICH, {{NULL, RICH_INFO + 1952, 8, 0}}, "end marker"},
    {RICH, {{NULL, RICH_INFO, 4, 1952}}, "end marker"},
    {"oe-0.4.signed", {{NULL, 0x2200 + I_TYPE, 4, 1}}, "enclave type 1"},
    /* where it lies */
    {RICH, {{".oeinfo", S_ADDR, 8, RICH_INFO_AT + 0x1000}}, "lies outside the segment"},
    {RICH, {{".oeinfo", S_ADDR, 8, UINT64_MAX}}, "lies outside the segment"},
    {RICH, {{".oeinfo", S_OFFSET, 8, RICH_INFO + 8}}, "lies outside the segment"},
    {RICH, {{".oeinfo", S_OFFSET, 8, 0x4800}}, "lies outside the segment"},
    {RICH, {{".oeinfo", S_TYPE, 4, 8}, {".oeinfo", S_OFFSET, 8, UINT64_MAX - 8}}, "lies outside the segment"},
    {RICH, {{".oeinfo", S_TYPE, 4, 0}, {".oeinfo", S_SIZE, 8, UINT64_MAX}}, "lies outside the segment"},
    {RICH, {{NULL, PHDR(3), 4, 6}}, "lies outside the segment"},
    {"oe-0.4.signed", {{".oeinfo", S_ADDR, 8, 0}}, "lies outside the segment"},
    {"ego.signed", {{".oeinfo", S_ADDR, 8, 0}}, "lies outside the segment"},
    /* how much it asks for: alone, together, and where the product or the sum wraps */
    {RICH, {{NULL, RICH_INFO + I_HEAP, 8, UINT64_MAX}}, "above 1 TiB"},
    {RICH, {{NULL, RICH_INFO + I_HEAP, 8, UINT64_MAX / PAGE + 1}}, "above 1 TiB"},
    {RICH, {{NULL, RICH_INFO + I_HEAP, 8, (1ull << 28) - 12}}, "above 1 TiB"},
    {RICH, {{NULL, RICH_INFO + I_STACK, 8, UINT64_MAX - 6}}, "above 1 TiB"},
    {RICH, {{NULL, RICH_INFO + I_STACK, 8, (1ull << 28) / 3}}, "above 1 TiB"},
    {RICH, {{NULL, RICH_INFO + I_TCS, 8, UINT64_MAX / 11 + 1}}, "above 1 TiB"},
    {RICH, {{NULL, RICH_INFO + I_TCS, 8, (1ull << 28) / 11}}, "above 1 TiB"},
    {RICH,
     {{NULL, RICH_INFO + I_STACK, 8, 1ull << 32}, {NULL, RICH_INFO + I_TCS, 8, 1ull << 32}},
     "above 1 TiB"},
    {"oe-rich-zero-base.signed", {{NULL, RICH_INFO + I_START, 8, 0x30001}}, "start address 0x30001"},
    {"oe-rich-zero-base.signed", {{NULL, RICH_INFO + I_START, 8, 1ull << 40}}, "start address"},
    {"oe-rich-zero-base.signed", {{NULL, RICH_INFO + I_START, 8, UINT64_MAX - 0xfff}}, "start address"},
    /* segments */
    {RICH, {{NULL, PHDR(0) + P_VADDR, 8, 0x1000}}, "begin at 0"},
    {RICH, {{NULL, PHDR(1) + P_VADDR, 8, 0x1000}}, "share no page"},
    {RICH, {{NULL, PHDR(2) + P_MEMSZ, 8, 0x3ff1}}, "share no page"},
    {RICH, {{NULL, PHDR(1) + P_VADDR, 8, 0x7000}}, "ascend"},
    {RICH, {{NULL, PHDR(3) + P_MEMSZ, 8, 1ull << 40}}, "ends above 1 TiB"},
    {RICH, {{NULL, PHDR(3) + P_MEMSZ, 8, UINT64_MAX - RICH_INFO_AT}}, "ends above 1 TiB"},
    {RICH, {{NULL, PHDR(3) + P_MEMSZ, 8, UINT64_MAX}}, "in memory"},
    /* symbols: entry 2 of .dynsym is _enclave_rva */
    {RICH, {{NULL, RICH_DYNSYM + 2 * 24 + 8, 8, UINT64_MAX}}, "_enclave_rva at 0xffffffffffffffff"},
    {RICH, {{NULL, RICH_DYNSYM + 2 * 24 + 8, 8, 0xa000 - 7}}, "_enclave_rva at 0x9ff9"},
    {RICH, {{NULL, RICH_DYNSYM + 3 * 24 + 8, 8, 0x7fffffff}}, "_reloc_rva at"},
    {RICH, {{NULL, RICH_DYNSYM + 2 * 24, 4, 0x9b}}, "name of a symbol lies outside"},
    {RICH, {{".dynsym", S_ENTSIZE, 8, 0}}, ".dynsym"},
    {RICH, {{".dynsym", S_TYPE, 4, 0}, {".dynsym", S_SIZE, 8, UINT64_MAX}}, "up to 1048576 of 24"},
    {RICH, {{".dynsym", S_TYPE, 4, 0}, {".dynsym", S_SIZE, 8, 24 << 20}}, "name of a symbol lies outside"},
    {RICH, {{".dynsym", S_TYPE, 4, 0}, {".dynsym", S_OFFSET, 8, UINT64_MAX - 16}}, "outside the file"},
    {RICH, {{".dynsym", S_TYPE, 4, 8}}, ".dynsym"},
    {RICH, {{".dynstr", S_TYPE, 4, 0}, {".dynstr", S_OFFSET, 8, UINT64_MAX - 8}}, "outside the file"},
    {OLD, {{".symtab", S_ENTSIZE, 8, 16}}, ".symtab"},
    {OLD, {{".symtab", S_TYPE, 4, 0}, {".symtab", S_SIZE, 8, 24 << 20}}, "outside the file"},
    /* relocations */
    {RICH, {{".rela.dyn", S_ENTSIZE, 8, 16}}, ".rela.dyn"},
    {RICH, {{".rela.dyn", S_SIZE, 8, 209 * 24 + 1}}, "no table of entries"},
    {RICH, {{".rela.plt", S_SIZE, 8, 23}}, "no table of entries"},
    {RICH, {{".rela.dyn", S_TYPE, 4, 8}}, "no table of entries"},
    {RICH, {{".rela.dyn", S_TYPE, 4, 0}, {".rela.dyn", S_SIZE, 8, 24ull << 50}}, ".rela.dyn: lies outside"},
    {RICH, {{".rela.plt", S_TYPE, 4, 0}, {".rela.plt", S_OFFSET, 8, UINT64_MAX}}, ".rela.plt: lies outside"},
    /* thread-locals */
    {RICH, {{".tdata", S_ALIGN, 8, 0}}, ".tdata"},
    {RICH, {{".tdata", S_ALIGN, 8, 24}}, ".tdata"},
    {RICH, {{".tbss", S_ALIGN, 8, 1ull << 63}}, ".tbss"},
    {RICH, {{".tbss", S_SIZE, 8, UINT64_MAX}}, ".tbss"},
    {RICH, {{".tbss", S_SIZE, 8, 1ull << 40}}, "above 1 TiB"},
    {RICH, {{".dynamic", S_TYPE, 4, 0}, {".dynamic", S_SIZE, 8, 1ull << 40}}, "more than 65536 entries"},
    {RICH, {{".dynamic", S_TYPE, 4, 0}, {".dynamic", S_OFFSET, 8, UINT64_MAX}}, "outside the file"},
    /* EGo's configuration */
    {"ego.signed", {{NULL, 0x2200 + 2048, 8, 17113}}, "configuration lies outside"},
    {"ego.signed", {{NULL, 0x2200 + 2056, 8, 41}}, "configuration lies outside"},
    {"ego.signed", {{NULL, 0x2200 + 2056, 8, UINT64_MAX}}, "configuration lies outside"},
};

#define REFUSED (sizeof refused / sizeof refused[0])

static struct buf edited(const struct hostile *h)
{
    struct buf file = oe_vector(h->file);

    for (size_t i = 0; i < 4 && h->edits[i].len != 0; i++) {
        const struct edit *e = &h->edits[i];

        set_le(&file, (e->name != NULL ? section(&file, e->name) : 0) + e->at, e->len, e->value);
    }
    return file;
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < REFUSED; i++) {
        struct buf file = edited(&refused[i]);
        struct opened o = {0};
        struct ens_err err = {0};

        assert_fails(open_bytes(&file, &o, &err), err, ENS_DATA, refused[i].says);
        assert_null(o.c);
        close_opened(&o);
        buf_free(&file);
    }
}

/* Of two sections with the name, loaders take one: which one is not said. */
static void test_two_sections(void **state)
{
    static const char *const names[] = {".oeinfo", ".tdata", ".tbss"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct buf file = oe_vector(RICH);
        struct opened o = {0};
        struct ens_err err = {0};
        uint64_t name = get_le(&file, section(&file, names[i]) + S_NAME, 4);

        set_le(&file, section(&file, ".text") + S_NAME, 4, name);
        assert_fails(open_bytes(&file, &o, &err), err, ENS_DATA, "two sections");
        close_opened(&o);
        buf_free(&file);
    }
}

static bool put_nothing(void *ctx, struct view piece, struct ens_err *err)
{
    uint64_t *left = ctx;

    if (piece.len > *left)
        return ens_fail(err, ENS_IO, "enough");
    *left -= piece.len;
    return true;
}

/* A relocation of a thread-local names a symbol that is not there: found while the table is poured. */
static void test_relocation_without_symbol(void **state)
{
    struct buf file = oe_vector(RICH);
    struct opened o = {0};
    struct ens_err err = {0};
    uint64_t left = UINT64_MAX;

    (void)state;
    set_le(&file, 0x800 + 3 * 24 + 8, 8, UINT64_C(0xfffffff000000012));
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_fails(container_stream(o.c, 0, &(struct sink){put_nothing, &left}, &err), err, ENS_DATA,
                 "names symbol 4294967280");
    close_opened(&o);
    buf_free(&file);
}

/* Where the sink refuses, the stream ends, wherever that is. */
static void test_sink_refuses(void **state)
{
    struct buf file = oe_vector(RICH);
    struct opened o = {0};
    struct ens_err err = {0};
    uint64_t total = UINT64_MAX, left = 0;

    (void)state;
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_ok(container_stream(o.c, 0, &(struct sink){put_nothing, &total}, &err), err);
    total = UINT64_MAX - total;
    for (uint64_t at = 0; at < total; at += 2000) {
        left = at;
        assert_fails(container_stream(o.c, 0, &(struct sink){put_nothing, &left}, &err), err, ENS_IO,
                     "enough");
    }
    left = total;
    assert_ok(container_stream(o.c, 0, &(struct sink){put_nothing, &left}, &err), err);
    close_opened(&o);
    buf_free(&file);
}

/* Opens and pours up to a mebibyte. Whatever comes out, an error says what is wrong with the file. */
static void survive(const struct buf *file)
{
    struct opened o = {0};
    struct ens_err err = {0};
    uint64_t left = 1 << 20;
    bool ok = open_bytes(file, &o, &err);

    if (ok && container_streams_len(o.c) > 0)
        ok = container_stream(o.c, 0, &(struct sink){put_nothing, &left}, &err);
    if (!ok) {
        assert_true(err.code == ENS_DATA || err.code == ENS_IO);
        assert_int_not_equal(err.msg[0], 0);
    }
    close_opened(&o);
}

static void test_cut(void **state)
{
    static const char *const files[] = {RICH, "ego.signed"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buf file = oe_vector(files[i]);
        size_t len = file.len;

        for (file.len = 0; file.len < len; file.len += file.len < 512 ? 1 : 97)
            survive(&file);
        file.len = len;
        buf_free(&file);
    }
}

/* Bytes of the headers, the tables and the structure become others; always the same ones. */
static void test_flipped(void **state)
{
    const struct buf pristine = oe_vector(RICH);
    struct buf file = oe_vector(RICH);
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        memcpy(file.data, pristine.data, file.len);
        for (int i = 0; i < 3; i++) {
            random = random * 1664525 + 1013904223;
            size_t at = random >> 8;

            switch (round % 4) {
            case 0:
                at %= 400;
                break;
            case 1:
                at = RICH_DYNSYM + at % 0x400;
                break;
            case 2:
                at = RICH_INFO + at % 144;
                break;
            default:
                at = (size_t)get_le(&pristine, E_SHOFF, 8) + at % (14 * 64);
                break;
            }
            random = random * 1664525 + 1013904223;
            file.data[at] = (uint8_t)(random >> 24);
        }
        survive(&file);
    }
    buf_free(&file);
    buf_free(&(struct buf){pristine.data, pristine.len, pristine.cap});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_two_sections),
        cmocka_unit_test(test_relocation_without_symbol),
        cmocka_unit_test(test_sink_refuses),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_flipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
