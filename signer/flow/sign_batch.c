/* The batch: all is prepared, the second step is the token, the last one the disk.
 * Signatures are asked for in the order given, so that the n-th is the n-th. */
#include "signer/flow/sign_batch.h"

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/flow/batch.h"
#include "signer/flow/token.h"
#include "signer/ui/pace.h"

/* Threads that write: they wait for the disk, and for little else. A file that is written keeps its directory
 * open as well. */
#define WRITERS    8
#define OUTPUT_FDS 2

struct work {
    struct requests *requests;
    const struct text_form_options *form;
    bool replace;
    struct signing_key *signer;
    enum hsm_mechanism mechanism;
    struct ens_err *errors; /* of each request, by the thread that has it */
    struct file_out **outs; /* written and not committed */
    struct pace pace;
};

bool sign_batch_one(struct request *q, struct signing_key *signer, unsigned session,
                    enum hsm_mechanism mechanism, struct ens_err *err)
{
    q->is_tried = interrupt_check(err);
    q->is_signed = q->is_tried && token_sign(&signer->token, session, mechanism, &signer->key, q->digest,
                                             request_message(q), q->signature, err);
    /* Whoever interrupts a slow token wants no file; but that there is a signature is recorded. */
    return q->is_signed && interrupt_check(err);
}

static bool sign_request(void *ctx, unsigned session, size_t item)
{
    struct work *w = ctx;
    struct request *q = &w->requests->items[item];

    if (q->is_done)
        return true;
    pace_item(&w->pace, item, q->path);
    return sign_batch_one(q, w->signer, session, w->mechanism, &w->errors[item]);
}

static enum batch_next write_signature(void *ctx, unsigned worker, size_t item)
{
    const struct work *w = ctx;
    const struct request *q = &w->requests->items[item];
    struct file_out **out = &w->outs[item];
    struct ens_err *err = &w->errors[item];
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct view result;

    (void)worker;
    if (!q->is_signed)
        return BATCH_OVER;
    if (text_form_of(w->form, ARMOUR_SIGNATURE, view_of(q->signature, sizeof q->signature), &text, &result,
                     err) &&
        file_out_open(q->out_path, w->replace ? FILE_OUT_REPLACE : FILE_OUT_NEW, out, err) &&
        file_out_write(*out, result, err))
        return BATCH_NEXT;
    file_out_closep(out);
    return BATCH_STOP;
}

static bool commit_signatures(void *ctx, unsigned worker, const size_t *items, size_t len)
{
    const struct work *w = ctx;
    struct file_out *outs[BATCH_GROUP_MAX] = {0};
    struct ens_err errs[BATCH_GROUP_MAX];
    bool ok = true;

    (void)worker;
    for (size_t i = 0; i < len; i++)
        outs[i] = w->outs[items[i]];
    file_out_commit_all(outs, len, errs);
    for (size_t i = 0; i < len; i++) {
        w->errors[items[i]] = errs[i];
        ok = ok && errs[i].code == ENS_OK;
        w->requests->items[items[i]].is_written = errs[i].code == ENS_OK;
        file_out_closep(&w->outs[items[i]]);
    }
    return ok;
}

static void show_pace(void *ctx, size_t item)
{
    struct work *w = ctx;

    pace_show(&w->pace, item + 1);
}

static bool run_requests(struct work *w, struct ens_err *err)
{
    const struct batch_steps steps = {.ctx = w,
                                      .sign = sign_request,
                                      .finish = write_signature,
                                      .commit = commit_signatures,
                                      .over = show_pace};
    size_t len = w->requests->len;
    size_t room = file_room(OUTPUT_FDS, (size_t)WRITERS * BATCH_GROUP_MAX);
    size_t writers = len < room ? len : room;
    const struct batch_args args = {.workers = writers < WRITERS ? (unsigned)writers : WRITERS,
                                    .sessions = w->signer->token.more_len + 1,
                                    .open_max = room};

    pace_begin(&w->pace, len, w->signer->selected->always_authenticate == HSM_YES);
    bool ok = batch_run(&steps, &args, len, err);

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
    for (size_t i = 0; i < w->requests->len; i++) {
        const struct request *q = &w->requests->items[i];

        if (w->errors[i].code == ENS_OK)
            continue;
        if (w->errors[i].code == ENS_INTERRUPTED)
            return fail_interrupted(w->requests, err);
        *err = w->errors[i];
        /* What could not be written says so itself. */
        return q->is_signed ? false : ens_wrap(err, "%s", q->path);
    }
    return true;
}

bool sign_batch(struct requests *requests, const struct text_form_options *form, bool replace,
                struct signing_key *signer, enum hsm_mechanism mechanism, struct ens_err *err)
{
    size_t len = requests->len;
    ENS_CLEANUP(mem_freep) struct ens_err *errors = mem_alloc(len, sizeof *errors, err);
    ENS_CLEANUP(mem_freep) struct file_out **outs = mem_alloc(len, sizeof(struct file_out *), err);
    struct work w = {.requests = requests,
                     .form = form,
                     .replace = replace,
                     .signer = signer,
                     .mechanism = mechanism,
                     .errors = errors,
                     .outs = outs};

    return errors != NULL && outs != NULL && run_requests(&w, err) && check_errors(&w, err);
}
