/* A reader that was taken over: ensign is linked with this in front of what opens an operand, and does what EVIL names
 * in its place (tests/cli/wall.bats). It ends with 42 if it had its way, with 43 if the kernel refused it with an
 * error; the wall ends it with 70. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "signer/base/bytes.h"

enum { HAD_ITS_WAY = 42, WAS_REFUSED = 43 };

static bool reads_a_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool lists_a_directory(void)
{
    return open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}

static bool writes_elsewhere(void)
{
    return open("../elsewhere", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool removes_elsewhere(void)
{
    return unlink("../victim") == 0;
}

static bool renames_elsewhere(void)
{
    return rename("../victim", "victim") == 0;
}

static bool overwrites_an_operand(void)
{
    return open("x", O_WRONLY | O_CLOEXEC) >= 0;
}

static pid_t parent; /* getppid is on no list either */

static __attribute__((constructor)) void know_parent(void)
{
    parent = getppid();
}

/* What listens at the port of the environment would be told. */
static bool connects(void)
{
    const char *port = getenv("EVIL_PORT");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)atoi(port != NULL ? port : "9")),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return fd >= 0 && (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno == ECONNREFUSED);
}

static bool makes_a_socket(void)
{
    int pair[2];

    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

static bool starts_a_shell(void)
{
    (void)execl("/bin/sh", "sh", "-c", "exit 42", (char *)NULL);
    return false;
}

static bool makes_a_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool kills_its_parent(void)
{
    return kill(parent, 0) == 0;
}

static bool traces_its_parent(void)
{
    return ptrace(PTRACE_SEIZE, parent, NULL, NULL) == 0;
}

static bool reads_its_parent(void)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/environ", parent);
    return open(path, O_RDONLY | O_CLOEXEC) >= 0;
}

static bool makes_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static const struct deed {
    const char *name;
    bool (*work)(void);
} deeds[] = {
    {"read", reads_a_file},        {"list", lists_a_directory},   {"write", writes_elsewhere},
    {"remove", removes_elsewhere}, {"rename", renames_elsewhere}, {"overwrite", overwrites_an_operand},
    {"connect", connects},         {"socket", makes_a_socket},    {"exec", starts_a_shell},
    {"fork", makes_a_process},     {"kill", kills_its_parent},    {"ptrace", traces_its_parent},
    {"environ", reads_its_parent}, {"code", makes_code},
};

static void take_over(void)
{
    const char *name = getenv("EVIL");

    for (size_t i = 0; name != NULL && i < sizeof deeds / sizeof deeds[0]; i++) {
        if (strcmp(deeds[i].name, name) == 0)
            _exit(deeds[i].work() ? HAD_ITS_WAY : WAS_REFUSED);
    }
}

bool __real_file_open(const char *path, int *ret_fd, struct ens_err *err);
bool __wrap_file_open(const char *path, int *ret_fd, struct ens_err *err);
bool __wrap_file_open(const char *path, int *ret_fd, struct ens_err *err)
{
    take_over();
    return __real_file_open(path, ret_fd, err);
}

bool __real_file_read_all(const char *path, size_t max, struct buf *ret, struct ens_err *err);
bool __wrap_file_read_all(const char *path, size_t max, struct buf *ret, struct ens_err *err);
bool __wrap_file_read_all(const char *path, size_t max, struct buf *ret, struct ens_err *err)
{
    take_over();
    return __real_file_read_all(path, max, ret, err);
}

bool __real_hand_read(const char *path, struct buf *ret, struct ens_err *err);
bool __wrap_hand_read(const char *path, struct buf *ret, struct ens_err *err);
bool __wrap_hand_read(const char *path, struct buf *ret, struct ens_err *err)
{
    take_over();
    return __real_hand_read(path, ret, err);
}

bool __real_transcript_read(const char *path, struct buf *ret, struct ens_err *err);
bool __wrap_transcript_read(const char *path, struct buf *ret, struct ens_err *err);
bool __wrap_transcript_read(const char *path, struct buf *ret, struct ens_err *err)
{
    take_over();
    return __real_transcript_read(path, ret, err);
}
