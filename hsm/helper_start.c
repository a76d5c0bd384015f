/* ensign-token from its start to its end, as it should be. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/helper_internal.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/spawn.h"
#include "signer/base/version.h"

/* Descriptors that wait to be handed over stand above every number that they are handed over as. */
#define FD_COUNT 5
#define CLOSE_MS 10000

#ifndef ENSIGN_LIBEXECDIR /* for checkers that read the sources by themselves */
#define ENSIGN_LIBEXECDIR "/usr/local/libexec"
#endif
#ifndef ENSIGN_TOKEN_BESIDE /* programs of the tests stand in directories of their own */
#define ENSIGN_TOKEN_BESIDE "ensign-token"
#endif

#define PATH_ROOM 4096

/* ---- where it is: never by PATH or another variable of the environment ---- */

/* Can nobody but root and `owner` change it? A group of one person's own is that person. */
static bool is_guarded(const struct stat *st, uid_t owner)
{
    bool group_is_own = st->st_gid == st->st_uid;

    return (st->st_uid == 0 || st->st_uid == owner) && (st->st_mode & S_IWOTH) == 0 &&
           ((st->st_mode & S_IWGRP) == 0 || group_is_own);
}

/* Is there one that may be started? */
static bool is_program(const char *path, uid_t owner)
{
    char directory[PATH_ROOM];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    struct stat st;

    if (len == 0 || len >= sizeof directory || stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
        !is_guarded(&st, owner))
        return false;
    memcpy(directory, path, len);
    directory[len] = '\0';
    return stat(directory, &st) == 0 && is_guarded(&st, owner);
}

static bool find_program(char **ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *beside = NULL;
    char self[PATH_ROOM];
    struct stat own;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    if (len > 0 && stat("/proc/self/exe", &own) == 0) {
        self[len] = '\0';
        char *slash = strrchr(self, '/');

        if (slash != NULL)
            slash[1] = '\0';
        beside = mem_printf(err, "%s%s", self, ENSIGN_TOKEN_BESIDE);
        if (beside == NULL)
            return false;
        if (is_program(beside, own.st_uid)) {
            *ret = ens_take(beside);
            return true;
        }
    }
    *ret = mem_strdup(ENSIGN_LIBEXECDIR "/ensign/ensign-token", err);
    return *ret != NULL;
}

/* ---- starting it ---- */

/* A page that can be written, but neither grow nor shrink; its file is no longer than it must be, as RLIMIT_FSIZE
 * bounds it. */
static bool make_page(struct helper *h, int *ret_fd, struct ens_err *err)
{
    int fd = memfd_create("ensign-token", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    *ret_fd = fd;
    if (fd < 0 || ftruncate(fd, sizeof *h->page) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "a page for ensign-token");
    void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (page == MAP_FAILED)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "a page for ensign-token");
    h->page = page;
    return true;
}

static void close_all(int (*fds)[FD_COUNT])
{
    for (size_t i = 0; i < FD_COUNT; i++)
        file_closep(&(*fds)[i]);
}

static bool fail_descriptors(struct ens_err *err)
{
    return ens_fail(err, ENS_RESOURCE,
                    "ensign-token: has no descriptors (%s): allow more open files, ulimit -n",
                    strerrordesc_np(errno));
}

/* Makes what becomes its descriptors 0 to 4, and the other ends. */
static bool make_descriptors(struct helper *h, int ret[static FD_COUNT], struct ens_err *err)
{
    int pair[2] = {-1, -1};
    int ends[2] = {-1, -1};

    ret[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool ok = ret[0] >= 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 &&
              socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0;

    h->words.fd = ends[0];
    ret[1] = ends[1];
    h->socket = pair[0];
    ret[3] = pair[1];
    ret[2] = ok ? fcntl(ret[1], F_DUPFD_CLOEXEC, FD_COUNT) : -1;
    if (ret[2] < 0)
        return fail_descriptors(err);
    return make_page(h, &ret[4], err);
}

static bool spawn(struct helper *h, int fds[static FD_COUNT], struct ens_err *err)
{
    struct spawn_fd given[FD_COUNT];
    char parent[24];
    char unconfined[] = "unconfined";
    char *argv[] = {h->path, parent, h->args.is_unconfined ? unconfined : NULL, NULL};

    (void)snprintf(parent, sizeof parent, "%ld", (long)getpid());
    for (int i = 0; i < FD_COUNT; i++) {
        int high = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_COUNT);

        file_closep(&fds[i]);
        fds[i] = high;
        given[i] = (struct spawn_fd){.fd = high, .as = i};
        if (high < 0)
            return fail_descriptors(err);
    }
    const struct spawn s = {.program = h->path,
                            .argv = argv,
                            .env = h->args.env,
                            .fds = given,
                            .fds_len = FD_COUNT,
                            .close_from = FD_COUNT,
                            .signals_later = true};
    int reason = spawn_start(&s, &h->pid);

    if (reason != 0) {
        h->pid = 0;
        return ens_fail(err, ENS_RESOURCE, "%s: cannot be started (%s): %s", h->path, strerrordesc_np(reason),
                        reason == EAGAIN || reason == ENOMEM ? "end other processes, or allow more of them"
                                                             : "install ensign completely");
    }
    h->pidfd = pidfd_open(h->pid, 0); /* without one the tick finds its end */
    return true;
}

static bool start_process(struct helper *h, struct ens_err *err)
{
    ENS_CLEANUP(close_all) int fds[FD_COUNT] = {-1, -1, -1, -1, -1};

    return make_descriptors(h, fds, err) && spawn(h, fds, err);
}

bool helper_greet(struct helper *h, struct ens_err *err)
{
    struct wire_request hello = {.type = WIRE_HELLO, .integer = WIRE_PROTOCOL};
    struct wire_reply reply;
    char version[WIRE_VERSION_MAX];

    (void)snprintf(version, sizeof version, "%s %s", ENSIGN_VERSION, version_commit);
    if (!helper_ask(h, &hello, err) || !helper_hear(h, &reply, err))
        return false;
    if (reply.type != WIRE_VERSION)
        return helper_refuse(h, err);
    if (reply.integer != WIRE_PROTOCOL || !view_is(reply.text[0], version))
        return ens_fail(err, ENS_MODULE, "%s is of version %.*s, ensign of %s: install both from one build",
                        h->path, (int)reply.text[0].len, (const char *)reply.text[0].data, version);
    h->is_greeted = true;
    h->walls = reply.flags;
    return true;
}

uint64_t helper_walls(const struct helper *h)
{
    return h->walls;
}

bool helper_start(const struct hsm_open_args *args, struct helper **ret, struct ens_err *err)
{
    ENS_CLEANUP(helper_endp) struct helper *h = mem_alloc(1, sizeof *h, err);

    if (h == NULL)
        return false;
    h->args = *args;
    h->pidfd = h->socket = -1;
    h->words = (struct words){.fd = -1, .tell = args->tell};
    h->message = mem_alloc(WIRE_MAX, 1, err);
    if (h->message == NULL || !find_program(&h->path, err) || !start_process(h, err))
        return false;
    *ret = ens_take(h);
    return true;
}

/* ---- ending it ---- */

/* Asks it to close: C_Logout, C_CloseSession, C_Finalize, destructors. */
static bool close_gently(struct helper *h)
{
    struct wire_request close = {.type = WIRE_CLOSE};
    struct ens_err ignored = {0};

    if (!helper_ask(h, &close, &ignored))
        return h->pid == 0;
    return helper_has_ended(h, CLOSE_MS);
}

static void warn_of_end(struct helper *h, bool was_late)
{
    enum page_call call = page_call_of(h->page->state);
    char how[96];
    char text[256];

    helper_describe_end(h, how, sizeof how);
    if (was_late)
        (void)snprintf(how, sizeof how, "too late: %s took more than %d s", helper_call(h), CLOSE_MS / 1000);
    (void)snprintf(text, sizeof text, "the PKCS#11 module ended its process %s: %s", how,
                   call == CALL_C_Logout || call == CALL_C_CloseSession
                       ? "the token may have kept the session"
                       : "it changes nothing of what was done");
    if (h->args.tell != NULL)
        h->args.tell(HSM_TELL_WARNING, text);
}

void helper_endp(struct helper **helper)
{
    struct helper *h = *helper;

    if (h == NULL)
        return;
    if (h->pid > 0 && h->is_greeted) {
        bool is_late = !close_gently(h);

        helper_kill(h);
        if (is_late || h->status != WIRE_STATUS_CLOSED || page_is_calling(h->page->state))
            warn_of_end(h, is_late);
    }
    helper_kill(h);
    helper_end_waiting(h);
    words_end(&h->words);
    file_closep(&h->pidfd);
    file_closep(&h->socket);
    if (h->page != NULL)
        (void)munmap(h->page, PAGE_SIZE);
    mem_free(h->message);
    mem_free(h->path);
    mem_free(h);
    *helper = NULL;
}
