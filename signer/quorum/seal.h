/* Sealing: RSAES-OAEP to a card's key around AES-256-GCM (IV of zeros: a file key seals one message), which
 * authenticates all of the file before the line `sealed:`. And sealing keys in software, under a passphrase
 * (scrypt). Random bytes are those of ossl_context(). */
#pragma once

#include "signer/quorum/formats.h"

#define SEAL_FILE_KEY       32
#define SEAL_PASSPHRASE_MIN 12 /* bytes */
#define SEAL_LOG2N          18 /* of new identities: 256 MiB */

/* Fills the `box` of a share, repair or delta, whose other fields are there: `pieces` sealed to the key of `to`.
 * ENS_RESOURCE. */
#define seal_pieces(doc, to, pieces, err) seal_box(QUORUM_KIND_OF(doc), doc, &(doc)->box, to, pieces, err)
bool seal_box(enum quorum_kind kind, const void *doc, struct quorum_sealed *box, const struct quorum_card *to,
              const struct quorum_pieces *pieces, struct ens_err *err) ENS_MUST_CHECK;

/* The way back, by the file key that the sealing key unwrapped. ENS_DATA: it is not what was sealed. Release with
 * secret_wipe(&ret->bytes). */
#define seal_open(doc, file_key, ret, err)                                                                   \
    seal_open_box(QUORUM_KIND_OF(doc), doc, &(doc)->box, file_key, ret, err)
bool seal_open_box(enum quorum_kind kind, const void *doc, const struct quorum_sealed *box,
                   const struct secret *file_key, struct quorum_pieces *ret,
                   struct ens_err *err) ENS_MUST_CHECK;

/* RSAES-OAEP of at most 32 bytes to the card's key, with the card's hash and an empty label (RFC 8017, section 7.1). ENS_RESOURCE. */
bool seal_wrap(const struct quorum_card *to, struct view plain, uint8_t ret[static QUORUM_WRAPPED_MAX],
               unsigned *ret_len, struct ens_err *err) ENS_MUST_CHECK;

/* ---- sealing keys in software ---- */

struct seal_key;

/* A new RSA-3072 key in an identity under `passphrase`, with a new salt; of `ret_card` the key is set. ENS_DATA if
 * the passphrase is shorter than SEAL_PASSPHRASE_MIN; ENS_RESOURCE. */
bool seal_identity_new(const struct secret *passphrase, unsigned log2n, struct quorum_identity *ret,
                       struct quorum_card *ret_card, struct ens_err *err) ENS_MUST_CHECK;

/* ENS_PIN: the passphrase does not open it. ENS_DATA: it holds no key that a card may have. Release with
 * seal_key_freep. */
bool seal_identity_open(const struct quorum_identity *i, const struct secret *passphrase,
                        struct seal_key **ret, struct ens_err *err) ENS_MUST_CHECK;
void seal_key_freep(struct seal_key **key);

/* Its public half; name and oaep are empty. Borrowed. */
const struct quorum_card *seal_key_card(const struct seal_key *key);

/* Undoes seal_wrap: at most 32 bytes. ENS_DATA: `wrapped` was not made for this key. */
bool seal_key_unwrap(const struct seal_key *key, enum quorum_oaep oaep, struct view wrapped,
                     struct secret *ret, struct ens_err *err) ENS_MUST_CHECK;
