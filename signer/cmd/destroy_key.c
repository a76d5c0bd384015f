/* destroy-key: the end of a key in a token: what it is, its label typed by a person, both halves destroyed, and read
 * back that they are gone. */
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/key_destroy.h"
#include "signer/flow/record.h"
#include "signer/flow/signing_key.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/notice.h"

struct destroy_key_options {
    struct token_options token;
    struct record_options record;
    bool json;
};

/* One run of destroy-key. */
struct run {
    const struct destroy_key_options *args;
    struct token_session token;
    struct transcript *transcript; /* NULL: none is kept */
    const struct hsm_key *key;
    char *name; /* what is typed */
    uint8_t mrsigner[MRSIGNER_SIZE];
};

static void destroy_key_free(struct run *r)
{
    token_close(&r->token);
    transcript_closep(&r->transcript);
    mem_free(r->name);
}

static bool describe_key(const struct run *r, struct buf *ret, struct ens_err *err)
{
    const struct hsm_token *t = r->token.token;
    const struct hsm_key *k = r->key;

    if (!text_line(ret, err, "Destroy this key?") || !text_line(ret, err, "  Key       %s", k->label) ||
        !text_line(ret, err, "  Id        %s", k->id_hex) ||
        !text_line(ret, err, "  Token     %s (%s, serial %s)", t->label, t->model, t->serial))
        return false;
    if (!k->has_pubkey)
        return text_line(ret, err, "  No key for enclaves: %s", k->why_not) &&
               text_line(ret, err,
                         "What was sealed to it cannot be opened any more, unless another token has it.");
    return text_line(ret, err, "  MRSIGNER  %s", hex_for(view_of(r->mrsigner, MRSIGNER_SIZE), true).text) &&
           review_rows_of_words(r->mrsigner, ret, err) &&
           text_line(ret, err,
                     "Nothing is signed under this MRSIGNER any more, unless another token has the key.");
}

/* `r->key` is gone with the key: the document is laid out before. */
static void fill_document(const struct run *r, struct report *j)
{
    report_begin(j, REPORT_JSON, 0);
    report_kind(j, "destroy-key");
    signing_key_report(r->key, r->token.token, j);
    report_hex(j, "mrsigner", NULL, view_of(r->mrsigner, r->key->has_pubkey ? MRSIGNER_SIZE : 0));
}

static bool destroy_key_walk(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(report_free) struct report j = {0};
    ENS_CLEANUP(buf_free) struct buf about = {0};

    if (!token_open_key(&r->args->token, 1, &r->token, &r->key, err))
        return false;
    const struct hsm_key *k = r->key;

    if (k->has_pubkey && !rsa3072_mrsigner(&k->pubkey, r->mrsigner, err))
        return false;
    const struct hex hex = hex_of(view_of(r->mrsigner, k->has_pubkey ? MRSIGNER_SIZE : 0));

    r->name = mem_strdup(k->label[0] != '\0' ? k->label : k->id_hex, err);
    if (r->name == NULL || !describe_key(r, &about, err))
        return false;
    record_token(r->transcript, &r->token);
    record_key(r->transcript, k, r->mrsigner);
    transcript_put(r->transcript, "destroys", hex.text, k->label);
    if (!key_destroy_ask(buf_view(&about), r->name, err))
        return false;
    record_confirmation(r->transcript, false, "label");
    fill_document(r, &j);
    if (!record_intent(r->transcript, NULL, 0, err) || !key_destroy(&r->token, r->transcript, err))
        return false;
    notice_say("Destroyed the key %s in token %s; read back: both halves are gone.", r->name,
               r->token.token->label);
    notice_say("Next: the same on every backup token; the head of the record into the minutes.");
    return !r->args->json || report_print(&j, err);
}

static bool run_destroy_key(const struct command_line *line, struct ens_err *err)
{
    const struct destroy_key_options *args = line->options;
    ENS_CLEANUP(destroy_key_free) struct run r = {.args = args};

    if (!token_require_key(&args->token, err) || !token_usage(&args->token, "--key", args->token.key, err) ||
        !key_destroy_usage(args->token.key, err) || !record_open(line, &args->record, &r.transcript, err))
        return false;
    bool ok = destroy_key_walk(&r, err);

    return record_end(r.transcript, &(struct record_end){0}, ok, err);
}

static const struct option destroy_key_rows[] = {
    OPTION_TOPIC(TOPIC_KEY),
    {"key", 0, OPTION(URI_SAID, struct destroy_key_options, token.key), "URI",
     "RFC 7512 URI of the private key"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, OPTION(FLAG, struct destroy_key_options, json), NULL, "one JSON document about it"},
    {0},
};

const struct command cmd_destroy_key = {
    .name = "destroy-key",
    .operands = "",
    .summary = "end a key in the token, by typing its label",
    .examples = "destroy-key --key pkcs11:object=old --transcript room.log",
    .see_also = "keys (what the token has), keygen",
    .size = sizeof(struct destroy_key_options),
    .groups = {{destroy_key_rows, 0},
               {token_rows, offsetof(struct destroy_key_options, token)},
               {record_rows, offsetof(struct destroy_key_options, record)}},
    .run = run_destroy_key,
};
