/* The process that forks workers: it has one thread, and no parser runs in it. It and the workers end with the process
 * that began (PR_SET_PDEATHSIG): not later, since a run that was killed must not write any more. */
#include "signer/flow/workers_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signer/base/interrupt.h"

#define SOCKET 3 /* of a process that is forked here: 0 to 2 go nowhere, and there is no other */

bool workers_order_send(int socket, const struct workers_order *order, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct workers_order copy = *order;
    struct iovec bytes = {.iov_base = &copy, .iov_len = sizeof copy};
    struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (fd >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        control.head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    }
    return sendmsg(socket, &m, MSG_NOSIGNAL) == (ssize_t)sizeof copy;
}

bool workers_order_receive(int socket, struct workers_order *ret, int *ret_fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec bytes = {.iov_base = ret, .iov_len = sizeof *ret};
    struct msghdr m = {.msg_iov = &bytes,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof control.room};
    ssize_t n;

    do
        n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof *ret && m.msg_controllen > 0 && control.head.cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(&control.head), sizeof *ret_fd);
    return n == (ssize_t)sizeof *ret;
}

/* ---- the process that forks ---- */

/* Ends with `parent`, even if that has ended already. */
static void tie_to(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(ENS_RESOURCE);
}

/* From now on the process has no descriptor but SOCKET, /dev/null, and `words` for what it prints. */
static void keep_socket(int socket, int words)
{
    int null = open("/dev/null", O_RDWR);
    const int kept[] = {null, null, words, socket}; /* as 0 to SOCKET */

    for (int fd = 0; fd <= SOCKET; fd++) {
        if (kept[fd] < 0 || dup2(kept[fd], fd) < 0)
            _exit(ENS_RESOURCE);
    }
    if (close_range(SOCKET + 1, ~0u, 0) != 0)
        _exit(ENS_RESOURCE);
}

static _Noreturn void run_worker(const struct workers_args *args, pid_t parent, int socket)
{
    struct wall wall = {.rules = -1}; /* that over files stands */
    struct ens_err err = {0};

    tie_to(parent);
    if (dup2(socket, SOCKET) < 0 || close_range(SOCKET + 1, ~0u, 0) != 0)
        _exit(ENS_RESOURCE);
    interrupt_install();
    if (!wall_raise(&wall, WALL_WORKER, &err))
        _exit(ENS_RESOURCE);
    args->serve(args->ctx, SOCKET);
    _exit(ENS_OK);
}

static void fork_worker(const struct workers_args *args, pid_t parent)
{
    struct workers_order reply = {.number = -1};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        (void)ens_fail_errno(&reply.err, ENS_RESOURCE, errno, "no process for files can be started");
        (void)workers_order_send(SOCKET, &reply, -1);
        return;
    }
    /* As fork(2), but a child of `parent`, which takes its exit status, and with which it ends at once. */
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0)
        run_worker(args, parent, ends[1]);
    if (pid < 0)
        (void)ens_fail_errno(&reply.err, ENS_RESOURCE, errno, "no process for files can be started");
    reply.number = pid;
    (void)workers_order_send(SOCKET, &reply, pid > 0 ? ends[0] : -1);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

_Noreturn void workers_fork_run(const struct workers_args *args, pid_t parent, int socket, int words)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
    struct wall wall;
    struct workers_order order = {0};
    int none = -1;

    tie_to(parent);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)signal(numbers[i], SIG_IGN);
    keep_socket(socket, words);
    (void)setsid();
    wall_begin(&wall);
    args->keep(args->ctx, &wall);
    if (!wall_raise(&wall, WALL_PARENT, &order.err))
        order.number = -1;
    if (!workers_order_send(SOCKET, &order, -1) || order.number != 0)
        _exit(ENS_RESOURCE);
    while (workers_order_receive(SOCKET, &order, &none))
        fork_worker(args, parent);
    _exit(ENS_OK);
}
