/* The queue. One lock guards all of it, and is held for a few instructions only; no station runs
 * under it. A worker finishes before it prepares, since what is finished makes room, and a file that waits
 * signed is work that a crash loses; unless the token is about to have nothing, and somebody finishes
 * already: the disk may keep all that finish waiting for as long as many signatures take. What is finished is
 * committed in groups, which cost the disk less than one after the other; but no later than LINGER_MS after
 * the first of them. */
#include "signer/flow/queue.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "signer/base/mem.h"

/* With fewer items than this before the token, one worker finishes and the others prepare. */
#define STOCK 32

/* For so long a finished item waits for others to be committed with it. */
#define LINGER_MS 50

/* The workers stand back by this much (nice(2)) from the thread that signs: where both want a processor, the
 * token is what all wait for. */
#define WORKER_NICE 5

/* Items in the order in which they came. */
struct fifo {
    size_t *items;
    size_t head, tail; /* each item is put in once at most, so that `len` places are enough */
};

struct queue {
    const struct queue_stations *stations;
    size_t len, open_max, group_max;
    pthread_mutex_t lock;
    pthread_cond_t work;    /* for workers: something to finish, room to prepare, or the end; monotonic */
    pthread_cond_t to_sign; /* for the thread that signs */
    /* Under `lock`: */
    size_t next;      /* the first item that nobody began */
    size_t preparing; /* items that are being prepared */
    size_t finishing; /* and finished */
    size_t open;      /* begun and not over */
    struct fifo prepared, signed_, finished;
    struct timespec due; /* when the first of `finished` is committed, with however many are there */
    bool *is_over;
    size_t reported; /* items before this one have been said */
    bool reporting;  /* a thread is at it, and looks again before it leaves */
    bool stop;       /* nothing new is begun, prepared or signed */
    bool signed_all; /* nothing more will be put into `signed_` */
};

static void queue_free(struct queue *q)
{
    mem_free(q->prepared.items);
    mem_free(q->signed_.items);
    mem_free(q->finished.items);
    mem_free(q->is_over);
    (void)pthread_cond_destroy(&q->to_sign);
    (void)pthread_cond_destroy(&q->work);
    (void)pthread_mutex_destroy(&q->lock);
}

static bool queue_init(struct queue *q, struct ens_err *err)
{
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&q->work, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_cond_init(&q->to_sign, NULL);
    q->prepared.items = mem_alloc(q->len, sizeof *q->prepared.items, err);
    if (q->prepared.items == NULL)
        return false;
    q->signed_.items = mem_alloc(q->len, sizeof *q->signed_.items, err);
    if (q->signed_.items == NULL)
        return false;
    q->finished.items = mem_alloc(q->len, sizeof *q->finished.items, err);
    if (q->finished.items == NULL)
        return false;
    q->is_over = mem_alloc(q->len, sizeof *q->is_over, err);
    return q->is_over != NULL;
}

static void fifo_put(struct fifo *f, size_t item)
{
    f->items[f->tail++] = item;
}

static size_t fifo_len(const struct fifo *f)
{
    return f->tail - f->head;
}

static bool fifo_take(struct fifo *f, size_t *ret)
{
    if (fifo_len(f) == 0)
        return false;
    *ret = f->items[f->head++];
    return true;
}

/* The lowest item: who waits for the first ones gets them first. */
static bool fifo_take_lowest(struct fifo *f, size_t *ret)
{
    size_t lowest = f->head;

    for (size_t i = f->head; i < f->tail; i++) {
        if (f->items[i] < f->items[lowest])
            lowest = i;
    }
    if (!fifo_take(f, ret))
        return false;
    if (lowest > f->head - 1) {
        size_t first = *ret;

        *ret = f->items[lowest];
        f->items[lowest] = first;
    }
    return true;
}

/* ---- under the lock ---- */

/* Says what is over, in order. Only one thread does; the lock is released meanwhile. */
static void report(struct queue *q)
{
    if (q->reporting)
        return;
    q->reporting = true;
    while (q->reported < q->len && q->is_over[q->reported]) {
        size_t item = q->reported++;

        (void)pthread_mutex_unlock(&q->lock);
        q->stations->over(q->stations->ctx, item);
        (void)pthread_mutex_lock(&q->lock);
    }
    q->reporting = false;
}

static void set_over(struct queue *q, size_t item)
{
    q->is_over[item] = true;
    q->open--;
    (void)pthread_cond_signal(&q->work);
}

static void set_stop(struct queue *q)
{
    q->stop = true;
    (void)pthread_cond_broadcast(&q->work);
    (void)pthread_cond_signal(&q->to_sign);
}

static void put_finished(struct queue *q, size_t item)
{
    if (fifo_len(&q->finished) == 0) {
        (void)clock_gettime(CLOCK_MONOTONIC, &q->due);
        q->due.tv_nsec += LINGER_MS * 1000000L;
        q->due.tv_sec += q->due.tv_nsec / 1000000000L;
        q->due.tv_nsec %= 1000000000L;
    }
    fifo_put(&q->finished, item);
}

/* Is a group to be committed now: a full one, the last one, one without which nothing goes on, or one that
 * must not wait any longer? */
static bool is_due(const struct queue *q)
{
    bool is_quiet = fifo_len(&q->signed_) == 0 && q->finishing == 0;
    bool is_stuck = fifo_len(&q->prepared) == 0 && q->preparing == 0 && q->open >= q->open_max;
    struct timespec now;

    if (fifo_len(&q->finished) == 0)
        return false;
    if (fifo_len(&q->finished) >= q->group_max || (is_quiet && (q->signed_all || is_stuck)))
        return true;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > q->due.tv_sec || (now.tv_sec == q->due.tv_sec && now.tv_nsec >= q->due.tv_nsec);
}

static void finish_one(struct queue *q, size_t item)
{
    q->finishing++;
    (void)pthread_mutex_unlock(&q->lock);
    enum queue_next next = q->stations->finish(q->stations->ctx, item);

    (void)pthread_mutex_lock(&q->lock);
    q->finishing--;
    if (next == QUEUE_NEXT) {
        put_finished(q, item);
        return;
    }
    if (next == QUEUE_STOP)
        set_stop(q);
    set_over(q, item);
    report(q);
}

static void commit_group(struct queue *q)
{
    size_t items[QUEUE_GROUP_MAX];
    size_t len = 0;

    while (len < q->group_max && fifo_take(&q->finished, &items[len]))
        len++;
    (void)pthread_mutex_unlock(&q->lock);
    bool go_on = q->stations->commit(q->stations->ctx, items, len);

    (void)pthread_mutex_lock(&q->lock);
    if (!go_on)
        set_stop(q);
    for (size_t i = 0; i < len; i++)
        set_over(q, items[i]);
    report(q);
}

static void prepare_one(struct queue *q)
{
    size_t item = q->next++;

    q->open++;
    q->preparing++;
    (void)pthread_mutex_unlock(&q->lock);
    enum queue_next next = q->stations->prepare(q->stations->ctx, item);

    (void)pthread_mutex_lock(&q->lock);
    q->preparing--;
    (void)pthread_cond_signal(&q->to_sign);
    if (next == QUEUE_NEXT) {
        fifo_put(&q->prepared, item);
        return;
    }
    if (next == QUEUE_STOP)
        set_stop(q);
    set_over(q, item);
    report(q);
}

/* ---- the threads ---- */

static void *work(void *arg)
{
    struct queue *q = arg;
    size_t item = 0;

    /* Linux: of this thread alone. It cannot fail, as it asks for less; -1 is a value as well. */
    (void)!nice(WORKER_NICE);
    (void)pthread_mutex_lock(&q->lock);
    for (;;) {
        bool can_prepare = !q->stop && q->next < q->len && q->open < q->open_max;
        bool is_short = fifo_len(&q->prepared) + q->preparing < STOCK;
        bool is_disk_idle = fifo_len(&q->signed_) > 0 && q->finishing == 0;

        if (is_due(q))
            commit_group(q);
        else if (can_prepare && !is_disk_idle && (is_short || fifo_len(&q->signed_) == 0))
            prepare_one(q);
        else if (fifo_take(&q->signed_, &item))
            finish_one(q, item);
        else if (fifo_len(&q->finished) > 0)
            (void)pthread_cond_timedwait(&q->work, &q->lock, &q->due);
        else if (q->signed_all)
            break;
        else
            (void)pthread_cond_wait(&q->work, &q->lock);
    }
    /* Others may wait for a group that is committed by now. */
    (void)pthread_cond_broadcast(&q->work);
    (void)pthread_mutex_unlock(&q->lock);
    return NULL;
}

/* Signs until nothing more can come. */
static void sign_all(struct queue *q)
{
    size_t item = 0;

    (void)pthread_mutex_lock(&q->lock);
    while (!q->stop && (q->next < q->len || q->preparing > 0 || fifo_len(&q->prepared) > 0)) {
        if (!fifo_take_lowest(&q->prepared, &item)) {
            (void)pthread_cond_wait(&q->to_sign, &q->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&q->lock);
        bool is_signed = q->stations->sign(q->stations->ctx, item);

        (void)pthread_mutex_lock(&q->lock);
        if (is_signed) {
            fifo_put(&q->signed_, item);
            (void)pthread_cond_signal(&q->work);
        } else {
            set_over(q, item);
            set_stop(q);
        }
    }
    q->signed_all = true;
    (void)pthread_cond_broadcast(&q->work);
    (void)pthread_mutex_unlock(&q->lock);
}

/* The workers take no signals: they are for the thread that talks to the token and the terminal. */
static unsigned start(struct queue *q, pthread_t *threads, unsigned workers)
{
    sigset_t all;
    sigset_t before;
    unsigned n = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (n < workers && pthread_create(&threads[n], NULL, work, q) == 0)
        n++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

bool queue_run(const struct queue_stations *stations, size_t len, unsigned workers, size_t open_max,
               struct ens_err *err)
{
    ENS_CLEANUP(queue_free) struct queue q = {.stations = stations, .len = len, .open_max = open_max};
    pthread_t threads[QUEUE_WORKERS_MAX];
    size_t share = open_max > workers ? open_max / workers : 1;

    q.group_max = share < QUEUE_GROUP_MAX ? share : QUEUE_GROUP_MAX;

    if (!queue_init(&q, err))
        return false;
    for (; stations->prepare == NULL && q.next < len; q.next++) {
        fifo_put(&q.prepared, q.next);
        q.open++;
    }
    unsigned running = start(&q, threads, workers < QUEUE_WORKERS_MAX ? workers : QUEUE_WORKERS_MAX);

    if (running == 0)
        return ens_fail(err, ENS_RESOURCE, "no thread can be started: allow this process more of them");
    sign_all(&q);
    for (unsigned i = 0; i < running; i++)
        (void)pthread_join(threads[i], NULL);
    /* What nobody began, and what waited for a token that stopped. */
    for (; q.reported < len; q.reported++)
        stations->over(stations->ctx, q.reported);
    return true;
}
