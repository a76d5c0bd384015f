/* sign's third step: the approvals that the policy demands. */
#include "signer/cmd/consent.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/approval.h"
#include "signer/cmd/child_env.h"
#include "signer/cmd/record.h"

/* The allowed_signers file is named relative to the policy file. */
static char *approvers_path(const char *policy_path, const char *approvers, struct ens_err *err)
{
    const char *slash = strrchr(policy_path, '/');

    if (approvers[0] == '/' || slash == NULL)
        return mem_strdup(approvers, err);
    return mem_printf(err, "%.*s/%s", (int)(slash - policy_path), policy_path, approvers);
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
static bool check_one(const struct args *args, const struct sshsig_tool *tool, const char *approvers,
                      const struct policy *p, struct request *q, struct transcript *transcript,
                      struct ens_err *err)
{
    ENS_CLEANUP(approvals_free) struct approvals a = {0};

    if (!q->is_blind &&
        (!approval_check(tool, &q->data, args->approvals.items, args->approvals.len, approvers, &a, err) ||
         !report(args, q, &a, transcript, err)))
        return false;
    policy_check_approvals(p, a.counted, &q->outcome);
    if (policy_met(&q->outcome, err))
        return true;
    record_outcome(transcript, q);
    return ens_wrap(err, "%s", q->path);
}

bool consent_check(const struct args *args, const struct policy *p, struct requests *requests,
                   struct transcript *transcript, struct ens_err *err)
{
    ENS_CLEANUP(child_env_free) struct child_env env = {0};
    ENS_CLEANUP(mem_freep) char *approvers = NULL;

    if (p == NULL || policy_approvals(p) == 0) {
        if (args->approvals.len == 0)
            return true;
        return ens_fail(err, ENS_USAGE,
                        "--approval: nothing counts it: give --policy with lines approvals and approvers");
    }
    approvers = approvers_path(args->policy, policy_approvers(p), err);
    if (approvers == NULL || !child_env_make(child_env_ssh, &env, err))
        return false;
    record_file(transcript, "approvers", approvers);
    const struct sshsig_tool tool = {
        .program = child_env_ssh_keygen, .env = child_env_list(&env), .tmpdir = child_env_tmpdir()};

    for (size_t i = 0; i < requests->len; i++) {
        if (!check_one(args, &tool, approvers, p, &requests->items[i], transcript, err))
            return false;
    }
    return true;
}
