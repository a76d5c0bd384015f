/* The values of a policy's lines: read, written again, and numbers compared. */
#include <inttypes.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/ceremony/hand.h"
#include "signer/ceremony/policy_internal.h"

const char *const policy_claim_names[POLICY_CLAIMS] = {
    "sensitive", "always-sensitive", "not-extractable",     "never-extractable",
    "local",     "no-decrypt",       "always-authenticate",
};

static bool bad_value(const struct policy_keyword *k, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "value: %s: takes %s", k->name, k->takes);
}

/* Readers of base speak of the command line; here the error is about the file. */
static bool of_file(bool ok, struct ens_err *err)
{
    if (ok)
        return true;
    err->code = ENS_DATA;
    return ens_wrap(err, "value");
}

static bool word_is(const struct hand_line *l, size_t index, const char *word)
{
    return strcmp(l->words[index], word) == 0;
}

/* ---- numbers and days ---- */

static bool read_policy_number(const struct policy_keyword *k, const char *text, uint64_t *ret,
                               struct ens_err *err)
{
    struct date d;

    if (k->shape == SHAPE_DATES) {
        if (!of_file(date_parse(text, k->name, &d, err), err))
            return false;
        *ret = date_to_bcd(d);
        return true;
    }
    return of_file(num_parse(text, k->name, k->max, ret, err), err) && (*ret >= k->min || bad_value(k, err));
}

/* "A..B", cut at the first dots. */
static bool read_range(const struct policy_keyword *k, const char *text, struct policy_line *ret,
                       struct ens_err *err)
{
    const char *dots = strstr(text, "..");
    ENS_CLEANUP(mem_freep) char *first = mem_strndup(text, (size_t)(dots - text), err);

    if (first == NULL || !read_policy_number(k, first, &ret->numbers[0], err) ||
        !read_policy_number(k, dots + 2, &ret->numbers[1], err))
        return false;
    ret->op = OP_RANGE;
    ret->numbers_len = 2;
    return ret->numbers[0] <= ret->numbers[1] ||
           ens_fail(err, ENS_DATA, "contradiction: %s: the range %s is empty", k->name, text);
}

static bool read_list(const struct policy_keyword *k, const struct hand_line *l, size_t from,
                      struct policy_line *ret, struct ens_err *err)
{
    if (l->len - from > POLICY_LIST_MAX)
        return bad_value(k, err);
    for (size_t i = from; i < l->len; i++) {
        if (!read_policy_number(k, l->words[i], &ret->numbers[i - from], err))
            return false;
    }
    ret->numbers_len = l->len - from;
    for (size_t i = 0; i < ret->numbers_len; i++) {
        for (size_t j = 0; j < i; j++) {
            if (ret->numbers[i] == ret->numbers[j])
                return ens_fail(err, ENS_DATA, "twice: %s: %s is there twice: leave one", k->name,
                                l->words[from + i]);
        }
    }
    return true;
}

static bool read_policy_numbers(const struct policy_keyword *k, const struct hand_line *l,
                                struct policy_line *ret, struct ens_err *err)
{
    size_t from = 1;

    ret->is_any = l->len == 2 && word_is(l, 1, "any");
    if (ret->is_any)
        return true;
    if (word_is(l, 1, ">=") || word_is(l, 1, "<=") || word_is(l, 1, "=")) {
        if (l->len != 3)
            return bad_value(k, err);
        ret->op = word_is(l, 1, ">=") ? OP_AT_LEAST : word_is(l, 1, "<=") ? OP_AT_MOST : OP_ONE_OF;
        from = 2;
    }
    if (l->len == 2 && strstr(l->words[1], "..") != NULL)
        return read_range(k, l->words[1], ret, err);
    return read_list(k, l, from, ret, err);
}

bool policy_number_holds(const struct policy_line *l, uint64_t value)
{
    if (l->is_any)
        return true;
    switch (l->op) {
    case OP_AT_LEAST:
        return value >= l->numbers[0];
    case OP_AT_MOST:
        return value <= l->numbers[0];
    case OP_RANGE:
        return value >= l->numbers[0] && value <= l->numbers[1];
    case OP_ONE_OF:
        break;
    }
    for (size_t i = 0; i < l->numbers_len; i++) {
        if (l->numbers[i] == value)
            return true;
    }
    return false;
}

static bool read_policy_count(const struct policy_keyword *k, const struct hand_line *l,
                              struct policy_line *ret, struct ens_err *err)
{
    if (l->len != 2)
        return bad_value(k, err);
    ret->numbers_len = 1;
    return of_file(num_parse(l->words[1], k->name, k->max, &ret->numbers[0], err), err) &&
           (ret->numbers[0] > 0 || ens_fail(err, ENS_DATA, "value: %s: is 0: leave the line out", k->name));
}

/* ---- the other shapes ---- */

static bool read_pair(const struct policy_keyword *k, const struct hand_line *l, struct policy_line *ret,
                      struct ens_err *err)
{
    ret->is_any = l->len == 2 && word_is(l, 1, "any");
    if (ret->is_any)
        return true;
    ret->is_within = word_is(l, 1, "within");
    if (l->len != (ret->is_within ? 3 : 2))
        return bad_value(k, err);
    return of_file(num_parse_pair(l->words[l->len - 1], k->name, k->max, &ret->value, &ret->open, err), err);
}

static bool read_word(const struct policy_keyword *k, const struct hand_line *l, struct policy_line *ret,
                      struct ens_err *err)
{
    for (int i = 0; l->len == 2 && k->words[i] != NULL; i++) {
        if (!word_is(l, 1, k->words[i]))
            continue;
        ret->word = i;
        return true;
    }
    return bad_value(k, err);
}

static bool read_hex(const struct policy_keyword *k, const struct hand_line *l, struct policy_line *ret,
                     struct ens_err *err)
{
    void *grown = ret->hex;

    ret->is_any = k->may_be_any && l->len == 2 && word_is(l, 1, "any");
    if (ret->is_any)
        return true;
    if (!k->is_list && l->len != 2)
        return bad_value(k, err);
    if (!mem_grow(&grown, ret->hex_len + l->len - 1, sizeof *ret->hex, err))
        return false;
    ret->hex = grown;
    for (size_t i = 1; i < l->len; i++) {
        if (!of_file(hex_decode(l->words[i], k->name, ret->hex[ret->hex_len + i - 1], k->size, err), err))
            return false;
    }
    for (size_t i = 1; i < l->len; i++, ret->hex_len++) {
        for (size_t j = 0; j < ret->hex_len; j++) {
            if (memcmp(ret->hex[j], ret->hex[ret->hex_len], k->size) == 0)
                return ens_fail(err, ENS_DATA, "twice: %s: %s is there twice: leave one", k->name,
                                l->words[i]);
        }
    }
    return true;
}

static bool read_claim_words(const struct policy_keyword *k, const struct hand_line *l, struct policy *p,
                             struct ens_err *err)
{
    for (size_t i = 1; i < l->len; i++) {
        int found = 0;

        while (found < POLICY_CLAIMS && !word_is(l, i, policy_claim_names[found]))
            found++;
        if (found == POLICY_CLAIMS || p->claims[found])
            return bad_value(k, err);
        p->claims[found] = true;
    }
    return true;
}

static bool read_file_name(const struct policy_keyword *k, const struct hand_line *l, struct policy_line *ret,
                           struct ens_err *err)
{
    static const char sum[] = "sha256:";

    ret->has_pin = l->len == 3 && strncmp(l->words[2], sum, sizeof sum - 1) == 0;
    if (l->len > 3 || (l->len == 3 && !ret->has_pin))
        return bad_value(k, err);
    if (ret->has_pin &&
        !of_file(hex_decode(l->words[2] + sizeof sum - 1, k->name, ret->pin, sizeof ret->pin, err), err))
        return false;
    ret->file = mem_strdup(l->words[1], err);
    return ret->file != NULL;
}

bool policy_read_value(enum policy_check check, const struct hand_line *l, struct policy *ret,
                       struct ens_err *err)
{
    const struct policy_keyword *k = &policy_keywords[check];
    struct policy_line *line = &ret->lines[check];

    switch (k->shape) {
    case SHAPE_NUMBERS:
    case SHAPE_DATES:
        return read_policy_numbers(k, l, line, err);
    case SHAPE_PAIR:
        return read_pair(k, l, line, err);
    case SHAPE_BIT:
    case SHAPE_WORD:
        return read_word(k, l, line, err);
    case SHAPE_HEX:
        return read_hex(k, l, line, err);
    case SHAPE_COUNT:
        return read_policy_count(k, l, line, err);
    case SHAPE_CLAIMS:
        return read_claim_words(k, l, ret, err);
    case SHAPE_FILE:
        return read_file_name(k, l, line, err);
    }
    return ens_fail(err, ENS_BUG, "a policy keyword has no reader");
}
