/* A policy as a whole: what can never hold is a mistake, and is best found at the desk. */
#include <stdio.h>

#include "signer/ceremony/policy_internal.h"

static bool contradiction(struct ens_err *err, const char *text)
{
    return ens_fail(err, ENS_DATA, "contradiction: %s", text);
}

/* ---- lines about people ---- */

static bool check_approvals(const struct policy *p, struct ens_err *err)
{
    static const enum policy_check about_approvals[] = {POLICY_REVOKED, POLICY_REBUILT, POLICY_APPROVAL_DAYS,
                                                        POLICY_APPROVER_KEYS};

    if (policy_has(p, POLICY_APPROVALS) != policy_has(p, POLICY_APPROVERS))
        return contradiction(err, "approvals and approvers belong together: add the other line");
    for (size_t i = 0; i < sizeof about_approvals / sizeof about_approvals[0]; i++) {
        if (policy_has(p, about_approvals[i]) && !policy_has(p, POLICY_APPROVERS))
            return ens_fail(err, ENS_DATA, "contradiction: %s: says nothing without approvers",
                            policy_name(about_approvals[i]));
    }
    return policy_rebuilt(p) <= policy_approvals(p) ||
           contradiction(err, "rebuilt: more persons than approvals wants");
}

static bool key_may_count(const struct policy *p, const struct person_key *k)
{
    return !revoked_has_key(p->revoked, k->fingerprint) &&
           !revoked_has_person(p->revoked, people_name(p->people, k->person)) &&
           (policy_approver_keys(p) == POLICY_KEYS_ANY || k->key.is_sk);
}

bool policy_check_people(const struct policy *p, struct ens_err *err)
{
    size_t able = 0;
    size_t last = SIZE_MAX;

    if (p->people == NULL)
        return true;
    /* The keys of a person stand together. */
    for (size_t i = 0; i < people_keys(p->people); i++) {
        const struct person_key *k = people_key(p->people, i);

        if (k->person == last || !key_may_count(p, k))
            continue;
        last = k->person;
        able++;
    }
    return able >= policy_approvals(p) ||
           ens_fail(err, ENS_DATA,
                    "contradiction: approvals: wants %u persons, and only %zu have a key that may count",
                    policy_approvals(p), able);
}

/* ---- lines about fields ---- */

static bool check_bits(const struct policy *p, struct ens_err *err)
{
    const struct policy_line *a = &p->lines[POLICY_ATTRIBUTES];

    for (int c = 0; a->is_present && !a->is_any && c < POLICY_KEYWORDS; c++) {
        const struct policy_keyword *k = &policy_keywords[c];
        const struct policy_line *l = &p->lines[c];
        bool is_open = (a->open & k->bit) != 0;

        if (k->shape != SHAPE_BIT || !l->is_present || l->word == BIT_ALLOW || (a->is_within && is_open))
            continue;
        if (is_open || ((a->value & k->bit) != 0) != (l->word == BIT_REQUIRE))
            return ens_fail(err, ENS_DATA, "contradiction: %s %s: the line attributes says otherwise",
                            k->name, k->words[l->word]);
    }
    return true;
}

static bool is_zero_or_none(const struct policy_line *l)
{
    for (size_t i = 0; i < l->hex_len; i++) {
        if (!view_is_zero(view_of(l->hex[i], 16)))
            return false;
    }
    return true;
}

static bool check_fields(const struct policy *p, struct ens_err *err)
{
    const struct policy_line *blind = &p->lines[POLICY_BLIND];
    const struct policy_line *kss = &p->lines[POLICY_KSS];

    for (int c = 0; blind->is_present && blind->word == BLIND_ALLOW && c < POLICY_KEYWORDS; c++) {
        if (policy_keywords[c].is_field && p->lines[c].is_present)
            return ens_fail(err, ENS_DATA, "contradiction: blind allow: a bare digest does not show %s",
                            policy_keywords[c].name);
    }
    if (kss->is_present && kss->word == BIT_FORBID &&
        !(is_zero_or_none(&p->lines[POLICY_ISVFAMILYID]) && is_zero_or_none(&p->lines[POLICY_ISVEXTPRODID])))
        return contradiction(err, "kss forbid: without KSS, isvfamilyid and isvextprodid are zero");
    return check_bits(p, err);
}

bool policy_check_whole(const struct policy *p, struct ens_err *err)
{
    if (policy_has(p, POLICY_KEY) &&
        (policy_has(p, POLICY_QUORUM) || policy_has(p, POLICY_THRESHOLD) || policy_has(p, POLICY_SHARE)))
        return contradiction(err,
                             "key: a quorum has no key on a token: leave key, or quorum, threshold, share");
    return check_approvals(p, err) && check_fields(p, err);
}

/* ---- what no line checks ---- */

static bool is_checked(const struct policy *p, int check)
{
    const struct policy_keyword *k = &policy_keywords[check];
    const struct policy_line *l = &p->lines[check];
    const struct policy_line *a = &p->lines[POLICY_ATTRIBUTES];
    bool is_rare = check >= POLICY_VENDOR && check <= POLICY_ISVEXTPRODID;

    if (!l->is_present && is_rare)
        return true;
    if (k->shape == SHAPE_BIT && a->is_present && !a->is_any && !(a->is_within && (a->open & k->bit) != 0))
        return true;
    return l->is_present && !l->is_any && !(k->shape == SHAPE_BIT && l->word == BIT_ALLOW);
}

void policy_list_unchecked(struct policy *p)
{
    size_t len = 0;

    for (int c = 0; c < POLICY_KEYWORDS; c++) {
        if (!policy_keywords[c].is_field || is_checked(p, c))
            continue;
        /* All names together are shorter than the room. */
        int n = snprintf(p->unchecked + len, sizeof p->unchecked - len, "%s%s", len > 0 ? ", " : "",
                         policy_keywords[c].name);

        len += n > 0 ? (size_t)n : 0;
    }
}
