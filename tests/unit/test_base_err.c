/* Error values: the code and the message, context put in front, system errors, and no byte that could drive a
 * terminal whatever the message quotes. */
#include <errno.h>
#include <string.h>

#include "signer/base/err.h"
#include "tests/support/support.h"

static void fail_sets_code_and_message(void **state)
{
    struct ens_err err = {0};

    (void)state;
    assert_false(ens_fail(&err, ENS_DATA, "page 0x%x: %s", 0x3000u, "twice"));
    assert_int_equal(err.code, ENS_DATA);
    assert_string_equal(err.msg, "page 0x3000: twice");
}

static void fail_replaces_an_older_error(void **state)
{
    struct ens_err err = {0};

    (void)state;
    (void)ens_fail(&err, ENS_DATA, "%s", "a long message that came first");
    (void)ens_fail(&err, ENS_IO, "short");
    assert_int_equal(err.code, ENS_IO);
    assert_string_equal(err.msg, "short");
}

static void wrap_puts_context_in_front_and_keeps_the_code(void **state)
{
    struct ens_err err = {0};

    (void)state;
    (void)ens_fail(&err, ENS_BADKEY, "2048 bits");
    assert_false(ens_wrap(&err, "key %d", 7));
    assert_false(ens_wrap(&err, "token %s", "T"));
    assert_int_equal(err.code, ENS_BADKEY);
    assert_string_equal(err.msg, "token T: key 7: 2048 bits");
}

static void system_errors_are_told_in_words(void **state)
{
    struct ens_err err = {0};

    (void)state;
    assert_false(ens_fail_errno(&err, ENS_NOINPUT, ENOENT, "%s: cannot be opened", "x.orc"));
    assert_int_equal(err.code, ENS_NOINPUT);
    assert_string_equal(err.msg, "x.orc: cannot be opened: No such file or directory");
    (void)ens_fail_errno(&err, ENS_IO, 99999, "x");
    assert_string_equal(err.msg, "x: unknown system error");
}

/* No byte below 0x20, no DEL, and no byte above that is not part of the harmless text "é". */
static void assert_one_harmless_line(const char *msg)
{
    for (const char *p = msg; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fail_msg("byte %02x in '%s'", (unsigned char)*p, msg);
    }
    assert_null(strstr(msg, "\xc2\x9b"));
    assert_null(strstr(msg, "\xe2\x80\xae"));
}

static void control_characters_never_get_out(void **state)
{
    char all[256];
    struct ens_err err = {0};

    (void)state;
    for (int i = 1; i < 256; i++)
        all[i - 1] = (char)i;
    all[255] = '\0';
    (void)ens_fail(&err, ENS_DATA, "%s", all);
    assert_one_harmless_line(err.msg);
    assert_int_equal(strlen(err.msg), 255);
    (void)ens_fail(&err, ENS_DATA,
                   "caf\xc3\xa9 \xc2\x9b"
                   "31m \xe2\x80\xae evil\n\x1b[2J");
    assert_one_harmless_line(err.msg);
    assert_string_equal(err.msg, "caf\xc3\xa9 ?31m ? evil??[2J");
    (void)ens_wrap(&err, "%s", "\x1b]0;title\x07");
    assert_string_equal(err.msg, "?]0;title?: caf\xc3\xa9 ?31m ? evil??[2J");
    (void)ens_fail_errno(&err, ENS_IO, EIO, "%s", "a\rb");
    assert_string_equal(err.msg, "a?b: Input/output error");
}

static void a_long_message_is_cut_in_its_middle(void **state)
{
    char text[2000];
    struct ens_err err = {0};

    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)ens_fail(&err, ENS_DATA, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    (void)ens_fail(&err, ENS_DATA, "rule");
    (void)ens_wrap(&err, "%.400s", text);
    assert_int_equal(strlen(err.msg), 400 + strlen(": rule"));
    (void)ens_wrap(&err, "object %.200s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    assert_memory_equal(err.msg, "object ", 7);
    assert_string_equal(err.msg + strlen(err.msg) - strlen(": rule"), ": rule");
    assert_non_null(strstr(err.msg, "[...]"));
    /* A path of the greatest length leaves the rule and the remedy. */
    (void)ens_fail(&err, ENS_DATA, "%s%s%s: the rule: the remedy", text, text, text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    assert_non_null(strstr(err.msg, "a: the rule: the remedy"));
}

static void a_cut_leaves_no_half_character(void **state)
{
    char text[700];
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof text - 2] = '\0';
    for (int shift = 0; shift < 2; shift++) {
        (void)ens_fail(&err, ENS_DATA, "%s%s", shift == 0 ? "" : "x", text);
        size_t len = strlen(err.msg);

        assert_true((unsigned char)err.msg[len - 1] == 0xa9 || err.msg[len - 1] == '?');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_sets_code_and_message),
        cmocka_unit_test(fail_replaces_an_older_error),
        cmocka_unit_test(wrap_puts_context_in_front_and_keeps_the_code),
        cmocka_unit_test(system_errors_are_told_in_words),
        cmocka_unit_test(control_characters_never_get_out),
        cmocka_unit_test(a_long_message_is_cut_in_its_middle),
        cmocka_unit_test(a_cut_leaves_no_half_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
