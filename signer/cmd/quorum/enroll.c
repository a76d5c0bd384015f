/* quorum enroll: a sealing key for one holder, in a token or in software, proven by opening what was sealed to it, and
 * the card that a dealer seals the holder's share to. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/flow/pin.h"
#include "signer/flow/record.h"
#include "signer/flow/sealing_key.h"
#include "signer/quorum/lines.h"
#include "signer/quorum/number.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"

struct enroll_options {
    struct token_options token;
    struct record_options record;
    struct output_options out; /* the card */
    const char *name, *uri, *label, *id;
    const char *identity;
};

/* One run of quorum enroll. */
struct run {
    const struct enroll_options *args;
    struct token_session token;
    struct transcript *transcript; /* NULL: none is kept */
    struct output *card_out, *identity_out;
    struct buf identity; /* the file */
    uint8_t id[TOKEN_ID_MAX];
    size_t id_len;
    const struct hsm_key *key; /* the new one in the token; NULL: none yet */
    struct quorum_card card;
    bool is_proved; /* and nobody interrupted it: the key stays */
};

static void enroll_free(struct run *r)
{
    token_close(&r->token);
    output_closep(&r->card_out);
    output_closep(&r->identity_out);
    transcript_closep(&r->transcript);
    buf_free(&r->identity);
}

/* ---- in a token ---- */

/* 32 bytes are sealed to the key, and the token opens them. */
static bool opens(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret opened = {0};
    uint8_t plain[SEAL_FILE_KEY] = {0};
    uint8_t wrapped[QUORUM_WRAPPED_MAX];
    unsigned len = 0;

    if (getrandom(plain, sizeof plain, 0) != (ssize_t)sizeof plain)
        return ens_fail(err, ENS_RESOURCE, "the system gives no random bytes: repeat the command");
    if (!seal_wrap(&r->card, view_of(plain, sizeof plain), wrapped, &len, err) ||
        !token_decrypt(&r->token, r->card.oaep == QUORUM_OAEP_SHA1 ? HSM_OAEP_SHA1 : HSM_OAEP_SHA256,
                       view_of(wrapped, len), &opened, err))
        return false;
    return view_equal(view_of(opened.data, opened.len), view_of(plain, sizeof plain)) ||
           ens_fail(err, ENS_BADKEY,
                    "key '%s': the token opened something else than was sealed: use another token",
                    r->key->label);
}

/* With SHA-256, else with SHA-1: both are sound in OAEP, and not every token has the first. A key that opens neither is
 * destroyed again. */
static bool prove_token(struct run *r, struct ens_err *err)
{
    struct ens_err destroying = {0};
    bool ok = sealing_key_read(r->key, &r->card, err);

    if (ok) {
        ok = opens(r, err);
        if (!ok && err->code == ENS_BADKEY) {
            r->card.oaep = QUORUM_OAEP_SHA1;
            ok = opens(r, err);
        }
    }
    r->is_proved = ok && interrupt_check(err);
    if (r->is_proved)
        return true;
    if (hsm_destroy_generated(r->token.hsm, &destroying))
        return ens_wrap(err, "the new key could not be proven, it was destroyed again");
    return ens_wrap(err, "the new key could not be proven, and %s: '%s'", destroying.msg, r->key->uri);
}

static bool make_in_token(struct run *r, struct ens_err *err)
{
    const struct enroll_options *args = r->args;
    const struct hsm_generate_args generate = {
        .is_sealing = true, .label = args->label, .id = view_of(r->id, r->id_len)};

    if (!token_open(&args->token, "--token", args->uri, &r->token, err))
        return false;
    record_token(r->transcript, &r->token);
    transcript_put(r->transcript, "creates", r->token.token->label, args->label, args->id);
    return record_intent(r->transcript, NULL, 0, err) &&
           hsm_generate(r->token.hsm, &generate, &r->key, err) && prove_token(r, err);
}

/* ---- in software ---- */

/* Asked for twice at the terminal. */
static bool read_passphrase(const struct run *r, struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret again = {0};
    const char *source = r->args->token.pin_source;

    if (!pin_read(source, false, "New passphrase, 12 characters at least", ret, err))
        return false;
    if (source != NULL && strcmp(source, "tty") != 0)
        return true;
    if (!pin_read(source, false, "The same passphrase again", &again, err))
        return false;
    return view_equal(view_of(ret->data, ret->len), view_of(again.data, again.len)) ||
           ens_fail(err, ENS_PIN, "%s: the two passphrases differ: nothing was made", r->args->identity);
}

/* What was written is opened before it is kept. */
static bool make_identity(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct quorum_identity *identity = mem_alloc(1, sizeof *identity, err);
    ENS_CLEANUP(secret_wipe) struct secret passphrase = {0};
    ENS_CLEANUP(seal_key_freep) struct seal_key *opened = NULL;

    if (identity == NULL || !number_lock_memory(err))
        return false;
    sealing_key_warn_of_swap(r->args->identity);
    if (!read_passphrase(r, &passphrase, err) || !record_intent(r->transcript, NULL, 0, err) ||
        !seal_identity_new(&passphrase, SEAL_LOG2N, identity, &r->card, err) ||
        !seal_identity_open(identity, &passphrase, &opened, err) || !interrupt_check(err))
        return ens_wrap(err, "%s", r->args->identity);
    return quorum_write(identity, &r->identity, err) &&
           output_commit(r->identity_out, buf_view(&r->identity), err);
}

/* ---- the card ---- */

static bool say_card(const struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf words = {0};

    if (!review_rows_of_words(r->card.key, &words, err))
        return false;
    if (r->key != NULL)
        notice_say("Made the sealing key %s in token %s; it opens what is sealed with %s.", r->key->label,
                   r->token.token->label, r->card.oaep == QUORUM_OAEP_SHA1 ? "OAEP SHA-1" : "OAEP SHA-256");
    else
        notice_say("%s: a new sealing key, under the passphrase. A token would be safer.", r->args->identity);
    notice_hash(view_of(r->card.key, QUORUM_ID), "Fingerprint");
    notice_text(buf_view(&words));
    notice_say("The dealer seals to this card: whoever brings another one in your name gets your share.");
    notice_say("Bring the card yourself, and read these words aloud at the dealing and at the check.");
    notice_say("The key opens your share and signs no enclave. If it is lost, so is the share.");
    return true;
}

static bool write_card(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    (void)snprintf(r->card.name, sizeof r->card.name, "%s", r->args->name);
    if (!quorum_write(&r->card, &file, err) || !quorum_record_card(r->transcript, 0, &r->card, err))
        return false;
    transcript_put(r->transcript, "spki", hex_of(view_of(r->card.key, QUORUM_ID)).text);
    if (!output_commit(r->card_out, buf_view(&file), err))
        return ens_wrap(err, "the key was made, but not its card");
    return say_card(r, err);
}

static bool enroll_walk(struct run *r, struct ens_err *err)
{
    const struct enroll_options *args = r->args;

    if (args->identity != NULL)
        (void)umask(077);
    if (!output_open(args->out.output, false, args->out.force, &r->card_out, err) ||
        (args->identity != NULL && !output_open(args->identity, false, false, &r->identity_out, err)))
        return false;
    return (args->identity != NULL ? make_identity(r, err) : make_in_token(r, err)) && write_card(r, err);
}

/* ---- the command line ---- */

static bool check_usage(struct run *r, struct ens_err *err)
{
    const struct enroll_options *args = r->args;

    if (args->name == NULL)
        return ens_fail(err, ENS_USAGE, "--name: is missing: name the holder");
    if (!lines_name_valid(view_of_string(args->name)))
        return ens_fail(
            err, ENS_USAGE,
            "--name: '%s' is no name for a holder: give 1 to %d of A-Z a-z 0-9 . _ ( ) @ ' - and single "
            "blanks, a letter or digit first",
            args->name, QUORUM_NAME_MAX);
    if ((args->uri != NULL) == (args->identity != NULL))
        return ens_fail(err, ENS_USAGE,
                        "--token: give either --token URI with --label L, or --identity FILE");
    if (args->identity != NULL) {
        bool is_alone = args->label == NULL && args->id == NULL && strcmp(args->identity, "-") != 0;

        return is_alone || ens_fail(err, ENS_USAGE, "--identity: names a file, and has no label or id");
    }
    if (args->label == NULL || args->label[0] == '\0')
        return ens_fail(err, ENS_USAGE, "--label: is missing: give the key a name");
    return token_parse_id(args->id, r->id, &r->id_len, err) &&
           token_usage(&args->token, "--token", args->uri, err);
}

static bool run_enroll(const struct command_line *line, struct ens_err *err)
{
    const struct enroll_options *args = line->options;
    ENS_CLEANUP(enroll_free) struct run r = {.args = args};

    if (!check_usage(&r, err) || !record_open(line, &args->record, &r.transcript, err))
        return false;
    bool ok = enroll_walk(&r, err);

    return record_end(r.transcript, &(struct record_end){0}, ok, err);
}

#define ENROLL(KIND, member) OPTION(KIND, struct enroll_options, member)

static const struct option enroll_rows[] = {
    OPTION_TOPIC("Who the holder is"),
    {"name", 0, ENROLL(ONCE, name), "NAME", "the holder's name, as it will stand in the quorum's file"},
    OPTION_TOPIC("Where the sealing key is made"),
    {"token", 0, ENROLL(URI_SAID, uri), "URI", "RFC 7512 URI of the token that makes the key"},
    {"label", 0, ENROLL(TEXT, label), "L", "CKA_LABEL of the new key"},
    {"id", 0, ENROLL(TEXT, id), "HEX", "CKA_ID of the new key"},
    {"identity", 0, ENROLL(BESIDE_ONCE, identity), "FILE",
     "no token: write the key there, under a passphrase"},
    {0},
};

const struct command cmd_quorum_enroll = {
    .name = "quorum enroll",
    .operands = "",
    .summary = "make a sealing key for one holder, and the holder's card",
    .examples = "quorum enroll --name alice --identity alice.identity \\\n"
                "    -o alice.card",
    .see_also = "quorum deal (which takes the cards)",
    .size = sizeof(struct enroll_options),
    .groups = {{enroll_rows, 0},
               {token_rows, offsetof(struct enroll_options, token)},
               {output_rows, offsetof(struct enroll_options, out)},
               {record_rows, offsetof(struct enroll_options, record)}},
    .run = run_enroll,
};
