/* Another program, run to its end: what it is given and what it is not, what it says, and how it ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/process.h"
#include "tests/support/support.h"

static const char *const no_env[] = {NULL};

/* A shell script as the program: the tests' way to look around in its process. */
#define SCRIPT(text)                                                                                         \
    (struct process)                                                                                         \
    {                                                                                                        \
        .argv = (const char *const[]){"sh", "-c", text, "name", "a b", "$(x)", NULL}, .env = no_env,         \
        .remedy = "install a shell", .out_max = 4096                                                         \
    }

static void assert_text(struct view got, const char *want)
{
    if (!view_equal(got, view_of_string(want)))
        fail_msg("'%.*s', not '%s'", (int)got.len, (const char *)got.data, want);
}

/* The script ends with `status` and has said `out` and `words`. */
static void assert_says(const struct process *p, int status, const char *out, const char *words)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct ens_err err = {0};

    assert_ok(process_run(p, &r, &err), err);
    assert_text(buf_view(&r.out), out);
    assert_text(buf_view(&r.words), words);
    assert_int_equal(r.status, status);
}

static void both_outputs_and_the_status(void **state)
{
    (void)state;
    struct process p = SCRIPT("echo out; echo words >&2; exit 7");

    assert_says(&p, 7, "out\n", "words\n");
    p = SCRIPT(":");
    assert_says(&p, 0, "", "");
    /* Closed at once, ended later. */
    p = SCRIPT("exec >&- 2>&-; sleep 0.3; exit 3");
    assert_says(&p, 3, "", "");
}

static void arguments_meet_no_shell(void **state)
{
    (void)state;
    struct process p = SCRIPT("printf '%s|' \"$@\"");

    assert_says(&p, 0, "a b|$(x)|", "");
}

static void input_and_files_are_the_bytes(void **state)
{
    const struct view files[] = {view_of("one\0two", 7), view_of(NULL, 0), view_of_string("three")};
    struct process p = SCRIPT("cat; printf ,; tr '\\000' 0 </dev/fd/3; printf ,; cat /dev/fd/4; printf ,; "
                              "cat /dev/fd/5 /dev/fd/5");

    (void)state;
    p.input = view_of_string("input");
    p.files = files;
    p.files_len = 3;
    assert_says(&p, 0, "input,one0two,,threethree", "");
}

static void what_it_is_given_cannot_change(void **state)
{
    const struct view file = view_of_string("checked");
    struct process p =
        SCRIPT("(printf changed >/dev/fd/3) 2>/dev/null; (printf more >>/dev/fd/3) 2>/dev/null; "
               "(printf changed >/dev/fd/0) 2>/dev/null; cat /dev/fd/3 /dev/fd/0");

    (void)state;
    p.input = file;
    p.files = &file;
    p.files_len = 1;
    assert_says(&p, 0, "checkedchecked", "");
}

static void a_large_input_and_output_do_not_block(void **state)
{
    enum { SIZE = 300000 };
    ENS_CLEANUP(mem_freep) uint8_t *bytes = NULL;
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct ens_err err = {0};
    struct process p = SCRIPT("head -c 100000 /dev/zero | tr '\\000' w >&2; cat");

    (void)state;
    bytes = mem_alloc(SIZE, 1, &err);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i % 251);
    p.input = view_of(bytes, SIZE);
    p.out_max = SIZE;
    assert_ok(process_run(&p, &r, &err), err);
    assert_true(view_equal(buf_view(&r.out), p.input));
    assert_int_equal(r.words.len, PROCESS_WORDS_MAX);
    p.out_max = SIZE - 1;
    assert_fails(process_run(&p, &r, &err), err, ENS_DATA, "sh: printed more than 299999 bytes");
}

static void only_the_given_environment(void **state)
{
    const char *const env[] = {"ONE=1", "PATH=/usr/bin:/bin", NULL};
    struct process p = SCRIPT("printf '%s,%s,%s' \"$ONE\" \"$TWO\" \"$PATH\"");

    (void)state;
    assert_int_equal(setenv("TWO", "2", 1), 0);
    p.env = env;
    assert_says(&p, 0, "1,,/usr/bin:/bin", "");
    assert_int_equal(unsetenv("TWO"), 0);
}

/* A PIN's descriptor that the caller's shell left open is not for the program. */
static void no_other_descriptor(void **state)
{
    int pin = open("/dev/null", O_RDONLY);
    struct process p =
        SCRIPT("for n in 0 1 2 3 4 5 6 7 8 9 20 64; do [ ! -e /proc/$$/fd/$n ] || echo -n \"$n \"; done");
    const struct view file = view_of_string("x");

    (void)state;
    assert_true(pin >= 0);
    /* Inherited by everything that does not take care, at low and high numbers. */
    assert_int_equal(dup2(pin, 20), 20);
    assert_says(&p, 0, "0 1 2 ", "");
    p.files = &file;
    p.files_len = 1;
    assert_says(&p, 0, "0 1 2 3 ", "");
    assert_int_equal(close(pin), 0);
    assert_int_equal(close(20), 0);
}

/* Nothing stays open here either, however it ends. */
static void nothing_is_left_open(void **state)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct ens_err err = {0};
    struct process p = SCRIPT("echo more than that");
    int before = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    (void)close(before);
    assert_says(&p, 0, "more than that\n", "");
    p.out_max = 3;
    assert_fails(process_run(&p, &r, &err), err, ENS_DATA, "more than 3");
    p.argv = (const char *const[]){"no-such-program", NULL};
    assert_fails(process_run(&p, &r, &err), err, ENS_RESOURCE, "no-such-program");
    int after = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_int_equal(after, before);
    (void)close(after);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_missing_program_has_a_remedy(void **state)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct ens_err err = {0};
    struct process p = SCRIPT("");

    (void)state;
    p.argv = (const char *const[]){"no-such-program", NULL};
    p.remedy = "install it";
    assert_fails(process_run(&p, &r, &err), err, ENS_RESOURCE, "no-such-program: cannot be started");
    assert_non_null(strstr(err.msg, "install it"));
    /* As a child says it that could not become the program. */
    p = SCRIPT("exit 127");
    assert_fails(process_run(&p, &r, &err), err, ENS_RESOURCE, "sh: cannot be started: install a shell");
}

static void too_much_is_refused(void **state)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct ens_err err = {0};
    const char *argv[PROCESS_ARGS_MAX + 2] = {0};
    const struct view files[PROCESS_FILES_MAX + 1] = {0};
    struct process p = SCRIPT("");

    (void)state;
    p.files = files;
    p.files_len = PROCESS_FILES_MAX + 1;
    assert_fails(process_run(&p, &r, &err), err, ENS_BUG, "files");
    p = SCRIPT("");
    argv[0] = "true";
    for (size_t i = 1; i <= PROCESS_ARGS_MAX; i++)
        argv[i] = "x";
    p.argv = argv;
    assert_fails(process_run(&p, &r, &err), err, ENS_BUG, "arguments");
    argv[PROCESS_ARGS_MAX] = NULL;
    assert_says(&p, 0, "", "");
}

static void a_signal_is_an_error(void **state)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct ens_err err = {0};
    struct process p = SCRIPT("kill -9 $$");

    (void)state;
    assert_fails(process_run(&p, &r, &err), err, ENS_RESOURCE, "ended by signal 9");
}

static void signals_are_as_usual(void **state)
{
    struct process p = SCRIPT("trap 'echo piped' PIPE; kill -PIPE $$; trap 'echo told' TERM; kill -TERM $$");

    (void)state;
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);

    assert_says(&p, 0, "piped\ntold\n", "");
    (void)signal(SIGPIPE, before);
    /* Ignored by whoever started ensign: the status must not be lost. */
    before = signal(SIGCHLD, SIG_IGN);
    p = SCRIPT("exit 5");
    assert_says(&p, 5, "", "");
    (void)signal(SIGCHLD, before);
}

static double now(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void too_long_is_an_error(void **state)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct ens_err err = {0};
    struct process p = SCRIPT("sleep 60");
    double since = now();

    (void)state;
    p.seconds = 1;
    assert_fails(process_run(&p, &r, &err), err, ENS_RESOURCE, "did not end within 1 seconds");
    assert_true(now() - since < 30);
    /* Deaf to the request, and silent. */
    p = SCRIPT("trap '' TERM; exec >&- 2>&-; while :; do sleep 1; done");
    p.seconds = 1;
    assert_fails(process_run(&p, &r, &err), err, ENS_RESOURCE, "did not end");
    assert_true(now() - since < 40);
}

/* What it leaves running keeps its outputs open; that is not waited for. */
static void its_end_is_the_end(void **state)
{
    struct process p = SCRIPT("sleep 20 & echo done");
    double since = now();

    (void)state;
    assert_says(&p, 0, "done\n", "");
    assert_true(now() - since < 15);
}

static bool collect(void *ctx, struct view piece, struct ens_err *err)
{
    return buf_append(ctx, piece, err);
}

static bool refuse(void *ctx, struct view piece, struct ens_err *err)
{
    (void)ctx;
    (void)piece;
    return ens_fail(err, ENS_IO, "nobody listens");
}

static void words_are_passed_on(void **state)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    ENS_CLEANUP(buf_free) struct buf heard = {0};
    const struct sink listener = {.put = collect, .ctx = &heard};
    const struct sink deaf = {.put = refuse};
    struct ens_err err = {0};
    struct process p = SCRIPT("echo one >&2; echo out; echo two >&2");

    (void)state;
    p.words = &listener;
    assert_says(&p, 0, "out\n", "one\ntwo\n");
    assert_text(buf_view(&heard), "one\ntwo\n");
    p.words = &deaf;
    assert_fails(process_run(&p, &r, &err), err, ENS_IO, "nobody listens");
}

/* ---- in a child, because the flag stays up and the terminal is gone for good ---- */

static void in_a_child(int (*work)(void))
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
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("status 0x%x", (unsigned)status);
}

static int run_until_signal(void)
{
    struct process_result r = {0};
    struct ens_err err = {0};
    /* The program itself sends it. */
    struct process p = SCRIPT("kill -INT $PPID; sleep 50");

    interrupt_install();
    if (process_run(&p, &r, &err) || err.code != ENS_INTERRUPTED)
        return 1;
    /* It is gone, and no other is started. */
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        return 2;
    return process_run(&p, &r, &err) || err.code != ENS_INTERRUPTED ? 3 : 0;
}

static void interrupted(void **state)
{
    double since = now();

    (void)state;
    in_a_child(run_until_signal);
    assert_true(now() - since < 30);
}

static int run_without_terminal(void)
{
    struct process_result r = {0};
    struct ens_err err = {0};
    struct process p = SCRIPT("");

    if (setsid() < 0)
        return 1;
    p.terminal = true;
    return process_run(&p, &r, &err) || err.code != ENS_RESOURCE ? 2 : 0;
}

static void no_terminal(void **state)
{
    (void)state;
    in_a_child(run_without_terminal);
}

/* A parent with its own descriptors 0, 1 and 2 closed: the pipes must not take their places. */
static int run_with_closed_streams(void)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct ens_err err = {0};
    const struct view file = view_of_string("file");
    struct process p = SCRIPT("cat - /dev/fd/3; echo words >&2");

    for (int fd = 0; fd < 10; fd++)
        (void)close(fd);
    p.input = view_of_string("input,");
    p.files = &file;
    p.files_len = 1;
    return process_run(&p, &r, &err) && view_equal(buf_view(&r.out), view_of_string("input,file")) &&
                   view_equal(buf_view(&r.words), view_of_string("words\n"))
               ? 0
               : 1;
}

static void closed_streams(void **state)
{
    (void)state;
    in_a_child(run_with_closed_streams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_outputs_and_the_status),
        cmocka_unit_test(arguments_meet_no_shell),
        cmocka_unit_test(input_and_files_are_the_bytes),
        cmocka_unit_test(what_it_is_given_cannot_change),
        cmocka_unit_test(a_large_input_and_output_do_not_block),
        cmocka_unit_test(only_the_given_environment),
        cmocka_unit_test(no_other_descriptor),
        cmocka_unit_test(nothing_is_left_open),
        cmocka_unit_test(a_missing_program_has_a_remedy),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(a_signal_is_an_error),
        cmocka_unit_test(signals_are_as_usual),
        cmocka_unit_test(too_long_is_an_error),
        cmocka_unit_test(its_end_is_the_end),
        cmocka_unit_test(words_are_passed_on),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(no_terminal),
        cmocka_unit_test(closed_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
