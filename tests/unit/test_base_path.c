/* Opening by name: where links lead, whose links are followed, and that nothing blocks. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"

static char *dir;
static int before = -1;

/* Every test runs inside a directory of its own. */
static int set_up(void **state)
{
    (void)state;
    dir = support_mkdir();
    before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return before < 0 || chdir(dir) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (fchdir(before) != 0)
        return -1;
    file_closep(&before);
    support_rmdir(dir);
    return 0;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void assert_reads(const char *path, const char *want)
{
    ENS_CLEANUP(buf_free) struct buf all = {0};
    struct ens_err err = {0};

    assert_ok(file_read_all(path, 100, &all, &err), err);
    assert_int_equal(all.len, strlen(want));
    assert_memory_equal(all.data, want, all.len);
}

static void assert_unread(const char *path, enum ens_code code, const char *text)
{
    ENS_CLEANUP(buf_free) struct buf all = {0};
    struct ens_err err = {0};

    assert_fails(file_read_all(path, 100, &all, &err), err, code, text);
    assert_memory_equal(err.msg, path, strlen(path));
}

static bool write_out(const char *path, struct ens_err *err)
{
    return file_write_atomic(path, FILE_OUT_REPLACE, view_of_string("new"), err);
}

/* As the kernel walks: every spelling ends where open(2) ends. */
static void it_walks_as_the_kernel_does(void **state)
{
    static const char *const good[] = {
        "file",         "./file",          "sub/../file", "sub//deep/../../file",
        "link",         "sub/up",          "chain",       "sub/deep/far",
        "dirlink/file", "dirlink//./file", "abs",         "sub/./up",
        "absd/file",    "sub/deep/../up",  "link2",       "/../..//proc/self/cwd/file",
    };
    static const char *const bad[] = {"",      "nosuch", "nosuch/file", "file/",  "file/x",
                                      "link/", "loop1",  "hole",        "hole/x", "sub/hole"};
    char path[512];

    (void)state;
    put("file", "text");
    assert_int_equal(mkdir("sub", 0755), 0);
    assert_int_equal(mkdir("sub/deep", 0755), 0);
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(symlink("./sub/../file", "link2"), 0);
    assert_int_equal(symlink("../file", "sub/up"), 0);
    assert_int_equal(symlink("sub/up", "chain"), 0);
    assert_int_equal(symlink("../../chain", "sub/deep/far"), 0);
    assert_int_equal(symlink("sub/..", "dirlink"), 0);
    assert_int_equal(symlink("loop2", "loop1"), 0);
    assert_int_equal(symlink("loop1", "loop2"), 0);
    assert_int_equal(symlink("nosuch", "hole"), 0);
    assert_int_equal(symlink("../nosuch/x", "sub/hole"), 0);
    (void)snprintf(path, sizeof path, "%s/sub/up", dir);
    assert_int_equal(symlink(path, "abs"), 0);
    (void)snprintf(path, sizeof path, "%s/", dir);
    assert_int_equal(symlink(path, "absd"), 0);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_reads(good[i], "text");
        (void)snprintf(path, sizeof path, "%s/%s", dir, good[i][0] == '/' ? "file" : good[i]);
        assert_reads(path, "text");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(open(bad[i], O_RDONLY | O_CLOEXEC), -1);
        assert_unread(bad[i], ENS_NOINPUT, bad[i]);
    }
    assert_unread("sub", ENS_NOINPUT, "is a directory");
    assert_unread("sub/", ENS_NOINPUT, "is a directory");
    assert_unread("/", ENS_NOINPUT, "is a directory");
}

static void a_chain_of_links_ends(void **state)
{
    char from[16];
    char to[16];

    (void)state;
    put("l0", "text");
    for (int i = 1; i <= 41; i++) {
        (void)snprintf(from, sizeof from, "l%d", i - 1);
        (void)snprintf(to, sizeof to, "l%d", i);
        assert_int_equal(symlink(from, to), 0);
    }
    assert_reads("l40", "text");
    assert_unread("l41", ENS_NOINPUT, "too many symbolic links");
}

/* A12. `mode` of the directory, and the owners of it and of the link in it: is the link followed? */
static void assert_followed(mode_t mode, uid_t dir_owner, uid_t link_owner, bool follows)
{
    struct ens_err err = {0};

    assert_int_equal(mkdir("t", 0755), 0);
    assert_int_equal(mkdir("t/d", 0755), 0);
    put("victim", "precious");
    put("t/d/file", "text");
    assert_int_equal(symlink("../victim", "t/out"), 0);
    assert_int_equal(symlink("d", "t/dl"), 0);
    assert_int_equal(lchown("t/out", link_owner, (gid_t)-1), 0);
    assert_int_equal(lchown("t/dl", link_owner, (gid_t)-1), 0);
    assert_int_equal(chown("t", dir_owner, (gid_t)-1), 0);
    assert_int_equal(chmod("t", mode), 0);
    /* The last component, and one above it; read, and written to. */
    if (follows) {
        assert_reads("t/out", "precious");
        assert_reads("t/dl/file", "text");
        assert_ok(write_out("t/out", &err), err);
        assert_reads("victim", "new");
        assert_ok(write_out("t/dl/made", &err), err);
        assert_int_equal(unlink("t/d/made"), 0);
    } else {
        assert_unread("t/out", ENS_NOINPUT, "a symbolic link of user");
        assert_unread("t/dl/file", ENS_NOINPUT, "a symbolic link of user");
        assert_fails(write_out("t/out", &err), err, ENS_CANTCREAT, "t/out: a symbolic link of user");
        assert_fails(write_out("t/dl/made", &err), err, ENS_CANTCREAT, "t/dl/made: a symbolic link of user");
        assert_reads("victim", "precious");
    }
    assert_int_equal(unlink("t/out") | unlink("t/dl") | unlink("t/d/file") | rmdir("t/d") | rmdir("t"), 0);
}

static void a_link_of_another_in_a_sticky_directory_is_not_followed(void **state)
{
    uid_t me = geteuid();

    (void)state;
    if (me != 0) {
        assert_followed(01777, me, me, true);
        support_skip("root only: links of another owner cannot be made");
    }
    assert_followed(01777, 0, 12345, false);
    assert_followed(01777, 54321, 12345, false);
    assert_followed(01777, 12345, 12345, true);
    assert_followed(01777, 54321, 0, true);
    assert_followed(01755, 0, 12345, true);
    assert_followed(0777, 0, 12345, true);
}

static void nothing_blocks(void **state)
{
    ENS_CLEANUP(path_place_free) struct path_place place = {0};
    ENS_CLEANUP(file_closep) int fd = -1;
    char own[32];
    int ends[2];
    struct ens_err err = {0};

    (void)state;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(symlink("fifo", "link"), 0);
    assert_unread("fifo", ENS_DATA, "is a named pipe");
    assert_unread("link", ENS_DATA, "is a named pipe");
    assert_unread("/dev/null", ENS_DATA, "is a device");
    assert_fails(path_open("fifo", O_WRONLY, 0, ENS_CANTCREAT, &fd, &err), err, ENS_CANTCREAT, "fifo");
    /* A pipe that ensign was given is read to its end, and waited for. */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)snprintf(own, sizeof own, "/dev/fd/%d", ends[0]);
    assert_ok(path_find(own, ENS_NOINPUT, &place, &err), err);
    assert_true(place.is_magic);
    assert_ok(file_open(own, &fd, &err), err);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    assert_int_equal(close(ends[1]), 0);
    assert_reads(own, "piped");
    assert_int_equal(close(ends[0]), 0);
}

static void two_paths_to_one_place_are_the_same(void **state)
{
    (void)state;
    assert_int_equal(mkdir("d", 0700), 0);
    assert_int_equal(mkdir("e", 0700), 0);
    assert_int_equal(symlink("d", "to-d"), 0);
    assert_int_equal(symlink("d/new", "to-new"), 0);
    assert_true(path_is_same("d/new", "./d/new"));
    assert_true(path_is_same("d/new", "to-d/new"));
    assert_true(path_is_same("to-new", "e/../d/new"));
    assert_false(path_is_same("d/new", "e/new"));
    assert_false(path_is_same("d/new", "d/old"));
    assert_false(path_is_same("d/new", "new"));
    assert_false(path_is_same("absent/new", "absent/new"));
}

static void a_name_stands_behind_the_last_slash(void **state)
{
    (void)state;
    assert_string_equal(path_name("a/b/c.orc"), "c.orc");
    assert_string_equal(path_name("c.orc"), "c.orc");
    assert_string_equal(path_name("/c.orc"), "c.orc");
    assert_string_equal(path_name("a/"), "");
    assert_string_equal(path_name(""), "");
}

int main(void)
{
#define IN_A_DIRECTORY(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(it_walks_as_the_kernel_does),
        IN_A_DIRECTORY(a_chain_of_links_ends),
        IN_A_DIRECTORY(a_link_of_another_in_a_sticky_directory_is_not_followed),
        IN_A_DIRECTORY(nothing_blocks),
        IN_A_DIRECTORY(two_paths_to_one_place_are_the_same),
        cmocka_unit_test(a_name_stands_behind_the_last_slash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
