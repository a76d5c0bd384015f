/* Threads take the items in order, one at a time. The lowest item that failed decides: items below it are
 * always done, so that the error does not depend on who was faster. */
#include "signer/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>

#include "signer/base/mem.h"

struct run {
    parallel_work *work;
    void *ctx;
    size_t len;
    pthread_mutex_t lock; /* of what follows */
    size_t next;
    size_t failed; /* the lowest item that failed; SIZE_MAX: none */
    struct ens_err err;
};

size_t parallel_processors(void)
{
    cpu_set_t cpus;

    /* It fails if there are more than fit into the set. */
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
        return PARALLEL_MAX;
    return CPU_COUNT(&cpus) > 0 ? (size_t)CPU_COUNT(&cpus) : 1;
}

/* The next item; false: none is left that matters. */
static bool take_task(struct run *r, size_t *ret)
{
    (void)pthread_mutex_lock(&r->lock);
    *ret = r->next;
    bool any = r->next < r->len && r->next < r->failed;

    r->next += any;
    (void)pthread_mutex_unlock(&r->lock);
    return any;
}

static void fail_task(struct run *r, size_t index, const struct ens_err *err)
{
    (void)pthread_mutex_lock(&r->lock);
    if (index < r->failed) {
        r->failed = index;
        r->err = *err;
    }
    (void)pthread_mutex_unlock(&r->lock);
}

static void *work_on_items(void *arg)
{
    struct run *r = arg;
    size_t index = 0;

    while (take_task(r, &index)) {
        struct ens_err err = {0};

        if (!r->work(r->ctx, index, &err))
            fail_task(r, index, &err);
    }
    return NULL;
}

/* Starts up to `wanted` threads that take no signals; returns how many. */
static size_t start_threads(struct run *r, size_t wanted, pthread_t ret[static PARALLEL_MAX])
{
    size_t started = 0;
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return 0;
    while (started < wanted && pthread_create(&ret[started], NULL, work_on_items, r) == 0)
        started++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

bool parallel_each(size_t len, size_t threads, parallel_work *work, void *ctx, struct ens_err *err)
{
    struct run r = {.work = work, .ctx = ctx, .len = len, .failed = SIZE_MAX};
    pthread_t others[PARALLEL_MAX];

    if (threads > PARALLEL_MAX)
        threads = PARALLEL_MAX;
    if (pthread_mutex_init(&r.lock, NULL) != 0)
        return ens_fail(err, ENS_RESOURCE, "a lock cannot be made");
    size_t started = threads > 1 ? start_threads(&r, threads - 1, others) : 0;

    (void)work_on_items(&r);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(others[i], NULL);
    (void)pthread_mutex_destroy(&r.lock);
    if (r.failed == SIZE_MAX)
        return true;
    *err = r.err;
    return false;
}
