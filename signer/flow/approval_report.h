/* What an approval says, in JSON: for check and show. */
#pragma once

#include "signer/ceremony/approval.h"
#include "signer/ui/report.h"

/* "id" to "note"; all null if it has no statement. */
void approval_report(const struct approval *a, struct report *r);
