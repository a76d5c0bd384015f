/* Approvals: judged file by file in the order of the verdicts, then counted for each sign-data. */
#include "signer/ceremony/approval.h"

#include <inttypes.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/date.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/base/text.h"
#include "signer/ceremony/armour.h"

static const char *const words[APPROVAL_VERDICTS] = {
    [APPROVAL_STATEMENT] = "statement",
    [APPROVAL_SSHSIG] = "sshsig",
    [APPROVAL_NAMESPACE] = "namespace",
    [APPROVAL_CERTIFICATE] = "certificate",
    [APPROVAL_SIGNER] = "signer",
    [APPROVAL_UNKNOWN_KEY] = "unknown-key",
    [APPROVAL_SIGNATURE] = "signature",
    [APPROVAL_REVOKED] = "revoked",
    [APPROVAL_WITHDRAWN] = "withdrawn",
    [APPROVAL_OTHER_KEY] = "other-key",
    [APPROVAL_NO] = "no",
    [APPROVAL_KEY_EXPIRED] = "key-expired",
    [APPROVAL_NOT_FIDO] = "not-fido",
    [APPROVAL_NO_TOUCH] = "no-touch",
    [APPROVAL_NOT_VERIFIED] = "not-verified",
    [APPROVAL_EXPIRED] = "expired",
    [APPROVAL_TOO_LONG] = "too-long",
    [APPROVAL_YES] = "yes",
};

const char *approval_word(enum approval_verdict verdict)
{
    return words[verdict];
}

/* ---- one file ---- */

bool approval_recognise(struct view head)
{
    return view_begins(head, view_of_string("ensign approval ")) ||
           view_begins(head, view_of_string(SSHSIG_BEGIN));
}

size_t approval_split(struct view file)
{
    static const char begin[] = "\n" SSHSIG_BEGIN;
    const uint8_t *at = file.len > 0 ? memmem(file.data, file.len, begin, sizeof begin - 1) : NULL;

    return at != NULL ? (size_t)(at - file.data) + 1 : file.len;
}

static bool read_statement(struct view text, struct approval *a, bool *ret_yes, struct ens_err *err)
{
    struct ens_err why = {0};

    *ret_yes = statement_parse(text, "statement", &a->statement, &why);
    if (!*ret_yes) {
        if (why.code != ENS_DATA) {
            *err = why;
            return false;
        }
        (void)text_printable(a->why, sizeof a->why, why.msg, strlen(why.msg));
        return true;
    }
    a->has_statement = true;
    return statement_id(text, a->id, err);
}

static bool read_signature(struct approval *a, enum approval_verdict *ret_verdict, struct ens_err *err)
{
    static const enum approval_verdict verdicts[] = {
        [SSHSIG_OK] = APPROVAL_YES,
        [SSHSIG_MALFORMED] = APPROVAL_SSHSIG,
        [SSHSIG_OTHER_USE] = APPROVAL_NAMESPACE,
        [SSHSIG_CERTIFICATE] = APPROVAL_CERTIFICATE,
    };
    enum sshsig_verdict v = SSHSIG_MALFORMED;

    if (!sshsig_parse(a->signature_text, SSHSIG_NAMESPACE, &a->signature, &v, err))
        return false;
    *ret_verdict = verdicts[v];
    if (v != SSHSIG_OK)
        return true;
    if (!sshkey_fingerprint(a->signature.key, a->key, err))
        return false;
    if (strcmp(a->key, a->statement.by) != 0)
        *ret_verdict = APPROVAL_SIGNER;
    return true;
}

bool approval_read(struct view file, struct approval *ret, enum approval_verdict *ret_verdict,
                   struct ens_err *err)
{
    ENS_CLEANUP(approval_free) struct approval a = {0};
    enum approval_verdict verdict = APPROVAL_STATEMENT;
    size_t split = approval_split(file);
    bool yes = false;

    a.signed_text = view_slice(file, 0, split);
    a.signature_text = view_slice(file, split, file.len - split);
    if (split == file.len)
        (void)snprintf(a.why, sizeof a.why, "no signature stands behind a statement");
    else if (!read_statement(a.signed_text, &a, &yes, err))
        return false;
    if (yes && !read_signature(&a, &verdict, err))
        return false;
    *ret = a;
    *ret_verdict = verdict;
    a = (struct approval){0};
    return true;
}

void approval_free(struct approval *a)
{
    statement_free(&a->statement);
    sshsig_free(&a->signature);
    *a = (struct approval){0};
}

/* ---- judging ---- */

/* A regular file, read once. One that is too large is not an approval: *ret_fits is false. */
static bool read_approval_file(const char *path, struct buf *ret, bool *ret_fits, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(buf_free) struct buf all = {0};
    struct stat st;
    uint8_t piece[4096];
    size_t len = 0;

    if (!path_open(path, O_RDONLY, 0, ENS_NOINPUT, &fd, err))
        return false;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: not-regular: is not a file: name an approval", path);
    if (!file_add_input(fd, err))
        return false;
    do {
        if (!file_read(fd, path, piece, sizeof piece, &len, err) ||
            !buf_append(&all, view_of(piece, len), err))
            return false;
        *ret_fits = all.len <= APPROVAL_FILE_MAX;
    } while (len == sizeof piece && *ret_fits);
    *ret = all;
    all = (struct buf){0};
    return true;
}

static bool for_other_key(const struct approval_row *row, const uint8_t *mrsigner)
{
    return mrsigner != NULL && memcmp(row->approval.statement.mrsigner, mrsigner, MRSIGNER_SIZE) != 0;
}

static bool is_too_long(const struct policy *p, uint32_t until, uint32_t today)
{
    struct date last;
    struct date now;

    return policy_approval_days(p) > 0 && date_of_bcd(until, &last) && date_of_bcd(today, &now) &&
           date_to_days(last) - date_to_days(now) > (int64_t)policy_approval_days(p);
}

/* The additional rules for a yes. */
static enum approval_verdict judge_yes(const struct approval_ground *g, const struct approval *a,
                                       const struct person_key *key)
{
    enum policy_approver_keys wanted = policy_approver_keys(g->policy);
    unsigned flags = a->signature.type.is_sk ? a->signature.flags.data[0] : 0;

    if (key->until != 0 && g->today > key->until)
        return APPROVAL_KEY_EXPIRED;
    if (wanted != POLICY_KEYS_ANY && !key->key.is_sk)
        return APPROVAL_NOT_FIDO;
    if (key->key.is_sk && (flags & SSHSIG_TOUCHED) == 0)
        return APPROVAL_NO_TOUCH;
    if (key->key.is_sk && (key->verify_required || wanted == POLICY_KEYS_FIDO_VERIFIED) &&
        (flags & SSHSIG_VERIFIED) == 0)
        return APPROVAL_NOT_VERIFIED;
    if (g->today > a->statement.until)
        return APPROVAL_EXPIRED;
    return is_too_long(g->policy, a->statement.until, g->today) ? APPROVAL_TOO_LONG : APPROVAL_YES;
}

/* Judges an approval whose person is known. */
static enum approval_verdict judge_person(const struct approval_ground *g, const struct approval_row *row,
                                          const struct person_key *key)
{
    const struct revoked *revoked = policy_revoked(g->policy);
    const struct approval *a = &row->approval;

    if (revoked_has_key(revoked, a->key) || revoked_has_person(revoked, row->person))
        return APPROVAL_REVOKED;
    if (revoked_has_statement(revoked, hex_of(view_of(a->id, DIGEST_SIZE)).text))
        return APPROVAL_WITHDRAWN;
    if (for_other_key(row, g->mrsigner))
        return APPROVAL_OTHER_KEY;
    return a->statement.is_yes ? judge_yes(g, a, key) : APPROVAL_NO;
}

static bool judge_sshsig(const struct approval_ground *g, struct approval_row *row, struct ens_err *err)
{
    const struct people *people = policy_people(g->policy);
    const struct approval *a = &row->approval;
    const struct person_key *key = people_find(people, a->signature.key);
    bool yes = false;

    if (key == NULL) {
        row->verdict = APPROVAL_UNKNOWN_KEY;
        return true;
    }
    if (!sshsig_verify(g->tool, a->signed_text, a->signature_text, &a->signature, &yes, err))
        return false;
    if (!yes) {
        row->verdict = APPROVAL_SIGNATURE;
        return true;
    }
    row->person_index = key->person;
    row->person = people_name(people, key->person);
    row->verdict = judge_person(g, row, key);
    return true;
}

/* Text that was typed or scanned holds the file; where it cannot be read, *ret_yes is false,
 * and the row says why. */
static bool unwrap(struct buf *file, struct approval_row *row, bool *ret_yes, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    enum armour_kind kind = ARMOUR_APPROVAL;
    struct ens_err why = {0};

    *ret_yes = true;
    if (!armour_is(buf_view(file)))
        return true;
    text = *file;
    *file = (struct buf){0};
    *ret_yes = armour_decode(buf_view(&text), row->path, ARMOUR_ONLY(ARMOUR_APPROVAL), &kind, file, &why);
    if (!*ret_yes && why.code != ENS_DATA) {
        *err = why;
        return false;
    }
    if (!*ret_yes) {
        row->verdict = APPROVAL_STATEMENT;
        text_printable(row->approval.why, sizeof row->approval.why, why.msg, strlen(why.msg));
    }
    return true;
}

static bool judge_file(const struct approval_ground *g, struct approval_row *row, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    bool fits = false;

    if (!read_approval_file(row->path, &file, &fits, err))
        return false;
    if (!fits) {
        row->verdict = APPROVAL_STATEMENT;
        (void)snprintf(row->approval.why, sizeof row->approval.why, "more than %d bytes", APPROVAL_FILE_MAX);
        return true;
    }
    if (!unwrap(&file, row, &fits, err))
        return false;
    if (!fits)
        return true;
    if (!approval_read(buf_view(&file), &row->approval, &row->verdict, err))
        return false;
    if (row->verdict == APPROVAL_YES && !judge_sshsig(g, row, err))
        return false;
    row->approval.signed_text = row->approval.signature_text = view_of(NULL, 0);
    return true;
}

bool approvals_judge(const struct approval_ground *g, const char *const *paths, size_t len,
                     struct approvals *ret, struct ens_err *err)
{
    ENS_CLEANUP(approvals_free) struct approvals a = {0};

    a.rows = mem_alloc(len, sizeof *a.rows, err);
    if (a.rows == NULL)
        return false;
    for (; a.len < len; a.len++) {
        a.rows[a.len].path = mem_strdup(paths[a.len], err);
        if (a.rows[a.len].path == NULL || !judge_file(g, &a.rows[a.len], err)) {
            a.len++;
            return false;
        }
    }
    *ret = a;
    a = (struct approvals){0};
    return true;
}

void approvals_free(struct approvals *a)
{
    for (size_t i = 0; i < a->len; i++) {
        mem_free(a->rows[i].path);
        approval_free(&a->rows[i].approval);
    }
    mem_free(a->rows);
    *a = (struct approvals){0};
}

void approvals_bind(struct approvals *a, const uint8_t mrsigner[static MRSIGNER_SIZE])
{
    for (size_t i = 0; i < a->len; i++) {
        if (a->rows[i].verdict > APPROVAL_OTHER_KEY && for_other_key(&a->rows[i], mrsigner))
            a->rows[i].verdict = APPROVAL_OTHER_KEY;
    }
}
