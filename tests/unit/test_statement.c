/* Statements: one spelling, every rule of ensign(5) broken once. */
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/statement.h"
#include "tests/support/support.h"

#define A64 "1111111111111111111111111111111111111111111111111111111111111111"
#define B64 "2222222222222222222222222222222222222222222222222222222222222222"
#define KEY "SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP+"

/* A statement from its lines, any of which a test replaces. */
struct lines {
    const char *first, *answer, *by, *mrsigner, *until, *replaces, *note, *items, *rest;
};
static const struct lines good = {
    "ensign approval 1", "answer: yes",     "by: " KEY,
    "mrsigner: " A64,    "until: 20261228", "replaces: -",
    "note: -",           "items: 2",        "item: " A64 " rebuilt " B64 "\nitem: " B64 " not-rebuilt\n"};

static struct buf text_of(struct lines l)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(buf_printf(&b, &err, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s", l.first, l.answer, l.by, l.mrsigner,
                         l.until, l.replaces, l.note, l.items, l.rest),
              err);
    return b;
}

static void accept_and_encode(struct view text)
{
    ENS_CLEANUP(statement_free) struct statement s = {0};
    ENS_CLEANUP(buf_free) struct buf again = {0};
    struct ens_err err = {0};

    assert_ok(statement_parse(text, "s", &s, &err), err);
    assert_ok(statement_encode(&s, &again, &err), err);
    assert_int_equal(again.len, text.len);
    assert_memory_equal(again.data, text.data, text.len);
}

static void accept(struct lines l)
{
    ENS_CLEANUP(buf_free) struct buf b = text_of(l);

    accept_and_encode(buf_view(&b));
}

static void refuse(struct lines l, const char *why)
{
    ENS_CLEANUP(buf_free) struct buf b = text_of(l);
    ENS_CLEANUP(statement_free) struct statement s = {0};
    struct ens_err err = {0};

    assert_fails(statement_parse(buf_view(&b), "s", &s, &err), err, ENS_DATA, why);
}

#define WITH(member, text) ((struct lines){.member = (text)})
static struct lines with(struct lines change)
{
    const char *const *from = (const char *const *)&change;
    struct lines l = good;
    const char **to = (const char **)&l;

    for (size_t i = 0; i < sizeof l / sizeof(const char *); i++)
        to[i] = from[i] != NULL ? from[i] : to[i];
    return l;
}
#define REFUSE(member, text, why) refuse(with(WITH(member, text)), why)
#define ACCEPT(member, text)      accept(with(WITH(member, text)))

static void what_is_read_is_written_again(void **state)
{
    (void)state;
    accept(good);
    accept(with((struct lines){.answer = "answer: no", .until = "until: -"}));
    ACCEPT(replaces, "replaces: " B64);
    ACCEPT(note, "note: built from 3f2a, one box");
    ACCEPT(until, "until: 00010101");
    ACCEPT(until, "until: 20280229");
    accept(with((struct lines){.items = "items: 1", .rest = "item: " A64 " not-rebuilt\n"}));
}

static void every_field_is_read(void **state)
{
    ENS_CLEANUP(buf_free)
    struct buf b = text_of(with((struct lines){.note = "note: n", .replaces = "replaces: " B64}));
    ENS_CLEANUP(statement_free) struct statement s = {0};
    struct ens_err err = {0};
    uint8_t digest[DIGEST_SIZE];

    (void)state;
    assert_ok(statement_parse(buf_view(&b), "s", &s, &err), err);
    assert_true(s.is_yes && s.has_replaces && s.items_len == 2);
    assert_string_equal(s.by, KEY);
    assert_string_equal(s.note, "n");
    assert_int_equal(s.until, 0x20261228);
    assert_int_equal(s.mrsigner[0], 0x11);
    assert_int_equal(s.replaces[31], 0x22);
    memset(digest, 0x11, sizeof digest);
    const struct statement_item *item = statement_find(&s, digest);

    assert_ptr_equal(item, &s.items[0]);
    assert_true(item->is_rebuilt && item->rebuilt[0] == 0x22);
    memset(digest, 0x22, sizeof digest);
    assert_false(statement_find(&s, digest)->is_rebuilt);
    memset(digest, 0x33, sizeof digest);
    assert_null(statement_find(&s, digest));
}

static void each_line_has_one_spelling(void **state)
{
    (void)state;
    REFUSE(first, "ensign approval 2", "line 1");
    REFUSE(first, "ensign approval 1 ", "line 1");
    REFUSE(first, "Ensign approval 1", "line 1");
    REFUSE(answer, "answer: Yes", "line 2");
    REFUSE(answer, "answer:  yes", "line 2");
    REFUSE(answer, "answer: yes ", "line 2");
    REFUSE(answer, "answer: no", "line 5"); /* with a day */
    REFUSE(answer, "by: " KEY, "line 2");   /* out of order */
    REFUSE(answer, "answer: yes\nanswer: yes", "line 3");
    REFUSE(by, "by: " KEY "x", "line 3");
    REFUSE(by, "by: MD5:abc", "line 3");
    REFUSE(by, "by: SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO_+", "line 3");
    REFUSE(mrsigner, "mrsigner: " B64 "2", "line 4");
    REFUSE(mrsigner, "mrsigner: A111111111111111111111111111111111111111111111111111111111111111", "line 4");
    REFUSE(mrsigner, "mrsigner: g111111111111111111111111111111111111111111111111111111111111111", "line 4");
    REFUSE(until, "until: -", "line 5");
    REFUSE(until, "until: 20260230", "line 5");
    REFUSE(until, "until: 00000101", "line 5");
    REFUSE(until, "until: 2026-12-28", "line 5");
    REFUSE(until, "until: 202612281", "line 5");
    REFUSE(replaces, "replaces: ", "line 6");
    REFUSE(replaces, "replaces: 11", "line 6");
    REFUSE(note, "note: ", "line 7");
    REFUSE(note, "note:  x", "line 7");
    REFUSE(note, "note: x ", "line 7");
    REFUSE(note, "note:x", "line 7");
}

static void items_are_counted_ascending_and_distinct(void **state)
{
    (void)state;
    REFUSE(items, "items: 1", "more follows");
    REFUSE(items, "items: 3", "line 11");
    REFUSE(items, "items: 0", "line 8");
    REFUSE(items, "items: 02", "line 8");
    REFUSE(items, "items: 1025", "line 8");
    REFUSE(items, "items: 10000", "line 8");
    REFUSE(items, "items: +2", "line 8");
    REFUSE(rest, "item: " B64 " not-rebuilt\nitem: " A64 " not-rebuilt\n", "ascending");
    REFUSE(rest, "item: " A64 " not-rebuilt\nitem: " A64 " not-rebuilt\n", "ascending");
    REFUSE(rest, "item: " A64 " not-rebuilt\nitem: " B64 " rebuilt\n", "line 10");
    REFUSE(rest, "item: " A64 " not-rebuilt\nitem: " B64 " rebuilt " A64 "x\n", "line 10");
    REFUSE(rest, "item: " A64 " not-rebuilt\nitem: " B64 "\n", "line 10");
    REFUSE(rest, "item: " A64 " not-rebuilt\nitem: " B64 " not-rebuilt", "cut");
    REFUSE(rest, "item: " A64 " not-rebuilt\nitem: " B64 " not-rebuilt\n\n", "more follows");
    REFUSE(rest, "item: " A64 " not-rebuilt\nitem: " B64 " not-rebuilt\nnote: x\n", "more follows");
}

static void bytes_that_hide_are_refused(void **state)
{
    (void)state;
    REFUSE(note, "note: a\tb", "0x09");
    REFUSE(note, "note: a\rb", "0x0d");
    REFUSE(note, "note: a\x1b[2Kb", "0x1b");
    REFUSE(note, "note: a\x7f", "0x7f");
    REFUSE(note, "note: caf\xc3\xa9", "0xc3");
    REFUSE(first,
           "\xef\xbb\xbf"
           "ensign approval 1",
           "0xef");
}

static void limits_hold(void **state)
{
    char note[6 + STATEMENT_NOTE_MAX + 2];
    ENS_CLEANUP(buf_free) struct buf rest = {0};
    struct ens_err err = {0};

    (void)state;
    (void)snprintf(note, sizeof note, "note: %0*d", STATEMENT_NOTE_MAX, 1);
    ACCEPT(note, note);
    (void)snprintf(note, sizeof note, "note: %0*d", STATEMENT_NOTE_MAX + 1, 1);
    REFUSE(note, note, "line 7");
    for (unsigned i = 0; i < STATEMENT_ITEMS_MAX; i++)
        assert_ok(buf_printf(&rest, &err, "item: %064x rebuilt " A64 "\n", i), err);
    assert_ok(buf_append(&rest, view_of("", 1), &err), err);
    accept(with((struct lines){.items = "items: 1024", .rest = (const char *)rest.data}));
}

/* Each byte changed, each byte gone, each cut: refused, or another statement, never the same one. */
static void no_byte_is_without_meaning(void **state)
{
    ENS_CLEANUP(buf_free) struct buf b = text_of(good);
    struct ens_err err = {0};
    uint8_t id[DIGEST_SIZE];

    (void)state;
    assert_ok(statement_id(buf_view(&b), id, &err), err);
    for (size_t i = 0; i < b.len; i++) {
        ENS_CLEANUP(statement_free) struct statement s = {0};
        uint8_t other[DIGEST_SIZE];

        assert_false(statement_parse(view_of(b.data, i), "s", &s, &err));
        b.data[i] ^= 1;
        if (statement_parse(buf_view(&b), "s", &s, &err)) {
            accept_and_encode(buf_view(&b));
            assert_ok(statement_id(buf_view(&b), other, &err), err);
            assert_memory_not_equal(id, other, DIGEST_SIZE);
        }
        b.data[i] ^= 1;
    }
}

static void items_are_sorted_for_writing(void **state)
{
    struct statement_item items[3] = {{.digest = {3}}, {.digest = {1}}, {.digest = {2}}};
    struct statement s = {.items = items, .items_len = 3};

    (void)state;
    assert_true(statement_sort(&s));
    assert_int_equal(items[0].digest[0], 1);
    assert_int_equal(items[2].digest[0], 3);
    items[1].digest[0] = 1;
    assert_false(statement_sort(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_again),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(each_line_has_one_spelling),
        cmocka_unit_test(items_are_counted_ascending_and_distinct),
        cmocka_unit_test(bytes_that_hide_are_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(no_byte_is_without_meaning),
        cmocka_unit_test(items_are_sorted_for_writing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
