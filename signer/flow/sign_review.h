/* What sign and quorum sign do alike before a key is used: policy and approvals, then what the operator sees, and the
 * question. */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/flow/consent.h"
#include "signer/flow/request.h"
#include "signer/ui/options.h"

/* Everything is borrowed. */
struct sign_review {
    const struct requests *requests;
    const struct policy *policy; /* NULL: none is given */
    const char *policy_path;
    const struct consent *consent;
    const uint8_t *mrsigner;
    const char *out_dir;              /* of many */
    const char *key_label, *key_text; /* in the summary: what signs */
    bool asks_each;                   /* the PIN for every signature */
    bool yes, dry_run;
};

/* Shows the review and asks, unless --yes, --dry-run, or nothing is left to sign. `ret_answer`: "yes" or
 * "words", for the record; NULL: nobody was asked. ENS_REFUSED: the answer was no. */
bool sign_review(const struct sign_review *s, const char **ret_answer, struct ens_err *err) ENS_MUST_CHECK;

/* Writes what the policy (NULL: none) says of each sign-data and of the run into its outcome; lines about a quorum fail
 * unless `is_quorum`. ENS_REFUSED. */
bool sign_check_policy(const struct policy *p, bool is_quorum, bool keeps_transcript, bool asks_person,
                       struct requests *requests, struct ens_err *err) ENS_MUST_CHECK;
/* Does all that was checked so far hold? ENS_REFUSED naming the sign-data. */
bool sign_policy_met(const struct policy *p, const struct requests *requests,
                     struct ens_err *err) ENS_MUST_CHECK;

/* Judges the approvals, by ssh-keygen: before a module is loaded. If neither --mrsigner (`mrsigner`, hexadecimal, or NULL)
 * nor the policy says which key will sign, what is for another one is seen when the key is known: by consent_count. */
struct sign_approvals {
    const struct text_list *named;
    const char *mrsigner, *transcript;
    const struct transcript_rejections *past;
    const struct policy *policy;
};
bool sign_judge_approvals(const struct sign_approvals *a, struct requests *requests, struct consent *ret,
                          struct ens_err *err) ENS_MUST_CHECK;
