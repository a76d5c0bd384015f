/* Numbers on the command line: decimal, 0x, 0o, 0b. A leading 0 before other digits is refused, for
 * some tools read it as octal and others do not. */
#pragma once

#include <stdint.h>

#include "signer/base/err.h"

/* Reads all of `text` as one number from 0 to `max`; ENS_USAGE naming `what`. */
bool num_parse(const char *text, const char *what, uint64_t max, uint64_t *ret,
               struct ens_err *err) ENS_MUST_CHECK;

/* Reads "V/M", both from 0 to `max`; ENS_USAGE naming `what`. */
bool num_parse_pair(const char *text, const char *what, uint64_t max, uint64_t *ret_value, uint64_t *ret_mask,
                    struct ens_err *err) ENS_MUST_CHECK;
