/* ELF files of x86_64-fortanix-unknown-sgx: what they lay out together with the options of elf2sgxs, and each rule that a
 * broken one is refused by. The streams themselves are compared by tests/interop/test_fortanix.py. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/elf.h"

#define VECTOR "containers/edp.elf"

/* As tests/interop/mkfortanix.py lays the vector out: the first symbols, and the segments. */
#define SYM(i)      (24 * (size_t)(i))
#define SYM_SECTION 6
#define SYM_VALUE   8
#define SYM_BYTES   16
#define HEAP_BASE   2
#define HEAP_SIZE   3
#define SIZE        6
#define DYNAMIC_PH  3

static const struct container_edp usual = {.heap = 0x3000, .stack = 0x2000, .threads = 2, .ssaframesize = 1};

static bool find(const void *ctx, const char *label, struct container_edp *ret, struct ens_err *err)
{
    (void)err;
    assert_string_equal(label, "file");
    *ret = *(const struct container_edp *)ctx;
    return true;
}

static bool open_edp(const struct buf *file, const struct container_edp *options, struct opened *ret,
                     struct ens_err *err)
{
    const struct container_beside beside = {.find_edp = find, .edp = options};

    ret->fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(ret->fd >= 0);
    assert_int_equal(write(ret->fd, file->data, file->len), (ssize_t)file->len);
    return container_open_fd(ret->fd, "file", NULL, &beside, &ret->c, err);
}

static void test_laid_out(void **state)
{
    struct buf file = support_vector(VECTOR);
    struct buf stream = {0};
    struct opened o = {0};
    struct ens_err err = {0};
    struct sgxs_report report;
    uint8_t page[PAGE];
    size_t chunks = 0;
    char name[CONTAINER_NAME_MAX];

    (void)state;
    assert_ok(open_edp(&file, &usual, &o, &err), err);
    assert_int_equal(container_kind(o.c), CONTAINER_EDP);
    assert_false(container_site(o.c, 0)->has_place);
    assert_true(container_locate(o.c, 0x210, name));
    assert_string_equal(name, ".dynsym");
    measure(o.c, 0, &report);
    assert_true(report.equal);
    assert_int_equal(report.tcs, 2);
    assert_int_equal(report.ssaframesize, 1);
    assert_int_equal(report.problems.len, 0);
    assert_ok(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err);
    /* Work is told before, and is no smaller. */
    assert_true(container_work(o.c) >= stream.len);
    /* The last thread: thread-locals that say it is a secondary one, and its TCS. */
    uint64_t heap = 0, tls = 0;

    for (uint64_t at = 0; at < report.size; at += PAGE)
        tls = page_of(&stream, at, page, &chunks) == 0x100 ? at - PAGE : tls;
    assert_int_equal(page_of(&stream, tls, page, &chunks), 0x203);
    assert_int_equal(chunks, 16);
    assert_int_equal(bytes_get_le64(page), tls);
    assert_int_equal(bytes_get_le64(page + 8), 1);
    heap = tls - 0x2000 - 0x10000 - 0x3000 - (0x10000 + 0x2000 + 0x3000);
    assert_int_equal(page_of(&stream, heap, page, &chunks), 0x203);
    assert_int_equal(chunks, 0);
    assert_int_equal(page_of(&stream, heap + 0x3000, page, &chunks), 0);
    buf_free(&stream);
    close_opened(&o);
    buf_free(&file);
}

/* ---- refused ---- */

struct edit {
    const char *section; /* whose header, or (`inside`) content, `at` counts from; NULL: the file */
    bool inside;
    size_t at, len;
    uint64_t value;
};

static const struct hostile {
    struct edit edits[2];
    const char *says;
} refused[] = {
    {{{".note.x86_64-fortanix-unknown-sgx", true, 32, 4, 2}}, "is of toolchain version 2, and up to 1"},
    {{{".note.x86_64-fortanix-unknown-sgx", true, 0, 4, 17}}, "is not toolchain-version and 4 bytes"},
    {{{".note.x86_64-fortanix-unknown-sgx", true, 4, 4, 8}}, "is not toolchain-version and 4 bytes"},
    {{{".note.x86_64-fortanix-unknown-sgx", true, 12, 1, 'T'}}, "is not toolchain-version and 4 bytes"},
    {{{".note.x86_64-fortanix-unknown-sgx", false, S_TYPE, 4, 1}}, "has no note"},
    {{{".note.x86_64-fortanix-unknown-sgx", false, S_SIZE, 8, 35}}, "has no note"},
    {{{".note.x86_64-fortanix-unknown-sgx", false, S_OFFSET, 8, UINT64_MAX}}, "outside the file"},
    /* symbols */
    {{{".dynsym", false, S_TYPE, 4, 2}}, "is no table of symbols"},
    {{{".dynsym", false, S_NAME, 4, 0}}, "has no section .dynsym"},
    {{{".dynsym", false, S_ENTSIZE, 8, 16}}, "in entries of 16"},
    {{{".dynsym", false, S_SIZE, 8, UINT64_MAX}}, ".dynsym"},
    {{{".dynstr", false, S_SIZE, 8, UINT64_MAX}}, "or has no names"},
    {{{".dynstr", false, S_OFFSET, 8, UINT64_MAX}}, "or has no names"},
    {{{".dynsym", true, SYM(HEAP_SIZE) + SYM_SECTION, 2, 0}}, "has 1 undefined dynamic symbols"},
    {{{".dynsym", true, SYM(HEAP_SIZE), 4, 11}}, "symbol HEAP_BASE is there twice"},
    {{{".dynsym", true, SYM(HEAP_BASE), 4, 0}}, "has no dynamic symbol HEAP_BASE"},
    {{{".dynsym", true, SYM(HEAP_BASE) + SYM_BYTES, 8, 4}}, "HEAP_BASE has 4 bytes, and 8 are written"},
    {{{".dynsym", true, SYM(8) + SYM_BYTES, 8, 8}}, "DEBUG has 8 bytes, and 1 are written"},
    {{{".dynsym", true, SYM(SIZE) + SYM_VALUE, 1, 1}}, "ENCLAVE_SIZE is not aligned"},
    {{{".dynsym", true, SYM(HEAP_BASE) + SYM_VALUE, 8, 1ull << 40}}, "HEAP_BASE at 0x10000000000 is not in"},
    {{{".dynsym", true, SYM(HEAP_BASE) + SYM_VALUE, 8, UINT64_MAX - 3}}, "HEAP_BASE at 0xffff"},
    {{{".dynsym", true, SYM(14), 4, 0}}, "has no dynamic symbol EH_FRM_HDR_LEN"},
    {{{".text", false, S_NAME, 4, 0}}, "has no section .text"},
    {{{".eh_frame", false, S_NAME, 4, 0}}, "has no section .eh_frame"},
    {{{".text_no_sgx", false, S_ADDR, 8, 1ull << 40}}, ".text_no_sgx at 0x10000000000 is not in"},
    {{{".text_no_sgx", false, S_SIZE, 8, UINT64_MAX}}, ".text_no_sgx at"},
    /* relocations */
    {{{".rela.dyn", true, 8, 8, 7}}, "is not relative"},
    {{{".rela.dyn", true, 0, 8, 0x100}}, "at 0x100 is outside of the writable segments"},
    {{{".rela.dyn", true, 0, 8, UINT64_MAX}}, "is outside of the writable segments"},
    {{{".rela.dyn", false, S_SIZE, 8, 25}}, "DT_RELACOUNT allows 3 more"},
    {{{".rela.dyn", false, S_SIZE, 8, 24ull << 40}}, "DT_RELACOUNT allows 3 more"},
    {{{".rela.dyn", false, S_SIZE, 8, 48}}, "DT_RELACOUNT says 1 relocations more"},
    {{{NULL, false, PHDR(DYNAMIC_PH), 4, 7}}, "has no segment PT_DYNAMIC"},
    {{{NULL, false, PHDR(DYNAMIC_PH) + P_FILESZ, 8, 15}}, "PT_DYNAMIC has 0xf bytes"},
    {{{NULL, false, PHDR(DYNAMIC_PH) + P_FILESZ, 8, 16ull << 32}}, "up to 65536 entries"},
    {{{".data", true, 0, 8, 12}}, "has an entry 12"},
    {{{".data", true, 0, 8, 0x6ffffffa}}, "has an entry 1879048186"},
    {{{".data", true, 0, 8, 7}}, "has two entries 0x7"},
    {{{".data", true, 32, 8, 21}}, "has one of DT_RELA and DT_RELACOUNT"},
    /* segments */
    {{{NULL, false, PHDR(0) + P_FLAGS, 4, 5}}, "its first page is executable"},
    {{{NULL, false, PHDR(1) + P_VADDR, 8, 0x10}}, "shares a page with the one before it"},
    {{{NULL, false, PHDR(2) + P_MEMSZ, 8, 1ull << 47}}, "ends above 128 TiB"},
};

static struct buf edited(const struct hostile *h)
{
    struct buf file = support_vector(VECTOR);

    for (size_t i = 0; i < 2 && h->edits[i].len != 0; i++) {
        const struct edit *e = &h->edits[i];
        size_t at = e->section != NULL ? section(&file, e->section) : 0;

        set_le(&file, (e->inside ? (size_t)get_le(&file, at + S_OFFSET, 8) : at) + e->at, e->len, e->value);
    }
    return file;
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct buf file = edited(&refused[i]);
        struct opened o = {0};
        struct ens_err err = {0};

        assert_fails(open_edp(&file, &usual, &o, &err), err, ENS_DATA, refused[i].says);
        assert_null(o.c);
        close_opened(&o);
        buf_free(&file);
    }
}

static void test_too_large(void **state)
{
    const struct container_edp large[] = {
        {.heap = UINT64_MAX - 0xfff},
        {.threads = UINT64_MAX},
        {.threads = 1, .stack = UINT64_MAX - 0xfff},
        {.threads = UINT32_MAX, .ssaframesize = UINT32_MAX},
    };
    struct buf file = support_vector(VECTOR);

    (void)state;
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        struct opened o = {0};
        struct ens_err err = {0};

        assert_fails(open_edp(&file, &large[i], &o, &err), err, ENS_DATA, "end above 128 TiB");
        close_opened(&o);
    }
    /* One that fits is laid out, and refused before the first byte: it is too much work. */
    const struct container_edp heap = {.heap = 1ull << 40};
    struct opened o = {0};
    struct ens_err err = {0};
    struct buf stream = {0};

    assert_ok(open_edp(&file, &heap, &o, &err), err);
    assert_fails(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err, ENS_DATA,
                 "--allow-large");
    assert_int_equal(stream.len, 0);
    close_opened(&o);
    buf_free(&file);
}

/* A symbol of std in the code is what no review may miss. */
static void test_patched_code(void **state)
{
    struct buf file = support_vector(VECTOR);
    size_t symbol =
        (size_t)get_le(&file, section(&file, ".dynsym") + S_OFFSET, 8) + SYM(HEAP_BASE) + SYM_VALUE;
    struct opened o = {0};
    struct ens_err err = {0};
    size_t len = 0;

    (void)state;
    set_le(&file, symbol, 8, get_le(&file, section(&file, ".text") + S_ADDR, 8) + 8);
    assert_ok(open_edp(&file, &usual, &o, &err), err);
    const struct container_oddity *odd = container_oddities(o.c, &len);

    assert_int_equal(len, 1);
    assert_string_equal(odd->rule, "patched-code");
    close_opened(&o);
    buf_free(&file);
}

/* The zeros behind what the file has of a segment: the tool ends there. */
static void test_in_zeros(void **state)
{
    struct buf file = support_vector(VECTOR);
    size_t symbol =
        (size_t)get_le(&file, section(&file, ".dynsym") + S_OFFSET, 8) + SYM(HEAP_BASE) + SYM_VALUE;
    uint64_t end = get_le(&file, PHDR(2) + P_VADDR, 8) + get_le(&file, PHDR(2) + P_FILESZ, 8);
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    set_le(&file, symbol, 8, end - 7);
    assert_fails(open_edp(&file, &usual, &o, &err), err, ENS_DATA,
                 "is not in what the file has of a segment");
    close_opened(&o);
    buf_free(&file);
}

/* Two symbols of std in one place, wholly and by one byte: the one that is written last would decide. */
static void test_in_one_place(void **state)
{
    (void)state;
    for (uint64_t apart = 0; apart < 8; apart += 7) {
        struct buf file = support_vector(VECTOR);
        size_t symbols = (size_t)get_le(&file, section(&file, ".dynsym") + S_OFFSET, 8);
        uint64_t size_at = get_le(&file, symbols + SYM(HEAP_SIZE) + SYM_VALUE, 8);
        struct opened o = {0};
        struct ens_err err = {0};

        set_le(&file, symbols + SYM(HEAP_BASE) + SYM_VALUE, 8, size_at - apart);
        assert_fails(open_edp(&file, &usual, &o, &err), err, ENS_DATA, "shares bytes with another symbol");
        close_opened(&o);
        buf_free(&file);
    }
}

static void test_without_options(void **state)
{
    struct buf file = support_vector(VECTOR);
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    assert_fails(open_bytes(&file, &o, &err), err, ENS_DATA, "give --cargo DIR, or --heap-size N");
    close_opened(&o);
    buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_laid_out),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_large),       cmocka_unit_test(test_patched_code),
        cmocka_unit_test(test_without_options), cmocka_unit_test(test_in_zeros),
        cmocka_unit_test(test_in_one_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
