/* The reader of TOML: what the specification of version 1.0.0 gives as valid and as invalid, kind by kind; its bounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/toml.h"
#include "tests/support/support.h"

/* ---- a document as one line: tables {key: value}, arrays [], strings in quotes, "?" for the types that are kept as text ---- */

static void show(struct buf *out, const struct toml_value *v)
{
    struct ens_err err = {0};
    const char *comma = "";
    bool is_table = v->type == TOML_TABLE;

    switch (v->type) {
    case TOML_TABLE:
    case TOML_ARRAY:
        assert_true(buf_printf(out, &err, "%s", is_table ? "{" : "["));
        for (const struct toml_value *m = toml_first(v); m != NULL; m = toml_next(m), comma = " ") {
            assert_true(buf_printf(out, &err, "%s", comma));
            if (is_table)
                assert_true(buf_append(out, m->key, &err) && buf_printf(out, &err, ":"));
            show(out, m);
        }
        assert_true(buf_printf(out, &err, "%s", is_table ? "}" : "]"));
        break;
    case TOML_STRING:
        assert_true(buf_printf(out, &err, "\"") && buf_append(out, v->text, &err) &&
                    buf_printf(out, &err, "\""));
        break;
    case TOML_INTEGER:
        assert_true(buf_printf(out, &err, "%lld", (long long)v->number));
        break;
    case TOML_BOOLEAN:
        assert_true(buf_printf(out, &err, "%s", v->number != 0 ? "yes" : "no"));
        break;
    case TOML_FLOAT:
    case TOML_DATE:
        assert_true(buf_printf(out, &err, "%s", v->type == TOML_FLOAT ? "f" : "d") &&
                    buf_append(out, v->text, &err));
    }
}

static void reads(enum toml_version version, const char *text, const char *want)
{
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;
    ENS_CLEANUP(buf_free) struct buf out = {0};
    struct ens_err err = {0};

    if (!toml_parse(view_of_string(text), "x", version, &t, &err))
        fail_msg("%s: %s", text, err.msg);
    show(&out, toml_root(t));
    assert_true(buf_append(&out, view_of("", 1), &err));
    if (strcmp((const char *)out.data, want) != 0)
        fail_msg("%s\nis read as %s\ninstead of  %s", text, (const char *)out.data, want);
}

static void refuses(enum toml_version version, const char *text, const char *words)
{
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;
    struct ens_err err = {0};

    if (toml_parse(view_of_string(text), "x", version, &t, &err))
        fail_msg("accepted: %s", text);
    if (err.code != ENS_DATA || strstr(err.msg, words) == NULL)
        fail_msg("%s\nis refused by %d: %s", text, (int)err.code, err.msg);
    assert_null(t);
}

struct pair {
    const char *text, *want;
};

static void all_read(const struct pair *pairs, size_t len)
{
    for (size_t i = 0; i < len; i++)
        reads(TOML_1_0, pairs[i].text, pairs[i].want);
}

static void all_refused(const struct pair *pairs, size_t len)
{
    for (size_t i = 0; i < len; i++)
        refuses(TOML_1_0, pairs[i].text, pairs[i].want);
}

#define ALL(how, pairs) how(pairs, sizeof(pairs) / sizeof(pairs)[0])

static void keys(void **state)
{
    static const struct pair good[] = {
        {"", "{}"},
        {"\n\n# only\n", "{}"},
        {"bare_key-1 = 1", "{bare_key-1:1}"},
        {"1234 = 1\n-=2", "{1234:1 -:2}"},
        {"\"a b\" = 1\n'c.d' = 2\n\"\" = 3", "{a b:1 c.d:2 :3}"},
        {"\"\\u0061\\t\" = 1", "{a\t:1}"},
        {"a.b.c = 1\na . 'b' . d = 2", "{a:{b:{c:1 d:2}}}"},
        {"3.14 = 1", "{3:{14:1}}"},
        {"a=1 # b\r\nb\t=\t2\t\r\n", "{a:1 b:2}"},
        {"true = false", "{true:no}"},
    };
    static const struct pair bad[] = {
        {"= 1", "column 1: a key is missing"},
        {"a", "a = is missing"},
        {"a b = 1", "a = is missing"},
        {"a. = 1", "a key is missing"},
        {"a = ", "this is no value"},
        {"a = 1 b = 2", "column 7: the line should end"},
        {"a\n= 1", "a = is missing"},
        {"'''a''' = 1", "a = is missing"},
        {"\"a\nb\" = 1", "a string has no end"},
        {"\xc3\xa9 = 1", "a key is missing"},
        {"a = 1\n\na = 2", "line 3, column 3: the key is there twice"},
        {"a = 1\n\"a\" = 2", "the key is there twice"},
        {"a = 1\n\"\\u0061\" = 2", "the key is there twice"},
        {"a = 1\na.b = 2", "defined elsewhere"},
        {"a.b = 1\na = 2", "the key is there twice"},
        {"a = 1 # \x01", "the line should end"},
        {"a = 1 # \x7f", "the line should end"},
        {"a = 1\r", "the line should end"},
        {"\xef\xbb\xbf", "a key is missing"},
        {"# \xff", "column 3: this is not UTF-8"},
        {"# \xed\xa0\x80", "this is not UTF-8"},
    };

    (void)state;
    ALL(all_read, good);
    ALL(all_refused, bad);
}

static void strings(void **state)
{
    static const struct pair good[] = {
        {"a = \"\"", "{a:\"\"}"},
        {"a = ''", "{a:\"\"}"},
        {"a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "{a:\"\b\t\n\f\r\"\\\"}"},
        {"a = \"\\u00e9\\U0001F600\\uD7FF\\uE000\"",
         "{a:\"\xc3\xa9\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80\"}"},
        {"a = '\\n'", "{a:\"\\n\"}"},
        {"a = \"\"\"\nb\r\nc\"\"\"", "{a:\"b\nc\"}"},
        {"a = \"\"\"b \\\n   \r\n\t c\"\"\"", "{a:\"b c\"}"},
        {"a = \"\"\"b \\  \n c\"\"\"", "{a:\"b c\"}"},
        {"a = \"\"\"\"\"\"", "{a:\"\"}"},
        {"a = \"\"\"\"b\"\"\"\"\"", "{a:\"\"b\"\"\"}"},
        {"a = \"\"\"b \\\"\"\" c\"\"\"", "{a:\"b \"\"\" c\"}"},
        {"a = '''\n'b' ''c'''''", "{a:\"'b' ''c''\"}"},
        {"a = '''b\\\nc'''", "{a:\"b\\\nc\"}"},
        {"a = \"\t# no comment\"", "{a:\"\t# no comment\"}"},
    };
    static const struct pair bad[] = {
        {"a = \"", "a string has no end"},
        {"a = \"b", "a string has no end"},
        {"a = 'b\n'", "a string has no end"},
        {"a = \"b\\\"", "a string has no end"},
        {"a = \"\"\"b\"\"", "a string has no end"},
        {"a = '''b''", "a string has no end"},
        {"a = \"\"\"\"\"\"\"\"\"", "the line should end"},
        {"a = \"\\a\"", "no such escape"},
        {"a = \"\\e\"", "no such escape"},
        {"a = \"\\x41\"", "no such escape"},
        {"a = \"\\\nb\"", "no such escape"},
        {"a = \"\"\"\\ b\"\"\"", "no such escape"},
        {"a = \"\\", "no such escape"},
        {"a = \"\\u12\"", "names no character"},
        {"a = \"\\u\x11\x11\x11\x11\"", "names no character"},
        {"a = \"\\ud800\"", "names no character"},
        {"a = \"\\uDFFF\"", "names no character"},
        {"a = \"\\U00110000\"", "names no character"},
        {"a = \"\x01\"", "a control character"},
        {"a = '\x7f'", "a control character"},
        {"a = '''\r'''", "a control character"},
        {"a = 'b' 'c'", "the line should end"},
    };
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;
    struct ens_err err = {0};

    (void)state;
    ALL(all_read, good);
    ALL(all_refused, bad);
    assert_ok(toml_parse(view_of_string("a = \"\\u0000\"\nb = 'b'\nc = '''c'''"), "x", TOML_1_0, &t, &err),
              err);
    assert_true(view_equal(toml_get(toml_root(t), "a")->text, view_of("", 1)));
    assert_false(toml_get(toml_root(t), "a")->is_plain);
    assert_true(toml_get(toml_root(t), "b")->is_plain);
    assert_false(toml_get(toml_root(t), "c")->is_plain);
}

static void words(void **state)
{
    static const char *const wrong[] = {
        "01",
        "-01",
        "+",
        "-",
        "1_",
        "_1",
        "1__0",
        "0x",
        "0x_1",
        "0X1",
        "+0x1",
        "0b2",
        "0o8",
        "0b1_",
        "1.",
        ".1",
        "1._0",
        "1_.0",
        "1e",
        "1e+",
        "01.0",
        "1.0e_1",
        "++1",
        "inf1",
        "Inf",
        "True",
        "truely",
        "0xg",
        "0x1g",
        "1,0",
        "1.0.0",
        "2023-02-29",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "0000-01-01",
        "24:00:00",
        "12:60:00",
        "12:00:60",
        "12:00",
        "1:00:00",
        "12:00:00.",
        "2024-01-01T",
        "2024-01-01 12",
        "2024-1-01",
        "2024-01-01T12:00:00+24:00",
        "2024-01-01T12:00:00+12",
        "12:00:00Z",
        "2024-01-01Z",
        "2024-01-01TZ",
        "2024-01-01T12:00:00ZZ",
        "9223372036854775808",
        "-9223372036854775809",
        "0xffffffffffffffff",
        "99999999999999999999999",
    };
    static const struct pair good[] = {
        {"a = [0, +0, -0, 1, +17, -17, 1_0_0]", "{a:[0 0 0 1 17 -17 100]}"},
        {"a = [0xDEAD_beef, 0o0755, 0b0101, 0x0]", "{a:[3735928559 493 5 0]}"},
        {"a = [9223372036854775807, -9223372036854775808]", "{a:[9223372036854775807 -9223372036854775808]}"},
        {"a = [1.0, -0.0, 5e+22, 1E06, 1_0.0_1e-1_0]", "{a:[f1.0 f-0.0 f5e+22 f1E06 f1_0.0_1e-1_0]}"},
        {"a = [inf, +inf, -inf, nan, -nan]", "{a:[finf f+inf f-inf fnan f-nan]}"},
        {"a = [true, false]", "{a:[yes no]}"},
        {"a = [2024-02-29, 00:00:00, 23:59:59.999]", "{a:[d2024-02-29 d00:00:00 d23:59:59.999]}"},
        {"a = 2024-01-01T12:00:00Z\nb = 2024-01-01 12:00:00.5+23:59 # c",
         "{a:d2024-01-01T12:00:00Z b:d2024-01-01 12:00:00.5+23:59}"},
        {"a = 2024-01-01 # 12", "{a:d2024-01-01}"},
    };

    (void)state;
    ALL(all_read, good);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[64];

        (void)snprintf(text, sizeof text, "a = %s", wrong[i]);
        refuses(TOML_1_0, text, ": ");
    }
}

static void arrays_and_inline_tables(void **state)
{
    static const struct pair good[] = {
        {"a = []\nb = [[], [[]]]", "{a:[] b:[[] [[]]]}"},
        {"a = [ # one\n 1,\r\n\n 'x' # two\n , # three\n]", "{a:[1 \"x\"]}"},
        {"a = {}\nb = { }", "{a:{} b:{}}"},
        {"a = { b = 1, c.d = 2, c.e = { f = [ {g = 1},\n] } }", "{a:{b:1 c:{d:2 e:{f:[{g:1}]}}}}"},
    };
    static const struct pair bad[] = {
        {"a = [1", "a comma or the end is missing"},
        {"a = [1 2]", "a comma or the end is missing"},
        {"a = [,]", "this is no value"},
        {"a = [1,,2]", "this is no value"},
        {"a = [1] 2", "the line should end"},
        {"a = {b = 1,}", "a key is missing"},
        {"a = {b = 1\n}", "a comma or the end is missing"},
        {"a = {\nb = 1}", "a key is missing"},
        {"a = {b = 1, b = 2}", "the key is there twice"},
        {"a = {b = 1 c = 2}", "a comma or the end is missing"},
        {"a = {b = {c = 1}, b.d = 2}", "defined elsewhere"},
        {"a = {b = 1}\na.c = 2", "defined elsewhere"},
        {"a = {b.c = 1}\na.b.d = 2", "defined elsewhere"},
        {"a = {}\n[a]", "the table is there twice"},
        {"a = {}\n[a.b]", "a header adds to a value"},
        {"a = {b = {}}\n[a.b.c]", "a header adds to a value"},
        {"a = []\n[[a]]", "the table is there twice"},
        {"a = [{}]\n[a.b]", "a header adds to a value"},
        {"a = 1\n[a.b]", "a header adds to a value"},
    };

    (void)state;
    ALL(all_read, good);
    ALL(all_refused, bad);
}

static void tables(void **state)
{
    static const struct pair good[] = {
        {"[a]\n[a.b]\nc = 1\n[ d . 'e' ]", "{a:{b:{c:1}} d:{e:{}}}"},
        {"[a.b]\n[a]\nc = 1", "{a:{b:{} c:1}}"},
        {"[a.b.c]\n[a]\nb.d = 1", "{a:{b:{c:{} d:1}}}"},
        {"[a]\nb.c = 1\n[a.b.d]\ne = 1", "{a:{b:{c:1 d:{e:1}}}}"},
        {"[[a]]\nb = 1\n[[a]]\n[a.c]\nd = 1\n[[a.e]]\n[[a.e]]\n[[a]]", "{a:[{b:1} {c:{d:1} e:[{} {}]} {}]}"},
        {"[a]\n[[a.b]]\n[c]\n[[a.b]]", "{a:{b:[{} {}]} c:{}}"},
        {"[a] # b\n[c]", "{a:{} c:{}}"},
    };
    static const struct pair bad[] = {
        {"[a]\n[a]", "line 2, column 4: the table is there twice"},
        {"[a.b]\n[a]\n[a]", "the table is there twice"},
        {"[a]\nb = 1\n[a.b]", "the table is there twice"},
        {"[a.b]\n[a]\nb = 1", "the key is there twice"},
        {"[a]\nb.c = 1\n[a.b]", "the table is there twice"},
        {"[a.b.c]\n[a]\nb.d = 1\n[a.b]", "the table is there twice"},
        {"[a.b.c]\nd = 1\n[a]\nb.c.e = 1", "defined elsewhere"},
        {"[a.b.c.d]\n[a]\nb.c.d.k.t = 1", "defined elsewhere"},
        {"[[a.b]]\n[a]\nb.c = 1", "defined elsewhere"},
        {"[a]\n[[a]]", "the table is there twice"},
        {"[[a]]\n[a]", "the table is there twice"},
        {"[[a.b]]\n[[a]]", "the table is there twice"},
        {"[a", "a header has no end"},
        {"[]", "a key is missing"},
        {"[a.]", "a key is missing"},
        {"[[a]", "a header has no end"},
        {"[a]]", "the line should end"},
        {"[ [a]]", "a key is missing"},
        {"[a]b = 1", "the line should end"},
        {"[a\n]", "a header has no end"},
    };

    (void)state;
    ALL(all_read, good);
    ALL(all_refused, bad);
}

/* What 1.0 refuses, Cargo's version takes. */
static void version_1_1(void **state)
{
    static const struct pair more[] = {
        {"a = {\n b = 1, # c\n}", "{a:{b:1}}"},
        {"a = \"\\e\\x41\\xe9\"", "{a:\"\x1b"
                                  "A\xc3\xa9\"}"},
        {"a = 12:00\nb = 2024-01-01T12:00Z", "{a:d12:00 b:d2024-01-01T12:00Z}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        reads(TOML_1_1, more[i].text, more[i].want);
        refuses(TOML_1_0, more[i].text, ": ");
    }
    refuses(TOML_1_1, "a = {,}", "a key is missing");
}

static void paths(void **state)
{
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(
        toml_parse(view_of_string("a.b = 1\n'a.b' = 2\nc = [{d = 1}]\n\"\" = 3"), "x", TOML_1_0, &t, &err),
        err);
    const struct toml_value *root = toml_root(t);

    assert_int_equal(toml_get(root, "a.b")->number, 1);
    assert_int_equal(toml_get(root, "")->number, 3);
    assert_null(toml_get(root, "a.b.c"));
    assert_null(toml_get(root, "a.c"));
    assert_null(toml_get(root, "c.d"));
    assert_null(toml_get(NULL, "c"));
    assert_null(toml_first(toml_get(root, "a.b")));
    assert_null(toml_first(NULL));
    assert_null(toml_next(NULL));
}

/* ---- bounds ---- */

static char *repeat(const char *before, const char *piece, size_t times, const char *after)
{
    size_t len = strlen(piece);
    char *text = malloc(strlen(before) + len * times + strlen(after) + 1);
    char *at = text;

    assert_non_null(text);
    at = stpcpy(at, before);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, piece);
    (void)stpcpy(at, after);
    return text;
}

static void bounds(void **state)
{
    static const struct {
        const char *before, *piece, *after, *words;
        size_t most;
    } rows[] = {
        {"a = ", "[", "", "nested too deeply", 0},
        {"a = ", "{b = ", "", "nested too deeply", 0},
        {"", "a.", "a = 1", "nested too deeply", 0},
        {"[", "a.", "a]", "nested too deeply", 0},
        /* As many as are allowed were taken. */
        {"a = [", "1,", "]", "column 2097155: there are too many values", TOML_VALUES_MAX - 2},
    };
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t most = rows[i].most > 0 ? rows[i].most : 1000;
        char *text = repeat(rows[i].before, rows[i].piece, most + 1, rows[i].after);

        refuses(TOML_1_0, text, rows[i].words);
        free(text);
    }
    char *deep = repeat("", "a.", TOML_DEPTH_MAX - 1, "a = 1");
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;

    assert_ok(toml_parse(view_of_string(deep), "x", TOML_1_0, &t, &err), err);
    free(deep);
    /* Too long: nothing of it is read. */
    toml_freep(&t);
    assert_fails(toml_parse(view_of("", TOML_SIZE_MAX + 1), "x", TOML_1_0, &t, &err), err, ENS_DATA,
                 "more than 16 MiB");
}

/* Keys in order are the worst for a tree that is not kept in balance: the work grows with their number, no faster. */
static void many_keys(void **state)
{
    enum { KEYS = 20000 };
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;
    struct ens_err err = {0};
    char key[16];

    (void)state;
    for (int i = 0; i < KEYS; i++)
        assert_true(buf_printf(&text, &err, "k%06d = %d\n", i, i));
    assert_ok(toml_parse(buf_view(&text), "x", TOML_1_0, &t, &err), err);
    for (int i = 0; i < KEYS; i += 97) {
        (void)snprintf(key, sizeof key, "k%06d", i);
        assert_int_equal(toml_get(toml_root(t), key)->number, i);
    }
    assert_null(toml_get(toml_root(t), "k020000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),      cmocka_unit_test(strings),
        cmocka_unit_test(words),     cmocka_unit_test(arrays_and_inline_tables),
        cmocka_unit_test(tables),    cmocka_unit_test(version_1_1),
        cmocka_unit_test(paths),     cmocka_unit_test(bounds),
        cmocka_unit_test(many_keys),
    };

    return cmocka_run_group_tests_name("toml", tests, NULL, NULL);
}
