/* Which field differs between the sign-data that was signed and the one at hand: by comparison where both are
 * there, by search where only the digest is. */
#include <stdlib.h>

#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/mem.h"
#include "signer/sgx/diagnose.h"
#include "signer/sgx/diagnose_fields.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

static struct sigstruct good(void)
{
    struct buf file = support_vector("sigstruct/good.sig");
    struct sigstruct css;

    memcpy(css.bytes, file.data, SIGSTRUCT_SIZE);
    buf_free(&file);
    return css;
}

static void digest_of_css(const struct sigstruct *css, uint8_t ret[32])
{
    struct ens_err err = {0};

    assert_ok(signdata_digest(css, ret, &err), err);
}

/* Each search hashes many thousand times: valgrind sees every third. */
static size_t step(void)
{
    return getenv("ENSIGN_VALGRIND") != NULL ? 3 : 1;
}

/* ---- DATE ---- */

static void any_day_of_the_century_is_recovered(void **state)
{
    static const uint32_t days[] = {0x19700101, 0x19800101, 0x19991231, 0x20000101,
                                    0x20000229, 0x20240229, 0x20991231};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i += step()) {
        struct sigstruct want = good();
        struct sigstruct css = good();
        uint8_t digest[32];
        bool found = false;

        sigstruct_put_int(&want, CSS_DATE, days[i]);
        digest_of_css(&want, digest);
        sigstruct_put_int(&css, CSS_DATE, 0);
        assert_ok(diagnose_find_date(&css, digest, &found, &err), err);
        assert_true(found);
        assert_memory_equal(css.bytes, want.bytes, SIGSTRUCT_SIZE);
    }
}

static void no_day_is_made_up(void **state)
{
    static const struct {
        enum css_field field;
        uint64_t value;
    } others[] = {{CSS_DATE, 0x19691231},
                  {CSS_DATE, 0x21000101},
                  {CSS_DATE, 0x20230229},
                  {CSS_DATE, 0},
                  {CSS_ISVSVN, 4321}};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i += step()) {
        struct sigstruct want = good();
        struct sigstruct css = good();
        uint8_t digest[32];
        bool found = true;

        sigstruct_put_int(&want, others[i].field, others[i].value);
        digest_of_css(&want, digest);
        assert_ok(diagnose_find_date(&css, digest, &found, &err), err);
        assert_false(found);
        assert_memory_equal(css.bytes, good().bytes, SIGSTRUCT_SIZE);
    }
}

/* ---- the search ---- */

static const struct {
    enum css_field field;
    uint64_t there, here;
    const char *text;
} changes[] = {
    {CSS_DATE, 0x20251231, 0x20260101, "DATE is 20251231 there and 20260101 here"},
    {CSS_ISVSVN, 6, 7, "ISVSVN is 6 there and 7 here"},
    {CSS_ISVSVN, 65535, 0, "ISVSVN is 65535 there and 0 here"},
    {CSS_ISVPRODID, 0, 1, "ISVPRODID is 0 there and 1 here"},
    {CSS_SWDEFINED, 65535, 0, "SWDEFINED is 65535 there and 0 here"},
    {CSS_ATTRIBUTES, 0x6, 0x4, "ATTRIBUTES is 0x6 there and 0x4 here"},
    {CSS_ATTRIBUTEMASK, 0xfffffffffffffffd, 0xffffffffffffffff,
     "ATTRIBUTEMASK is 0xfffffffffffffffd there and 0xffffffffffffffff here"},
    {CSS_ATTRIBUTES, 0x0, 0x4, "ATTRIBUTES is 0x0 there and 0x4 here"},
    {CSS_ATTRIBUTES, 0x84, 0x4, "ATTRIBUTES is 0x84 there and 0x4 here"},
    {CSS_ATTRIBUTES, 0x4, 0x14, "ATTRIBUTES is 0x4 there and 0x14 here"},
};

static void each_searched_field_is_named_with_both_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i += step()) {
        struct sigstruct there = good();
        struct sigstruct here = good();
        uint8_t digest[32];
        char text[DIAGNOSE_TEXT_MAX] = "";

        sigstruct_put_int(&there, changes[i].field, changes[i].there);
        sigstruct_put_int(&here, changes[i].field, changes[i].here);
        digest_of_css(&there, digest);
        assert_true(diagnose_find_field(&here, view_of(digest, 32), text));
        assert_string_equal(text, changes[i].text);
    }
}

static void the_diagnosis_carries_the_field_and_the_remedy(void **state)
{
    ENS_CLEANUP(testkey_free) struct testkey key = testkey_load();
    struct sigstruct there = good();
    struct sigstruct here = good();
    uint8_t digest[32];
    uint8_t signature[384];
    struct ens_err err;

    (void)state;
    sigstruct_put_int(&there, CSS_ISVSVN, 6);
    sigstruct_put_int(&here, CSS_ISVSVN, 7);
    digest_of_css(&there, digest);
    testkey_sign_digest(&key, digest, signature);
    assert_fails(
        diagnose_fail(&key.pub, signature, &here, "app.sig", &err), err, ENS_DATA,
        "app.sig: is a signature by this key over other sign-data: ISVSVN is 6 there and 7 here: sign the "
        "sign-data again, or give the same options to both steps");
}

static void what_is_not_searched_or_differs_twice_is_not_named(void **state)
{
    struct sigstruct there = good();
    struct sigstruct here = good();
    uint8_t digest[32];
    char text[DIAGNOSE_TEXT_MAX] = "untouched";

    (void)state;
    sigstruct_put_int(&there, CSS_ISVSVN, sigstruct_get_int(&there, CSS_ISVSVN) ^ 1);
    sigstruct_put_int(&there, CSS_ISVPRODID, sigstruct_get_int(&there, CSS_ISVPRODID) ^ 1);
    digest_of_css(&there, digest);
    assert_false(diagnose_find_field(&here, view_of(digest, 32), text));
    assert_string_equal(text, "untouched");
}

/* ---- the comparison ---- */

static void the_first_field_that_differs_is_named(void **state)
{
    static const struct {
        enum css_field field;
        const char *text;
    } cases[] = {
        {CSS_HEADER, "HEADER is 5a5a5a5a"},
        {CSS_VENDOR, "VENDOR is 0x5a5a5a5a there and 0x"},
        {CSS_DATE, "DATE is 5a5a5a5a there"},
        {CSS_HEADER2, "HEADER2 is 5a"},
        {CSS_SWDEFINED, "SWDEFINED is 1515870810 there"},
        {CSS_RESERVED1, "reserved1 is 5a"},
        {CSS_MISCSELECT, "MISCSELECT is 0x5a"},
        {CSS_MISCMASK, "MISCMASK is 0x5a"},
        {CSS_CET_ATTRIBUTES, "CET_ATTRIBUTES is 0x5a there and 0x0 here"},
        {CSS_CET_ATTRIBUTES_MASK, "CET_ATTRIBUTES_MASK is 0x5a"},
        {CSS_RESERVED2, "reserved2 is 0x5a5a there and 0x0 here"},
        {CSS_ISVFAMILYID, "ISVFAMILYID is 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a there"},
        {CSS_ATTRIBUTES, "ATTRIBUTES is 0x5a"},
        {CSS_XFRM, "XFRM is 0x5a"},
        {CSS_ATTRIBUTEMASK, "ATTRIBUTEMASK is 0x5a"},
        {CSS_XFRM_MASK, "XFRM_MASK is 0x5a"},
        {CSS_ENCLAVEHASH,
         "ENCLAVEHASH is 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a there"},
        {CSS_RESERVED3, "reserved3 is 5a"},
        {CSS_ISVEXTPRODID, "ISVEXTPRODID is 5a"},
        {CSS_ISVPRODID, "ISVPRODID is 23130 there"},
        {CSS_ISVSVN, "ISVSVN is 23130 there"},
    };
    uint8_t bytes[384];

    (void)state;
    memset(bytes, 0x5a, sizeof bytes);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sigstruct there = good();
        struct sigstruct here = good();
        char text[DIAGNOSE_TEXT_MAX] = "";

        sigstruct_put(&there, cases[i].field, view_of(bytes, css_table[cases[i].field].size));
        assert_true(diagnose_differ(&there, &here, text));
        if (strncmp(text, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("'%s' does not begin with '%s'", text, cases[i].text);
        /* A later field that differs as well does not change what is said first. */
        char again[DIAGNOSE_TEXT_MAX] = "";

        there.bytes[1027] ^= 0x80;
        assert_true(diagnose_differ(&there, &here, again));
        if (cases[i].field != CSS_ISVSVN)
            assert_string_equal(again, text);
    }
}

static void unsigned_fields_do_not_count(void **state)
{
    struct sigstruct a = good();
    struct sigstruct b = good();
    char text[DIAGNOSE_TEXT_MAX] = "untouched";

    (void)state;
    assert_false(diagnose_differ(&a, &b, text));
    memset(b.bytes + 128, 0x11, 772);
    memset(b.bytes + 1028, 0x11, 780);
    assert_false(diagnose_differ(&a, &b, text));
    assert_string_equal(text, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_day_of_the_century_is_recovered),
        cmocka_unit_test(no_day_is_made_up),
        cmocka_unit_test(each_searched_field_is_named_with_both_values),
        cmocka_unit_test(the_diagnosis_carries_the_field_and_the_remedy),
        cmocka_unit_test(what_is_not_searched_or_differs_twice_is_not_named),
        cmocka_unit_test(the_first_field_that_differs_is_named),
        cmocka_unit_test(unsigned_fields_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
