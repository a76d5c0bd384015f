/* keygen: an RSA-3072 key with e = 3, made inside the token, and proven with a signature. */
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/record.h"
#include "signer/flow/signing_key.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"
#include "signer/ui/report.h"

/* The test signature is over text: sign-data begins with the byte 0x06 and has 256 bytes, so that no
 * signature made here can be one of an enclave. */
static const char proof[] = "ensign keygen: this text proves a key and is no sign-data";

struct keygen_options {
    struct token_options token;
    struct record_options record;
    const char *uri; /* of the token */
    const char *label, *id;
    const char *pubkey; /* for the public key */
    bool force, json;
};

/* One run of keygen. */
struct run {
    const struct keygen_options *args;
    struct token_session token;
    struct output *pubkey_out;
    struct transcript *transcript; /* NULL: none is kept */
    uint8_t id[TOKEN_ID_MAX];
    size_t id_len;
    const struct hsm_key *key;   /* the new one */
    uint8_t digest[DIGEST_SIZE]; /* of the text that it signs */
    uint8_t signature[SIGNATURE_SIZE];
    bool is_signed; /* `signature` is set */
    bool is_proved; /* and nobody interrupted it: the key stays */
};

static void keygen_free(struct run *r)
{
    token_close(&r->token);
    output_closep(&r->pubkey_out);
    transcript_closep(&r->transcript);
}

/* The key as the token made it. */
static bool record_made(struct run *r, struct ens_err *err)
{
    uint8_t mrsigner[MRSIGNER_SIZE];
    uint8_t spki[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];

    if (!rsa3072_mrsigner(&r->key->pubkey, mrsigner, err) || !rsa3072_spki_digest(&r->key->pubkey, spki, err))
        return false;
    record_key(r->transcript, r->key, mrsigner);
    hex_encode(hex, view_of(mrsigner, sizeof mrsigner));
    transcript_put(r->transcript, "mrsigner", hex);
    hex_encode(hex, view_of(spki, sizeof spki));
    transcript_put(r->transcript, "spki", hex);
    return true;
}

/* The new key signs a text that is not sign-data; a key whose signature does not verify is destroyed again. */
static bool prove(struct run *r, struct ens_err *err)
{
    struct token_session *s = &r->token;
    struct ens_err destroying = {0};

    r->is_signed =
        token_sign(s, 0, HSM_AUTO, &r->key->pubkey, r->digest, view_of_string(proof), r->signature, err);
    r->is_proved = r->is_signed && interrupt_check(err);
    if (r->is_proved)
        return true;
    if (hsm_destroy_generated(s->hsm, &destroying))
        return ens_wrap(err, "the test signature of the new key failed, the key was destroyed again");
    /* A key that is there is on record; why it is not used is the error. */
    struct ens_err ignored = {0};

    (void)record_made(r, &ignored);
    return ens_wrap(err, "the test signature of the new key failed, and %s: '%s'", destroying.msg,
                    r->key->uri);
}

/* What will be made, before it is: the token keeps a key although ensign is killed. */
static bool announce_key(struct run *r, struct ens_err *err)
{
    struct transcript_item item = {.what = "test", .file = "", .output = ""};

    if (!digest_of(DIGEST_SHA256, view_of_string(proof), r->digest, err))
        return false;
    memcpy(item.digest, r->digest, sizeof item.digest);
    record_token(r->transcript, &r->token);
    transcript_put(r->transcript, "creates", r->token.token->label, r->args->label, r->args->id);
    return record_intent(r->transcript, &item, 1, err);
}

/* The lines of a screen have no more columns than its rule of dashes. */
#define SCREEN_COLUMNS 76

/* What was made, the identity that it gives, and what comes next. */
static bool say_generated(const struct run *r, const uint8_t mrsigner[static MRSIGNER_SIZE],
                          struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf claims = {0};
    ENS_CLEANUP(buf_free) struct buf line = {0};
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(buf_free) struct buf words = {0};
    const struct hsm_token *t = r->token.token;
    bool is_watched = notice_is_watched();

    if (!signing_key_claims(r->key, false, &claims, err) ||
        !text_line(&line, err,
                   "  RSA-3072, public exponent 3; the token claims: %.*s. A test signature verifies.",
                   (int)claims.len, (const char *)claims.data) ||
        !text_wrap(buf_view(&line), is_watched ? SCREEN_COLUMNS : 0, 2, &text, err) ||
        !review_rows_of_words(mrsigner, &words, err))
        return false;
    notice_say("Made the key %s in token %s (%s, serial %s).", r->key->label, t->label, t->model, t->serial);
    notice_text(buf_view(&text));
    notice_hash(view_of(mrsigner, MRSIGNER_SIZE),
                is_watched ? "  MRSIGNER, the identity of everything that this key signs:" : "  MRSIGNER");
    notice_text(buf_view(&words));
    if (r->args->pubkey != NULL)
        notice_say("%s: the public key. Next: publish MRSIGNER; make a backup.", r->args->pubkey);
    else
        notice_say("Next: publish MRSIGNER; make a backup.");
    return true;
}

/* On stdout the URI alone, or the document. */
static bool print_generated(const struct run *r, const uint8_t mrsigner[static MRSIGNER_SIZE],
                            struct ens_err *err)
{
    ENS_CLEANUP(report_free) struct report j = {0};
    ENS_CLEANUP(buf_free) struct buf uri = {0};

    if (!r->args->json)
        return text_line(&uri, err, "%s", r->key->uri) && notice_result(buf_view(&uri), err);
    report_begin(&j, REPORT_JSON, 0);
    report_kind(&j, "keygen");
    signing_key_report(r->key, r->token.token, &j);
    report_hex(&j, "mrsigner", NULL, view_of(mrsigner, MRSIGNER_SIZE));
    report_text(&j, "pubkey", NULL, r->args->pubkey);
    return report_print(&j, err);
}

static bool report_generated(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    const struct hsm_key *key = r->key;
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (!rsa3072_mrsigner(&key->pubkey, mrsigner, err) || !record_made(r, err))
        return false;
    if (r->pubkey_out != NULL && (!rsa3072_write_pubkey(&key->pubkey, &pem, err) ||
                                  !output_commit(r->pubkey_out, buf_view(&pem), err)))
        return ens_wrap(err, "the key was made ('%s'), but not its file", key->uri);
    return say_generated(r, mrsigner, err) && print_generated(r, mrsigner, err);
}

static bool keygen_walk(struct run *r, struct ens_err *err)
{
    const struct keygen_options *args = r->args;
    const struct hsm_generate_args generate = {.label = args->label, .id = view_of(r->id, r->id_len)};

    /* Its URI is told there. */
    if (!output_stdout_is_open(err))
        return false;
    if (args->pubkey != NULL && !output_open(args->pubkey, false, args->force, &r->pubkey_out, err))
        return false;
    return token_open(&args->token, "--token", args->uri, &r->token, err) && announce_key(r, err) &&
           hsm_generate(r->token.hsm, &generate, &r->key, err) && prove(r, err) && report_generated(r, err);
}

static bool run_keygen(const struct command_line *line, struct ens_err *err)
{
    const struct keygen_options *args = line->options;
    ENS_CLEANUP(keygen_free) struct run r = {.args = args};

    if (args->uri == NULL || args->label == NULL)
        return ens_fail(err, ENS_USAGE, "%s: is missing: keygen needs --token URI and --label L",
                        args->uri == NULL ? "--token" : "--label");
    if (args->label[0] == '\0')
        return ens_fail(err, ENS_USAGE, "--label: is empty: give the key a name");
    if (!token_parse_id(args->id, r.id, &r.id_len, err) ||
        !token_usage(&args->token, "--token", args->uri, err) ||
        !record_open(line, &args->record, &r.transcript, err))
        return false;
    bool ok = keygen_walk(&r, err);

    return record_end_one(r.transcript, &r.token,
                          r.is_proved   ? TRANSCRIPT_WRITTEN
                          : r.is_signed ? TRANSCRIPT_UNWRITTEN
                                        : TRANSCRIPT_FAILED,
                          r.is_signed ? r.signature : NULL, ok, err);
}

#define KEYGEN(KIND, member) OPTION(KIND, struct keygen_options, member)

static const struct option keygen_rows[] = {
    OPTION_TOPIC("Which key is made, and where"),
    {"token", 0, KEYGEN(URI, uri), "URI", "RFC 7512 URI of the token (else ENSIGN_TOKEN)"},
    {"label", 0, KEYGEN(TEXT, label), "L", "CKA_LABEL of the new key"},
    {"id", 0, KEYGEN(TEXT, id), "HEX", "CKA_ID of the new key (default: 20 bytes of MRSIGNER)"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"pubkey", 0, KEYGEN(BESIDE_ONCE, pubkey), "FILE", "write the public key as well, PEM"},
    {"force", 0, KEYGEN(FLAG, force), NULL, "replace an existing public key file"},
    {"json", 0, KEYGEN(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_keygen = {
    .name = "keygen",
    .operands = "",
    .summary = "make a key in the token",
    .examples = "keygen --token pkcs11:token=ensign --label fresh \\\n"
                "    --pubkey fresh.pem",
    .see_also = "keys (what the token has), pubkey, destroy-key",
    .size = sizeof(struct keygen_options),
    .groups = {{keygen_rows, 0},
               {token_rows, offsetof(struct keygen_options, token)},
               {record_rows, offsetof(struct keygen_options, record)}},
    .prints = "the URI of the key",
    .run = run_keygen,
};
