/* What became of each file of resign: a line of JSON or of words each, in the order in which they were given,
 * as soon as all before it are known; the rate on a terminal; the sums. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/digest.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/resign/resign.h"
#include "signer/flow/dangers.h"
#include "signer/ui/pace.h"
#include "signer/ui/report.h"

struct resign_report {
    const struct resign *r;
    size_t counts[RESIGN_FAILED + 1]; /* enclaves, by enum resign_status */
    size_t enclaves;
    const struct ens_err *first_failure; /* of the first file that failed; NULL: none did */
    bool stdout_failed;
    struct report json;     /* a line for each enclave */
    struct dangers dangers; /* of what was signed, or would be */
    struct pace pace;
};

bool resign_report_new(const struct resign *r, struct resign_report **ret, struct ens_err *err)
{
    struct resign_report *report = mem_alloc(1, sizeof *report, err);

    if (report == NULL)
        return false;
    report->r = r;
    report_begin(&report->json, REPORT_JSON_LINES, 0);
    *ret = report;
    return true;
}

void resign_report_begin(struct resign_report *p)
{
    pace_begin(&p->pace, p->r->len, p->r->signer.selected->always_authenticate == HSM_YES);
}

void resign_report_item(struct resign_report *p, size_t index)
{
    pace_item(&p->pace, index, p->r->files[index].path);
}

void resign_report_freep(struct resign_report **report)
{
    if (*report != NULL)
        report_free(&(*report)->json);
    mem_free(*report);
    *report = NULL;
}

static const char *status_name(enum resign_status s)
{
    switch (s) {
    case RESIGN_SIGNED:
        return "signed";
    case RESIGN_SKIPPED:
        return "skipped";
    case RESIGN_FAILED:
        return "failed";
    case RESIGN_NOT_DONE:
    default:
        return "not-done";
    }
}

/* Asked for a file that is not done: a signal is looked for first, because a worker that was interrupted may
 * ask while another thread writes `stopped`. */
static struct ens_err why_not_done(const struct resign *r)
{
    struct ens_err err = {0};

    return interrupt_check(&err) ? r->stopped : err;
}

bool resign_fail_interrupted(const struct resign *r, struct ens_err *err)
{
    size_t all = 0;
    size_t done = 0;

    for (size_t i = 0; i < r->len; i++) {
        all += r->files[i].len > 0 ? r->files[i].len : 1;
        for (size_t k = 0; k < r->files[i].len; k++)
            done += r->files[i].enclaves[k].status == RESIGN_SIGNED ||
                    r->files[i].enclaves[k].status == RESIGN_SKIPPED;
    }
    return ens_fail(
        err, ENS_INTERRUPTED,
        "interrupted: %zu of %zu are done, the other files are as they were: repeat with --resume", done,
        all);
}

/* ---- JSON ---- */

/* `error` and `exit_status`: null and 0 if all is well. */
static void report_error(struct report *j, const struct ens_err *err)
{
    report_text(j, "error", NULL, err->code != ENS_OK ? err->msg : NULL);
    report_uint(j, "exit_status", NULL, (uint64_t)interrupt_status(err->code));
}

static void report_signed(struct report *j, const struct resign *r, const struct resign_enclave *x)
{
    char date[REVIEW_DATE_MAX];

    report_hex(j, "mrenclave", NULL, sigstruct_get(&x->css, CSS_ENCLAVEHASH));
    report_hex(j, "mrsigner", NULL, view_of(r->signer.mrsigner, MRSIGNER_SIZE));
    report_uint(j, "isvprodid", NULL, sigstruct_get_int(&x->css, CSS_ISVPRODID));
    report_uint(j, "isvsvn", NULL, sigstruct_get_int(&x->css, CSS_ISVSVN));
    report_text(j, "date", NULL, review_date(&x->css, date));
    report_hex(j, "digest", NULL, view_of(x->digest, sizeof x->digest));
}

/* As a record has it; null: there is no signature. */
static void put_signature(struct report *j, const struct resign_enclave *x)
{
    uint8_t sha256[DIGEST_SIZE];
    bool is_there =
        x != NULL && (x->status == RESIGN_SIGNED || x->status == RESIGN_SKIPPED) && resign_sum(x, sha256);

    report_hex(j, "signature_sha256", NULL, view_of(is_there ? sha256 : NULL, is_there ? DIGEST_SIZE : 0));
}

static void put_dangers(struct report *j, const struct resign *r, const struct resign_enclave *x)
{
    struct findings found = {0};
    struct review review;

    if (x != NULL && x->has_fields) {
        resign_review(r, x, &review);
        review_dangers(&review, &found);
    }
    review_danger_report(&found, j);
}

/* UTC, as in a record. */
static void report_time(struct report *j, const char *key, int64_t seconds)
{
    struct ens_err ignored = {0};
    unsigned of_day = (unsigned)(seconds % 86400);
    struct date d;

    if (seconds <= 0 || !date_of_epoch(seconds, &d, &ignored))
        report_null(j, key);
    else
        report_field(j, key, NULL, "%04u-%02u-%02uT%02u:%02u:%02uZ", d.year, d.month, d.day, of_day / 3600,
                     of_day / 60 % 60, of_day % 60);
}

static void report_nothing_signed(struct report *j)
{
    static const char *const keys[] = {"mrenclave", "mrsigner", "isvprodid", "isvsvn", "date", "digest"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        report_null(j, keys[i]);
}

/* One enclave; `x` NULL: the file was not understood, or not begun. */
static bool print_json(struct resign_report *p, const struct resign_file *f, const struct resign_enclave *x,
                       enum resign_status status, struct ens_err *err)
{
    struct report *j = &p->json;
    struct ens_err why = {0};

    report_text(j, "file", NULL, f->path);
    report_text(j, "component", NULL, x != NULL ? x->component : NULL);
    report_text(j, "output", NULL, f->out_path != NULL ? f->out_path : f->path);
    report_text(j, "status", NULL, status_name(status));
    if (x != NULL && x->has_fields)
        report_signed(j, p->r, x);
    else
        report_nothing_signed(j);
    put_signature(j, x);
    put_dangers(j, p->r, x);
    report_time(j, "started", f->started);
    report_time(j, "ended", f->ended);
    if (status == RESIGN_FAILED)
        why = f->err;
    else if (status == RESIGN_NOT_DONE)
        why = why_not_done(p->r);
    report_text(j, "reason", NULL,
                status == RESIGN_SKIPPED ? "signed already, and verifies"
                : why.code != ENS_OK     ? why.msg
                                         : NULL);
    report_error(j, &why);
    report_kind(j, "resign");
    return report_print(j, err);
}

/* The sums, and the exit status of the run, with what ended it: a signal, the token,
 * or the first file that failed. */
static bool print_sums(struct resign_report *p, struct ens_err *err)
{
    struct report *j = &p->json;
    struct ens_err why = why_not_done(p->r);

    if (why.code == ENS_INTERRUPTED)
        (void)resign_fail_interrupted(p->r, &why);
    if (why.code == ENS_OK && p->first_failure != NULL)
        why = *p->first_failure;
    report_object(j, "summary", NULL, 0);
    report_uint(j, "files", NULL, p->r->len);
    report_uint(j, "enclaves", NULL, p->enclaves);
    report_uint(j, "signed", NULL, p->counts[RESIGN_SIGNED]);
    report_uint(j, "skipped", NULL, p->counts[RESIGN_SKIPPED]);
    report_uint(j, "failed", NULL, p->counts[RESIGN_FAILED]);
    report_uint(j, "not_done", NULL, p->counts[RESIGN_NOT_DONE]);
    report_error(j, &why);
    report_close(j);
    report_kind(j, "resign");
    return report_print(j, err);
}

/* ---- words ---- */

static void say_enclave(const struct resign_file *f, const struct resign_enclave *x)
{
    const char *gap = x->component != NULL ? ": component " : "";
    const char *component = x->component != NULL ? x->component : "";
    char date[REVIEW_DATE_MAX];
    char before[32] = "";

    if (x->has_before)
        (void)snprintf(before, sizeof before, "%" PRIu64 " -> ", sigstruct_get_int(&x->before, CSS_ISVSVN));
    if (x->status == RESIGN_SKIPPED)
        notice_say("%s%s%s: signed already, kept", f->out_path != NULL ? f->out_path : f->path, gap,
                   component);
    else if (x->status == RESIGN_SIGNED)
        notice_say("%s%s%s: signed, ISVPRODID %" PRIu64 ", ISVSVN %s%" PRIu64 ", DATE %s, %s%s.", f->path,
                   gap, component, sigstruct_get_int(&x->css, CSS_ISVPRODID), before,
                   sigstruct_get_int(&x->css, CSS_ISVSVN), review_date(&x->css, date),
                   f->out_path != NULL ? "written to " : "written in place",
                   f->out_path != NULL ? f->out_path : "");
}

static void count_dangers(struct resign_report *p, const struct resign_file *f,
                          const struct resign_enclave *x)
{
    bool would_be =
        p->r->args->dry_run && x->status == RESIGN_NOT_DONE && f->err.code == ENS_OK && x->has_fields;
    struct review review;

    resign_review(p->r, x, &review);
    if (x->status == RESIGN_SIGNED || would_be)
        dangers_count(&p->dangers, &review, f->path);
}

/* ---- one file ---- */

static void report_enclave(struct resign_report *p, const struct resign_file *f,
                           const struct resign_enclave *x)
{
    enum resign_status status = x != NULL               ? x->status
                                : f->err.code != ENS_OK ? RESIGN_FAILED
                                                        : RESIGN_NOT_DONE;
    struct ens_err ignored = {0};

    p->counts[status]++;
    p->enclaves++;
    if (p->r->args->json) {
        /* Whoever read it is gone: the files are worth finishing, and the end says so. */
        if (!p->stdout_failed && !print_json(p, f, x, status, &ignored))
            p->stdout_failed = true;
    } else if (x != NULL) {
        say_enclave(f, x);
    }
    if (x != NULL)
        count_dangers(p, f, x);
}

void resign_report_file(struct resign_report *p, size_t index)
{
    const struct resign_file *f = &p->r->files[index];

    if (f->len == 0)
        report_enclave(p, f, NULL);
    for (size_t i = 0; i < f->len; i++)
        report_enclave(p, f, &f->enclaves[i]);
    if (f->err.code != ENS_OK) {
        if (!f->is_said)
            notice_error(&f->err);
        if (p->first_failure == NULL)
            p->first_failure = &f->err;
    }
    pace_show(&p->pace, index + 1);
}

/* ---- the end ---- */

bool resign_report_end(struct resign_report *p, enum ens_code *ret, struct ens_err *err)
{
    struct ens_err ignored = {0};

    pace_end(&p->pace);
    dangers_say(&p->dangers);
    if (p->r->args->json && (p->stdout_failed || !print_sums(p, &ignored)))
        return ens_fail(err, ENS_IO,
                        "stdout: cannot be written: what was signed is signed, repeat with --resume");
    if (p->enclaves > 1)
        notice_say("%zu enclaves in %zu files: %zu signed, %zu signed already, %zu failed, %zu not done",
                   p->enclaves, p->r->len, p->counts[RESIGN_SIGNED], p->counts[RESIGN_SKIPPED],
                   p->counts[RESIGN_FAILED], p->counts[RESIGN_NOT_DONE]);
    *ret = p->first_failure != NULL ? p->first_failure->code : ENS_OK;
    return true;
}
