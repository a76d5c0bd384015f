/* The results of a policy's lines: the rows, those of them that are not about fields,
 * and what is said of all. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/policy_internal.h"

static void put_row_text(struct policy_outcome *o, enum policy_check check, enum policy_result result,
                         const char *fmt, va_list args) ENS_PRINTF(4, 0);

static void put_row_text(struct policy_outcome *o, enum policy_check check, enum policy_result result,
                         const char *fmt, va_list args)
{
    if (vsnprintf(o->rows[check].text, sizeof o->rows[check].text, fmt, args) < 0)
        o->rows[check].text[0] = '\0';
    o->rows[check].result = result;
}

void policy_put(struct policy_outcome *o, enum policy_check check, bool holds, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    put_row_text(o, check, holds ? POLICY_HOLDS : POLICY_FAILS, fmt, args);
    va_end(args);
}

/* Lines that decide how others are judged hold by themselves. */
static void put_people(const struct policy *p, struct policy_outcome *ret)
{
    char wanted[POLICY_WANTED_MAX];

    if (p->people != NULL)
        policy_put(ret, POLICY_APPROVERS, true, "%zu persons, %zu keys", people_len(p->people),
                   people_keys(p->people));
    if (p->revoked != NULL)
        policy_put(ret, POLICY_REVOKED, true, "%zu lines", revoked_len(p->revoked));
    for (int c = POLICY_APPROVER_KEYS; c <= POLICY_APPROVAL_DAYS; c++) {
        if (p->people == NULL || !policy_has(p, (enum policy_check)c))
            continue;
        policy_wanted(p, (enum policy_check)c, wanted);
        policy_put(ret, (enum policy_check)c, true, "%s: other approvals do not count", wanted);
    }
}

void policy_outcome_begin(const struct policy *p, struct policy_outcome *ret)
{
    memset(ret, 0, sizeof *ret);
    for (int c = 0; c < POLICY_KEYWORDS; c++) {
        const char *why = policy_keywords[c].unchecked;

        if (!p->lines[c].is_present)
            continue;
        ret->rows[c].result = POLICY_UNCHECKED;
        (void)snprintf(ret->rows[c].text, sizeof ret->rows[c].text, "%s",
                       why != NULL ? why : "not looked at");
    }
    put_people(p, ret);
}

void policy_check_items(const struct policy *p, size_t items, struct policy_outcome *ret)
{
    const struct policy_line *l = &p->lines[POLICY_MAX_ITEMS];

    if (l->is_present)
        policy_put(ret, POLICY_MAX_ITEMS, items <= l->numbers[0], "%zu, wanted at most %" PRIu64, items,
                   l->numbers[0]);
}

void policy_check_mrsigner(const struct policy *p, const uint8_t mrsigner[static MRSIGNER_SIZE],
                           struct policy_outcome *ret)
{
    const uint8_t *wanted = policy_mrsigner(p);

    if (wanted == NULL)
        return;
    bool holds = memcmp(wanted, mrsigner, MRSIGNER_SIZE) == 0;

    policy_put(ret, POLICY_MRSIGNER, holds, "%s, %s", hex_of(view_of(mrsigner, MRSIGNER_SIZE)).text,
               holds ? "as wanted" : "another one is wanted");
}

void policy_check_claims(const struct policy *p, const struct policy_claims *claims,
                         struct policy_outcome *ret)
{
    const int is_and_wanted[POLICY_CLAIMS][2] = {
        [CLAIM_SENSITIVE] = {claims->sensitive, 1},
        [CLAIM_ALWAYS_SENSITIVE] = {claims->always_sensitive, 1},
        [CLAIM_NOT_EXTRACTABLE] = {claims->extractable, 0},
        [CLAIM_NEVER_EXTRACTABLE] = {claims->never_extractable, 1},
        [CLAIM_LOCAL] = {claims->local, 1},
        [CLAIM_NO_DECRYPT] = {claims->decrypt, 0},
        [CLAIM_ALWAYS_AUTHENTICATE] = {claims->always_authenticate, 1},
    };
    char missing[POLICY_TEXT_MAX] = "";

    if (!policy_has(p, POLICY_KEY))
        return;
    for (int c = 0; c < POLICY_CLAIMS; c++) {
        size_t len = strlen(missing);

        /* All names together are shorter than the room. */
        if (p->claims[c] && is_and_wanted[c][0] != is_and_wanted[c][1])
            (void)snprintf(missing + len, sizeof missing - len, " %s", policy_claim_names[c]);
    }
    policy_put(
        ret, POLICY_KEY, missing[0] == '\0', "%s%s",
        missing[0] == '\0' ? "the token claims all that is wanted" : "the token does not claim:", missing);
}

void policy_check_quorum(const struct policy *p, const uint8_t id[static 32], unsigned threshold,
                         bool is_token_share, struct policy_outcome *ret)
{
    const struct policy_line *wanted = &p->lines[POLICY_QUORUM];
    char text[POLICY_WANTED_MAX];

    if (policy_has(p, POLICY_KEY))
        policy_put(ret, POLICY_KEY, false, "the key is in shares: use share token");
    if (policy_has(p, POLICY_QUORUM)) {
        bool holds = memcmp(wanted->hex[0], id, 32) == 0;

        policy_put(ret, POLICY_QUORUM, holds, "%s, %s", hex_of(view_of(id, 32)).text,
                   holds ? "as wanted" : "another one is wanted: it changes with every refresh");
    }
    if (policy_has(p, POLICY_THRESHOLD)) {
        policy_wanted(p, POLICY_THRESHOLD, text);
        policy_put(ret, POLICY_THRESHOLD, policy_number_holds(&p->lines[POLICY_THRESHOLD], threshold),
                   "%u, wanted %s", threshold, text);
    }
    if (policy_has(p, POLICY_SHARE))
        policy_put(ret, POLICY_SHARE, is_token_share, "sealed to a key %s",
                   is_token_share ? "of a token" : "in a file, wanted: of a token");
}

void policy_check_sole_key(const struct policy *p, struct policy_outcome *ret)
{
    for (int c = POLICY_QUORUM; c <= POLICY_SHARE; c++) {
        if (policy_has(p, (enum policy_check)c))
            policy_put(ret, (enum policy_check)c, false, "one key of one token would sign, not a quorum");
    }
}

void policy_check_approvals(const struct policy *p, size_t counted, size_t rebuilt, const char *rejected_by,
                            struct policy_outcome *ret)
{
    if (rejected_by != NULL)
        policy_put(ret, POLICY_REJECTED, false, "by %s", rejected_by);
    if (policy_has(p, POLICY_APPROVALS))
        policy_put(ret, POLICY_APPROVALS, counted >= policy_approvals(p), "%zu, wanted %u", counted,
                   policy_approvals(p));
    if (policy_has(p, POLICY_REBUILT))
        policy_put(ret, POLICY_REBUILT, rebuilt >= policy_rebuilt(p), "%zu, wanted %u", rebuilt,
                   policy_rebuilt(p));
}

void policy_check_transcript(const struct policy *p, bool is_kept, struct policy_outcome *ret)
{
    if (policy_has(p, POLICY_TRANSCRIPT))
        policy_put(ret, POLICY_TRANSCRIPT, is_kept, "%s",
                   is_kept ? "kept" : "none is kept: give --transcript");
}

void policy_check_confirm(const struct policy *p, bool asks_person, struct policy_outcome *ret)
{
    if (policy_has(p, POLICY_CONFIRM))
        policy_put(ret, POLICY_CONFIRM, asks_person, "%s",
                   asks_person ? "a person is asked at a terminal"
                               : "a person at a terminal must confirm: leave --yes out");
}

/* ---- all of them ---- */

const char *policy_result_name(enum policy_result result)
{
    static const char *const names[] = {[POLICY_ABSENT] = "absent",
                                        [POLICY_UNCHECKED] = "unchecked",
                                        [POLICY_HOLDS] = "holds",
                                        [POLICY_FAILS] = "fails"};

    return names[result];
}

void policy_count(const struct policy *p, const struct policy_outcome *outcome, size_t *ret_lines,
                  size_t *ret_hold)
{
    *ret_lines = 0;
    *ret_hold = 0;
    for (int c = 0; c < POLICY_KEYWORDS; c++) {
        *ret_lines += p->lines[c].is_present;
        *ret_hold += p->lines[c].is_present && outcome->rows[c].result == POLICY_HOLDS;
    }
}

bool policy_render(const struct policy_outcome *outcome, struct buf *ret, struct ens_err *err)
{
    for (int c = 0; c < POLICY_CHECKS; c++) {
        enum policy_result result = outcome->rows[c].result;

        if (result != POLICY_ABSENT &&
            !buf_printf(ret, err, "  %-15s %s: %s\n", policy_name((enum policy_check)c),
                        result == POLICY_UNCHECKED ? "not checked" : policy_result_name(result),
                        outcome->rows[c].text))
            return false;
    }
    return true;
}

bool policy_met(const struct policy_outcome *outcome, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    for (int c = 0; c < POLICY_CHECKS; c++) {
        if (outcome->rows[c].result == POLICY_FAILS &&
            !buf_printf(&text, err, "%s%s: %s", text.len > 0 ? "; " : "", policy_name((enum policy_check)c),
                        outcome->rows[c].text))
            return false;
    }
    return text.len == 0 || ens_fail(err, ENS_REFUSED, "policy: %.*s: nothing was signed", (int)text.len,
                                     (const char *)text.data);
}
