/* SIGSTRUCT as bytes, reached through the table of layout.h; and its 256 signed bytes, the sign-data. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/sgx/layout.h"

/* Always exactly the bytes of the structure: nothing is decoded, so nothing can be lost on the way. */
struct sigstruct {
    uint8_t bytes[SIGSTRUCT_SIZE];
};

struct signdata {
    uint8_t bytes[SIGNDATA_SIZE];
};

/* A field's bytes, borrowed from `css`; and its value, for fields of up to 8 bytes. */
struct view sigstruct_get(const struct sigstruct *css, enum css_field field);
uint64_t sigstruct_get_int(const struct sigstruct *css, enum css_field field);

/* Sets a field; `v` has the field's size (sigstruct_put), `value` fits in it (sigstruct_put_int). */
void sigstruct_put(struct sigstruct *css, enum css_field field, struct view v);
void sigstruct_put_int(struct sigstruct *css, enum css_field field, uint64_t value);

/* All zero but HEADER and HEADER2: what every SIGSTRUCT starts from. */
void sigstruct_init(struct sigstruct *ret);

/* True if the field has the one value that the SDM allows (CSS_FIXED, CSS_RESERVED), and for other kinds. */
bool sigstruct_is_as_fixed(const struct sigstruct *css, enum css_field field);

/* Does a file begin as a SIGSTRUCT does? The four bytes of HEADER that hold Intel's release type are not
 * compared: such files exist, and the judge names what is wrong with them. */
bool sigstruct_begins(struct view head);
/* And is it 1808 bytes long? */
bool sigstruct_recognise(struct view bytes);

/* Reads exactly 1808 bytes that begin as a SIGSTRUCT does; ENS_DATA naming `name`.
 * Judging is verify.h's part. */
bool sigstruct_parse(struct view bytes, const char *name, struct sigstruct *ret,
                     struct ens_err *err) ENS_MUST_CHECK;

/* Puts the key into MODULUS, and EXPONENT = 3. */
void sigstruct_put_key(struct sigstruct *css, const struct pubkey *key);

/* Puts key, signature, Q1 and Q2 (big-endian, 384 bytes each) into their fields, and EXPONENT = 3. */
void sigstruct_finish(struct sigstruct *css, const struct pubkey *key,
                      const uint8_t signature[static SIGNATURE_SIZE], const uint8_t q1[static SIGNATURE_SIZE],
                      const uint8_t q2[static SIGNATURE_SIZE]);

/* True if all unsigned fields are zero: the SIGSTRUCT waits for its signature. */
bool sigstruct_is_unsigned(const struct sigstruct *css);

/* ---- sign-data ---- */

/* The 256 bytes that are hashed and signed. */
void signdata_extract(const struct sigstruct *css, struct signdata *ret);

/* Reads exactly 256 bytes; HEADER, HEADER2 and every reserved byte must be as the SDM says. Gives the
 * SIGSTRUCT whose unsigned fields are zero. ENS_DATA names the field. */
bool signdata_parse(struct view bytes, const char *name, struct sigstruct *ret,
                    struct ens_err *err) ENS_MUST_CHECK;

/* SHA-256 of the sign-data: what an RSASSA-PKCS1-v1_5 signature holds. */
bool signdata_digest(const struct sigstruct *css, uint8_t ret[static 32], struct ens_err *err) ENS_MUST_CHECK;
