/* What sign, resign, keygen and pubkey --x509 leave in a transcript, also if they fail: an intent before the
 * first call that signs or makes a key and its outcome after it, or else one run. Never a PIN, no query of a
 * URI, no argument of the module: every value comes from what was parsed. `t` NULL: nothing is recorded. */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/ceremony/transcript.h"
#include "signer/flow/request.h"
#include "signer/flow/token.h"
#include "signer/ui/options.h"

/* What commands that are recorded take. */
struct record_options {
    const char *transcript;
    const char *note;
    const char *acknowledge; /* the number of a record */
};
extern const struct option record_rows[];

/* Opens the transcript of --transcript, acknowledging what --acknowledge names, and begins the record: which
 * program, host, user and directory, the command with the names of its options, the note. Called once the
 * whole command line is known to be right: a run that it refuses (ENS_USAGE) leaves no record.
 * No other file that the command line writes may be it: ENS_USAGE. NULL without --transcript. */
bool record_open(const struct command_line *line, const struct record_options *args, struct transcript **ret,
                 struct ens_err *err) ENS_MUST_CHECK;

/* Is `path` (NULL: nothing) another file than the transcript? An output that is it would destroy
 * it: ENS_USAGE. */
bool record_apart(const struct transcript *t, const char *path, struct ens_err *err) ENS_MUST_CHECK;

/* Every signed field of item `item` (from 1); and of each sign-data. */
void record_fields(struct transcript *t, size_t item, const struct sigstruct *css);
void record_requests(struct transcript *t, const struct requests *r);

/* What policy and people say of all that was checked. The policy (`p` NULL: there is none) with its id and its people
 * files, and what became of every keyword that spoke; a row that says the same of several sign-data is there once, for
 * item "". Then every approval with its verdict, and every "no" over what is to be signed, which a later run remembers.
 * In the record that is made next, and in no later one: sets `*is_recorded`. */
struct consent;
void record_rules(struct transcript *t, const char *path, const struct policy *p, const struct consent *c,
                  const struct requests *r, bool *is_recorded);

/* The policy alone, without what became of each keyword. */
void record_policy_files(struct transcript *t, const char *path, const struct policy *p, size_t lines,
                         size_t hold);

/* A file that decided something, with its SHA-256 ("" if it cannot be read under this name). */
void record_file(struct transcript *t, const char *key, const char *path);

/* The module, the token, and where the PIN came from; and the key with what the token claims of it. */
void record_token(struct transcript *t, const struct token_session *s);
void record_key(struct transcript *t, const struct hsm_key *key,
                const uint8_t mrsigner[static MRSIGNER_SIZE]);

/* What is dangerous about the sign-data, by the names of the rules; and how a yes was given: by --yes (`yes`), or by
 * `answer`; NULL: nobody was asked. */
void record_dangers(struct transcript *t, const struct requests *r,
                    const uint8_t mrsigner[static MRSIGNER_SIZE]);
void record_confirmation(struct transcript *t, bool yes, const char *answer);

/* The items of sign: one for each sign-data, whose signature goes to `output` if it has no name of its own; release
 * with mem_free. */
bool record_items(const struct requests *r, const char *output, bool dry_run, struct transcript_item **ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* The message of an error without what no record may hold: queries of URIs, and where the PIN came from. */
void record_error(struct transcript *t, const struct ens_err *err);

/* Makes the intent durable. ENS_IO if it cannot be: nothing may be signed then. */
bool record_intent(struct transcript *t, const struct transcript_item *items, size_t len,
                   struct ens_err *err) ENS_MUST_CHECK;

/* What became of the items of an intent, and the calls of the token that it took. */
struct record_end {
    const struct transcript_item *items;     /* for a run; NULL: none */
    const struct transcript_result *results; /* for an outcome */
    size_t len;
    uint64_t started, completed;
};

/* Appends the last record: an outcome if an intent is open, else a run. `ok` false records the error as well,
 * and is what comes back then; ENS_IO if the record cannot be appended. */
bool record_end(struct transcript *t, const struct record_end *end, bool ok,
                struct ens_err *err) ENS_MUST_CHECK;

/* The end of an intent of one item: what became of it, and whether `signature` (384 bytes) was made. */
bool record_end_one(struct transcript *t, const struct token_session *s, enum transcript_end end,
                    const uint8_t *signature, bool ok, struct ens_err *err) ENS_MUST_CHECK;

/* The results of sign; `ret` has one for each request. */
void record_results(const struct requests *r, struct transcript_result *ret);
