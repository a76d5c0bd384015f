/* Reading files: the whole of what is small enough, and a named error for everything else. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "tests/support/support.h"

struct here {
    char *dir;
    char path[256];
};

static int set_up(void **state)
{
    struct here *h = calloc(1, sizeof *h);

    if (h == NULL)
        return -1;
    h->dir = support_mkdir();
    (void)snprintf(h->path, sizeof h->path, "%s/file", h->dir);
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct here *h = *state;

    support_rmdir(h->dir);
    free(h);
    return 0;
}

/* `len` bytes that differ from their neighbours. */
static void put_file(const char *path, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    for (size_t i = 0; i < len; i++)
        assert_int_not_equal(putc((int)(i % 251), f), EOF);
    assert_int_equal(fclose(f), 0);
}

static void assert_content(const struct buf *b, size_t len)
{
    assert_int_equal(b->len, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(b->data[i], i % 251);
}

static void every_size_up_to_the_limit_is_read(void **state)
{
    static const size_t sizes[] = {0, 1, 256, 4095, 4096, 4097, 8192, 9000};
    const struct here *h = *state;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf all = {0};
        struct ens_err err = {0};

        put_file(h->path, sizes[i]);
        assert_ok(file_read_all(h->path, 9000, &all, &err), err);
        assert_content(&all, sizes[i]);
        buf_free(&all);
        assert_ok(file_read_all(h->path, sizes[i], &all, &err), err);
        assert_content(&all, sizes[i]);
    }
}

static void one_byte_above_the_limit_is_refused(void **state)
{
    static const size_t limits[] = {0, 1, 255, 4095, 4096, 8191, 8192};
    const struct here *h = *state;
    struct buf all = {0};
    struct ens_err err;

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        put_file(h->path, limits[i] + 1);
        assert_fails(file_read_all(h->path, limits[i], &all, &err), err, ENS_DATA, "has more than");
        assert_memory_equal(err.msg, h->path, strlen(h->path));
        assert_null(all.data);
    }
}

static void an_endless_file_ends_at_the_limit(void **state)
{
    ENS_CLEANUP(file_closep) int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    struct buf all = {0};
    struct ens_err err;
    char own[32];

    (void)state;
    (void)snprintf(own, sizeof own, "/dev/fd/%d", fd);
    assert_fails(file_read_all(own, 100000, &all, &err), err, ENS_DATA, "more than 100000 bytes");
    assert_fails(file_read_all("/dev/zero", 100000, &all, &err), err, ENS_DATA, "is a device");
    assert_null(all.data);
}

static void what_cannot_be_opened_is_no_input(void **state)
{
    const struct here *h = *state;
    char inside[300];
    struct buf all = {0};
    struct ens_err err;
    int fd = -1;

    assert_fails(file_open(h->path, &fd, &err), err, ENS_NOINPUT, "No such file");
    assert_memory_equal(err.msg, h->path, strlen(h->path));
    assert_fails(file_open(h->dir, &fd, &err), err, ENS_NOINPUT, "is a directory: name a file");
    assert_fails(file_open("", &fd, &err), err, ENS_NOINPUT, "No such file");
    put_file(h->path, 1);
    (void)snprintf(inside, sizeof inside, "%s/x", h->path);
    assert_fails(file_read_all(inside, 10, &all, &err), err, ENS_NOINPUT, "Not a directory");
    assert_int_equal(fd, -1);
    if (geteuid() != 0) {
        assert_int_equal(chmod(h->path, 0), 0);
        assert_fails(file_open(h->path, &fd, &err), err, ENS_NOINPUT, "Permission denied");
    }
}

static void a_file_is_opened_for_reading_and_not_inherited(void **state)
{
    const struct here *h = *state;
    ENS_CLEANUP(file_closep) int fd = -1;
    struct ens_err err = {0};

    put_file(h->path, 1);
    assert_ok(file_open(h->path, &fd, &err), err);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    int was = fd;

    file_closep(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(was, F_GETFD), -1);
    file_closep(&fd);
}

static void short_reads_are_put_together(void **state)
{
    int ends[2];
    uint8_t got[16] = {0};
    size_t len = 0;
    struct ens_err err = {0};

    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    /* Nothing more to read yet: an error that is told, not an end. */
    assert_fails(file_read(ends[0], "pipe", got, 4, &len, &err), err, ENS_IO, "pipe: cannot be read");
    assert_int_equal(len, 0);
    assert_int_equal(write(ends[1], "defg", 4), 4);
    assert_int_equal(close(ends[1]), 0);
    err = (struct ens_err){0};
    assert_ok(file_read(ends[0], "pipe", got, sizeof got, &len, &err), err);
    assert_int_equal(len, 4);
    assert_memory_equal(got, "defg", 4);
    assert_int_equal(close(ends[0]), 0);
    assert_fails(file_read(ends[0], "pipe", got, 1, &len, &err), err, ENS_IO, "Bad file descriptor");
}

static void writing_says_where_it_failed(void **state)
{
    const struct here *h = *state;
    ENS_CLEANUP(file_closep) int fd = open(h->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ENS_CLEANUP(file_closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    uint8_t got[8];
    struct ens_err err = {0};

    assert_ok(file_write(fd, h->path, view_of("abcdef", 6), &err), err);
    assert_ok(file_write(fd, h->path, view_of(NULL, 0), &err), err);
    assert_int_equal(pread(fd, got, sizeof got, 0), 6);
    assert_memory_equal(got, "abcdef", 6);
    assert_fails(file_write(full, "full", view_of("x", 1), &err), err, ENS_IO,
                 "full: cannot be written: No space");
}

/* ---- at an offset ---- */

static void a_file_is_read_from_any_offset(void **state)
{
    static const struct {
        uint64_t offset;
        size_t len, want;
    } cases[] = {
        {0, 1000, 1000}, {0, 1001, 1000}, {0, 0, 0},    {1, 10, 10},   {990, 10, 10},     {990, 11, 10},
        {999, 5, 1},     {1000, 5, 0},    {1001, 5, 0}, {70000, 5, 0}, {INT64_MAX, 0, 0}, {1000, 0, 0},
    };
    const struct here *h = *state;
    ENS_CLEANUP(file_closep) int fd = -1;
    struct ens_err err = {0};

    put_file(h->path, 1000);
    assert_ok(file_open(h->path, &fd, &err), err);
    assert_int_equal(lseek(fd, 17, SEEK_SET), 17);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t got[1002];
        size_t len = 4711;

        memset(got, 0xff, sizeof got);
        assert_ok(file_read_at(fd, h->path, cases[i].offset, got, cases[i].len, &len, &err), err);
        assert_int_equal(len, cases[i].want);
        for (size_t k = 0; k < sizeof got; k++)
            assert_int_equal(got[k], k < len ? (cases[i].offset + k) % 251 : 0xff);
    }
    /* The file's position is somebody else's. */
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 17);
}

static void what_cannot_be_read_at_an_offset_is_told(void **state)
{
    const struct here *h = *state;
    ENS_CLEANUP(file_closep) int fd = -1;
    uint8_t got[4];
    size_t len = 4711;
    int ends[2];
    struct ens_err err = {0};

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_fails(file_read_at(ends[0], "pipe", 0, got, 4, &len, &err), err, ENS_IO,
                 "pipe: cannot be read: Illegal seek");
    assert_fails(file_write_at(ends[1], "pipe", 0, view_of("x", 1), &err), err, ENS_IO,
                 "pipe: cannot be written: Illegal seek");
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_fails(file_read_at(-1, "gone", 0, got, 1, &len, &err), err, ENS_IO,
                 "gone: cannot be read: Bad file descriptor");
    put_file(h->path, 10);
    err = (struct ens_err){0};
    assert_ok(file_open(h->path, &fd, &err), err);
    /* No file has such offsets. */
    assert_fails(file_read_at(fd, h->path, UINT64_MAX, got, 4, &len, &err), err, ENS_IO, "Invalid argument");
    assert_fails(file_read_at(fd, h->path, UINT64_C(1) << 63, got, 4, &len, &err), err, ENS_IO,
                 "Invalid argument");
    assert_fails(file_write_at(fd, h->path, 0, view_of("x", 1), &err), err, ENS_IO,
                 "cannot be written: Bad file descriptor");
    assert_int_equal(len, 4711);
}

/* From the position to the end, over more than one piece. */
static void the_sha256_of_a_file_is_that_of_what_is_left(void **state)
{
    char *dir = support_mkdir();
    ENS_CLEANUP(file_closep) int fd = -1;
    char path[512];
    uint8_t digest[DIGEST_SIZE];
    uint8_t want[DIGEST_SIZE];
    uint8_t bytes[FILE_PIECE + 1];
    struct ens_err err = {0};

    (void)state;
    (void)snprintf(path, sizeof path, "%s/f", dir);
    memset(bytes, 'a', FILE_PIECE);
    bytes[FILE_PIECE] = 'b';
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    for (off_t from = 0; from < 3; from++) {
        assert_int_equal(lseek(fd, from, SEEK_SET), from);
        assert_ok(file_sha256(fd, path, digest, &err), err);
        assert_ok(digest_of(DIGEST_SHA256, view_of(bytes + from, sizeof bytes - (size_t)from), want, &err),
                  err);
        assert_memory_equal(digest, want, sizeof want);
    }
    assert_fails(file_sha256(-1, "gone", digest, &err), err, ENS_IO, "gone: cannot be read");
    support_rmdir(dir);
}

static void bytes_are_overwritten_where_they_are(void **state)
{
    const struct here *h = *state;
    ENS_CLEANUP(file_closep) int fd = open(h->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint8_t got[16];
    struct ens_err err = {0};

    assert_ok(file_write(fd, h->path, view_of("0123456789", 10), &err), err);
    assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
    assert_ok(file_write_at(fd, h->path, 0, view_of("ab", 2), &err), err);
    assert_ok(file_write_at(fd, h->path, 8, view_of("yz", 2), &err), err);
    assert_ok(file_write_at(fd, h->path, 3, view_of(NULL, 0), &err), err);
    assert_int_equal(pread(fd, got, sizeof got, 0), 10);
    assert_memory_equal(got, "ab234567yz", 10);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 5);
    /* Behind the end the file grows. */
    assert_ok(file_write_at(fd, h->path, 12, view_of("!", 1), &err), err);
    assert_int_equal(pread(fd, got, sizeof got, 0), 13);
    assert_memory_equal(got, "ab234567yz\0\0!", 13);
}

static void overwriting_says_where_it_failed(void **state)
{
    ENS_CLEANUP(file_closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    const struct here *h = *state;
    ENS_CLEANUP(file_closep) int fd = open(h->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct ens_err err;

    assert_fails(file_write_at(full, "full", 3, view_of("x", 1), &err), err, ENS_IO,
                 "full: cannot be written: No space");
    assert_fails(file_write_at(fd, h->path, UINT64_MAX, view_of("x", 1), &err), err, ENS_IO,
                 "cannot be written: Invalid argument");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_size_up_to_the_limit_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_byte_above_the_limit_is_refused, set_up, tear_down),
        cmocka_unit_test(an_endless_file_ends_at_the_limit),
        cmocka_unit_test(the_sha256_of_a_file_is_that_of_what_is_left),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_no_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_opened_for_reading_and_not_inherited, set_up, tear_down),
        cmocka_unit_test(short_reads_are_put_together),
        cmocka_unit_test_setup_teardown(writing_says_where_it_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_read_from_any_offset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_at_an_offset_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_are_overwritten_where_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(overwriting_says_where_it_failed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
