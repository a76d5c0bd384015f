/* The statement of an approval: what one person says of exactly these sign-data under exactly this key. Text
 * with one spelling (ensign(5), APPROVAL): every line always, in this order, and what encodes differently is
 * refused, because its SHA-256 is its name.
 *
 *   ensign approval 1
 *   answer: yes                  or no
 *   by: SHA256:...               the key that signs, as ssh-keygen -l prints it
 *   mrsigner: HEX64              the enclave key it is for
 *   until: 20261228              last day, UTC, inclusive; "-" if the answer is no, and only then
 *   replaces: -                  or the id of an own earlier statement
 *   note: -                      or 1 to 200 printable bytes, no blank at either end
 *   items: 2
 *   item: HEX64 rebuilt HEX64    SHA-256 of the sign-data; SHA-256 of the file that was rebuilt and measured
 *   item: HEX64 not-rebuilt      ascending, distinct */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/digest.h"
#include "signer/base/pubkey.h"

#define STATEMENT_ITEMS_MAX 1024
#define STATEMENT_NOTE_MAX  200
#define STATEMENT_MAX       160000 /* bytes */
#define STATEMENT_KEY_MAX   51     /* "SHA256:", 43 digits of base64, a terminator */
#define STATEMENT_FIRST     "ensign approval 1\n"

struct statement_item {
    uint8_t digest[DIGEST_SIZE]; /* of the sign-data: the 256 bytes, or those of a blind digest */
    bool is_rebuilt;
    uint8_t rebuilt[DIGEST_SIZE]; /* of the file that was rebuilt */
};

/* Zero-initialise; release with statement_free. */
struct statement {
    bool is_yes;
    char by[STATEMENT_KEY_MAX];
    uint8_t mrsigner[MRSIGNER_SIZE];
    uint32_t until; /* BCD; 0: a no has no end */
    bool has_replaces;
    uint8_t replaces[DIGEST_SIZE];
    char note[STATEMENT_NOTE_MAX + 1]; /* empty: none */
    struct statement_item *items;      /* owned */
    size_t items_len;
};

/* Reads all of `text`; ENS_DATA naming `name`, the line and the rule. */
bool statement_parse(struct view text, const char *name, struct statement *ret,
                     struct ens_err *err) ENS_MUST_CHECK;
void statement_free(struct statement *s);

/* Appends the one spelling. The items are ascending and distinct (statement_sort). */
bool statement_encode(const struct statement *s, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The id: SHA-256 of the text. */
bool statement_id(struct view text, uint8_t ret[static DIGEST_SIZE], struct ens_err *err) ENS_MUST_CHECK;

/* Puts the items into order; false if one is there twice. */
bool statement_sort(struct statement *s);

/* True for a valid note: printable ASCII, at most STATEMENT_NOTE_MAX bytes, no blank at either end. */
bool statement_note_valid(struct view note);

/* The item of the sign-data with this SHA-256, or NULL. */
const struct statement_item *statement_find(const struct statement *s,
                                            const uint8_t digest[static DIGEST_SIZE]);
