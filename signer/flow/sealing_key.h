/* A holder's sealing key, in a token (--key URI) or in an identity file under a passphrase (--identity FILE). */
#pragma once

#include "signer/flow/token.h"
#include "signer/quorum/seal.h"

/* What commands that open a share take. */
struct sealing_key_options {
    struct token_options token; /* with token.key; its pin_source is also that of the passphrase */
    const char *identity;
};
extern const struct option sealing_key_rows[]; /* --key, --identity; those of the token are token_rows */

struct sealing_key;

/* True if one of the two is given. */
bool sealing_key_is_given(const struct sealing_key_options *args);
/* Not both, and right as far as they say themselves: ENS_USAGE. */
bool sealing_key_usage(const struct sealing_key_options *args, struct ens_err *err) ENS_MUST_CHECK;
/* The same, and one must be given. */
bool sealing_key_require(const struct sealing_key_options *args, struct ens_err *err) ENS_MUST_CHECK;

/* Opens the token, logs in, and selects the one key, with a warning if it may leave the token; or asks for the
 * passphrase and opens the identity, with a warning on active swap. ENS_PIN: the passphrase does not open it; ENS_BADKEY:
 * no key that a card may have. */
bool sealing_key_open(const struct sealing_key_options *args, struct sealing_key **ret,
                      struct ens_err *err) ENS_MUST_CHECK;
void sealing_key_closep(struct sealing_key **key);

/* Its public half: spki, bits, key (the fingerprint). Borrowed. */
const struct quorum_card *sealing_key_card(const struct sealing_key *k);
/* Its session, for records; NULL: it is an identity. Borrowed. */
struct token_session *sealing_key_token(struct sealing_key *k);

/* The file key of what was sealed to it. ENS_BADKEY: it was sealed to another key (both are named), or this one cannot
 * open it. The caller wipes `ret`. */
bool sealing_key_unwrap(struct sealing_key *k, const struct quorum_sealed *box, struct secret *ret,
                        struct ens_err *err) ENS_MUST_CHECK;

/* The public half of a token's key as a card. ENS_BADKEY: no RSA key of 2048 to 4096 bits with e = 65537. */
bool sealing_key_read(const struct hsm_key *key, struct quorum_card *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Warns if swap is in use: what scrypt works in cannot be locked. */
void sealing_key_warn_of_swap(const char *identity);
