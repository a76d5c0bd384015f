/* The key that signs: login and every check of sign and resign between the URI and the first signature. */
#pragma once

#include "signer/ceremony/policy.h"
#include "signer/flow/token.h"
#include "signer/ui/report.h"

/* What commands that sign take. */
struct signing_key_options {
    struct token_options token;
    const char *mrsigner;  /* the only one that may sign */
    const char *mechanism; /* --mechanism */
};

struct signing_key {
    struct token_session token;
    const struct hsm_key *selected; /* owned by `token` */
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];
};

/* --mechanism; NULL is auto. ENS_USAGE. */
bool signing_key_mechanism(const char *name, enum hsm_mechanism *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Are --key, --mrsigner and the options of the token right, as far as they say themselves? ENS_USAGE. */
bool signing_key_usage(const struct signing_key_options *args, struct ens_err *err) ENS_MUST_CHECK;

/* Opens the token of --key, logs in, selects the one key, and warns if it may leave the token; as many sessions as
 * --sessions says, and no more than `items`, which is how many signatures there may be. `ret` is zeroed before;
 * release it with signing_key_close, after a failure, too. */
bool signing_key_open(const struct signing_key_options *args, size_t items, struct signing_key *ret,
                      struct ens_err *err) ENS_MUST_CHECK;
void signing_key_close(struct signing_key *k);

/* What lets the private key leave the token, by the token's own claims; NULL: nothing that it claims. Such a key
 * signs all the same: a policy's `key` line refuses it. */
const char *signing_key_leaves(const struct hsm_key *key);

/* Appends what the token claims of the key, in words: "made inside, sensitive, never extractable", and if
 * `with_uses` what else the key may do: ", no decrypt". ENS_RESOURCE. */
bool signing_key_claims(const struct hsm_key *key, bool with_uses, struct buf *ret,
                        struct ens_err *err) ENS_MUST_CHECK;

/* Is it the key of --mrsigner, where that is given? ENS_REFUSED. */
bool signing_key_pin(const struct signing_key_options *args, const struct signing_key *k,
                     struct ens_err *err) ENS_MUST_CHECK;

/* Members of a JSON object that is open: the key's "label", "id" and "uri", its "token" and that one's "serial". */
void signing_key_report(const struct hsm_key *key, const struct hsm_token *token, struct report *r);

/* Writes what the policy says of the key into the outcome. */
void signing_key_policy(const struct signing_key *k, const struct policy *p, struct policy_outcome *ret);
