/* resign: the three stages for many files over one login, on a host that has both the files and the token.
 * The order is that of sign: options, policy, token and key, review, confirmation, sign, verify, write. With
 * --yes the files go through a batch (batch.h): worker processes prepare and finish, this thread signs. Else
 * all are prepared, shown and confirmed first, and prepared again when they are signed. */
#include "signer/cmd/resign/resign.h"

#include <pthread.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/cmd/resign/resign_record.h"
#include "signer/flow/batch.h"
#include "signer/flow/consent.h"
#include "signer/flow/record.h"
#include "signer/ui/clock.h"
#include "signer/ui/screen.h"

struct run {
    struct resign r;
    struct resign_report *report;
    struct transcript *transcript; /* NULL: none is kept */
    bool has_records;              /* an intent was made */
    size_t first;                  /* of the files that are in the batch */
    size_t reported;               /* files that have their line */
    bool only_prepare;             /* the pass before the confirmation, and --dry-run */
    pthread_mutex_t stopping;      /* of `r.stopped`, while several sessions sign */
};

static void resign_free(struct run *run)
{
    struct resign *r = &run->r;

    signing_key_close(&r->signer);
    workers_closep(&r->workers);
    resign_report_freep(&run->report);
    transcript_closep(&run->transcript);
    policy_freep(&r->policy);
    for (size_t i = 0; i < r->len; i++) {
        resign_forget(&r->files[i]);
        mem_free(r->files[i].out_path);
    }
    mem_free(r->files);
}

/* ---- the steps of the batch ---- */

/* What becomes of the enclaves that were to be signed. */
static void set_status(struct resign_file *f, enum resign_status status)
{
    f->ended = clock_now();
    for (size_t i = 0; i < f->len; i++) {
        if (f->enclaves[i].status == RESIGN_NOT_DONE)
            f->enclaves[i].status = status;
    }
}

/* A file that was interrupted is not done; it is untouched, and has not failed. */
static void set_failed(struct resign_file *f, const struct ens_err *err)
{
    if (err->code == ENS_INTERRUPTED)
        return;
    f->err = *err;
    set_status(f, RESIGN_FAILED);
}

static enum batch_next prepare_file(void *ctx, unsigned worker, size_t item)
{
    struct run *run = ctx;
    struct resign_file *f = &run->r.files[run->first + item];
    struct ens_err err = {0};

    if (f->err.code != ENS_OK || (f->is_confirmed && resign_waiting(f) == 0))
        return BATCH_OVER;
    f->started = clock_now();
    if (!interrupt_check(&err) || !resign_ask_prepare(&run->r, worker, f, run->only_prepare, &err)) {
        set_failed(f, &err);
        return err.code == ENS_INTERRUPTED ? BATCH_STOP : BATCH_OVER;
    }
    if (resign_waiting(f) == 0)
        f->ended = clock_now();
    return run->only_prepare || resign_waiting(f) == 0 ? BATCH_OVER : BATCH_NEXT;
}

static bool sign_enclave(struct resign *r, unsigned session, struct resign_enclave *x, struct ens_err *err)
{
    struct signdata data;

    signdata_extract(&x->css, &data);
    if (!interrupt_check(err))
        return false;
    x->is_tried = true;
    x->is_signed = token_sign(&r->signer.token, session, r->mechanism, &r->signer.key, x->digest,
                              view_of(data.bytes, sizeof data.bytes), x->signature, err);
    return x->is_signed && interrupt_check(err);
}

/* Whatever a token refuses, it refuses for all: one wrong PIN is one, and a token that
 * lies is not asked again. */
static bool sign_file(void *ctx, unsigned session, size_t item)
{
    struct run *run = ctx;
    struct resign_file *f = &run->r.files[run->first + item];
    struct ens_err err = {0};

    resign_report_item(run->report, run->first + item);
    for (size_t i = 0; i < f->len; i++) {
        struct resign_enclave *x = &f->enclaves[i];

        if (x->status != RESIGN_NOT_DONE || sign_enclave(&run->r, session, x, &err))
            continue;
        if (run->r.len > 1)
            ens_wrap(&err, "%s", f->path);
        (void)pthread_mutex_lock(&run->stopping);
        if (run->r.stopped.code == ENS_OK)
            run->r.stopped = err;
        (void)pthread_mutex_unlock(&run->stopping);
        set_failed(f, &err);
        return false;
    }
    return true;
}

static enum batch_next finish_file(void *ctx, unsigned worker, size_t item)
{
    struct run *run = ctx;
    struct resign_file *f = &run->r.files[run->first + item];
    struct ens_err err = {0};

    if (resign_ask_finish(&run->r, worker, f, &err))
        return BATCH_NEXT;
    set_failed(f, &err);
    return err.code == ENS_INTERRUPTED ? BATCH_STOP : BATCH_OVER;
}

static bool commit_files(void *ctx, unsigned worker, const size_t *items, size_t len)
{
    struct run *run = ctx;
    struct resign_file *files[BATCH_GROUP_MAX] = {0};
    struct ens_err errs[BATCH_GROUP_MAX];

    for (size_t i = 0; i < len; i++)
        files[i] = &run->r.files[run->first + items[i]];
    resign_ask_commit(&run->r, worker, files, len, errs);
    for (size_t i = 0; i < len; i++) {
        if (errs[i].code == ENS_OK)
            set_status(files[i], RESIGN_SIGNED);
        else
            set_failed(files[i], &errs[i]);
    }
    return true;
}

/* Before the confirmation only what failed is said: whoever is asked must know. */
static void file_over(void *ctx, size_t item)
{
    struct run *run = ctx;
    struct resign_file *f = &run->r.files[run->first + item];

    if (!run->only_prepare) {
        run->reported = run->first + item;
        resign_report_file(run->report, run->reported++);
    } else if (f->err.code != ENS_OK) {
        notice_error(&f->err);
        f->is_said = true;
    }
}

/* Takes `len` files from `first` on through the batch. */
static bool run_files(struct run *run, size_t first, size_t len, bool only_prepare, struct ens_err *err)
{
    const struct batch_steps steps = {
        .ctx = run,
        .prepare = prepare_file,
        .sign = sign_file,
        .finish = finish_file,
        .commit = commit_files,
        .over = file_over,
    };
    const struct batch_args args = {.workers = run->r.jobs,
                                    .sessions = run->r.signer.token.more_len + 1,
                                    .open_max = run->r.open_max,
                                    .is_kept = true};

    run->only_prepare = only_prepare;
    run->first = first;
    return batch_run(&steps, &args, len, err);
}

/* ---- policy, token and key ---- */

static bool check_items(const struct resign *r, size_t items, struct ens_err *err)
{
    struct policy_outcome outcome = {0};

    policy_check_items(r->policy, items, &outcome);
    return policy_met(&outcome, err);
}

/* What can be said before the files are read; components are counted when they have been. */
static bool check_command(const struct resign *r, struct ens_err *err)
{
    struct policy_outcome outcome = {0};

    if (policy_approvals(r->policy) > 0)
        return ens_fail(err, ENS_REFUSED,
                        "%s: demands approvals, which resign cannot count: use gen-sign-data, approve, sign "
                        "and set-sig",
                        r->args->policy);
    policy_check_sole_key(r->policy, &outcome);
    policy_check_transcript(r->policy, r->args->record.transcript != NULL, &outcome);
    policy_check_confirm(r->policy, !r->args->yes, &outcome);
    if (!policy_met(&outcome, err))
        return false;
    return r->args->all_components || check_items(r, r->len, err);
}

static bool has_max_items(const struct resign *r)
{
    return r->policy != NULL && policy_has(r->policy, POLICY_MAX_ITEMS);
}

static bool select_key(struct run *run, struct ens_err *err)
{
    struct resign *r = &run->r;
    struct policy_outcome outcome = {0};

    if (!signing_key_open(&r->args->key, r->args->dry_run ? 1 : r->len, &r->signer, err))
        return false;
    record_token(run->transcript, &r->signer.token);
    record_key(run->transcript, r->signer.selected, r->signer.mrsigner);
    if (!signing_key_pin(&r->args->key, &r->signer, err))
        return false;
    notice_hash(view_of(r->signer.mrsigner, MRSIGNER_SIZE), "MRSIGNER");
    if (r->policy == NULL)
        return true;
    signing_key_policy(&r->signer, r->policy, &outcome);
    return policy_met(&outcome, err);
}

/* ---- the walk ---- */

/* Every file is looked at before the first is signed; then they are the ones that must not change. */
static bool prepare_all(struct run *run, struct ens_err *err)
{
    struct resign *r = &run->r;

    if (!run_files(run, 0, r->len, true, err) || !interrupt_check(err) ||
        (r->policy != NULL && !check_items(r, resign_count(r, false), err)))
        return false;
    for (size_t i = 0; i < r->len; i++)
        r->files[i].is_confirmed = true;
    if (r->args->dry_run)
        return true;
    if (!resign_confirm(r, err))
        return false;
    if (r->args->yes || resign_count(r, true) > 0)
        record_confirmation(run->transcript, r->args->yes, r->args->yes ? NULL : resign_answer(r));
    return true;
}

/* One chunk: announced, signed, and what became of it. */
static bool sign_chunk(struct run *run, struct resign_chunk *c, struct ens_err *err)
{
    struct ens_err why = {0};
    bool announced = c->waiting > 0;

    if (announced && !resign_chunk_begin(run->transcript, &run->r, c, err))
        return false;
    run->has_records = run->has_records || announced;
    bool ok = run_files(run, c->first, c->files, false, err);
    enum ens_code stopped = !interrupt_check(&why) ? ENS_INTERRUPTED : ok ? run->r.stopped.code : err->code;

    return (!announced || resign_chunk_end(run->transcript, &run->r, c, stopped, err)) && ok;
}

/* With a transcript: what is signed is announced before, so that every file is looked at first. */
static bool sign_recorded(struct run *run, struct ens_err *err)
{
    const struct resign *r = &run->r;
    struct ens_err why = {0};

    for (size_t first = 0; first < r->len && r->stopped.code == ENS_OK && interrupt_check(&why);) {
        ENS_CLEANUP(resign_chunk_free) struct resign_chunk c = {0};

        if (!resign_chunk_make(r, first, &c, err) || !sign_chunk(run, &c, err))
            return false;
        first += c.files;
    }
    return true;
}

/* A policy may limit how many enclaves there are, which --all-components tells only when all were read. */
static bool sign_files(struct run *run, struct ens_err *err)
{
    const struct resign *r = &run->r;
    bool look_first = !r->args->yes || r->args->dry_run || run->transcript != NULL ||
                      (r->args->all_components && has_max_items(r));

    if (look_first && !prepare_all(run, err))
        return false;
    if (r->args->dry_run)
        return true;
    resign_report_begin(run->report);
    return run->transcript != NULL ? sign_recorded(run, err) : run_files(run, 0, r->len, false, err);
}

/* ---- the end ---- */

/* A worker that ended before its time may have left a temporary file, whose lock it has no more. */
static void sweep_after_bug(const struct resign *r)
{
    struct ens_err ignored = {0};

    for (size_t i = 0; i < r->len; i++) {
        if (r->files[i].err.code == ENS_BUG) {
            (void)!resign_sweep(r, &ignored);
            return;
        }
    }
}

/* Every file has its line, however the run ended; what failed has said so there, and the status remains. */
static bool end(struct run *run, bool ok, struct ens_err *err)
{
    struct resign *r = &run->r;
    enum ens_code code = ENS_OK;
    struct ens_err why = {0};

    if (!ok && r->stopped.code == ENS_OK)
        r->stopped = *err;
    sweep_after_bug(r);
    for (; run->reported < r->len; run->reported++)
        resign_report_file(run->report, run->reported);
    if (!resign_report_end(run->report, &code, &why) && ok) {
        *err = why;
        return false;
    }
    if (r->stopped.code == ENS_INTERRUPTED || !interrupt_check(&why))
        return resign_fail_interrupted(r, err);
    if (!ok)
        return false;
    code = r->stopped.code != ENS_OK ? r->stopped.code : code;
    if (code != ENS_OK) {
        *err = (struct ens_err){.code = code};
        return false;
    }
    if (r->args->dry_run)
        notice_say("Dry run: everything holds, nothing was signed.");
    return true;
}

/* Before the token is woken: what the command line and the policy say, and whether anybody can be asked. */
static bool begin(struct run *run, struct ens_err *err)
{
    struct resign *r = &run->r;

    if (!resign_plan(r, err) || !consent_policy(r->args->policy, &r->policy, err) ||
        (r->policy != NULL && !check_command(r, err)))
        return false;
    if (!r->args->yes && !r->args->dry_run && !screen_require(r->line->operands[0], "sign", err))
        return false;
    return !r->args->resume || r->args->dry_run || resign_sweep(r, err);
}

/* Before the token is opened: they have nothing of it. The key of all sums is made before them (tie.h). */
static bool start_workers(struct resign *r, struct ens_err *err)
{
    ENS_CLEANUP(tie_freep) struct tie *first = NULL;
    const struct workers_args args = {
        .len = r->jobs, .keep = resign_worker_keep, .serve = resign_worker_serve, .ctx = r};

    return tie_new(&first, err) && workers_open(&args, &r->workers, err);
}

static bool walk(struct run *run, struct ens_err *err)
{
    struct resign *r = &run->r;

    if (!begin(run, err) || !resign_report_new(r, &run->report, err))
        return false;
    bool ok = start_workers(r, err) && select_key(run, err) && sign_files(run, err);

    /* The session ends before anything is said of how the run went. */
    signing_key_close(&r->signer);
    return end(run, ok, err);
}

static bool run_resign(const struct command_line *line, struct ens_err *err)
{
    const struct resign_options *args = line->options;
    ENS_CLEANUP(resign_free)
    struct run run = {.r = {.line = line, .args = args}, .stopping = PTHREAD_MUTEX_INITIALIZER};

    enclave_allow_large(args->fields.allow_large);
    if ((args->key.token.key != NULL && !signing_key_usage(&args->key, err)) ||
        !record_open(line, &args->record, &run.transcript, err))
        return false;
    run.r.past = transcript_rejections(run.transcript);
    bool ok = walk(&run, err);

    return run.has_records ? ok : resign_record_run(run.transcript, &run.r, ok, err);
}

#define RESIGN(KIND, member) OPTION(KIND, struct resign_options, member)

static const struct option resign_rows[] = {
    OPTION_TOPIC(TOPIC_KEY),
    {"key", 0, RESIGN(URI, key.token.key), "URI", "RFC 7512 URI of the private key (else ENSIGN_KEY)"},
    {"mrsigner", 0, RESIGN(ONCE, key.mrsigner), "HEX", "sign only with the key that has this MRSIGNER"},
    {"mechanism", 0, RESIGN(TEXT, key.mechanism), "NAME", "auto (default), rsa-pkcs or sha256-rsa-pkcs"},
    OPTION_TOPIC("Which files are signed"),
    {"files-from", 0, RESIGN(FILE_ONCE, files_from), "FILE",
     "the files named in it, a line each (- is stdin)"},
    {"null", '0', RESIGN(FLAG, null), NULL,
     "a zero byte ends each of those names, as find -print0 writes them"},
    {"all-components", 0, RESIGN(FLAG, all_components), NULL, "every SGX component of each bundle"},
    {"resume", 0, RESIGN(FLAG, resume), NULL,
     "skip what an earlier run signed, and clean up after one that was killed"},
    OPTION_TOPIC("What may be signed"),
    {"policy", 0, RESIGN(FILE_ONCE, policy), "FILE", "sign only what this policy allows"},
    {"dry-run", 0, RESIGN(FLAG, dry_run), NULL, "do everything but sign"},
    {"yes", 0, RESIGN(FLAG, yes), NULL, "do not ask for confirmation"},
    OPTION_TOPIC(TOPIC_TOKEN),
    {"sessions", 0, RESIGN(TEXT, key.token.sessions), "N",
     "how many sessions sign at a time, each with a login of its own (1)"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"jobs", 0, RESIGN(TEXT, jobs), "N",
     "how many files are worked on at a time (default: 4 for each processor)"},
    {"out-dir", 0, RESIGN(OUT_DIR, out_dir), "DIR",
     "write each file under its own name into DIR (default: in place)"},
    {"force", 0, RESIGN(FLAG, force), NULL, "replace an existing output"},
    {"json", 0, RESIGN(FLAG, json), NULL, "JSON Lines: one object for each enclave, and the sums"},
    {0},
};

const struct command cmd_resign = {
    .name = "resign",
    .operands = "[FILE...]",
    .summary = "sign many files again through one login",
    .host = COMMAND_ONE_HOST,
    .examples = "resign --key pkcs11:object=release --from release.orc --isvsvn 8 \\\n"
                "    --out-dir signed one.orc two.orc",
    .see_also = "sign (if the token is at another host), verify",
    .size = sizeof(struct resign_options),
    .groups = {{resign_rows, 0},
               {fields_rows, offsetof(struct resign_options, fields)},
               {token_rows, offsetof(struct resign_options, key.token)},
               {record_rows, offsetof(struct resign_options, record)}},
    .min = 0,
    .max = SIZE_MAX,
    .wants_name = true,
    .run = run_resign,
};
