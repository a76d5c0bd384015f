/* A verdict in the making: every reason why the answer is no, and what else should be known. */
#pragma once

#include "signer/sgx/findings.h"
#include "signer/ui/report.h"

/* Zero-initialise; release with verdict_free. */
struct verdict {
    struct verdict_row {
        bool is_no; /* else a warning */
        char *object;
        char *text;
        const char *rule; /* borrowed */
    } * rows;
    size_t len;
    size_t refusals;
    bool undecided;   /* the one reason is ensign's own: what the profile's reader says is not known */
    const char *file; /* borrowed; lines name it before an object inside it. NULL: they do not */
    /* The objects that were judged, in the order of the file. */
    struct verdict_object {
        char *name;
        bool is_signed;
        enum verdict_mrenclave {
            VERDICT_UNMEASURED,
            VERDICT_HASHED,
            VERDICT_MEASURED,
            VERDICT_REBUILT
        } mrenclave;
    } * objects;
    size_t objects_len;
};

void verdict_free(struct verdict *v);

/* Adds a reason, or a warning: `object` is what it is about (a component, a file), `rule` a stable name that
 * outlives the verdict. */
bool verdict_no(struct verdict *v, const char *object, const char *rule, struct ens_err *err, const char *fmt,
                ...) ENS_PRINTF(5, 6) ENS_MUST_CHECK;
bool verdict_warn(struct verdict *v, const char *object, const char *rule, struct ens_err *err,
                  const char *fmt, ...) ENS_PRINTF(5, 6) ENS_MUST_CHECK;

/* Adds an object that is judged; ENCLAVEHASH of one that is signed was held against what its stream measures to, against
 * SHA-256 of the stream, against nothing, or, of a
 * rebuild, against its release's. */
bool verdict_about(struct verdict *v, const char *name, bool is_signed, enum verdict_mrenclave mrenclave,
                   struct ens_err *err) ENS_MUST_CHECK;

/* Adds all findings: errors as reasons, warnings as warnings. */
bool verdict_findings(struct verdict *v, const char *object, const struct findings *found,
                      struct ens_err *err) ENS_MUST_CHECK;

/* The rows from number `first` on, a line of text each. */
void verdict_report_lines(const struct verdict *v, size_t first, struct report *r);
/* The reasons, or the warnings, as an array of JSON; and `with_lines` of text. */
void verdict_report_array(const struct verdict *v, bool is_no, bool with_lines, struct report *r);
/* The objects; in text only if the verdict is yes. */
void verdict_report_objects(const struct verdict *v, struct report *r);
