/* What sign leaves in a transcript: one record for each run, also for one that failed. Never a PIN, and
 * nothing derived from one. With `t` NULL nothing is recorded. */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/ceremony/transcript.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/request.h"
#include "signer/cmd/token.h"

/* What was asked: version, options, operands. */
void record_command(struct transcript *t, const struct args *args);

/* What is to be signed: name, SHA-256 and the main fields of each. */
void record_requests(struct transcript *t, const struct requests *r);

/* The policy's id and its people files; and each keyword that spoke, of one sign-data: holds, fails,
 * unchecked. */
void record_policy(struct transcript *t, const char *path, const struct policy *p);
void record_outcome(struct transcript *t, const struct request *r);

/* Every approval with its verdict, and every "no" over what is to be signed, which a later run remembers. */
struct consent;
void record_approvals(struct transcript *t, const struct consent *c, const struct requests *r);

/* A file that decided something, with its SHA-256. */
void record_file(struct transcript *t, const char *key, const char *path);

/* The module's path and SHA-256, the token, the key, and what the token claims of it. */
void record_token(struct transcript *t, const struct token_session *s, const struct hsm_key *key,
                  const uint8_t mrsigner[static MRSIGNER_SIZE]);

/* A signature that was made, or was there already. */
void record_signature(struct transcript *t, const struct request *r, bool was_there);

/* Appends the record: `ok` false records the error as well. ENS_IO where it cannot be appended. */
bool record_end(struct transcript *t, bool ok, struct ens_err *err) ENS_MUST_CHECK;
