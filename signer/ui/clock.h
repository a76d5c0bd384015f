/* The time of this host: the only reader of the clock and of SOURCE_DATE_EPOCH. */
#pragma once

#include <stdint.h>

#include "signer/base/err.h"

/* Seconds since 1970 now. */
int64_t clock_now(void);

/* Today in UTC, in BCD, by the clock and nothing else: what decides whether an approval still counts is not
 * for the environment to say. */
bool clock_day(uint32_t *ret_bcd, struct ens_err *err) ENS_MUST_CHECK;

/* Today in UTC, or the day of SOURCE_DATE_EPOCH (reproducible-builds.org), in BCD:
 * the same day on every host. */
bool clock_today(uint32_t *ret_bcd, struct ens_err *err) ENS_MUST_CHECK;

/* The same for what only warns of a DATE that lies ahead; 0: the clock has no such day. */
uint32_t clock_danger_day(void);

/* True if SOURCE_DATE_EPOCH says which day it is. */
bool clock_is_given(void);
