/* The search for the one field in which the sign-data that was signed differs from the sign-data at hand. */
#pragma once

#include "signer/sgx/diagnose.h"

/* Tries every value of the fields that are typed by hand (DATE, ISVSVN, ISVPRODID, small SWDEFINED, the DEBUG
 * bit and its mask, KSS) one at a time. True: `ret` names the field and both values. */
bool diagnose_find_field(const struct sigstruct *css, struct view signed_digest,
                         char ret[static DIAGNOSE_TEXT_MAX]);
