/* The first SIGINT, SIGTERM, SIGQUIT or SIGHUP asks the work to stop, the second ends the process, SIGPIPE
 * does nothing. Each test runs in a child, because the flag stays up. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "tests/support/support.h"

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            return __LINE__ % 200 + 1;                                                                       \
    } while (0)

/* The wait status of a child that runs `work` and exits with what it returns. */
static int in_a_child(int (*work)(void))
{
    int status = 0;

    (void)fflush(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        (void)alarm(60);
        _exit(work());
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void assert_child_is_content(int status)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("status 0x%x, line (modulo 200) %d", (unsigned)status, WEXITSTATUS(status) - 1);
}

static int signal_number;

static int first_signal(void)
{
    struct ens_err err = {0};

    (void)signal(signal_number, SIG_DFL);
    interrupt_install();
    CHECK(interrupt_check(&err));
    CHECK(err.code == ENS_OK && err.msg[0] == '\0');
    CHECK(raise(SIGPIPE) == 0);
    CHECK(interrupt_check(&err));
    CHECK(raise(signal_number) == 0);
    CHECK(!interrupt_check(&err));
    CHECK(err.code == ENS_INTERRUPTED);
    CHECK(strstr(err.msg, "nothing was written") != NULL);
    CHECK(!interrupt_check(&err));
    return 0;
}

static int second_signal(void)
{
    (void)signal(signal_number, SIG_DFL);
    interrupt_install();
    (void)raise(signal_number);
    (void)raise(signal_number);
    return 0;
}

static void the_first_signal_asks_and_the_second_ends(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        signal_number = numbers[i];
        assert_child_is_content(in_a_child(first_signal));
        int status = in_a_child(second_signal);

        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), numbers[i]);
    }
}

/* What nohup(1) has ignored stays ignored. */
static int ignored_signal(void)
{
    struct ens_err err = {0};

    (void)signal(SIGHUP, SIG_IGN);
    interrupt_install();
    CHECK(raise(SIGHUP) == 0);
    CHECK(interrupt_check(&err));
    return 0;
}

static void a_hangup_that_is_ignored_stays_ignored(void **state)
{
    (void)state;
    assert_child_is_content(in_a_child(ignored_signal));
}

/* A read that waits returns as soon as the signal comes: its answer is the interruption. */
static int waiting_read(void)
{
    int ends[2];
    uint8_t byte = 0;
    size_t len = 0;
    struct ens_err err = {0};
    pid_t parent = getpid();

    interrupt_install();
    CHECK(pipe(ends) == 0);
    pid_t pid = fork();

    if (pid == 0) {
        /* Late enough that the parent waits; were it earlier, it would wait for ever and alarm() end it. */
        (void)usleep(200000);
        _exit(kill(parent, SIGINT) != 0);
    }
    CHECK(pid > 0);
    CHECK(!file_read(ends[0], "pipe", &byte, 1, &len, &err));
    CHECK(err.code == ENS_INTERRUPTED);
    return 0;
}

static void a_read_that_waits_is_ended(void **state)
{
    (void)state;
    assert_child_is_content(in_a_child(waiting_read));
}

static char *dir;

static int commit_after_signal(void)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
    char path[256];
    struct stat st;
    struct ens_err err = {0};

    interrupt_install();
    (void)snprintf(path, sizeof path, "%s/out", dir);
    CHECK(file_out_open(path, FILE_OUT_NEW, &out, &err));
    CHECK(file_out_write(out, view_of_string("text"), &err));
    CHECK(raise(SIGTERM) == 0);
    CHECK(!file_out_commit(out, &err));
    CHECK(err.code == ENS_INTERRUPTED);
    file_out_closep(&out);
    CHECK(lstat(path, &st) != 0 && errno == ENOENT);
    return rmdir(dir) == 0 ? 0 : 1;
}

static void an_interrupted_output_is_not_written(void **state)
{
    (void)state;
    dir = support_mkdir();
    assert_child_is_content(in_a_child(commit_after_signal));
    /* It was empty, or the child could not have removed it. */
    assert_int_equal(access(dir, F_OK), -1);
    support_rmdir(dir);
}

/* Several that were written and checked are kept: nobody has to pay for them again. */
static int commit_all_after_signal(void)
{
    struct file_out *outs[2] = {NULL, NULL};
    struct ens_err errs[2];
    char paths[2][256];
    struct ens_err err = {0};

    interrupt_install();
    for (int i = 0; i < 2; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%d", dir, i);
        CHECK(file_out_open(paths[i], FILE_OUT_NEW, &outs[i], &err));
        CHECK(file_out_write(outs[i], view_of_string("text"), &err));
    }
    CHECK(raise(SIGTERM) == 0);
    file_out_commit_all(outs, 2, errs);
    for (int i = 0; i < 2; i++) {
        CHECK(errs[i].code == ENS_OK);
        file_out_closep(&outs[i]);
        CHECK(unlink(paths[i]) == 0);
    }
    return rmdir(dir) == 0 ? 0 : 1;
}

static void interrupted_outputs_that_are_written_are_committed(void **state)
{
    (void)state;
    dir = support_mkdir();
    assert_child_is_content(in_a_child(commit_all_after_signal));
    assert_int_equal(access(dir, F_OK), -1);
    support_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signal_asks_and_the_second_ends),
        cmocka_unit_test(a_hangup_that_is_ignored_stays_ignored),
        cmocka_unit_test(a_read_that_waits_is_ended),
        cmocka_unit_test(an_interrupted_output_is_not_written),
        cmocka_unit_test(interrupted_outputs_that_are_written_are_committed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
