/* A verdict in the making: every reason why the answer is no, and what else should be known. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/sgx/findings.h"
#include "signer/ui/doc.h"

struct verdict {
    struct buf text; /* lines; used where `doc` is NULL */
    struct doc *reasons;
    struct doc *warnings;
    size_t refusals;
    bool undecided; /* the one reason is ensign's own: what the profile's reader says is not known */
};

/* Adds a reason, or a warning: `object` is what it is about (a component, a file), `rule` a stable name. */
bool verdict_no(struct verdict *v, const char *object, const char *rule, struct ens_err *err, const char *fmt,
                ...) ENS_PRINTF(5, 6) ENS_MUST_CHECK;
bool verdict_warn(struct verdict *v, const char *object, const char *rule, struct ens_err *err,
                  const char *fmt, ...) ENS_PRINTF(5, 6) ENS_MUST_CHECK;

/* Adds all findings: errors as reasons, warnings as warnings. */
bool verdict_findings(struct verdict *v, const char *object, const struct findings *found,
                      struct ens_err *err) ENS_MUST_CHECK;
