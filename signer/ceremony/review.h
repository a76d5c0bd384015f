/* The review: what a person reads before signing. One renderer for gen-sign-data, sign and show, the same
 * values on every host: dangers first and in words, then every signed field, then what will be signed. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/sgx/findings.h"
#include "signer/sgx/sigstruct.h"
#include "signer/ui/report.h"

/* Facts around the signed fields. */
struct review {
    const struct sigstruct *css; /* NULL: a blind digest, of which nothing is known */
    const uint8_t *digest;       /* 32 bytes: what is signed */
    const uint8_t *mrsigner;     /* of the key that will sign or has signed; NULL: not known here */
    bool bit32;                  /* --32bit: MODE64BIT may be clear without --allow-unusual */
    uint32_t today;              /* BCD, for DATE in the future; 0: nobody knows */
    const struct sigstruct
        *before; /* what the file was signed with, for an ISVSVN that falls; NULL: nothing */
    const struct findings *measured; /* dangers that measuring the enclave found; NULL: not measured here */
};

/* ---- dangers (review_danger.c) ---- */

/* Adds its dangers, as sentences. */
void review_dangers(const struct review *r, struct findings *ret);

/* The short name of a danger, which stands beside the question: fixed (screens of ensign(7)). One that
 * --allow-unusual lets pass says so. */
#define REVIEW_NAME_MAX 64
const char *review_danger_name(const struct finding *danger, char ret[static REVIEW_NAME_MAX]);

/* Appends the names of all of them, "; " between them. */
bool review_danger_names(const struct findings *dangers, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* JSON only: "dangers", their names. */
void review_danger_report(const struct findings *dangers, struct report *r);

/* ---- one sign-data in full (review_screen.c) ---- */

/* The layout of a review. */
struct review_form {
    const char *verb; /* "signed", "approved": the 256 bytes that will be */
    bool grouped;     /* for a person: hashes in eight groups on a line of their own; else one run behind the
                       * label, for a pipe */
    const char *note; /* behind MRENCLAVE; NULL: nothing */
    bool no_mrsigner; /* the summary has it */
};

/* Appends the review as text: dangers, every signed field, what is signed. */
bool review_render(const struct review *r, const struct review_form *form, struct buf *ret,
                   struct ens_err *err) ENS_MUST_CHECK;

/* Appends the line of dashes that divides it from the summary. */
bool review_rule(struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Appends a line of the summary, "Key         release, token hsm", broken at blanks before column `columns`
 * (0: not), which its label does not repeat. */
bool review_summary_line(const char *label, struct view value, unsigned columns, struct buf *ret,
                         struct ens_err *err) ENS_MUST_CHECK;

/* The first and the last eight digits of a hash: "a06a560b ... fb1a2290". */
#define REVIEW_SHORT_MAX 24
const char *review_short(const uint8_t hash[static 32], char ret[static REVIEW_SHORT_MAX]);

/* ---- many sign-data (review_table.c) ---- */

struct review_item {
    const char *name;
    struct review review;
    bool is_done;     /* signed already */
    bool same_signer; /* `review.before` was signed by the same key */
};

/* A table of `len` items, for screen_show: what all have in common, the header, a line or more of each item,
 * and what is read aloud: the SHA-256 of all digests, sorted. `resigns`: what changes stands first. */
struct review_table {
    const struct review_item *items;
    size_t len;
    size_t files;            /* of resign: the items are in so many */
    const uint8_t *mrsigner; /* NULL: not known here */
    bool resigns;
    bool grouped;
};
bool review_table_top(const struct review_table *t, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
bool review_table_header(const struct review_table *t, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
bool review_table_rows(const struct review_table *t, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
/* The line of one item; `with_danger`: with what is dangerous about it at its end. */
bool review_table_row(const struct review_table *t, size_t index, bool with_danger, struct buf *ret,
                      struct ens_err *err) ENS_MUST_CHECK;
/* The items with dangers again, each with its sentences; many of them under each sentence. Nothing if
 * there are none. */
bool review_table_dangers(const struct review_table *t, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
bool review_table_set(const struct review_table *t, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* SHA-256 of the digests of all items, sorted ascending: the same for whoever has them in another order. */
bool review_set_digest(const struct review_item *items, size_t len, uint8_t ret[static 32],
                       struct ens_err *err) ENS_MUST_CHECK;

/* The number of items with dangers, and the text of the summary: "1 of 5: app002.signdata
 * (DEBUG not enforced)". */
bool review_dangerous(const struct review_item *items, size_t len, struct buf *ret, size_t *ret_count,
                      struct ens_err *err) ENS_MUST_CHECK;

/* ---- parts ---- */

/* DEBUG and its mask: the field that most often decides the answer. In words, and as --json has it. */
struct review_debug {
    const char *words, *key;
};
const struct review_debug *review_debug(const struct sigstruct *css);

/* JSON only, of one of several: `isvprodid`, `isvsvn`, `date`, `debug`; NULL is a blind digest, and all are null. */
void review_item_facts(const struct sigstruct *css, struct report *r);

/* Only the fields but MRENCLAVE, every other signed one in JSON; for show. */
void review_fields(const struct sigstruct *css, struct report *r);

/* The SHA-256 that is signed, for comparing by eye or by voice: eight groups of hexadecimal digits, and
 * 32 PGP words in four numbered rows. */
bool review_digest(const uint8_t digest[static 32], struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Its parts: the groups, and the rows; each line indented by two. */
bool review_groups(const uint8_t hash[static 32], struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
bool review_rows_of_words(const uint8_t hash[static 32], struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The first words of the four rows, with a blank between them: what is typed if the policy says
 * `confirm words`. */
#define REVIEW_WORDS_MAX 64
const char *review_first_words(const uint8_t hash[static 32], char ret[static REVIEW_WORDS_MAX]);

/* DATE as YYYY-MM-DD where it is a day of the calendar, else its eight hexadecimal digits. */
#define REVIEW_DATE_MAX 16
const char *review_date(const struct sigstruct *css, char ret[static REVIEW_DATE_MAX]);
