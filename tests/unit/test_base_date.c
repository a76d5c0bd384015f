/* The calendar: every day from 1970 to 2100 against a count that knows only the rule of leap years, the C
 * library as a second opinion, BCD, and days that do not exist. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "signer/base/date.h"
#include "tests/support/support.h"

static bool leap(unsigned year)
{
    return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
}

static unsigned month_length(unsigned year, unsigned month)
{
    if (month == 2)
        return leap(year) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static void next_day(struct date *d)
{
    d->day++;
    if (d->day <= month_length(d->year, d->month))
        return;
    d->day = 1;
    d->month++;
    if (d->month <= 12)
        return;
    d->month = 1;
    d->year++;
}

static void assert_same_day(struct date a, struct date b)
{
    if (a.year != b.year || a.month != b.month || a.day != b.day)
        fail_msg("%u-%u-%u is not %u-%u-%u", a.year, a.month, a.day, b.year, b.month, b.day);
}

static void days_count_up_from_1970_to_2100_and_back(void **state)
{
    struct date d = {.year = 1970, .month = 1, .day = 1};
    uint32_t last_bcd = 0;
    int64_t days = 0;

    (void)state;
    for (; d.year <= 2100; next_day(&d), days++) {
        struct date back;
        uint32_t bcd = date_to_bcd(d);

        assert_true(date_valid(d));
        assert_true(date_to_days(d) == days);
        assert_same_day(date_of_days(days), d);
        assert_true(bcd > last_bcd);
        assert_true(date_of_bcd(bcd, &back));
        assert_same_day(back, d);
        last_bcd = bcd;
    }
    assert_int_equal(days, 47847);
}

static void the_c_library_agrees_up_to_9999(void **state)
{
    struct ens_err err = {0};

    (void)state;
    for (int64_t s = 0; s < 253402300800; s += 86400 * 3 + 3601) {
        time_t t = (time_t)s;
        struct tm tm;
        struct date d;

        s += s > 4102444800 ? 86400 * 300 : 0;
        assert_non_null(gmtime_r(&t, &tm));
        assert_ok(date_of_epoch((int64_t)t, &d, &err), err);
        assert_same_day(
            d, (struct date){(unsigned)tm.tm_year + 1900, (unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday});
    }
}

static void bcd_is_the_digits_of_the_date(void **state)
{
    struct date d = {0};

    (void)state;
    assert_int_equal(date_to_bcd((struct date){2024, 2, 29}), 0x20240229);
    assert_int_equal(date_to_bcd((struct date){9999, 12, 31}), 0x99991231);
    assert_int_equal(date_to_bcd((struct date){1, 1, 1}), 0x00010101);
    assert_true(date_of_bcd(0x20160109, &d));
    assert_same_day(d, (struct date){2016, 1, 9});
}

static void days_that_do_not_exist_are_no_bcd_date(void **state)
{
    static const uint32_t bad[] = {0,          0x20230229, 0x20230230, 0x21000229, 0x20240230, 0x20240431,
                                   0x20241301, 0x20240001, 0x20240100, 0x00000101, 0x2024010a, 0x20240a01,
                                   0xa0240101, 0x07e7040e, 0x0e0407e7, 0x20240132, 0xffffffff, 0x202401f1};
    struct date d = {.year = 1, .month = 2, .day = 3};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (date_of_bcd(bad[i], &d))
            fail_msg("%08" PRIx32 " is taken for a date", bad[i]);
    }
    assert_same_day(d, (struct date){1, 2, 3});
    assert_true(date_of_bcd(0x20000229, &d));
    assert_true(date_of_bcd(0x20240229, &d));
}

static void validity_knows_each_bound(void **state)
{
    (void)state;
    assert_true(date_valid((struct date){1, 1, 1}));
    assert_false(date_valid((struct date){0, 1, 1}));
    assert_true(date_valid((struct date){9999, 12, 31}));
    assert_false(date_valid((struct date){10000, 1, 1}));
    assert_false(date_valid((struct date){2024, 0, 1}));
    assert_false(date_valid((struct date){2024, 13, 1}));
    assert_false(date_valid((struct date){2024, 1, 0}));
    for (unsigned month = 1; month <= 12; month++) {
        assert_true(date_valid((struct date){2023, month, month_length(2023, month)}));
        assert_false(date_valid((struct date){2023, month, month_length(2023, month) + 1}));
    }
}

static void typed_dates_are_read(void **state)
{
    struct ens_err err = {0};
    struct date d;

    (void)state;
    assert_ok(date_parse("20240229", "--date", &d, &err), err);
    assert_same_day(d, (struct date){2024, 2, 29});
    assert_ok(date_parse("00010101", "--date", &d, &err), err);
    assert_ok(date_parse("99991231", "--date", &d, &err), err);
    assert_same_day(d, (struct date){9999, 12, 31});
}

static void typed_dates_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "is not a date"},          {"2024022", "is not a date"},   {"202402290", "is not a date"},
        {"2024-2-9", "is not a date"},  {"20240a29", "is not a date"},  {"+2024029", "is not a date"},
        {" 2024029", "is not a date"},  {"20230229", "day of the cal"}, {"20241301", "day of the cal"},
        {"20240100", "day of the cal"}, {"00000101", "day of the cal"}, {"20240431", "day of the cal"}};
    struct date d = {1, 2, 3};
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(date_parse(bad[i].text, "--date", &d, &err), err, ENS_USAGE, bad[i].why);
    assert_same_day(d, (struct date){1, 2, 3});
}

static void seconds_are_days_up_to_the_end_of_9999(void **state)
{
    struct date d = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(date_of_epoch(0, &d, &err), err);
    assert_same_day(d, (struct date){1970, 1, 1});
    assert_ok(date_of_epoch(86399, &d, &err), err);
    assert_same_day(d, (struct date){1970, 1, 1});
    assert_ok(date_of_epoch(86400, &d, &err), err);
    assert_same_day(d, (struct date){1970, 1, 2});
    assert_ok(date_of_epoch(253402300799, &d, &err), err);
    assert_same_day(d, (struct date){9999, 12, 31});
    d = (struct date){1, 2, 3};
    assert_fails(date_of_epoch(253402300800, &d, &err), err, ENS_DATA, "1970 to 9999");
    assert_fails(date_of_epoch(-1, &d, &err), err, ENS_DATA, "1970 to 9999");
    assert_fails(date_of_epoch(INT64_MAX, &d, &err), err, ENS_DATA, "1970 to 9999");
    assert_fails(date_of_epoch(INT64_MIN, &d, &err), err, ENS_DATA, "1970 to 9999");
    assert_same_day(d, (struct date){1, 2, 3});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_count_up_from_1970_to_2100_and_back),
        cmocka_unit_test(the_c_library_agrees_up_to_9999),
        cmocka_unit_test(bcd_is_the_digits_of_the_date),
        cmocka_unit_test(days_that_do_not_exist_are_no_bcd_date),
        cmocka_unit_test(validity_knows_each_bound),
        cmocka_unit_test(typed_dates_are_read),
        cmocka_unit_test(typed_dates_that_are_none_are_refused),
        cmocka_unit_test(seconds_are_days_up_to_the_end_of_9999),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
