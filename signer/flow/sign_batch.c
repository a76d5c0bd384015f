/* The batch: all is prepared, the second station of the queue is the token, the later ones are the disk.
 * Signatures are asked for in the order given, so that the n-th is the n-th. */
#include "signer/flow/sign_batch.h"

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/flow/queue.h"
#include "signer/flow/token.h"
#include "signer/ui/pace.h"

/* Threads that write: they wait for the disk, and for little else. A file that is written keeps its directory
 * open as well. */
#define WRITERS    8
#define OUTPUT_FDS 2

struct work {
    const struct sign_batch *batch;
    struct ens_err *errors; /* of each request, by the thread that has it */
    struct file_out **outs; /* written and not committed */
    struct pace pace;
};

static bool sign_one(void *ctx, size_t item)
{
    const struct work *w = ctx;
    struct request *q = &w->batch->requests->items[item];
    struct ens_err *err = &w->errors[item];

    if (q->is_done)
        return true;
    q->is_tried = interrupt_check(err);
    q->is_signed =
        q->is_tried && token_sign(&w->batch->signer->token, w->batch->mechanism, &w->batch->signer->key,
                                  q->digest, request_message(q), q->signature, err);
    return q->is_signed;
}

bool sign_batch_write(const struct args *args, const struct request *q, struct ens_err *err)
{
    return file_write_atomic(q->out_path, args->force ? FILE_OUT_REPLACE : FILE_OUT_NEW,
                             view_of(q->signature, sizeof q->signature), err);
}

static enum queue_next write_one(void *ctx, size_t item)
{
    const struct work *w = ctx;
    const struct request *q = &w->batch->requests->items[item];
    struct file_out **out = &w->outs[item];

    if (!q->is_signed)
        return QUEUE_OVER;
    if (file_out_open(q->out_path, w->batch->args->force ? FILE_OUT_REPLACE : FILE_OUT_NEW, out,
                      &w->errors[item]) &&
        file_out_write(*out, view_of(q->signature, sizeof q->signature), &w->errors[item]))
        return QUEUE_NEXT;
    file_out_closep(out);
    return QUEUE_STOP;
}

static bool commit_group(void *ctx, const size_t *items, size_t len)
{
    const struct work *w = ctx;
    struct file_out *outs[QUEUE_GROUP_MAX] = {0};
    struct ens_err errs[QUEUE_GROUP_MAX];
    bool ok = true;

    for (size_t i = 0; i < len; i++)
        outs[i] = w->outs[items[i]];
    file_out_commit_all(outs, len, errs);
    for (size_t i = 0; i < len; i++) {
        w->errors[items[i]] = errs[i];
        ok = ok && errs[i].code == ENS_OK;
        w->batch->requests->items[items[i]].is_written = errs[i].code == ENS_OK;
        file_out_closep(&w->outs[items[i]]);
    }
    return ok;
}

static void show_one(void *ctx, size_t item)
{
    struct work *w = ctx;

    pace_show(&w->pace, item + 1);
}

static bool run_queue(struct work *w, struct ens_err *err)
{
    const struct queue_stations stations = {
        .ctx = w, .sign = sign_one, .finish = write_one, .commit = commit_group, .over = show_one};
    size_t len = w->batch->requests->len;
    size_t room = file_room(OUTPUT_FDS, (size_t)WRITERS * QUEUE_GROUP_MAX);
    unsigned writers = room < WRITERS ? (unsigned)room : WRITERS;

    pace_begin(&w->pace, w->batch->args, len, w->batch->signer->selected->always_authenticate == HSM_YES);
    bool ok = queue_run(&stations, len, len < writers ? (unsigned)len : writers, room, err);

    pace_end(&w->pace);
    return ok;
}

static bool fail_interrupted(const struct requests *r, struct ens_err *err)
{
    size_t there = 0;

    for (size_t i = 0; i < r->len; i++)
        there += r->items[i].is_done || r->items[i].is_written;
    return ens_fail(err, ENS_INTERRUPTED, "interrupted: %zu of %zu signatures are there: repeat for the rest",
                    there, r->len);
}

/* Of several the first in the order given. */
static bool check_errors(const struct work *w, struct ens_err *err)
{
    for (size_t i = 0; i < w->batch->requests->len; i++) {
        const struct request *q = &w->batch->requests->items[i];

        if (w->errors[i].code == ENS_OK)
            continue;
        if (w->errors[i].code == ENS_INTERRUPTED)
            return fail_interrupted(w->batch->requests, err);
        *err = w->errors[i];
        /* What could not be written says so itself. */
        return q->is_signed ? false : ens_wrap(err, "%s", q->path);
    }
    return true;
}

bool sign_batch(const struct sign_batch *batch, struct ens_err *err)
{
    size_t len = batch->requests->len;
    ENS_CLEANUP(mem_freep) struct ens_err *errors = mem_alloc(len, sizeof *errors, err);
    ENS_CLEANUP(mem_freep) struct file_out **outs = mem_alloc(len, sizeof(struct file_out *), err);
    struct work w = {.batch = batch, .errors = errors, .outs = outs};

    return errors != NULL && outs != NULL && run_queue(&w, err) && check_errors(&w, err);
}
