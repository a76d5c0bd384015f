/* Processes that work on files which strangers made, each behind a wall (wall.h) and with one socket: no token, no
 * terminal, no descriptor of this process. They are forked by a process that is started before any token is opened
 * and has one thread, so that a worker that ended can be replaced at any time. Requests and replies are datagrams; who
 * sends them, and what they mean, is the caller's. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/wall.h"

/* Bytes of a message. */
#define WORKERS_MESSAGE_MAX 4608

struct workers;

struct workers_args {
    unsigned len;                               /* workers, each forked when it is first asked */
    void (*keep)(void *ctx, struct wall *wall); /* the files that all of them may open */
    void (*serve)(void *ctx, int socket);       /* a worker, which ends when this returns */
    void *ctx;                                  /* as it is when workers_open is called */
};

/* Starts the process that forks them: called while this one has one thread. ENS_RESOURCE. Release with
 * workers_closep, which ends them all; what they are at is cut short. */
bool workers_open(const struct workers_args *args, struct workers **ret, struct ens_err *err) ENS_MUST_CHECK;
void workers_closep(struct workers **workers);

/* The number of the process that is worker `index`; 0: there is none now. */
unsigned workers_process(const struct workers *w, unsigned index);

/* Sends a message to worker `index` (one thread at a time for an index), and starts its process if there is none.
 * Receives one from it; once ensign was interrupted, the worker is asked to stop (interrupt.h), and answers all the
 * same. A failure ends the process: ENS_RESOURCE if it cannot be started; ENS_BUG, with words that follow a file's
 * name, if it ended, or took too long. */
bool workers_send(struct workers *w, unsigned index, struct view message, struct ens_err *err) ENS_MUST_CHECK;
bool workers_receive(struct workers *w, unsigned index, uint8_t ret[static WORKERS_MESSAGE_MAX],
                     size_t *ret_len, struct ens_err *err) ENS_MUST_CHECK;

/* Ends the process of a worker that says what cannot be. ENS_BUG. */
bool workers_fail(struct workers *w, unsigned index, struct ens_err *err);

/* ---- in a worker ---- */

/* False: nothing more comes, or nobody listens any more. */
bool workers_hear(int socket, uint8_t ret[static WORKERS_MESSAGE_MAX], size_t *ret_len) ENS_MUST_CHECK;
bool workers_say(int socket, struct view message) ENS_MUST_CHECK;
