/* What the parts of sign share: its options, and what is said of a success (sign_success.c). */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/flow/consent.h"
#include "signer/flow/record.h"
#include "signer/flow/signing_key.h"
#include "signer/flow/text_form.h"
#include "signer/ui/output.h"

struct sign_options {
    struct signing_key_options key;
    struct record_options record;
    struct output_options out; /* of one sign-data */
    struct text_form_options form;
    const char *out_dir; /* of many */
    const char *policy;
    struct text_list approvals;
    const char *pubkey; /* for the public key */
    bool blind, allow_unusual, dry_run, yes, json;
};

/* Says what was written, under which key, and what comes next: on stderr, one line, which a terminal wraps. `head`: of
 * the transcript, 32 bytes, after the record was appended; NULL: none is kept. `was_there`: so many were signed before,
 * verify, and stayed. With --dry-run nothing was written. */
void sign_success(const struct sign_options *args, const struct requests *requests,
                  const struct signing_key *signer, size_t was_there, const uint8_t *head);

/* --json, else nothing: what was reviewed, the answer (as sign_review gave it), and what was written. Everything is
 * borrowed; `head` is that of sign_success. ENS_IO, ENS_RESOURCE. */
struct sign_document {
    const struct sign_options *args;
    const struct requests *requests;
    const struct policy *policy; /* NULL: none is given */
    const struct consent *consent;
    const struct signing_key *signer;
    const char *answer;
    const uint8_t *head;
};
bool sign_print(const struct sign_document *d, struct ens_err *err) ENS_MUST_CHECK;
