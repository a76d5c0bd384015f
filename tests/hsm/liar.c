/* A helper that is not one: put in the place of ensign-token, it says what it is told to say, right or wrong. (It is
 * not built from the product's code, and knows nothing of its messages.) Two variables of the environment:
 *
 *   ENSIGN_LIAR        a script, one step after the other; when it ends, all is read until nobody writes any more
 *       w              waits for a message
 *       s LEN BYTES    sends one (LEN: u32, little-endian)
 *       e LEN BYTES    sends it for ever
 *       p FD LEN BYTES sends it with that descriptor of its own (FD: one byte)
 *       x STATUS       ends (one byte)
 *       c              closes the connection, and stays
 *       h              stays, and does not answer
 *   ENSIGN_LIAR_REAL   the real helper, which is started, and between which and ensign all is passed on:
 *                      ENSIGN_LIAR is then written */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET   3
#define ROOM     65536
#define TOO_LATE 60 /* seconds after which it ends, whatever happens */

static unsigned char bytes[ROOM];

static void must(int good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "liar: %s\n", what);
    _exit(112);
}

/* ---- saying it ---- */

static uint32_t read_len(FILE *script)
{
    unsigned char raw[4];

    must(fread(raw, 1, 4, script) == 4, "a length is missing");
    uint32_t len = raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16 | (uint32_t)raw[3] << 24;

    must(len <= ROOM && fread(bytes, 1, len, script) == len, "bytes are missing");
    return len;
}

static void stay(void)
{
    for (;;)
        (void)pause();
}

static void send_with(int fd, size_t len)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {
        .head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {.iov_base = bytes, .iov_len = len};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};

    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    (void)sendmsg(SOCKET, &message, MSG_NOSIGNAL);
}

static void step(FILE *script, int what)
{
    static unsigned char request[ROOM];
    uint32_t len = 0;
    int number = 0;

    switch (what) {
    case 'w':
        if (recv(SOCKET, request, sizeof request, 0) <= 0)
            _exit(0);
        break;
    case 's':
        len = read_len(script);
        (void)send(SOCKET, bytes, len, MSG_NOSIGNAL);
        break;
    case 'e':
        len = read_len(script);
        while (send(SOCKET, bytes, len, MSG_NOSIGNAL) >= 0) {
        }
        break;
    case 'p':
        number = fgetc(script);
        send_with(number, read_len(script));
        break;
    case 'x':
        _exit(fgetc(script));
    case 'c':
        (void)close(SOCKET);
        stay();
        break;
    case 'h':
        stay();
        break;
    default:
        must(0, "no such step");
    }
}

static void say(const char *path)
{
    FILE *script = fopen(path, "re");

    must(script != NULL, path);
    for (int what = fgetc(script); what != EOF; what = fgetc(script))
        step(script, what);
    while (recv(SOCKET, bytes, sizeof bytes, 0) > 0) {
    }
}

/* ---- listening ---- */

/* The real helper, as a child that takes this process for ensign. */
static int start(const char *real, char **argv)
{
    static char mine[16];
    char theirs[16];
    int ends[2];

    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0, "socketpair");
    (void)snprintf(mine, sizeof mine, "%ld", (long)getpid());
    (void)snprintf(theirs, sizeof theirs, "%ld", (long)getppid());
    for (char **arg = argv + 1; *arg != NULL; arg++) {
        if (strcmp(*arg, theirs) == 0)
            *arg = mine;
    }
    if (fork() == 0) {
        (void)dup2(ends[1], SOCKET);
        (void)close(ends[0]);
        (void)close(ends[1]);
        (void)execv(real, argv);
        _exit(113);
    }
    (void)close(ends[1]);
    return ends[0];
}

static void write_step(FILE *script, int what, size_t len)
{
    (void)fputc(what, script);
    for (int shift = 0; what == 's' && shift < 32; shift += 8)
        (void)fputc((int)(len >> shift & 0xff), script);
    if (what == 's')
        (void)fwrite(bytes, 1, len, script);
    (void)fflush(script);
}

static void listen_between(const char *path, int helper)
{
    struct pollfd both[2] = {{.fd = SOCKET, .events = POLLIN}, {.fd = helper, .events = POLLIN}};
    FILE *script = fopen(path, "we");

    must(script != NULL, path);
    while (poll(both, 2, -1) > 0) {
        int from = both[1].revents != 0 ? 1 : 0;
        ssize_t len = recv(both[from].fd, bytes, sizeof bytes, 0);

        if (len <= 0)
            break;
        (void)send(both[1 - from].fd, bytes, (size_t)len, MSG_NOSIGNAL);
        write_step(script, from == 1 ? 's' : 'w', (size_t)len);
    }
    (void)fclose(script);
}

int main(int argc, char **argv)
{
    const char *script = getenv("ENSIGN_LIAR");
    const char *real = getenv("ENSIGN_LIAR_REAL");
    int status = 0;

    (void)argc;
    (void)alarm(TOO_LATE);
    must(script != NULL, "ENSIGN_LIAR is not set");
    if (real == NULL) {
        say(script);
        return 0;
    }
    int helper = start(real, argv);

    listen_between(script, helper);
    (void)close(helper);
    (void)wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 114;
}
