/* The same work on many items by several threads, as if one had done them in order. */
#pragma once

#include <stddef.h>

#include "signer/base/err.h"

#define PARALLEL_MAX 8 /* threads, the caller's among them */

/* Does the work on item `index`. Called by several threads, for an item once. */
typedef bool parallel_work(void *ctx, size_t index, struct ens_err *err);

/* The number of processors that this process may use; at least 1. */
size_t parallel_processors(void);

/* Calls `work` for the items 0 to `len` - 1 on at most `threads` threads (PARALLEL_MAX at most, the caller's
 * is one of them; fewer if none can be started), and returns after all have ended. If items fail, the error
 * is that of the lowest of them, as if they were done in order; items above it may not be done. The threads
 * take no signals. ENS_RESOURCE if there is no memory. */
bool parallel_each(size_t len, size_t threads, parallel_work *work, void *ctx,
                   struct ens_err *err) ENS_MUST_CHECK;
