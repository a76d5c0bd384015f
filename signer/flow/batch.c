/* The batch. One lock guards all of it, and is held for a few instructions only; no step runs under it. A
 * worker finishes before it prepares, since what is finished makes room, and a file that waits signed is work
 * that a crash loses. What is finished is committed in groups, which cost the disk less than one after the other; but
 * no later than LINGER_MS after the first of them. */
#include "signer/flow/batch.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "signer/base/mem.h"

/* For so long a finished item waits for others to be committed with it. */
#define LINGER_MS 50

enum state { WAITING, READY, SIGNING, SIGNED, FINISHING, OVER };

/* Those who may finish an item: one worker if items are kept, else all of them. */
struct lane {
    pthread_cond_t work; /* something to finish, room to prepare, or the end; monotonic */
    size_t finishing;
    size_t group[BATCH_GROUP_MAX]; /* finished and not committed */
    size_t group_len;
    struct timespec due; /* when the group is committed, however many it has */
};

struct item {
    enum state state;
    unsigned lane;
};

struct batch {
    const struct batch_steps *steps;
    const struct batch_args *args;
    size_t len, group_max;
    pthread_mutex_t lock;
    pthread_cond_t ready; /* for those that sign */
    /* Under `lock`: */
    struct item *items;
    struct lane *lanes;
    unsigned lanes_len;
    size_t to_prepare, to_sign, to_finish, to_report; /* the first item that is not at this step yet */
    size_t preparing, prepared;                       /* how many are being prepared, are READY */
    size_t open;                                      /* begun and not over */
    unsigned signing;                                 /* stations that may still sign */
    bool reporting; /* a thread is at it, and looks again before it leaves */
    bool stop;      /* nothing new is begun, prepared or signed */
};

/* A thread of the batch. */
struct station {
    struct batch *b;
    unsigned index;
    pthread_t thread;
};

static void batch_release(struct batch *b)
{
    for (unsigned i = 0; i < b->lanes_len; i++)
        (void)pthread_cond_destroy(&b->lanes[i].work);
    mem_free(b->lanes);
    mem_free(b->items);
    (void)pthread_cond_destroy(&b->ready);
    (void)pthread_mutex_destroy(&b->lock);
}

static bool batch_init(struct batch *b, struct ens_err *err)
{
    unsigned lanes = b->args->is_kept ? b->args->workers : 1;
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->ready, NULL);
    b->items = mem_alloc(b->len, sizeof *b->items, err);
    b->lanes = b->items != NULL ? mem_alloc(lanes, sizeof *b->lanes, err) : NULL;
    if (b->lanes == NULL)
        return false;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    for (; b->lanes_len < lanes; b->lanes_len++)
        (void)pthread_cond_init(&b->lanes[b->lanes_len].work, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    for (; b->steps->prepare == NULL && b->to_prepare < b->len; b->to_prepare++)
        b->items[b->to_prepare].state = READY;
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
    while (b->to_report < b->len && b->items[b->to_report].state == OVER) {
        size_t item = b->to_report++;

        (void)pthread_mutex_unlock(&b->lock);
        b->steps->over(b->steps->ctx, item);
        (void)pthread_mutex_lock(&b->lock);
    }
    b->reporting = false;
}

static void wake_workers(struct batch *b)
{
    for (unsigned i = 0; i < b->lanes_len; i++)
        (void)pthread_cond_broadcast(&b->lanes[i].work);
}

static void set_stop(struct batch *b)
{
    b->stop = true;
    wake_workers(b);
    (void)pthread_cond_broadcast(&b->ready);
}

static void set_over(struct batch *b, size_t item)
{
    b->items[item].state = OVER;
    b->open--;
    wake_workers(b);
}

/* Is there an item to finish in this lane? The lowest. */
static bool has_signed(struct batch *b, const struct lane *lane, size_t *ret)
{
    unsigned index = (unsigned)(lane - b->lanes);

    while (b->to_finish < b->to_sign &&
           (b->items[b->to_finish].state == FINISHING || b->items[b->to_finish].state == OVER))
        b->to_finish++;
    for (size_t i = b->to_finish; i < b->to_sign; i++) {
        if (b->items[i].state == SIGNED && b->items[i].lane == index) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* Is the group to be committed now: a full one, the last one, one without which nothing goes on, or one that
 * must not wait any longer? */
static bool is_due(const struct batch *b, const struct lane *lane, bool can_finish)
{
    bool is_quiet = !can_finish && lane->finishing == 0;
    bool is_stuck = b->prepared == 0 && b->preparing == 0 && b->open >= b->args->open_max;
    struct timespec now;

    if (lane->group_len == 0)
        return false;
    if (lane->group_len >= b->group_max || (is_quiet && (b->signing == 0 || is_stuck)))
        return true;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > lane->due.tv_sec ||
           (now.tv_sec == lane->due.tv_sec && now.tv_nsec >= lane->due.tv_nsec);
}

/* Who fills the group commits it before anybody else can add to it (work). */
static void put_finished(struct lane *lane, size_t item)
{
    if (lane->group_len == 0) {
        (void)clock_gettime(CLOCK_MONOTONIC, &lane->due);
        lane->due.tv_nsec += LINGER_MS * 1000000L;
        lane->due.tv_sec += lane->due.tv_nsec / 1000000000L;
        lane->due.tv_nsec %= 1000000000L;
    }
    lane->group[lane->group_len++] = item;
}

static void commit_group(struct batch *b, struct lane *lane, unsigned worker)
{
    size_t items[BATCH_GROUP_MAX];
    size_t len = lane->group_len;

    memcpy(items, lane->group, sizeof items);
    lane->group_len = 0;
    (void)pthread_mutex_unlock(&b->lock);
    bool go_on = b->steps->commit(b->steps->ctx, worker, items, len);

    (void)pthread_mutex_lock(&b->lock);
    if (!go_on)
        set_stop(b);
    for (size_t i = 0; i < len; i++)
        set_over(b, items[i]);
    report(b);
}

/* Prepares or finishes an item: `count` is how many are at that step. Tells whether it goes on. */
static bool run_step(struct batch *b, enum batch_next (*step)(void *ctx, unsigned worker, size_t item),
                     unsigned worker, size_t item, size_t *count)
{
    ++*count;
    (void)pthread_mutex_unlock(&b->lock);
    enum batch_next next = step(b->steps->ctx, worker, item);

    (void)pthread_mutex_lock(&b->lock);
    --*count;
    if (next == BATCH_NEXT)
        return true;
    if (next == BATCH_STOP)
        set_stop(b);
    set_over(b, item);
    return false;
}

static void finish_one(struct batch *b, struct lane *lane, unsigned worker, size_t item)
{
    b->items[item].state = FINISHING;
    if (run_step(b, b->steps->finish, worker, item, &lane->finishing))
        put_finished(lane, item);
    else
        report(b);
}

static void prepare_one(struct batch *b, const struct lane *lane, unsigned worker)
{
    size_t item = b->to_prepare++;

    b->open++;
    b->items[item].lane = (unsigned)(lane - b->lanes);
    bool goes_on = run_step(b, b->steps->prepare, worker, item, &b->preparing);

    (void)pthread_cond_broadcast(&b->ready);
    if (goes_on) {
        b->items[item].state = READY;
        b->prepared++;
    } else {
        report(b);
    }
}

/* ---- the threads ---- */

static void *work(void *arg)
{
    const struct station *own = arg;
    struct batch *b = own->b;
    struct lane *lane = &b->lanes[b->args->is_kept ? own->index : 0];

    (void)pthread_mutex_lock(&b->lock);
    for (;;) {
        size_t item = 0;
        bool can_finish = has_signed(b, lane, &item);
        bool can_prepare = !b->stop && b->to_prepare < b->len && b->open < b->args->open_max;

        if (is_due(b, lane, can_finish))
            commit_group(b, lane, own->index);
        else if (can_finish)
            finish_one(b, lane, own->index, item);
        else if (can_prepare)
            prepare_one(b, lane, own->index);
        else if (lane->group_len > 0)
            (void)pthread_cond_timedwait(&lane->work, &b->lock, &lane->due);
        else if (b->signing == 0)
            break;
        else
            (void)pthread_cond_wait(&lane->work, &b->lock);
    }
    /* Others may wait for a group that is committed by now. */
    (void)pthread_cond_broadcast(&lane->work);
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Signs the item, which is READY. */
static void sign_one(struct batch *b, unsigned session, size_t item)
{
    struct lane *lane = &b->lanes[b->items[item].lane];

    b->prepared--;
    b->items[item].state = SIGNING;
    (void)pthread_mutex_unlock(&b->lock);
    bool is_signed = b->steps->sign(b->steps->ctx, session, item);

    (void)pthread_mutex_lock(&b->lock);
    if (is_signed) {
        b->items[item].state = SIGNED;
        (void)pthread_cond_signal(&lane->work);
    } else {
        set_over(b, item);
        set_stop(b);
    }
}

/* Signs the lowest item that no session has, until nothing more can come. */
static void *sign_all(void *arg)
{
    const struct station *own = arg;
    struct batch *b = own->b;

    (void)pthread_mutex_lock(&b->lock);
    while (!b->stop && b->to_sign < b->len) {
        if (b->items[b->to_sign].state == WAITING) {
            (void)pthread_cond_wait(&b->ready, &b->lock);
            continue;
        }
        size_t item = b->to_sign++;

        if (b->items[item].state == READY)
            sign_one(b, own->index, item);
    }
    b->signing--;
    wake_workers(b);
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Starts threads for `list` from `first` on, and returns how many there are then. They take no signals: those are for
 * the thread that talks to the terminal. */
static unsigned start(struct batch *b, struct station *list, unsigned first, unsigned len,
                      void *(*run)(void *))
{
    unsigned n = first;

    for (; n < len; n++) {
        list[n] = (struct station){.b = b, .index = n};
        if (pthread_create(&list[n].thread, NULL, run, &list[n]) != 0)
            break;
    }
    return n;
}

static void join_threads(const struct station *list, unsigned first, unsigned len)
{
    for (unsigned i = first; i < len; i++)
        (void)pthread_join(list[i].thread, NULL);
}

/* This thread is session 0. */
static void run_sessions(struct batch *b, unsigned sessions, const sigset_t *signals)
{
    struct station list[BATCH_SESSIONS_MAX] = {{.b = b}};

    (void)pthread_mutex_lock(&b->lock);
    unsigned running = start(b, list, 1, sessions, sign_all);

    b->signing = running;
    (void)pthread_mutex_unlock(&b->lock);
    (void)pthread_sigmask(SIG_SETMASK, signals, NULL);
    (void)sign_all(&list[0]);
    join_threads(list, 1, running);
}

bool batch_run(const struct batch_steps *steps, const struct batch_args *args, size_t len,
               struct ens_err *err)
{
    ENS_CLEANUP(batch_release) struct batch b = {.steps = steps, .args = args, .len = len, .signing = 1};
    struct station workers[BATCH_WORKERS_MAX];
    size_t share = args->open_max > args->workers ? args->open_max / args->workers : 1;
    sigset_t all;
    sigset_t before;

    b.group_max = share < BATCH_GROUP_MAX ? share : BATCH_GROUP_MAX;
    if (!batch_init(&b, err))
        return false;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    unsigned running = start(&b, workers, 0, args->workers, work);

    if (running == 0) {
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return ens_fail(err, ENS_RESOURCE, "no thread can be started: allow this process more of them");
    }
    run_sessions(&b, args->sessions, &before);
    join_threads(workers, 0, running);
    /* What nobody began, and what waited for a token that stopped. */
    for (; b.to_report < len; b.to_report++)
        steps->over(steps->ctx, b.to_report);
    return true;
}
