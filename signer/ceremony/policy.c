/* The policy: a table of keywords, each with its reader; the checks are in policy_check.c. */
#include "signer/ceremony/policy.h"

#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/ceremony/policy_internal.h"

/* Longest line, and words in it. */
#define LINE_MAX_BYTES 4096
#define WORDS_MAX      48

/* One line, cut into words. */
struct line {
    char text[LINE_MAX_BYTES];
    char *words[WORDS_MAX];
    size_t len; /* words */
};

void policy_freep(struct policy **p)
{
    if (*p == NULL)
        return;
    mem_free((*p)->mrenclaves);
    mem_free((*p)->approvers);
    mem_free(*p);
    *p = NULL;
}

/* ---- values ---- */

static bool need_words(const struct line *l, size_t min, size_t max, struct ens_err *err)
{
    if (l->len - 1 < min || l->len - 1 > max)
        return ens_fail(err, ENS_DATA, "%s: has %zu values: see ensign(5) for what it takes", l->words[0],
                        l->len - 1);
    return true;
}

/* What a value reader of base says of the command line is here about the file. */
static bool bad_value(struct ens_err *err)
{
    err->code = ENS_DATA;
    return false;
}

static bool read_limit(const struct line *l, uint64_t max, struct policy_limit *ret, struct ens_err *err)
{
    const char *value = l->words[l->len - 1];
    struct date d;

    if (!need_words(l, 1, 2, err))
        return false;
    ret->op = POLICY_EQUAL;
    if (l->len == 3) {
        if (strcmp(l->words[1], ">=") == 0)
            ret->op = POLICY_AT_LEAST;
        else if (strcmp(l->words[1], "<=") == 0)
            ret->op = POLICY_AT_MOST;
        else if (strcmp(l->words[1], "=") != 0)
            return ens_fail(err, ENS_DATA, "%s: '%s' is no comparison: write =, >= or <=", l->words[0],
                            l->words[1]);
    }
    if (max == POLICY_DATE_VALUE) {
        if (!date_parse(value, l->words[0], &d, err))
            return bad_value(err);
        ret->value = date_to_bcd(d);
        return true;
    }
    return num_parse(value, l->words[0], max, &ret->value, err) || bad_value(err);
}

static bool read_pair(const struct line *l, struct policy_pair *ret, struct ens_err *err)
{
    uint64_t open = 0;

    if (!need_words(l, 1, 1, err))
        return false;
    if (!num_parse_pair(l->words[1], l->words[0], UINT64_MAX, &ret->value, &open, err))
        return bad_value(err);
    ret->mask = ~open;
    return true;
}

static bool read_forbid(const struct line *l, bool *ret, struct ens_err *err)
{
    if (!need_words(l, 1, 1, err))
        return false;
    if (strcmp(l->words[1], "forbid") != 0 && strcmp(l->words[1], "allow") != 0)
        return ens_fail(err, ENS_DATA, "%s: '%s' is unknown: write forbid or allow", l->words[0],
                        l->words[1]);
    *ret = strcmp(l->words[1], "forbid") == 0;
    return true;
}

static bool read_count(const struct line *l, uint64_t max, uint64_t *ret, struct ens_err *err)
{
    if (!need_words(l, 1, 1, err))
        return false;
    if (!num_parse(l->words[1], l->words[0], max, ret, err))
        return bad_value(err);
    return *ret > 0 || ens_fail(err, ENS_DATA, "%s: is 0: leave the line out", l->words[0]);
}

static bool read_mrenclaves(const struct line *l, struct policy *p, struct ens_err *err)
{
    void *grown = p->mrenclaves;

    if (!need_words(l, 1, WORDS_MAX, err) ||
        !mem_grow(&grown, p->mrenclaves_len + l->len - 1, sizeof *p->mrenclaves, err))
        return false;
    p->mrenclaves = grown;
    for (size_t i = 1; i < l->len; i++) {
        if (!hex_decode(l->words[i], l->words[0], p->mrenclaves[p->mrenclaves_len], MRENCLAVE_SIZE, err))
            return bad_value(err);
        p->mrenclaves_len++;
    }
    return true;
}

static bool read_claims(const struct line *l, struct policy *p, struct ens_err *err)
{
    if (!need_words(l, 1, POLICY_CLAIMS, err))
        return false;
    for (size_t i = 1; i < l->len; i++) {
        int found = -1;

        for (int c = 0; c < POLICY_CLAIMS; c++) {
            if (strcmp(policy_claim_names[c], l->words[i]) == 0)
                found = c;
        }
        if (found < 0)
            return ens_fail(err, ENS_DATA, "key: '%s' is no claim: see ensign(5)", l->words[i]);
        p->claims[found] = true;
    }
    return true;
}

static bool read_approvers(const struct line *l, struct policy *p, struct ens_err *err)
{
    if (!need_words(l, 1, 1, err))
        return false;
    p->approvers = mem_strdup(l->words[1], err);
    return p->approvers != NULL;
}

/* ---- lines ---- */

/* Cuts a line without its newline into words; `#` begins a comment. */
static bool cut(struct view raw, struct line *ret, struct ens_err *err)
{
    const char *blank = " \t\r";
    char *at = ret->text;

    if (raw.len >= sizeof ret->text)
        return ens_fail(err, ENS_DATA, "the line has more than %d bytes: split it", LINE_MAX_BYTES - 1);
    if (raw.len > 0 && memchr(raw.data, '\0', raw.len) != NULL)
        return ens_fail(err, ENS_DATA, "holds a zero byte: give a text file");
    memcpy(ret->text, raw.data != NULL ? (const void *)raw.data : "", raw.len);
    ret->text[raw.len] = '\0';
    at[strcspn(at, "#")] = '\0';
    for (ret->len = 0;; ret->len++) {
        at += strspn(at, blank);
        if (*at == '\0')
            return true;
        if (ret->len == WORDS_MAX)
            return ens_fail(err, ENS_DATA, "the line has more than %d words: split it", WORDS_MAX);
        ret->words[ret->len] = at;
        at += strcspn(at, blank);
        if (*at != '\0')
            *at++ = '\0';
    }
}

static bool read_keyword(const struct line *l, enum policy_check check, struct policy *p, struct ens_err *err)
{
    switch (check) {
    case POLICY_MRSIGNER:
        return need_words(l, 1, 1, err) &&
               (hex_decode(l->words[1], l->words[0], p->mrsigner, sizeof p->mrsigner, err) || bad_value(err));
    case POLICY_MRENCLAVE:
        return read_mrenclaves(l, p, err);
    case POLICY_ISVPRODID:
        return read_limit(l, UINT16_MAX, &p->isvprodid, err);
    case POLICY_ISVSVN:
        return read_limit(l, UINT16_MAX, &p->isvsvn, err);
    case POLICY_DATE:
        return read_limit(l, POLICY_DATE_VALUE, &p->date, err);
    case POLICY_ATTRIBUTES:
        return read_pair(l, &p->attributes, err);
    case POLICY_XFRM:
        return read_pair(l, &p->xfrm, err);
    case POLICY_DEBUG:
        return read_forbid(l, &p->forbids_debug, err);
    case POLICY_PROVISION_KEY:
        return read_forbid(l, &p->forbids_provision_key, err);
    case POLICY_EINITTOKEN_KEY:
        return read_forbid(l, &p->forbids_einittoken_key, err);
    case POLICY_BLIND:
        return read_forbid(l, &p->forbids_blind, err);
    case POLICY_KEY:
        return read_claims(l, p, err);
    case POLICY_APPROVALS:
        return read_count(l, POLICY_APPROVALS_MAX, &p->approvals, err);
    case POLICY_MAX_ITEMS:
        return read_count(l, UINT32_MAX, &p->max_items, err);
    case POLICY_CHECKS:
        break;
    }
    return ens_fail(err, ENS_BUG, "a policy keyword has no reader");
}

static bool read_line(const struct line *l, struct policy *p, struct ens_err *err)
{
    if (strcmp(l->words[0], "approvers") == 0) {
        if (p->approvers != NULL)
            return ens_fail(err, ENS_DATA, "approvers: is there twice: leave one line");
        return read_approvers(l, p, err);
    }
    for (int c = 0; c < POLICY_CHECKS; c++) {
        if (strcmp(policy_name((enum policy_check)c), l->words[0]) != 0)
            continue;
        if (p->present[c] && c != POLICY_MRENCLAVE)
            return ens_fail(err, ENS_DATA, "%s: is there twice: leave one line", l->words[0]);
        p->present[c] = true;
        return read_keyword(l, (enum policy_check)c, p, err);
    }
    return ens_fail(err, ENS_DATA, "'%s' is no keyword: see ensign(5)", l->words[0]);
}

static bool check_whole(const struct policy *p, struct ens_err *err)
{
    if (p->present[POLICY_APPROVALS] && p->approvers == NULL)
        return ens_fail(err, ENS_DATA, "approvals: need to know of whom: add a line approvers PATH");
    return true;
}

bool policy_parse(struct view text, const char *name, struct policy **ret, struct ens_err *err)
{
    ENS_CLEANUP(policy_freep) struct policy *p = mem_alloc(1, sizeof *p, err);
    struct line line;

    if (p == NULL || !digest_of(DIGEST_SHA256, text, p->digest, err))
        return false;
    for (size_t number = 1; text.len > 0; number++) {
        const uint8_t *newline = memchr(text.data, '\n', text.len);
        size_t len = newline != NULL ? (size_t)(newline - text.data) : text.len;

        if (!cut(view_slice(text, 0, len), &line, err) || (line.len > 0 && !read_line(&line, p, err)))
            return ens_wrap(err, "%s: line %zu", name, number);
        len += newline != NULL;
        text = view_slice(text, len, text.len - len);
    }
    if (!check_whole(p, err))
        return ens_wrap(err, "%s", name);
    *ret = ens_take(p);
    return true;
}

bool policy_read(const char *path, struct policy **ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return file_read_all(path, POLICY_FILE_MAX, &file, err) && policy_parse(buf_view(&file), path, ret, err);
}

const uint8_t *policy_digest(const struct policy *p)
{
    return p->digest;
}

unsigned policy_approvals(const struct policy *p)
{
    return (unsigned)p->approvals;
}

const char *policy_approvers(const struct policy *p)
{
    return p->approvers;
}
