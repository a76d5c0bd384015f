/* Locks: taken, waited for with a bound, and their holder named. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/lock.h"
#include "signer/base/mem.h"

static char *dir;
static char path[512];
static int waits;

static int set_up(void **state)
{
    (void)state;
    dir = support_mkdir();
    (void)snprintf(path, sizeof path, "%s/file", dir);
    waits = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_rmdir(dir);
    return 0;
}

static int open_it(void)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

static void on_wait(const char *name)
{
    assert_string_equal(name, path);
    waits++;
}

/* A process that has the lock until it is killed. */
static pid_t holder(void)
{
    int ready[2];
    char byte = 0;

    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        /* It does not outlive a test that fails. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        if (fd >= 0 && flock(fd, LOCK_EX) == 0 && write(ready[1], "x", 1) == 1)
            (void)pause();
        _exit(1);
    }
    assert_int_equal(close(ready[1]), 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(close(ready[0]), 0);
    return pid;
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_free_lock_is_taken(void **state)
{
    ENS_CLEANUP(file_closep) int fd = open_it();
    ENS_CLEANUP(file_closep) int other = open_it();
    struct ens_err err = {0};
    bool held = false;

    (void)state;
    assert_ok(lock_take(fd, path, on_wait, &held, &err), err);
    assert_true(held);
    assert_int_equal(waits, 0);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
}

/* The name that the system has for this program: under valgrind it is valgrind's. */
static const char *own_name(char ret[static 32])
{
    FILE *f = fopen("/proc/self/comm", "re");

    assert_non_null(f);
    assert_non_null(fgets(ret, 32, f));
    (void)fclose(f);
    ret[strcspn(ret, "\n")] = '\0';
    return ret;
}

/* It is waited for as long as LOCK_SECONDS say, and then who has it is named. */
static void the_holder_is_named(void **state)
{
    ENS_CLEANUP(file_closep) int fd = open_it();
    struct ens_err err = {0};
    char want[64];
    char comm[32];
    char name[LOCK_HOLDER_MAX];
    bool held = false;

    (void)state;
    assert_string_equal(lock_holder(fd, name), "another process");
    pid_t pid = holder();

    (void)snprintf(want, sizeof want, "locked by process %d (%s)", (int)pid, own_name(comm));
    assert_fails(lock_take(fd, path, on_wait, &held, &err), err, ENS_CANTCREAT, want);
    assert_int_equal(waits, 1);
    end(pid);
    assert_ok(lock_take(fd, path, NULL, &held, &err), err);
    assert_true(held);
}

/* A descriptor that is none stands for a file system without locks. */
static void no_locks(void **state)
{
    struct ens_err err = {0};
    bool held = true;

    (void)state;
    assert_ok(lock_take(-1, path, NULL, &held, &err), err);
    assert_false(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_free_lock_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_holder_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_locks, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
