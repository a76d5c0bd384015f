/* What the parts of resign share: one run, its files, the enclaves of each. Two kinds of process are at it.
 *
 * This one has the options, the terminal, the token and the record, and opens no file that it signs: resign.c walks;
 * resign_ask.c has workers prepare and finish a file, and judges what they say; resign_confirm.c asks the operator;
 * resign_record.c and resign_report.c say what became of each.
 *
 * The others (flow/workers.h) read the files: resign_worker.c listens; resign_file.c does one file; resign_done.c
 * says what was done before. They were forked with a copy of the run as resign_plan.c made it. */
#pragma once

#include "signer/base/tie.h"
#include "signer/ceremony/policy.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/enclave.h"
#include "signer/flow/fields.h"
#include "signer/flow/record.h"
#include "signer/flow/signing_key.h"
#include "signer/flow/workers.h"

struct resign_options {
    struct signing_key_options key;
    struct record_options record;
    struct fields_options fields;
    const char *policy, *out_dir, *jobs, *files_from;
    bool null, all_components, force, resume, dry_run, yes, json;
};

/* Files in one run. */
#define RESIGN_FILES_MAX 65536

/* Files that are open at a time: read, and not yet written. Fewer where a process may not open so many
 * descriptors: one file takes up to RESIGN_FILE_FDS. */
#define RESIGN_OPEN_MAX 128
#define RESIGN_FILE_FDS 4

enum resign_status {
    RESIGN_NOT_DONE, /* nobody got to it, or it was given up untouched */
    RESIGN_SIGNED,
    RESIGN_SKIPPED, /* it was signed already */
    RESIGN_FAILED,
};

/* One enclave of a file: the only one, or one component of a bundle. */
struct resign_enclave {
    char *component; /* NULL: the file is not a bundle */
    enum resign_status status;
    bool is_tried;        /* the token was asked */
    bool is_signed;       /* `signature` is set */
    bool has_fields;      /* `css` and `digest` are set */
    struct sigstruct css; /* the fields; all of it once finished */
    uint8_t digest[32];   /* SHA-256 of its sign-data */
    bool has_before;      /* it is signed now, or starts from --from: `before` is set */
    bool same_signer;     /* by the key of this run */
    struct sigstruct before;
    struct findings *measured; /* dangers that --allow-unusual let pass; NULL: none */
    uint8_t signature[SIGNATURE_SIZE];
    /* In a worker. */
    const struct site *site; /* the same in the open file */
    struct sigstruct *kept;  /* what it is signed with already; NULL: it is not, or not as it would be */
};

struct resign_file {
    const char *path;
    char *out_path; /* with --out-dir; NULL: in place */
    struct resign_enclave *enclaves;
    size_t len;             /* 0: the file was not understood, or not begun */
    uint8_t sum[TIE_SIZE];  /* of the whole file, if somebody is asked */
    struct ens_err err;     /* why it failed; code ENS_OK: it did not */
    bool is_confirmed;      /* the operator saw `enclaves`: nothing may have changed */
    bool is_said;           /* why it failed was said before the confirmation */
    int64_t started, ended; /* seconds since 1970; 0: not yet */
    unsigned process;       /* that has it open or written (workers_process); 0: none */
    /* In a worker. */
    bool is_open;
    struct enclave opened;    /* if `is_open` */
    struct file_out *written; /* the result, to be committed; NULL: none */
};

/* One run, from the command line to the last line of the report. */
struct resign {
    const struct command_line *line;
    const struct resign_options *args;
    struct policy *policy;                    /* NULL: none is given */
    const struct transcript_rejections *past; /* NULL: no transcript */
    enum hsm_mechanism mechanism;
    struct signing_key signer; /* in a worker: its public key alone, from the first request on */
    bool has_from;             /* --from: its fields */
    struct sigstruct from;
    uint32_t today;     /* BCD */
    uint32_t day;       /* by the clock of this host, for dangers */
    bool today_is_free; /* nobody said which day it is */
    unsigned jobs;
    size_t open_max;
    struct resign_file *files;
    size_t len;
    struct workers *workers;
    /* Why the run ended before its last file; code ENS_OK: it did not. Written before the batch stops, so
     * that whoever reports a file after that may read it. */
    struct ens_err stopped;
};

/* ---- the plan (resign_plan.c) ---- */

/* Reads the options and lists the files, each with the place of its result. ENS_USAGE, ENS_CANTCREAT, and
 * the errors of --from. `r` is zeroed but for its args, and half filled after a failure. */
bool resign_plan(struct resign *r, struct ens_err *err) ENS_MUST_CHECK;

/* Removes the temporary files that killed runs left beside the results. */
bool resign_sweep(const struct resign *r, struct ens_err *err) ENS_MUST_CHECK;

/* How many enclaves of the file wait for a signature. */
size_t resign_waiting(const struct resign_file *f);
/* The SHA-256 of the signature that was made or kept, big-endian as sign writes it; false if it cannot be computed, for
 * lack of memory only. */
bool resign_sum(const struct resign_enclave *x, uint8_t ret[static DIGEST_SIZE]);
/* Releases what was read of the file; closes it, and removes what was written and not committed. */
void resign_forget(struct resign_file *f);
void resign_enclaves_free(struct resign_enclave *list, size_t len);

/* ---- what workers do (resign_ask.c); `worker` is the calling thread's ---- */

/* Has the file read, and checks everything that can be checked before a token is asked: what was measured, the fields,
 * the place of the result, and here, of what the worker says, policy and refusals. Fills the enclaves; what was done
 * before is marked (--resume). Says warnings, unless the file is confirmed: then ENS_DATA if anything is not as it was.
 * `looks`: it is not kept open. */
bool resign_ask_prepare(const struct resign *r, unsigned worker, struct resign_file *f, bool looks,
                        struct ens_err *err) ENS_MUST_CHECK;

/* Has the signatures put into the file that it prepared, and the result checked. */
bool resign_ask_finish(const struct resign *r, unsigned worker, struct resign_file *f,
                       struct ens_err *err) ENS_MUST_CHECK;

/* Has the results put in place, BATCH_GROUP_MAX at most. `ret_errs[i]` says what became of each. */
void resign_ask_commit(const struct resign *r, unsigned worker, struct resign_file *const *files, size_t len,
                       struct ens_err *ret_errs);

/* ---- in a worker ---- */

/* The files that workers may open (struct workers_args); `ctx` is the run. */
void resign_worker_keep(void *ctx, struct wall *wall);
/* Answers on `socket` until nothing more comes. */
void resign_worker_serve(void *ctx, int socket);

/* Opens the file, measures, builds the fields of each enclave that is to be signed, looks at the place of the result
 * and at what is there already (`kept`). Adds warnings to `ret_notices`, also if it fails then. */
bool resign_file_prepare(const struct resign *r, struct resign_file *f, struct notices *ret_notices,
                         struct ens_err *err) ENS_MUST_CHECK;

/* Makes the SIGSTRUCTs whole with the signatures, judges them, writes the new file and checks it (`written`);
 * closes the old one. */
bool resign_file_finish(const struct resign *r, struct resign_file *f, struct notices *ret_notices,
                        struct ens_err *err) ENS_MUST_CHECK;

/* Opens the file at `path` and measures it, with every component of a bundle if --all-components. Adds
 * warnings to `ret_notices`, also if it fails then. */
bool resign_open(const struct resign *r, const char *path, struct enclave *ret, struct notices *ret_notices,
                 struct ens_err *err) ENS_MUST_CHECK;

/* The SIGSTRUCT that is there; NULL: it is not signed. */
const struct sigstruct *resign_present(const struct site *site);

/* ---- what was done before (resign_done.c) ---- */

/* Is `have` by the key of this run, over the fields of `want`? DATE may be any one if `date_is_free`. */
bool resign_done_same(const struct resign *r, const struct sigstruct *want, const struct sigstruct *have,
                      bool date_is_free);

/* Nobody said which day it is, and nothing else does: an output of another day counts as well. */
bool resign_done_any_day(const struct resign *r, const struct resign_file *f, bool is_signed);

/* In place: is `present`, which the open file holds, signed by this key over exactly these fields, and does
 * all of it verify? Then it is `kept`. */
bool resign_done_here(const struct resign *r, const struct resign_file *f, struct resign_enclave *want,
                      const struct sigstruct *present, struct ens_err *err) ENS_MUST_CHECK;

/* With --out-dir: is the output there already, and what this run would write? Then its SIGSTRUCTs are `kept`.
 * ENS_CANTCREAT if something else is there and --force does not say that it may go. */
bool resign_done_there(const struct resign *r, struct resign_file *f, struct ens_err *err) ENS_MUST_CHECK;

/* ---- the confirmation (resign_confirm.c) ---- */

/* How many enclaves there are in all files, or how many of them wait for a signature. */
size_t resign_count(const struct resign *r, bool waiting);

/* What is said of it to whoever reviews; the texts are borrowed. */
struct review;
void resign_review(const struct resign *r, const struct resign_enclave *x, struct review *ret);

/* What is a yes to the question, for the record: "yes", or "words" if the policy wants those. */
const char *resign_answer(const struct resign *r);

/* Shows what waits for a signature and asks, unless --yes. ENS_REFUSED: the answer was not yes. */
bool resign_confirm(const struct resign *r, struct ens_err *err) ENS_MUST_CHECK;

/* ---- what became of it (resign_report.c) ---- */

struct resign_report;

/* `r` is borrowed. Release with resign_report_freep. */
bool resign_report_new(const struct resign *r, struct resign_report **ret,
                       struct ens_err *err) ENS_MUST_CHECK;
void resign_report_freep(struct resign_report **report);

/* From now on files are signed, with the key that was selected: for the rate. */
void resign_report_begin(struct resign_report *report);

/* File `index` is about to be signed: for the line of progress, by any thread. */
void resign_report_item(struct resign_report *report, size_t index);

/* Says what became of file `index`; called once for each, in their order, by one thread at a time. */
void resign_report_file(struct resign_report *report, size_t index);

/* Says the sums; gives the exit status of the run by its files (ENS_OK: all done). ENS_IO if stdout could
 * not be written. */
bool resign_report_end(struct resign_report *report, enum ens_code *ret, struct ens_err *err) ENS_MUST_CHECK;

/* A signal ended the run: how much was done. ENS_INTERRUPTED; called when no worker is left. */
bool resign_fail_interrupted(const struct resign *r, struct ens_err *err);
