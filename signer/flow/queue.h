/* The queue of sign and resign: many items go through four stations, of which the second, the token, belongs
 * to one thread. Workers prepare, finish and commit; the calling thread signs what is prepared, and waits
 * only where nothing is. It knows nothing of files and keys: what is done at a station the caller says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "signer/base/err.h"

/* Workers at most. */
#define QUEUE_WORKERS_MAX 256

/* Items that are committed together at most: what they have in common, such as the directory of their files,
 * is then written to disk once. */
#define QUEUE_GROUP_MAX 16

/* What becomes of an item that was prepared, or finished. */
enum queue_next {
    QUEUE_NEXT, /* it goes to the next station */
    QUEUE_OVER, /* nothing more is to be done: it failed, or was done before */
    QUEUE_STOP, /* the same, and no further item is begun */
};

/* The stations. An item is at one of them at a time, and what one thread wrote to it the next one sees. */
struct queue_stations {
    void *ctx;
    /* A worker. NULL: every item is prepared, and they are signed in their order. */
    enum queue_next (*prepare)(void *ctx, size_t item);
    bool (*sign)(void *ctx, size_t item); /* the calling thread; false: stop, no more is signed */
    enum queue_next (*finish)(void *ctx, size_t item); /* a worker */
    /* A worker; 1..QUEUE_GROUP_MAX items that were finished; false: stop. */
    bool (*commit)(void *ctx, const size_t *items, size_t len);
    /* Said of every item once, in the order of items, as soon as all before it are over; by one thread at a
     * time, never by the one that signs while items are signed. Also of items that nobody began. */
    void (*over)(void *ctx, size_t item);
};

/* Takes `len` items through the stations with `workers` threads (1..QUEUE_WORKERS_MAX); at most `open_max`
 * are prepared by them and not over, or are being finished (one for each worker, if that is more). Where
 * there are threads for some workers only, these do all. Returns when every item is over and every thread has
 * ended. ENS_RESOURCE where there is no thread at all. */
bool queue_run(const struct queue_stations *stations, size_t len, unsigned workers, size_t open_max,
               struct ens_err *err) ENS_MUST_CHECK;
