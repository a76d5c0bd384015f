/* Statements: read strictly, written in one way. */
#include "signer/ceremony/statement.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"

/* The text that is left to read, and the last line that was read. */
struct lines {
    struct view left;
    const char *name;
    size_t number;
};

static bool bad(const struct lines *l, const char *what, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "%s: line %zu: %s: let ensign approve write it", l->name, l->number, what);
}

/* ---- values ---- */

/* One way to write each byte: 64 digits, lower case. */
static bool read_hash(struct view text, uint8_t ret[static DIGEST_SIZE])
{
    if (text.len != 2 * DIGEST_SIZE)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        int digit = hex_digit(c);

        if (digit < 0 || (c >= 'A' && c <= 'F'))
            return false;
        ret[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : ret[i / 2] | digit);
    }
    return true;
}

static bool is_base64(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!letter && !(c >= '0' && c <= '9') && c != '+' && c != '/')
            return false;
    }
    return true;
}

static bool read_fingerprint(struct view text, char ret[static STATEMENT_KEY_MAX])
{
    struct view digest = view_slice(text, 7, STATEMENT_KEY_MAX - 1 - 7);

    if (text.len != STATEMENT_KEY_MAX - 1 || memcmp(text.data, "SHA256:", 7) != 0 || !is_base64(digest))
        return false;
    memcpy(ret, text.data, text.len);
    ret[text.len] = '\0';
    return true;
}

static bool read_day(struct view text, uint32_t *ret)
{
    struct ens_err ignored = {0};
    char day[9] = {0};
    struct date d;

    if (text.len != 8)
        return false;
    memcpy(day, text.data, 8);
    if (!date_parse(day, "", &d, &ignored))
        return false;
    *ret = date_to_bcd(d);
    return true;
}

bool statement_note_valid(struct view note)
{
    if (note.len == 0 || note.len > STATEMENT_NOTE_MAX || note.data[0] == ' ' ||
        note.data[note.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < note.len; i++) {
        if (note.data[i] < 0x20 || note.data[i] > 0x7e)
            return false;
    }
    return true;
}

static bool read_item_count(struct view text, size_t *ret)
{
    size_t value = 0;

    if (text.len == 0 || text.len > 4 || text.data[0] == '0')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (size_t)(text.data[i] - '0');
    }
    *ret = value;
    return value <= STATEMENT_ITEMS_MAX;
}

/* ---- lines ---- */

/* Takes the next line, without its newline; the text ends with one. */
static struct view take_statement_line(struct lines *l)
{
    const uint8_t *end = l->left.len > 0 ? memchr(l->left.data, '\n', l->left.len) : NULL;
    size_t len = end != NULL ? (size_t)(end - l->left.data) : 0;
    struct view line = view_slice(l->left, 0, len);

    l->number++;
    l->left = view_slice(l->left, len + 1, l->left.len - (end != NULL ? len + 1 : l->left.len));
    return line;
}

/* The value of the next line, which must be "key: value". */
static bool take_line_value(struct lines *l, const char *key, struct view *ret, struct ens_err *err)
{
    size_t len = strlen(key);
    struct view line = take_statement_line(l);

    if (line.len < len + 2 || memcmp(line.data, key, len) != 0 || memcmp(line.data + len, ": ", 2) != 0)
        return ens_fail(err, ENS_DATA, "%s: line %zu: must be '%s: ...': let ensign approve write it",
                        l->name, l->number, key);
    *ret = view_slice(line, len + 2, line.len - len - 2);
    return true;
}

static bool check_statement_bytes(struct view text, const char *name, struct ens_err *err)
{
    if (text.len > STATEMENT_MAX)
        return ens_fail(err, ENS_DATA, "%s: the statement has more than %d bytes: it is none", name,
                        STATEMENT_MAX);
    if (text.len == 0 || text.data[text.len - 1] != '\n')
        return ens_fail(err, ENS_DATA, "%s: the statement is cut: its last line has no end", name);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '\n' && (text.data[i] < 0x20 || text.data[i] > 0x7e))
            return ens_fail(err, ENS_DATA, "%s: the statement has byte 0x%02x: it is ASCII text", name,
                            text.data[i]);
    }
    return true;
}

/* ---- reading ---- */

static bool read_answer(struct lines *l, struct statement *s, struct ens_err *err)
{
    struct view v;

    if (!take_line_value(l, "answer", &v, err))
        return false;
    s->is_yes = view_is(v, "yes");
    if (!s->is_yes && !view_is(v, "no"))
        return bad(l, "the answer is yes or no", err);
    if (!take_line_value(l, "by", &v, err))
        return false;
    if (!read_fingerprint(v, s->by))
        return bad(l, "must be SHA256: and 43 digits of base64", err);
    if (!take_line_value(l, "mrsigner", &v, err))
        return false;
    return read_hash(v, s->mrsigner) || bad(l, "must be 64 lower-case hexadecimal digits", err);
}

static bool read_until_line(struct lines *l, struct statement *s, struct ens_err *err)
{
    struct view v;

    if (!take_line_value(l, "until", &v, err))
        return false;
    if (s->is_yes ? !read_day(v, &s->until) : !view_is(v, "-"))
        return bad(l, s->is_yes ? "must be a day, YYYYMMDD" : "a no has no end: '-'", err);
    if (!take_line_value(l, "replaces", &v, err))
        return false;
    s->has_replaces = !view_is(v, "-");
    return !s->has_replaces || read_hash(v, s->replaces) ||
           bad(l, "must be '-' or 64 lower-case hexadecimal digits", err);
}

static bool read_note_line(struct lines *l, struct statement *s, struct ens_err *err)
{
    struct view v;

    if (!take_line_value(l, "note", &v, err))
        return false;
    if (!statement_note_valid(v))
        return bad(l, "must be '-' or 1 to 200 bytes, no blank at either end", err);
    if (!view_is(v, "-"))
        memcpy(s->note, v.data, v.len);
    return true;
}

static bool read_item(struct lines *l, struct statement_item *ret, struct ens_err *err)
{
    static const char rebuilt[] = " rebuilt ";
    size_t gap = sizeof rebuilt - 1;
    struct view v;

    if (!take_line_value(l, "item", &v, err))
        return false;
    struct view rest = view_slice(v, 64, v.len < 64 ? 0 : v.len - 64);

    ret->is_rebuilt = !view_is(rest, " not-rebuilt");
    if (read_hash(view_slice(v, 0, 64), ret->digest) &&
        (!ret->is_rebuilt || (view_is(view_slice(rest, 0, gap), rebuilt) &&
                              read_hash(view_slice(rest, gap, rest.len - gap), ret->rebuilt))))
        return true;
    return bad(l, "must be 'item: HEX64 rebuilt HEX64' or 'item: HEX64 not-rebuilt'", err);
}

static bool read_items(struct lines *l, struct statement *s, struct ens_err *err)
{
    struct view v;
    size_t count = 0;

    if (!take_line_value(l, "items", &v, err))
        return false;
    if (!read_item_count(v, &count))
        return bad(l, "must be a number from 1 to 1024", err);
    s->items = mem_alloc(count, sizeof *s->items, err);
    if (s->items == NULL)
        return false;
    for (; s->items_len < count; s->items_len++) {
        struct statement_item *item = &s->items[s->items_len];

        if (!read_item(l, item, err))
            return false;
        if (s->items_len > 0 && memcmp(item[-1].digest, item->digest, DIGEST_SIZE) >= 0)
            return bad(l, "items are ascending, each once", err);
    }
    return l->left.len == 0 || bad(l, "more follows than 'items' says", err);
}

bool statement_parse(struct view text, const char *name, struct statement *ret, struct ens_err *err)
{
    ENS_CLEANUP(statement_free) struct statement s = {0};
    struct lines l = {.left = text, .name = name};
    size_t first = strlen(STATEMENT_FIRST) - 1;

    if (!check_statement_bytes(text, name, err))
        return false;
    if (!view_equal(take_statement_line(&l), view_of(STATEMENT_FIRST, first)))
        return ens_fail(err, ENS_DATA, "%s: line 1: must be '%.*s': it is not an approval of this version",
                        name, (int)first, STATEMENT_FIRST);
    if (!read_answer(&l, &s, err) || !read_until_line(&l, &s, err) || !read_note_line(&l, &s, err) ||
        !read_items(&l, &s, err))
        return false;
    *ret = s;
    s = (struct statement){0};
    return true;
}

void statement_free(struct statement *s)
{
    mem_free(s->items);
    *s = (struct statement){0};
}

/* ---- writing ---- */

static bool put_hash(struct buf *ret, const char *before, const uint8_t *hash, struct ens_err *err)
{
    return buf_printf(ret, err, "%s%s", before, hex_of(view_of(hash, DIGEST_SIZE)).text);
}

static bool put_item(struct buf *ret, const struct statement_item *item, struct ens_err *err)
{
    if (!put_hash(ret, "item: ", item->digest, err) ||
        !buf_printf(ret, err, item->is_rebuilt ? " rebuilt " : " not-rebuilt"))
        return false;
    return (!item->is_rebuilt || put_hash(ret, "", item->rebuilt, err)) && buf_printf(ret, err, "\n");
}

bool statement_encode(const struct statement *s, struct buf *ret, struct ens_err *err)
{
    char until[9] = "-";

    for (int i = 0; s->is_yes && i < 8; i++)
        until[i] = (char)('0' + (s->until >> (28 - 4 * i) & 15));
    if (!buf_printf(ret, err, STATEMENT_FIRST "answer: %s\nby: %s\n", s->is_yes ? "yes" : "no", s->by) ||
        !put_hash(ret, "mrsigner: ", s->mrsigner, err) || !buf_printf(ret, err, "\nuntil: %s\n", until) ||
        !(s->has_replaces ? put_hash(ret, "replaces: ", s->replaces, err)
                          : buf_printf(ret, err, "replaces: -")) ||
        !buf_printf(ret, err, "\nnote: %s\nitems: %zu\n", s->note[0] != '\0' ? s->note : "-", s->items_len))
        return false;
    for (size_t i = 0; i < s->items_len; i++) {
        if (!put_item(ret, &s->items[i], err))
            return false;
    }
    return true;
}

bool statement_id(struct view text, uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    return digest_of(DIGEST_SHA256, text, ret, err);
}

/* ---- items ---- */

static int compare_items(const void *a, const void *b)
{
    return memcmp(((const struct statement_item *)a)->digest, ((const struct statement_item *)b)->digest,
                  DIGEST_SIZE);
}

bool statement_sort(struct statement *s)
{
    qsort(s->items, s->items_len, sizeof *s->items, compare_items);
    for (size_t i = 1; i < s->items_len; i++) {
        if (compare_items(&s->items[i - 1], &s->items[i]) == 0)
            return false;
    }
    return true;
}

const struct statement_item *statement_find(const struct statement *s,
                                            const uint8_t digest[static DIGEST_SIZE])
{
    struct statement_item key = {0};

    memcpy(key.digest, digest, DIGEST_SIZE);
    return s->items_len == 0 ? NULL : bsearch(&key, s->items, s->items_len, sizeof *s->items, compare_items);
}
