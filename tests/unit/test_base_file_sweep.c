/* What a killed process leaves: temporary files that nobody holds go, everything else stays. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"

static char *dir;
static char path[512];

static const char *in_dir(const char *name)
{
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static bool is_there(const char *name)
{
    struct stat st;

    return lstat(in_dir(name), &st) == 0;
}

static size_t sweep(void)
{
    struct ens_err err = {0};
    size_t n = 99;

    assert_ok(file_sweep(dir, &n, &err), err);
    return n;
}

static int set_up(void **state)
{
    (void)state;
    dir = support_mkdir();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_rmdir(dir);
    return 0;
}

static void nothing_is_swept_from_nothing(void **state)
{
    (void)state;
    assert_int_equal(sweep(), 0);
}

static void what_nobody_holds_goes(void **state)
{
    (void)state;
    put(".ensign-00000000");
    put(".ensign-89abcdef");
    assert_int_equal(sweep(), 2);
    assert_false(is_there(".ensign-00000000"));
    assert_false(is_there(".ensign-89abcdef"));
    assert_int_equal(sweep(), 0);
}

static void other_names_stay(void **state)
{
    static const char *const names[] = {".ensign-",          ".ensign-0000000",  ".ensign-000000000",
                                        ".ensign-0000000g",  ".ensign-0000000A", "ensign-00000000",
                                        ".ensign-00000000~", ".ensigm-00000000", "x.ensign-00000000"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put(names[i]);
    assert_int_equal(sweep(), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(is_there(names[i]));
}

static void what_is_no_regular_file_stays(void **state)
{
    (void)state;
    put("target");
    assert_int_equal(symlink("target", in_dir(".ensign-00000001")), 0);
    assert_int_equal(mkdir(in_dir(".ensign-00000002"), 0700), 0);
    assert_int_equal(mkfifo(in_dir(".ensign-00000003"), 0600), 0);
    assert_int_equal(sweep(), 0);
    assert_true(is_there(".ensign-00000001"));
    assert_true(is_there(".ensign-00000002"));
    assert_true(is_there(".ensign-00000003"));
    assert_true(is_there("target"));
}

/* In a directory that is shared, what another user is at is not ours to remove, held or not. */
static void what_belongs_to_another_stays(void **state)
{
    (void)state;
    if (geteuid() != 0)
        support_skip("root only: files of another owner cannot be made");
    put(".ensign-00000005");
    put(".ensign-00000006");
    assert_int_equal(chown(in_dir(".ensign-00000005"), 12345, 0), 0);
    assert_int_equal(sweep(), 1);
    assert_true(is_there(".ensign-00000005"));
    assert_false(is_there(".ensign-00000006"));
}

static void what_is_held_stays_until_it_is_not(void **state)
{
    (void)state;
    put(".ensign-00000004");
    int fd = open(in_dir(".ensign-00000004"), O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    assert_int_equal(sweep(), 0);
    assert_true(is_there(".ensign-00000004"));
    (void)close(fd);
    assert_int_equal(sweep(), 1);
}

static void an_output_in_the_making_is_held(void **state)
{
    struct ens_err err = {0};
    struct file_out *out = NULL;

    (void)state;
    assert_ok(file_out_open(in_dir("result"), FILE_OUT_NEW, &out, &err), err);
    assert_ok(file_out_write(out, view_of_string("words"), &err), err);
    assert_int_equal(sweep(), 0);
    assert_ok(file_out_commit(out, &err), err);
    file_out_closep(&out);
    assert_true(is_there("result"));
    assert_int_equal(sweep(), 0);
}

static void a_directory_that_is_not_there_is_said(void **state)
{
    struct ens_err err = {0};
    size_t n = 0;

    (void)state;
    assert_fails(file_sweep(in_dir("nosuch"), &n, &err), err, ENS_CANTCREAT, "nosuch");
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(nothing_is_swept_from_nothing),
        IN_A_DIRECTORY(what_nobody_holds_goes),
        IN_A_DIRECTORY(other_names_stay),
        IN_A_DIRECTORY(what_is_no_regular_file_stays),
        IN_A_DIRECTORY(what_belongs_to_another_stays),
        IN_A_DIRECTORY(what_is_held_stays_until_it_is_not),
        IN_A_DIRECTORY(an_output_in_the_making_is_held),
        IN_A_DIRECTORY(a_directory_that_is_not_there_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
