/* Another program, run to its end: inputs as sealed memory files; both outputs drained in one loop that looks up
 * ten times a second. */
#include "signer/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/spawn.h"

#define FD_FILES 3
/* Descriptors that wait to be handed over stand above every number that they are handed over as. */
#define FD_ABOVE  (FD_FILES + PROCESS_FILES_MAX)
#define TICK_MS   100
#define GRACE_MS  2000 /* between asking it to stop and making it */
#define NEEDED    (2 + 1 + PROCESS_FILES_MAX)
#define PIECE_MAX 4096
/* The status of a child that could not become the program; posix_spawn cannot always tell. */
#define UNSTARTED 127

struct child {
    pid_t pid;   /* 0: none, or already waited for */
    int ends[2]; /* where its descriptors 1 and 2 are read; -1: at their end */
    int status;  /* as waitpid gives it */
    struct timespec started;
};

/* Descriptors for the child. */
struct handover {
    struct spawn_fd fds[NEEDED];
    size_t len;
};

static void handover_free(struct handover *h)
{
    for (size_t i = 0; i < h->len; i++)
        file_closep(&h->fds[i].fd);
    h->len = 0;
}

/* Its name in messages. */
static const char *name_of(const struct process *p)
{
    return p->program != NULL ? p->program : p->argv[0];
}

static void nap(long ms)
{
    (void)poll(NULL, 0, (int)ms);
}

static long elapsed_ms(const struct timespec *since)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* True if the child has ended; takes its status then. */
static bool has_ended(struct child *c)
{
    if (c->pid > 0 && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
        c->pid = 0;
    return c->pid == 0;
}

/* Ends a program that still runs: it is asked first, because it may have the terminal's echo switched off. */
static void child_end(struct child *c)
{
    struct timespec since = {0};

    file_closep(&c->ends[0]);
    file_closep(&c->ends[1]);
    if (c->pid == 0)
        return;
    (void)kill(c->pid, SIGTERM);
    (void)clock_gettime(CLOCK_MONOTONIC, &since);
    while (!has_ended(c) && elapsed_ms(&since) < GRACE_MS)
        nap(10);
    if (c->pid == 0)
        return;
    (void)kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
}

/* ---- what it is given ---- */

/* Takes `fd` over, to become `as` in the program. */
static bool hand_over(struct handover *h, int fd, int as, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int given = fd;
    int high = given < 0 ? -1 : fcntl(given, F_DUPFD_CLOEXEC, FD_ABOVE);

    if (high < 0)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "a descriptor for another program");
    h->fds[h->len++] = (struct spawn_fd){.fd = high, .as = as};
    return true;
}

/* A file in memory that nobody can change any more, not even ensign. */
static bool hand_over_bytes(struct handover *h, struct view bytes, int as, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = memfd_create("ensign", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "a file in memory for another program");
    if (!file_write(fd, "a file in memory", bytes, err))
        return false;
    if (lseek(fd, 0, SEEK_SET) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "a file in memory cannot be sealed");
    int sealed = fd;

    fd = -1;
    return hand_over(h, sealed, as, err);
}

/* A pipe whose writing end becomes `as`. */
static bool hand_over_pipe(struct handover *h, int as, int *ret_end, struct ens_err *err)
{
    int ends[2] = {-1, -1};

    if (pipe2(ends, O_CLOEXEC) != 0)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "a pipe to another program");
    *ret_end = ends[0];
    return hand_over(h, ends[1], as, err);
}

static bool prepare_child(const struct process *p, struct handover *ret, struct child *c, struct ens_err *err)
{
    if (p->files_len > PROCESS_FILES_MAX)
        return ens_fail(err, ENS_BUG, "%s: %zu files are handed over, more than %d", name_of(p), p->files_len,
                        PROCESS_FILES_MAX);
    if (!p->terminal && !hand_over_bytes(ret, p->input, 0, err))
        return false;
    for (size_t i = 0; i < p->files_len; i++) {
        if (!hand_over_bytes(ret, p->files[i], FD_FILES + (int)i, err))
            return false;
    }
    return hand_over_pipe(ret, 1, &c->ends[0], err) && hand_over_pipe(ret, 2, &c->ends[1], err);
}

/* ---- starting it ---- */

/* posix_spawn takes its lists unqualified, and does not write to them. */
static bool copy_list(const char *const *list, char *ret[static PROCESS_ARGS_MAX + 1], struct ens_err *err)
{
    for (size_t i = 0; i <= PROCESS_ARGS_MAX; i++) {
        memcpy(&ret[i], &list[i], sizeof ret[i]);
        if (list[i] == NULL)
            return true;
    }
    return ens_fail(err, ENS_BUG, "a program is given more than %d arguments or variables", PROCESS_ARGS_MAX);
}

static bool start_child(const struct process *p, struct child *ret, struct ens_err *err)
{
    ENS_CLEANUP(handover_free) struct handover h = {0};
    char *argv[PROCESS_ARGS_MAX + 1];
    char *env[PROCESS_ARGS_MAX + 1];
    pid_t pid = 0;

    if (!copy_list(p->argv, argv, err) || !copy_list(p->env, env, err) || !prepare_child(p, &h, ret, err))
        return false;
    (void)clock_gettime(CLOCK_MONOTONIC, &ret->started);
    const struct spawn spawn = {.program = p->program,
                                .argv = argv,
                                .env = env,
                                .fds = h.fds,
                                .fds_len = h.len,
                                .close_from = FD_FILES + (int)p->files_len,
                                .terminal = p->terminal};
    int reason = spawn_start(&spawn, &pid);

    if (reason != 0) {
        const char *text = strerrordesc_np(reason);

        return ens_fail(err, ENS_RESOURCE, "%s: cannot be started (%s): %s", name_of(p),
                        text != NULL ? text : "unknown system error", p->remedy);
    }
    ret->pid = pid;
    return true;
}

/* ---- what it says ---- */

static bool take_out(const struct process *p, struct view piece, struct process_result *ret,
                     struct ens_err *err)
{
    if (piece.len > p->out_max - ret->out.len)
        return ens_fail(err, ENS_DATA, "%s: printed more than %zu bytes: %s", name_of(p), p->out_max,
                        p->remedy);
    return buf_append(&ret->out, piece, err);
}

static bool take_words(const struct process *p, struct view piece, struct process_result *ret,
                       struct ens_err *err)
{
    size_t room = PROCESS_WORDS_MAX - ret->words.len;

    if (!buf_append(&ret->words, view_of(piece.data, piece.len < room ? piece.len : room), err))
        return false;
    return p->words == NULL || p->words->put(p->words->ctx, piece, err);
}

/* Takes what waits at one of the two ends. */
static bool take_output(const struct process *p, struct child *c, size_t end, struct process_result *ret,
                        struct ens_err *err)
{
    uint8_t piece[PIECE_MAX];
    ssize_t n = read(c->ends[end], piece, sizeof piece);

    if (n < 0)
        return errno == EINTR || ens_fail_errno(err, ENS_IO, errno, "%s: cannot be heard", name_of(p));
    if (n == 0) {
        file_closep(&c->ends[end]);
        return true;
    }
    struct view v = view_of(piece, (size_t)n);

    return end == 0 ? take_out(p, v, ret, err) : take_words(p, v, ret, err);
}

static bool in_time(const struct process *p, const struct child *c, struct ens_err *err)
{
    if (!interrupt_check(err))
        return false;
    if (p->seconds > 0 && elapsed_ms(&c->started) / 1000 >= (long)p->seconds)
        return ens_fail(err, ENS_RESOURCE, "%s: did not end within %u seconds: %s", name_of(p), p->seconds,
                        p->remedy);
    return true;
}

/* Until both ends are closed, or it has ended and nothing more comes: what it left running may keep them. */
static bool listen_to(const struct process *p, struct child *c, struct process_result *ret,
                      struct ens_err *err)
{
    while (c->ends[0] >= 0 || c->ends[1] >= 0) {
        struct pollfd ends[2] = {{.fd = c->ends[0], .events = POLLIN}, {.fd = c->ends[1], .events = POLLIN}};
        int n = poll(ends, 2, TICK_MS);

        if (!in_time(p, c, err))
            return false;
        if (n < 0 && errno != EINTR)
            return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be heard", name_of(p));
        if (n == 0 && has_ended(c))
            return true;
        for (size_t i = 0; i < 2 && n > 0; i++) {
            if (ends[i].revents != 0 && !take_output(p, c, i, ret, err))
                return false;
        }
    }
    return true;
}

bool process_run(const struct process *p, struct process_result *ret, struct ens_err *err)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    ENS_CLEANUP(child_end) struct child c = {.ends = {-1, -1}};

    if (!interrupt_check(err) || !start_child(p, &c, err) || !listen_to(p, &c, &r, err))
        return false;
    for (; !has_ended(&c); nap(1)) {
        if (!in_time(p, &c, err))
            return false;
    }
    /* Ctrl-C at the terminal reaches both. */
    if (!interrupt_check(err))
        return false;
    if (!WIFEXITED(c.status))
        return ens_fail(err, ENS_RESOURCE, "%s: was ended by signal %d: run the command again", name_of(p),
                        WTERMSIG(c.status));
    r.status = WEXITSTATUS(c.status);
    if (r.status == UNSTARTED)
        return ens_fail(err, ENS_RESOURCE, "%s: cannot be started: %s", name_of(p), p->remedy);
    *ret = r;
    r = (struct process_result){0};
    return true;
}

void process_result_free(struct process_result *r)
{
    buf_free(&r->out);
    buf_free(&r->words);
    *r = (struct process_result){0};
}
