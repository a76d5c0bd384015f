/* Base64 (RFC 4648, section 4), in one spelling only: what is read encodes to the same text again. */
#pragma once

#include "signer/base/bytes.h"

/* Decodes `text`: whole groups of four with padding, no line breaks, unused bits zero. Appends nothing if
 * it is anything else: *ret_yes tells. ENS_RESOURCE only. */
bool base64_decode(struct view text, struct buf *ret, bool *ret_yes, struct ens_err *err) ENS_MUST_CHECK;

/* Appends the text of `v`, padded, in one line. ENS_RESOURCE only. */
bool base64_encode(struct view v, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
