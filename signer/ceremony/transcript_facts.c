/* The lines of a record, word by word. */
#include "signer/ceremony/transcript_facts.h"

#include <string.h>

#include "signer/base/hex.h"

#define ITEM_LEN 5 /* words of an item */

static const char *const known_keys[KNOWN_KEYS] = {"previous", "time",  "kind",  "exit",   "sha256",
                                                   "id",       "items", "item",  "intent", "calls",
                                                   "result",   "note",  "found", "torn"};

/* True if the word is spelt as ensign spells it. */
static bool is_word(struct view word)
{
    struct view left = word;

    if (view_equal(word, view_of_string("\\x2d")))
        return true;
    while (left.len > 0) {
        size_t n = 1;

        if (left.data[0] == '\\') {
            bool doubled = left.len >= 2 && left.data[1] == '\\';
            bool byte = left.len >= 4 && left.data[1] == 'x' && transcript_is_hex(view_slice(left, 2, 2), 2);

            if (!doubled && !byte)
                return false;
            if (byte) {
                int value = hex_digit((char)left.data[2]) * 16 + hex_digit((char)left.data[3]);

                /* A byte that can stand for itself does. */
                if (value >= 0x21 && value <= 0x7e)
                    return false;
            }
            n = doubled ? 2 : 4;
        }
        left = view_slice(left, n, left.len - n);
    }
    return true;
}

struct view facts_word(struct view value, size_t i)
{
    struct view word = {0};

    while (transcript_word(&value, &word)) {
        if (i-- == 0)
            return word;
    }
    return view_of(NULL, 0);
}

size_t facts_words(struct view value)
{
    struct view word;
    size_t n = 0;

    while (transcript_word(&value, &word))
        n++;
    return n;
}

static bool is_word_text(struct view word, const char *text)
{
    return view_equal(word, view_of_string(text));
}

/* The value of a result: I written|unwritten|kept SHA256, or I failed|not-tried. */
static bool is_result(struct view value, struct facts *f)
{
    struct view what = facts_word(value, 1);
    bool made = is_word_text(what, "written") || is_word_text(what, "unwritten");

    f->signatures += made;
    if (made || is_word_text(what, "kept"))
        return facts_words(value) == 3 && transcript_is_hex(facts_word(value, 2), TRANSCRIPT_HASH_TEXT);
    return (is_word_text(what, "failed") || is_word_text(what, "not-tried")) && facts_words(value) == 2;
}

/* Items, results and what was found are numbered from 1 on. */
static void note_numbered(struct facts *f, int key, struct view value)
{
    uint64_t number = 0;

    if (!transcript_number(facts_word(value, 0), TRANSCRIPT_DIGITS, &number) || number != f->count[key] ||
        (key == KNOWN_ITEM && facts_words(value) != ITEM_LEN) ||
        (key == KNOWN_RESULT && !is_result(value, f)))
        f->is_broken[key] = true;
}

static void note_line(struct facts *f, struct view key, struct view value, size_t line_len)
{
    int k = 0;

    while (k < KNOWN_KEYS && !view_equal(key, view_of_string(known_keys[k])))
        k++;
    if (f->lines < 3)
        f->keys[f->lines] = k;
    f->lines++;
    f->before = f->last;
    f->before_len = f->last_len;
    f->last = k;
    f->last_len = line_len;
    if (k == KNOWN_KEYS)
        return;
    if (f->count[k]++ == 0)
        f->first[k] = value;
    if (k == KNOWN_ITEM || k == KNOWN_RESULT || k == KNOWN_FOUND)
        note_numbered(f, k, value);
}

struct view facts_one(const struct facts *f, enum known key)
{
    return f->count[key] == 1 ? facts_word(f->first[key], 0) : view_of(NULL, 0);
}

/* Words with one blank between two. */
static bool is_parted(struct view value)
{
    return value.len > 0 && value.data[0] != ' ' && value.data[value.len - 1] != ' ' &&
           memmem(value.data, value.len, "  ", 2) == NULL;
}

static bool are_words(struct view value)
{
    struct view word;

    while (transcript_word(&value, &word)) {
        if (!is_word(word))
            return false;
    }
    return true;
}

bool facts_read(struct view lines, struct facts *ret, const char **ret_word, const char **ret_fact)
{
    while (lines.len > 0) {
        size_t before = lines.len;
        struct view key;
        struct view value;

        *ret_word = "entry";
        *ret_fact = "has a line that is not an entry";
        if (!transcript_entry(&lines, &key, &value) || !transcript_key_valid(key) ||
            key.len + 2 + value.len > TRANSCRIPT_LINE_MAX || !is_parted(value))
            return false;
        *ret_word = "escape";
        *ret_fact = "has a word that is spelt in another way than ensign's";
        if (!are_words(value))
            return false;
        note_line(ret, key, value, before - lines.len);
    }
    return true;
}
