/* Calendar dates and their BCD form. */
#include "signer/base/date.h"

#include <string.h>

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool date_valid(struct date d)
{
    return d.year >= 1 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
           d.day <= days_in_month(d.year, d.month);
}

bool date_parse(const char *text, const char *what, struct date *ret, struct ens_err *err)
{
    unsigned value = 0;
    size_t len = strlen(text);

    if (len != 8 || strspn(text, "0123456789") != 8)
        return ens_fail(err, ENS_USAGE, "%s: '%s' is not a date: write YYYYMMDD, such as 20260131", what,
                        text);
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    struct date d = {.year = value / 10000, .month = value / 100 % 100, .day = value % 100};

    if (!date_valid(d))
        return ens_fail(err, ENS_USAGE, "%s: '%s' is not a day of the calendar: write YYYYMMDD", what, text);
    *ret = d;
    return true;
}

bool date_of_epoch(int64_t seconds, struct date *ret, struct ens_err *err)
{
    if (seconds < 0 || seconds > 253402300799)
        return ens_fail(err, ENS_DATA, "%lld seconds since 1970 is outside the years 1970 to 9999",
                        (long long)seconds);
    *ret = date_of_days(seconds / 86400);
    return true;
}

/* Days before 1 January of `year`, counted from 1 January of year 1. */
static int64_t days_before_year(unsigned year)
{
    int64_t y = (int64_t)year - 1;

    return y * 365 + y / 4 - y / 100 + y / 400;
}

int64_t date_to_days(struct date d)
{
    int64_t days = days_before_year(d.year) - days_before_year(1970);

    for (unsigned month = 1; month < d.month; month++)
        days += days_in_month(d.year, month);
    return days + d.day - 1;
}

struct date date_of_days(int64_t days)
{
    int64_t since_year_1 = days + days_before_year(1970);
    struct date d = {.year = (unsigned)(since_year_1 / 366 + 1), .month = 1, .day = 1};

    /* The estimate is never late and at most some years early. */
    while (d.year < 9999 && days_before_year(d.year + 1) <= since_year_1)
        d.year++;
    int64_t rest = since_year_1 - days_before_year(d.year);

    while (d.month < 12 && rest >= days_in_month(d.year, d.month)) {
        rest -= days_in_month(d.year, d.month);
        d.month++;
    }
    d.day = (unsigned)rest + 1;
    return d;
}

uint32_t date_to_bcd(struct date d)
{
    unsigned decimal = d.year * 10000 + d.month * 100 + d.day;
    uint32_t bcd = 0;

    for (unsigned shift = 0; shift < 32; shift += 4) {
        bcd |= (uint32_t)(decimal % 10) << shift;
        decimal /= 10;
    }
    return bcd;
}

bool date_of_bcd(uint32_t bcd, struct date *ret)
{
    unsigned decimal = 0;

    for (int shift = 28; shift >= 0; shift -= 4) {
        unsigned digit = bcd >> shift & 15;

        if (digit > 9)
            return false;
        decimal = decimal * 10 + digit;
    }
    struct date d = {.year = decimal / 10000, .month = decimal / 100 % 100, .day = decimal % 100};

    if (!date_valid(d))
        return false;
    *ret = d;
    return true;
}

uint32_t date_to_binary(struct date d)
{
    return (uint32_t)d.day << 24 | (uint32_t)d.month << 16 | (uint32_t)d.year;
}

bool date_of_binary(uint32_t value, struct date *ret)
{
    struct date d = {.year = value & 0xffff, .month = value >> 16 & 0xff, .day = value >> 24};

    if (d.year < 2000 || d.year > 2099 || !date_valid(d))
        return false;
    *ret = d;
    return true;
}
