/* keys: the tokens of a module and their keys, and of each key whether it can sign enclaves and why not. What
 * is said of a key's attributes is what the token claims. */
#include <inttypes.h>
#include <stdio.h>

#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/signing_key.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/report.h"
#include "signer/ui/screen.h"

struct key_report {
    struct report report;
    size_t tokens_len;
};

static void key_report_free(struct key_report *l)
{
    report_free(&l->report);
}

static const char *claim_text(enum hsm_claim claim)
{
    return claim == HSM_YES ? "yes" : claim == HSM_NO ? "no" : "unknown";
}

/* What is dangerous about a key that can sign: claims of the token that a release key should not have. */
static const char *key_warning(const struct hsm_key *key)
{
    if (signing_key_leaves(key) != NULL)
        return signing_key_leaves(key);
    if (key->local == HSM_NO)
        return "imported: a copy may exist outside the token";
    return NULL;
}

/* All claims are one line of text. */
static void report_claims(struct report *r, const struct hsm_key *key)
{
    const struct {
        const char *name;
        enum hsm_claim claim;
    } rows[] = {
        {"sensitive", key->sensitive},
        {"always_sensitive", key->always_sensitive},
        {"extractable", key->extractable},
        {"never_extractable", key->never_extractable},
        {"local", key->local},
        {"decrypt", key->decrypt},
        {"unwrap", key->unwrap},
        {"always_authenticate", key->always_authenticate},
    };
    char line[256];
    size_t len = 0;

    report_object(r, "token_claims", NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        report_text(r, rows[i].name, NULL, claim_text(rows[i].claim));
        len += (size_t)snprintf(line + len, sizeof line - len, "%s %s %s", i > 0 ? "," : "", rows[i].name,
                                claim_text(rows[i].claim));
    }
    report_close(r);
    report_line(r, "the token claims:%s", line);
}

static void report_warnings(struct report *r, const struct hsm_key *key, const char *owner)
{
    const char *warning = key_warning(key);

    if (owner != NULL)
        report_line(r, "warning: everybody can sign with this key: %s", owner);
    if (warning != NULL)
        report_line(r, "warning: %s", warning);
}

static bool list_key(void *ctx, const struct hsm_key *key, struct ens_err *err)
{
    struct report *r = &((struct key_report *)ctx)->report;
    const char *why_not = key->why_not[0] != '\0' ? key->why_not : NULL;
    const char *owner = NULL;
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (key->has_pubkey) {
        if (!rsa3072_mrsigner(&key->pubkey, mrsigner, err))
            return false;
        owner = known_key_owner(mrsigner);
    }
    report_line(r, "  %s", key->uri);
    report_object(r, NULL, NULL, 4);
    report_text(r, "uri", NULL, key->uri);
    report_text(r, "label", NULL, key->label);
    report_text(r, "id", NULL, key->id_hex);
    report_bool(r, "rsa", key->is_rsa);
    report_uint(r, "modulus_bits", NULL, key->modulus_bits);
    report_uint(r, "exponent", NULL, key->exponent);
    if (key->is_rsa)
        report_line(r, "RSA, %u bits, exponent %" PRIu64, key->modulus_bits, key->exponent);
    else
        report_line(r, "not an RSA key");
    report_bool(r, "can_sign_enclaves", why_not == NULL);
    report_text(r, "why_not", NULL, why_not);
    report_text(r, "warning", NULL, key_warning(key));
    if (key->has_pubkey) {
        report_hash(r, "mrsigner", "MRSIGNER", view_of(mrsigner, sizeof mrsigner));
        report_text(r, "known_public_key", NULL, owner);
    }
    report_line(r, "can%s sign enclaves%s%s", why_not != NULL ? "not" : "", why_not != NULL ? ": " : "",
                key->why_not);
    report_warnings(r, key, owner);
    report_claims(r, key);
    report_close(r);
    return true;
}

/* A token, up to its keys. */
static void begin_token(struct key_report *l, const struct hsm_token *t)
{
    struct report *r = &l->report;
    const char *pin_state = t->locked      ? ", PIN LOCKED"
                            : t->final_try ? ", last PIN try"
                            : t->count_low ? ", a wrong PIN was entered"
                                           : "";

    l->tokens_len++;
    report_line(r, "%s", t->uri);
    report_line(r, "  label %s, manufacturer %s, model %s, serial %s, slot %lu%s%s", t->label,
                t->manufacturer, t->model, t->serial, t->slot_id, t->pin_pad ? ", PIN pad" : "", pin_state);
    report_object(r, NULL, NULL, 0);
    report_text(r, "uri", NULL, t->uri);
    report_text(r, "label", NULL, t->label);
    report_text(r, "manufacturer", NULL, t->manufacturer);
    report_text(r, "model", NULL, t->model);
    report_text(r, "serial", NULL, t->serial);
    report_uint(r, "slot_id", NULL, t->slot_id);
    report_bool(r, "pin_pad", t->pin_pad);
    report_bool(r, "pin_locked", t->locked);
    report_array(r, "keys", NULL, 0);
}

static void end_token(struct key_report *l)
{
    report_close(&l->report);
    report_close(&l->report);
}

static bool list_token(void *ctx, const struct hsm_token *t, struct ens_err *err)
{
    (void)err;
    begin_token(ctx, t);
    end_token(ctx);
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
        return ens_fail(err, ENS_NO, "--require: '%s': cannot sign enclaves: %s", key->uri, key->why_not);
    return true;
}

/* One token, logged in: its keys. */
static bool list_one(const struct args *args, const struct hsm_uri *required, struct token_session *s,
                     struct key_report *l, struct ens_err *err)
{
    if (!hsm_select_token(s->hsm, s->uri, &s->token, err)) {
        if (required != NULL && (err->code == ENS_NOTFOUND || err->code == ENS_AMBIGUOUS))
            err->code = ENS_NO;
        return false;
    }
    if (!token_login(args, s, err))
        return false;
    bool is_met = required == NULL || require(required, s, err);

    if (!is_met && err->code != ENS_NO)
        return false;
    struct ens_err why = {0};

    begin_token(l, s->token);
    if (!hsm_list_keys(s->hsm, list_key, l, is_met ? err : &why)) {
        *err = is_met ? *err : why;
        return false;
    }
    end_token(l);
    return is_met;
}

/* What was listed; of --require the answer as well, also if it is no: that has no text, but a document. */
static bool print_keys(const struct args *args, bool ok, struct key_report *l, struct ens_err *err)
{
    struct ens_err why = {0};

    if (!ok && (err->code != ENS_NO || !args->json))
        return false;
    report_close(&l->report);
    if (args->require != NULL) {
        report_bool(&l->report, "required", ok);
        report_text(&l->report, "reason", NULL, ok ? NULL : err->msg);
    }
    if (report_print(&l->report, &why))
        return ok;
    *err = why;
    return false;
}

/* Several tokens and none chosen, or no way to ask for a PIN: only the tokens. No PIN is tried on many. */
static bool list_all(const struct args *args, struct token_session *s, struct key_report *l,
                     struct ens_err *err)
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
    const char *uri = args->token != NULL ? args->token : args->require != NULL ? args->require : "pkcs11:";
    ENS_CLEANUP(key_report_free) struct key_report l = {0};
    size_t tokens = 0;

    if (args->require != NULL && !hsm_uri_parse(args->require, &required, err))
        return ens_wrap(err, "--require");
    report_begin(&l.report, args->json ? REPORT_JSON : REPORT_TEXT, 9);
    report_array(&l.report, "tokens", NULL, 0);
    if (!token_load(args, args->token != NULL ? "--token" : "--require", uri, &s, err) ||
        !hsm_list_tokens(s.hsm, s.uri, count_token, &tokens, err))
        return false;
    bool one = args->token != NULL || args->require != NULL || (tokens == 1 && can_ask_pin(args));

    return print_keys(args, one ? list_one(args, required, &s, &l, err) : list_all(args, &s, &l, err), &l,
                      err);
}
