/* Several outputs that are committed together: every file is on the disk before it gets its name, every
 * directory is written once and after all names in it, and what goes wrong with one is said of that one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "tests/support/support.h"

#define OUTS 5

/* The linker leads the product's fsync and renameat2 here (Makefile, WRAP_test_base_file_group). */
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);

/* What the disk was asked for, in order: a file (f), a name (n), a directory (d), each by its inode. */
static struct event {
    char what;
    ino_t ino;
} events[100];
static size_t events_len;
static ino_t broken; /* fsync of it fails */

static void note(char what, ino_t ino)
{
    assert_true(events_len < sizeof events / sizeof events[0]);
    events[events_len++] = (struct event){what, ino};
}

int __wrap_fsync(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    note(S_ISDIR(st.st_mode) ? 'd' : 'f', st.st_ino);
    if (st.st_ino == broken) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    struct stat st;

    assert_int_equal(fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW), 0);
    note('n', st.st_ino);
    return __real_renameat2(from_dir, from, to_dir, to, flags);
}

/* Where the event is, or SIZE_MAX. */
static size_t find(char what, ino_t ino)
{
    for (size_t i = 0; i < events_len; i++) {
        if (events[i].what == what && events[i].ino == ino)
            return i;
    }
    return SIZE_MAX;
}

static size_t count(char what)
{
    size_t n = 0;

    for (size_t i = 0; i < events_len; i++)
        n += events[i].what == what;
    return n;
}

static ino_t ino_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

/* Every test runs in a directory with the directories a and b. */
struct here {
    char *dir;
    int before;
    struct file_out *outs[OUTS];
    struct ens_err errs[OUTS];
};

static const char *const paths[OUTS] = {"a/1", "b/2", "a/3", "a/4", "b/5"};

static int set_up(void **state)
{
    static struct here h;

    h = (struct here){.dir = support_mkdir()};
    h.before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &h;
    events_len = 0;
    broken = 0;
    return h.before < 0 || chdir(h.dir) != 0 || mkdir("a", 0755) != 0 || mkdir("b", 0755) != 0;
}

static int tear_down(void **state)
{
    struct here *h = *state;

    for (size_t i = 0; i < OUTS; i++)
        file_out_closep(&h->outs[i]);
    if (fchdir(h->before) != 0)
        return -1;
    (void)close(h->before);
    support_rmdir(h->dir);
    return 0;
}

static void write_all(struct here *h)
{
    struct ens_err err = {0};

    for (size_t i = 0; i < OUTS; i++) {
        assert_ok(file_out_open(paths[i], FILE_OUT_NEW, &h->outs[i], &err), err);
        assert_ok(file_out_write(h->outs[i], view_of_string(paths[i]), &err), err);
    }
}

static void assert_there(const char *path, bool there)
{
    char text[16] = {0};
    FILE *f = fopen(path, "rb");

    assert_int_equal(f != NULL, there);
    if (f == NULL)
        return;
    assert_int_equal(fread(text, 1, sizeof text - 1, f), strlen(path));
    assert_string_equal(text, path);
    (void)fclose(f);
}

static void assert_failed(const struct ens_err *err, enum ens_code code, const char *text)
{
    assert_int_equal(err->code, code);
    assert_non_null(strstr(err->msg, text));
}

static size_t entries(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n - 2;
}

static void each_directory_is_written_once_and_last(void **state)
{
    struct here *h = *state;

    write_all(h);
    file_out_commit_all(h->outs, OUTS, h->errs);
    for (size_t i = 0; i < OUTS; i++) {
        ino_t ino = ino_of(paths[i]);
        char dir[2] = {paths[i][0], '\0'};

        assert_ok(h->errs[i].code == ENS_OK, h->errs[i]);
        assert_there(paths[i], true);
        assert_true(find('f', ino) < find('n', ino));
        assert_true(find('n', ino) < find('d', ino_of(dir)));
        assert_true(find('d', ino_of(dir)) < events_len);
    }
    assert_int_equal(count('f'), OUTS);
    assert_int_equal(count('n'), OUTS);
    assert_int_equal(count('d'), 2);
}

static void what_is_not_there_is_left_out(void **state)
{
    struct here *h = *state;

    write_all(h);
    file_out_closep(&h->outs[0]);
    file_out_closep(&h->outs[4]);
    h->errs[0].code = ENS_BUG;
    file_out_commit_all(h->outs, OUTS, h->errs);
    for (size_t i = 0; i < OUTS; i++) {
        assert_int_equal(h->errs[i].code, ENS_OK);
        assert_there(paths[i], i != 0 && i != 4);
    }
    assert_int_equal(count('d'), 2);
    file_out_commit_all(h->outs, 0, NULL);
}

static void one_that_exists_by_now_is_its_own_failure(void **state)
{
    struct here *h = *state;
    FILE *f = NULL;

    write_all(h);
    f = fopen("a/1", "wb");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    file_out_commit_all(h->outs, OUTS, h->errs);
    assert_failed(&h->errs[0], ENS_CANTCREAT, "a/1: exists already");
    for (size_t i = 1; i < OUTS; i++)
        assert_there(paths[i], true);
    /* The first of its directory failed: another one has it written. */
    assert_int_equal(count('d'), 2);
    assert_int_equal(entries("a"), 4);
    file_out_closep(&h->outs[0]);
    assert_int_equal(entries("a"), 3);
}

static void a_file_that_cannot_be_written_to_disk_gets_no_name(void **state)
{
    struct here *h = *state;
    struct stat st;

    write_all(h);
    assert_int_equal(fstat(file_out_fd(h->outs[2]), &st), 0);
    broken = st.st_ino;
    file_out_commit_all(h->outs, OUTS, h->errs);
    for (size_t i = 0; i < OUTS; i++)
        assert_there(paths[i], i != 2);
    assert_failed(&h->errs[2], ENS_IO, "a/3: cannot be written to disk");
    assert_int_equal(find('n', broken), SIZE_MAX);
    assert_int_equal(count('n'), OUTS - 1);
}

/* A name that may be gone after a crash is not there, for nobody who is in that directory. */
static void a_directory_that_cannot_be_written_fails_all_in_it(void **state)
{
    struct here *h = *state;

    write_all(h);
    broken = ino_of("a");
    file_out_commit_all(h->outs, OUTS, h->errs);
    for (size_t i = 0; i < OUTS; i++) {
        if (paths[i][0] == 'a')
            assert_failed(&h->errs[i], ENS_IO, "its directory cannot be written to disk");
        else
            assert_int_equal(h->errs[i].code, ENS_OK);
    }
}

static void one_alone_is_like_many(void **state)
{
    struct here *h = *state;
    struct ens_err err = {0};

    write_all(h);
    assert_ok(file_out_commit(h->outs[1], &err), err);
    assert_int_equal(events_len, 3);
    assert_int_equal(events[0].what, 'f');
    assert_int_equal(events[1].what, 'n');
    assert_int_equal(events[2].what, 'd');
    broken = ino_of("b");
    assert_fails(file_out_commit(h->outs[4], &err), err, ENS_IO, "b/5: is in place, but its directory");
}

static void room_is_what_the_limit_leaves(void **state)
{
    struct rlimit before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = {.rlim_cur = 64, .rlim_max = before.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(file_room(2, 100), 16);
    assert_int_equal(file_room(2, 10), 10);
    assert_int_equal(file_room(33, 10), 1);
    few.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(file_room(2, 100), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
#define IN_A_DIRECTORY(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(each_directory_is_written_once_and_last),
        IN_A_DIRECTORY(what_is_not_there_is_left_out),
        IN_A_DIRECTORY(one_that_exists_by_now_is_its_own_failure),
        IN_A_DIRECTORY(a_file_that_cannot_be_written_to_disk_gets_no_name),
        IN_A_DIRECTORY(a_directory_that_cannot_be_written_fails_all_in_it),
        IN_A_DIRECTORY(one_alone_is_like_many),
        cmocka_unit_test(room_is_what_the_limit_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
