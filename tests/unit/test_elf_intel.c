/* Intel SDK ELF files that are as their tools wrote them: every block is found and measures to the
 * ENCLAVEHASH of its SIGSTRUCT; what is written differs only where it must; each rule of the loader is seen
 * in the pages. */
#include "tests/support/elf.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"

struct good {
    const char *file;
    const char *names[3]; /* of its blocks */
    bool fips;
};

static const struct good good[] = {
    {"1.3.signed", {"metadata 1.3"}, false},
    {"1.4.signed", {"metadata 1.4"}, false},
    {"1.5.signed", {"metadata 1.5"}, false},
    {"2.4-2.1-1.4.signed", {"metadata 2.4", "metadata 2.1", "metadata 1.4"}, false},
    {"3.1-1.4.signed", {"metadata 3.1", "metadata 1.4"}, false},
    {"3.3.signed", {"metadata 3.3"}, false},
    {"3.3-1.5.signed", {"metadata 3.3", "metadata 1.5"}, false},
    {"3.3-1.5-fips.signed", {"metadata 3.3", "metadata 1.5"}, true},
    {"12.4-11.4.signed", {"metadata 12.4", "metadata 11.4"}, false},
    {"13.3-11.5.signed", {"metadata 13.3", "metadata 11.5"}, false},
};

#define GOOD (sizeof good / sizeof good[0])

/* Every stream of the container is a sound enclave whose MRENCLAVE its SIGSTRUCT names. */
static void check_measured(struct container *c)
{
    struct sgxs_report r;

    assert_int_equal(container_streams_len(c), container_sites_len(c));
    for (size_t i = 0; i < container_streams_len(c); i++) {
        const struct site *site = container_site(c, i);

        measure(c, i, &r);
        assert_memory_equal(r.mrenclave, site->css.bytes + ENCLAVEHASH, 32);
        assert_int_equal(r.problems.len, 0);
        assert_true(r.equal);
        assert_int_equal(r.ssaframesize, site->launch.ssaframesize);
    }
}

static void check_good(const struct good *g)
{
    struct buf file = intel_vector(g->file);
    struct opened o = {0};
    struct ens_err err = {0};
    size_t want = 0;

    assert_ok(open_bytes(&file, &o, &err), err);
    assert_int_equal(container_kind(o.c), CONTAINER_INTEL);
    while (want < 3 && g->names[want] != NULL)
        want++;
    assert_int_equal(container_sites_len(o.c), want);
    for (size_t i = 0; i < want; i++) {
        const struct site *site = container_site(o.c, i);

        assert_string_equal(site->name, g->names[i]);
        assert_memory_equal(site->css.bytes, file.data + site->offset, SIGSTRUCT_SIZE);
        assert_memory_equal(site->css.bytes, "\6\0\0\0\xe1", 6);
        assert_true(site->has_launch && !site->has_config && site->has_fips == g->fips);
        assert_int_equal(site->launch.attributes, 4);
        assert_int_equal(site->launch.xfrm, 0xe7);
        assert_int_equal(site->launch.miscselect, 0);
        assert_int_equal(site->launch.ssaframesize, 1);
    }
    check_measured(o.c);
    close_opened(&o);
    buf_free(&file);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOOD; i++)
        check_good(&good[i]);
}

static void test_sample(void **state)
{
    struct buf file = support_shared("intel-sdk-sample/enclave.signed.so");
    struct opened o = {0};
    struct ens_err err = {0};

    (void)state;
    if (file.len == 0)
        support_skip("shared data is not here");
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_int_equal(container_sites_len(o.c), 3);
    assert_string_equal(container_site(o.c, 2)->name, "metadata 1.4");
    check_measured(o.c);
    close_opened(&o);
    buf_free(&file);
}

/* Blocks that say different things are read: whoever compares the copies must see it. */
static void test_disagree(void **state)
{
    struct buf file = intel_vector("disagree.signed");
    struct opened o = {0};
    struct ens_err err = {0};
    size_t same = 0;

    (void)state;
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_int_equal(container_sites_len(o.c), 3);
    for (size_t i = 1; i < 3; i++)
        same +=
            memcmp(container_site(o.c, i)->css.bytes, container_site(o.c, 0)->css.bytes, SIGSTRUCT_SIZE) == 0;
    assert_true(same < 2);
    close_opened(&o);
    buf_free(&file);
}

/* ---- writing ---- */

/* Marks the bytes that an edit may change. */
static void allow(uint8_t *may, const struct container *c, bool launch)
{
    for (size_t i = 0; i < container_sites_len(c); i++) {
        const struct site *site = container_site(c, i);
        uint64_t block = site->offset - 64;

        memset(may + site->offset, 1, SIGSTRUCT_SIZE);
        if (launch) {
            memset(may + block + 48, 1, 16);
            memset(may + block + 32, 1, 4);
        }
        if (site->has_fips)
            memset(may + block + 0x990, 1, FIPS_SIZE);
    }
}

static void check_bytes(const struct buf *before, int fd, const uint8_t *may)
{
    uint8_t *after = malloc(before->len + 1);

    assert_non_null(after);
    assert_int_equal(pread(fd, after, before->len + 1, 0), (ssize_t)before->len);
    for (size_t i = 0; i < before->len; i++) {
        if (may[i] == 0 && after[i] != before->data[i])
            fail_msg("the byte at 0x%zx was changed", i);
    }
    free(after);
}

/* The new file, opened again: the copies are what was given, and the enclave is what it was. */
static void check_written(int fd, const struct container_edit *edit, const uint8_t mrenclave[32])
{
    struct container *c = NULL;
    struct ens_err err = {0};
    struct sgxs_report r;

    assert_ok(container_open_fd(fd, "written", NULL, NULL, &c, &err), err);
    for (size_t i = 0; i < container_sites_len(c); i++) {
        const struct site *site = container_site(c, i);

        assert_memory_equal(site->css.bytes, edit->sigstruct.data, SIGSTRUCT_SIZE);
        assert_int_equal(site->launch.attributes, edit->launch != NULL ? edit->launch[i].attributes : 4);
        assert_int_equal(site->launch.xfrm, edit->launch != NULL ? edit->launch[i].xfrm : 0xe7);
        assert_int_equal(site->launch.miscselect, edit->launch != NULL ? edit->launch[i].miscselect : 0);
        if (site->has_fips)
            assert_memory_equal(site->fips, edit->fips.data, FIPS_SIZE);
        measure(c, i, &r);
        assert_memory_equal(r.mrenclave, mrenclave, 32);
    }
    container_closep(&c);
}

static void check_write(const struct good *g, const struct container_edit *edit, const char *dir)
{
    struct buf file = intel_vector(g->file);
    uint8_t *may = calloc(file.len, 1);
    struct opened o = {0};
    struct ens_err err = {0};
    struct file_out *out = NULL;
    struct sgxs_report r;
    char path[512];

    assert_non_null(may);
    (void)snprintf(path, sizeof path, "%s/out", dir);
    assert_ok(open_bytes(&file, &o, &err), err);
    measure(o.c, 0, &r);
    assert_ok(file_out_open(path, FILE_OUT_NEW, &out, &err), err);
    assert_ok(container_write(o.c, edit, out, &err), err);
    allow(may, o.c, edit->launch != NULL);
    check_bytes(&file, file_out_fd(out), may);
    check_written(file_out_fd(out), edit, r.mrenclave);
    file_out_closep(&out);
    close_opened(&o);
    free(may);
    buf_free(&file);
}

static void test_write(void **state)
{
    uint8_t css[SIGSTRUCT_SIZE];
    uint8_t fips[FIPS_SIZE];
    char *dir = support_mkdir();
    struct container_edit edit = {.sigstruct = view_of(css, sizeof css), .fips = view_of(fips, sizeof fips)};

    (void)state;
    memset(css, 0x5a, sizeof css);
    memset(fips, 0xa5, sizeof fips);
    for (size_t i = 0; i < GOOD; i++)
        check_write(&good[i], &edit, dir);
    struct launch launch[CONTAINER_SITES_MAX];

    for (size_t i = 0; i < CONTAINER_SITES_MAX; i++)
        launch[i] =
            (struct launch){.attributes = 0x94 + i, .xfrm = 0x60007, .miscselect = 1, .ssaframesize = 99};
    edit.launch = launch;
    for (size_t i = 0; i < GOOD; i++)
        check_write(&good[i], &edit, dir);
    support_rmdir(dir);
}

/* A file with a FIPS signature does not load with the old one: an edit without a new one is a bug. */
static void test_write_needs_fips(void **state)
{
    struct buf file = intel_vector("3.3-1.5-fips.signed");
    uint8_t css[SIGSTRUCT_SIZE] = {0};
    struct container_edit edit = {.sigstruct = view_of(css, sizeof css)};
    struct opened o = {0};
    struct ens_err err = {0};
    struct file_out *out = NULL;
    char *dir = support_mkdir();
    char path[512];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/out", dir);
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_ok(file_out_open(path, FILE_OUT_NEW, &out, &err), err);
    assert_fails(container_write(o.c, &edit, out, &err), err, ENS_BUG, "FIPS signature of 0 bytes");
    file_out_closep(&out);
    close_opened(&o);
    support_rmdir(dir);
    buf_free(&file);
}

/* ---- the loader's rules, seen in the pages ---- */

/* A segment of several pieces, which begins and ends within pages, with patches over the seams of the pieces
 * and over one another. What its pages hold is laid out here by hand. */
static void test_pieces(void **state)
{
    const uint64_t vaddr = 0x40123;
    const size_t offset = 0x10123;
    const size_t filesz = 0x23456;
    struct buf file = intel_vector("1.4.signed");
    struct ens_err err = {0};
    uint8_t *image = calloc(0x30 * PAGE, 1);
    uint8_t byte = 0;

    (void)state;
    assert_non_null(image);
    while (file.len < offset + filesz + 7) {
        byte = (uint8_t)(file.len * 31 + file.len / 251);
        assert_ok(buf_append(&file, view_of(&byte, 1), &err), err);
    }
    memcpy(image + 0x123, file.data + offset, filesz);
    set_le(&file, PHDR(2) + 8, 8, offset);
    set_le(&file, PHDR(2) + 16, 8, vaddr);
    set_le(&file, PHDR(2) + 32, 8, filesz);
    set_le(&file, PHDR(2) + 40, 8, 0x2a001);
    set_le(&file, DESC + 40, 8, 0x80000);
    /* Patch 0: eight bytes of the block over the first seam; patch 1: two over them again; patch 2 ends
     * behind the segment. */
    set_le(&file, DESC + B_PATCH(0), 8, offset - 0x123 + 0x10000 - 4);
    set_le(&file, DESC + B_PATCH(0) + 8, 4, 0x780);
    memcpy(image + 0x10000 - 4, file.data + DESC + 0x780, 8);
    set_le(&file, DESC + B_PATCH(1), 8, offset - 0x123 + 0x10000 - 1);
    set_le(&file, DESC + B_PATCH(1) + 8, 4, 0x7a0);
    memcpy(image + 0x10000 - 1, file.data + DESC + 0x7a0, 2);
    set_le(&file, DESC + B_PATCH(2), 8, offset + filesz - 1);
    set_le(&file, DESC + B_PATCH(2) + 8, 4, 0x7b0);
    image[0x123 + filesz - 1] = file.data[DESC + 0x7b0];

    struct buf stream = pour(&file);

    for (size_t i = 0; i < 0x2b; i++) {
        uint8_t page[PAGE];
        size_t chunks = 0;

        assert_int_equal(page_of(&stream, 0x40000 + i * PAGE, page, &chunks), 0x203);
        assert_int_equal(chunks, 16);
        assert_memory_equal(page, image + i * PAGE, PAGE);
    }
    assert_int_equal(flags_of(&stream, 0x6b000), 0);
    assert_int_equal(flags_of(&stream, 0x3f000), 0);
    buf_free(&stream);
    buf_free(&file);
    free(image);
}

/* Rows of the layout: a heap that is not measured, filled stacks, a thread with three fields moved. */
static void test_layout(void **state)
{
    struct buf file = intel_vector("1.4.signed");
    struct buf stream = pour(&file);
    uint8_t page[PAGE];
    uint8_t want[PAGE];
    size_t chunks = 0;

    (void)state;
    assert_int_equal(page_of(&stream, 0x8000, page, &chunks), 0x203);
    assert_int_equal(chunks, 0);
    assert_int_equal(flags_of(&stream, 0x9000), 0);
    memset(want, 0xcc, sizeof want);
    assert_int_equal(page_of(&stream, 0x18000, page, &chunks), 0x203);
    assert_memory_equal(page, want, PAGE);
    /* The thread of the group: 0x9000 behind the first, as the row says. */
    memset(want, 0, sizeof want);
    memcpy(want, file.data + DESC + 0x760, 0x48);
    for (size_t i = 0; i < 3; i++) {
        uint8_t *field = want + (size_t[]){16, 48, 56}[i];

        bytes_put_le(field, 8, bytes_get_le(view_of(field, 8)) + 0x1a000);
    }
    assert_int_equal(page_of(&stream, 0x1a000, page, &chunks), 0x100);
    assert_int_equal(chunks, 16);
    assert_memory_equal(page, want, PAGE);
    buf_free(&stream);
    buf_free(&file);
}

/* Content that is no thread: measured even where the row does not say so, zeros behind it. */
static void test_content(void **state)
{
    struct buf file = intel_vector("1.4.signed");
    uint8_t page[PAGE];
    uint8_t want[PAGE] = {0};
    size_t chunks = 0;

    (void)state;
    set_le(&file, DESC + B_LAYOUT(0) + 16, 4, 0x51);
    set_le(&file, DESC + B_LAYOUT(0) + 20, 4, 0x765);
    memcpy(want, file.data + DESC + 0x765, 0x51);
    struct buf stream = pour(&file);

    assert_int_equal(page_of(&stream, 0x7000, page, &chunks), 0x203);
    assert_int_equal(chunks, 16);
    assert_memory_equal(page, want, PAGE);
    memset(want, 0, sizeof want);
    assert_int_equal(page_of(&stream, 0x8000, page, &chunks), 0x203);
    assert_int_equal(chunks, 16);
    assert_memory_equal(page, want, PAGE);
    buf_free(&stream);
    buf_free(&file);
}

/* Metadata 1.3 alone: one page more behind a segment that begins late in its page. */
static void test_extra_page(void **state)
{
    struct buf file = intel_vector("1.3.signed");
    uint8_t page[PAGE];
    size_t chunks = 0;

    (void)state;
    set_le(&file, PHDR(2) + 16, 8, 0x4100);
    set_le(&file, PHDR(2) + 40, 8, 0x1e00);
    struct buf stream = pour(&file);

    assert_int_equal(page_of(&stream, 0x6000, page, &chunks), 0x203);
    assert_int_equal(chunks, 16);
    assert_true(view_is_zero(view_of(page, sizeof page)));
    buf_free(&stream);
    set_le(&file, DESC + 8, 4, 4);
    stream = pour(&file);
    assert_int_equal(flags_of(&stream, 0x5000), 0x203);
    assert_int_equal(flags_of(&stream, 0x6000), 0);
    buf_free(&stream);

    /* Not where the next segment begins in that page: the text before the data. */
    set_le(&file, DESC + 8, 4, 3);
    set_le(&file, PHDR(1) + 16, 8, 0x1100);
    set_le(&file, PHDR(1) + 40, 8, 0x1e00);
    stream = pour(&file);
    assert_int_equal(flags_of(&stream, 0x3000), 0x205);
    set_le(&file, PHDR(2) + 16, 8, 0x3100);
    buf_free(&stream);
    stream = pour(&file);
    assert_int_equal(flags_of(&stream, 0x3000), 0x203);
    buf_free(&stream);
    buf_free(&file);
}

static void set_dynamic(struct buf *file, size_t index, uint64_t tag, uint64_t value)
{
    set_le(file, DYNAMIC + 16 * index, 8, tag);
    set_le(file, DYNAMIC + 16 * index + 8, 8, value);
}

static void set_relocation(struct buf *file, size_t at, uint64_t where, uint64_t type)
{
    set_le(file, at, 8, where);
    set_le(file, at + 8, 8, type | 5ull << 32);
    set_le(file, at + 16, 8, 0);
}

/* Relocations into pages that are not writable: five rows in .text (0x1000), the last two for the procedure
 * linkage table, which are found through .dynstr (0x4000, at 0x3000 of the file). */
static void with_relocations(struct buf *file)
{
    set_le(file, PHDR(3) + 32, 8, 16 * 7);
    set_dynamic(file, 1, 7, 0x1000);
    set_dynamic(file, 2, 8, 3 * 24);
    set_dynamic(file, 3, 23, 0x4000);
    set_dynamic(file, 4, 2, 24);
    set_dynamic(file, 5, 22, 0);
    set_dynamic(file, 6, 0, 0);
    set_relocation(file, 0x1000, 0x1ff9, 8);    /* reaches into 0x2000 */
    set_relocation(file, 0x1000 + 24, 0x10, 0); /* none */
    set_relocation(file, 0x1000 + 48, 0x3008, 8);
    set_relocation(file, 0x3000, 0x1000, 7);
    /* A page of zeros behind the text: no bytes of the file, no relocations for the loader. */
    set_le(file, PHDR(1) + 40, 8, 0x2388);
}

static void test_textrel(void **state)
{
    struct buf file = intel_vector("1.4.signed");

    (void)state;
    with_relocations(&file);
    struct buf stream = pour(&file);

    assert_int_equal(flags_of(&stream, 0), 0x201);
    assert_int_equal(flags_of(&stream, 0x1000), 0x207);
    assert_int_equal(flags_of(&stream, 0x2000), 0x207);
    assert_int_equal(flags_of(&stream, 0x3000), 0x205);
    buf_free(&stream);

    /* A relocation that ends with its page leaves the next one alone; that of the other table remains. */
    set_relocation(&file, 0x1000, 0x1ff8, 8);
    stream = pour(&file);
    assert_int_equal(flags_of(&stream, 0x1000), 0x207);
    assert_int_equal(flags_of(&stream, 0x2000), 0x205);
    buf_free(&stream);
    set_relocation(&file, 0x1000, 0x2000, 8);
    stream = pour(&file);
    assert_int_equal(flags_of(&stream, 0x1000), 0x207);
    assert_int_equal(flags_of(&stream, 0x2000), 0x207);
    buf_free(&stream);

    /* The same without DT_TEXTREL. */
    set_dynamic(&file, 5, 30, 0);
    stream = pour(&file);
    assert_int_equal(flags_of(&stream, 0x1000), 0x205);
    buf_free(&stream);
    buf_free(&file);
}

/* What a stream may refuse of relocations. */
static void refuse_relocations(size_t at, uint64_t value, const char *says)
{
    struct buf file = intel_vector("1.4.signed");
    struct buf stream = {0};
    struct opened o = {0};
    struct ens_err err = {0};

    with_relocations(&file);
    set_le(&file, at, 8, value);
    assert_ok(open_bytes(&file, &o, &err), err);
    assert_fails(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err, ENS_DATA, says);
    close_opened(&o);
    buf_free(&stream);
    buf_free(&file);
}

static void test_textrel_hostile(void **state)
{
    (void)state;
    refuse_relocations(0x1000, 0x20000, "a relocation outside the enclave");
    refuse_relocations(0x1000, UINT64_MAX, "a relocation outside the enclave");
    refuse_relocations(DYNAMIC + 16 + 8, 0x1234, "the relocations are in no section");
    refuse_relocations(DYNAMIC + 32 + 8, 25, "no whole rows");
    refuse_relocations(DYNAMIC + 32 + 8, 24ull << 40, "the relocations lie outside the file");
    refuse_relocations(DYNAMIC + 32 + 8, UINT64_MAX / 24 * 24, "the relocations lie outside the file");
    refuse_relocations(PHDR(3) + 32, 16 * 6, "dynamic segment: no end");
    refuse_relocations(PHDR(3) + 8, UINT64_MAX - 8, "lie outside the file");
}

/* The block behind the first one. */
static size_t second_block(const struct buf *file)
{
    for (size_t at = DESC + 8; at + 8 <= file->len; at++) {
        if (memcmp(file->data + at, file->data + DESC, 8) == 0)
            return at;
    }
    fail_msg("the file has one block");
    return 0;
}

/* Changes `size` bytes of the second block and asks whether it still lays out what the first one does, which
 * must be what measuring says. */
static void changed_block(size_t at, size_t size, uint64_t value, bool same)
{
    struct buf file = intel_vector("3.1-1.4.signed");
    struct opened o = {0};
    struct ens_err err = {0};
    struct sgxs_report a;
    struct sgxs_report b;

    set_le(&file, second_block(&file) + at, size, value);
    assert_ok(open_bytes(&file, &o, &err), err);
    measure(o.c, 0, &a);
    measure(o.c, 1, &b);
    assert_int_equal(memcmp(a.mrenclave, b.mrenclave, sizeof a.mrenclave) == 0, same);
    assert_int_equal(container_same_stream(o.c, 0, 1), same);
    close_opened(&o);
    buf_free(&file);
}

/* Two generations of loaders get tables that differ, for one enclave: it is measured once. */
static void test_same_layout(void **state)
{
    (void)state;
    changed_block(B_LAYOUT(0), 2, 1, true);      /* the row as it is: a heap */
    changed_block(B_LAYOUT(0), 2, 22, true);     /* another id */
    changed_block(B_LAYOUT(0) + 2, 2, 8, false); /* added later, not by the loader */
    changed_block(B_LAYOUT(0) + 2, 2, 3, false); /* measured */
    changed_block(B_LAYOUT(0) + 4, 4, 1, false); /* fewer pages */
    changed_block(24, 4, 2, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_disagree),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_needs_fips),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_extra_page),
        cmocka_unit_test(test_same_layout),
        cmocka_unit_test(test_textrel),
        cmocka_unit_test(test_textrel_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
