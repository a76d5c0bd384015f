/* Output that appears complete or not at all: what may stand at the target, what of it is kept, where links
 * lead, and that nothing is left behind by an output that was not committed. */
#include <dirent.h>
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

/* The linker leads the product's fchmod here (Makefile, WRAP_test_base_file_out), to see what a temporary
 * file was open to before it got the mode of the file that it replaces. */
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);

static mode_t mode_before = 07777;

int __wrap_fchmod(int fd, mode_t mode)
{
    struct stat st;

    if (fstat(fd, &st) == 0)
        mode_before = st.st_mode & 07777;
    return __real_fchmod(fd, mode);
}

/* Every test runs inside a directory of its own. */
struct here {
    char *dir;
    int before; /* the directory to go back to */
    mode_t mask;
};

static int set_up(void **state)
{
    struct here *h = calloc(1, sizeof *h);

    if (h == NULL)
        return -1;
    h->dir = support_mkdir();
    h->before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    h->mask = umask(022);
    *state = h;
    return h->before < 0 || chdir(h->dir) != 0;
}

static int tear_down(void **state)
{
    struct here *h = *state;

    (void)umask(h->mask);
    if (fchdir(h->before) != 0)
        return -1;
    (void)close(h->before);
    support_rmdir(h->dir);
    free(h);
    return 0;
}

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_text(const char *path, const char *want)
{
    char got[64] = "";
    FILE *f = fopen(path, "rb");

    if (f == NULL)
        fail_msg("%s is missing", path);
    assert_int_equal(fread(got, 1, sizeof got - 1, f), strlen(want));
    assert_int_equal(fclose(f), 0);
    assert_string_equal(got, want);
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode;
}

/* How many entries the directory has; a stray temporary file would be one more. */
static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;

    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    assert_int_equal(closedir(d), 0);
    return n;
}

static bool write_out(const char *path, enum file_out_mode mode, const char *text, struct ens_err *err)
{
    return file_write_atomic(path, mode, view_of_string(text), err);
}

static void a_new_file_appears_with_the_umask(void **state)
{
    static const mode_t masks[][2] = {{022, 0644}, {077, 0600}, {027, 0640}, {0, 0666}};
    struct ens_err err = {0};
    char path[32];

    (void)state;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        (void)snprintf(path, sizeof path, "new%zu", i);
        (void)umask(masks[i][0]);
        assert_ok(write_out(path, i % 2 == 0 ? FILE_OUT_NEW : FILE_OUT_REPLACE, "text", &err), err);
        assert_text(path, "text");
        assert_int_equal(mode_of(path), S_IFREG | masks[i][1]);
        /* A11: until then nobody else could open it. */
        if (masks[i][1] != 0600)
            assert_int_equal(mode_before, 0600);
        mode_before = 07777;
    }
    assert_int_equal(entries("."), 4);
}

static void nothing_is_seen_before_the_commit(void **state)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
    char got[8] = "";
    struct ens_err err = {0};

    (void)state;
    put("old", "old", 0644);
    assert_ok(file_out_open("old", FILE_OUT_REPLACE, &out, &err), err);
    assert_ok(file_out_write(out, view_of_string("ne"), &err), err);
    assert_ok(file_out_write(out, view_of_string("w"), &err), err);
    assert_text("old", "old");
    assert_int_equal(entries("."), 2);
    /* What is written can be read again before it is shown. */
    assert_int_equal(pread(file_out_fd(out), got, sizeof got, 0), 3);
    assert_memory_equal(got, "new", 3);
    assert_ok(file_out_commit(out, &err), err);
    assert_text("old", "new");
    file_out_closep(&out);
    assert_text("old", "new");
    assert_int_equal(entries("."), 1);
}

static void an_output_that_is_not_committed_leaves_nothing(void **state)
{
    struct file_out *out = NULL;
    struct ens_err err = {0};

    (void)state;
    put("old", "old", 0644);
    file_out_closep(&out);
    assert_ok(file_out_open("old", FILE_OUT_REPLACE, &out, &err), err);
    assert_ok(file_out_write(out, view_of_string("new"), &err), err);
    file_out_closep(&out);
    assert_null(out);
    assert_text("old", "old");
    assert_ok(file_out_open("new", FILE_OUT_NEW, &out, &err), err);
    file_out_closep(&out);
    assert_int_equal(entries("."), 1);
}

static void the_temporary_file_stands_beside_the_target_and_is_private(void **state)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
    struct stat st;
    struct ens_err err = {0};

    (void)state;
    assert_int_equal(mkdir("sub", 0755), 0);
    put("sub/secret", "old", 0600);
    assert_ok(file_out_open("sub/secret", FILE_OUT_REPLACE, &out, &err), err);
    /* Nothing is there before it is needed: a process that ends meanwhile leaves nothing behind. */
    assert_int_equal(entries("sub"), 1);
    assert_int_equal(file_out_fd(out), -1);
    assert_ok(file_out_create(out, &err), err);
    assert_int_equal(entries("sub"), 2);
    assert_int_equal(entries("."), 1);
    assert_int_equal(fstat(file_out_fd(out), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fcntl(file_out_fd(out), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void an_existing_file_is_kept(void **state)
{
    struct ens_err err;

    (void)state;
    put("old", "old", 0644);
    assert_fails(write_out("old", FILE_OUT_NEW, "new", &err), err, ENS_CANTCREAT, "old: exists already");
    assert_non_null(strstr(err.msg, "--force"));
    assert_text("old", "old");
    assert_int_equal(entries("."), 1);
}

static void a_replaced_file_keeps_its_mode_and_is_private_until_it_has_it(void **state)
{
    static const mode_t modes[] = {0600, 0640, 0644, 0666, 0755, 0444, 02755};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        (void)unlink("old");
        put("old", "old, and longer", modes[i]);
        mode_before = 07777;
        assert_ok(write_out("old", FILE_OUT_REPLACE, "new", &err), err);
        assert_text("old", "new");
        assert_int_equal(mode_of("old") & 07777, modes[i]);
        assert_int_equal(mode_before, modes[i] == 0600 ? 07777 : 0600);
    }
    assert_int_equal(entries("."), 1);
}

static void a_replaced_file_keeps_its_owner(void **state)
{
    struct stat st;
    struct ens_err err = {0};

    (void)state;
    if (geteuid() != 0)
        support_skip("root only: files of another owner cannot be made");
    put("old", "old", 04755);
    assert_int_equal(chown("old", 1234, 2345), 0);
    assert_int_equal(chmod("old", 04755), 0);
    assert_ok(write_out("old", FILE_OUT_REPLACE, "new", &err), err);
    assert_int_equal(stat("old", &st), 0);
    assert_int_equal(st.st_uid, 1234);
    assert_int_equal(st.st_gid, 2345);
    assert_int_equal(st.st_mode & 07777, 04755);
}

static void links_are_followed_and_stay(void **state)
{
    char absolute[512];
    const struct here *h = *state;
    struct ens_err err = {0};

    assert_int_equal(mkdir("a", 0755), 0);
    assert_int_equal(mkdir("b", 0755), 0);
    put("b/target", "old", 0640);
    assert_int_equal(symlink("../b/target", "a/link"), 0);
    assert_int_equal(symlink("a/link", "chain"), 0);
    (void)snprintf(absolute, sizeof absolute, "%s/a/link", h->dir);
    assert_int_equal(symlink(absolute, "absolute"), 0);
    assert_ok(write_out("a/link", FILE_OUT_REPLACE, "1", &err), err);
    assert_text("b/target", "1");
    assert_ok(write_out("chain", FILE_OUT_REPLACE, "2", &err), err);
    assert_text("b/target", "2");
    assert_ok(write_out("absolute", FILE_OUT_REPLACE, "3", &err), err);
    assert_text("b/target", "3");
    assert_true(S_ISLNK(mode_of("a/link")) && S_ISLNK(mode_of("chain")) && S_ISLNK(mode_of("absolute")));
    assert_int_equal(mode_of("b/target") & 0777, 0640);
    assert_int_equal(entries("a") + entries("b"), 2);
    assert_fails(write_out("chain", FILE_OUT_NEW, "4", &err), err, ENS_CANTCREAT, "chain: exists already");
    assert_text("b/target", "3");
}

static void a_link_to_nothing_makes_its_target(void **state)
{
    struct ens_err err = {0};

    (void)state;
    assert_int_equal(mkdir("sub", 0755), 0);
    assert_int_equal(symlink("sub/new", "link"), 0);
    assert_ok(write_out("link", FILE_OUT_NEW, "text", &err), err);
    assert_true(S_ISLNK(mode_of("link")));
    assert_text("sub/new", "text");
    assert_int_equal(entries("sub"), 1);
    assert_int_equal(symlink("nowhere/new", "lost"), 0);
    assert_fails(write_out("lost", FILE_OUT_NEW, "x", &err), err, ENS_CANTCREAT, "lost: its directory");
}

static void links_in_a_circle_are_refused(void **state)
{
    struct ens_err err;

    (void)state;
    assert_int_equal(symlink("b", "a"), 0);
    assert_int_equal(symlink("a", "b"), 0);
    assert_fails(write_out("a", FILE_OUT_REPLACE, "x", &err), err, ENS_CANTCREAT, "too many symbolic links");
    assert_int_equal(entries("."), 2);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    static const char *const names[] = {"dir", "fifo", "dirlink", "/dev/null", ".", ".."};
    struct ens_err err;

    (void)state;
    assert_int_equal(mkdir("dir", 0755), 0);
    assert_int_equal(mkfifo("fifo", 0644), 0);
    assert_int_equal(symlink("dir", "dirlink"), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_fails(write_out(names[i], FILE_OUT_REPLACE, "x", &err), err, ENS_CANTCREAT,
                     "is not a regular file");
        assert_fails(write_out(names[i], FILE_OUT_NEW, "x", &err), err, ENS_CANTCREAT,
                     "is not a regular file");
    }
    assert_true(S_ISFIFO(mode_of("fifo")));
    assert_int_equal(entries("."), 3);
    assert_int_equal(entries("dir"), 0);
}

static void what_has_no_directory_or_no_name_is_refused(void **state)
{
    char long_name[300];
    struct ens_err err;

    (void)state;
    put("file", "text", 0644);
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_fails(write_out("no/such/dir", FILE_OUT_NEW, "x", &err), err, ENS_CANTCREAT, "No such file");
    assert_fails(write_out("file/inside", FILE_OUT_NEW, "x", &err), err, ENS_CANTCREAT, "Not a directory");
    assert_fails(write_out("", FILE_OUT_NEW, "x", &err), err, ENS_CANTCREAT, "is not a file name");
    assert_fails(write_out("sub/", FILE_OUT_NEW, "x", &err), err, ENS_CANTCREAT, "is not a file name");
    assert_fails(write_out("/", FILE_OUT_REPLACE, "x", &err), err, ENS_CANTCREAT, "is not a file name");
    assert_fails(write_out(long_name, FILE_OUT_NEW, "x", &err), err, ENS_CANTCREAT, "File name too long");
    assert_text("file", "text");
    assert_int_equal(entries("."), 1);
}

static void names_with_and_without_a_directory_work(void **state)
{
    const struct here *h = *state;
    char absolute[512];
    struct ens_err err = {0};

    (void)snprintf(absolute, sizeof absolute, "%s/absolute", h->dir);
    assert_ok(write_out("plain", FILE_OUT_NEW, "1", &err), err);
    assert_ok(write_out("./dotted", FILE_OUT_NEW, "2", &err), err);
    assert_ok(write_out(absolute, FILE_OUT_NEW, "3", &err), err);
    assert_ok(write_out("-", FILE_OUT_NEW, "4", &err), err);
    assert_text("plain", "1");
    assert_text("dotted", "2");
    assert_text("absolute", "3");
    assert_text("-", "4");
    assert_int_equal(entries("."), 4);
}

static void a_file_made_meanwhile_is_not_overwritten(void **state)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(file_out_open("new", FILE_OUT_NEW, &out, &err), err);
    assert_ok(file_out_write(out, view_of_string("mine"), &err), err);
    put("new", "another's", 0644);
    assert_fails(file_out_commit(out, &err), err, ENS_CANTCREAT, "new: exists already");
    file_out_closep(&out);
    assert_text("new", "another's");
    assert_int_equal(entries("."), 1);
}

static void a_link_made_meanwhile_is_not_followed(void **state)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
    struct ens_err err = {0};

    (void)state;
    put("precious", "precious", 0644);
    assert_ok(file_out_open("new", FILE_OUT_NEW, &out, &err), err);
    assert_ok(file_out_write(out, view_of_string("mine"), &err), err);
    assert_int_equal(symlink("precious", "new"), 0);
    assert_fails(file_out_commit(out, &err), err, ENS_CANTCREAT, "exists already");
    file_out_closep(&out);
    assert_text("precious", "precious");
    assert_int_equal(entries("."), 2);
}

static void a_renamed_directory_is_still_the_one(void **state)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_int_equal(mkdir("sub", 0755), 0);
    assert_ok(file_out_open("sub/new", FILE_OUT_NEW, &out, &err), err);
    assert_ok(file_out_write(out, view_of_string("text"), &err), err);
    assert_int_equal(rename("sub", "moved"), 0);
    assert_ok(file_out_commit(out, &err), err);
    assert_text("moved/new", "text");
    assert_int_equal(entries("moved"), 1);
}

/* Changes `path` so that, beside what `how` says, its size, times and inode are as before. */
enum change { OTHER_TIME, OTHER_SIZE, OTHER_INODE };

static void change(const char *path, enum change how)
{
    struct stat before;
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    assert_int_equal(fstat(fd, &before), 0);
    struct timespec times[2] = {before.st_atim, before.st_mtim};

    if (how == OTHER_SIZE)
        assert_int_equal(write(fd, "x", 1), 1);
    if (how == OTHER_TIME)
        times[1].tv_nsec = times[1].tv_nsec > 0 ? times[1].tv_nsec - 1 : 1;
    assert_int_equal(close(fd), 0);
    if (how == OTHER_INODE) {
        assert_int_equal(rename(path, "aside"), 0);
        put(path, "old", 0644);
    }
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_was_changed_meanwhile_is_not_replaced(void **state)
{
    struct ens_err err = {0};

    (void)state;
    for (enum change how = OTHER_TIME; how <= OTHER_INODE; how++) {
        ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
        ENS_CLEANUP(file_closep) int fd = -1;

        put("old", "old", 0644);
        assert_ok(file_open("old", &fd, &err), err);
        /* Before the output is prepared, and between that and the rename. */
        change("old", how);
        assert_ok(file_out_open("old", FILE_OUT_REPLACE, &out, &err), err);
        if (how == OTHER_INODE)
            assert_fails(file_out_expect(out, fd, &err), err, ENS_DATA, "was changed or replaced");
        file_out_closep(&out);
        file_closep(&fd);
        assert_ok(file_open("old", &fd, &err), err);
        assert_ok(file_out_open("old", FILE_OUT_REPLACE, &out, &err), err);
        assert_ok(file_out_expect(out, fd, &err), err);
        assert_ok(file_out_write(out, view_of_string("new"), &err), err);
        change("old", how);
        assert_fails(file_out_commit(out, &err), err, ENS_DATA, "was changed or replaced");
        file_out_closep(&out);
        assert_text("old", how == OTHER_SIZE ? "oldxx" : "old");
        (void)unlink("old");
        (void)unlink("aside");
        assert_int_equal(entries("."), 0);
    }
}

int main(void)
{
#define IN_A_DIRECTORY(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(a_new_file_appears_with_the_umask),
        IN_A_DIRECTORY(nothing_is_seen_before_the_commit),
        IN_A_DIRECTORY(an_output_that_is_not_committed_leaves_nothing),
        IN_A_DIRECTORY(the_temporary_file_stands_beside_the_target_and_is_private),
        IN_A_DIRECTORY(an_existing_file_is_kept),
        IN_A_DIRECTORY(a_replaced_file_keeps_its_mode_and_is_private_until_it_has_it),
        IN_A_DIRECTORY(a_replaced_file_keeps_its_owner),
        IN_A_DIRECTORY(links_are_followed_and_stay),
        IN_A_DIRECTORY(a_link_to_nothing_makes_its_target),
        IN_A_DIRECTORY(links_in_a_circle_are_refused),
        IN_A_DIRECTORY(what_is_no_regular_file_is_refused),
        IN_A_DIRECTORY(what_has_no_directory_or_no_name_is_refused),
        IN_A_DIRECTORY(names_with_and_without_a_directory_work),
        IN_A_DIRECTORY(a_file_made_meanwhile_is_not_overwritten),
        IN_A_DIRECTORY(a_link_made_meanwhile_is_not_followed),
        IN_A_DIRECTORY(what_was_changed_meanwhile_is_not_replaced),
        IN_A_DIRECTORY(a_renamed_directory_is_still_the_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
