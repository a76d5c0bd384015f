/* The checks of a policy: each line that is there is held against what will be signed, and with what. */
#include "signer/ceremony/policy_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"

static const char *const names[POLICY_CHECKS] = {
    "mrsigner", "mrenclave",     "isvprodid",      "isvsvn", "date", "attributes", "xfrm",
    "debug",    "provision-key", "einittoken-key", "blind",  "key",  "approvals",  "max-items",
};
const char *const policy_claim_names[POLICY_CLAIMS] = {
    "sensitive", "always-sensitive", "not-extractable",     "never-extractable",
    "local",     "no-decrypt",       "always-authenticate",
};

const char *policy_name(enum policy_check check)
{
    return names[check];
}

static void put(struct policy_outcome *o, enum policy_check check, bool holds, const char *fmt, ...)
    ENS_PRINTF(4, 5);

static void put(struct policy_outcome *o, enum policy_check check, bool holds, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(o->rows[check].text, sizeof o->rows[check].text, fmt, args) < 0)
        o->rows[check].text[0] = '\0';
    va_end(args);
    o->rows[check].result = holds ? POLICY_PASS : POLICY_FAIL;
}

/* ---- fields ---- */

static bool within(const struct policy_limit *l, uint64_t value)
{
    if (l->op == POLICY_AT_LEAST)
        return value >= l->value;
    return l->op == POLICY_AT_MOST ? value <= l->value : value == l->value;
}

static const char *op_text(enum policy_op op)
{
    return op == POLICY_AT_LEAST ? "at least" : op == POLICY_AT_MOST ? "at most" : "exactly";
}

static void check_limit(const struct policy *p, const struct sigstruct *css, enum policy_check check,
                        const struct policy_limit *l, enum css_field field, struct policy_outcome *ret)
{
    uint64_t value = sigstruct_get_int(css, field);
    struct date d;

    if (!p->present[check])
        return;
    if (field == CSS_DATE) {
        bool real = date_of_bcd((uint32_t)value, &d);

        put(ret, check, real && within(l, value), "DATE is %08" PRIx64 ", the policy wants %s %08" PRIx64,
            value, op_text(l->op), l->value);
        return;
    }
    put(ret, check, within(l, value), "%s is %" PRIu64 ", the policy wants %s %" PRIu64,
        css_table[field].name, value, op_text(l->op), l->value);
}

/* Told as it is written, value/inverse mask. */
static void check_pair(const struct policy *p, const struct sigstruct *css, enum policy_check check,
                       const struct policy_pair *pair, enum css_field value, enum css_field mask,
                       struct policy_outcome *ret)
{
    uint64_t v = sigstruct_get_int(css, value);
    uint64_t m = sigstruct_get_int(css, mask);

    if (p->present[check])
        put(ret, check, v == pair->value && m == pair->mask,
            "%s is 0x%" PRIx64 "/0x%" PRIx64 ", the policy wants 0x%" PRIx64 "/0x%" PRIx64,
            css_table[value].name, v, ~m, pair->value, ~pair->mask);
}

/* Forbidden: clear, and enforced by the mask. */
static void check_forbidden(const struct policy *p, const struct sigstruct *css, enum policy_check check,
                            bool forbids, uint64_t bit, const char *name, struct policy_outcome *ret)
{
    bool clear = (sigstruct_get_int(css, CSS_ATTRIBUTES) & bit) == 0;
    bool enforced = (sigstruct_get_int(css, CSS_ATTRIBUTEMASK) & bit) != 0;

    if (p->present[check])
        put(ret, check, !forbids || (clear && enforced), "%s is %s%s", name, clear ? "clear" : "set",
            clear && !enforced ? ", but not enforced" : "");
}

static void check_mrenclave(const struct policy *p, const struct sigstruct *css, struct policy_outcome *ret)
{
    struct view hash = sigstruct_get(css, CSS_ENCLAVEHASH);
    char hex[2 * MRENCLAVE_SIZE + 1];
    bool found = false;

    if (!p->present[POLICY_MRENCLAVE])
        return;
    for (size_t i = 0; i < p->mrenclaves_len; i++)
        found = found || view_equal(hash, view_of(p->mrenclaves[i], MRENCLAVE_SIZE));
    hex_encode(hex, hash);
    put(ret, POLICY_MRENCLAVE, found, "MRENCLAVE %s is %son the list", hex, found ? "" : "not ");
}

/* What cannot be seen cannot be checked: every rule about fields fails on a bare digest. */
static void check_blind(const struct policy *p, struct policy_outcome *ret)
{
    static const enum policy_check about_fields[] = {POLICY_MRENCLAVE, POLICY_ISVPRODID,  POLICY_ISVSVN,
                                                     POLICY_DATE,      POLICY_ATTRIBUTES, POLICY_XFRM};
    const bool forbidden[] = {p->forbids_debug, p->forbids_provision_key, p->forbids_einittoken_key};

    for (size_t i = 0; i < sizeof about_fields / sizeof about_fields[0]; i++) {
        if (p->present[about_fields[i]])
            put(ret, about_fields[i], false, "a bare digest does not show it");
    }
    for (int i = 0; i < 3; i++) {
        if (p->present[POLICY_DEBUG + i])
            put(ret, (enum policy_check)(POLICY_DEBUG + i), !forbidden[i], "a bare digest does not show it");
    }
    if (p->present[POLICY_BLIND])
        put(ret, POLICY_BLIND, !p->forbids_blind, "a bare digest is given");
}

void policy_check_fields(const struct policy *p, const struct sigstruct *css, struct policy_outcome *ret)
{
    if (css == NULL) {
        check_blind(p, ret);
        return;
    }
    check_mrenclave(p, css, ret);
    check_limit(p, css, POLICY_ISVPRODID, &p->isvprodid, CSS_ISVPRODID, ret);
    check_limit(p, css, POLICY_ISVSVN, &p->isvsvn, CSS_ISVSVN, ret);
    check_limit(p, css, POLICY_DATE, &p->date, CSS_DATE, ret);
    check_pair(p, css, POLICY_ATTRIBUTES, &p->attributes, CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK, ret);
    check_pair(p, css, POLICY_XFRM, &p->xfrm, CSS_XFRM, CSS_XFRM_MASK, ret);
    check_forbidden(p, css, POLICY_DEBUG, p->forbids_debug, ATTR_DEBUG, "DEBUG", ret);
    check_forbidden(p, css, POLICY_PROVISION_KEY, p->forbids_provision_key, ATTR_PROVISIONKEY, "PROVISIONKEY",
                    ret);
    check_forbidden(p, css, POLICY_EINITTOKEN_KEY, p->forbids_einittoken_key, ATTR_EINITTOKENKEY,
                    "EINITTOKENKEY", ret);
    if (p->present[POLICY_BLIND])
        put(ret, POLICY_BLIND, true, "the sign-data is given");
}

/* ---- the rest ---- */

void policy_check_items(const struct policy *p, size_t items, struct policy_outcome *ret)
{
    if (p->present[POLICY_MAX_ITEMS])
        put(ret, POLICY_MAX_ITEMS, items <= p->max_items, "%zu are to be signed, the policy allows %" PRIu64,
            items, p->max_items);
}

void policy_check_approvals(const struct policy *p, size_t counted, struct policy_outcome *ret)
{
    if (p->present[POLICY_APPROVALS])
        put(ret, POLICY_APPROVALS, counted >= p->approvals, "%zu count, the policy wants %" PRIu64, counted,
            p->approvals);
}

void policy_check_mrsigner(const struct policy *p, const uint8_t mrsigner[static MRSIGNER_SIZE],
                           struct policy_outcome *ret)
{
    char hex[2 * MRSIGNER_SIZE + 1];

    if (!p->present[POLICY_MRSIGNER])
        return;
    hex_encode(hex, view_of(mrsigner, MRSIGNER_SIZE));
    put(ret, POLICY_MRSIGNER, memcmp(p->mrsigner, mrsigner, MRSIGNER_SIZE) == 0, "the key's MRSIGNER is %s",
        hex);
}

void policy_check_claims(const struct policy *p, const struct policy_claims *claims,
                         struct policy_outcome *ret)
{
    const int wanted[POLICY_CLAIMS][2] = {
        [CLAIM_SENSITIVE] = {claims->sensitive, 1},
        [CLAIM_ALWAYS_SENSITIVE] = {claims->always_sensitive, 1},
        [CLAIM_NOT_EXTRACTABLE] = {claims->extractable, 0},
        [CLAIM_NEVER_EXTRACTABLE] = {claims->never_extractable, 1},
        [CLAIM_LOCAL] = {claims->local, 1},
        [CLAIM_NO_DECRYPT] = {claims->decrypt, 0},
        [CLAIM_ALWAYS_AUTHENTICATE] = {claims->always_authenticate, 1},
    };

    if (!p->present[POLICY_KEY])
        return;
    put(ret, POLICY_KEY, true, "the token claims all that is wanted");
    for (int c = 0; c < POLICY_CLAIMS; c++) {
        if (p->claims[c] && wanted[c][0] != wanted[c][1])
            put(ret, POLICY_KEY, false, "the token does not claim '%s' of the key", policy_claim_names[c]);
    }
}

bool policy_render(const struct policy_outcome *outcome, struct buf *ret, struct ens_err *err)
{
    static const char *const results[] = {
        [POLICY_ABSENT] = "not in the policy", [POLICY_PASS] = "pass", [POLICY_FAIL] = "FAIL"};

    for (int c = 0; c < POLICY_CHECKS; c++) {
        bool absent = outcome->rows[c].result == POLICY_ABSENT;

        if (!buf_printf(ret, err, "  %-15s %s%s%s\n", names[c], results[outcome->rows[c].result],
                        absent ? "" : ": ", outcome->rows[c].text))
            return false;
    }
    return true;
}

bool policy_met(const struct policy_outcome *outcome, struct ens_err *err)
{
    int first = -1;
    int failed = 0;

    for (int c = 0; c < POLICY_CHECKS; c++) {
        if (outcome->rows[c].result != POLICY_FAIL)
            continue;
        first = first < 0 ? c : first;
        failed++;
    }
    if (failed == 0)
        return true;
    if (failed == 1)
        return ens_fail(err, ENS_REFUSED, "policy: %s: %s: nothing was signed", names[first],
                        outcome->rows[first].text);
    return ens_fail(err, ENS_REFUSED, "policy: %s: %s (and %d more checks failed): nothing was signed",
                    names[first], outcome->rows[first].text, failed - 1);
}
