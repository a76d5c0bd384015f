/* Numbers as they are typed: each radix, each bound, and everything that could be read in two ways. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/num.h"
#include "tests/support/support.h"

static const uint64_t bounds[] = {UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX};

static void assert_number(const char *text, uint64_t max, uint64_t want)
{
    struct ens_err err = {0};
    uint64_t value = ~want;

    assert_ok(num_parse(text, "--n", max, &value, &err), err);
    if (value != want)
        fail_msg("%s is read as %" PRIu64, text, value);
}

static void every_radix_is_read(void **state)
{
    (void)state;
    assert_number("0", 255, 0);
    assert_number("7", 255, 7);
    assert_number("250", 255, 250);
    assert_number("0x0", 255, 0);
    assert_number("0xfa", 255, 250);
    assert_number("0XFa", 255, 250);
    assert_number("0o372", 255, 250);
    assert_number("0O372", 255, 250);
    assert_number("0b11111010", 255, 250);
    assert_number("0B11111010", 255, 250);
    assert_number("0x00000000000000000000ff", 255, 255);
    assert_number("0b1", 1, 1);
    assert_number("0", 0, 0);
}

static void the_largest_value_of_each_width_is_read(void **state)
{
    char text[80];

    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        uint64_t max = bounds[i];
        size_t at = 2;

        (void)snprintf(text, sizeof text, "%" PRIu64, max);
        assert_number(text, max, max);
        (void)snprintf(text, sizeof text, "0x%" PRIx64, max);
        assert_number(text, max, max);
        (void)snprintf(text, sizeof text, "0o%" PRIo64, max);
        assert_number(text, max, max);
        memcpy(text, "0b", 2);
        for (uint64_t bit = max; bit != 0; bit >>= 1)
            text[at++] = '1';
        text[at] = '\0';
        assert_number(text, max, max);
    }
}

static void one_more_than_the_largest_is_refused(void **state)
{
    static const char *const above[][4] = {
        {"256", "0x100", "0o400", "0b100000000"},
        {"65536", "0x10000", "0o200000", "0b10000000000000000"},
        {"4294967296", "0x100000000", "0o40000000000", "0b100000000000000000000000000000000"},
        {"18446744073709551616", "0x10000000000000000", "0o2000000000000000000000",
         "0b10000000000000000000000000000000000000000000000000000000000000000"},
    };
    uint64_t value = 42;
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_fails(num_parse(above[i][j], "--n", bounds[i], &value, &err), err, ENS_USAGE,
                         "is too large: the largest is 0xff");
    }
    assert_fails(num_parse("99999999999999999999999999", "--n", UINT64_MAX, &value, &err), err, ENS_USAGE,
                 "too large");
    assert_fails(num_parse("2", "--n", 1, &value, &err), err, ENS_USAGE, "too large");
    assert_fails(num_parse("1", "--n", 0, &value, &err), err, ENS_USAGE, "too large");
    assert_true(value == 42);
}

static void what_other_tools_read_as_octal_is_refused(void **state)
{
    static const char *const bad[] = {"00", "01", "010", "0777", "08", "0_1"};
    uint64_t value = 42;
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(num_parse(bad[i], "--isvsvn", UINT64_MAX, &value, &err), err, ENS_USAGE, "ambiguous");
    assert_non_null(strstr(err.msg, "--isvsvn"));
    assert_true(value == 42);
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {
        "",      " ",        " 1",    "1 ",    "+1",  "-1",    "-0",  "1.0",  "1e3",   "0x_1",
        "0x1_0", "1_000",    "0xg",   "0b2",   "0o8", "ten",   "0x-", "0x 1", "x1",    "1x",
        "0x1\n", "\xc2\xb2", "0b0x1", "1,000", "fa",  "0xfah", "1\t", "/",    "0b102", "0o778",
    };
    uint64_t value = 42;
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(num_parse(bad[i], "--n", UINT64_MAX, &value, &err), err, ENS_USAGE, "is not a number");
    assert_true(value == 42);
}

static void a_prefix_without_digits_is_refused(void **state)
{
    static const char *const bad[] = {"0x", "0X", "0o", "0b"};
    uint64_t value = 42;
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(num_parse(bad[i], "--n", UINT64_MAX, &value, &err), err, ENS_USAGE, "--n: '0");
    assert_true(value == 42);
}

static void pairs_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t value, mask;
    } good[] = {{"0/0", 0, 0},
                {"0x4/0x2", 4, 2},
                {"4/2", 4, 2},
                {"0b100/0o2", 4, 2},
                {"0xffffffffffffffff/18446744073709551615", UINT64_MAX, UINT64_MAX}};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t value = 42;
        uint64_t mask = 42;

        assert_ok(num_parse_pair(good[i].text, "--a", UINT64_MAX, &value, &mask, &err), err);
        assert_true(value == good[i].value && mask == good[i].mask);
    }
}

static void pairs_with_a_part_missing_or_wrong_are_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {{"4", "has no mask"},      {"", "has no mask"},        {"0x4,0x2", "has no mask"},
               {"/", "not a number"},     {"4/", "not a number"},     {"/2", "not a number"},
               {"1/2/3", "not a number"}, {"4/ 2", "not a number"},   {"04/2", "ambiguous"},
               {"4/02", "ambiguous"},     {"256/0", "too large"},     {"0/256", "too large"},
               {"0x/1", "'0x/1'"},        {"0/0x_1", "not a number"}, {"-1/0", "not a number"}};
    uint64_t value = 42;
    uint64_t mask = 43;
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(num_parse_pair(bad[i].text, "--a", 255, &value, &mask, &err), err, ENS_USAGE,
                     bad[i].why);
        assert_memory_equal(err.msg, "--a: ", 5);
    }
    assert_true(value == 42 && mask == 43);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_radix_is_read),
        cmocka_unit_test(the_largest_value_of_each_width_is_read),
        cmocka_unit_test(one_more_than_the_largest_is_refused),
        cmocka_unit_test(what_other_tools_read_as_octal_is_refused),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_prefix_without_digits_is_refused),
        cmocka_unit_test(pairs_are_read),
        cmocka_unit_test(pairs_with_a_part_missing_or_wrong_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
