/* pubkey: the public half of a token's key as PEM, and its MRSIGNER. With --x509 the key signs a certificate
 * of itself, for programs that take no bare key; the bytes are shown, and are no sign-data. */
#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/record.h"
#include "signer/flow/signing_key.h"
#include "signer/flow/text_form.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_cert.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"
#include "signer/ui/report.h"

/* What the token is about to sign. All of it follows from the key, so there is nothing to confirm. */
static void say_certificate(const uint8_t serial[static RSA3072_CERT_SERIAL_SIZE],
                            const uint8_t digest[static DIGEST_SIZE])
{
    char hex[2 * RSA3072_CERT_SERIAL_SIZE + 1];

    notice_say("The token signs a certificate of its own key: %d bytes that begin with 30 82, no sign-data.",
               RSA3072_CERT_TBS_SIZE);
    notice_say("  subject and issuer  CN=%s", RSA3072_CERT_NAME);
    hex_encode(hex, view_of(serial, RSA3072_CERT_SERIAL_SIZE));
    notice_say("  serial number       %s (from MRSIGNER)", hex);
    notice_say("  valid               20%s to %s, certifies nobody else", RSA3072_CERT_BEGINS,
               RSA3072_CERT_ENDS);
    notice_hash(view_of(digest, DIGEST_SIZE), "  SHA-256            ");
}

struct pubkey_options {
    struct token_options token;
    struct record_options record;
    struct output_options out;
    struct text_form_options form;
    bool x509, json;
};

/* One run of pubkey. */
struct run {
    const struct pubkey_options *args;
    struct token_session token;
    struct output *out;            /* NULL: --json alone prints it */
    struct transcript *transcript; /* NULL: none is kept */
    struct pubkey key;
    uint8_t signature[SIGNATURE_SIZE]; /* of the certificate */
    bool is_signed, is_written;
};

static void pubkey_free(struct run *r)
{
    token_close(&r->token);
    output_closep(&r->out);
    transcript_closep(&r->transcript);
}

/* Appends the certificate: laid out, shown, signed by the token, verified, put together, verified again. */
static bool make_certificate(struct run *r, struct buf *ret, struct ens_err *err)
{
    uint8_t serial[RSA3072_CERT_SERIAL_SIZE];
    uint8_t tbs[RSA3072_CERT_TBS_SIZE];
    struct transcript_item item = {
        .what = "certificate", .file = "", .output = r->args->out.output != NULL ? r->args->out.output : "-"};

    if (!rsa3072_cert_serial(&r->key, serial, err) || !rsa3072_cert_tbs(&r->key, tbs, err) ||
        !digest_of(DIGEST_SHA256, view_of(tbs, sizeof tbs), item.digest, err))
        return false;
    say_certificate(serial, item.digest);
    if (!record_intent(r->transcript, &item, 1, err))
        return false;
    r->is_signed =
        token_sign(&r->token, 0, HSM_AUTO, &r->key, item.digest, view_of(tbs, sizeof tbs), r->signature, err);
    return r->is_signed && interrupt_check(err) && rsa3072_cert_finish(&r->key, r->signature, ret, err);
}

/* The key alone: PEM, or the text form of its DER. */
static bool write_form(const struct run *r, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf der = {0};
    struct view text;

    if (r->args->form.armor == NULL)
        return rsa3072_write_pubkey(&r->key, ret, err);
    return rsa3072_write_spki(&r->key, &der, err) &&
           text_form_of(&r->args->form, ARMOUR_PUBLIC_KEY, buf_view(&der), ret, &text, err);
}

/* The key's file, its text as well, so that none is needed. */
static bool print_pubkey(const struct run *r, const struct hsm_key *key,
                         const uint8_t mrsigner[static MRSIGNER_SIZE], struct view text, struct ens_err *err)
{
    ENS_CLEANUP(report_free) struct report j = {0};

    if (!r->args->json)
        return true;
    report_begin(&j, REPORT_JSON, 0);
    report_kind(&j, "pubkey");
    signing_key_report(key, r->token.token, &j);
    report_hex(&j, "mrsigner", NULL, view_of(mrsigner, MRSIGNER_SIZE));
    report_text(&j, "known_public_key", NULL, known_key_owner(mrsigner));
    report_text(&j, "output", NULL, r->args->out.output);
    report_field(&j, "text", NULL, "%.*s", (int)text.len, (const char *)text.data);
    return report_print(&j, err);
}

static bool pubkey_walk(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    const struct pubkey_options *args = r->args;
    const struct hsm_key *selected = NULL;
    uint8_t mrsigner[MRSIGNER_SIZE];

    if ((args->json && !output_stdout_is_open(err)) ||
        ((!args->json || args->out.output != NULL) &&
         !output_open(args->out.output, false, args->out.force, &r->out, err)) ||
        !token_open_key(&args->token, 1, &r->token, &selected, err) ||
        !hsm_public_key(r->token.hsm, &r->key, err) || !rsa3072_mrsigner(&r->key, mrsigner, err))
        return false;
    record_token(r->transcript, &r->token);
    record_key(r->transcript, selected, mrsigner);
    notice_hash(view_of(mrsigner, sizeof mrsigner), "MRSIGNER");
    if (known_key_owner(mrsigner) != NULL)
        notice_warn("everybody can sign with this key: %s", known_key_owner(mrsigner));
    if (!(args->x509 ? make_certificate(r, &pem, err) : write_form(r, &pem, err)))
        return false;
    r->is_written = (r->out == NULL || output_commit(r->out, buf_view(&pem), err)) &&
                    print_pubkey(r, selected, mrsigner, buf_view(&pem), err);
    return r->is_written;
}

static bool run_pubkey(const struct command_line *line, struct ens_err *err)
{
    const struct pubkey_options *args = line->options;
    ENS_CLEANUP(pubkey_free) struct run r = {.args = args};

    if (!token_require_key(&args->token, err))
        return false;
    if (args->x509 && args->form.armor != NULL)
        return ens_fail(err, ENS_USAGE,
                        "--x509 makes a certificate, which is PEM, and --armor a key: give one of them");
    if (!token_usage(&args->token, "--key", args->token.key, err) ||
        !record_open(line, &args->record, &r.transcript, err))
        return false;
    bool ok = pubkey_walk(&r, err);

    return record_end_one(r.transcript, &r.token,
                          r.is_written  ? TRANSCRIPT_WRITTEN
                          : r.is_signed ? TRANSCRIPT_UNWRITTEN
                                        : TRANSCRIPT_FAILED,
                          r.is_signed ? r.signature : NULL, ok, err);
}

#define PUBKEY(KIND, member) OPTION(KIND, struct pubkey_options, member)

static const struct option pubkey_rows[] = {
    OPTION_TOPIC(TOPIC_KEY),
    {"key", 0, PUBKEY(URI, token.key), "URI", "RFC 7512 URI of the private key (else ENSIGN_KEY)"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"x509", 0, PUBKEY(FLAG, x509), NULL, "a self-signed X.509 certificate; the key signs it"},
    {"json", 0, PUBKEY(FLAG, json), NULL, "one JSON document, which has the PEM as well"},
    {0},
};

const struct command cmd_pubkey = {
    .name = "pubkey",
    .operands = "",
    .summary = "write a public key",
    .examples = "pubkey --key pkcs11:object=release -o release.pem\n"
                "pubkey --x509 --key pkcs11:object=release -o release.crt",
    .see_also = "keys, keygen; show (its MRSIGNER)",
    .size = sizeof(struct pubkey_options),
    .groups = {{pubkey_rows, 0},
               {token_rows, offsetof(struct pubkey_options, token)},
               {record_rows, offsetof(struct pubkey_options, record)},
               {output_rows, offsetof(struct pubkey_options, out)},
               {text_form_rows, offsetof(struct pubkey_options, form)}},
    .run = run_pubkey,
};
