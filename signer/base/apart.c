/* Both ends of the socket: three lengths and the bytes go there, an answer of fixed size comes back. Both ends are one
 * program, so that the answer is a struct. */
#include "signer/base/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"

#define FILES 2
#define NAME  "the process that starts programs"

/* The input, then the files. */
struct question {
    uint32_t lens[1 + FILES];
};

struct answer {
    struct ens_err err;
    int status;
};

static bool is_begun;
static int child = -1; /* the socket; -1: it could not be made */

/* ---- the child ---- */

/* Reads one of the byte strings; false ends the child. */
static bool take(int fd, uint32_t len, struct buf *ret)
{
    struct ens_err ignored = {0};
    size_t got = 0;
    ENS_CLEANUP(mem_freep) uint8_t *bytes = mem_room(len > 0 ? len : 1, &ignored);

    return bytes != NULL && file_read(fd, NAME, bytes, len, &got, &ignored) && got == len &&
           buf_append(ret, view_of(bytes, len), &ignored);
}

static bool serve_one(const struct process *p, int fd)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    ENS_CLEANUP(buf_free) struct buf input = {0};
    ENS_CLEANUP(buf_free) struct buf first = {0};
    ENS_CLEANUP(buf_free) struct buf second = {0};
    struct process run = *p;
    struct question q;
    struct answer a = {0};
    struct ens_err ignored = {0};
    size_t got = 0;

    if (!file_read(fd, NAME, (uint8_t *)&q, sizeof q, &got, &ignored) || got != sizeof q)
        return false;
    for (size_t i = 0; i < 1 + FILES; i++) {
        if (q.lens[i] > APART_MAX)
            return false;
    }
    if (!take(fd, q.lens[0], &input) || !take(fd, q.lens[1], &first) || !take(fd, q.lens[2], &second))
        return false;
    const struct view files[FILES] = {buf_view(&first), buf_view(&second)};

    run.input = buf_view(&input);
    run.files = files;
    run.files_len = FILES;
    if (process_run(&run, &r, &a.err))
        a.status = r.status;
    return file_write(fd, NAME, view_of(&a, sizeof a), &ignored);
}

/* Nothing of its parent's stays open, so that no pipe waits for it. */
static void forget_descriptors(int *fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int i = 0; null >= 0 && i <= 2; i++)
        (void)dup2(null, i);
    *fd = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    if (*fd > 3)
        (void)close_range(3, (unsigned)*fd - 1, 0);
    (void)close_range((unsigned)*fd + 1, ~0u, 0);
}

void apart_begin(const struct process *p)
{
    int ends[2];

    is_begun = true;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return;
    pid_t pid = fork();

    if (pid == 0) {
        /* A program that runs at the end of its parent is ended as by Ctrl-C. */
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (void)close(ends[0]);
        forget_descriptors(&ends[1]);
        while (serve_one(p, ends[1])) {
        }
        _exit(0);
    }
    (void)close(ends[1]);
    if (pid > 0)
        child = ends[0];
    else
        (void)close(ends[0]);
}

/* ---- behind the wall ---- */

static bool ask(const struct process *p, struct answer *ret, struct ens_err *err)
{
    const struct view texts[1 + FILES] = {p->input, p->files[0], p->files[1]};
    struct question q;
    size_t got = 0;

    for (size_t i = 0; i < 1 + FILES; i++) {
        if (texts[i].len > APART_MAX)
            return ens_fail(err, ENS_DATA, "%s: is given more than %u bytes: shorten the file", p->argv[0],
                            APART_MAX);
        q.lens[i] = (uint32_t)texts[i].len;
    }
    if (!file_write(child, NAME, view_of(&q, sizeof q), err))
        return false;
    for (size_t i = 0; i < 1 + FILES; i++) {
        if (!file_write(child, NAME, texts[i], err))
            return false;
    }
    return file_read(child, NAME, (uint8_t *)ret, sizeof *ret, &got, err) &&
           (got == sizeof *ret || ens_fail(err, ENS_RESOURCE, "%s: ended: run the command again", NAME));
}

bool apart_run(const struct process *p, int *ret_status, struct ens_err *err)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    struct answer a = {0};

    if (!is_begun) {
        if (!process_run(p, &r, err))
            return false;
        *ret_status = r.status;
        return true;
    }
    if (child < 0)
        return ens_fail(err, ENS_RESOURCE, "%s: cannot be started: too many processes: end some", p->argv[0]);
    if (!ask(p, &a, err))
        return false;
    if (a.err.code != ENS_OK) {
        *err = a.err;
        return false;
    }
    *ret_status = a.status;
    return true;
}
