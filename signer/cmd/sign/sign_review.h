/* sign's fourth step: what its operator sees, and the question. */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/flow/request.h"
#include "signer/flow/signing_key.h"

/* Everything is borrowed. */
struct sign_review {
    const struct args *args;
    const struct requests *requests;
    const struct policy *policy; /* NULL: none is given */
    const struct signing_key *signer;
    struct view details; /* lines above the review, which may scroll away */
    struct view consent; /* who approved, for the summary: "2 of 2: alice, bob" */
};

/* Shows the review and asks, unless --yes, --dry-run, or nothing is left to sign. `ret_answer`: "yes" or
 * "words", for the record; NULL: nobody was asked. ENS_REFUSED: the answer was no. */
bool sign_review(const struct sign_review *s, const char **ret_answer, struct ens_err *err) ENS_MUST_CHECK;
