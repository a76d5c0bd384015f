/* What a run signed, as the minutes tell it: the fields, what the policy says of them, each item and what became of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/minutes_internal.h"
#include "signer/ceremony/review.h"
#include "signer/ceremony/transcript_facts.h"
#include "signer/sgx/sigstruct.h"

/* The signed fields, which are NAME=VALUE, back in a SIGSTRUCT. */
static void fields_as_sigstruct(struct view value, struct sigstruct *ret)
{
    struct view word;

    sigstruct_init(ret);
    while (transcript_word(&value, &word)) {
        for (int f = 0; f < CSS_FIELDS; f++) {
            size_t size = css_table[f].size;
            size_t len = strlen(css_table[f].name);
            uint8_t bytes[32] = {0};
            char text[2 * sizeof bytes + 1] = "";
            struct ens_err err = {0};

            if (css_table[f].kind == CSS_FIXED || size > sizeof bytes || word.len != len + 1 + 2 * size ||
                memcmp(word.data, css_table[f].name, len) != 0 || word.data[len] != '=')
                continue;
            memcpy(text, word.data + len + 1, 2 * size);
            if (!hex_decode(text, "a field", bytes, size, &err))
                continue;
            if (css_table[f].kind == CSS_INTEGER)
                bytes_reverse(ret->bytes + css_table[f].offset, bytes, size);
            else
                sigstruct_put(ret, (enum css_field)f, view_of(bytes, size));
        }
    }
}

static void put_masked(struct minutes_sheet *s, const char *name, uint64_t value, uint64_t mask)
{
    minutes_line(s, MINUTES_HANG, "  %-10s %016" PRIx64 ", mask %016" PRIx64, name, value, mask);
}

static void put_fields(struct minutes_sheet *s, struct view value)
{
    struct sigstruct css;
    char date[REVIEW_DATE_MAX];

    fields_as_sigstruct(value, &css);
    minutes_value(s, "MRENCLAVE", "of input %1", value);
    minutes_hash(s, sigstruct_get(&css, CSS_ENCLAVEHASH).data, false);
    minutes_line(s, MINUTES_HANG, "  %-10s ISVPRODID %" PRIu64 "  ISVSVN %" PRIu64 "  DATE %s  DEBUG %s",
                 "fields", sigstruct_get_int(&css, CSS_ISVPRODID), sigstruct_get_int(&css, CSS_ISVSVN),
                 review_date(&css, date), review_debug(&css)->words);
    put_masked(s, "ATTRIBUTES", sigstruct_get_int(&css, CSS_ATTRIBUTES),
               sigstruct_get_int(&css, CSS_ATTRIBUTEMASK));
    put_masked(s, "XFRM", sigstruct_get_int(&css, CSS_XFRM), sigstruct_get_int(&css, CSS_XFRM_MASK));
}

/* Checks that hold are counted, the others are listed. */
static void put_checks(struct minutes_sheet *s, struct view entries)
{
    struct view key;
    struct view value;
    size_t hold = 0;
    size_t len = 0;

    while (transcript_entry(&entries, &key, &value)) {
        if (!view_is(key, "check"))
            continue;
        len++;
        if (view_is(facts_word(value, 2), "holds"))
            hold++;
        else
            minutes_value(s, "check", NULL, value);
    }
    if (len > 0)
        minutes_line(s, MINUTES_HANG, "  %-10s %zu of %zu hold", "checks", hold, len);
}

static int in_order(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_SIZE);
}

/* What all items are together, as reviewers read it: the SHA-256 of their digests, sorted. */
static void put_set(struct minutes_sheet *s, struct buf *digests)
{
    uint8_t together[DIGEST_SIZE];

    qsort(digests->data, digests->len / DIGEST_SIZE, DIGEST_SIZE, in_order);
    if (s->failed || !digest_of(DIGEST_SHA256, buf_view(digests), together, &s->err)) {
        s->failed = true;
        return;
    }
    minutes_line(s, MINUTES_HANG, "  All %zu together", digests->len / DIGEST_SIZE);
    minutes_hash(s, together, true);
}

static size_t items_in(struct view entries)
{
    struct view key;
    struct view value;
    size_t len = 0;

    while (transcript_entry(&entries, &key, &value))
        len += view_is(key, "item");
    return len;
}

/* The next result of an outcome; empty if there is none. */
static struct view next_result(struct view *results)
{
    struct view key;
    struct view value;

    while (transcript_entry(results, &key, &value)) {
        if (view_is(key, "result"))
            return value;
    }
    return view_of(NULL, 0);
}

/* Each item, and what became of it: both are numbered from 1 on. Words are for what is read aloud. */
static void put_items(struct minutes_sheet *s, struct view entries, struct view results)
{
    ENS_CLEANUP(buf_free) struct buf digests = {0};
    ENS_CLEANUP(buf_free) struct buf both = {0};
    const bool is_one = items_in(entries) == 1;
    uint8_t digest[DIGEST_SIZE];
    struct view key;
    struct view value;

    while (!s->failed && transcript_entry(&entries, &key, &value)) {
        struct view result = {0};
        bool is_test = view_is(facts_word(value, 1), "test");

        if (!view_is(key, "item"))
            continue;
        result = next_result(&results);
        both.len = 0;
        s->failed = !(buf_append(&both, value, &s->err) && buf_printf(&both, &s->err, " ") &&
                      buf_append(&both, result, &s->err)) ||
                    (minutes_read_hash(facts_word(value, 2), digest) &&
                     !buf_append(&digests, view_of(digest, sizeof digest), &s->err));
        minutes_value(s, "input",
                      is_test  ? "%2, SHA-256#3"
                      : is_one ? "%4, %2, SHA-256@3"
                               : "%1: %4, %2, SHA-256#3",
                      value);
        if (result.len > 0)
            minutes_value(s, "output", facts_words(result) > 2 ? "%5, %7, SHA-256#8" : "%5, %7",
                          buf_view(&both));
    }
    if (digests.len > DIGEST_SIZE)
        put_set(s, &digests);
}

void minutes_put_signed(struct minutes_sheet *s, const struct minutes_run *run)
{
    struct view entries = run->record.entries;
    struct view key;
    struct view value;

    while (transcript_entry(&entries, &key, &value)) {
        if (view_is(key, "fields"))
            put_fields(s, value);
    }
    put_checks(s, run->record.entries);
    put_items(s, run->record.entries, run->outcome.entries);
}
