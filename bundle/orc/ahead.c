/* Pouring with two threads, through a ring of pieces. The thread that pours ahead takes no signals, so that
 * they come to the one that asks the terminal and owns the files. */
#include "bundle/orc/ahead.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/parallel.h"

/* The ring: how far one thread gets before the other. */
#define PIECES 8u
#define PIECE  65536u
/* A thread that waits is woken for so many pieces at once: waking costs more than a piece. */
#define WAKE 4u

struct ring {
    const struct ahead_source *from;
    pthread_mutex_t lock; /* of what follows; a piece belongs to one thread at a time */
    pthread_cond_t more;  /* a piece was poured, or there is no more */
    pthread_cond_t room;  /* a piece was taken, or no more are wanted */
    uint64_t poured, taken;
    size_t lens[PIECES];
    bool ended;   /* nothing more is poured */
    bool stopped; /* nothing more is taken */
    bool ok;      /* how the pouring ended */
    struct ens_err err;
    uint8_t pieces[PIECES][PIECE];
};

static void ring_freep(struct ring **r)
{
    if (*r == NULL)
        return;
    (void)pthread_cond_destroy(&(*r)->room);
    (void)pthread_cond_destroy(&(*r)->more);
    (void)pthread_mutex_destroy(&(*r)->lock);
    mem_free(*r);
}

static struct ring *ring_new(const struct ahead_source *from, struct ens_err *err)
{
    struct ring *r = mem_alloc(1, sizeof *r, err);

    if (r == NULL)
        return NULL;
    r->from = from;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->more, NULL);
    (void)pthread_cond_init(&r->room, NULL);
    return r;
}

/* ---- the thread that pours ---- */

/* Waits for room; false: nothing more is wanted. */
static bool wait_for_room(struct ring *r)
{
    (void)pthread_mutex_lock(&r->lock);
    if (r->poured - r->taken == PIECES) {
        while (!r->stopped && r->poured - r->taken > PIECES - WAKE)
            (void)pthread_cond_wait(&r->room, &r->lock);
    }
    bool wanted = !r->stopped;

    (void)pthread_mutex_unlock(&r->lock);
    return wanted;
}

static void pass_on(struct ring *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->poured++;
    if (r->poured - r->taken >= WAKE)
        (void)pthread_cond_signal(&r->more);
    (void)pthread_mutex_unlock(&r->lock);
}

static bool put_into_ring(void *ctx, struct view piece, struct ens_err *err)
{
    struct ring *r = ctx;

    for (size_t at = 0; at < piece.len;) {
        size_t len = piece.len - at < PIECE ? piece.len - at : PIECE;

        if (!wait_for_room(r))
            return ens_fail(err, ENS_BUG, "nothing more is taken: report this"); /* another error is told */
        memcpy(r->pieces[r->poured % PIECES], piece.data + at, len);
        r->lens[r->poured % PIECES] = len;
        pass_on(r);
        at += len;
    }
    return true;
}

static void *pour_ahead(void *arg)
{
    struct ring *r = arg;
    struct ens_err err = {0};
    bool ok = r->from->pour(r->from->ctx, &(struct sink){put_into_ring, r}, &err);

    (void)pthread_mutex_lock(&r->lock);
    r->ok = ok;
    r->err = err;
    r->ended = true;
    (void)pthread_cond_signal(&r->more);
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- the thread that takes ---- */

/* Waits for a piece; false: there is none left. */
static bool wait_for_piece(struct ring *r, struct view *ret)
{
    (void)pthread_mutex_lock(&r->lock);
    if (r->poured == r->taken) {
        while (!r->ended && r->poured - r->taken < WAKE)
            (void)pthread_cond_wait(&r->more, &r->lock);
    }
    bool any = r->poured > r->taken;

    (void)pthread_mutex_unlock(&r->lock);
    if (any)
        *ret = view_of(r->pieces[r->taken % PIECES], r->lens[r->taken % PIECES]);
    return any;
}

/* The piece that was seen last is taken, or (`stop`) none is any more. */
static void give_room(struct ring *r, bool stop)
{
    (void)pthread_mutex_lock(&r->lock);
    r->taken += stop ? 0 : 1;
    r->stopped = stop;
    if (stop || r->poured - r->taken <= PIECES - WAKE)
        (void)pthread_cond_signal(&r->room);
    (void)pthread_mutex_unlock(&r->lock);
}

static bool take_all(struct ring *r, const struct sink *to, struct ens_err *err)
{
    struct view piece = {0};

    while (wait_for_piece(r, &piece)) {
        if (!to->put(to->ctx, piece, err)) {
            give_room(r, true);
            return false;
        }
        give_room(r, false);
    }
    return true;
}

static bool start_ahead(struct ring *r, pthread_t *ret)
{
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    bool started = pthread_create(ret, NULL, pour_ahead, r) == 0;

    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

bool ahead_pour(const struct ahead_source *from, uint64_t size, const struct sink *to, struct ens_err *err)
{
    pthread_t thread;

    if (size < AHEAD_FROM || parallel_processors() < 2)
        return from->pour(from->ctx, to, err);
    ENS_CLEANUP(ring_freep) struct ring *r = ring_new(from, err);

    if (r == NULL)
        return false;
    if (!start_ahead(r, &thread))
        return from->pour(from->ctx, to, err);
    bool ok = take_all(r, to, err);

    (void)pthread_join(thread, NULL);
    if (ok && !r->ok)
        *err = r->err;
    return ok && r->ok;
}
