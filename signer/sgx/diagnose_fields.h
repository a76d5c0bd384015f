/* The search for the one field in which the sign-data that was signed differs from the sign-data at hand. */
#pragma once

#include "signer/sgx/diagnose.h"

/* Tries every value of the fields that are typed by hand (DATE, ISVSVN, ISVPRODID, small SWDEFINED, the DEBUG
 * bit and its mask, KSS) one at a time. True: `ret` names the field and both values. */
bool diagnose_find_field(const struct sigstruct *css, struct view signed_digest,
                         char ret[static DIAGNOSE_TEXT_MAX]);

/* The value of a field as people write it: ISVSVN in decimal, DATE as YYYYMMDD, masks in hexadecimal; of a
 * long field the first 32 bytes. */
#define DIAGNOSE_VALUE_MAX 80
const char *diagnose_value(const struct sigstruct *css, enum css_field field,
                           char ret[static DIAGNOSE_VALUE_MAX]);
