/* The signed fields against a policy: each line that is there, and the rules where none is. */
#include <inttypes.h>
#include <stdio.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/ceremony/policy_internal.h"

/* The reason why a field without a line fails. */
#define NO_LINE "and no line allows that"

/* The field's value as a person reads it. */
static void number_text(const struct policy_keyword *k, uint64_t value, char *ret, size_t cap)
{
    if (k->max == UINT16_MAX || value < 10)
        (void)snprintf(ret, cap, "%" PRIu64, value);
    else
        (void)snprintf(ret, cap, "0x%" PRIx64, value);
}

static void check_number(const struct policy *p, const struct sigstruct *css, enum policy_check check,
                         struct policy_outcome *ret)
{
    const struct policy_keyword *k = &policy_keywords[check];
    const struct policy_line *l = &p->lines[check];
    uint64_t value = sigstruct_get_int(css, k->field);
    bool is_usual = value == 0 || (check == POLICY_VENDOR && value == VENDOR_INTEL);
    char wanted[POLICY_WANTED_MAX];
    char is[32];

    number_text(k, value, is, sizeof is);
    if (l->is_present) {
        policy_wanted(p, check, wanted);
        policy_put(ret, check, policy_number_holds(l, value), "%s, wanted %s", is, wanted);
    } else if ((check == POLICY_VENDOR || check == POLICY_SWDEFINED) && !is_usual) {
        policy_put(ret, check, false, "%s, " NO_LINE " (usual: 0)", is);
    }
}

/* A DATE that is not a day of the calendar never holds. */
static void check_date(const struct policy *p, const struct sigstruct *css, struct policy_outcome *ret)
{
    const struct policy_line *l = &p->lines[POLICY_DATE];
    uint32_t value = (uint32_t)sigstruct_get_int(css, CSS_DATE);
    char wanted[POLICY_WANTED_MAX];
    struct date d;

    if (!l->is_present)
        return;
    policy_wanted(p, POLICY_DATE, wanted);
    if (!date_of_bcd(value, &d))
        policy_put(ret, POLICY_DATE, false, "%08" PRIx32 ", which is not a day, wanted %s", value, wanted);
    else
        policy_put(ret, POLICY_DATE, policy_number_holds(l, value), "%04u-%02u-%02u, wanted %s", d.year,
                   d.month, d.day, wanted);
}

static bool pair_holds(const struct policy_line *l, uint64_t all, uint64_t value, uint64_t mask)
{
    uint64_t fixed = ~l->open & all;

    if (l->is_any)
        return true;
    if (l->is_within)
        return (mask & fixed) == fixed && (value & fixed) == (l->value & fixed);
    return value == l->value && mask == fixed;
}

/* Told as it is written, value/inverse mask. */
static void check_pair(const struct policy *p, const struct sigstruct *css, enum policy_check check,
                       struct policy_outcome *ret)
{
    static const struct policy_line usual_misc = {.value = 0, .open = 0};
    static const struct policy_line usual_cet = {.value = 0, .open = UINT8_MAX};
    const struct policy_keyword *k = &policy_keywords[check];
    const struct policy_line *l = &p->lines[check];
    uint64_t value = sigstruct_get_int(css, k->field);
    uint64_t mask = sigstruct_get_int(css, k->mask);
    uint64_t open = ~mask & k->max;
    char wanted[POLICY_WANTED_MAX];

    if (l->is_present) {
        policy_wanted(p, check, wanted);
        policy_put(ret, check, pair_holds(l, k->max, value, mask), "0x%" PRIx64 "/0x%" PRIx64 ", wanted %s",
                   value, open, wanted);
        return;
    }
    const struct policy_line *usual = check == POLICY_MISCSELECT       ? &usual_misc
                                      : check == POLICY_CET_ATTRIBUTES ? &usual_cet
                                                                       : NULL;

    if (usual != NULL && !pair_holds(usual, k->max, value, mask))
        policy_put(ret, check, false, "0x%" PRIx64 "/0x%" PRIx64 ", " NO_LINE " (usual: 0x0/0x%" PRIx64 ")",
                   value, open, usual->open);
}

static void check_hex(const struct policy *p, const struct sigstruct *css, enum policy_check check,
                      struct policy_outcome *ret)
{
    const struct policy_keyword *k = &policy_keywords[check];
    const struct policy_line *l = &p->lines[check];
    struct view is = sigstruct_get(css, k->field);
    char hex[2 * POLICY_HEX_MAX + 1];
    bool found = l->is_any;

    hex_encode(hex, is);
    for (size_t i = 0; i < l->hex_len && !found; i++)
        found = view_equal(is, view_of(l->hex[i], k->size));
    if (l->is_present)
        policy_put(ret, check, found, "%s, %s", hex,
                   l->is_any ? "wanted any"
                   : found   ? l->hex_len == 1 ? "as wanted" : "one of those wanted"
                             : "which no line names");
    else if (check != POLICY_MRENCLAVE && !view_is_zero(is))
        policy_put(ret, check, false, "%s, " NO_LINE " (usual: 0)", hex);
}

/* "off, enforced": what the bit is, and whether the mask holds it. */
static void check_bit(const struct policy *p, const struct sigstruct *css, enum policy_check check,
                      struct policy_outcome *ret)
{
    static const char *const wanted[] = {", wanted off, enforced", ", wanted on, enforced", ""};
    const struct policy_keyword *k = &policy_keywords[check];
    const struct policy_line *l = &p->lines[check];
    bool is_on = (sigstruct_get_int(css, CSS_ATTRIBUTES) & k->bit) != 0;
    bool is_enforced = (sigstruct_get_int(css, CSS_ATTRIBUTEMASK) & k->bit) != 0;
    bool holds = l->word == BIT_ALLOW || (is_enforced && is_on == (l->word == BIT_REQUIRE));

    if (l->is_present)
        policy_put(ret, check, holds, "%s, %senforced%s", is_on ? "on" : "off", is_enforced ? "" : "not ",
                   holds ? "" : wanted[l->word]);
}

/* The fields of a bare digest are unknown: only `blind allow` lets it pass. */
static void check_digest(const struct policy *p, struct policy_outcome *ret)
{
    const struct policy_line *l = &p->lines[POLICY_BLIND];
    bool is_allowed = l->is_present && l->word == BLIND_ALLOW;

    policy_put(ret, POLICY_BLIND, is_allowed, "a bare digest%s",
               is_allowed ? ", allowed" : ", which shows no field, and no line allows that");
}

void policy_check_fields(const struct policy *p, const struct sigstruct *css, struct policy_outcome *ret)
{
    if (css == NULL) {
        check_digest(p, ret);
        return;
    }
    if (policy_has(p, POLICY_BLIND))
        policy_put(ret, POLICY_BLIND, true, "sign-data, no bare digest");
    check_date(p, css, ret);
    for (int i = 0; i < POLICY_KEYWORDS; i++) {
        enum policy_check c = (enum policy_check)i;

        if (!policy_keywords[c].is_field)
            continue;
        if (policy_keywords[c].shape == SHAPE_NUMBERS)
            check_number(p, css, c, ret);
        else if (policy_keywords[c].shape == SHAPE_PAIR)
            check_pair(p, css, c, ret);
        else if (policy_keywords[c].shape == SHAPE_HEX)
            check_hex(p, css, c, ret);
        else if (policy_keywords[c].shape == SHAPE_BIT)
            check_bit(p, css, c, ret);
    }
}
