/* Many items go through three steps: prepare and finish, which belong to workers, and in between sign, which
 * belongs to stations: one for each session of the token. Workers commit what is finished in groups. The batch
 * knows no file and no key: the functions of the caller say what a step does. Items are begun, signed and reported
 * in their order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "signer/base/err.h"

#define BATCH_WORKERS_MAX  256
#define BATCH_SESSIONS_MAX 64

/* Items that are committed together at most: what they have in common, such as the directory of their files,
 * is then written to disk once. */
#define BATCH_GROUP_MAX 16

/* What becomes of an item after a step. */
enum batch_next {
    BATCH_NEXT, /* it goes to the next step */
    BATCH_OVER, /* nothing more is to be done: it failed, or was done before */
    BATCH_STOP, /* the same, and no further item is begun */
};

/* An item is at one step at a time, and what one thread wrote to it the next one sees. `worker` and `session` number
 * the threads, from 0; a number is one thread's for the whole run. */
struct batch_steps {
    void *ctx;
    /* NULL: every item is prepared. */
    enum batch_next (*prepare)(void *ctx, unsigned worker, size_t item);
    /* Session 0 is the calling thread. False: no further item is begun or signed, by any session. */
    bool (*sign)(void *ctx, unsigned session, size_t item);
    enum batch_next (*finish)(void *ctx, unsigned worker, size_t item);
    /* 1..BATCH_GROUP_MAX items that were finished; false: no further item is begun. */
    bool (*commit)(void *ctx, unsigned worker, const size_t *items, size_t len);
    /* Said of every item once, in the order of items, as soon as all before it are over; by one thread at a
     * time, never by one that signs while items are signed. Also of items that nobody began. */
    void (*over)(void *ctx, size_t item);
};

struct batch_args {
    unsigned workers;  /* 1..BATCH_WORKERS_MAX */
    unsigned sessions; /* 1..BATCH_SESSIONS_MAX */
    size_t
        open_max; /* items that are prepared and not over, or are being finished; one for each worker at least */
    bool is_kept; /* the worker that prepared an item finishes and commits it; else any worker does */
};

/* Takes `len` items through the steps. If only some threads can be started, these do all. Returns when every item is
 * over and every thread has ended. ENS_RESOURCE: no worker can be started. */
bool batch_run(const struct batch_steps *steps, const struct batch_args *args, size_t len,
               struct ens_err *err) ENS_MUST_CHECK;
