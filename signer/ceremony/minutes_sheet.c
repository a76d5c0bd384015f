/* A sheet of the minutes: lines, blocks, pages, and values with their hashes. */
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/minutes_internal.h"
#include "signer/ceremony/review.h"
#include "signer/ceremony/transcript_facts.h"

#define BODY_LINES (MINUTES_LINES - 2) /* below the heading and an empty line */

/* ---- the sheet ---- */

static void keep_error(struct minutes_sheet *s, bool ok, const struct ens_err *err)
{
    if (ok || s->failed)
        return;
    s->failed = true;
    s->err = *err;
}

static void add_folded(struct minutes_sheet *s, unsigned hang, struct view lines)
{
    struct ens_err err = {0};

    keep_error(s, text_fold(lines, MINUTES_COLUMNS, hang, &s->block, &err), &err);
}

void minutes_line(struct minutes_sheet *s, unsigned hang, const char *fmt, ...)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(buf_free) struct buf line = {0};
    struct ens_err err = {0};
    va_list args;

    va_start(args, fmt);
    bool ok = buf_vprintf(&text, &err, fmt, args);
    va_end(args);
    ok = ok && text_line(&line, &err, "%.*s", (int)text.len, text.len > 0 ? (const char *)text.data : "");
    /* Paper has no other characters than these, whatever a file is called. */
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] > 0x7e)
            line.data[i] = '?';
    }
    keep_error(s, ok, &err);
    add_folded(s, hang, buf_view(&line));
}

void minutes_form(struct minutes_sheet *s, const char *lines)
{
    struct ens_err err = {0};

    keep_error(s, buf_append(&s->block, view_of_string(lines), &err), &err);
}

static bool is_worded(struct minutes_sheet *s, const uint8_t *hash)
{
    for (size_t i = 0; i < s->worded_len; i++) {
        if (memcmp(s->worded[i], hash, DIGEST_SIZE) == 0)
            return true;
    }
    if (s->worded_len < MINUTES_WORDED_MAX)
        memcpy(s->worded[s->worded_len++], hash, DIGEST_SIZE);
    return false;
}

void minutes_hash(struct minutes_sheet *s, const uint8_t hash[static DIGEST_SIZE], bool has_words)
{
    ENS_CLEANUP(buf_free) struct buf rows = {0};
    struct ens_err err = {0};

    minutes_line(s, 4, "  %s", hex_for(view_of(hash, DIGEST_SIZE), true).text);
    if (!has_words || is_worded(s, hash))
        return;
    keep_error(s, review_rows_of_words(hash, &rows, &err), &err);
    add_folded(s, 6, buf_view(&rows));
}

static void put_on_page(struct minutes_sheet *s, struct view v)
{
    struct ens_err err = {0};

    keep_error(s, buf_append(&s->body, v, &err), &err);
}

void minutes_new_page(struct minutes_sheet *s)
{
    put_on_page(s, view_of_string("\f"));
    s->used = 0;
    s->pages++;
}

void minutes_place(struct minutes_sheet *s)
{
    struct view left = buf_view(&s->block);
    unsigned lines = 0;

    for (size_t i = 0; i < left.len; i++)
        lines += left.data[i] == '\n';
    if (s->used + lines > BODY_LINES && lines <= BODY_LINES)
        minutes_new_page(s);
    while (left.len > 0) {
        const uint8_t *newline = memchr(left.data, '\n', left.len);
        size_t len = newline != NULL ? (size_t)(newline - left.data) + 1 : left.len;

        if (s->used == BODY_LINES)
            minutes_new_page(s);
        put_on_page(s, view_slice(left, 0, len));
        s->used++;
        left = view_slice(left, len, left.len - len);
    }
    if (s->used < BODY_LINES) {
        put_on_page(s, view_of_string("\n"));
        s->used++;
    }
    s->block.len = 0;
}

/* ---- values ---- */

bool minutes_put_word(struct buf *ret, struct view word, struct ens_err *err)
{
    for (size_t i = 0; i < word.len;) {
        struct view rest = view_slice(word, i, word.len - i);
        bool is_blank = view_begins(rest, view_of_string("\\x20"));
        bool is_backslash = view_begins(rest, view_of_string("\\\\"));

        if (!buf_append(ret, is_blank ? view_of_string(" ") : view_slice(rest, 0, 1), err))
            return false;
        i += is_blank ? 4 : is_backslash ? 2 : 1;
    }
    return true;
}

bool minutes_read_hash(struct view word, uint8_t ret[static DIGEST_SIZE])
{
    char text[TRANSCRIPT_HASH_TEXT + 1] = "";
    struct ens_err err = {0};

    if (!transcript_is_hex(word, TRANSCRIPT_HASH_TEXT))
        return false;
    memcpy(text, word.data, TRANSCRIPT_HASH_TEXT);
    return hex_decode(text, "a hash", ret, DIGEST_SIZE, &err);
}

#define HASHES_MAX 8

/* Where a value is put together: its line, and the hashes that go below it. */
struct told {
    struct buf text;
    struct {
        uint8_t bytes[DIGEST_SIZE];
        bool has_words;
    } hashes[HASHES_MAX];
    size_t len;
};

static void told_free(struct told *t)
{
    buf_free(&t->text);
}

static bool tell_word(struct told *t, struct view word, struct ens_err *err)
{
    return (t->text.len == 0 || buf_printf(&t->text, err, " ")) && minutes_put_word(&t->text, word, err);
}

/* A hash, if it is one and there is room; else the word as it is. */
static bool tell_hash(struct told *t, struct view word, bool has_words, struct ens_err *err)
{
    if (t->len == HASHES_MAX || !minutes_read_hash(word, t->hashes[t->len].bytes))
        return tell_word(t, word, err);
    t->hashes[t->len++].has_words = has_words;
    return true;
}

static bool tell_all(struct told *t, struct view value, struct ens_err *err)
{
    struct view word;

    while (transcript_word(&value, &word)) {
        if (!tell_hash(t, word, false, err))
            return false;
    }
    return true;
}

static bool tell_row(struct told *t, const char *text, struct view value, struct ens_err *err)
{
    for (; *text != '\0'; text++) {
        bool ok = true;

        if (*text == '#' || *text == '@') {
            ok = tell_hash(t, facts_word(value, (size_t)(text[1] - '1')), *text == '@', err);
            text++;
        } else if (*text == '%') {
            ok = minutes_put_word(&t->text, facts_word(value, (size_t)(*++text - '1')), err);
        } else {
            ok = buf_append(&t->text, view_of(text, 1), err);
        }
        if (!ok)
            return false;
    }
    return true;
}

void minutes_value(struct minutes_sheet *s, const char *label, const char *text, struct view value)
{
    ENS_CLEANUP(told_free) struct told t = {0};

    if (s->failed)
        return;
    s->failed = !(text != NULL ? tell_row(&t, text, value, &s->err) : tell_all(&t, value, &s->err));
    minutes_line(s, label != NULL ? MINUTES_HANG : 4, label != NULL ? "  %-10s %.*s" : "%s%.*s",
                 label != NULL ? label : "", (int)t.text.len,
                 t.text.len > 0 ? (const char *)t.text.data : "");
    for (size_t i = 0; i < t.len; i++)
        minutes_hash(s, t.hashes[i].bytes, t.hashes[i].has_words);
}
