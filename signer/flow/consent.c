/* The people's answers: judged once, counted for each sign-data, told to whoever is asked. */
#include "signer/flow/consent.h"

#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/flow/approval_files.h"
#include "signer/flow/child_env.h"
#include "signer/ui/clock.h"
#include "signer/ui/notice.h"

static const struct sshsig_tool tool = {.program = child_env_ssh_keygen};

static struct approval_ground ground_of(const struct consent *c)
{
    return (struct approval_ground){.tool = &tool,
                                    .policy = c->policy,
                                    .mrsigner = c->has_mrsigner ? c->mrsigner : NULL,
                                    .today = c->today};
}

static bool has_people(const struct policy *p)
{
    return p != NULL && policy_people(p) != NULL;
}

static void bind(struct consent *c, const uint8_t *mrsigner)
{
    c->has_mrsigner = mrsigner != NULL;
    if (mrsigner != NULL)
        memcpy(c->mrsigner, mrsigner, MRSIGNER_SIZE);
}

/* A clock that was set back makes approvals count again. */
static bool is_clock_back(const struct consent *c)
{
    return has_people(c->policy) && c->past != NULL && c->today < c->past->last_day;
}

bool consent_policy(const char *path, struct policy **ret, struct ens_err *err)
{
    if (path == NULL)
        return true;
    if (!policy_open(path, ret, err))
        return false;
    notice_hash(view_of(policy_id(*ret), 32), "Policy %s, id", path);
    return true;
}

bool consent_judge(const struct text_list *named, const char *transcript, const struct policy *p,
                   const struct transcript_rejections *past, const uint8_t *mrsigner, struct consent *ret,
                   struct ens_err *err)
{
    ENS_CLEANUP(approval_files_free) struct approval_files files = {0};
    struct consent c = {.policy = p, .past = past};

    bind(&c, mrsigner);
    if (named->len > 0 && !has_people(p))
        return ens_fail(err, ENS_USAGE,
                        "--approval: nothing counts it: give --policy with lines approvals and approvers");
    if (!clock_day(&c.today, err) || !approval_files_list(named, &files, err))
        return false;
    const struct approval_ground g = ground_of(&c);

    if (is_clock_back(&c))
        notice_warn(
            "%s: has a record of %08x, and today is %08x by the clock of this host: approvals that are "
            "over may count",
            transcript, past->last_day, c.today);
    if (has_people(p) && !approvals_judge(&g, (const char *const *)files.paths, files.len, &c.approvals, err))
        return false;
    *ret = c;
    return true;
}

void consent_free(struct consent *c)
{
    approvals_free(&c->approvals);
    mem_free(c->tallies);
    *c = (struct consent){0};
}

/* ---- counting ---- */

static bool write_rows(const struct policy *p, const struct approval_tally *t, struct request *q,
                       struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf names = {0};

    if (t->rejected > 0 &&
        (!approval_names(p, t->no, t->no_record, &names, err) || !buf_append(&names, view_of("", 1), err)))
        return false;
    policy_check_approvals(p, t->counted, t->rebuilt_counted, (const char *)names.data, &q->outcome);
    return true;
}

/* A no on record cannot be left at home with the policy. */
static bool count_nobody(const struct consent *c, const uint8_t *mrsigner, const struct requests *requests,
                         struct ens_err *err)
{
    for (size_t i = 0; i < requests->len; i++) {
        if (!approval_no_past(c->past, requests->items[i].digest, mrsigner, err))
            return ens_wrap(err, "%s", requests->items[i].path);
    }
    return true;
}

bool consent_count(struct consent *c, const uint8_t *mrsigner, struct requests *requests, struct ens_err *err)
{
    if (!has_people(c->policy))
        return count_nobody(c, mrsigner, requests, err);
    if (c->tallies == NULL) {
        c->tallies = mem_alloc(requests->len, sizeof *c->tallies, err);
        if (c->tallies == NULL)
            return false;
        c->len = requests->len;
    }
    bind(c, mrsigner);
    if (mrsigner != NULL)
        approvals_bind(&c->approvals, mrsigner);
    const struct approval_ground g = ground_of(c);

    for (size_t i = 0; i < c->len; i++) {
        approval_count(&c->approvals, &g, c->past, requests->items[i].digest, &c->tallies[i]);
        if (!write_rows(c->policy, &c->tallies[i], &requests->items[i], err))
            return false;
    }
    return true;
}

/* Everybody who says yes to it, also if it was replaced since: what replaces may be for another key. */
bool consent_hopeless(const struct consent *c, struct requests *requests, struct ens_err *err)
{
    for (size_t i = 0; has_people(c->policy) && i < requests->len; i++) {
        struct approval_tally t = {0};

        for (size_t j = 0; j < c->approvals.len; j++) {
            const struct approval_row *row = &c->approvals.rows[j];
            const struct statement_item *item =
                row->verdict == APPROVAL_YES
                    ? statement_find(&row->approval.statement, requests->items[i].digest)
                    : NULL;

            if (item == NULL)
                continue;
            t.counted += !t.yes[row->person_index];
            t.rebuilt_counted += item->is_rebuilt && !t.rebuilt[row->person_index];
            t.yes[row->person_index] = true;
            t.rebuilt[row->person_index] = t.rebuilt[row->person_index] || item->is_rebuilt;
        }
        if ((t.counted < policy_approvals(c->policy) || t.rebuilt_counted < policy_rebuilt(c->policy)) &&
            !write_rows(c->policy, &t, &requests->items[i], err))
            return false;
    }
    return true;
}

/* ---- telling ---- */

static const char *why_not_counted(enum approval_verdict v)
{
    static const char *const texts[APPROVAL_VERDICTS] = {
        [APPROVAL_STATEMENT] = "is not an approval of this version",
        [APPROVAL_SSHSIG] = "its signature is none, or something stands behind it",
        [APPROVAL_NAMESPACE] = "its signature was made for another purpose",
        [APPROVAL_CERTIFICATE] = "signed by a certificate: persons are known by their keys",
        [APPROVAL_SIGNER] = "says it is by another key than the one that signed it",
        [APPROVAL_UNKNOWN_KEY] = "its key is nobody's in the approvers file",
        [APPROVAL_SIGNATURE] = "its signature does not verify",
        [APPROVAL_REVOKED] = "the key or the person is revoked",
        [APPROVAL_WITHDRAWN] = "the revoked file withdraws it",
        [APPROVAL_OTHER_KEY] = "is for another signing key (MRSIGNER)",
        [APPROVAL_KEY_EXPIRED] = "the key does not count any more",
        [APPROVAL_NOT_FIDO] = "the policy wants a FIDO key",
        [APPROVAL_NO_TOUCH] = "the FIDO key was not touched",
        [APPROVAL_NOT_VERIFIED] = "the FIDO key asked for neither PIN nor finger",
        [APPROVAL_EXPIRED] = "is over",
        [APPROVAL_TOO_LONG] = "lasts longer than the policy allows",
    };

    return texts[v];
}

/* In quotes. What somebody writes must not look like a row about somebody else: one blank is as good as many,
 * and the quotes end with it. */
static bool add_note(const char *note, struct buf *ret, struct ens_err *err)
{
    char text[STATEMENT_NOTE_MAX + 1];
    size_t len = 0;

    for (const char *at = note; *at != '\0'; at++) {
        if (at[0] != ' ' || at[1] != ' ')
            text[len++] = *at == '"' ? '\'' : *at;
    }
    return buf_printf(ret, err, "\"%.*s\"", (int)len, text);
}

/* "rebuilt it, until 2026-12-28" */
static bool render_answer(const struct statement *s, const struct statement_item *item, struct buf *ret,
                          struct ens_err *err)
{
    struct date d = {0};

    if (!buf_printf(ret, err, "%s", item->is_rebuilt ? "rebuilt it" : "did not rebuild it"))
        return false;
    if (s->is_yes && date_of_bcd(s->until, &d) &&
        !buf_printf(ret, err, ", until %04u-%02u-%02u", d.year, d.month, d.day))
        return false;
    return s->note[0] == '\0' || (buf_printf(ret, err, ", ") && add_note(s->note, ret, err));
}

static bool render_row(const struct consent *c, const struct approval_row *row, const uint8_t *digest,
                       struct buf *ret, struct ens_err *err)
{
    const struct statement *s = &row->approval.statement;
    const struct statement_item *item = row->approval.has_statement ? statement_find(s, digest) : NULL;
    bool counts = row->verdict == APPROVAL_YES || row->verdict == APPROVAL_NO;
    bool replaced = counts && item != NULL && approval_is_replaced(&c->approvals, row, digest);
    const char *word = !counts                    ? approval_word(row->verdict)
                       : replaced || item == NULL ? "--"
                       : s->is_yes                ? "yes"
                                                  : "NO";

    if (!buf_printf(ret, err, "  %-15s %s: ", word, row->person != NULL ? row->person : "nobody"))
        return false;
    if (!counts &&
        !buf_printf(ret, err, "%s",
                    row->approval.why[0] != '\0' ? row->approval.why : why_not_counted(row->verdict)))
        return false;
    if (counts && item == NULL && !buf_printf(ret, err, "for other sign-data"))
        return false;
    if (replaced && !buf_printf(ret, err, "taken back by a later one"))
        return false;
    if (counts && item != NULL && !replaced && !render_answer(s, item, ret, err))
        return false;
    return buf_printf(ret, err, "\n  %-15s %s%s", "", row->approval.key,
                      row->approval.key[0] != '\0' ? "  " : "") &&
           text_line(ret, err, "%s", row->path);
}

bool consent_render(const struct consent *c, const struct requests *requests, size_t index, struct buf *ret,
                    struct ens_err *err)
{
    for (size_t i = 0; i < c->approvals.len; i++) {
        if (!render_row(c, &c->approvals.rows[i], requests->items[index].digest, ret, err))
            return false;
    }
    return true;
}

/* Who approves each of them; and the fewest that any of them has. */
static size_t common(const struct consent *c, bool ret[static PEOPLE_MAX])
{
    size_t fewest = c->len > 0 ? c->tallies[0].counted : 0;

    for (size_t i = 0; i < c->len; i++)
        fewest = c->tallies[i].counted < fewest ? c->tallies[i].counted : fewest;
    for (size_t p = 0; p < PEOPLE_MAX; p++) {
        ret[p] = c->len > 0;
        for (size_t i = 0; i < c->len; i++)
            ret[p] = ret[p] && c->tallies[i].yes[p];
    }
    return fewest;
}

static bool add_rejections(const struct consent *c, struct buf *ret, bool *ret_any, struct ens_err *err)
{
    bool persons[PEOPLE_MAX] = {0};
    uint64_t records[PEOPLE_MAX] = {0};

    *ret_any = false;
    for (size_t i = 0; i < c->len; i++) {
        for (size_t p = 0; p < PEOPLE_MAX; p++) {
            if (!c->tallies[i].no[p])
                continue;
            *ret_any = persons[p] = true;
            records[p] = c->tallies[i].no_record[p];
        }
    }
    return !*ret_any ||
           (buf_printf(ret, err, "REJECTED by ") && approval_names(c->policy, persons, records, ret, err));
}

/* Files that are damaged, or verify under nobody's hand: somebody's no may be among them. */
static bool add_damaged(const struct consent *c, struct buf *ret, struct ens_err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < c->approvals.len; i++) {
        enum approval_verdict v = c->approvals.rows[i].verdict;

        n += v == APPROVAL_STATEMENT || v == APPROVAL_SSHSIG || v == APPROVAL_SIGNER ||
             v == APPROVAL_SIGNATURE;
    }
    return n == 0 || buf_printf(ret, err, "; %zu file%s damaged", n, n == 1 ? " is" : "s are");
}

bool consent_summary(const struct consent *c, struct buf *ret, struct ens_err *err)
{
    bool persons[PEOPLE_MAX];
    bool rejected = false;

    if (!has_people(c->policy))
        return buf_printf(ret, err, "none asked for");
    if (!add_rejections(c, ret, &rejected, err))
        return false;
    if (rejected)
        return true;
    size_t fewest = common(c, persons);

    if (!buf_printf(ret, err, "%zu of %u%s", fewest, policy_approvals(c->policy),
                    c->len > 1 ? " for each" : ""))
        return false;
    size_t before = ret->len;

    if (!buf_printf(ret, err, ": ") || !approval_names(c->policy, persons, NULL, ret, err))
        return false;
    /* Each has enough, but nobody approves them all. */
    if (ret->len == before + 2)
        ret->len = before;
    return (!is_clock_back(c) || buf_printf(ret, err, "; the clock was set back")) &&
           add_damaged(c, ret, err);
}
