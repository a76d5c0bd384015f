/* What is dangerous about many sign-data, said once for all of them: a thousand times the same line would
 * hide the one that differs. */
#pragma once

#include "signer/ceremony/review.h"

/* Different dangers that are told apart; what comes after is not. */
#define DANGERS_MAX 8

/* Files that are named. */
#define DANGERS_FILES_MAX 4

struct dangers {
    size_t of; /* sign-data that were looked at */
    struct {
        char text[FINDING_TEXT_MAX];
        const char *files[DANGERS_FILES_MAX]; /* the first that have it */
        size_t count;
    } items[DANGERS_MAX];
    size_t len;
};

/* Looks at one more, of `file`, whose name is borrowed. */
void dangers_count(struct dangers *d, const struct review *r, const char *file);

/* A warning for each danger, with how many have it, and which, if not all do; without the number if there is one
 * sign-data. */
void dangers_say(const struct dangers *d);

/* Says the review; with --quiet only its dangers, as warnings. ENS_RESOURCE. */
bool dangers_review(const struct review *r, struct ens_err *err) ENS_MUST_CHECK;

/* The same of a finished SIGSTRUCT. */
bool dangers_review_signed(const struct sigstruct *css, struct ens_err *err) ENS_MUST_CHECK;
