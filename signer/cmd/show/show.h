/* What show prints of each kind of artifact; text goes to a buffer that is written at the end, so that a file
 * that turns out to be broken prints nothing. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/flow/artifact.h"
#include "signer/sgx/findings.h"
#include "signer/sgx/sigstruct.h"
#include "signer/ui/doc.h"
#include "signer/ui/opts.h"

struct sgxs_report;

/* Where it is shown: exactly one of `text` and `doc` is used. */
struct show {
    struct buf *text; /* NULL: JSON */
    struct doc *doc;
    /* Shows a bundle, SGXS stream or ELF file, or refuses it. */
    bool (*container)(struct show *s, const char *path, enum artifact_kind kind, struct ens_err *err);
};

/* Shows the file that is the operand. */
bool show_run(const struct args *args,
              bool (*container)(struct show *s, const char *path, enum artifact_kind kind,
                                struct ens_err *err),
              struct ens_err *err) ENS_MUST_CHECK;

/* A line of text, made printable, with a newline; nothing where JSON is wanted. */
bool show_line(struct show *s, struct ens_err *err, const char *fmt, ...) ENS_PRINTF(3, 4) ENS_MUST_CHECK;

/* The fields, the signer and the judge's findings of a SIGSTRUCT, `indent` columns in; `at` is where they go
 * in JSON. `has_signature` false: sign-data, of which only the signed fields are judged. */
bool show_sigstruct(struct show *s, struct doc *at, const struct sigstruct *css, bool has_signature,
                    unsigned indent, struct ens_err *err) ENS_MUST_CHECK;

/* Findings as lines "error: ..." and "warning: ...", or as the arrays `errors` and `warnings`. */
bool show_findings(struct show *s, struct doc *at, const struct findings *found, unsigned indent,
                   struct ens_err *err) ENS_MUST_CHECK;

/* What a stream measures (show_container.c). */
bool show_stream(struct show *s, struct doc *at, const struct sgxs_report *report, unsigned indent,
                 struct ens_err *err) ENS_MUST_CHECK;

/* The same for --json, with the key `problem`: null, or why it cannot be measured (code ENS_OK: it can). */
bool show_stream_or_problem(struct show *s, struct doc *at, const struct sgxs_report *report,
                            const struct ens_err *problem, struct ens_err *err) ENS_MUST_CHECK;

/* A whole bundle (show_bundle.c). */
bool show_bundle(struct show *s, const char *path, struct ens_err *err) ENS_MUST_CHECK;

/* What is recognised by its form or its size: sign-data, SIGSTRUCT, public key, signature, digest. ENS_DATA
 * where it is none of them. */
bool show_bytes(struct show *s, const char *path, struct view bytes, struct ens_err *err) ENS_MUST_CHECK;

/* If `head` begins as policy, approvers, revoked or armour do (*ret_is): shows it as it will be read
 * (show_ceremony.c). ENS_DATA names the rule that it breaks. */
bool show_ceremony(struct show *s, const char *path, struct view head, bool *ret_is,
                   struct ens_err *err) ENS_MUST_CHECK;

/* An ELF file that holds an enclave (show_enclave.c). */
bool show_enclave(struct show *s, const char *path, struct ens_err *err) ENS_MUST_CHECK;

/* An approval, or a statement that waits for its signature (show_approval.c). */
bool show_approval(struct show *s, const char *path, struct view file, struct ens_err *err) ENS_MUST_CHECK;
