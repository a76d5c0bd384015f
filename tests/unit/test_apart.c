/* A process apart: it starts one program for a process that can start none. Each case is a child, whose process apart
 * is its own. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/base/apart.h"
#include "signer/base/mem.h"
#include "signer/base/wall.h"

static const char *const env[] = {"LC_ALL=C", NULL};

static struct process shell(const char *const *argv)
{
    return (struct process){
        .program = argv[0], .argv = argv, .env = env, .remedy = "install it", .out_max = 100, .seconds = 20};
}

/* What `work` returns in a process of its own, which must end by itself. */
static int alone(int (*work)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(work());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The program compares its two files, and its input with the first. */
static const char *const compares[] = {"/bin/sh", "-c", "cmp -s /dev/fd/3 /dev/fd/4 && cmp -s - /dev/fd/3",
                                       NULL};

static int status_of(struct process *p, const char *input, const char *first, const char *second,
                     struct ens_err *err)
{
    const struct view files[] = {view_of_string(first), view_of_string(second)};
    int status = -1;

    p->input = view_of_string(input);
    p->files = files;
    p->files_len = 2;
    return apart_run(p, &status, err) ? status : 1000 + (int)err->code;
}

static int asks_from_behind_the_wall(void)
{
    struct process p = shell(compares);
    struct ens_err err = {0};
    struct wall wall;

    apart_begin(&p);
    wall_begin(&wall);
    if (!wall_raise(&wall, WALL_READER, &err))
        return 1;
    if (status_of(&p, "same", "same", "same", &err) != 0 || status_of(&p, "same", "same", "other", &err) != 1)
        return 2;
    if (status_of(&p, "", "", "", &err) != 0 || status_of(&p, "other", "same", "same", &err) != 1)
        return 3;
    return 0;
}

static int asks_without_one(void)
{
    struct process p = shell(compares);
    struct ens_err err = {0};

    return status_of(&p, "same", "same", "same", &err) == 0 && status_of(&p, "a", "a", "b", &err) == 1 ? 0
                                                                                                       : 1;
}

static void test_the_exit_status_comes_back(void **state)
{
    (void)state;
    assert_int_equal(alone(asks_from_behind_the_wall), 0);
    assert_int_equal(alone(asks_without_one), 0);
}

static int misses_the_program(void)
{
    static const char *const argv[] = {"/no/such/program", NULL};
    struct process p = shell(argv);
    struct ens_err err = {0};

    apart_begin(&p);
    if (status_of(&p, "", "", "", &err) != 1000 + ENS_RESOURCE || strstr(err.msg, "install it") == NULL)
        return 1;
    return 0;
}

static int asks_too_much(void)
{
    struct process p = shell(compares);
    struct ens_err err = {0};
    char *large = calloc(1, APART_MAX + 2);

    if (large == NULL)
        return 1;
    memset(large, 'x', APART_MAX);
    apart_begin(&p);
    if (status_of(&p, large, large, large, &err) != 0)
        return 2;
    large[APART_MAX] = 'x';
    int status = status_of(&p, large, "", "", &err);

    free(large);
    return status == 1000 + ENS_DATA && status_of(&p, "", "", "", &err) == 0 ? 0 : 3;
}

/* The program kills its parent, the process apart. */
static int loses_it(void)
{
    static const char *const argv[] = {"/bin/sh", "-c", "kill -9 $PPID", NULL};
    struct process p = shell(argv);
    struct ens_err err = {0};

    apart_begin(&p);
    return status_of(&p, "", "", "", &err) == 1000 + ENS_RESOURCE && strstr(err.msg, "ended") != NULL ? 0 : 1;
}

static void test_what_fails_is_said(void **state)
{
    (void)state;
    assert_int_equal(alone(misses_the_program), 0);
    assert_int_equal(alone(asks_too_much), 0);
    assert_int_equal(alone(loses_it), 0);
}

/* Its descriptors are its own: what it starts finds 0 to 4 and no other, and a pipe ends with the process that asked. */
static int shows_descriptors(void)
{
    static const char *const argv[] = {"/bin/sh", "-c",
                                       "ls /proc/self/fd | tr '\\n' ' ' | grep -qx '0 1 2 3 4 5 '", NULL};
    struct process p = shell(argv);
    struct ens_err err = {0};

    (void)dup2(2, 17);
    apart_begin(&p);
    return status_of(&p, "", "", "", &err);
}

static void test_it_keeps_no_descriptor(void **state)
{
    int ends[2];
    char byte = 0;

    (void)state;
    assert_int_equal(alone(shows_descriptors), 0);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct process p = shell(compares);

        apart_begin(&p);
        (void)close(ends[1]);
        (void)pause();
        _exit(0);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* it comes to an end while both live */
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_exit_status_comes_back),
        cmocka_unit_test(test_what_fails_is_said),
        cmocka_unit_test(test_it_keeps_no_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
