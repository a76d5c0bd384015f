/* check: policy and approvals without a token, as sign will judge them. Says every reason, not the first;
 * exit status 0 or 77. Without sign-data it lists the persons, their keys and the policy's id. */
#include "signer/cmd/check/check.h"

#include <stdio.h>
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/signer_name.h"
#include "signer/flow/verdict.h"
#include "signer/sgx/params.h"

/* One run of check. */
struct run {
    const struct args *args;
    struct policy *policy;
    struct requests requests;
    struct transcript_rejections past; /* what the transcript remembers */
    struct consent consent;
    bool has_mrsigner; /* named by --mrsigner, --pubkey or the policy */
    uint8_t mrsigner[MRSIGNER_SIZE];
    struct verdict verdict;
    struct doc *doc; /* NULL: text */
};

static void run_free(struct run *r)
{
    doc_freep(&r->doc);
    buf_free(&r->verdict.text);
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
        return signer_name_read(r->args, r->mrsigner, err);
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
    struct args args = *r->args;

    args.blind = true;
    args.params.allow_unusual = true;
    return args.operands_len == 0 || requests_read(&args, &r->requests, err);
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
    if (q->is_blind || r->args->params.allow_unusual || params_check(&q->css, false, &unusual))
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

/* ---- text ---- */

static bool add_digest(struct buf *text, const char *label, const char *name, const uint8_t *digest,
                       struct ens_err *err)
{
    char hex[2 * DIGEST_SIZE + 1];

    hex_encode(hex, view_of(digest, DIGEST_SIZE));
    return text_line(text, err, "%s %s %s", label, hex, name);
}

static bool add_files(const struct run *r, struct buf *text, struct ens_err *err)
{
    static const enum policy_check files[] = {POLICY_APPROVERS, POLICY_REVOKED};

    if (!add_digest(text, "policy", r->args->policy, policy_id(r->policy), err))
        return false;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const struct policy_file *f = policy_file(r->policy, files[i]);

        if (f != NULL && !add_digest(text, policy_name(files[i]), f->path, f->sha256, err))
            return false;
    }
    return true;
}

static bool add_item(struct run *r, size_t index, struct buf *text, struct ens_err *err)
{
    const struct request *q = &r->requests.items[index];
    const char *unchecked = policy_unchecked(r->policy);
    size_t before = r->verdict.refusals;
    size_t lines = 0;
    size_t hold = 0;

    policy_count(r->policy, &q->outcome, &lines, &hold);
    if (!add_reasons(r, q, err))
        return false;
    if (r->verdict.refusals == before &&
        !text_line(text, err, "yes: %s: %zu of %zu lines of the policy hold", q->path, hold, lines))
        return false;
    if (!buf_append(text, buf_view(&r->verdict.text), err))
        return false;
    r->verdict.text.len = 0;
    return consent_render(&r->consent, &r->requests, index, text, err) &&
           policy_render(&q->outcome, text, err) &&
           (unchecked[0] == '\0' || buf_printf(text, err, "  no line checks  %s\n", unchecked));
}

static bool add_people(const struct run *r, struct buf *text, struct ens_err *err)
{
    const struct people *people = policy_people(r->policy);
    size_t last = PEOPLE_MAX;

    for (size_t i = 0; people != NULL && i < people_keys(people); i++) {
        const struct person_key *k = people_key(people, i);
        const char *name = people_name(people, k->person);
        bool revoked = revoked_has_key(policy_revoked(r->policy), k->fingerprint) ||
                       revoked_has_person(policy_revoked(r->policy), name);

        if (k->person != last && !buf_printf(text, err, "person %s\n", name))
            return false;
        last = k->person;
        if (!buf_printf(text, err, "  %s %s%s", k->fingerprint, k->key.type,
                        k->verify_required ? " verify-required" : "") ||
            (k->until != 0 && !buf_printf(text, err, " until=%08x", k->until)) ||
            !buf_printf(text, err, "%s\n", revoked ? " REVOKED" : ""))
            return false;
    }
    return true;
}

static bool print_text(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    for (size_t i = 0; i < r->requests.len; i++) {
        if (!add_item(r, i, &text, err))
            return false;
    }
    if (!add_signer_reason(r, err) || !buf_append(&text, buf_view(&r->verdict.text), err))
        return false;
    if (r->requests.len == 0 && !add_people(r, &text, err))
        return false;
    return add_files(r, &text, err) && notice_result(buf_view(&text), err);
}

/* ---- JSON ---- */

static bool print_json(struct run *r, struct ens_err *err)
{
    if (!doc_new(&r->doc, err))
        return false;
    check_json_policy(r->doc, r->args->policy, r->policy, &r->requests);
    if (r->has_mrsigner)
        doc_hex(r->doc, "mrsigner", view_of(r->mrsigner, MRSIGNER_SIZE));
    else
        doc_text(r->doc, "mrsigner", NULL);
    check_json_items(r->doc, &r->requests, &r->consent);
    check_json_approvals(r->doc, &r->consent);
    r->verdict.reasons = doc_array(r->doc, "reasons");
    for (size_t i = 0; i < r->requests.len; i++) {
        if (!add_reasons(r, &r->requests.items[i], err))
            return false;
    }
    return add_signer_reason(r, err) && doc_print(r->doc, err);
}

/* ---- the walk ---- */

bool cmd_check(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(run_free) struct run r = {.args = args};

    if (args->policy == NULL)
        return ens_fail(err, ENS_USAGE, "--policy: is missing: name the policy that sign will be given");
    if (!policy_open(args->policy, &r.policy, err) || !read_mrsigner(&r, err) || !read_past(&r, err) ||
        !consent_judge(args, r.policy, &r.past, r.has_mrsigner ? r.mrsigner : NULL, &r.consent, err) ||
        !read_requests(&r, err))
        return false;
    judge_policy(&r);
    if (!consent_count(&r.consent, r.has_mrsigner ? r.mrsigner : NULL, &r.requests, err) ||
        !(args->json ? print_json(&r, err) : print_text(&r, err)))
        return false;
    if (r.verdict.refusals == 0)
        return true;
    err->code = ENS_REFUSED;
    return false;
}
