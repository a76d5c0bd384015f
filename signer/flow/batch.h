/* Many items go through three steps: prepare and finish, which belong to workers, and in between sign, which
 * belongs to the calling thread: the token has one. Workers commit what is finished in groups. The batch knows
 * no file and no key: the functions of the caller say what a step does. Signatures and reports come in the
 * order of items. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "signer/base/err.h"

/* Workers at most. */
#define BATCH_WORKERS_MAX 256

/* Items that are committed together at most: what they have in common, such as the directory of their files,
 * is then written to disk once. */
#define BATCH_GROUP_MAX 16

/* What becomes of an item after a step. */
enum batch_next {
    BATCH_NEXT, /* it goes to the next step */
    BATCH_OVER, /* nothing more is to be done: it failed, or was done before */
    BATCH_STOP, /* the same, and no further item is begun */
};

/* An item is at one step at a time, and what one thread wrote to it the next one sees. */
struct batch_steps {
    void *ctx;
    /* A worker. NULL: every item is prepared. */
    enum batch_next (*prepare)(void *ctx, size_t item);
    bool (*sign)(void *ctx, size_t item); /* the calling thread, in the order of items; false: stop */
    enum batch_next (*finish)(void *ctx, size_t item); /* a worker */
    /* A worker; 1..BATCH_GROUP_MAX items that were finished; false: stop. */
    bool (*commit)(void *ctx, const size_t *items, size_t len);
    /* Said of every item once, in the order of items, as soon as all before it are over; by one thread at a
     * time, never by the one that signs while items are signed. Also of items that nobody began. */
    void (*over)(void *ctx, size_t item);
};

/* Takes `len` items through the steps with `workers` threads (1..BATCH_WORKERS_MAX); at most `open_max` are
 * prepared by them and not over, or are being finished (one for each worker, if that is more). If only some
 * workers get a thread, these do all. Returns when every item is over and every thread has ended.
 * ENS_RESOURCE: no thread can be started. */
bool batch_run(const struct batch_steps *steps, size_t len, unsigned workers, size_t open_max,
               struct ens_err *err) ENS_MUST_CHECK;
