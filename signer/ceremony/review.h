/* The review: what a person reads before signing. One renderer for gen-sign-data, sign and show, the same
 * values on every host: dangers first and in words, then every signed field, then what will be signed. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/sgx/findings.h"
#include "signer/sgx/sigstruct.h"

/* What stands around the signed fields. */
struct review {
    const struct sigstruct *css; /* NULL: a blind digest, of which nothing is known */
    const uint8_t *digest;       /* 32 bytes: what is signed */
    const uint8_t *mrsigner;     /* of the key that will sign or has signed; NULL: not known here */
};

/* What is dangerous about it, as warnings. */
void review_dangers(const struct review *r, struct findings *ret);

/* Appends the review as text. */
bool review_render(const struct review *r, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Appends only the fields, each line after `indent` spaces; for show. */
bool review_fields(const struct sigstruct *css, unsigned indent, struct buf *ret,
                   struct ens_err *err) ENS_MUST_CHECK;

/* The SHA-256 that is signed, for comparing by eye or by voice: eight groups of hexadecimal digits, and
 * 32 PGP words in four numbered rows. */
bool review_digest(const uint8_t digest[static 32], struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* DATE as YYYY-MM-DD where it is a day of the calendar, else its eight hexadecimal digits. */
#define REVIEW_DATE_MAX 16
const char *review_date(const struct sigstruct *css, char ret[static REVIEW_DATE_MAX]);
