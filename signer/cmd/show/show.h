/* What show says of each kind of artifact. Lines of text are indented as the report says; a function that
 * begins a file leaves the indent at 2. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/flow/artifact.h"
#include "signer/sgx/findings.h"
#include "signer/sgx/sigstruct.h"
#include "signer/ui/options.h"
#include "signer/ui/report.h"

struct show_options {
    bool allow_large, json;
};
extern const struct option show_rows[];

/* Shows a bundle, SGXS stream or ELF file, or refuses it. */
typedef bool show_container_fn(struct report *r, struct artifact *a, struct ens_err *err);

/* Shows the file that is the operand, which is opened once. */
bool show_run(const struct command_line *line, show_container_fn *container,
              struct ens_err *err) ENS_MUST_CHECK;

/* What the command is in both programs. */
#define SHOW_COMMAND                                                                                         \
    .name = "show", .operands = "FILE",                                                                      \
    .summary = "print a bundle, enclave, SIGSTRUCT, sign-data or public key",                                \
    .size = sizeof(struct show_options), .groups = {{show_rows, 0}}, .min = 1, .max = 1

/* The first line, "HEADING: PATH", and the member `kind`. */
void show_begin(struct report *r, const char *heading, const char *kind, const char *path);

/* The fields, the signer and the judge's findings of a SIGSTRUCT. `has_signature` false: sign-data, of which
 * only the signed fields are judged. */
bool show_sigstruct(struct report *r, const struct sigstruct *css, bool has_signature,
                    struct ens_err *err) ENS_MUST_CHECK;
/* The MRSIGNER of a key, and if everybody has it. */
bool show_signer(struct report *r, const struct pubkey *key, struct ens_err *err) ENS_MUST_CHECK;
/* Findings as lines "error: ..." and "warning: ...", and as the arrays `errors` and `warnings`. */
void show_findings(struct report *r, const struct findings *found);

/* ---- containers, on the build host (show_stream.c, show_bundle.c, show_enclave.c) ---- */

struct sgxs_report;

/* What a stream measures. */
void show_stream(struct report *r, const struct sgxs_report *stream);
/* The same as the object `stream`, with its member `problem`: null, or why it cannot be measured, and then no
 * more (code ENS_OK: it can). */
void show_stream_or_problem(struct report *r, const char *heading, const struct sgxs_report *stream,
                            const struct ens_err *problem);
bool show_bundle(struct report *r, const struct artifact *a, struct ens_err *err) ENS_MUST_CHECK;
bool show_enclave(struct report *r, struct artifact *a, struct ens_err *err) ENS_MUST_CHECK;

/* ---- the ceremony's files (show_ceremony.c, show_approval.c) ---- */

/* If `a` begins as policy, approvers or revoked do (*ret_is): shows it as it will be read. ENS_DATA names
 * the rule that it breaks. */
bool show_ceremony(struct report *r, const struct artifact *a, bool *ret_is,
                   struct ens_err *err) ENS_MUST_CHECK;
/* An approval, or a statement that waits for its signature. */
bool show_approval(struct report *r, const char *path, struct view file, struct ens_err *err) ENS_MUST_CHECK;
