/* The policy file: what the machine checks before a key is used, whatever the person at it types.
 *
 * Lines of `keyword value...`; `#` begins a comment; an unknown keyword, a keyword that is there twice (only
 * mrenclave may be) and a value that cannot be read are ENS_DATA. Every line must hold. Keywords:
 *
 *   mrsigner HEX                the key that signs
 *   mrenclave HEX...            one of these; several lines make one list
 *   isvprodid [OP] N            OP is =, >= or <=; without it, =
 *   isvsvn [OP] N
 *   date [OP] YYYYMMDD
 *   attributes V/M              exactly this value, and the inverse of M as mask (as --attributes)
 *   xfrm V/M                    the same for XFRM
 *   debug forbid|allow          forbid: DEBUG clear and enforced
 *   provision-key forbid|allow  forbid: PROVISIONKEY clear and enforced
 *   einittoken-key forbid|allow
 *   blind forbid|allow          signing a bare digest; a policy with rules about fields forbids it in any
 * case key CLAIM...                what the token must claim of the key: sensitive, always-sensitive,
 *                               not-extractable, never-extractable, local, no-decrypt, always-authenticate
 *   approvals N                 distinct principals with distinct keys
 *   approvers PATH              OpenSSH allowed_signers file, relative to the policy file
 *   max-items N                 sign-data in one run
 */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/sgx/sigstruct.h"

#define POLICY_FILE_MAX      65536
#define POLICY_APPROVALS_MAX 64

/* The checks, by stable names (policy_name): what a transcript and a refusal say. */
enum policy_check {
    POLICY_MRSIGNER,
    POLICY_MRENCLAVE,
    POLICY_ISVPRODID,
    POLICY_ISVSVN,
    POLICY_DATE,
    POLICY_ATTRIBUTES,
    POLICY_XFRM,
    POLICY_DEBUG,
    POLICY_PROVISION_KEY,
    POLICY_EINITTOKEN_KEY,
    POLICY_BLIND,
    POLICY_KEY,
    POLICY_APPROVALS,
    POLICY_MAX_ITEMS,
    POLICY_CHECKS
};

enum policy_result { POLICY_ABSENT, POLICY_PASS, POLICY_FAIL };

#define POLICY_TEXT_MAX 160

/* What became of each check; zero-initialised: nothing in the policy. */
struct policy_outcome {
    struct {
        enum policy_result result;
        char text[POLICY_TEXT_MAX]; /* why it failed, or what held */
    } rows[POLICY_CHECKS];
};

/* What a token claims of a key: 1 yes, 0 no, -1 unknown. */
struct policy_claims {
    int sensitive, always_sensitive, extractable, never_extractable, local, decrypt, always_authenticate;
};

struct policy;

/* Parses a policy file; ENS_DATA naming `name`, the line and the rule. policy_read reads it first. Release
 * with policy_freep. */
bool policy_parse(struct view text, const char *name, struct policy **ret,
                  struct ens_err *err) ENS_MUST_CHECK;
bool policy_read(const char *path, struct policy **ret, struct ens_err *err) ENS_MUST_CHECK;
void policy_freep(struct policy **p);

/* SHA-256 of the file as it was parsed: shown, and recorded. */
const uint8_t *policy_digest(const struct policy *p);

/* How many approvals are demanded (0: none), and the allowed_signers file as the policy names it (NULL:
 * none). */
unsigned policy_approvals(const struct policy *p);
const char *policy_approvers(const struct policy *p);

/* "mrsigner", "mrenclave", ...: the keyword. */
const char *policy_name(enum policy_check check);

/* The checks by what they need; each writes its rows and leaves the others. `css` NULL: a blind digest. */
void policy_check_fields(const struct policy *p, const struct sigstruct *css, struct policy_outcome *ret);
void policy_check_items(const struct policy *p, size_t items, struct policy_outcome *ret);
void policy_check_approvals(const struct policy *p, size_t counted, struct policy_outcome *ret);
void policy_check_mrsigner(const struct policy *p, const uint8_t mrsigner[static MRSIGNER_SIZE],
                           struct policy_outcome *ret);
void policy_check_claims(const struct policy *p, const struct policy_claims *claims,
                         struct policy_outcome *ret);

/* Appends every check by name: pass, FAIL or not in the policy. */
bool policy_render(const struct policy_outcome *outcome, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* ENS_REFUSED with the first check that failed, and how many more did. */
bool policy_met(const struct policy_outcome *outcome, struct ens_err *err) ENS_MUST_CHECK;
