/* How the process of the module ends, and what is said of it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "hsm/helper_internal.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"

#define GONE_MS 1000 /* for the end of a process that has closed its socket, or was killed */

long helper_now(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void helper_end_waiting(struct helper *h)
{
    if (h->told > 0 && h->args.waiting != NULL)
        h->args.waiting(NULL, 0, 0);
    h->told = 0;
}

bool helper_has_ended(struct helper *h, long ms)
{
    long end = helper_now() + ms;

    while (h->pid > 0) {
        pid_t got = waitpid(h->pid, &h->status, WNOHANG);
        struct pollfd fd = {.fd = h->pidfd, .events = POLLIN};
        long left = end - helper_now();

        if (got == h->pid || (got < 0 && errno != EINTR))
            h->pid = 0;
        else if (left <= 0)
            return false;
        else
            (void)poll(&fd, 1, (int)(left < HELPER_TICK_MS ? left : HELPER_TICK_MS));
        words_take(&h->words);
    }
    return true;
}

void helper_kill(struct helper *h)
{
    if (h->pid > 0)
        (void)kill(h->pid, SIGKILL);
    (void)helper_has_ended(h, GONE_MS);
    h->pid = 0;
}

const char *helper_call(const struct helper *h)
{
    const char *name = page_call_name(page_call_of(h->page->state));

    return name != NULL ? name : "no call";
}

/* " in C_Sign", " after C_Sign" */
static void describe_place(const struct helper *h, char *ret, size_t cap)
{
    const char *call = page_call_name(page_call_of(h->page->state));

    (void)snprintf(ret, cap, "%s%s",
                   call == NULL                      ? ""
                   : page_is_calling(h->page->state) ? " in "
                                                     : " after ",
                   call != NULL ? call : "");
}

void helper_describe_end(const struct helper *h, char *ret, size_t cap)
{
    const char *name = WIFSIGNALED(h->status) ? sigabbrev_np(WTERMSIG(h->status)) : NULL;
    char place[48];

    describe_place(h, place, sizeof place);
    if (WIFSIGNALED(h->status))
        (void)snprintf(ret, cap, "by signal %d (%s)%s", WTERMSIG(h->status), name != NULL ? name : "?",
                       place);
    else
        (void)snprintf(ret, cap, "with exit status %d%s", WEXITSTATUS(h->status), place);
}

/* A login without an answer may have been counted as a wrong PIN. */
static const char *remedy(const struct helper *h, const char *otherwise)
{
    return page_call_of(h->page->state) == CALL_C_Login ? "it may have counted as a wrong PIN: look at the "
                                                          "token with the vendor's tool before the PIN "
                                                          "is tried again"
                                                        : otherwise;
}

static bool not_a_helper(const struct helper *h, struct ens_err *err)
{
    return ens_fail(err, ENS_MODULE,
                    "%s: is not the ensign-token of this ensign: install both from one build", h->path);
}

static bool fail_ended(const struct helper *h, struct ens_err *err)
{
    static const char advice[] = "nothing of this call is used: do not trust this module";
    enum ens_code code = h->is_open ? ENS_DEVICE : ENS_MODULE;
    int status = WIFEXITED(h->status) ? WEXITSTATUS(h->status) : 0;
    char how[96];

    if (status == WIRE_STATUS_HARDEN)
        return ens_fail(err, ENS_RESOURCE, "%s: core files cannot be forbidden for it, or it has no memory",
                        h->path);
    if (!h->is_greeted)
        return not_a_helper(h, err);
    if (status == WIRE_STATUS_NONSENSE)
        return ens_fail(err, ENS_BUG, "%s: does not know a request: install both from one build", h->path);
    if (status == WIRE_STATUS_LOST)
        return ens_fail(err, code,
                        "the PKCS#11 module closed descriptors that are not its own: its process lost the "
                        "connection: %s",
                        remedy(h, advice));
    helper_describe_end(h, how, sizeof how);
    return ens_fail(err, code, "the PKCS#11 module ended its process %s: %s", how, remedy(h, advice));
}

/* Nothing more will come from it. */
bool helper_fail_lost(struct helper *h, struct ens_err *err)
{
    char where[48];

    if (helper_has_ended(h, GONE_MS))
        return fail_ended(h, err);
    helper_kill(h);
    if (!h->is_greeted)
        return not_a_helper(h, err);
    describe_place(h, where, sizeof where);
    return ens_fail(err, h->is_open ? ENS_DEVICE : ENS_MODULE,
                    "the PKCS#11 module's process lost the connection%s: do not trust this module", where);
}

bool helper_refuse(struct helper *h, struct ens_err *err)
{
    helper_kill(h);
    if (!h->is_greeted)
        return not_a_helper(h, err);
    return ens_fail(
        err, ENS_DEVICE,
        "the PKCS#11 module's process gave an answer that does not fit: nothing of it is used: do "
        "not trust this module");
}

bool helper_fail_late(struct helper *h, unsigned limit, struct ens_err *err)
{
    char call[64];

    (void)snprintf(call, sizeof call, "%s", helper_call(h));
    const char *what = remedy(h, NULL);

    helper_kill(h);
    if (!h->is_greeted)
        return not_a_helper(h, err);
    return ens_fail(err, ENS_DEVICE, "the PKCS#11 module does not answer: %s took more than %u s: %s%s", call,
                    limit, what != NULL ? what : "check the token and its connection, then repeat",
                    what != NULL ? ", then with a larger --hsm-timeout"
                                 : ", with a larger --hsm-timeout if it is slow");
}
