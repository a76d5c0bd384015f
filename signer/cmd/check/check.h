/* check --json: the parts of its document, and of show's for an approval. */
#pragma once

#include "signer/flow/consent.h"
#include "signer/ui/doc.h"

/* Add to `at`: "kind" and "format", the policy with its files, people and id; each sign-data with every
 * keyword that spoke; each approval with its verdict. */
void check_json_policy(struct doc *at, const char *path, const struct policy *p, const struct requests *r);
void check_json_items(struct doc *at, const struct requests *r, const struct consent *c);
void check_json_approvals(struct doc *at, const struct consent *c);

/* What an approval says: "id" to "note"; all null if it has no statement. */
void check_json_statement(struct doc *at, const struct approval *a);
