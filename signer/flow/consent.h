/* What the people say of what is to be signed: the approvals that --approval names, and the "no" that a
 * transcript remembers. For sign and check. */
#pragma once

#include "signer/ceremony/approval.h"
#include "signer/flow/request.h"
#include "signer/ui/options.h"

/* Zero-initialise; release with consent_free. Without people in the policy it is empty. */
struct consent {
    const struct policy *policy;              /* borrowed; NULL: none is given */
    const struct transcript_rejections *past; /* borrowed; NULL: no transcript */
    uint32_t today;
    bool has_mrsigner;
    uint8_t mrsigner[MRSIGNER_SIZE]; /* of the key that signs, once it is known */
    struct approvals approvals;
    struct approval_tally *tallies; /* one for each sign-data, after consent_count */
    size_t len;
};

/* Opens the policy and says its id; `path` NULL: `ret` stays NULL. Release with policy_freep. */
bool consent_policy(const char *path, struct policy **ret, struct ens_err *err) ENS_MUST_CHECK;

/* Judges every approval that --approval names. `transcript` is the name of what `past` was read from. `mrsigner` NULL: the key is not known yet, and whether they are for it is seen by
 * consent_count. Runs ssh-keygen: called before a PKCS#11 module is loaded. ENS_USAGE if approvals are given
 * and no policy counts them; ENS_NOINPUT, ENS_DATA, ENS_RESOURCE. */
bool consent_judge(const struct text_list *named, const char *transcript, const struct policy *p,
                   const struct transcript_rejections *past, const uint8_t *mrsigner, struct consent *ret,
                   struct ens_err *err) ENS_MUST_CHECK;
void consent_free(struct consent *c);

/* Counts the persons for every sign-data and writes the outcome's rows. `mrsigner` (NULL: still not known) is
 * the key's: what is for another one does not count. ENS_REFUSED if
 * there are none, and the transcript has a no. */
bool consent_count(struct consent *c, const uint8_t *mrsigner, struct requests *requests,
                   struct ens_err *err) ENS_MUST_CHECK;

/* Before the key is known: can the persons still be enough, if all is for it? Writes the outcome's rows of
 * those sign-data for which they cannot. */
bool consent_hopeless(const struct consent *c, struct requests *requests, struct ens_err *err) ENS_MUST_CHECK;

/* Appends two lines for each approval of the sign-data number `index`: the answer and whose it is, or why it
 * does not count; then its key and file. */
bool consent_render(const struct consent *c, const struct requests *requests, size_t index, struct buf *ret,
                    struct ens_err *err) ENS_MUST_CHECK;

/* Appends what stands beside the question, without a newline: "2 of 2: alice@example.org, bob@example.org",
 * "REJECTED by ...", "none asked for". */
bool consent_summary(const struct consent *c, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
