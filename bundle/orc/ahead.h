/* Pouring with two threads: one unpacks ahead of the other, which takes the pieces in order. Everything else
 * is as without: the same pieces, the same order, the same error. */
#pragma once

#include <stdint.h>

#include "signer/base/bytes.h"

/* Below so many bytes a second thread costs more than it brings (docs/performance.md). */
#define AHEAD_FROM (256u << 10)

/* The source: pours all of its pieces into the sink that it is given; it may run in another thread, beside the
 * sink that the caller of ahead_pour gave. */
struct ahead_source {
    bool (*pour)(void *ctx, const struct sink *sink, struct ens_err *err);
    void *ctx;
};

/* Has `from` pour about `size` bytes into `to`, whose `put` is called in this thread only. In one thread
 * where they are few, the process may use one CPU only, or no thread can be had. The error is the one that
 * comes first in the order of the bytes: pieces that were poured before `from` failed are put before its
 * error is returned. The thread has ended on return. */
bool ahead_pour(const struct ahead_source *from, uint64_t size, const struct sink *to,
                struct ens_err *err) ENS_MUST_CHECK;
