/* The processes of workers.h. Three kinds: this one, which has threads, token and terminal; the one that forks and
 * takes exit statuses (workers_fork.c); and the workers. */
#include "signer/flow/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/flow/workers_fork.h"
#include "signer/ui/notice.h"

/* For so long a worker may be at one request: reading and writing the largest file over a slow network takes minutes. */
#ifndef WORKERS_SECONDS
#define WORKERS_SECONDS 600
#endif
#define TICK_MS  100
#define GRACE_MS 2000 /* for all of them to end by themselves */

#define WORDS_MAX 4096 /* of what workers print, at a time */

struct slot {
    int socket; /* -1: no process */
    pid_t pid;
    unsigned process;
    bool is_told; /* that ensign was interrupted */
};

struct workers {
    struct slot *slots;
    unsigned len;
    pid_t forker;
    pthread_mutex_t lock; /* for what follows */
    int control, words;
    unsigned started;
};

static long ms_since(const struct timespec *since)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* ---- this process ---- */

/* What they printed, which nobody trusts, is said in lines of their own. */
static void show_words(struct workers *w)
{
    char words[WORDS_MAX];
    ssize_t n = read(w->words, words, sizeof words);

    if (n > 0)
        notice_child("worker", view_of(words, (size_t)n));
}

/* Waits for the end of a process until GRACE_MS after `since`, and then ends it. */
static void wait_for(pid_t pid, const struct timespec *since)
{
    pid_t ended = 0;

    while ((ended = waitpid(pid, NULL, WNOHANG)) == 0 && ms_since(since) < GRACE_MS)
        (void)poll(NULL, 0, 1);
    if (ended != 0)
        return;
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void workers_closep(struct workers **workers)
{
    struct workers *w = *workers;
    struct timespec since = {0};

    if (w == NULL)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &since);
    for (unsigned i = 0; i < w->len; i++)
        file_closep(&w->slots[i].socket);
    file_closep(&w->control);
    for (unsigned i = 0; i < w->len; i++) {
        if (w->slots[i].pid > 0)
            wait_for(w->slots[i].pid, &since);
    }
    if (w->forker > 0) {
        wait_for(w->forker, &since);
        show_words(w);
    }
    file_closep(&w->words);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w->slots);
    mem_free(w);
    *workers = NULL;
}

static bool start_forker(const struct workers_args *args, struct workers *w, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int theirs = -1;
    ENS_CLEANUP(file_closep) int words = -1;
    struct workers_order first = {0};
    pid_t self = getpid();
    int none = -1;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "no process for files can be started");
    w->control = ends[0];
    theirs = ends[1];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "no process for files can be started");
    w->words = ends[0];
    words = ends[1];
    w->forker = fork();
    if (w->forker == 0)
        workers_fork_run(args, self, theirs, words);
    if (w->forker < 0)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "no process for files can be started");
    file_closep(&theirs);
    if (!workers_order_receive(w->control, &first, &none))
        return ens_fail(err, ENS_RESOURCE, "the process that starts others for files ended");
    if (first.number != 0)
        *err = first.err;
    return first.number == 0;
}

bool workers_open(const struct workers_args *args, struct workers **ret, struct ens_err *err)
{
    ENS_CLEANUP(workers_closep) struct workers *w = mem_alloc(1, sizeof *w, err);

    if (w == NULL)
        return false;
    (void)pthread_mutex_init(&w->lock, NULL);
    w->control = w->words = -1;
    w->slots = mem_alloc(args->len, sizeof *w->slots, err);
    if (w->slots == NULL)
        return false;
    for (; w->len < args->len; w->len++)
        w->slots[w->len].socket = -1;
    if (!start_forker(args, w, err))
        return false;
    *ret = ens_take(w);
    return true;
}

unsigned workers_process(const struct workers *w, unsigned index)
{
    return w->slots[index].socket >= 0 ? w->slots[index].process : 0;
}

static bool start_worker(struct workers *w, struct slot *s, struct ens_err *err)
{
    struct workers_order reply = {0};
    int fd = -1;

    (void)pthread_mutex_lock(&w->lock);
    bool ok = workers_order_send(w->control, &reply, -1) && workers_order_receive(w->control, &reply, &fd);

    if (ok && fd >= 0)
        *s = (struct slot){.socket = fd, .pid = (pid_t)reply.number, .process = ++w->started};
    (void)pthread_mutex_unlock(&w->lock);
    if (ok && fd >= 0)
        return true;
    if (!ok)
        return ens_fail(err, ENS_RESOURCE,
                        "the process that starts others for files ended: run the command again");
    *err = reply.err;
    return false;
}

/* Ends the process, if it has not ended, and gives its status. It is this process's zombie until then, so that its
 * number is nobody else's. */
static int end_process(struct workers *w, struct slot *s)
{
    int status = 0;

    file_closep(&s->socket);
    (void)kill(s->pid, SIGKILL);
    while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
        ;
    s->pid = 0;
    (void)pthread_mutex_lock(&w->lock);
    show_words(w);
    (void)pthread_mutex_unlock(&w->lock);
    return status;
}

static bool fail_lost(struct workers *w, struct slot *s, struct ens_err *err)
{
    int status = end_process(w, s);

    if (WIFSIGNALED(status))
        return ens_fail(
            err, ENS_BUG,
            "the process that was at it was ended by signal %d (%s): leave the file out, and report it",
            WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
    return ens_fail(err, ENS_BUG,
                    "the process that was at it ended with status %d: leave the file out, and report it",
                    WEXITSTATUS(status));
}

bool workers_fail(struct workers *w, unsigned index, struct ens_err *err)
{
    (void)end_process(w, &w->slots[index]);
    return ens_fail(err, ENS_BUG,
                    "the process that was at it said what cannot be: leave the file out, and report it");
}

/* Waits until the socket is ready, or closed. */
static bool await_reply(struct workers *w, struct slot *s, short events, struct ens_err *err)
{
    struct pollfd p = {.fd = s->socket, .events = events};
    struct timespec since = {0};
    struct ens_err why = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &since);
    while (poll(&p, 1, TICK_MS) <= 0) {
        if (!s->is_told && !interrupt_check(&why))
            s->is_told = kill(s->pid, SIGTERM) == 0;
        if (ms_since(&since) < WORKERS_SECONDS * 1000L)
            continue;
        (void)end_process(w, s);
        return ens_fail(err, ENS_BUG,
                        "the process that was at it took more than %d s: leave the file out, and report it",
                        WORKERS_SECONDS);
    }
    return true;
}

bool workers_send(struct workers *w, unsigned index, struct view message, struct ens_err *err)
{
    struct slot *s = &w->slots[index];

    if ((s->socket < 0 && !start_worker(w, s, err)) || !await_reply(w, s, POLLOUT, err))
        return false;
    return send(s->socket, message.data, message.len, MSG_NOSIGNAL) == (ssize_t)message.len ||
           fail_lost(w, s, err);
}

bool workers_receive(struct workers *w, unsigned index, uint8_t ret[static WORKERS_MESSAGE_MAX],
                     size_t *ret_len, struct ens_err *err)
{
    struct slot *s = &w->slots[index];

    if (s->socket < 0)
        return ens_fail(err, ENS_BUG, "the process that was at it ended: leave the file out, and report it");
    if (!await_reply(w, s, POLLIN, err))
        return false;
    ssize_t n = recv(s->socket, ret, WORKERS_MESSAGE_MAX, MSG_TRUNC);

    if (n <= 0)
        return fail_lost(w, s, err);
    *ret_len = (size_t)n;
    return n <= WORKERS_MESSAGE_MAX || workers_fail(w, index, err);
}

/* ---- in a worker ---- */

bool workers_hear(int socket, uint8_t ret[static WORKERS_MESSAGE_MAX], size_t *ret_len)
{
    ssize_t n;

    do
        n = recv(socket, ret, WORKERS_MESSAGE_MAX, MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    *ret_len = n > 0 ? (size_t)n : 0;
    return n > 0 && n <= WORKERS_MESSAGE_MAX;
}

bool workers_say(int socket, struct view message)
{
    ssize_t n;

    do
        n = send(socket, message.data, message.len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)message.len;
}
