/* set-sig: the build host's last stage. Enclave, sign-data, signature and public key become a finished
 * SIGSTRUCT, which is judged from its bytes alone and attached. */
#include <stdio.h>
#include <string.h>

#include "bundle/open.h"
#include "signer/base/date.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/beside.h"
#include "signer/flow/dangers.h"
#include "signer/flow/enclave.h"
#include "signer/flow/fields.h"
#include "signer/flow/install.h"
#include "signer/sgx/diagnose.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_sign.h"
#include "signer/sgx/verify.h"
#include "signer/ui/clock.h"
#include "signer/ui/output.h"
#include "signer/ui/progress.h"
#include "signer/ui/report.h"

struct set_sig_options {
    struct fields_options fields;
    struct beside_options beside;
    struct output_options out;
    const char *sign_data;
    const char *to; /* for the SIGSTRUCT */
    bool ephemeral_key, json;
};

/* The operands: ENCLAVE, and the others by what they hold. */
struct given {
    struct artifact enclave; /* for --from, beside what `struct enclave` has of it */
    struct buf file;         /* SIGNATURE or SIGSTRUCT; empty with --ephemeral-key */
    bool is_sigstruct;       /* a finished SIGSTRUCT */
    struct pubkey key;
    const char *name;     /* of the file, for messages */
    const char *key_name; /* of PUBKEY; NULL: not given */
};

static void given_free(struct given *g)
{
    artifact_close(&g->enclave);
    buf_free(&g->file);
}

/* ---- what the command line means ---- */

static bool check_set_sig_usage(const struct command_line *line, struct ens_err *err)
{
    const struct set_sig_options *args = line->options;
    bool has_options = params_any(&args->fields.params) || args->fields.from != NULL;

    if (args->ephemeral_key && line->operands_len != 1)
        return ens_fail(err, ENS_USAGE,
                        "--ephemeral-key: makes the signature itself: leave out SIGNATURE and PUBKEY");
    if (!args->ephemeral_key && line->operands_len == 1)
        return ens_fail(err, ENS_USAGE,
                        "%s: no signature is given, and none is made up: give SIGNATURE and PUBKEY, "
                        "or a SIGSTRUCT, or --ephemeral-key",
                        line->operands[0]);
    if (args->sign_data != NULL && has_options)
        return ens_fail(err, ENS_USAGE,
                        "--sign-data: holds every field already: leave out the SIGSTRUCT options");
    if (args->to != NULL && args->out.output != NULL)
        return ens_fail(err, ENS_USAGE,
                        "--to writes the SIGSTRUCT and --output the bundle: give one of them");
    return true;
}

/* Reads SIGNATURE and PUBKEY, or a SIGSTRUCT. */
static bool read_given(const struct command_line *line, struct given *ret, struct ens_err *err)
{
    const struct set_sig_options *args = line->options;
    ENS_CLEANUP(buf_free) struct buf key_file = {0};

    if (args->ephemeral_key)
        return true;
    ret->name = line->operands[1];
    if (!armour_read(ret->name, DIAGNOSE_FILE_MAX, ARMOUR_ONLY(ARMOUR_SIGNATURE), &ret->file, err))
        return false;
    ret->is_sigstruct = ret->file.len == SIGSTRUCT_SIZE;
    ret->key_name = line->operands_len == 3 ? line->operands[2] : NULL;
    if (!ret->is_sigstruct && ret->key_name == NULL)
        return ens_fail(err, ENS_USAGE, "%s: is not a finished SIGSTRUCT: give the public key as well",
                        ret->name);
    if (ret->is_sigstruct && (params_any(&args->fields.params) || args->fields.from != NULL))
        return ens_fail(err, ENS_USAGE, "%s: is a finished SIGSTRUCT: leave out the SIGSTRUCT options",
                        ret->name);
    if (ret->key_name == NULL)
        return true;
    return armour_read(ret->key_name, RSA3072_KEY_FILE_MAX, ARMOUR_ONLY(ARMOUR_PUBLIC_KEY), &key_file, err) &&
           rsa3072_read_pubkey(buf_view(&key_file), ret->key_name, &ret->key, err);
}

/* ---- the fields, and their agreement with the enclave ---- */

static bool check_mrenclave(const struct enclave *e, const struct sigstruct *css, const char *name,
                            struct ens_err *err)
{
    struct view hash = sigstruct_get(css, CSS_ENCLAVEHASH);

    struct view measured = view_of(enclave_mrenclave(e->sites), MRENCLAVE_SIZE);

    if (view_equal(hash, measured))
        return true;
    return ens_fail(err, ENS_DATA,
                    "%s: ENCLAVEHASH %s is not the MRENCLAVE of %s, %s: give the files of one enclave", name,
                    hex_of(hash).text, e->path, hex_of(measured).text);
}

static bool read_signdata_file(const char *path, struct sigstruct *ret, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;

    return artifact_open(path, &a, err) && fields_in_signdata(&a, ret, err);
}

static bool collect_fields(const struct set_sig_options *args, struct given *g, const struct enclave *e,
                           struct sigstruct *ret, struct notices *ret_notices, struct ens_err *err)
{
    struct sigstruct from;

    if (args->sign_data == NULL)
        return fields_check_from(&args->fields, e, err) &&
               fields_of_options(&args->fields, &g->enclave, e->sites, enclave_mrenclave(e->sites), ret,
                                 &from, ret_notices, err);
    if (!read_signdata_file(args->sign_data, ret, err) || !check_mrenclave(e, ret, args->sign_data, err))
        return false;
    /* MODE64BIT was decided, and signed, with the sign-data. */
    return args->fields.params.allow_unusual || params_check(ret, true, err) ||
           ens_wrap(err, "%s", args->sign_data);
}

/* ---- the signature makes them whole ---- */

/* The first dates that are tried, while they are. */
static void say_dates(const struct sigstruct *css)
{
    char line[80];
    struct date d;

    if (!date_of_bcd((uint32_t)sigstruct_get_int(css, CSS_DATE), &d))
        return;
    struct date before = date_of_days(date_to_days(d) - 1);

    (void)snprintf(line, sizeof line, "trying dates: %04u-%02u-%02u, %04u-%02u-%02u, ...", d.year, d.month,
                   d.day, before.year, before.month, before.day);
    progress_say(line);
}

/* DATE is the one field that changes by itself: without --date and --sign-data,
 * the signature says which it was. */
static bool recover_date(const struct set_sig_options *args, const struct given *g,
                         const uint8_t signature[static SIGNATURE_SIZE], struct sigstruct *css,
                         struct notices *ret_notices, struct ens_err *err)
{
    uint8_t signed_digest[32];
    uint8_t digest[32];
    char date[REVIEW_DATE_MAX];
    bool is_pkcs1 = false;
    bool found = false;

    if (args->sign_data != NULL || args->fields.params.date != NULL)
        return true;
    if (!diagnose_signed_digest(&g->key, signature, &is_pkcs1, signed_digest, err) ||
        !signdata_digest(css, digest, err))
        return false;
    if (!is_pkcs1 || memcmp(digest, signed_digest, sizeof digest) == 0)
        return true;
    say_dates(css);
    bool ok = diagnose_find_date(css, signed_digest, &found, err);

    progress_say(NULL);
    if (!ok)
        return false;
    return !found || notice_add(ret_notices, NOTICE_SAID, err, "DATE %s, recovered from the signature.",
                                review_date(css, date));
}

static bool finish_with_signature(const struct set_sig_options *args, const struct given *g,
                                  struct sigstruct *css, struct notices *ret_notices, struct ens_err *err)
{
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t digest[32];
    bool verified = false;

    if (!diagnose_read_signature(buf_view(&g->file), g->name, signature, err) ||
        !recover_date(args, g, signature, css, ret_notices, err) || !signdata_digest(css, digest, err) ||
        !rsa3072_verify(&g->key, digest, signature, &verified, err))
        return false;
    if (!verified)
        return diagnose_fail(&g->key, signature, css, g->name, err);
    return install_finish(&g->key, signature, css, err);
}

static bool finish_ephemeral(struct sigstruct *css, struct notices *ret_notices, struct ens_err *err)
{
    struct pubkey key;
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t digest[32];

    return notice_add(ret_notices, NOTICE_WARNING, err,
                      "--ephemeral-key: signing with a fresh key that is thrown away: nobody can sign an "
                      "update with it") &&
           signdata_digest(css, digest, err) && rsa3072_sign_ephemeral(digest, &key, signature, err) &&
           install_finish(&key, signature, css, err);
}

/* A SIGSTRUCT that came finished: it must be for this enclave, and of this key and these fields where they
 * are given. */
static bool take_finished(const struct set_sig_options *args, const struct given *g, const struct enclave *e,
                          struct sigstruct *ret, struct ens_err *err)
{
    struct sigstruct want;
    struct pubkey key;
    char field[DIAGNOSE_TEXT_MAX];

    if (!sigstruct_parse(buf_view(&g->file), g->name, ret, err) || !check_mrenclave(e, ret, g->name, err))
        return false;
    verify_key_of(ret, &key);
    if (g->key_name != NULL && memcmp(key.modulus, g->key.modulus, sizeof key.modulus) != 0)
        return ens_fail(err, ENS_DATA, "%s: was signed by another key than %s: give the key that signed",
                        g->name, g->key_name);
    if (args->sign_data == NULL)
        return true;
    if (!read_signdata_file(args->sign_data, &want, err))
        return false;
    if (diagnose_differ(&want, ret, field))
        return ens_fail(err, ENS_DATA, "%s: is not over %s: %s", g->name, args->sign_data, field);
    return true;
}

static bool make_sigstruct(const struct set_sig_options *args, struct given *g, const struct enclave *e,
                           struct sigstruct *ret, struct notices *ret_notices, struct ens_err *err)
{
    if (g->is_sigstruct)
        return take_finished(args, g, e, ret, err);
    if (!collect_fields(args, g, e, ret, ret_notices, err))
        return false;
    return args->ephemeral_key ? finish_ephemeral(ret, ret_notices, err)
                               : finish_with_signature(args, g, ret, ret_notices, err);
}

/* ---- the walk ---- */

/* Reads the enclave and makes the SIGSTRUCT that fits it, judged again from its bytes alone. */
static bool prepare(const struct set_sig_options *args, const struct beside *beside, const char *path,
                    struct given *g, struct enclave *e, struct sigstruct *ret, struct notices *ret_notices,
                    struct ens_err *err)
{
    if (!artifact_open(path, &g->enclave, err) ||
        !enclave_open(&g->enclave, args->fields.component, &beside->container, ENCLAVE_CHANGE, e, err) ||
        !artifact_keep(&g->enclave, container_fd(e->container), err) ||
        !enclave_require(e, args->fields.params.allow_unusual, ret_notices, err))
        return false;
    if (e->bundle == NULL && !e->sites->has_place && args->to == NULL)
        return ens_fail(err, ENS_USAGE, "%s: is a %s, which has no place for a signature: give --to FILE",
                        e->path,
                        container_kind(e->container) == CONTAINER_SGXS
                            ? "bare stream"
                            : container_kind_name(container_kind(e->container)));
    return make_sigstruct(args, g, e, ret, ret_notices, err) && install_judge_for(ret, e->path, err) &&
           install_fits(e, ret, ret_notices, err);
}

static void say_attached(const struct set_sig_options *args, const char *pubkey, const char *where)
{
    notice_say("%s: signed, SIGSTRUCT verified from %s.", where,
               args->to != NULL ? "its bytes alone" : "the file");
    if (args->to == NULL)
        notice_say("Next: ensign verify%s%s %s", pubkey != NULL ? " --pubkey " : "",
                   pubkey != NULL ? pubkey : "", where);
}

static bool print_attached(const struct command_line *line, const char *where, const struct sigstruct *css,
                           struct ens_err *err)
{
    const struct set_sig_options *args = line->options;
    ENS_CLEANUP(report_free) struct report j = {0};
    uint8_t mrsigner[MRSIGNER_SIZE];
    uint8_t digest[DIGEST_SIZE];
    struct findings dangers = {0};
    struct pubkey key;

    if (!args->json)
        return true;
    verify_key_of(css, &key);
    if (!rsa3072_mrsigner(&key, mrsigner, err) || !signdata_digest(css, digest, err))
        return false;
    review_dangers(
        &(struct review){.css = css, .mrsigner = mrsigner, .bit32 = true, .today = clock_danger_day()},
        &dangers);
    report_begin(&j, REPORT_JSON, 0);
    report_kind(&j, "set-sig");
    report_text(&j, "file", NULL, line->operands[0]);
    report_text(&j, "component", NULL, args->fields.component);
    report_text(&j, "output", NULL, where);
    report_hex(&j, "digest", NULL, view_of(digest, sizeof digest));
    report_hex(&j, "mrenclave", NULL, sigstruct_get(css, CSS_ENCLAVEHASH));
    report_hex(&j, "mrsigner", NULL, view_of(mrsigner, sizeof mrsigner));
    review_fields(css, &j);
    review_danger_report(&dangers, &j);
    return report_print(&j, err);
}

static bool run_set_sig(const struct command_line *line, struct ens_err *err)
{
    const struct set_sig_options *args = line->options;
    ENS_CLEANUP(beside_close) struct beside beside = BESIDE_NONE;
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    ENS_CLEANUP(given_free) struct given given = {.enclave = ARTIFACT_NONE};
    ENS_CLEANUP(output_closep) struct output *to = NULL;
    ENS_CLEANUP(install_free) struct install i = {0};
    struct notices notices = {0};
    struct sigstruct css;

    if (!check_set_sig_usage(line, err) || !read_given(line, &given, err) ||
        (args->to != NULL && !output_open(args->to, true, args->out.force, &to, err)))
        return false;
    enclave_allow_large(args->fields.allow_large);
    bool ok = beside_open(&args->beside, &beside, err) &&
              prepare(args, &beside, line->operands[0], &given, &e, &css, &notices, err);

    notice_all(&notices);
    if (!ok)
        return false;
    const char *where = to != NULL ? args->to : args->out.output != NULL ? args->out.output : e.path;

    if (!dangers_review_signed(&css, err))
        return false;
    ok = to != NULL
             ? output_commit(to, view_of(css.bytes, sizeof css.bytes), err)
             : install_open(e.path, container_fd(e.container), args->out.output, args->out.force, &i, err) &&
                   install_enclave(&i, &e, &(struct install_item){&e.sites[0], &css}, 1, &notices, err) &&
                   install_commit(&i, err);
    notice_all(&notices);
    if (!ok)
        return false;
    say_attached(args, given.key_name, where);
    return print_attached(line, where, &css, err);
}

#define SET_SIG(KIND, member) OPTION(KIND, struct set_sig_options, member)

static const struct option set_sig_rows[] = {
    OPTION_TOPIC("What was signed"),
    {"sign-data", 0, SET_SIG(FILE, sign_data), "FILE",
     "the sign-data that was signed, in place of SIGSTRUCT options"},
    {"ephemeral-key", 0, SET_SIG(FLAG, ephemeral_key), NULL, "sign with a fresh key that is thrown away"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"to", 0, SET_SIG(OUTPUT, to), "FILE", "write the SIGSTRUCT to a file, leave ENCLAVE as it is"},
    {"json", 0, SET_SIG(FLAG, json), NULL, "one JSON document about it"},
    {0},
};

/* What the command is under both of its names. */
#define SET_SIG_COMMAND                                                                                      \
    .operands = "ENCLAVE [SIGNATURE PUBKEY | SIGSTRUCT]", .size = sizeof(struct set_sig_options),            \
    .groups = {{set_sig_rows, 0},                                                                            \
               {fields_rows, offsetof(struct set_sig_options, fields)},                                      \
               {beside_rows, offsetof(struct set_sig_options, beside)},                                      \
               {edp_rows, offsetof(struct set_sig_options, beside.edp)},                                     \
               {output_rows, offsetof(struct set_sig_options, out)}},                                        \
    .min = 1, .max = 3, .in_place = "output", .run = run_set_sig

const struct command cmd_set_sig = {.name = "set-sig",
                                    .summary = "put the signature into the enclave's file",
                                    .host = COMMAND_BUILD,
                                    .examples =
                                        "set-sig --sign-data app.signdata app.orc app.sig release.pem\n"
                                        "set-sig --sign-data app.signdata --to app.css \\\n"
                                        "    app.orc app.sig release.pem",
                                    .see_also = "gen-sign-data, sign; verify (does it hold now?)",
                                    SET_SIG_COMMAND};
const struct command cmd_sgx_set_sig = {.name = "sgx-set-sig",
                                        .summary = "the same as set-sig",
                                        .host = COMMAND_AS_ORC,
                                        .examples = "sgx-set-sig -v 7 app.orc app.sig release.pem",
                                        .see_also = "set-sig",
                                        SET_SIG_COMMAND};
