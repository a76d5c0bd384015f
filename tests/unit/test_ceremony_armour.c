/* Armour: one text for each value, what reading tolerates, and that every wrong character is found. */
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"
#include "tests/support/support.h"

/* Bytes 00 to 1f, as the format's description has it. */
static const char digest[] = "-----BEGIN ENSIGN DIGEST-----\n"
                             "1 AAAQEAYE AUDAOCAJ BIFQYDIO B4IBCEQT CQKRMFYY DENBWHA5 4S\n"
                             "2 DYPQ BH\n"
                             "-----END ENSIGN DIGEST-----\n";

static struct buf encoded(enum armour_kind kind, const void *bytes, size_t len, bool is_bare)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(armour_encode(kind, view_of(bytes, len), is_bare, &b, &err), err);
    return b;
}

static void the_text_of_known_values(void **state)
{
    uint8_t bytes[384];
    uint8_t zero[384] = {0};
    struct buf b;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    b = encoded(ARMOUR_DIGEST, bytes, 32, false);
    assert_true(view_equal(buf_view(&b), view_of_string(digest)));
    buf_free(&b);
    b = encoded(ARMOUR_SIGNATURE, zero, 30, true);
    assert_true(view_equal(buf_view(&b),
                           view_of_string("1 AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA 7I\n")));
    buf_free(&b);
    b = encoded(ARMOUR_SIGNATURE, zero, 384, true);
    assert_memory_equal(b.data, "1 AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA C6\n2 ", 61);
    buf_free(&b);
    b = encoded(ARMOUR_SIGN_DATA, zero, 256, true);
    assert_memory_equal(b.data, "1 AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA AAAAAAAA JB\n2 ", 61);
    buf_free(&b);
}

static void every_length_comes_back(void **state)
{
    uint8_t bytes[2000];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 + (i >> 3));
    for (size_t len = 1; len <= sizeof bytes; len += len < 130 ? 1 : 97) {
        struct buf text = encoded(ARMOUR_APPROVAL, bytes, len, len % 2 == 0);
        struct buf back = {0};
        struct ens_err err = {0};
        enum armour_kind kind = ARMOUR_KINDS;

        assert_true(armour_is(buf_view(&text)));
        assert_ok(armour_decode(buf_view(&text), "t", ARMOUR_ONLY(ARMOUR_APPROVAL), &kind, &back, &err), err);
        assert_int_equal(kind, ARMOUR_APPROVAL);
        assert_true(view_equal(buf_view(&back), view_of(bytes, len)));
        buf_free(&text);
        buf_free(&back);
    }
}

static bool decodes(const char *text, unsigned wishes, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf back = {0};
    enum armour_kind kind = ARMOUR_KINDS;
    bool ok = armour_decode(view_of_string(text), "t", wishes, &kind, &back, err);

    assert_int_equal(back.len, ok ? 32 : 0);
    for (size_t i = 0; i < back.len; i++)
        assert_int_equal(back.data[i], i);
    return ok;
}

static void hands_and_scanners_are_tolerated(void **state)
{
    static const char *const texts[] = {
        digest,
        "\n \t\r\n  -----begin ensign digest-----\r\n1\tAAAQEAYEAUDAOCAJ BIFQYDIOB4IBCEQT CQKRMFYYDENBWHA5   "
        "4S \r\n"
        "\n2 d y p q bh\r\n-----END ENSIGN DIGEST-----",
        "-----BEGIN ENSIGN DIGEST-----\nI AAAQEAYE AUDA0CAJ B1FQYD10 84I8CEQT CQKRMFYY DEN8WHA5 4S\n2 DYPQ "
        "8H\n"
        "-----END ENSIGN DIGEST-----\n",
        "1 AAAQEAYE AUDAOCAJ BIFQYDIO B4IBCEQT CQKRMFYY DENBWHA5 4S\n2 DYPQ BH\n",
        "i AAAQEAYE AUDAOCAJ BIFQYDIO B4IBCEQT CQKRMFYY DENBWHA5 4S\n2 DYPQ BH",
    };
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(armour_is(view_of_string(texts[i])));
        assert_ok(decodes(texts[i], ARMOUR_EVERY, &err), err);
        assert_ok(decodes(texts[i], ARMOUR_ONLY(ARMOUR_DIGEST), &err), err);
        assert_false(decodes(texts[i], ARMOUR_ONLY(ARMOUR_SIGNATURE), &err));
    }
}

/* No character of the data, and no two neighbours, can be changed without it being said. */
static void every_wrong_character_is_found(void **state)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const char *from = strchr(digest, '\n') + 1;
    const char *to = strstr(digest, "-----END");
    char text[sizeof digest];
    struct ens_err err = {0};

    (void)state;
    for (const char *at = from; at < to; at++) {
        size_t i = (size_t)(at - digest);

        for (size_t k = 0; letters[k] != '\0' && strchr(letters, *at) != NULL; k++) {
            memcpy(text, digest, sizeof text);
            text[i] = letters[k];
            if (letters[k] != *at)
                assert_false(decodes(text, ARMOUR_EVERY, &err));
        }
        if (strchr(letters, at[0]) == NULL || strchr(letters, at[1]) == NULL || at[0] == at[1])
            continue;
        memcpy(text, digest, sizeof text);
        text[i] = at[1];
        text[i + 1] = at[0];
        assert_false(decodes(text, ARMOUR_EVERY, &err));
    }
}

static void what_is_refused(void **state)
{
#define B "-----BEGIN ENSIGN DIGEST-----\n"
#define E "-----END ENSIGN DIGEST-----\n"
#define L "1 AAAQEAYE AUDAOCAJ BIFQYDIO B4IBCEQT CQKRMFYY DENBWHA5 4S\n"
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "t: empty: "},
        {" \n\t\r\n", "t: empty: "},
        {B E, "t: empty: "},
        {"> " B L "2 DYPQ BH\n" E, "t: no-header: "},
        {"hello\n", "t: no-header: "},
        {"-----BEGIN ENSIGN KEY-----\n" L E, "t: kind: 'KEY'"},
        {"-----BEGIN ENSIGN -----\n" L E, "t: kind: "},
        {"-----BEGIN ENSIGN SIGNATURE-----\n" L "2 DYPQ BH\n" E, "t: kind: the last line"},
        {"-----BEGIN ENSIGN SIGNATURE-----\n" L "2 DYPQ BH\n-----END ENSIGN SIGNATURE-----\n",
         "t: line 1: check: "},
        {B L "2 DYPQ BH\n", "t: no-end: "},
        {B L "2 DYPQ BH\n" E "x\n", "t: after-end: "},
        {B L "2 DYPQ BH\n" E B L "2 DYPQ BH\n" E, "t: after-end: "},
        {B "x" L E, "t: line 1: line-number: "},
        {B "0" L E, "t: line 1: line-number: "},
        {B "10000 A BB\n" E, "t: line 1: line-number: "},
        {B L "3 DYPQ BH\n" E, "t: line 2: line-order: line 3 stands where line 2"},
        {B "1 4S\n" E, "t: line 1: line: "},
        {B L "2 DYPQ BHX\n" E, "t: line 2: line: "},
        {B L "2 DY9Q BH\n" E, "t: line 2: alphabet: '9'"},
        {B L "2 DYPQ B-\n" E, "t: line 2: alphabet: "},
        {B "1 AAAQEAYE 4S\n2 DYPQ BH\n" E, "t: line 1: line-length: has fewer"},
        {B "1 AAAQEAYE AUDAOCAJ BIFQYDIO B4IBCEQT CQKRMFYY DENBWHA5 AA 4S\n" E,
         "t: line 1: line-length: has more"},
        {B L "2 DYP BH\n" E, "t: line 2: line-length: 3 digits"},
        {B L "2 DYPR BH\n" E, "t: line 2: unused-bits: "},
        {B L "2 DYPQ BI\n" E, "t: line 2: check: "},
        {B L E, "t: line 1: lines-missing: "},
        {L, "t: check: "},
        {"1 AE AA\n", "t: check: "},
        {B "\xe2\x80\x94\n" E, "t: not-ascii: holds the byte e2"},
    };
    struct ens_err err = {0};
    struct buf shorter = encoded(ARMOUR_DIGEST, digest, 31, false);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_fails(decodes(rows[i].text, ARMOUR_EVERY, &err), err, ENS_DATA, rows[i].says);
    assert_ok(buf_append(&shorter, view_of("", 1), &err), err);
    assert_fails(decodes((const char *)shorter.data, ARMOUR_EVERY, &err), err, ENS_DATA, "t: size: ");
    buf_free(&shorter);
}

static void too_much_is_refused(void **state)
{
    ENS_CLEANUP(mem_freep) char *many = mem_alloc(ARMOUR_TEXT_MAX + 2, 1, &(struct ens_err){0});
    uint8_t *bytes = (uint8_t *)many;
    struct buf b = {0};
    struct buf back = {0};
    struct ens_err err = {0};
    enum armour_kind kind = ARMOUR_KINDS;

    (void)state;
    b = encoded(ARMOUR_PARTIAL, bytes, ARMOUR_BYTES_MAX, false);
    assert_ok(armour_decode(buf_view(&b), "t", ARMOUR_EVERY, &kind, &back, &err), err);
    assert_int_equal(back.len, ARMOUR_BYTES_MAX);
    buf_free(&b);
    buf_free(&back);
    assert_false(armour_encode(ARMOUR_PARTIAL, view_of(bytes, ARMOUR_BYTES_MAX + 1), false, &b, &err));
    assert_false(armour_encode(ARMOUR_PARTIAL, view_of(bytes, 0), false, &b, &err));
    memset(many, '\n', ARMOUR_TEXT_MAX + 1);
    memcpy(many, digest, sizeof digest - 1);
    assert_ok(armour_decode(view_of(many, ARMOUR_TEXT_MAX), "t", ARMOUR_EVERY, &kind, &back, &err), err);
    assert_fails(armour_decode(view_of(many, ARMOUR_TEXT_MAX + 1), "t", ARMOUR_EVERY, &kind, &back, &err),
                 err, ENS_DATA, "t: too-large: ");
    buf_free(&back);
}

/* Binary artefacts are not taken for text by their first bytes. */
static void what_is_no_armour(void **state)
{
    uint8_t bytes[384] = "1 ";

    (void)state;
    assert_false(armour_is(view_of(bytes, sizeof bytes)));
    assert_false(armour_is(view_of_string("policy 1\nend\n")));
    assert_false(armour_is(view_of_string("-----BEGIN PUBLIC KEY-----\n")));
    assert_false(armour_is(view_of_string("1AAAA")));
    assert_false(armour_is(view_of(NULL, 0)));
    assert_true(armour_is(view_of_string("> -----BEGIN ENSIGN DIGEST-----\n")));
    assert_true(armour_is(view_of_string("-----BEGIN ENSIGN DIGEST-----\n\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_of_known_values),
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(hands_and_scanners_are_tolerated),
        cmocka_unit_test(every_wrong_character_is_found),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(what_is_no_armour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
