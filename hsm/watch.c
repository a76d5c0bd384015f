/* The watchdog: a module that does not answer must not hold the operator for ever, and nothing can make a
 * thread come back that hangs inside a driver. So a second thread, which never touches the module, waits
 * for the deadline of the call that is under way, names it on stderr and ends the process. This is the
 * one place below signer/main.c that prints and exits: an error value cannot be returned from here,
 * the caller's stack is in use by the call, and exit(3) would run the module's own handlers, which wait
 * for the same lock. Nothing is lost: files appear whole or not at all, and sessions end with the process. */
#include "hsm/internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "signer/base/mem.h"

/* A call that takes longer than this is told, and again once a second. */
#define TELL_AFTER 3
#define TELL_EVERY 1

struct watch {
    pthread_mutex_t lock;
    pthread_cond_t stopped; /* on CLOCK_MONOTONIC */
    pthread_t thread;
    unsigned seconds; /* the least limit of a call; 0: none */
    void (*waiting)(const char *call, unsigned seconds, unsigned limit); /* NULL: nobody is told */
    bool running;
    /* Under `lock`: */
    bool stop;
    const char *call; /* NULL: no call is under way, or one without a limit */
    unsigned limit;   /* of this call, in seconds: `seconds`, or more; 0: none */
    struct timespec begun, deadline;
    bool is_told;
};

_Noreturn static void expire(const struct watch *w)
{
    /* A login without an answer may have been counted as a wrong PIN. */
    const char *remedy =
        strcmp(w->call, "C_Login") == 0
            ? "it may have counted as a wrong PIN: look at the token with the vendor's tool before the PIN "
              "is tried again, then with a larger --hsm-timeout"
            : "check the token and its connection, then repeat, with a larger --hsm-timeout if it is slow";
    char line[384];

    if (w->is_told)
        w->waiting(NULL, 0, 0);
    int len = snprintf(line, sizeof line,
                       "ensign: the PKCS#11 module does not answer: %s took more than %u s: %s\n", w->call,
                       w->limit, remedy);

    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
        _exit(ENS_DEVICE); /* stderr is closed: the status has to say it */
    _exit(ENS_DEVICE);
}

static struct timespec from_now(unsigned seconds)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)seconds;
    return t;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool is_past(const struct timespec *t)
{
    struct timespec now = from_now(0);

    return !is_before(&now, t);
}

/* Under the lock. */
static void tell(struct watch *w)
{
    struct timespec now = from_now(0);
    time_t taken = now.tv_sec - w->begun.tv_sec;

    if (w->waiting == NULL || w->call == NULL || taken < TELL_AFTER)
        return;
    w->is_told = true;
    w->waiting(w->call, (unsigned)taken, w->limit);
}

/* Nobody wakes it when a call begins or ends, which would cost each signature two switches of threads: it
 * sleeps until the deadline of the call that it saw, and never for longer than a call may take at least. No
 * call that begins meanwhile has its deadline before that. */
static void *run(void *arg)
{
    struct watch *w = arg;

    (void)pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        bool is_limited = w->call != NULL && w->limit > 0;

        if (is_limited && is_past(&w->deadline))
            expire(w);
        tell(w);
        struct timespec until = from_now(w->waiting != NULL ? TELL_EVERY : w->seconds);

        if (is_limited && is_before(&w->deadline, &until))
            until = w->deadline;
        (void)pthread_cond_timedwait(&w->stopped, &w->lock, &until);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* The thread takes no signals: SIGINT must interrupt the thread that works. */
static int start_thread(struct watch *w)
{
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int reason = pthread_create(&w->thread, NULL, run, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return reason;
}

bool watch_start(const struct hsm_open_args *args, struct watch **ret, struct ens_err *err)
{
    ENS_CLEANUP(watch_stopp) struct watch *w = mem_alloc(1, sizeof *w, err);
    pthread_condattr_t monotonic;

    if (w == NULL)
        return false;
    w->seconds = args->timeout_s;
    w->waiting = args->waiting;
    (void)pthread_mutex_init(&w->lock, NULL); /* cannot fail on Linux with default attributes */
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->stopped, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (w->seconds > 0 || w->waiting != NULL) {
        int reason = start_thread(w);

        if (reason != 0)
            return ens_fail_errno(err, ENS_RESOURCE, reason, "the watchdog of the PKCS#11 module");
        w->running = true;
    }
    *ret = ens_take(w);
    return true;
}

void watch_stopp(struct watch **watch)
{
    struct watch *w = *watch;

    if (w == NULL)
        return;
    if (w->running) {
        (void)pthread_mutex_lock(&w->lock);
        w->stop = true;
        (void)pthread_cond_signal(&w->stopped);
        (void)pthread_mutex_unlock(&w->lock);
        (void)pthread_join(w->thread, NULL);
    }
    (void)pthread_cond_destroy(&w->stopped);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w);
    *watch = NULL;
}

static void announce(struct watch *w, const char *call, unsigned limit)
{
    if (!w->running)
        return;
    (void)pthread_mutex_lock(&w->lock);
    if (w->is_told)
        w->waiting(NULL, 0, 0);
    w->is_told = false;
    w->call = call;
    w->limit = limit;
    w->begun = from_now(0);
    w->deadline = from_now(limit);
    (void)pthread_mutex_unlock(&w->lock);
}

void watch_begin(struct watch *w, const char *call)
{
    announce(w, call, w->seconds);
}

void watch_begin_slow(struct watch *w, const char *call, unsigned factor)
{
    announce(w, factor > 0 ? call : NULL, w->seconds * factor);
}

CK_RV watch_end(struct watch *w, CK_RV rv)
{
    announce(w, NULL, 0);
    return rv;
}
