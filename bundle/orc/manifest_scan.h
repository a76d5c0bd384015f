/* A first look at a manifest's text, before a JSON library builds anything of it: how deep, how many
 * values, and whether its numbers can be kept as they are. */
#pragma once

#include "signer/base/bytes.h"

#define MANIFEST_DEPTH_MAX  32     /* nested objects and arrays; the format itself needs 6 */
#define MANIFEST_VALUES_MAX 524288 /* values in the whole manifest: bounds the memory of the tree */
#define MANIFEST_NUMBER_MAX 64     /* characters of one number */

/* ENS_DATA naming the limit. Says nothing on whether the text is JSON: what is not JSON may pass. */
bool manifest_scan(struct view text, struct ens_err *err) ENS_MUST_CHECK;

/* Writes `value` in as few digits as give the same value again, always with a point or an exponent. */
void manifest_scan_real(double value, char ret[static MANIFEST_NUMBER_MAX]);
