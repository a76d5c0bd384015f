/* show: any artifact, recognised by content. Containers are in show_container.c, which only ensign links. */
#include "signer/cmd/show/show.h"

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"
#include "signer/ceremony/approval.h"
#include "signer/ceremony/armour.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/artifact.h"
#include "signer/sgx/rsa3072.h"

static bool show_css(struct report *r, const struct sigstruct *css, bool has_signature, struct ens_err *err)
{
    struct show_judged judged = {0};

    if (!show_judge(css, has_signature, &judged, err))
        return false;
    if (has_signature)
        show_verdict(r, true, SHOW_NOT_MEASURED, &judged.found);
    if (!show_dangers(r, &judged, err))
        return false;
    show_sigstruct(r, css, has_signature ? judged.mrsigner : NULL);
    if (has_signature)
        show_valid(r, &judged.found);
    else
        show_findings(r, &judged.found);
    return true;
}

static bool show_sigstruct_file(struct report *r, const char *path, struct view bytes, struct ens_err *err)
{
    struct sigstruct css;

    if (!sigstruct_parse(bytes, path, &css, err))
        return false;
    bool has_signature = !sigstruct_is_unsigned(&css);

    show_begin(r, "SIGSTRUCT", has_signature ? "sigstruct" : "unsigned-sigstruct", path,
               has_signature ? ", 1808 bytes" : ", 1808 bytes, not signed yet");
    return show_css(r, &css, has_signature, err);
}

static bool show_signdata_file(struct report *r, const char *path, struct view bytes, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf words = {0};
    struct sigstruct css;
    uint8_t digest[32];

    if (!signdata_parse(bytes, path, &css, err) || !signdata_digest(&css, digest, err) ||
        !review_rows_of_words(digest, &words, err))
        return false;
    show_begin(r, "Sign-data", "sign-data", path, ", 256 bytes, not signed yet");
    if (!show_css(r, &css, false, err))
        return false;
    report_hash(r, "digest", "SHA-256 to be signed", view_of(digest, sizeof digest));
    report_lines(r, buf_view(&words));
    return true;
}

static bool show_pubkey_file(struct report *r, const char *path, struct view bytes, struct ens_err *err)
{
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (!rsa3072_read_pubkey(bytes, path, &key, err) || !rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    show_begin(r, "Public key", "public-key", path, "");
    report_note(r, "Key", "RSA-%d, public exponent %d", PUBKEY_BITS, PUBKEY_EXPONENT);
    report_uint(r, "bits", NULL, PUBKEY_BITS);
    report_uint(r, "exponent", NULL, PUBKEY_EXPONENT);
    report_hex(r, "modulus", NULL, view_of(key.modulus, sizeof key.modulus));
    show_signer(r, mrsigner);
    return true;
}

/* A signature or a digest: nothing is known of it but its bytes. */
static bool show_opaque(struct report *r, const char *path, const char *heading, const char *kind,
                        struct view bytes)
{
    char hex[2 * SIGNATURE_SIZE + 1];

    hex_encode(hex, bytes);
    show_begin(r, heading, kind, path, bytes.len == SIGNATURE_SIZE ? ", 384 bytes" : ", 32 bytes");
    report_text(r, "bytes", NULL, hex);
    if (r->is_grouped && bytes.len <= HEX_OF_MAX)
        report_line(r, "  %s", hex_for(bytes, true).text);
    else
        report_line(r, "  %s", hex);
    return true;
}

/* A text whose first line nobody wrote for ensign, or bytes of no known size. */
static bool fail_unknown(const char *path, struct view bytes, struct ens_err *err)
{
    if (bytes.len == 0)
        return ens_fail(err, ENS_DATA, "%s: empty: the file has no bytes: name the right file", path);
    if (magic_mistake(bytes) != NULL)
        return ens_fail(err, ENS_DATA, "%s: is not a container, but %s", path, magic_mistake(bytes));
    return ens_fail(err, ENS_DATA,
                    "%s: no-header: is not a bundle, SGXS stream, enclave ELF file, SIGSTRUCT (1808 bytes), "
                    "sign-data (256), public key, policy, approvers, revoked or armour: it has %zu%s bytes",
                    path, bytes.len, bytes.len >= ARTIFACT_HEAD_MAX ? " or more" : "");
}

/* What is recognised by its form or its size. */
static bool show_bytes(struct report *r, const char *path, struct view bytes, struct ens_err *err)
{
    if (approval_recognise(bytes))
        return show_approval(r, path, bytes, err);
    if (bytes.len == SIGNDATA_SIZE)
        return show_signdata_file(r, path, bytes, err);
    if (sigstruct_recognise(bytes) || bytes.len == SIGSTRUCT_SIZE)
        return show_sigstruct_file(r, path, bytes, err);
    if (rsa3072_recognise(bytes))
        return show_pubkey_file(r, path, bytes, err);
    if (bytes.len == SIGNATURE_SIZE)
        return show_opaque(r, path, "Signature", "signature", bytes);
    if (bytes.len == 32)
        return show_opaque(r, path, "Digest", "digest", bytes);
    return fail_unknown(path, bytes, err);
}

/* ---- armour ---- */

/* The armour is whole, whatever became of what is inside. */
static bool show_inside(struct report *r, const char *path, struct view bytes, struct ens_err *err)
{
    struct ens_err why = {0};
    uint8_t sum[DIGEST_SIZE];

    if (show_bytes(r, path, bytes, &why))
        return true;
    if (why.code != ENS_DATA) {
        *err = why;
        return false;
    }
    if (!digest_of(DIGEST_SHA256, bytes, sum, err))
        return false;
    report_text(r, "problem", NULL, why.msg);
    report_hash(r, "sha256", "SHA-256", view_of(sum, sizeof sum));
    report_line(r, "warning: %s", why.msg);
    return true;
}

static bool show_armour(struct report *r, const struct artifact *a, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(buf_free) struct buf inside = {0};
    enum armour_kind kind = ARMOUR_KINDS;

    if (!artifact_read(a, ARMOUR_TEXT_MAX, &file, err))
        return ens_wrap(err, "too-large");
    if (!armour_decode(buf_view(&file), a->path, ARMOUR_EVERY, &kind, &inside, err))
        return false;
    report_line(r, "Armour: %s, %zu bytes", armour_name(kind), inside.len);
    report_text(r, "armour", NULL, armour_name(kind));
    report_uint(r, "size", NULL, inside.len);
    return show_inside(r, a->path, buf_view(&inside), err);
}

/* ---- any file ---- */

static bool show_file(struct report *r, const struct show_options *args, struct artifact *a,
                      show_container_fn *container, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct view v = artifact_head(a);
    bool is_done = false;

    if (a->kind == ARTIFACT_APPROVAL)
        return artifact_read(a, APPROVAL_FILE_MAX, &file, err) &&
               show_approval(r, a->path, buf_view(&file), err);
    if (!show_ceremony(r, a, &is_done, err))
        return false;
    if (is_done)
        return true;
    if (a->kind == ARTIFACT_TRANSCRIPT)
        return ens_fail(err, ENS_DATA, "%s: is a transcript: run ensign transcript %s", a->path, a->path);
    if (a->kind == ARTIFACT_QUORUM)
        return show_quorum(r, a, err);
    if (armour_is(v))
        return show_armour(r, a, err);
    if (artifact_holds_enclave(a->kind))
        return container(r, args, a, err);
    if (a->len == ARTIFACT_HEAD_MAX && !artifact_read(a, RSA3072_KEY_FILE_MAX, &file, err))
        return err->code == ENS_DATA && fail_unknown(a->path, v, err);
    if (file.len > 0)
        v = buf_view(&file);
    if (a->kind == ARTIFACT_SIGSTRUCT && v.len != SIGNDATA_SIZE)
        return show_sigstruct_file(r, a->path, v, err);
    return show_bytes(r, a->path, v, err);
}

bool show_run(const struct command_line *line, show_container_fn *container, struct ens_err *err)
{
    const struct show_options *args = line->options;
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(report_free) struct report r;

    report_begin(&r, args->json ? REPORT_JSON : REPORT_TEXT, SHOW_LABEL);
    if (line->operands_len > 1)
        return show_set(&r, line->operands, line->operands_len, err) && report_print(&r, err);
    return artifact_open(line->operands[0], &a, err) && show_file(&r, args, &a, container, err) &&
           report_print(&r, err);
}

static bool refuse_container(struct report *r, const struct show_options *args, struct artifact *a,
                             struct ens_err *err)
{
    (void)r;
    (void)args;
    return ens_fail(err, ENS_DATA,
                    "%s: is %s, and ensign-offline opens no enclave: use ensign show on the build host",
                    a->path, artifact_kind_name(a->kind));
}

/* ---- the command, as ensign-offline has it ---- */

static bool run_show(const struct command_line *line, struct ens_err *err)
{
    return show_run(line, refuse_container, err);
}

#define SHOW(KIND, member) OPTION(KIND, struct show_options, member)

const struct option show_rows[] = {
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-large", 0, SHOW(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, SHOW(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_show = {SHOW_COMMAND, .groups = {{show_rows, 0}}, .run = run_show};
