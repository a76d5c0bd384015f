/* The review as JSON: policy, sign-data, people and their answers. For check, which tells some of it in text as well, and
 * sign --json. */
#pragma once

#include "signer/flow/consent.h"
#include "signer/sgx/findings.h"
#include "signer/ui/report.h"

/* "kind" and "format", the policy with its files, people and id (`p` NULL: null); if there is no sign-data the people
 * in text as well. */
void consent_report_policy(struct report *r, const char *path, const struct policy *p,
                           const struct requests *requests);
/* The dangers of a sign-data under the key `mrsigner` (NULL: not known). */
void consent_report_found(const struct request *q, const uint8_t *mrsigner, struct findings *ret);
/* Members of an object that is open: a sign-data with its dangers and every keyword that spoke. `index`: its number. */
void consent_report_item(struct report *r, const struct request *q, size_t index, const struct consent *c,
                         const uint8_t *mrsigner);
/* "set_digest": over all of several sign-data, as sign and approve show it, to be read aloud; null: there is one. */
bool consent_report_set(struct report *r, const struct requests *requests,
                        struct ens_err *err) ENS_MUST_CHECK;
/* Each approval with its verdict. */
void consent_report_approvals(struct report *r, const struct consent *c);
