/* Gramine: the bounds of the layout, and manifests that are damaged in ten thousand ways. MRENCLAVE of whole enclaves is
 * held to vectors in tests/interop/test_gramine.py. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/open.h"
#include "bundle/stream/sgxs.h"
#include "signer/base/mem.h"
#include "tests/support/elf.h"

#define MUTATED 10000

static const char manifest[] =
    "[sgx]\nenclave_size = \"4M\"\nmax_threads = 1\nedmm_enable = true\nisvsvn = 3\n"
    "[sgx.cpu_features]\navx = \"required\"\n[[sgx.trusted_files]]\nuri = \"file:a\"\nsha256 = "
    "\"8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f\"\n";

/* An ELF file with one segment of code, of so many pages. */
static int libpal_of(uint64_t pages)
{
    uint8_t file[PAGE] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    int fd = memfd_create("libpal", MFD_CLOEXEC);

    bytes_put_le(file + 16, 2, 3);
    bytes_put_le(file + 18, 2, 62);
    bytes_put_le64(file + 24, 0x100); /* e_entry */
    bytes_put_le64(file + 32, 64);    /* e_phoff */
    bytes_put_le(file + 54, 2, 56);
    bytes_put_le(file + 56, 2, 1);
    bytes_put_le(file + 64, 4, 1);
    bytes_put_le(file + 68, 4, 5);
    bytes_put_le64(file + 64 + 32, sizeof file);
    bytes_put_le64(file + 64 + 40, pages * PAGE);
    assert_true(fd >= 0 && write(fd, file, sizeof file) == (ssize_t)sizeof file);
    return fd;
}

static int file_of(struct view text)
{
    int fd = memfd_create("manifest", MFD_CLOEXEC);

    assert_true(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len);
    return fd;
}

/* Opens a manifest beside a libpal.so. */
static bool open_both(struct view text, uint64_t pages, const char *version, struct opened *ret,
                      int *ret_libpal, struct ens_err *err)
{
    *ret_libpal = libpal_of(pages);
    *ret = (struct opened){.fd = file_of(text)};
    const struct container_beside beside = {.libpal = {*ret_libpal, "libpal.so"}, .gramine = version};

    return container_open_fd(ret->fd, "app.manifest.sgx", NULL, &beside, &ret->c, err);
}

/* The enclave of `size` with a libpal.so of so many pages is too small, or, if `fits`, has so many pages of heap. */
static void check_room(const char *size, uint64_t pages, bool fits, uint64_t heap)
{
    char text[128];
    struct opened o = {0};
    struct ens_err err = {0};
    struct sgxs_report report;
    int libpal = -1;
    size_t len = 0;

    (void)snprintf(text, sizeof text, "[sgx]\nenclave_size = \"%s\"\nmax_threads = 1\n", size);
    bool ok = open_both(view_of_string(text), pages, "1.9", &o, &libpal, &err);

    assert_int_equal(ok, fits);
    if (!fits) {
        assert_int_equal(err.code, ENS_DATA);
    } else {
        measure(o.c, 0, &report);
        assert_int_equal(report.tcs, 1);
        assert_int_equal(report.pages, 1 + 90 + pages + heap);
        assert_int_equal(container_settings(o.c, &len)[0].value, heap);
    }
    close_opened(&o);
    (void)close(libpal);
}

/* 1 MiB is 256 pages; the manifest has one, a thread 90, and the first 16 belong to nobody. */
static void test_room(void **state)
{
    (void)state;
    check_room("1M", 1, true, 148);
    check_room("1M", 149, true, 0);
    check_room("1M", 150, false, 0);
    check_room("1M", 256, false, 0);
    check_room("1M", 257, false, 0);
    check_room("1M", UINT64_C(1) << 51, false, 0);
    check_room("512K", 21, true, 0);
    check_room("512K", 22, false, 0);
    check_room("64K", 1, false, 0);
    check_room("32K", 1, false, 0);
    check_room("1", 1, false, 0);
}

/* The work of the largest enclave is known, and refused before the first piece. */
static void test_work(void **state)
{
    struct opened o = {0};
    struct ens_err err = {0};
    struct buf stream = {0};
    int libpal = -1;

    (void)state;
    assert_ok(
        open_both(view_of_string("[sgx]\nenclave_size = \"0x800000000000\"\n"), 1, NULL, &o, &libpal, &err),
        err);
    assert_true(container_work(o.c) > UINT64_C(1) << 40);
    assert_fails(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err, ENS_DATA,
                 "--allow-large");
    assert_int_equal(stream.len, 0);
    close_opened(&o);
    (void)close(libpal);
}

/* libpal.so is another file at the end. */
static void test_changed(void **state)
{
    (void)state;
    struct opened o = {0};
    struct ens_err err = {0};
    struct buf stream = {0};
    int libpal = -1;

    assert_ok(open_both(view_of_string(manifest), 3, NULL, &o, &libpal, &err), err);
    assert_ok(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err);
    assert_int_equal(pwrite(libpal, "x", 1, 300), 1);
    assert_fails(container_stream(o.c, 0, &(struct sink){put_into_buf, &stream}, &err), err, ENS_DATA,
                 "libpal.so: was changed while it was measured");
    buf_free(&stream);
    close_opened(&o);
    (void)close(libpal);
}

static uint32_t next(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

/* One to four bytes are others, and perhaps a piece is gone or there twice. */
static void mutate(struct buf *text, uint32_t *seed)
{
    for (uint32_t i = next(seed) >> 30; i < 4; i++) {
        static const char likely[] = "\n\"'[]{}=.,#_-0129truefalse \\";
        size_t at = next(seed) % text->len;

        text->data[at] = (next(seed) >> 31) != 0 ? (uint8_t)(next(seed) >> 24)
                                                 : (uint8_t)likely[next(seed) % (sizeof likely - 1)];
    }
    if (next(seed) >> 30 == 0)
        text->len -= next(seed) % (text->len - 8);
}

/* Each is refused with a reason, or is measured within its work. */
static void test_mutated(void **state)
{
    struct ens_err err = {0};
    uint32_t seed = 14;
    unsigned opened = 0;

    (void)state;
    for (unsigned i = 0; i < MUTATED; i++) {
        struct buf text = {0};
        struct opened o = {0};
        struct sgxs_report report;
        int libpal = -1;

        assert_ok(buf_append(&text, view_of_string(manifest), &err), err);
        mutate(&text, &seed);
        err = (struct ens_err){0};
        if (!open_both(buf_view(&text), 1, (i & 1) != 0 ? "1.3" : NULL, &o, &libpal, &err)) {
            assert_true(err.code == ENS_DATA || err.code == ENS_USAGE);
            assert_true(err.msg[0] != '\0');
        } else if (i % 64 == 0 && container_work(o.c) < (4 << 20)) {
            measure(o.c, 0, &report);
        }
        opened += o.c != NULL;
        close_opened(&o);
        (void)close(libpal);
        buf_free(&text);
    }
    assert_true(opened > MUTATED / 100 && opened < MUTATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_work),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_mutated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
