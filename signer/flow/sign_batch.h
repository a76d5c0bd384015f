/* sign's last two steps for several sign-data: a thread for each session signs, others write what was signed, so
 * that the token does not wait for the disk. */
#pragma once

#include "signer/flow/request.h"
#include "signer/flow/signing_key.h"
#include "signer/flow/text_form.h"

/* Signs one and verifies the signature: `q` says what became of it. */
bool sign_batch_one(struct request *q, struct signing_key *signer, unsigned session,
                    enum hsm_mechanism mechanism, struct ens_err *err) ENS_MUST_CHECK;

/* Signs what is not done, verifies and writes each signature in this form, over what is there if `replace`; each
 * request says what became of it. The first that cannot be signed or written ends it: ENS_* of the token or the file,
 * naming it. What was written stays. */
bool sign_batch(struct requests *requests, const struct text_form_options *form, bool replace,
                struct signing_key *signer, enum hsm_mechanism mechanism, struct ens_err *err) ENS_MUST_CHECK;
