/* The policy: what the machine checks before a key is used, whatever the person at it types.
 *
 * A file of lines `keyword value...` between `policy 1` and `end` (hand.h, ensign(5)). Every line must hold.
 * Each signed field has a keyword; six that nobody thinks of (VENDOR, SWDEFINED, MISCSELECT, CET_ATTRIBUTES,
 * ISVFAMILYID, ISVEXTPRODID) must be as usual where no line speaks of them. A bare digest is refused unless
 * the policy allows it. What can never hold is refused when the file is read. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/ceremony/people.h"
#include "signer/sgx/sigstruct.h"

/* The keywords, by stable names (policy_name): what is shown, recorded and given as a reason. */
enum policy_check {
    POLICY_MRSIGNER,
    POLICY_MRENCLAVE,
    POLICY_ISVPRODID,
    POLICY_ISVSVN,
    POLICY_DATE,
    POLICY_ATTRIBUTES,
    POLICY_XFRM,
    POLICY_DEBUG,
    POLICY_MODE64,
    POLICY_PROVISION_KEY,
    POLICY_EINITTOKEN_KEY,
    POLICY_CET,
    POLICY_KSS,
    POLICY_AEX_NOTIFY,
    POLICY_VENDOR,
    POLICY_SWDEFINED,
    POLICY_MISCSELECT,
    POLICY_CET_ATTRIBUTES,
    POLICY_ISVFAMILYID,
    POLICY_ISVEXTPRODID,
    POLICY_BLIND,
    POLICY_KEY,
    POLICY_QUORUM,
    POLICY_THRESHOLD,
    POLICY_SHARE,
    POLICY_APPROVALS,
    POLICY_APPROVERS,
    POLICY_REVOKED,
    POLICY_REBUILT,
    POLICY_APPROVER_KEYS,
    POLICY_APPROVAL_DAYS,
    POLICY_CONFIRM,
    POLICY_TRANSCRIPT,
    POLICY_MAX_ITEMS,
    POLICY_KEYWORDS,
    POLICY_REJECTED = POLICY_KEYWORDS, /* no keyword: somebody said no */
    POLICY_CHECKS
};

enum policy_result {
    POLICY_ABSENT,    /* no line speaks of it, and it is as usual */
    POLICY_UNCHECKED, /* a line speaks of it, and it could not be held against anything */
    POLICY_HOLDS,
    POLICY_FAILS, /* also without a line: what must be as usual, and is not */
};

#define POLICY_TEXT_MAX 160

/* The result for each keyword; zero-initialised: nothing is known. */
struct policy_outcome {
    struct {
        enum policy_result result;
        char text[POLICY_TEXT_MAX]; /* "5, wanted 5"; printable ASCII */
    } rows[POLICY_CHECKS];
};

/* Claims of a token about a key: 1 yes, 0 no, -1 unknown. */
struct policy_claims {
    int sensitive, always_sensitive, extractable, never_extractable, local, decrypt, always_authenticate;
};

/* A file that the policy names, as it was read. */
struct policy_file {
    const char *path;
    uint8_t sha256[32];
};

enum policy_approver_keys { POLICY_KEYS_ANY, POLICY_KEYS_FIDO, POLICY_KEYS_FIDO_VERIFIED };
enum policy_confirm { POLICY_CONFIRM_ANY, POLICY_CONFIRM_YES, POLICY_CONFIRM_WORDS };

struct policy;

/* Reads the policy and the people files that it names, each once (hand_read), relative to the directory of
 * `path` as given. ENS_NOINPUT; ENS_DATA naming the file, the line and the rule (hand.h; and twice, value,
 * unknown-keyword, contradiction, pin; and those of people.h). Release with policy_freep. */
bool policy_open(const char *path, struct policy **ret, struct ens_err *err) ENS_MUST_CHECK;
/* The same of an open policy (hand_read_fd). */
bool policy_open_fd(int fd, const char *path, struct policy **ret, struct ens_err *err) ENS_MUST_CHECK;

/* The same without the people files, for what no person decides. */
bool policy_read(const char *path, struct policy **ret, struct ens_err *err) ENS_MUST_CHECK;

/* Gives `visit` the path of each people file that the policy at `path` may open, found by keywords alone, and judges
 * nothing: for the wall (base/wall.h), which stands before a policy is read. No other file names any. A file stays open
 * for who reads it next (path_hold), so that it is opened once; `path` is borrowed until then. */
void policy_list_files(const char *path, void (*visit)(void *ctx, const char *path), void *ctx);

/* The same from memory; `name` is named in errors. */
bool policy_parse(struct view text, const char *name, struct policy **ret,
                  struct ens_err *err) ENS_MUST_CHECK;
void policy_freep(struct policy **p);

/* SHA-256 of the bytes of policy, approvers and revoked, one behind the other, as they were read
 * (policy_open), or of the policy alone: the number that people compare, and that is recorded. */
const uint8_t *policy_id(const struct policy *p);

/* The number of persons who must approve, and of those who must have rebuilt it; 0: none. */
unsigned policy_approvals(const struct policy *p);
unsigned policy_rebuilt(const struct policy *p);
enum policy_approver_keys policy_approver_keys(const struct policy *p);
/* An approval may end at most that many days after today; 0: no limit. */
unsigned policy_approval_days(const struct policy *p);

/* The confirmation that the policy demands; POLICY_CONFIRM_ANY: --yes is allowed. */
enum policy_confirm policy_confirm(const struct policy *p);
/* Must a transcript be kept? */
/* The key that it pins, MRSIGNER_SIZE bytes; NULL: none. */
const uint8_t *policy_mrsigner(const struct policy *p);

/* Who may approve, and what no longer counts; NULL: no such line, or policy_read. The files are those two as
 * they were read; `check` is POLICY_APPROVERS or POLICY_REVOKED. Owned by the policy. */
const struct people *policy_people(const struct policy *p);
const struct revoked *policy_revoked(const struct policy *p);
const struct policy_file *policy_file(const struct policy *p, enum policy_check check);

/* "mrsigner", "mrenclave", ...: the keyword. */
const char *policy_name(enum policy_check check);

/* True if a line of the policy has this keyword; appends its value, as it may be written. */
bool policy_has(const struct policy *p, enum policy_check check);
bool policy_value(const struct policy *p, enum policy_check check, struct buf *ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* The fields that no line checks, by keyword, with ", " between them; empty: every field is checked. */
const char *policy_unchecked(const struct policy *p);

/* Every keyword that has a line: POLICY_UNCHECKED, with what would check it. */
void policy_outcome_begin(const struct policy *p, struct policy_outcome *ret);

/* The checks by what they need; each writes its rows and leaves the others. `css` NULL: a bare digest. */
void policy_check_fields(const struct policy *p, const struct sigstruct *css, struct policy_outcome *ret);
void policy_check_items(const struct policy *p, size_t items, struct policy_outcome *ret);
void policy_check_mrsigner(const struct policy *p, const uint8_t mrsigner[static MRSIGNER_SIZE],
                           struct policy_outcome *ret);
void policy_check_claims(const struct policy *p, const struct policy_claims *claims,
                         struct policy_outcome *ret);
/* The signer is one holder of a quorum: its id, how many must sign, and whether the share is sealed to a token. A
 * line about a token's signing key cannot hold. */
void policy_check_quorum(const struct policy *p, const uint8_t id[static 32], unsigned threshold,
                         bool is_token_share, struct policy_outcome *ret);
/* The signer is one key of a token: lines about a quorum cannot hold. */
void policy_check_sole_key(const struct policy *p, struct policy_outcome *ret);
/* `counted` persons approve, `rebuilt` of them rebuilt it, and `rejected_by` (NULL: nobody) said no. */
void policy_check_approvals(const struct policy *p, size_t counted, size_t rebuilt, const char *rejected_by,
                            struct policy_outcome *ret);
/* Facts of the run: a transcript is kept; a person will be asked at a terminal. */
void policy_check_transcript(const struct policy *p, bool is_kept, struct policy_outcome *ret);
void policy_check_confirm(const struct policy *p, bool asks_person, struct policy_outcome *ret);

/* "holds", "fails", "unchecked", "absent". */
const char *policy_result_name(enum policy_result result);

/* The number of keywords that have a line, and of those that hold. */
void policy_count(const struct policy *p, const struct policy_outcome *outcome, size_t *ret_lines,
                  size_t *ret_hold);

/* Appends a line for each keyword that spoke or fails, indented by two. */
bool policy_render(const struct policy_outcome *outcome, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* ENS_REFUSED with each keyword that fails. What is unchecked does not count. */
bool policy_met(const struct policy_outcome *outcome, struct ens_err *err) ENS_MUST_CHECK;
