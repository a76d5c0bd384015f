/* keys: the tokens of a module and their keys, and of each key whether it can sign enclaves and why not. What
 * is said of a key's attributes is what the token claims. */
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/signing_key.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/notice.h"
#include "signer/ui/report.h"

/* A token's model begins in the column of every value, unless its label is longer. */
#define TOKEN_WIDTH 4

struct key_report {
    struct report report;
    size_t tokens_len;
    bool of_many; /* there are several tokens */
    /* The text of the keys of one token, whose table must know the longest label: ROW_TEXTS texts of each key,
     * a NUL behind each. */
    struct buf rows;
    int label_width;
};

enum row_text {
    ROW_LABEL,
    ROW_WHY_NOT,
    ROW_URI,
    ROW_MRSIGNER,
    ROW_CLAIMS,
    ROW_OWNER,
    ROW_WARNING,
    ROW_TEXTS
};

static void key_report_free(struct key_report *l)
{
    buf_free(&l->rows);
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

static void report_claims(struct report *r, const struct hsm_key *key)
{
    report_object(r, "token_claims", NULL, 0);
    report_text(r, "sensitive", NULL, claim_text(key->sensitive));
    report_text(r, "always_sensitive", NULL, claim_text(key->always_sensitive));
    report_text(r, "extractable", NULL, claim_text(key->extractable));
    report_text(r, "never_extractable", NULL, claim_text(key->never_extractable));
    report_text(r, "local", NULL, claim_text(key->local));
    report_text(r, "decrypt", NULL, claim_text(key->decrypt));
    report_text(r, "unwrap", NULL, claim_text(key->unwrap));
    report_text(r, "always_authenticate", NULL, claim_text(key->always_authenticate));
    report_close(r);
}

static void key_members(struct report *r, const struct hsm_key *key, const uint8_t *mrsigner)
{
    report_object(r, NULL, NULL, 0);
    report_text(r, "uri", NULL, key->uri);
    report_text(r, "label", NULL, key->label);
    report_text(r, "id", NULL, key->id_hex);
    report_bool(r, "rsa", key->is_rsa);
    report_uint(r, "modulus_bits", NULL, key->modulus_bits);
    report_uint(r, "exponent", NULL, key->exponent);
    report_bool(r, "can_sign_enclaves", key->why_not[0] == '\0');
    report_text(r, "why_not", NULL, key->why_not[0] != '\0' ? key->why_not : NULL);
    report_text(r, "warning", NULL, key_warning(key));
    if (key->has_pubkey) {
        report_hex(r, "mrsigner", NULL, view_of(mrsigner, MRSIGNER_SIZE));
        report_text(r, "known_public_key", NULL, known_key_owner(mrsigner));
    }
    report_claims(r, key);
    report_close(r);
}

/* ---- the keys of a token, in text ---- */

static bool add_row(struct key_report *l, const struct hsm_key *key, const uint8_t *mrsigner,
                    struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf claims = {0};
    char shortened[REVIEW_SHORT_MAX];
    char unnamed[80];
    const char *texts[ROW_TEXTS] = {[ROW_LABEL] = key->label,
                                    [ROW_WHY_NOT] = key->why_not,
                                    [ROW_URI] = key->uri,
                                    [ROW_WARNING] = signing_key_leaves(key)};
    const struct hex hex = hex_of(view_of(mrsigner, MRSIGNER_SIZE));

    if (!signing_key_claims(key, true, &claims, err) || !buf_append(&claims, view_of("", 1), err))
        return false;
    (void)snprintf(unnamed, sizeof unnamed, "id %.70s", key->id_hex);
    if (key->label[0] == '\0')
        texts[ROW_LABEL] = unnamed;
    if (key->has_pubkey) {
        texts[ROW_MRSIGNER] = l->report.is_grouped ? review_short(mrsigner, shortened) : hex.text;
        texts[ROW_OWNER] = known_key_owner(mrsigner);
    }
    texts[ROW_CLAIMS] = (const char *)claims.data;
    for (int i = 0; i < ROW_TEXTS; i++) {
        const char *text = texts[i] != NULL ? texts[i] : "";

        if (!buf_append(&l->rows, view_of(text, strlen(text) + 1), err))
            return false;
    }
    int width = (int)strlen(texts[ROW_LABEL]);

    l->label_width = width > l->label_width ? width : l->label_width;
    return true;
}

/* Takes the texts of the next key off `rows`; false: there is none. */
static bool next_row(struct view *rows, const char *ret[static ROW_TEXTS])
{
    if (rows->len == 0)
        return false;
    for (int i = 0; i < ROW_TEXTS; i++) {
        ret[i] = (const char *)rows->data;
        *rows = view_slice(*rows, strlen(ret[i]) + 1, rows->len - strlen(ret[i]) - 1);
    }
    return true;
}

/* The table first: it answers the question. Then what is to be copied and compared, and what the token claims
 * of a key that can sign. */
static void print_rows(struct key_report *l)
{
    struct report *r = &l->report;
    struct view rows = buf_view(&l->rows);
    const char *row[ROW_TEXTS];
    int width = l->label_width > (int)strlen("LABEL") ? l->label_width : (int)strlen("LABEL");

    if (rows.len == 0)
        report_line(r, "  No private key.");
    else
        report_line(r, "  %-*s  SIGNS ENCLAVES  WHY", width, "LABEL");
    while (next_row(&rows, row))
        report_line(r, row[ROW_WHY_NOT][0] != '\0' ? "  %-*s  no              %s" : "  %-*s  yes%s", width,
                    row[ROW_LABEL], row[ROW_WHY_NOT]);
    rows = buf_view(&l->rows);
    while (next_row(&rows, row)) {
        if (row[ROW_MRSIGNER][0] != '\0')
            report_line(r, "%-*s  MRSIGNER %s", width, row[ROW_LABEL], row[ROW_MRSIGNER]);
        else
            report_line(r, "%s", row[ROW_LABEL]);
        report_line(r, "  '%s'", row[ROW_URI]);
        if (row[ROW_WHY_NOT][0] == '\0')
            report_line(r, "  claims: %s", row[ROW_CLAIMS]);
        if (row[ROW_OWNER][0] != '\0')
            report_line(r, "  warning: everybody can sign with this key: %s", row[ROW_OWNER]);
        if (row[ROW_WARNING][0] != '\0')
            report_line(r, "  warning: %s", row[ROW_WARNING]);
    }
}

static bool list_key(void *ctx, const struct hsm_key *key, struct ens_err *err)
{
    struct key_report *l = ctx;
    uint8_t mrsigner[MRSIGNER_SIZE] = {0};

    if (key->has_pubkey && !rsa3072_mrsigner(&key->pubkey, mrsigner, err))
        return false;
    key_members(&l->report, key, mrsigner);
    return add_row(l, key, mrsigner, err);
}

/* A token, up to its keys. */
static void begin_token(struct key_report *l, const struct hsm_token *t, bool is_logged_in)
{
    struct report *r = &l->report;
    const char *pin_state = t->locked      ? ", PIN LOCKED"
                            : t->final_try ? ", last PIN try"
                            : t->count_low ? ", a wrong PIN was entered"
                                           : "";

    l->tokens_len++;
    report_line(r, "Token %-*s  %s, %s, serial %s%s%s", TOKEN_WIDTH, t->label, t->model, t->manufacturer,
                t->serial, t->pin_pad ? ", PIN pad" : "", pin_state);
    report_object(r, NULL, NULL, 0);
    report_text(r, "uri", NULL, t->uri);
    report_text(r, "label", NULL, t->label);
    report_text(r, "manufacturer", NULL, t->manufacturer);
    report_text(r, "model", NULL, t->model);
    report_text(r, "serial", NULL, t->serial);
    report_uint(r, "slot_id", NULL, t->slot_id);
    report_bool(r, "pin_pad", t->pin_pad);
    report_bool(r, "pin_locked", t->locked);
    report_bool(r, "logged_in", is_logged_in);
    report_array(r, "keys", NULL, 0);
}

static void end_token(struct key_report *l)
{
    report_close(&l->report);
    report_close(&l->report);
}

/* Of several tokens a login must name one. */
static bool list_token(void *ctx, const struct hsm_token *t, struct ens_err *err)
{
    struct key_report *l = ctx;

    (void)err;
    begin_token(l, t, false);
    if (l->of_many)
        report_line(&l->report, "  '%s'", t->uri);
    end_token(l);
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

struct keys_options {
    struct token_options token;
    const char *uri; /* of the only token */
    const char *require;
    bool login, json;
};

/* One token, logged in: its keys. */
static bool list_one(const struct keys_options *args, const struct hsm_uri *required, struct token_session *s,
                     struct key_report *l, struct ens_err *err)
{
    if (!hsm_select_token(s->hsm, s->uri, &s->token, err)) {
        if (required != NULL && (err->code == ENS_NOTFOUND || err->code == ENS_AMBIGUOUS))
            err->code = ENS_NO;
        return false;
    }
    if (!token_login(&args->token, s, err))
        return false;
    bool is_met = required == NULL || require(required, s, err);

    if (!is_met && err->code != ENS_NO)
        return false;
    struct ens_err why = {0};

    begin_token(l, s->token, true);
    if (!hsm_list_keys(s->hsm, list_key, l, is_met ? err : &why)) {
        *err = is_met ? *err : why;
        return false;
    }
    print_rows(l);
    end_token(l);
    return is_met;
}

/* What was listed; of --require the answer as well, also if it is no: that has no text, but a document. */
static bool print_keys(const struct keys_options *args, bool ok, struct key_report *l, struct ens_err *err)
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

/* Without a PIN: only the tokens. Several of them are listed whatever was given: no PIN is tried on many. */
static bool list_all(struct token_session *s, struct key_report *l, struct ens_err *err)
{
    if (!hsm_list_tokens(s->hsm, s->uri, list_token, l, err))
        return false;
    report_line(&l->report, "  Log in to see private keys: ensign keys --login%s",
                l->of_many ? " --token URI" : "");
    return true;
}

static bool count_token(void *ctx, const struct hsm_token *t, struct ens_err *err)
{
    (void)t;
    (void)err;
    ++*(size_t *)ctx;
    return true;
}

/* Is a PIN to be asked for? --login and --require say so; a PIN that was given is one for the one token, as
 * scripts of old have it. */
static bool must_login(const struct keys_options *args, const struct token_session *s, size_t tokens)
{
    return args->login || args->require != NULL ||
           (s->pin_source != NULL && (args->uri != NULL || tokens == 1));
}

static bool run_keys(const struct command_line *line, struct ens_err *err)
{
    const struct keys_options *args = line->options;
    ENS_CLEANUP(token_close) struct token_session s = {0};
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *required = NULL;
    const char *uri = args->uri != NULL ? args->uri : args->require != NULL ? args->require : "pkcs11:";
    ENS_CLEANUP(key_report_free) struct key_report l = {0};
    size_t tokens = 0;

    if (args->require != NULL && !hsm_uri_parse(args->require, &required, err))
        return ens_wrap(err, "--require");
    report_begin(&l.report, args->json ? REPORT_JSON : REPORT_TEXT, 0);
    report_kind(&l.report, "keys");
    report_array(&l.report, "tokens", NULL, 0);
    if (!token_load(&args->token, args->uri != NULL ? "--token" : "--require", uri, &s, err) ||
        !hsm_list_tokens(s.hsm, s.uri, count_token, &tokens, err))
        return false;
    l.of_many = tokens > 1;
    bool login = must_login(args, &s, tokens);

    if (tokens == 0 && args->uri == NULL && args->require == NULL)
        return ens_fail(err, ENS_NOTFOUND,
                        "no token on this module: initialise one, or give another --module");
    /* A token that is not there, by the error that names the others. */
    if (tokens == 0 && !login && !hsm_select_token(s.hsm, s.uri, &s.token, err))
        return false;
    return print_keys(args, login ? list_one(args, required, &s, &l, err) : list_all(&s, &l, err), &l, err);
}

#define KEYS(KIND, member) OPTION(KIND, struct keys_options, member)

static const struct option keys_rows[] = {
    OPTION_TOPIC("What is listed"),
    {"token", 0, KEYS(URI, uri), "URI", "only this token (else ENSIGN_TOKEN)"},
    {"login", 0, KEYS(FLAG, login), NULL, "log in to the one token, and list its keys as well"},
    {"require", 0, KEYS(URI, require), "URI", "exit 1 unless this key can sign enclaves"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, KEYS(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_keys = {
    .name = "keys",
    .operands = "",
    .summary = "list tokens and keys, and whether they can sign enclaves",
    .examples = "keys\n"
                "keys --require pkcs11:object=release",
    .see_also = "keygen, pubkey, destroy-key",
    .size = sizeof(struct keys_options),
    .groups = {{keys_rows, 0}, {token_rows, offsetof(struct keys_options, token)}},
    .run = run_keys,
};
