/* A report in its two forms: what is in one of them only, how text is escaped, how deep it may be. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/mem.h"
#include "signer/ui/report.h"
#include "tests/support/support.h"

/* Ends the report; what it wrote to stdout must be `want`. */
static void assert_printed(struct report *r, const char *want)
{
    struct ens_err err = {0};
    char text[1024] = {0};
    int ends[2];
    int kept = dup(STDOUT_FILENO);

    (void)fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
    bool ok = report_print(r, &err);

    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    assert_int_equal(close(ends[1]), 0);
    assert_ok(ok, err);
    assert_true(read(ends[0], text, sizeof text - 1) >= 0);
    assert_string_equal(text, want);
    assert_int_equal(close(ends[0]) + close(kept), 0);
}

static void state_facts(struct report *r)
{
    const uint8_t bytes[] = {0, 0xab, 0xff};

    report_line(r, "%s", "Title");
    report_object(r, "inside", "Inside:", 2);
    report_text(r, "both", "Both", "a");
    report_text(r, "json", NULL, "b");
    report_text(r, NULL, "Text", "c");
    report_text(r, "null", "Null", NULL);
    report_hex(r, "hex", "Hex", view_of(bytes, sizeof bytes));
    report_hex(r, "no_hex", "No hex", view_of(NULL, 0));
    report_mask(r, "mask", "Mask", 0x1f, 2, "words");
    report_close(r);
    report_line(r, "%s", "");
    report_array(r, "list", NULL, 0);
    report_uint(r, NULL, NULL, UINT64_MAX);
    report_bool(r, NULL, false);
    report_close(r);
    report_object(r, "empty", NULL, 0);
    report_close(r);
    report_field(r, "field", "Field", "%d.%d", 1, 2);
    report_lines(r, view_of_string(" as it is\n"));
}

static void text_has_what_has_a_label(void **state)
{
    ENS_CLEANUP(report_free) struct report r;

    (void)state;
    report_begin(&r, REPORT_TEXT, 6);
    state_facts(&r);
    assert_printed(&r, "Title\nInside:\n  Both  a\n  Text  c\n  Hex   00abff\n  Mask  001f  words\n\n"
                       "Field 1.2\n as it is\n");
}

static void json_has_what_has_a_key(void **state)
{
    ENS_CLEANUP(report_free) struct report r;

    (void)state;
    report_begin(&r, REPORT_JSON, 6);
    state_facts(&r);
    assert_printed(&r, "{\n  \"inside\": {\n    \"both\": \"a\",\n    \"json\": \"b\",\n    \"null\": null,\n"
                       "    \"hex\": \"00abff\",\n    \"no_hex\": null,\n    \"mask\": \"001f\"\n  },\n"
                       "  \"list\": [\n    18446744073709551615,\n    false\n  ],\n  \"empty\": {},\n"
                       "  \"field\": \"1.2\"\n}\n");
}

static void each_json_line_is_one(void **state)
{
    ENS_CLEANUP(report_free) struct report r;

    (void)state;
    report_begin(&r, REPORT_JSON_LINES, 0);
    report_text(&r, "a", NULL, "b");
    report_array(&r, "c", NULL, 0);
    report_uint(&r, NULL, NULL, 1);
    report_uint(&r, NULL, NULL, 2);
    assert_printed(&r, "{\"a\": \"b\", \"c\": [1, 2]}\n");
    report_null(&r, "d");
    assert_printed(&r, "{\"d\": null}\n");
}

/* A list and a broken line: the same facts in both forms. */
static void state_list(struct report *r)
{
    static const struct report_item items[] = {{"one", "1 at last"}, {"two", "2"}, {"three", "3"}};

    report_list(r, "checked", "  checked", items, sizeof items / sizeof items[0]);
    report_list(r, "none", "none", items, 0);
    report_broken(r, 4, "%s", "a line of words");
}

static void a_list_is_an_array_and_a_line(void **state)
{
    ENS_CLEANUP(report_free) struct report text;
    ENS_CLEANUP(report_free) struct report json;

    (void)state;
    report_begin(&text, REPORT_TEXT, 3);
    state_list(&text);
    assert_printed(&text, "  checked: 1 at last, 2, 3\na line of words\n");
    report_begin(&json, REPORT_JSON_LINES, 3);
    state_list(&json);
    assert_printed(&json, "{\"checked\": [\"one\", \"two\", \"three\"], \"none\": []}\n");
}

static void a_terminal_gets_lines_broken_at_blanks(void **state)
{
    ENS_CLEANUP(report_free) struct report r;

    (void)state;
    report_begin(&r, REPORT_TEXT, 3);
    r.columns = 14;
    report_line(&r, "%s", "a line is broken");
    report_note(&r, "L", "%s", "and what a label has");
    r.is_exact = true;
    report_line(&r, "%s", "stays as long as it is");
    r.is_exact = false;
    state_list(&r);
    assert_printed(&r, "a line is\n    broken\nL  and what a\n   label has\nstays as long as it is\n  "
                       "checked: 1 at last,\n           2,\n           3\n"
                       "a line of\n    words\n");
}

static void a_document_begins_with_its_kind(void **state)
{
    ENS_CLEANUP(report_free) struct report text;
    ENS_CLEANUP(report_free) struct report json;

    (void)state;
    report_begin(&text, REPORT_TEXT, 3);
    report_kind(&text, "list");
    assert_printed(&text, "");
    report_begin(&json, REPORT_JSON_LINES, 3);
    report_kind(&json, "list");
    assert_printed(&json, "{\"kind\": \"list\", \"format\": 1}\n");
}

static void a_value_forges_nothing(void **state)
{
    const char *value = "\x1b[31m\n\"\\ \xc3\xbc \xf0\x9f\x98\x80 \xff \x7f";
    ENS_CLEANUP(report_free) struct report text;
    ENS_CLEANUP(report_free) struct report json;

    (void)state;
    report_begin(&text, REPORT_TEXT, 3);
    report_text(&text, "k", "k", value);
    report_line(&text, "%s", value);
    assert_printed(&text, "k  ?[31m?\"\\ \xc3\xbc \xf0\x9f\x98\x80 ? ?\n"
                          "?[31m?\"\\ \xc3\xbc \xf0\x9f\x98\x80 ? ?\n");
    report_begin(&json, REPORT_JSON_LINES, 3);
    report_text(&json, value, "k", value);
    assert_printed(&json, "{\"\\u001b[31m\\u000a\\\"\\\\ \\u00fc \\ud83d\\ude00 \\ufffd \\u007f\": "
                          "\"\\u001b[31m\\u000a\\\"\\\\ \\u00fc \\ud83d\\ude00 \\ufffd \\u007f\"}\n");
}

static void a_long_line_is_whole(void **state)
{
    ENS_CLEANUP(report_free) struct report r;
    char value[5000];

    (void)state;
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    report_begin(&r, REPORT_TEXT, 3);
    report_line(&r, "%s", value);
    report_note(&r, "k", "%s", value);
    assert_int_equal(r.out.len, sizeof value + 3 + sizeof value);
}

static void a_report_that_is_too_deep_is_not_printed(void **state)
{
    static const enum report_form forms[] = {REPORT_TEXT, REPORT_JSON, REPORT_JSON_LINES};

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        ENS_CLEANUP(report_free) struct report r;
        struct ens_err err = {0};

        report_begin(&r, forms[i], 3);
        for (int depth = 0; depth < REPORT_DEPTH_MAX; depth++)
            report_array(&r, "k", NULL, 1);
        for (int depth = 0; depth < REPORT_DEPTH_MAX + 2; depth++) {
            report_uint(&r, "k", "k", 1);
            report_close(&r);
        }
        assert_fails(report_print(&r, &err), err, ENS_BUG, "too deep");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_what_has_a_label),
        cmocka_unit_test(json_has_what_has_a_key),
        cmocka_unit_test(each_json_line_is_one),
        cmocka_unit_test(a_list_is_an_array_and_a_line),
        cmocka_unit_test(a_terminal_gets_lines_broken_at_blanks),
        cmocka_unit_test(a_document_begins_with_its_kind),
        cmocka_unit_test(a_value_forges_nothing),
        cmocka_unit_test(a_long_line_is_whole),
        cmocka_unit_test(a_report_that_is_too_deep_is_not_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
