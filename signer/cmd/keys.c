/* keys: the tokens of a module and their keys, and of each key whether it can sign enclaves and why not. What
 * is said of a key's attributes is what the token claims. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/token.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/doc.h"
#include "signer/ui/screen.h"

/* Where a listing goes. */
struct listing {
    struct buf text;    /* printed at the end, so that a late failure prints nothing */
    struct doc *tokens; /* NULL: text */
    struct doc *keys;   /* of the token that is being listed */
    size_t tokens_len;
};

static void listing_free(struct listing *l)
{
    buf_free(&l->text);
}

static const char *claim_text(enum hsm_claim claim)
{
    return claim == HSM_YES ? "yes" : claim == HSM_NO ? "no" : "unknown";
}

/* What is dangerous about a key that can sign: claims of the token that a release key should not have. */
static const char *key_warning(const struct hsm_key *key)
{
    if (key->extractable == HSM_YES)
        return "extractable: the private key may leave the token";
    if (key->sensitive == HSM_NO)
        return "not sensitive: the private key may be read";
    if (key->local == HSM_NO)
        return "imported: a copy may exist outside the token";
    return NULL;
}

struct claim_row {
    const char *name;
    enum hsm_claim claim;
};

#define CLAIMS 8

static void list_claims(const struct hsm_key *key, struct claim_row ret[static CLAIMS])
{
    const struct claim_row rows[CLAIMS] = {
        {"sensitive", key->sensitive},
        {"always_sensitive", key->always_sensitive},
        {"extractable", key->extractable},
        {"never_extractable", key->never_extractable},
        {"local", key->local},
        {"decrypt", key->decrypt},
        {"unwrap", key->unwrap},
        {"always_authenticate", key->always_authenticate},
    };

    memcpy(ret, rows, sizeof rows);
}

static bool mrsigner_of(const struct hsm_key *key, char ret_hex[static 2 * MRSIGNER_SIZE + 1],
                        const char **ret_owner, struct ens_err *err)
{
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (!rsa3072_mrsigner(&key->pubkey, mrsigner, err))
        return false;
    hex_encode(ret_hex, view_of(mrsigner, sizeof mrsigner));
    *ret_owner = known_key_owner(mrsigner);
    return true;
}

static bool key_json(struct listing *l, const struct hsm_key *key, struct ens_err *err)
{
    struct doc *at = doc_object(l->keys, NULL);
    struct claim_row claims[CLAIMS];
    char mrsigner[2 * MRSIGNER_SIZE + 1];
    const char *owner = NULL;

    doc_text(at, "uri", key->uri);
    doc_text(at, "label", key->label);
    doc_text(at, "id", key->id_hex);
    doc_bool(at, "rsa", key->is_rsa);
    doc_int(at, "modulus_bits", key->modulus_bits);
    doc_int(at, "exponent", key->exponent);
    doc_bool(at, "can_sign_enclaves", key->why_not[0] == '\0');
    doc_text(at, "why_not", key->why_not[0] != '\0' ? key->why_not : NULL);
    doc_text(at, "warning", key_warning(key));
    if (key->has_pubkey) {
        if (!mrsigner_of(key, mrsigner, &owner, err))
            return false;
        doc_text(at, "mrsigner", mrsigner);
        doc_text(at, "known_public_key", owner);
    }
    struct doc *claimed = doc_object(at, "token_claims");

    list_claims(key, claims);
    for (size_t i = 0; i < CLAIMS; i++)
        doc_text(claimed, claims[i].name, claim_text(claims[i].claim));
    return true;
}

static bool claims_text(struct listing *l, const struct hsm_key *key, struct ens_err *err)
{
    struct claim_row claims[CLAIMS];

    list_claims(key, claims);
    if (!buf_printf(&l->text, err, "    the token claims:"))
        return false;
    for (size_t i = 0; i < CLAIMS; i++) {
        if (!buf_printf(&l->text, err, " %s %s%s", claims[i].name, claim_text(claims[i].claim),
                        i + 1 < CLAIMS ? "," : "\n"))
            return false;
    }
    return true;
}

static bool key_text(struct listing *l, const struct hsm_key *key, struct ens_err *err)
{
    char mrsigner[2 * MRSIGNER_SIZE + 1];
    const char *owner = NULL;
    const char *warning = key_warning(key);

    if (!buf_printf(&l->text, err, "  %s\n", key->uri) ||
        !(key->is_rsa ? buf_printf(&l->text, err, "    RSA, %u bits, exponent %" PRIu64 "\n",
                                   key->modulus_bits, key->exponent)
                      : buf_printf(&l->text, err, "    not an RSA key\n")))
        return false;
    if (key->has_pubkey && (!mrsigner_of(key, mrsigner, &owner, err) ||
                            !buf_printf(&l->text, err, "    MRSIGNER %s\n", mrsigner)))
        return false;
    if (!(key->why_not[0] == '\0'
              ? buf_printf(&l->text, err, "    can sign enclaves\n")
              : buf_printf(&l->text, err, "    cannot sign enclaves: %s\n", key->why_not)))
        return false;
    if (owner != NULL &&
        !buf_printf(&l->text, err, "    warning: everybody can sign with this key: %s\n", owner))
        return false;
    if (warning != NULL && !buf_printf(&l->text, err, "    warning: %s\n", warning))
        return false;
    return claims_text(l, key, err);
}

static bool list_key(void *ctx, const struct hsm_key *key, struct ens_err *err)
{
    struct listing *l = ctx;

    return l->tokens != NULL ? key_json(l, key, err) : key_text(l, key, err);
}

static bool list_token(void *ctx, const struct hsm_token *t, struct ens_err *err)
{
    struct listing *l = ctx;

    const char *pin_state = t->locked      ? ", PIN LOCKED"
                            : t->final_try ? ", last PIN try"
                            : t->count_low ? ", a wrong PIN was entered"
                                           : "";

    l->tokens_len++;
    if (l->tokens == NULL)
        return buf_printf(&l->text, err,
                          "%s\n  label %s, manufacturer %s, model %s, serial %s, slot %lu%s%s\n", t->uri,
                          t->label, t->manufacturer, t->model, t->serial, t->slot_id,
                          t->pin_pad ? ", PIN pad" : "", pin_state);
    struct doc *at = doc_object(l->tokens, NULL);

    doc_text(at, "uri", t->uri);
    doc_text(at, "label", t->label);
    doc_text(at, "manufacturer", t->manufacturer);
    doc_text(at, "model", t->model);
    doc_text(at, "serial", t->serial);
    doc_int(at, "slot_id", t->slot_id);
    doc_bool(at, "pin_pad", t->pin_pad);
    doc_bool(at, "pin_locked", t->locked);
    l->keys = doc_array(at, "keys");
    return true;
}

/* ---- --require ---- */

/* Is there exactly one such key, and can it sign enclaves? */
static bool require(const struct hsm_uri *uri, struct token_session *s, struct ens_err *err)
{
    const struct hsm_key *key = NULL;

    if (!hsm_select_key(s->hsm, uri, &key, err)) {
        if (err->code == ENS_NOTFOUND || err->code == ENS_AMBIGUOUS)
            err->code = ENS_NO;
        return ens_wrap(err, "--require");
    }
    if (key->why_not[0] != '\0')
        return ens_fail(err, ENS_NO, "--require: %s: cannot sign enclaves: %s", key->uri, key->why_not);
    return true;
}

/* One token, logged in: its keys. */
static bool list_one(const struct args *args, const struct hsm_uri *required, struct token_session *s,
                     struct listing *l, struct ens_err *err)
{
    if (!hsm_select_token(s->hsm, s->uri, &s->token, err)) {
        if (required != NULL && err->code == ENS_NOTFOUND)
            err->code = ENS_NO;
        return false;
    }
    return token_login(args, s, err) && (required == NULL || require(required, s, err)) &&
           list_token(l, s->token, err) && hsm_list_keys(s->hsm, list_key, l, err);
}

/* Several tokens and none chosen, or no way to ask for a PIN: only the tokens. No PIN is tried on many. */
static bool list_all(const struct args *args, struct token_session *s, struct listing *l, struct ens_err *err)
{
    if (!hsm_list_tokens(s->hsm, NULL, list_token, l, err))
        return false;
    if (l->tokens_len == 0)
        return ens_fail(err, ENS_NOTFOUND,
                        "no token on this module: initialise one, or give another --module");
    notice_say(args, "Keys are shown for one token, after its PIN: give --token and --pin-source.");
    return true;
}

/* Without a PIN the private keys stay hidden; the tokens can be listed all the same. */
static bool can_ask_pin(const struct args *args)
{
    return args->pin_source != NULL || screen_is_there();
}

static bool count_token(void *ctx, const struct hsm_token *t, struct ens_err *err)
{
    (void)t;
    (void)err;
    ++*(size_t *)ctx;
    return true;
}

bool cmd_keys(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(token_close) struct token_session s = {0};
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *required = NULL;
    ENS_CLEANUP(doc_freep) struct doc *doc = NULL;
    const char *uri = args->token != NULL ? args->token : args->require != NULL ? args->require : "pkcs11:";
    ENS_CLEANUP(listing_free) struct listing l = {0};
    size_t tokens = 0;

    if (args->require != NULL && !hsm_uri_parse(args->require, &required, err))
        return ens_wrap(err, "--require");
    if (args->json && !doc_new(&doc, err))
        return false;
    l.tokens = doc != NULL ? doc_array(doc, "tokens") : NULL;
    if (!token_load(args, args->token != NULL ? "--token" : "--require", uri, &s, err) ||
        !hsm_list_tokens(s.hsm, s.uri, count_token, &tokens, err))
        return false;
    bool one = args->token != NULL || args->require != NULL || (tokens == 1 && can_ask_pin(args));

    if (!(one ? list_one(args, required, &s, &l, err) : list_all(args, &s, &l, err)))
        return false;
    return doc != NULL ? doc_print(doc, err) : notice_result(buf_view(&l.text), err);
}
