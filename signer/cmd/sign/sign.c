/* sign: the air-gapped host's stage. 256 bytes in, 384 bytes out; several through one login. No zip, no JSON.
 * The order is always: parse, policy, approvals, token and key, review, confirmation, sign, verify, write. */
#include "signer/cmd/sign/sign.h"

#include <string.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/sign_batch.h"
#include "signer/flow/sign_review.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/notice.h"
#include "signer/ui/screen.h"

/* One run of sign, from the command line to the last signature. */
struct run {
    const struct command_line *line;
    const struct sign_options *args;
    struct requests requests;
    bool is_read;                  /* all requests are */
    bool is_recorded;              /* what the policy says of them */
    struct transcript_item *items; /* of `requests`, once they are read */
    struct policy *policy;         /* NULL: none is given */
    struct transcript *transcript; /* NULL: none is kept */
    struct consent consent;
    enum hsm_mechanism mechanism;
    struct output *out; /* one sign-data: where its signature goes */
    struct output *pubkey_out;
    struct signing_key signer;
    size_t was_there;   /* --out-dir: signed before this run */
    const char *answer; /* to the review; NULL: nobody was asked */
};

static void sign_free(struct run *r)
{
    signing_key_close(&r->signer);
    output_closep(&r->pubkey_out);
    output_closep(&r->out);
    consent_free(&r->consent);
    policy_freep(&r->policy);
    transcript_closep(&r->transcript);
    mem_free(r->items);
    requests_free(&r->requests);
}

/* ---- the command line ---- */

static bool check_sign_usage(struct run *r, struct ens_err *err)
{
    const struct sign_options *a = r->args;

    if (!token_require_key(&a->key.token, err))
        return false;
    if (r->line->operands_len > 1 && a->out_dir == NULL)
        return ens_fail(err, ENS_USAGE, "%zu sign-data are given: give --out-dir DIR for their signatures",
                        r->line->operands_len);
    if (a->out_dir != NULL && a->out.output != NULL)
        return ens_fail(err, ENS_USAGE, "--output names one signature and --out-dir many: give one of them");
    return signing_key_mechanism(a->key.mechanism, &r->mechanism, err) && signing_key_usage(&a->key, err);
}

/* ---- what is to be signed ---- */

static bool read_sign_requests(struct run *r, struct ens_err *err)
{
    const struct requests_wanted wanted = {.paths = r->line->operands,
                                           .len = r->line->operands_len,
                                           .out_dir = r->args->out_dir,
                                           .beside = r->args->pubkey,
                                           .blind = r->args->blind,
                                           .allow_unusual = r->args->allow_unusual};

    if (!requests_read(&wanted, &r->requests, err) ||
        !record_items(&r->requests, r->args->out.output, r->args->dry_run, &r->items, err))
        return false;
    record_requests(r->transcript, &r->requests);
    r->is_read = true;
    for (size_t i = 0; i < r->requests.len; i++) {
        if (!record_apart(r->transcript, r->requests.items[i].out_path, err))
            return false;
    }
    if (r->mechanism == HSM_SHA256_RSA_PKCS && requests_any_blind(&r->requests))
        return ens_fail(err, ENS_USAGE,
                        "--mechanism: sha256-rsa-pkcs hashes on the token, but only the digest is there: "
                        "give the sign-data");
    return true;
}

/* ---- policy and approvals ---- */

static bool check_sign_policy(struct run *r, struct ens_err *err)
{
    return sign_check_policy(r->policy, false, r->args->record.transcript != NULL, !r->args->yes,
                             &r->requests, err);
}

static bool judge_approvals(struct run *r, struct ens_err *err)
{
    const struct sign_approvals a = {.named = &r->args->approvals,
                                     .mrsigner = r->args->key.mrsigner,
                                     .transcript = r->args->record.transcript,
                                     .past = transcript_rejections(r->transcript),
                                     .policy = r->policy};

    return sign_judge_approvals(&a, &r->requests, &r->consent, err);
}

/* ---- before the token is woken: where things go, and who will be asked ---- */

/* What cannot be written to --out-dir is said before anything is signed; and what a killed run left there
 * goes. */
static bool prepare_out_dir(const struct run *r, struct ens_err *err)
{
    size_t swept = 0;

    for (size_t i = 0; r->args->out_dir != NULL && i < r->requests.len; i++) {
        ENS_CLEANUP(file_out_closep) struct file_out *probe = NULL;

        if (!file_out_open(r->requests.items[i].out_path, FILE_OUT_REPLACE, &probe, err))
            return false;
    }
    return r->args->out_dir == NULL || r->args->dry_run || file_sweep(r->args->out_dir, &swept, err);
}

static bool prepare_outputs(struct run *r, struct ens_err *err)
{
    const struct sign_options *a = r->args;
    /* A rehearsal needs no place, but says what is wrong with one. */
    bool is_one = a->out_dir == NULL && (a->out.output != NULL || !a->dry_run);

    if ((!a->yes && !a->dry_run && !screen_require(r->line->operands[0], "sign", err)) ||
        !prepare_out_dir(r, err) ||
        (is_one && !output_open(a->out.output, a->form.armor == NULL, a->out.force, &r->out, err)))
        return false;
    return a->pubkey == NULL || output_open(a->pubkey, false, a->out.force, &r->pubkey_out, err);
}

/* ---- token and key ---- */

static bool check_key_policy(struct run *r, struct ens_err *err)
{
    if (!consent_count(&r->consent, r->signer.mrsigner, &r->requests, err))
        return false;
    for (size_t i = 0; r->policy != NULL && i < r->requests.len; i++) {
        signing_key_policy(&r->signer, r->policy, &r->requests.items[i].outcome);
        if (!policy_met(&r->requests.items[i].outcome, err))
            return false;
    }
    return true;
}

static bool select_sign_key(struct run *r, struct ens_err *err)
{
    size_t items = r->args->dry_run ? 1 : r->requests.len;

    if (!signing_key_open(&r->args->key, items, &r->signer, err))
        return false;
    record_token(r->transcript, &r->signer.token);
    record_key(r->transcript, r->signer.selected, r->signer.mrsigner);
    record_dangers(r->transcript, &r->requests, r->signer.mrsigner);
    return signing_key_pin(&r->args->key, &r->signer, err) && check_key_policy(r, err);
}

/* ---- a run that was cut short can be repeated ---- */

/* Is there a signature already, and does it verify? Then it is kept: PKCS#1 v1.5 gives the same one again. */
static bool look_for_finished(struct run *r, struct request *q, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct ens_err why = {0};
    size_t times = file_input_times(q->out_path);
    bool is_read = armour_read(q->out_path, SIGNATURE_SIZE, ARMOUR_ONLY(ARMOUR_SIGNATURE), &file, &why);

    file_drop_input(q->out_path, times);
    if (!is_read) {
        if (why.code == ENS_NOINPUT)
            return true;
        /* Longer than a signature: it is none, and is replaced only if that was asked for. */
        if (why.code == ENS_DATA && r->args->out.force)
            return true;
        *err = why;
        return false;
    }
    if (file.len == SIGNATURE_SIZE && !rsa3072_verify(&r->signer.key, q->digest, file.data, &q->is_done, err))
        return false;
    if (q->is_done)
        memcpy(q->signature, file.data, sizeof q->signature);
    if (!q->is_done && !r->args->out.force)
        return ens_fail(err, ENS_CANTCREAT,
                        "%s: exists and is not a signature of this key over %s: remove it, or give --force",
                        q->out_path, q->path);
    return true;
}

static bool find_finished(struct run *r, struct ens_err *err)
{
    for (size_t i = 0; r->args->out_dir != NULL && i < r->requests.len; i++) {
        if (!look_for_finished(r, &r->requests.items[i], err))
            return false;
    }
    return true;
}

/* ---- review and confirmation ---- */

static bool review_requests(struct run *r, struct ens_err *err)
{
    const struct hsm_token *t = r->signer.token.token;
    const struct hsm_key *key = r->signer.selected;
    ENS_CLEANUP(mem_freep)
    char *text = mem_printf(err, "%s, token %s, serial %s", key->label, t->label, t->serial);
    const struct sign_review s = {.requests = &r->requests,
                                  .policy = r->policy,
                                  .policy_path = r->args->policy,
                                  .consent = &r->consent,
                                  .mrsigner = r->signer.mrsigner,
                                  .out_dir = r->args->out_dir,
                                  .key_label = "Key",
                                  .key_text = text,
                                  .asks_each = key->always_authenticate == HSM_YES,
                                  .yes = r->args->yes,
                                  .dry_run = r->args->dry_run};

    if (text == NULL || !sign_review(&s, &r->answer, err))
        return false;
    record_confirmation(r->transcript, r->args->yes, r->answer);
    return true;
}

/* ---- sign, verify, write ---- */

static bool write_pubkey(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};

    return r->pubkey_out == NULL || (rsa3072_write_pubkey(&r->signer.key, &pem, err) &&
                                     output_commit(r->pubkey_out, buf_view(&pem), err));
}

/* The only sign-data, whose signature may go to stdout. */
static bool write_single(const struct run *r, const struct request *q, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct view result;

    if (!text_form_of(&r->args->form, ARMOUR_SIGNATURE, view_of(q->signature, sizeof q->signature), &text,
                      &result, err))
        return false;
    return q->out_path != NULL
               ? file_write_atomic(q->out_path, r->args->out.force ? FILE_OUT_REPLACE : FILE_OUT_NEW, result,
                                   err)
               : output_commit(r->out, result, err);
}

static bool sign_single(struct run *r, struct ens_err *err)
{
    struct request *q = &r->requests.items[0];

    if (q->is_done)
        return true;
    if (!sign_batch_one(q, &r->signer, 0, r->mechanism, err))
        return false;
    q->is_written = write_single(r, q, err);
    return q->is_written;
}

static bool sign_requests(struct run *r, struct ens_err *err)
{
    /* What cannot be recorded is not signed. */
    record_rules(r->transcript, r->args->policy, r->policy, &r->consent, &r->requests, &r->is_recorded);
    if (!record_intent(r->transcript, r->items, r->requests.len, err))
        return false;
    if (r->requests.len == 1
            ? !sign_single(r, err)
            : !sign_batch(&r->requests, &r->args->form, r->args->out.force, &r->signer, r->mechanism, err))
        return false;
    return write_pubkey(r, err);
}

/* ---- the walk ---- */

static bool sign_walk(struct run *r, struct ens_err *err)
{
    if (!read_sign_requests(r, err) || !consent_policy(r->args->policy, &r->policy, err) ||
        !check_sign_policy(r, err) || !judge_approvals(r, err) || !prepare_outputs(r, err) ||
        !select_sign_key(r, err) || !find_finished(r, err) || !review_requests(r, err))
        return false;
    r->was_there = r->requests.len - requests_waiting(&r->requests);
    return r->args->dry_run || sign_requests(r, err);
}

/* However it ended, there is a record. */
static bool end_sign(struct run *r, bool ok, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct transcript_result *results = NULL;
    struct record_end last = {.items = r->items, .len = r->is_read ? r->requests.len : 0};
    struct ens_err why = {0};

    if (r->transcript == NULL)
        return ok;
    results = mem_alloc(last.len, sizeof *results, ok ? err : &why);
    if (results == NULL)
        return false;
    if (r->is_read) {
        record_rules(r->transcript, r->args->policy, r->policy, &r->consent, &r->requests, &r->is_recorded);
        record_results(&r->requests, results);
    }
    last.results = results;
    token_calls(&r->signer.token, &last.started, &last.completed);
    return record_end(r->transcript, &last, ok, err);
}

static bool run_sign(const struct command_line *line, struct ens_err *err)
{
    const struct sign_options *args = line->options;
    ENS_CLEANUP(sign_free) struct run r = {.line = line, .args = args};

    if (!check_sign_usage(&r, err) || !record_open(line, &args->record, &r.transcript, err))
        return false;
    if (!end_sign(&r, sign_walk(&r, err), err))
        return false;
    const struct sign_document document = {
        .args = args,
        .requests = &r.requests,
        .policy = r.policy,
        .consent = &r.consent,
        .signer = &r.signer,
        .answer = r.answer,
        .head = r.transcript != NULL ? transcript_head(r.transcript) : NULL,
    };

    sign_success(args, &r.requests, &r.signer, r.was_there, document.head);
    return sign_print(&document, err);
}

#define SIGN(KIND, member) OPTION(KIND, struct sign_options, member)

static const struct option sign_rows[] = {
    OPTION_TOPIC(TOPIC_KEY),
    {"key", 0, SIGN(URI, key.token.key), "URI", "RFC 7512 URI of the private key (else ENSIGN_KEY)"},
    {"mrsigner", 0, SIGN(ONCE, key.mrsigner), "HEX", "sign only with the key that has this MRSIGNER"},
    {"mechanism", 0, SIGN(TEXT, key.mechanism), "NAME", "auto (default), rsa-pkcs or sha256-rsa-pkcs"},
    OPTION_TOPIC("What may be signed"),
    {"policy", 0, SIGN(FILE_ONCE, policy), "FILE", "sign only what this policy allows"},
    {"approval", 0, SIGN(FILES, approvals), "FILE",
     "an approval that the policy counts, or a directory of them; may be given several times"},
    {"dry-run", 0, SIGN(FLAG, dry_run), NULL, "do everything but sign"},
    {"yes", 0, SIGN(FLAG, yes), NULL, "do not ask for confirmation"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"blind", 0, SIGN(FLAG, blind), NULL, "sign a 32-byte digest that nobody can review"},
    {"allow-unusual", 0, SIGN(FLAG, allow_unusual), NULL, "sign fields that are refused as unusual"},
    OPTION_TOPIC(TOPIC_TOKEN),
    {"sessions", 0, SIGN(TEXT, key.token.sessions), "N",
     "how many sessions sign at a time, each with a login of its own (1)"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"out-dir", 0, SIGN(OUT_DIR, out_dir), "DIR", "write NAME.sig for each sign-data into DIR"},
    {"pubkey", 0, SIGN(BESIDE_ONCE, pubkey), "FILE", "write the public key as well, PEM"},
    {"json", 0, SIGN(FLAG, json), NULL, "one JSON document: the review, and what was written"},
    {0},
};

const struct command cmd_sign = {
    .name = "sign",
    .operands = "SIGN-DATA...",
    .summary = "review sign-data, sign it with the token's key",
    .examples = "sign --key pkcs11:object=release -o app.sig app.signdata\n"
                "sign --key pkcs11:object=release --policy release.policy \\\n"
                "    --approval approvals --transcript room.log -o app.sig app.signdata",
    .see_also =
        "check (will it be signed?), approve (who says yes), set-sig (what is done with the signature)",
    .size = sizeof(struct sign_options),
    .groups = {{sign_rows, 0},
               {token_rows, offsetof(struct sign_options, key.token)},
               {record_rows, offsetof(struct sign_options, record)},
               {output_rows, offsetof(struct sign_options, out)},
               {text_form_rows, offsetof(struct sign_options, form)}},
    .min = 1,
    .max = SIZE_MAX,
    .has_result = true,
    .run = run_sign,
};
