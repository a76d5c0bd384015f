/* The parts of check's report that are more in JSON than in text. */
#pragma once

#include "signer/flow/consent.h"
#include "signer/sgx/findings.h"
#include "signer/ui/report.h"

/* "kind" and "format", the policy with its files, people and id; if there is no sign-data the people in text as
 * well. */
void check_report_policy(struct report *r, const char *path, const struct policy *p,
                         const struct requests *requests);
/* The dangers of a sign-data under the key `mrsigner` (NULL: not known). */
void check_dangers(const struct request *q, const uint8_t *mrsigner, struct findings *ret);
/* Each sign-data with its dangers and every keyword that spoke; each approval with its verdict. */
void check_report_items(struct report *r, const struct requests *requests, const struct consent *c,
                        const uint8_t *mrsigner);
void check_report_approvals(struct report *r, const struct consent *c);
