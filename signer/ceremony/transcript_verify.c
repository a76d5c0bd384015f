/* Verifies the chain of a transcript. A record ends with the first line that can be its SHA-256; then come,
 * in this order, its number, its bytes, its SHA-256, its entries word by word, the record before it, and what
 * its kind must have. The words of refusal are those of ensign(5). */
#include "signer/ceremony/transcript_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"

#define ID_TEXT 32 /* hexadecimal digits of a begin */

struct scan {
    struct view text;
    const char *name;
    size_t at;          /* where the record begins */
    struct view record; /* its bytes */
    struct transcript_sum *sum;
    struct view last_time;
};

/* Refuses: the word, the record, the byte, the fact, what to do. */
static bool broken(const struct scan *s, const char *word, const char *fact, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "%s: %s: record %" PRIu64 ", from byte %zu on, %s: compare it with a copy",
                    s->name, word, s->sum->records + 1, s->at, fact);
}

static struct view rest_of(const struct scan *s)
{
    return view_slice(s->text, s->at, s->text.len - s->at);
}

/* The first line that the next record must have, newline included. */
#define FIRST_SIZE 64
static struct view first_line(const struct scan *s, char ret[static FIRST_SIZE])
{
    (void)snprintf(ret, FIRST_SIZE, TRANSCRIPT_FIRST "%" PRIu64 "\n", s->sum->records + 1);
    return view_of_string(ret);
}

/* ---- where a record ends ---- */

static bool is_sum_line(struct view v)
{
    return v.len == TRANSCRIPT_SUM_LINE && view_begins(v, view_of_string("sha256: ")) &&
           transcript_is_hex(view_slice(v, 8, TRANSCRIPT_HASH_TEXT), TRANSCRIPT_HASH_TEXT) &&
           v.data[v.len - 1] == '\n';
}

/* The bytes up to the first line that can be a SHA-256; false if there is none. */
static bool find_record_end(struct view rest, size_t *ret)
{
    static const char key[] = "sha256: ";
    struct view left = rest;
    const uint8_t *hit;

    while ((hit = left.len > 0 ? memmem(left.data, left.len, key, sizeof key - 1) : NULL) != NULL) {
        size_t at = (size_t)(hit - rest.data);

        if ((at == 0 || rest.data[at - 1] == '\n') &&
            is_sum_line(view_slice(rest, at, TRANSCRIPT_SUM_LINE))) {
            *ret = at + TRANSCRIPT_SUM_LINE;
            return true;
        }
        left = view_slice(rest, at + 1, rest.len - at - 1);
    }
    return false;
}

/* Judges the bytes behind the last whole record: a tail begins like the next record or is all zero. */
static bool fail_no_end(const struct scan *s, struct ens_err *err)
{
    char first[FIRST_SIZE];
    struct view want = first_line(s, first);
    struct view rest = rest_of(s);
    size_t len = rest.len < want.len ? rest.len : want.len;
    /* A line of that key which is not an SHA-256, with room behind it for one, was written by no ensign. */
    struct view before = view_slice(rest, 0, rest.len > 72 ? rest.len - 72 : 0);

    if (before.len > 0 && memmem(before.data, before.len, "\nsha256: ", 9) != NULL)
        return broken(s, "edited", "has a line sha256 that is none", err);
    if (!view_equal(view_slice(rest, 0, len), view_slice(want, 0, len)) && !view_is_zero(rest)) {
        if (s->sum->records == 0)
            return broken(s, "no-header", "does not begin as a transcript does", err);
        return broken(s, "edited", "is text that no record begins with", err);
    }
    s->sum->is_cut = true;
    return ens_fail(err, ENS_DATA,
                    "%s: cut: record %" PRIu64 ", from byte %zu on, was not written to its end: the records "
                    "before it hold: a command with --acknowledge %" PRIu64
                    " --note TEXT moves it to a file and goes on",
                    s->name, s->sum->records + 1, s->at, s->sum->open);
}

/* A decimal number from 1 on, of any length. */
static bool is_positive(struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] < '0' || v.data[i] > '9')
            return false;
    }
    return v.len > 0 && v.data[0] != '0';
}

static bool check_first(const struct scan *s, struct ens_err *err)
{
    char first[FIRST_SIZE];
    struct view want = first_line(s, first);
    const uint8_t *newline = memchr(s->record.data, '\n', s->record.len);
    struct view line = view_of(s->record.data, (size_t)(newline - s->record.data));
    size_t prefix = strlen(TRANSCRIPT_FIRST);

    if (view_equal(view_slice(s->record, 0, want.len), want))
        return true;
    if (s->sum->records == 0)
        return view_begins(line, view_of_string(TRANSCRIPT_ANY))
                   ? broken(s, "version", "is of another version, or its beginning is gone", err)
                   : broken(s, "no-header", "does not begin as a transcript does", err);
    if (view_begins(line, view_of_string(TRANSCRIPT_FIRST)) &&
        is_positive(view_slice(line, prefix, line.len - prefix)))
        return broken(s, "order", "has the number of another one", err);
    return broken(s, "edited", "does not begin as a record does", err);
}

static bool check_record_bytes(const struct scan *s, struct ens_err *err)
{
    uint8_t hash[DIGEST_SIZE];
    char hex[TRANSCRIPT_HASH_TEXT + 1];
    size_t body = s->record.len - TRANSCRIPT_SUM_LINE;

    for (size_t i = 0; i < s->record.len; i++) {
        if (s->record.data[i] != '\n' && (s->record.data[i] < 0x20 || s->record.data[i] > 0x7e))
            return broken(s, "edited", "has a byte that is not printable", err);
    }
    if (!digest_of(DIGEST_SHA256, view_slice(s->record, 0, body), hash, err))
        return false;
    hex_encode(hex, view_of(hash, sizeof hash));
    return view_equal(view_slice(s->record, body + 8, TRANSCRIPT_HASH_TEXT), view_of_string(hex)) ||
           broken(s, "edited", "has not the SHA-256 that it says", err);
}

/* ---- frame ---- */

static bool is_time(struct view v)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    unsigned part[6] = {0};
    size_t p = 0;

    if (v.len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        bool digit = v.data[i] >= '0' && v.data[i] <= '9';

        if (form[i] == 'd' ? !digit : v.data[i] != (uint8_t)form[i])
            return false;
        if (digit)
            part[p] = part[p] * 10 + (unsigned)(v.data[i] - '0');
        else
            p += p < 5;
    }
    return date_valid((struct date){.year = part[0], .month = part[1], .day = part[2]}) && part[3] < 24 &&
           part[4] < 60 && part[5] < 60;
}

static bool find_record_kind(struct view name, enum transcript_kind *ret)
{
    for (int k = TRANSCRIPT_BEGIN; k <= TRANSCRIPT_ACK; k++) {
        if (view_equal(name, view_of_string(transcript_kind_name((enum transcript_kind)k)))) {
            *ret = (enum transcript_kind)k;
            return true;
        }
    }
    return false;
}

static bool ends_with_exit(enum transcript_kind kind)
{
    return kind == TRANSCRIPT_RUN || kind == TRANSCRIPT_OUTCOME || kind == TRANSCRIPT_ACK;
}

static bool check_exit(const struct facts *f, enum transcript_kind kind)
{
    uint64_t status = 0;

    if (ends_with_exit(kind) != (f->before == KNOWN_EXIT) || f->count[KNOWN_EXIT] > 1)
        return false;
    return f->count[KNOWN_EXIT] == 0 || transcript_number(facts_one(f, KNOWN_EXIT), 3, &status);
}

static bool check_record_frame(const struct scan *s, const struct facts *f, enum transcript_kind *ret,
                               struct ens_err *err)
{
    char hex[TRANSCRIPT_HASH_TEXT + 1];

    if (f->lines < 4 || f->keys[0] != KNOWN_PREVIOUS || f->keys[1] != KNOWN_TIME ||
        f->keys[2] != KNOWN_KIND || f->count[KNOWN_SHA256] != 1 || f->count[KNOWN_PREVIOUS] != 1)
        return broken(s, "entry", "has not the lines previous, time, kind and sha256 in their places", err);
    hex_encode(hex, view_of(s->sum->head, sizeof s->sum->head));
    if (!view_equal(facts_one(f, KNOWN_PREVIOUS), view_of_string(hex)))
        return broken(s, "chain", "does not follow the record before it: one of the two was replaced", err);
    if (!is_time(facts_one(f, KNOWN_TIME)))
        return broken(s, "entry", "has no time", err);
    if (f->count[KNOWN_KIND] != 1)
        return broken(s, "entry", "has two kinds", err);
    if (!find_record_kind(facts_one(f, KNOWN_KIND), ret))
        return broken(s, "kind", "is of a kind that is unknown: use a newer ensign", err);
    if ((*ret == TRANSCRIPT_BEGIN) != (s->sum->records == 0))
        return broken(s, "kind", "is not a begin, or is one in the middle", err);
    return check_exit(f, *ret) || broken(s, "entry", "has an exit status in the wrong place, or none", err);
}

/* ---- kinds ---- */

static bool is_open(const struct scan *s)
{
    return s->sum->open != 0;
}

/* NULL if the record names the open intent; else the word of refusal. */
static const char *names_open(const struct scan *s, const struct facts *f)
{
    uint64_t number = 0;

    if (!is_open(s))
        return "order";
    if (!transcript_number(facts_one(f, KNOWN_INTENT), TRANSCRIPT_DIGITS, &number))
        return "entry";
    return number == s->sum->open ? NULL : "order";
}

static bool check_intent(struct scan *s, const struct facts *f, struct ens_err *err)
{
    uint64_t items = 0;

    if (!transcript_number(facts_one(f, KNOWN_ITEMS), TRANSCRIPT_DIGITS, &items) ||
        items > TRANSCRIPT_ITEMS_MAX || items != f->count[KNOWN_ITEM] || f->is_broken[KNOWN_ITEM])
        return broken(s, "entry", "has not the items that it counts", err);
    s->sum->open = s->sum->records + 1;
    s->sum->open_items = (uint32_t)items;
    s->sum->calls_high += items;
    return true;
}

/* The calls of an outcome: two numbers, of which the second is not the larger one. */
static bool read_calls(const struct facts *f, uint64_t *ret_started, uint64_t *ret_completed)
{
    struct view calls = f->first[KNOWN_CALLS];

    return f->count[KNOWN_CALLS] == 1 && facts_words(calls) == 2 &&
           transcript_number(facts_word(calls, 0), TRANSCRIPT_DIGITS, ret_started) &&
           transcript_number(facts_word(calls, 1), TRANSCRIPT_DIGITS, ret_completed) &&
           *ret_completed <= *ret_started;
}

static bool check_outcome(struct scan *s, const struct facts *f, struct ens_err *err)
{
    const char *misfit = names_open(s, f);
    uint64_t started = 0;
    uint64_t completed = 0;

    if (misfit != NULL)
        return broken(s, misfit, "is not an outcome of the intent before it", err);
    if (!read_calls(f, &started, &completed) || f->signatures > completed)
        return broken(s, "entry", "has calls that cannot be", err);
    if (f->count[KNOWN_RESULT] != s->sum->open_items || f->is_broken[KNOWN_RESULT])
        return broken(s, "entry", "has not one result for each item", err);
    s->sum->calls_low += completed;
    s->sum->calls_high += started;
    s->sum->calls_high -= s->sum->open_items;
    s->sum->open = 0;
    return true;
}

static bool check_ack(struct scan *s, const struct facts *f, struct ens_err *err)
{
    struct view intent = facts_one(f, KNOWN_INTENT);
    bool none = view_equal(intent, view_of_string("-"));

    if (f->count[KNOWN_INTENT] != 1 || f->count[KNOWN_NOTE] != 1)
        return broken(s, "entry", "names no intent, or has no note", err);
    const char *misfit = none ? (is_open(s) || f->count[KNOWN_TORN] == 0 ? "order" : NULL) : names_open(s, f);

    if (misfit != NULL)
        return broken(s, misfit, "acknowledges what is not open", err);
    if (is_open(s) && (f->count[KNOWN_FOUND] != s->sum->open_items || f->is_broken[KNOWN_FOUND]))
        return broken(s, "entry", "does not say of each item what was found", err);
    s->sum->open = 0;
    return true;
}

static bool check_record_kind(struct scan *s, const struct facts *f, enum transcript_kind kind,
                              struct ens_err *err)
{
    if (kind == TRANSCRIPT_BEGIN && !transcript_is_hex(facts_one(f, KNOWN_ID), ID_TEXT))
        return broken(s, "entry", "has no id", err);
    if ((kind == TRANSCRIPT_RUN || kind == TRANSCRIPT_INTENT) && is_open(s))
        return broken(s, "order", "stands where the intent before it needs its outcome or its ack", err);
    if (f->count[KNOWN_ITEM] > 0 && kind != TRANSCRIPT_INTENT && kind != TRANSCRIPT_RUN)
        return broken(s, "entry", "has items, which only an intent and a run have", err);
    switch (kind) {
    case TRANSCRIPT_INTENT:
        return check_intent(s, f, err);
    case TRANSCRIPT_OUTCOME:
        return check_outcome(s, f, err);
    case TRANSCRIPT_ACK:
        return check_ack(s, f, err);
    case TRANSCRIPT_BEGIN:
    case TRANSCRIPT_RUN:
        return true;
    }
    return true;
}

/* ---- the chain ---- */

/* The lines that are of no frame. */
static struct view entries_of(const struct scan *s, const struct facts *f, enum transcript_kind kind)
{
    struct view left = s->record;
    size_t end = s->record.len - f->last_len - (ends_with_exit(kind) ? f->before_len : 0);

    for (int i = 0; i < 4; i++) {
        size_t line = (size_t)((const uint8_t *)memchr(left.data, '\n', left.len) - left.data) + 1;

        left = view_slice(left, line, left.len - line);
    }
    return view_of(left.data, (size_t)(s->record.data + end - left.data));
}

static bool read_record(struct scan *s, struct transcript_record *ret, struct ens_err *err)
{
    size_t first =
        (size_t)((const uint8_t *)memchr(s->record.data, '\n', s->record.len) - s->record.data) + 1;
    struct facts f = {0};
    const char *word = NULL;
    const char *fact = NULL;

    if (!facts_read(view_slice(s->record, first, s->record.len - first), &f, &word, &fact))
        return broken(s, word, fact, err);
    if (!check_record_frame(s, &f, &ret->kind, err) || !check_record_kind(s, &f, ret->kind, err))
        return false;
    ret->number = s->sum->records + 1;
    ret->at = s->at;
    ret->previous = facts_one(&f, KNOWN_PREVIOUS);
    ret->time = facts_one(&f, KNOWN_TIME);
    ret->entries = entries_of(s, &f, ret->kind);
    ret->exit = ends_with_exit(ret->kind) ? facts_one(&f, KNOWN_EXIT) : view_of(NULL, 0);
    return digest_of(DIGEST_SHA256, s->record, ret->hash, err);
}

static void take_record(struct scan *s, const struct transcript_record *r)
{
    struct transcript_sum *sum = s->sum;

    if (s->last_time.len > 0 && sum->back == 0 && memcmp(r->time.data, s->last_time.data, r->time.len) < 0)
        sum->back = r->number;
    s->last_time = r->time;
    if (r->kind == TRANSCRIPT_INTENT)
        sum->open_entries = r->entries;
    memcpy(sum->head, r->hash, sizeof sum->head);
    sum->records++;
    s->at += s->record.len;
    sum->size = s->at;
}

bool transcript_verify(struct view text, const char *name, const struct transcript_sink *sink,
                       struct transcript_sum *ret, struct ens_err *err)
{
    struct scan s = {.text = text, .name = name, .sum = ret};
    size_t len = 0;

    *ret = (struct transcript_sum){0};
    if (text.len > TRANSCRIPT_FILE_MAX)
        return ens_fail(err, ENS_DATA, "%s: too-large: has more than %u bytes: name the right file", name,
                        TRANSCRIPT_FILE_MAX);
    while (s.at < text.len) {
        struct transcript_record r = {0};

        if (!find_record_end(rest_of(&s), &len))
            return fail_no_end(&s, err);
        s.record = view_slice(text, s.at, len);
        if (len > TRANSCRIPT_RECORD_MAX)
            return broken(&s, "too-large", "has more bytes than a record can have", err);
        if (!check_first(&s, err) || !check_record_bytes(&s, err) || !read_record(&s, &r, err))
            return false;
        take_record(&s, &r);
        if (sink != NULL && !sink->put(sink->ctx, &r, err))
            return false;
    }
    return true;
}
