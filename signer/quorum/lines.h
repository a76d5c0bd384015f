/* The lines of a quorum's files: each function reads one from a document or writes one to it, so that one
 * description serves both ways. Reading is lenient in spelling; whoever reads writes again and compares. */
#pragma once

#include "signer/base/digest.h"
#include "signer/quorum/quorum.h"

/* A document on its way in or out. After the first failure nothing more is done. */
struct lines {
    struct view in;  /* what is left to read; */
    struct buf *out; /* or where it is written; NULL: it is read */
    bool is_head;    /* `sealed:` and what follows is not written */
    bool ok;
    struct ens_err *err;
};

/* What a body holds: `*count` parts of `size` bytes (at most `max`), and `more` bytes. If `*count` is not 0 an
 * earlier line said it. */
struct parts {
    uint8_t *data;
    unsigned size, max, more;
    unsigned *count;
};

/* `KEY: VALUE`: a decimal number; an index into `words`; `len` bytes in hexadecimal; a name. */
void lines_number(struct lines *l, const char *key, unsigned *value, unsigned min, unsigned max);
void lines_word(struct lines *l, const char *key, unsigned *value, const char *const *words, unsigned len);
void lines_hex(struct lines *l, const char *key, uint8_t *value, size_t len);
void lines_name(struct lines *l, const char *key, char value[static QUORUM_NAME_MAX + 1]);
void lines_oaep(struct lines *l, const char *key, enum quorum_oaep *oaep);

/* `holder-1`, `key-1` and so on: as many as `*count` says, or as there are if that is 0. */
void lines_holders(struct lines *l, struct quorum_holder *holder, unsigned *count);

/* `KEY:` and base64; the same for `len` bytes that are one part. */
void lines_body(struct lines *l, const char *key, struct parts p);
void lines_bytes(struct lines *l, const char *key, void *data, size_t len);

/* The four lines of what is sealed to a key. */
void lines_box(struct lines *l, struct quorum_sealed *box);

/* Finds the first trailer and checks it before anything else is read: *ret_body is what it is over, *ret_rest what
 * follows it. ENS_DATA. */
bool lines_split(struct view file, struct view *ret_body, struct view *ret_rest,
                 uint8_t ret_sum[static DIGEST_SIZE], struct ens_err *err) ENS_MUST_CHECK;
/* Appends the trailer over all bytes from `begin` on. */
bool lines_end(struct buf *file, size_t begin, struct ens_err *err) ENS_MUST_CHECK;

/* A name that a file may have: 1 to 63 of A-Z a-z 0-9 . _ ( ) @ ' - and blanks, a letter or digit first, no blank
 * last and no two in a row. */
bool lines_name_valid(struct view name);
