/* The wall: what a process may do behind it, and what ends it. Each case is a child that raises the wall. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/wall.h"

static char *dir;
static char input[256];
static char other[256];
static char output[256];
static char words[512]; /* what the child wrote to its stderr */

static void write_text(const char *path, const char *text)
{
    struct ens_err err = {0};

    assert_true(file_write_atomic(path, FILE_OUT_NEW, view_of_string(text), &err));
}

static int set_up(void **state)
{
    char made[256];

    (void)state;
    dir = support_mkdir();
    (void)snprintf(made, sizeof made, "%s/out", dir);
    assert_int_equal(mkdir(made, 0700), 0);
    (void)snprintf(input, sizeof input, "%s/input", dir);
    (void)snprintf(other, sizeof other, "%s/other", dir);
    (void)snprintf(output, sizeof output, "%s/out/output", dir);
    write_text(input, "input");
    write_text(other, "other");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_rmdir(dir);
    return 0;
}

/* The status of a child that does `work` behind the wall: what `work` returns, or 128 and the signal. */
static int behind(enum wall_role role, int (*work)(void))
{
    int status = 0;
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct ens_err err = {0};
        struct wall wall;

        (void)dup2(pipes[1], 2);
        wall_begin(&wall);
        wall_keep(&wall, input, WALL_READ);
        wall_keep(&wall, "/no/such/file", WALL_READ);
        if (role != WALL_READER)
            wall_keep(&wall, output, WALL_WRITE);
        _exit(wall_raise(&wall, role, &err) ? work() : 99);
    }
    (void)close(pipes[1]);
    ssize_t len = read(pipes[0], words, sizeof words - 1);

    words[len > 0 ? len : 0] = '\0';
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- what is allowed ---- */

static void *add_one(void *number)
{
    ++*(int *)number;
    return NULL;
}

static int read_and_think(void)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct ens_err err = {0};
    struct stat st;
    struct rlimit limit;
    pthread_t thread;
    int number = 1;

    if (!file_read_all(input, 100, &text, &err) || text.len != 5)
        return 1;
    if (file_open("/no/such", &fd, &err) || err.code != ENS_NOINPUT ||
        strstr(err.msg, "No such file") == NULL)
        return 2;
    if (stat(other, &st) != 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 3;
    if (pthread_create(&thread, NULL, add_one, &number) != 0 || pthread_join(thread, NULL) != 0 ||
        number != 2)
        return 4;
    void *large = malloc(64u << 20);

    if (large == NULL)
        return 5;
    memset(large, 1, 64u << 20);
    free(large);
    return isatty(2) == 0 ? 0 : 6;
}

static int read_stdin_again(void)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct ens_err err = {0};

    return file_read_all("/dev/fd/9", 100, &text, &err) && text.len == 5 ? 0 : 1;
}

static int make_output(void)
{
    struct ens_err err = {0};

    if (read_and_think() != 0)
        return 1;
    if (!file_write_atomic(output, FILE_OUT_NEW, view_of_string("new"), &err) ||
        !file_write_atomic(output, FILE_OUT_REPLACE, view_of_string("newer"), &err))
        return 2;
    return 0;
}

static int speak(void)
{
    char byte = 0;

    if (make_output() != 0)
        return 1;
    return send(8, "x", 1, MSG_NOSIGNAL) == 1 && recv(7, &byte, 1, 0) == 1 && byte == 'x' ? 0 : 2;
}

static int abort_alone(void)
{
    abort();
}

static void test_what_is_needed_is_allowed(void **state)
{
    int pair[2];
    int fd = open(input, O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(behind(WALL_READER, read_and_think), 0);
    assert_int_equal(behind(WALL_WRITER, make_output), 0);
    assert_int_equal(unlink(output), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(dup2(pair[0], 7), 7);
    assert_int_equal(dup2(pair[1], 8), 8);
    assert_int_equal(behind(WALL_WORKER, speak), 0);
    assert_int_equal(dup2(fd, 9), 9);
    assert_int_equal(behind(WALL_READER, read_stdin_again), 0);
    assert_int_equal(behind(WALL_READER, abort_alone), 128 + SIGABRT);
    for (int i = 7; i <= 9; i++)
        (void)close(i);
}

/* ---- what is not ---- */

static int read_other(void)
{
    return open(other, O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES && open("/etc/passwd", O_RDONLY) < 0 &&
                   errno == EACCES
               ? 0
               : 1;
}

static int write_elsewhere(void)
{
    char path[300];

    (void)snprintf(path, sizeof path, "%s/new", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    if (fd >= 0 || errno != EACCES)
        return 1;
    if (open(input, O_WRONLY) >= 0 || errno != EACCES || unlink(input) == 0)
        return 2;
    return 0;
}

static int unlink_elsewhere(void)
{
    return unlinkat(AT_FDCWD, other, 0) != 0 && errno == EACCES ? 0 : 1;
}

static void test_other_files_are_closed(void **state)
{
    (void)state;
    assert_int_equal(behind(WALL_READER, read_other), 0);
    assert_int_equal(behind(WALL_WRITER, read_other), 0);
    assert_int_equal(behind(WALL_WORKER, read_other), 0);
    assert_int_equal(behind(WALL_PARENT, read_other), 0);
    assert_int_equal(behind(WALL_PARENT, write_elsewhere), 0);
    assert_int_equal(behind(WALL_WRITER, unlink_elsewhere), 0);
}

static int make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 2;
}

static int make_pair(void)
{
    int pair[2];

    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? 1 : 2;
}

static int start_shell(void)
{
    return execl("/bin/sh", "sh", "-c", "exit 1", (char *)NULL);
}

static int make_process(void)
{
    return fork() >= 0 ? 1 : 2;
}

static int kill_parent(void)
{
    return kill(getppid(), SIGKILL) == 0 ? 1 : 2;
}

static int trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 ? 1 : 2;
}

static int map_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? 1 : 2;
}

static int make_file(void)
{
    return open(output, O_WRONLY | O_CREAT, 0600) >= 0 ? 1 : 2;
}

static int raise_limit(void)
{
    const struct rlimit limit = {1, 1};

    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 1 : 2;
}

static void test_other_calls_end_the_process(void **state)
{
    static int (*const work[])(void) = {make_socket, make_pair, start_shell,  make_process,
                                        kill_parent, map_code,  trace_parent, raise_limit};

    (void)state;
    for (size_t i = 0; i < sizeof work / sizeof work[0]; i++) {
        for (int role = WALL_READER; role <= WALL_WORKER; role++)
            assert_int_equal(behind((enum wall_role)role, work[i]), ENS_BUG);
    }
    assert_int_equal(behind(WALL_READER, make_file), ENS_BUG);
    assert_non_null(strstr(words, "ensign: system call 257: is forbidden"));
    assert_int_equal(strlen(strchr(words, '\n')), 1);
}

/* Not one byte of it is touched. */
static int maps_nine_gigabytes(void)
{
    void *at =
        mmap(NULL, 9ull << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return at != MAP_FAILED && munmap(at, 9ull << 30) == 0 ? 0 : 1;
}

static int burn_time(void)
{
    for (volatile unsigned i = 0; i < 1000; i = i == 999 ? 0 : i + 1) {
    }
    return 1;
}

static int maps_without_limits(void)
{
    struct ens_err err = {0};
    struct wall wall;

    wall_allow_large();
    wall_begin(&wall);
    return wall_raise(&wall, WALL_READER, &err) && (wall.parts & WALL_LIMITS) != 0 ? maps_nine_gigabytes()
                                                                                   : 2;
}

static void test_memory_and_time_have_limits(void **state)
{
    const struct rlimit second = {1, 2};
    int status = 0;

    (void)state;
    assert_int_equal(maps_nine_gigabytes(), 0);
    assert_int_equal(behind(WALL_READER, maps_nine_gigabytes), 1);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(maps_without_limits());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    /* A limit that is lower already stays. */
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CPU, &second);
        _exit(behind(WALL_READER, burn_time) == ENS_RESOURCE && strstr(words, "processor time") != NULL ? 0
                                                                                                        : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int connect_as_parent(void)
{
    const struct sockaddr_un_or_in {
        unsigned short family;
        unsigned char rest[14];
    } to = {AF_INET, {0, 9, 127, 0, 0, 1}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr address;

    memcpy(&address, &to, sizeof address);
    return fd >= 0 && connect(fd, &address, sizeof address) != 0 && errno == EACCES ? 0 : 1;
}

static int signal_as_parent(void)
{
    return kill(getppid(), 0) != 0 && errno == EPERM ? 0 : 1;
}

/* A parent of programs has every call, and still no other file, connection or process. */
static void test_a_parent_keeps_its_calls(void **state)
{
    struct ens_err err = {0};
    struct wall wall;

    (void)state;
    wall_begin(&wall);
    int version = wall.version;

    wall_closep(&wall);
    assert_int_equal(err.code, ENS_OK);
    if (version >= 4)
        assert_int_equal(behind(WALL_PARENT, connect_as_parent), 0);
    if (version >= 6)
        assert_int_equal(behind(WALL_PARENT, signal_as_parent), 0);
    assert_int_equal(behind(WALL_PARENT, start_shell), -1 & 0xff);
}

static void test_the_parts_have_names(void **state)
{
    char text[WALL_WORDS_MAX];
    const struct wall none = {.rules = -1};
    const struct wall some = {.rules = -1, .parts = WALL_PRIVILEGES | WALL_CALLS};
    const struct wall all = {.rules = -1, .parts = WALL_ALL};

    (void)state;
    assert_string_equal(wall_parts(&none, true, text), "none");
    assert_string_equal(wall_parts(&none, false, text),
                        "privileges, files, TCP, signals, system calls, limits");
    assert_string_equal(wall_parts(&some, true, text), "privileges, system calls");
    assert_string_equal(wall_parts(&some, false, text), "files, TCP, signals, limits");
    assert_string_equal(wall_parts(&all, false, text), "none");
}

/* Builds without the wall have its names only (Makefile). */
#ifdef ENSIGN_NO_WALL
#define IS_BUILT false
#else
#define IS_BUILT true
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_parts_have_names),
        cmocka_unit_test_setup_teardown(test_what_is_needed_is_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_files_are_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_calls_end_the_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_parent_keeps_its_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_and_time_have_limits, set_up, tear_down),
    };
    const struct CMUnitTest names[] = {tests[0]};

    return IS_BUILT ? cmocka_run_group_tests(tests, NULL, NULL) : cmocka_run_group_tests(names, NULL, NULL);
}
