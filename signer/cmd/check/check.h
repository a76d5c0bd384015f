/* The parts of check's report that are more in JSON than in text. */
#pragma once

#include "signer/flow/consent.h"
#include "signer/ui/report.h"

/* "kind" and "format", the policy with its files, people and id; if there is no sign-data the people in text as
 * well. */
void check_report_policy(struct report *r, const char *path, const struct policy *p,
                         const struct requests *requests);
/* Each sign-data with every keyword that spoke; each approval with its verdict. */
void check_report_items(struct report *r, const struct requests *requests, const struct consent *c);
void check_report_approvals(struct report *r, const struct consent *c);
