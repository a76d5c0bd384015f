/* Text from files and tokens on its way to a terminal, and the nearest word to a misspelt one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "tests/support/support.h"

static void assert_printed(const char *in, size_t len, const char *want)
{
    char out[256];

    assert_ptr_equal(text_printable(out, sizeof out, in, len), out);
    if (strcmp(out, want) != 0)
        fail_msg("'%s' is printed where '%s' is expected", out, want);
}

static void harmless_text_is_kept(void **state)
{
    static const char *const good[] = {
        "",
        " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~",
        "\xc2\xa0",         /* U+00A0, the first after C1 */
        "\xc3\xbc",         /* U+00FC */
        "\xdf\xbf",         /* U+07FF, the last of two bytes */
        "\xe0\xa0\x80",     /* U+0800, the first of three */
        "\xe2\x80\x8a",     /* U+200A, before the zero-width ones */
        "\xe2\x80\xa7",     /* U+2027, before the separators */
        "\xe2\x80\xaf",     /* U+202F, after the overrides */
        "\xed\x9f\xbf",     /* U+D7FF, before the surrogates */
        "\xee\x80\x80",     /* U+E000, after them */
        "\xef\xbf\xbd",     /* U+FFFD */
        "\xf0\x90\x80\x80", /* U+10000, the first of four */
        "\xf0\x9f\x94\x91", /* U+1F511 */
        "\xf4\x8f\xbf\xbf", /* U+10FFFF, the last */
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_printed(good[i], strlen(good[i]), good[i]);
}

static void malformed_utf8_becomes_question_marks(void **state)
{
    static const struct {
        const char *in, *want;
    } bad[] = {
        {"\x80", "?"},                     /* continuation alone */
        {"\xbf", "?"},                     /* the same */
        {"\xc0\x80", "??"},                /* NUL in two bytes */
        {"\xc0\xaf", "??"},                /* slash in two bytes */
        {"\xc1\xbf", "??"},                /* overlong */
        {"\xe0\x80\xaf", "???"},           /* slash in three bytes */
        {"\xe0\x9f\xbf", "???"},           /* overlong U+07FF */
        {"\xf0\x80\x80\xaf", "????"},      /* slash in four bytes */
        {"\xf0\x8f\xbf\xbf", "????"},      /* overlong U+FFFF */
        {"\xed\xa0\x80", "???"},           /* U+D800, a surrogate */
        {"\xed\xbf\xbf", "???"},           /* U+DFFF */
        {"\xf4\x90\x80\x80", "????"},      /* U+110000 */
        {"\xf5\x80\x80\x80", "????"},      /* no such lead byte */
        {"\xf8\x88\x80\x80\x80", "?????"}, /* five bytes, of old */
        {"\xfe\xff", "??"},                /* UTF-16 mark */
        {"\xc3", "?"},                     /* cut after the lead byte */
        {"\xe2\x82", "??"},                /* cut */
        {"\xf0\x9f\x94", "???"},           /* cut */
        {"\xc3(", "?("},                   /* what follows a bad lead byte is kept */
        {"\xe2\x28\xa1", "?(?"},           /* the same */
        {"a\xe2\x82z", "a??z"},            /* the same */
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_printed(bad[i].in, strlen(bad[i].in), bad[i].want);
}

static void a_sequence_is_not_read_past_the_length(void **state)
{
    (void)state;
    /* The second byte is there, but does not belong to the text. */
    assert_printed("\xc3\xbc", 1, "?");
    assert_printed("\xf0\x9f\x94\x91", 3, "???");
    /* The same at the end of a heap block, where a checker sees a read past it. */
    char *tight = malloc(2);

    assert_non_null(tight);
    memcpy(tight, "\xe2\x82", 2);
    assert_printed(tight, 2, "??");
    free(tight);
}

static void controls_and_invisible_characters_become_question_marks(void **state)
{
    static const unsigned hidden[] = {0x7f,   0x80,   0x85,    0x9b,    0x9f,   0xad,   0x61c,  0x200b,
                                      0x200c, 0x200d, 0x200e,  0x200f,  0x2028, 0x2029, 0x202a, 0x202b,
                                      0x202c, 0x202d, 0x202e,  0x2060,  0x2066, 0x2067, 0x2068, 0x2069,
                                      0x206f, 0xfeff, 0xe0001, 0xe0041, 0xe007f};

    (void)state;
    for (unsigned c = 0; c < 0x20; c++)
        assert_printed(&(char){(char)c}, 1, "?");
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        unsigned c = hidden[i];
        char in[8] = "";

        if (c < 0x80)
            (void)snprintf(in, sizeof in, "%c", (int)c);
        else if (c < 0x800)
            (void)snprintf(in, sizeof in, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 63)));
        else if (c < 0x10000)
            (void)snprintf(in, sizeof in, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 63)),
                           (int)(0x80 | (c & 63)));
        else
            (void)snprintf(in, sizeof in, "%c%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 63)),
                           (int)(0x80 | (c >> 6 & 63)), (int)(0x80 | (c & 63)));
        assert_printed(in, strlen(in), "?");
    }
    assert_printed("a\0b", 3, "a?b");
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
    char out[8];

    (void)state;
    memset(out, 'x', sizeof out);
    assert_string_equal(text_printable(out, 1, "abc", 3), "");
    assert_int_equal(out[1], 'x');
    assert_string_equal(text_printable(out, 4, "abcd", 4), "abc");
    assert_int_equal(out[4], 'x');
    /* three bytes of room, and a second character of two bytes that would need a fourth */
    assert_string_equal(text_printable(out, 4, "\xc3\xbc\xc3\xbc", 4), "\xc3\xbc");
    assert_string_equal(text_printable(out, 5, "\xc3\xbc\xc3\xbc", 4), "\xc3\xbc\xc3\xbc");
}

static const char *const words[] = {"sign", "set-sig", "show", "gen-sign-data", "isvsvn", "isvprodid", NULL};

static void a_slip_of_the_finger_finds_the_word(void **state)
{
    static const struct {
        const char *typed, *want;
    } cases[] = {{"sign", "sign"},
                 {"sgin", "sign"},
                 {"sig", "sign"},
                 {"signn", "sign"},
                 {"setsig", "set-sig"},
                 {"shwo", "show"},
                 {"gensigndata", "gen-sign-data"},
                 {"gen-sign-dat", "gen-sign-data"},
                 {"isvvsn", "isvsvn"},
                 {"gen", "gen-sign-data"},
                 {"isvproid", "isvprodid"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *near = text_nearest(cases[i].typed, words);

        if (near == NULL || strcmp(near, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].typed, near != NULL ? near : "nothing");
    }
}

static void another_word_finds_nothing(void **state)
{
    static const char *const none[] = {NULL};
    char long_word[200];

    (void)state;
    assert_null(text_nearest("verify", words));
    assert_null(text_nearest("xyz", words));
    /* Two letters of three are another word, and a beginning that two words have is neither. */
    assert_null(text_nearest("key", (const char *const[]){"yes", "note", NULL}));
    assert_null(text_nearest("isv", words));
    assert_null(text_nearest("", words));
    assert_null(text_nearest("sign", none));
    /* Whatever its length, a word that is like none of them is near none of them. */
    for (size_t len = 1; len < sizeof long_word; len++) {
        memset(long_word, 'q', len);
        long_word[len] = '\0';
        if (text_nearest(long_word, words) != NULL)
            fail_msg("%zu letters q are near %s", len, text_nearest(long_word, words));
    }
}

static void assert_lines(const char *in, size_t len, const char *want)
{
    char out[256];
    size_t out_len = 0;
    size_t at = 0;

    /* Whatever room there is, the pieces are the same text. */
    for (size_t cap = 4; cap < 40; cap++) {
        for (size_t have = 0; at < len; have += out_len) {
            size_t took = text_lines(out + have, cap, view_of(in + at, len - at), &out_len);

            assert_true(took > 0 && out_len <= cap);
            at += took;
            out[have + out_len] = '\0';
        }
        assert_string_equal(out, want);
        at = 0;
    }
}

static void lines_keep_their_newlines_and_nothing_else_that_drives_a_terminal(void **state)
{
    (void)state;
    assert_lines("a\nb\n", 4, "a\nb\n");
    assert_lines("\n\n", 2, "\n\n");
    assert_lines("\x1b[2J\r\x07x\0y\n", 10, "?[2J??x?y\n");
    assert_lines("\xc2\x9b"
                 "31m \xf0\x9f\x94\x91\n",
                 11, "?31m \xf0\x9f\x94\x91\n");
    assert_lines("\xe2\x80\xae\xff\t", 5, "???");
}

static void a_value_cannot_begin_a_line(void **state)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct ens_err err = {0};
    char path[5000];

    (void)state;
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_true(text_line(&b, &err, "File  %s", "a\nMRENCLAVE  00\x1b[1A"));
    assert_true(text_line(&b, &err, "%s", path));
    assert_true(b.len > sizeof path);
    assert_memory_equal(b.data, "File  a?MRENCLAVE  00?[1A\npppp", 30);
    assert_int_equal(b.data[b.len - 1], '\n');
    /* Nothing of it was cut. */
    assert_int_equal(b.len, 26 + sizeof path);
}

static void assert_folded(const char *in, unsigned columns, unsigned indent, const char *want)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_true(text_fold(view_of_string(in), columns, indent, &b, &err));
    assert_true(buf_append(&b, view_of("", 1), &err));
    assert_string_equal((const char *)b.data, want);
    buf_free(&b);
}

static void fold_cuts_words(void **state)
{
    (void)state;
    assert_folded("one two three\n", 0, 4, "one two three\n");
    assert_folded("one two three\n", 12, 4, "one two\n    three\n");
    assert_folded("File  abcdefgh\n", 8, 6, "File\n      ab\n      cd\n      ef\n      gh\n");
    assert_folded("abcdef", 3, 0, "abc\ndef");
    assert_folded("abcdef", 3, 9, "abc\n         d\n         e\n         f");
    assert_folded("  abcdef g\n", 6, 2, "  abcd\n  ef g\n");
    /* U+3000, three bytes: two columns. */
    assert_folded("\xe3\x80\x80\xe3\x80\x80X", 4, 1, "\xe3\x80\x80\xe3\x80\x80\n X");
    assert_folded("\xe3\x80\x80\xe3\x80\x80", 1, 0, "\xe3\x80\x80\n\xe3\x80\x80");
    /* Nothing is lost, and no row is longer than the terminal. */
    assert_folded("\xff\xff\xff", 2, 0, "\xff\xff\n\xff");
}

static void assert_wrapped(const char *in, unsigned columns, unsigned indent, const char *want)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct ens_err err = {0};

    assert_true(text_wrap(view_of_string(in), columns, indent, &b, &err));
    if (b.len != strlen(want) || (b.len > 0 && memcmp(b.data, want, b.len) != 0))
        fail_msg("'%.*s' where '%s' is expected", (int)b.len, (const char *)b.data, want);
}

static void lines_break_at_blanks_and_words_nowhere(void **state)
{
    (void)state;
    assert_wrapped("", 10, 4, "");
    assert_wrapped("one two three\n", 0, 4, "one two three\n");
    assert_wrapped("one two three\n", 13, 4, "one two three\n");
    assert_wrapped("one two three\n", 12, 4, "one two\n    three\n");
    assert_wrapped("one two three", 7, 2, "one two\n  three");
    assert_wrapped("a\n\none two\n", 5, 1, "a\n\none\n two\n");
    /* A word that is too long is whole, and what follows it has its own line. */
    assert_wrapped("at pkcs11:token=hsm;object=release now\n", 10, 4,
                   "at\n    pkcs11:token=hsm;object=release\n    now\n");
    assert_wrapped("pkcs11:token=hsm next\n", 10, 4, "pkcs11:token=hsm\n    next\n");
    /* Blanks at its beginning are no place to break, and those at its end are no line. */
    assert_wrapped("    indented text          \n", 10, 2, "    indented\n  text\n");
    /* A deep indent that leaves no room is none. */
    assert_wrapped("one two three four five\n", 20, 6, "one two three four\n    five\n");
    assert_wrapped("one two three four five six\n", 22, 6, "one two three four\n      five six\n");
    /* Characters count, not bytes. */
    assert_wrapped("\xc3\xbc\xc3\xbc\xc3\xbc \xc3\xbc\xc3\xbc\n", 6, 1,
                   "\xc3\xbc\xc3\xbc\xc3\xbc \xc3\xbc\xc3\xbc\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless_text_is_kept),
        cmocka_unit_test(malformed_utf8_becomes_question_marks),
        cmocka_unit_test(a_sequence_is_not_read_past_the_length),
        cmocka_unit_test(controls_and_invisible_characters_become_question_marks),
        cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(lines_keep_their_newlines_and_nothing_else_that_drives_a_terminal),
        cmocka_unit_test(a_value_cannot_begin_a_line),
        cmocka_unit_test(lines_break_at_blanks_and_words_nowhere),
        cmocka_unit_test(fold_cuts_words),
        cmocka_unit_test(a_slip_of_the_finger_finds_the_word),
        cmocka_unit_test(another_word_finds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
