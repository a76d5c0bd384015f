/* The values of a policy's lines as text, in the form in which they may be written. */
#include <inttypes.h>
#include <stdio.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/policy_internal.h"

/* Masks and what is written in hexadecimal as a habit. */
static bool is_hexadecimal(const struct policy_keyword *k)
{
    return k->max == UINT32_MAX && k->is_field;
}

/* Days of a policy are written as in the file (`dashed` false) or as they are read. */
static bool put_policy_number(const struct policy_keyword *k, uint64_t value, bool dashed, struct buf *ret,
                              struct ens_err *err)
{
    if (k->shape == SHAPE_DATES && dashed)
        return buf_printf(ret, err, "%04" PRIx64 "-%02" PRIx64 "-%02" PRIx64, value >> 16, value >> 8 & 0xff,
                          value & 0xff);
    if (k->shape == SHAPE_DATES)
        return buf_printf(ret, err, "%08" PRIx64, value);
    return is_hexadecimal(k) && value > 9 ? buf_printf(ret, err, "0x%" PRIx64, value)
                                          : buf_printf(ret, err, "%" PRIu64, value);
}

static bool put_numbers(const struct policy_keyword *k, const struct policy_line *l, bool dashed,
                        struct buf *ret, struct ens_err *err)
{
    const char *before = l->op == OP_AT_LEAST ? ">= " : l->op == OP_AT_MOST ? "<= " : "";
    const char *between = l->op == OP_RANGE ? ".." : " ";

    for (size_t i = 0; i < l->numbers_len; i++) {
        if (!buf_printf(ret, err, "%s", i == 0 ? before : between) ||
            !put_policy_number(k, l->numbers[i], dashed, ret, err))
            return false;
    }
    return true;
}

static bool put_hex(const struct policy_keyword *k, const struct policy_line *l, struct buf *ret,
                    struct ens_err *err)
{
    char hex[2 * POLICY_HEX_MAX + 1];

    for (size_t i = 0; i < l->hex_len; i++) {
        hex_encode(hex, view_of(l->hex[i], k->size));
        if (!buf_printf(ret, err, "%s%s", i == 0 ? "" : " ", hex))
            return false;
    }
    return true;
}

static bool put_claims(const struct policy *p, struct buf *ret, struct ens_err *err)
{
    const char *between = "";

    for (int c = 0; c < POLICY_CLAIMS; c++) {
        if (!p->claims[c])
            continue;
        if (!buf_printf(ret, err, "%s%s", between, policy_claim_names[c]))
            return false;
        between = " ";
    }
    return true;
}

static bool put_file(const struct policy_line *l, struct buf *ret, struct ens_err *err)
{
    const struct hex pin = hex_of(view_of(l->pin, sizeof l->pin));

    return buf_printf(ret, err, "%s%s%s", l->file, l->has_pin ? " sha256:" : "", l->has_pin ? pin.text : "");
}

static bool put_policy_value(const struct policy *p, enum policy_check check, bool dashed, struct buf *ret,
                             struct ens_err *err)
{
    const struct policy_keyword *k = &policy_keywords[check];
    const struct policy_line *l = &p->lines[check];

    if (l->is_any)
        return buf_printf(ret, err, "any");
    switch (k->shape) {
    case SHAPE_NUMBERS:
    case SHAPE_DATES:
    case SHAPE_COUNT:
        return put_numbers(k, l, dashed, ret, err);
    case SHAPE_PAIR:
        return buf_printf(ret, err, "%s0x%" PRIx64 "/0x%" PRIx64, l->is_within ? "within " : "", l->value,
                          l->open);
    case SHAPE_BIT:
    case SHAPE_WORD:
        return buf_printf(ret, err, "%s", k->words[l->word]);
    case SHAPE_HEX:
        return put_hex(k, l, ret, err);
    case SHAPE_CLAIMS:
        return put_claims(p, ret, err);
    case SHAPE_FILE:
        return put_file(l, ret, err);
    }
    return ens_fail(err, ENS_BUG, "a policy keyword has no text");
}

bool policy_value(const struct policy *p, enum policy_check check, struct buf *ret, struct ens_err *err)
{
    return put_policy_value(p, check, false, ret, err);
}

/* A list that is too long is counted. */
void policy_wanted(const struct policy *p, enum policy_check check, char ret[static POLICY_WANTED_MAX])
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct ens_err why = {0};
    const struct policy_line *l = &p->lines[check];

    if (!put_policy_value(p, check, true, &text, &why) || text.len >= POLICY_WANTED_MAX)
        (void)snprintf(ret, POLICY_WANTED_MAX, "one of %zu", l->numbers_len + l->hex_len);
    else
        (void)snprintf(ret, POLICY_WANTED_MAX, "%.*s", (int)text.len, (const char *)text.data);
}
