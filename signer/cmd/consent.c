/* sign's third step: the approvals that the policy demands. */
#include "signer/cmd/consent.h"

#include "signer/base/base64.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/approval.h"
#include "signer/cmd/child_env.h"
#include "signer/cmd/record.h"

/* The people as ssh-keygen knows them, a line for each key: the name is the person's, so that two keys of one
 * are one. What these signatures cannot show (touch, a last day, a key's own end) is not taken for granted:
 * such keys are left out. */
static bool list_allowed(const struct policy *p, struct buf *ret, struct ens_err *err)
{
    const struct people *people = policy_people(p);
    bool shows_all = policy_approver_keys(p) == POLICY_KEYS_ANY && policy_approval_days(p) == 0;

    for (size_t i = 0; shows_all && i < people_keys(people); i++) {
        const struct person_key *k = people_key(people, i);
        const char *name = people_name(people, k->person);
        ENS_CLEANUP(buf_free) struct buf blob = {0};

        if (k->key.is_sk || k->until != 0 || revoked_has_person(policy_revoked(p), name) ||
            revoked_has_key(policy_revoked(p), k->fingerprint))
            continue;
        if (!base64_encode(k->blob, &blob, err) ||
            !buf_printf(ret, err, "%s %s %.*s\n", name, k->key.type, (int)blob.len, (const char *)blob.data))
            return false;
    }
    return true;
}

static bool report(const struct args *args, const struct request *q, const struct approvals *a,
                   struct transcript *transcript, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    for (size_t i = 0; i < a->len; i++) {
        const struct approval_row *row = &a->rows[i];

        transcript_add(transcript, "approval", "%s: %s: %s %s: %s", q->path, row->path,
                       row->principal[0] != '\0' ? row->principal : "unknown", row->key,
                       row->counts ? "counts" : row->why);
    }
    if (!text_line(&text, err, "Approvals of %s:", q->path) || !approval_render(a, &text, err))
        return false;
    notice_text(args, buf_view(&text));
    return true;
}

/* Nobody can have approved what a bare digest stands for: its sign-data is not here. */
static bool check_one(const struct args *args, const struct sshsig_tool *tool, struct view allowed,
                      const struct policy *p, struct request *q, struct transcript *transcript,
                      struct ens_err *err)
{
    ENS_CLEANUP(approvals_free) struct approvals a = {0};

    if (!q->is_blind &&
        (!approval_check(tool, &q->data, args->approvals.items, args->approvals.len, allowed, &a, err) ||
         !report(args, q, &a, transcript, err)))
        return false;
    policy_check_approvals(p, a.counted, 0, NULL, &q->outcome);
    if (policy_met(&q->outcome, err))
        return true;
    record_outcome(transcript, q);
    return ens_wrap(err, "%s", q->path);
}

bool consent_check(const struct args *args, const struct policy *p, struct requests *requests,
                   struct transcript *transcript, struct ens_err *err)
{
    ENS_CLEANUP(child_env_free) struct child_env env = {0};
    ENS_CLEANUP(buf_free) struct buf allowed = {0};

    if (p == NULL || policy_approvals(p) == 0) {
        if (args->approvals.len == 0)
            return true;
        return ens_fail(err, ENS_USAGE,
                        "--approval: nothing counts it: give --policy with lines approvals and approvers");
    }
    if (!list_allowed(p, &allowed, err) || !child_env_make(child_env_ssh, &env, err))
        return false;
    const struct sshsig_tool tool = {
        .program = child_env_ssh_keygen, .env = child_env_list(&env), .tmpdir = child_env_tmpdir()};

    for (size_t i = 0; i < requests->len; i++) {
        if (!check_one(args, &tool, buf_view(&allowed), p, &requests->items[i], transcript, err))
            return false;
    }
    return true;
}
