/* check: policy and approvals without a token, as sign will judge them. Says every reason, not the first;
 * exit status 0 or 77. Without sign-data it lists the persons, their keys and the policy's id. */
#include "signer/flow/consent_report.h"

#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/signer_name.h"
#include "signer/flow/verdict.h"
#include "signer/sgx/params.h"

struct check_options {
    const char *policy, *transcript;
    struct text_list approvals;
    const char *mrsigner, *pubkey;
    bool allow_unusual, json;
};

/* One run of check. */
struct run {
    const struct command_line *line;
    const struct check_options *args;
    struct policy *policy;
    struct requests requests;
    struct transcript_rejections past; /* what the transcript remembers */
    struct consent consent;
    bool has_mrsigner; /* named by --mrsigner, --pubkey or the policy */
    uint8_t mrsigner[MRSIGNER_SIZE];
    struct verdict verdict;
    struct report report;
};

static void check_run_free(struct run *r)
{
    report_free(&r->report);
    verdict_free(&r->verdict);
    consent_free(&r->consent);
    transcript_rejections_free(&r->past);
    requests_free(&r->requests);
    policy_freep(&r->policy);
}

/* ---- reading ---- */

static bool read_mrsigner(struct run *r, struct ens_err *err)
{
    const uint8_t *pinned = policy_mrsigner(r->policy);
    bool named = r->args->mrsigner != NULL || r->args->pubkey != NULL;

    r->has_mrsigner = named || pinned != NULL;
    if (named)
        return signer_name_read(r->args->pubkey, r->args->mrsigner, r->mrsigner, err);
    if (pinned != NULL)
        memcpy(r->mrsigner, pinned, MRSIGNER_SIZE);
    return true;
}

/* The transcript is read and never written: whoever checks is not in the room. */
static bool read_past(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    return r->args->transcript == NULL ||
           (transcript_read(r->args->transcript, &text, err) &&
            transcript_collect_rejections(buf_view(&text), r->args->transcript, &r->past, err));
}

/* A digest and unusual fields are reasons here, and not the end. */
static bool read_requests(struct run *r, struct ens_err *err)
{
    const struct requests_wanted wanted = {
        .paths = r->line->operands, .len = r->line->operands_len, .blind = true, .allow_unusual = true};

    return wanted.len == 0 || requests_read(&wanted, &r->requests, err);
}

/* ---- judging ---- */

static void judge_policy(struct run *r)
{
    bool named = r->args->mrsigner != NULL || r->args->pubkey != NULL;

    for (size_t i = 0; i < r->requests.len; i++) {
        struct request *q = &r->requests.items[i];

        policy_outcome_begin(r->policy, &q->outcome);
        policy_check_fields(r->policy, q->is_blind ? NULL : &q->css, &q->outcome);
        policy_check_items(r->policy, r->requests.len, &q->outcome);
        if (named)
            policy_check_mrsigner(r->policy, r->mrsigner, &q->outcome);
    }
}

static bool add_reasons(struct run *r, const struct request *q, struct ens_err *err)
{
    struct ens_err unusual = {0};

    for (int c = 0; c < POLICY_CHECKS; c++) {
        const char *name = policy_name((enum policy_check)c);

        if (q->outcome.rows[c].result == POLICY_FAILS &&
            !verdict_no(&r->verdict, q->path, name, err, "%s: %s", name, q->outcome.rows[c].text))
            return false;
    }
    if (q->is_blind || r->args->allow_unusual || params_check(&q->css, false, &unusual))
        return true;
    return verdict_no(&r->verdict, q->path, "unusual", err, "%s: sign refuses it without --allow-unusual",
                      unusual.msg);
}

/* Without sign-data there is no item that the key could be held against. */
static bool add_signer_reason(struct run *r, struct ens_err *err)
{
    const uint8_t *pinned = policy_mrsigner(r->policy);

    if (r->requests.len > 0 || pinned == NULL || memcmp(pinned, r->mrsigner, MRSIGNER_SIZE) == 0)
        return true;
    return verdict_no(&r->verdict, r->args->policy, "mrsigner", err, "mrsigner: the policy pins another key");
}

/* ---- the report ---- */

static const uint8_t *known_mrsigner(const struct run *r)
{
    return r->has_mrsigner ? r->mrsigner : NULL;
}

/* The names that stand beside sign's question. */
static bool add_dangers(const struct run *r, const struct request *q, struct buf *ret, struct ens_err *err)
{
    struct findings found = {0};

    consent_report_found(q, known_mrsigner(r), &found);
    return found.len == 0 || (buf_printf(ret, err, "  %-15s %zu: ", "dangers", found.len) &&
                              review_danger_names(&found, ret, err) && buf_printf(ret, err, "\n"));
}

/* What sign would say of it, then the approvals and the policy's lines; in JSON this is told otherwise. */
static bool report_item(struct run *r, size_t index, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf lines = {0};
    const struct request *q = &r->requests.items[index];
    const char *unchecked = policy_unchecked(r->policy);
    size_t before = r->verdict.len;
    size_t wanted = 0;
    size_t hold = 0;

    policy_count(r->policy, &q->outcome, &wanted, &hold);
    if (!add_reasons(r, q, err) || !consent_render(&r->consent, &r->requests, index, &lines, err) ||
        !policy_render(&q->outcome, &lines, err) || !add_dangers(r, q, &lines, err))
        return false;
    if (r->verdict.len == before)
        report_line(&r->report, "yes: %s: %zu of %zu lines of the policy hold", q->path, hold, wanted);
    verdict_report_lines(&r->verdict, before, &r->report);
    report_lines(&r->report, buf_view(&lines));
    if (r->consent.approvals.len > 0 && !r->has_mrsigner)
        report_line(&r->report,
                    "  %-15s not checked: which key the approvals are for (--pubkey or --mrsigner checks it)",
                    policy_name(POLICY_MRSIGNER));
    if (unchecked[0] != '\0')
        report_line(&r->report, "  no line checks  %s", unchecked);
    return true;
}

static void report_digest(struct run *r, const char *label, const uint8_t *digest, const char *name)
{
    struct view hash = view_of(digest, DIGEST_SIZE);

    if (r->report.is_grouped) {
        report_line(&r->report, "%s %s", label, name);
        report_line(&r->report, "  %s", hex_for(hash, true).text);
    } else {
        report_line(&r->report, "%s %s %s", label, hex_of(hash).text, name);
    }
}

static void report_files(struct run *r)
{
    static const enum policy_check files[] = {POLICY_APPROVERS, POLICY_REVOKED};

    report_digest(r, "policy", policy_id(r->policy), r->args->policy);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const struct policy_file *f = policy_file(r->policy, files[i]);

        if (f != NULL)
            report_digest(r, policy_name(files[i]), f->sha256, f->path);
    }
}

static bool print_run(struct run *r, struct ens_err *err)
{
    report_begin(&r->report, r->args->json ? REPORT_JSON : REPORT_TEXT, 0);
    for (size_t i = 0; i < r->requests.len; i++) {
        if (!report_item(r, i, err))
            return false;
    }
    size_t before = r->verdict.len;

    if (!add_signer_reason(r, err))
        return false;
    verdict_report_lines(&r->verdict, before, &r->report);
    consent_report_policy(&r->report, r->args->policy, r->policy, &r->requests);
    report_hex(&r->report, "mrsigner", NULL,
               r->has_mrsigner ? view_of(r->mrsigner, MRSIGNER_SIZE) : view_of(NULL, 0));
    report_array(&r->report, "items", NULL, 0);
    for (size_t i = 0; i < r->requests.len; i++) {
        report_object(&r->report, NULL, NULL, 0);
        consent_report_item(&r->report, &r->requests.items[i], i, &r->consent, known_mrsigner(r));
        report_close(&r->report);
    }
    report_close(&r->report);
    if (!consent_report_set(&r->report, &r->requests, err))
        return false;
    consent_report_approvals(&r->report, &r->consent);
    report_files(r);
    verdict_report_array(&r->verdict, true, false, &r->report);
    return report_print(&r->report, err);
}

/* ---- the walk ---- */

static bool run_check(const struct command_line *line, struct ens_err *err)
{
    const struct check_options *args = line->options;
    ENS_CLEANUP(check_run_free) struct run r = {.line = line, .args = args};

    if (args->policy == NULL)
        return ens_fail(err, ENS_USAGE, "--policy: is missing: name the policy that sign will be given");
    if (!policy_open(args->policy, &r.policy, err) || !read_mrsigner(&r, err) || !read_past(&r, err) ||
        !consent_judge(&args->approvals, args->transcript, r.policy, &r.past, known_mrsigner(&r), &r.consent,
                       err) ||
        !read_requests(&r, err))
        return false;
    judge_policy(&r);
    if (!consent_count(&r.consent, known_mrsigner(&r), &r.requests, err) || !print_run(&r, err))
        return false;
    if (r.verdict.refusals == 0)
        return true;
    err->code = ENS_REFUSED;
    return false;
}

#define CHECK(KIND, member) OPTION(KIND, struct check_options, member)

static const struct option check_rows[] = {
    OPTION_TOPIC("What the room will be given"),
    {"policy", 0, CHECK(FILE_ONCE, policy), "FILE", "the policy that sign will be given"},
    {"approval", 0, CHECK(FILES, approvals), "FILE",
     "an approval, or a directory of them; may be given several times"},
    {"mrsigner", 0, CHECK(ONCE, mrsigner), "HEX", "MRSIGNER of the key that will sign; or"},
    {"pubkey", 0, CHECK(FILE_ONCE, pubkey), "FILE", "that key, PEM"},
    {"transcript", 0, CHECK(RECORD, transcript), "FILE", "the record of the room: a no in it is remembered"},
    {"allow-unusual", 0, CHECK(FLAG, allow_unusual), NULL, "as it will be given to sign"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, CHECK(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_check = {
    .name = "check",
    .operands = "[SIGN-DATA...]",
    .summary = "do policy and approvals hold? needs no token",
    .host = COMMAND_REVIEW,
    .examples = "check --policy release.policy\n"
                "check --policy release.policy --approval approvals \\\n"
                "    --pubkey release.pem app.signdata",
    .see_also = "approve, sign; verify (what is signed)",
    .size = sizeof(struct check_options),
    .groups = {{check_rows, 0}},
    .min = 0,
    .max = SIZE_MAX,
    .run = run_check,
};
