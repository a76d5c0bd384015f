/* The batch. One lock guards all of it, and is held for a few instructions only; no step runs under it. A
 * worker finishes before it prepares, since what is finished makes room, and a file that waits signed is work
 * that a crash loses; but it prepares if the token is about to have nothing and another worker finishes
 * already: the disk may keep all that finish waiting for as long as many signatures take. What is finished is
 * committed in groups, which cost the disk less than one after the other; but no later than LINGER_MS after
 * the first of them. */
#include "signer/flow/batch.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "signer/base/mem.h"

/* With fewer items than this before the token, one worker finishes and the others prepare. */
#define STOCK 32

/* For so long a finished item waits for others to be committed with it. */
#define LINGER_MS 50

/* The workers stand back by this much (nice(2)) from the thread that signs: if both want a processor, the
 * token is what all wait for. */
#define WORKER_NICE 5

enum state { WAITING, READY, SIGNED, OVER };

struct batch {
    const struct batch_steps *steps;
    size_t len, open_max, group_max;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* for workers: something to finish, room to prepare, or the end; monotonic */
    pthread_cond_t ready; /* for the thread that signs */
    /* Under `lock`: */
    enum state *states;
    size_t to_prepare, to_sign, to_finish, to_report; /* the first item that is not at this step yet */
    size_t preparing, prepared, finishing; /* how many are being prepared, are READY, are finished */
    size_t open;                           /* begun and not over */
    size_t group[BATCH_GROUP_MAX];         /* finished and not committed */
    size_t group_len;
    struct timespec due; /* when the group is committed, however many it has */
    bool reporting;      /* a thread is at it, and looks again before it leaves */
    bool stop;           /* nothing new is begun, prepared or signed */
    bool all_signed;     /* nothing more will be SIGNED */
};

static void batch_release(struct batch *b)
{
    mem_free(b->states);
    (void)pthread_cond_destroy(&b->ready);
    (void)pthread_cond_destroy(&b->work);
    (void)pthread_mutex_destroy(&b->lock);
}

static bool batch_init(struct batch *b, struct ens_err *err)
{
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&b->work, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_cond_init(&b->ready, NULL);
    b->states = mem_alloc(b->len, sizeof *b->states, err);
    if (b->states == NULL)
        return false;
    for (; b->steps->prepare == NULL && b->to_prepare < b->len; b->to_prepare++)
        b->states[b->to_prepare] = READY;
    b->open = b->prepared = b->to_prepare;
    return true;
}

/* ---- under the lock ---- */

/* Says what is over, in order. Only one thread does; the lock is released meanwhile. */
static void report(struct batch *b)
{
    if (b->reporting)
        return;
    b->reporting = true;
    while (b->to_report < b->len && b->states[b->to_report] == OVER) {
        size_t item = b->to_report++;

        (void)pthread_mutex_unlock(&b->lock);
        b->steps->over(b->steps->ctx, item);
        (void)pthread_mutex_lock(&b->lock);
    }
    b->reporting = false;
}

static void set_over(struct batch *b, size_t item)
{
    b->states[item] = OVER;
    b->open--;
    (void)pthread_cond_signal(&b->work);
}

static void set_stop(struct batch *b)
{
    b->stop = true;
    (void)pthread_cond_broadcast(&b->work);
    (void)pthread_cond_signal(&b->ready);
}

/* Is there an item to finish? */
static bool has_signed(struct batch *b)
{
    while (b->to_finish < b->to_sign && b->states[b->to_finish] != SIGNED)
        b->to_finish++;
    return b->to_finish < b->to_sign;
}

/* Is the group to be committed now: a full one, the last one, one without which nothing goes on, or one that
 * must not wait any longer? */
static bool is_due(struct batch *b)
{
    bool is_quiet = !has_signed(b) && b->finishing == 0;
    bool is_stuck = b->prepared == 0 && b->preparing == 0 && b->open >= b->open_max;
    struct timespec now;

    if (b->group_len == 0)
        return false;
    if (b->group_len >= b->group_max || (is_quiet && (b->all_signed || is_stuck)))
        return true;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > b->due.tv_sec || (now.tv_sec == b->due.tv_sec && now.tv_nsec >= b->due.tv_nsec);
}

/* Who fills the group commits it before anybody else can add to it (work). */
static void put_finished(struct batch *b, size_t item)
{
    if (b->group_len == 0) {
        (void)clock_gettime(CLOCK_MONOTONIC, &b->due);
        b->due.tv_nsec += LINGER_MS * 1000000L;
        b->due.tv_sec += b->due.tv_nsec / 1000000000L;
        b->due.tv_nsec %= 1000000000L;
    }
    b->group[b->group_len++] = item;
}

static void commit_group(struct batch *b)
{
    size_t items[BATCH_GROUP_MAX];
    size_t len = b->group_len;

    memcpy(items, b->group, sizeof items);
    b->group_len = 0;
    (void)pthread_mutex_unlock(&b->lock);
    bool go_on = b->steps->commit(b->steps->ctx, items, len);

    (void)pthread_mutex_lock(&b->lock);
    if (!go_on)
        set_stop(b);
    for (size_t i = 0; i < len; i++)
        set_over(b, items[i]);
    report(b);
}

/* Prepares or finishes an item: `count` is how many are at that step. Tells whether it goes on. */
static bool run_step(struct batch *b, enum batch_next (*step)(void *ctx, size_t item), size_t item,
                     size_t *count)
{
    ++*count;
    (void)pthread_mutex_unlock(&b->lock);
    enum batch_next next = step(b->steps->ctx, item);

    (void)pthread_mutex_lock(&b->lock);
    --*count;
    if (next == BATCH_NEXT)
        return true;
    if (next == BATCH_STOP)
        set_stop(b);
    set_over(b, item);
    return false;
}

static void finish_one(struct batch *b)
{
    size_t item = b->to_finish++;

    if (run_step(b, b->steps->finish, item, &b->finishing))
        put_finished(b, item);
    else
        report(b);
}

static void prepare_one(struct batch *b)
{
    size_t item = b->to_prepare++;

    b->open++;
    bool goes_on = run_step(b, b->steps->prepare, item, &b->preparing);

    (void)pthread_cond_signal(&b->ready);
    if (goes_on) {
        b->states[item] = READY;
        b->prepared++;
    } else {
        report(b);
    }
}

/* ---- the threads ---- */

static void *work(void *arg)
{
    struct batch *b = arg;

    /* Linux: of this thread alone. It cannot fail, as it asks for less; -1 is a value as well. */
    (void)!nice(WORKER_NICE);
    (void)pthread_mutex_lock(&b->lock);
    for (;;) {
        bool can_prepare = !b->stop && b->to_prepare < b->len && b->open < b->open_max;
        bool is_short = b->prepared + b->preparing < STOCK;
        bool is_disk_idle = has_signed(b) && b->finishing == 0;

        if (is_due(b))
            commit_group(b);
        else if (can_prepare && !is_disk_idle && (is_short || !has_signed(b)))
            prepare_one(b);
        else if (has_signed(b))
            finish_one(b);
        else if (b->group_len > 0)
            (void)pthread_cond_timedwait(&b->work, &b->lock, &b->due);
        else if (b->all_signed)
            break;
        else
            (void)pthread_cond_wait(&b->work, &b->lock);
    }
    /* Others may wait for a group that is committed by now. */
    (void)pthread_cond_broadcast(&b->work);
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Signs the item, which is READY. */
static void sign_one(struct batch *b, size_t item)
{
    b->prepared--;
    (void)pthread_mutex_unlock(&b->lock);
    bool is_signed = b->steps->sign(b->steps->ctx, item);

    (void)pthread_mutex_lock(&b->lock);
    if (is_signed) {
        b->states[item] = SIGNED;
        (void)pthread_cond_signal(&b->work);
    } else {
        set_over(b, item);
        set_stop(b);
    }
}

/* Signs one after the other until nothing more can come. */
static void sign_all(struct batch *b)
{
    (void)pthread_mutex_lock(&b->lock);
    while (!b->stop && b->to_sign < b->len) {
        if (b->states[b->to_sign] == WAITING) {
            (void)pthread_cond_wait(&b->ready, &b->lock);
            continue;
        }
        if (b->states[b->to_sign] == READY)
            sign_one(b, b->to_sign);
        b->to_sign++;
    }
    b->all_signed = true;
    (void)pthread_cond_broadcast(&b->work);
    (void)pthread_mutex_unlock(&b->lock);
}

/* The workers take no signals: they are for the thread that talks to the token and the terminal. */
static unsigned start(struct batch *b, pthread_t *threads, unsigned workers)
{
    sigset_t all;
    sigset_t before;
    unsigned n = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (n < workers && pthread_create(&threads[n], NULL, work, b) == 0)
        n++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

bool batch_run(const struct batch_steps *steps, size_t len, unsigned workers, size_t open_max,
               struct ens_err *err)
{
    ENS_CLEANUP(batch_release) struct batch b = {.steps = steps, .len = len, .open_max = open_max};
    pthread_t threads[BATCH_WORKERS_MAX];
    size_t share = open_max > workers ? open_max / workers : 1;

    b.group_max = share < BATCH_GROUP_MAX ? share : BATCH_GROUP_MAX;
    if (!batch_init(&b, err))
        return false;
    unsigned running = start(&b, threads, workers < BATCH_WORKERS_MAX ? workers : BATCH_WORKERS_MAX);

    if (running == 0)
        return ens_fail(err, ENS_RESOURCE, "no thread can be started: allow this process more of them");
    sign_all(&b);
    for (unsigned i = 0; i < running; i++)
        (void)pthread_join(threads[i], NULL);
    /* What nobody began, and what waited for a token that stopped. */
    for (; b.to_report < len; b.to_report++)
        steps->over(steps->ctx, b.to_report);
    return true;
}
