/* What show says of each kind of artifact. The verdict and the dangers come first. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/flow/artifact.h"
#include "signer/flow/beside.h"
#include "signer/sgx/findings.h"
#include "signer/sgx/sigstruct.h"
#include "signer/ui/options.h"
#include "signer/ui/report.h"

struct show_options {
    struct beside_options beside;
    const char *component; /* of --in-toto */
    bool allow_large, json, in_toto;
};
extern const struct option show_rows[];

/* Shows a file that holds an enclave, or refuses it. */
typedef bool show_container_fn(struct report *r, const struct show_options *args, struct artifact *a,
                               struct ens_err *err);

/* Shows the file that is the operand, which is opened once. */
bool show_run(const struct command_line *line, show_container_fn *container,
              struct ens_err *err) ENS_MUST_CHECK;

/* --in-toto: a statement about the signed enclave of the file. ENS_DATA: it is not signed, or does not hold. */
bool show_in_toto(const struct show_options *args, const char *path, struct ens_err *err) ENS_MUST_CHECK;

/* What the command is in both programs. */
#define SHOW_COMMAND                                                                                         \
    .name = "show", .operands = "FILE...", .summary = "print any file that ensign knows",                    \
    .host = COMMAND_EVERYONE,                                                                                \
    .examples = "show app.signdata\n"                                                                        \
                "show --json release.pem",                                                                   \
    .see_also = "verify (does it hold?), compare (is it the same?)", .size = sizeof(struct show_options),    \
    .min = 1, .max = SIZE_MAX

/* Columns of labels. */
#define SHOW_LABEL 16

/* The first line, "HEADING PATH" and `more` behind it, and the members `kind`, `format` and `file`. */
void show_begin(struct report *r, const char *heading, const char *kind, const char *path, const char *more);

/* Several files, which must all be sign-data: one table, and the SHA-256 over all of them. ENS_DATA,
 * ENS_REFUSED naming the file; ENS_USAGE: it holds an enclave. */
bool show_set(struct report *r, char *const *paths, size_t len, struct ens_err *err) ENS_MUST_CHECK;

/* ---- what is said first ---- */

/* Zero-initialise; `found` has what measuring found before show_judge adds to it. */
struct show_judged {
    struct findings found;
    struct findings dangers;
    uint8_t mrsigner[MRSIGNER_SIZE]; /* of a signature */
};

/* Adds what is found that the list does not have yet: the sites of a file say most things alike. */
void show_add(const struct findings *from, struct findings *ret);
/* Judges a SIGSTRUCT, or, if `has_signature` is false, sign-data, of which only the signed fields are judged. */
bool show_judge(const struct sigstruct *css, bool has_signature, struct show_judged *ret,
                struct ens_err *err) ENS_MUST_CHECK;
/* The dangers of an enclave that has no SIGSTRUCT. */
void show_judge_stream(struct show_judged *ret);

enum show_measured { SHOW_MEASURED, SHOW_NOT_MEASURED };
void show_verdict(struct report *r, bool is_signed, enum show_measured measured,
                  const struct findings *found);
/* The short names of all dangers, and in text the sentences of those that --allow-unusual lifts, the errors, and the
 * warnings that are no dangers. ENS_RESOURCE. */
bool show_dangers(struct report *r, const struct show_judged *j, struct ens_err *err) ENS_MUST_CHECK;

/* ---- what a SIGSTRUCT says ---- */

/* MRENCLAVE, the signer (NULL: nobody signed it) and the fields. */
void show_sigstruct(struct report *r, const struct sigstruct *css, const uint8_t *mrsigner);
/* The MRSIGNER of a key, and if everybody has it. */
void show_signer(struct report *r, const uint8_t mrsigner[static MRSIGNER_SIZE]);
/* Text only: whose key it is if everybody has it, behind `label`. */
void show_owner(struct report *r, const char *label, const uint8_t mrsigner[static MRSIGNER_SIZE]);
/* JSON only: `valid`, and the next. */
void show_valid(struct report *r, const struct findings *found);
/* JSON only: the arrays `errors` and `warnings`. */
void show_findings(struct report *r, const struct findings *found);

/* ---- containers, on the build host (show_stream.c, show_bundle.c, show_enclave.c) ---- */

struct sgxs_report;

/* What a stream measures; `has_hashes`: text has MRENCLAVE and SHA-256 as well as the next line. */
void show_stream(struct report *r, const struct sgxs_report *stream, bool has_hashes);
/* Text only: "Enclave", its size, pages and chunks. */
void show_enclave_line(struct report *r, const struct sgxs_report *stream);
/* show_stream as the object `stream`, with its member `problem`: null, or why it cannot be measured, and then no more
 * (code ENS_OK: it can). */
void show_stream_or_problem(struct report *r, const struct sgxs_report *stream, const struct ens_err *problem,
                            bool has_hashes);
bool show_bundle(struct report *r, const struct artifact *a, struct ens_err *err) ENS_MUST_CHECK;
bool show_enclave(struct report *r, const struct beside_options *beside, struct artifact *a,
                  struct ens_err *err) ENS_MUST_CHECK;

/* ---- the ceremony's files (show_ceremony.c, show_approval.c) ---- */

/* If `a` begins as policy, approvers or revoked do (*ret_is): shows it as it will be read. ENS_DATA names
 * the rule that it breaks. */
bool show_ceremony(struct report *r, const struct artifact *a, bool *ret_is,
                   struct ens_err *err) ENS_MUST_CHECK;
/* One of the seven files of a quorum. */
bool show_quorum(struct report *r, const struct artifact *a, struct ens_err *err) ENS_MUST_CHECK;
/* An approval, or a statement that waits for its signature. */
bool show_approval(struct report *r, const char *path, struct view file, struct ens_err *err) ENS_MUST_CHECK;
