/* Calendar dates (Gregorian, UTC) and their form in SIGSTRUCT: BCD yyyymmdd. */
#pragma once

#include <stdint.h>

#include "signer/base/err.h"

struct date {
    unsigned year; /* 0 to 9999 */
    unsigned month;
    unsigned day;
};

/* True for a day of the calendar in a year from 1 to 9999. */
bool date_valid(struct date d);

/* Reads "YYYYMMDD"; ENS_USAGE naming `what`. */
bool date_parse(const char *text, const char *what, struct date *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The day (UTC) on which `seconds` since 1970-01-01 falls; ENS_DATA outside the years 1970 to 9999. */
bool date_of_epoch(int64_t seconds, struct date *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Days since 1970-01-01, and back; for stepping through the calendar. */
int64_t date_to_days(struct date d);
struct date date_of_days(int64_t days);

/* 0x20240229 for 2024-02-29, and back; false if a digit is not decimal or the day does not exist. */
uint32_t date_to_bcd(struct date d);
bool date_of_bcd(uint32_t bcd, struct date *ret);

/* The form of Gramine up to 1.4: year (16 bits), month and day in binary; and back, false if that is not a day from 2000
 * to 2099. */
uint32_t date_to_binary(struct date d);
bool date_of_binary(uint32_t value, struct date *ret);
