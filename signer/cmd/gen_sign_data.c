/* gen-sign-data: the build host's first stage. Enclave in, 256 bytes to be signed out.
 * sgx-gen-sign-data is orc's spelling, whose output is the SHA-256 of those bytes. */
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/beside.h"
#include "signer/flow/dangers.h"
#include "signer/flow/enclave.h"
#include "signer/flow/fields.h"
#include "signer/flow/install.h"
#include "signer/flow/text_form.h"
#include "signer/ui/clock.h"
#include "signer/ui/output.h"
#include "signer/ui/report.h"

struct gen_sign_data_options {
    struct fields_options fields;
    struct beside_options beside;
    struct output_options out;
    struct text_form_options form;
    const char *digest; /* for the SHA-256 */
    bool json;
};

static bool load_enclave(const struct fields_options *args, const struct beside *beside, struct artifact *a,
                         struct enclave *ret, uint8_t ret_mrenclave[static MRENCLAVE_SIZE],
                         struct notices *ret_notices, struct ens_err *err)
{
    if (!enclave_open(a, args->component, &beside->container, ENCLAVE_LOOK, ret, err) ||
        !enclave_require(ret, args->params.allow_unusual, ret_notices, err) ||
        !fields_check_from(args, ret, err))
        return false;
    memcpy(ret_mrenclave, enclave_mrenclave(ret->sites), MRENCLAVE_SIZE);
    return ret->sites->is_measured || fields_check_signed(&ret->sites->css, ret->path, err);
}

/* MRENCLAVE, measured; or, if the file holds no enclave, as the SIGSTRUCT in it says. `ret` stays empty for sign-data.
 * `file` stays open. */
static bool find_mrenclave(const struct fields_options *args, const struct beside *beside,
                           struct artifact *file, struct enclave *ret,
                           uint8_t ret_mrenclave[static MRENCLAVE_SIZE], struct notices *ret_notices,
                           struct ens_err *err)
{
    bool is_signdata = file->len == SIGNDATA_SIZE;
    struct sigstruct css;

    if (is_signdata && args->from != NULL) {
        if (!fields_in_signdata(file, &css, err))
            return false;
        memcpy(ret_mrenclave, sigstruct_get(&css, CSS_ENCLAVEHASH).data, MRENCLAVE_SIZE);
    } else if (!load_enclave(args, beside, file, ret, ret_mrenclave, ret_notices, err) ||
               !artifact_keep(file, container_fd(ret->container), err)) {
        return false;
    }
    return (ret->sites != NULL && ret->sites->is_measured) ||
           notice_add(ret_notices, NOTICE_SAID, err, "MRENCLAVE is taken from %s; it was not measured%s%s.",
                      file->path, is_signdata ? "" : ": ",
                      is_signdata ? "" : container_why_no_stream(ret->container));
}

/* Measures the enclave, builds the fields, shows them. */
static bool prepare_signdata(const struct gen_sign_data_options *options, const char *path,
                             struct sigstruct *ret_css, uint8_t ret_digest[static 32],
                             struct findings *ret_dangers, struct ens_err *err)
{
    const struct fields_options *args = &options->fields;
    ENS_CLEANUP(beside_close) struct beside beside = BESIDE_NONE;
    ENS_CLEANUP(artifact_close) struct artifact file = ARTIFACT_NONE;
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    struct notices notices = {0};
    struct findings measured = {0};
    struct sigstruct from = {0};
    uint8_t mrenclave[MRENCLAVE_SIZE];
    /* An ISVSVN that falls below that of --from is a danger. */
    const struct review review = {.css = ret_css,
                                  .digest = ret_digest,
                                  .bit32 = args->params.bit32,
                                  .today = clock_danger_day(),
                                  .before = args->from != NULL ? &from : NULL,
                                  .measured = &measured};

    enclave_allow_large(args->allow_large);
    bool ok = beside_open(&options->beside, &beside, err) && artifact_open(path, &file, err) &&
              find_mrenclave(args, &beside, &file, &e, mrenclave, &notices, err) &&
              fields_of_options(args, &file, e.sites, mrenclave, ret_css, &from, &notices, err) &&
              install_fits(&e, ret_css, &notices, err) && signdata_digest(ret_css, ret_digest, err);

    notice_all(&notices);
    if (!ok)
        return false;
    enclave_let_pass(&e, e.sites, &measured);
    review_dangers(&review, ret_dangers);
    return dangers_review(&review, err);
}

/* Under both names. */
static bool print_signdata(const struct gen_sign_data_options *args, const char *path,
                           const struct sigstruct *css, const uint8_t digest[static 32],
                           const struct findings *dangers, struct ens_err *err)
{
    ENS_CLEANUP(report_free) struct report j = {0};

    if (!args->json)
        return true;
    report_begin(&j, REPORT_JSON, 0);
    report_kind(&j, "gen-sign-data");
    report_text(&j, "file", NULL, path);
    report_text(&j, "component", NULL, args->fields.component);
    report_text(&j, "output", NULL, args->out.output);
    report_hex(&j, "digest", NULL, view_of(digest, 32));
    report_hex(&j, "mrenclave", NULL, sigstruct_get(css, CSS_ENCLAVEHASH));
    review_fields(css, &j);
    review_danger_report(dangers, &j);
    return report_print(&j, err);
}

static bool run_gen_sign_data(const struct command_line *line, struct ens_err *err)
{
    const struct gen_sign_data_options *args = line->options;
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    ENS_CLEANUP(output_closep) struct output *digest_out = NULL;
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct findings dangers = {0};
    struct sigstruct css;
    struct signdata data;
    char mrenclave[REVIEW_SHORT_MAX];
    uint8_t digest[32];
    struct view result;

    if (!output_open(args->out.output, args->form.armor == NULL, args->out.force, &out, err) ||
        (args->digest != NULL && !output_open(args->digest, true, args->out.force, &digest_out, err)))
        return false;
    if (!prepare_signdata(args, line->operands[0], &css, digest, &dangers, err))
        return false;
    signdata_extract(&css, &data);
    if (digest_out != NULL && !output_commit(digest_out, view_of(digest, sizeof digest), err))
        return false;
    if (!text_form_of(&args->form, ARMOUR_SIGN_DATA, view_of(data.bytes, sizeof data.bytes), &text, &result,
                      err) ||
        !output_commit(out, result, err))
        return false;
    notice_say("%s: %zu bytes for MRENCLAVE %s.", output_name(args->out.output), sizeof data.bytes,
               review_short(sigstruct_get(&css, CSS_ENCLAVEHASH).data, mrenclave));
    notice_say("Next: carry it to the signing host and to the reviewers.");
    return print_signdata(args, line->operands[0], &css, digest, &dangers, err);
}

static bool run_sgx_gen_sign_data(const struct command_line *line, struct ens_err *err)
{
    const struct gen_sign_data_options *args = line->options;
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    struct findings dangers = {0};
    struct sigstruct css;
    uint8_t digest[32];

    return output_open(args->out.output, true, args->out.force, &out, err) &&
           prepare_signdata(args, line->operands[0], &css, digest, &dangers, err) &&
           output_commit(out, view_of(digest, sizeof digest), err) &&
           print_signdata(args, line->operands[0], &css, digest, &dangers, err);
}

#define GEN_SIGN_DATA(KIND, member) OPTION(KIND, struct gen_sign_data_options, member)

static const struct option json_rows[] = {
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, GEN_SIGN_DATA(FLAG, json), NULL, "one JSON document about it"},
    {0},
};

static const struct option gen_sign_data_rows[] = {
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"digest", 0, GEN_SIGN_DATA(BESIDE, digest), "FILE",
     "write the SHA-256 of the sign-data as well, 32 bytes"},
    {"output", 'o', GEN_SIGN_DATA(OUTPUT, out.output), "FILE", "where the sign-data goes (- is stdout)"},
    {"force", 0, GEN_SIGN_DATA(FLAG, out.force), NULL, "replace an existing output"},
    {0},
};

const struct command cmd_gen_sign_data = {
    .name = "gen-sign-data",
    .operands = "ENCLAVE",
    .summary = "measure an enclave, write the 256 bytes to be signed",
    .host = COMMAND_BUILD,
    .examples = "gen-sign-data --isvprodid 1 --isvsvn 7 --forbid-debug \\\n"
                "    -o app.signdata app.orc\n"
                "gen-sign-data --from release.orc --isvsvn 8 -o next.signdata app.orc",
    .see_also = "show (what was measured), sign, set-sig",
    .size = sizeof(struct gen_sign_data_options),
    .groups = {{fields_rows, offsetof(struct gen_sign_data_options, fields)},
               {beside_rows, offsetof(struct gen_sign_data_options, beside)},
               {edp_rows, offsetof(struct gen_sign_data_options, beside.edp)},
               {gen_sign_data_rows, 0},
               {text_form_rows, offsetof(struct gen_sign_data_options, form)},
               {json_rows, 0}},
    .min = 1,
    .max = 1,
    .has_result = true,
    .run = run_gen_sign_data,
};

const struct command cmd_sgx_gen_sign_data = {
    .name = "sgx-gen-sign-data",
    .operands = "ENCLAVE",
    .summary = "write the 32-byte digest to be signed",
    .host = COMMAND_AS_ORC,
    .examples = "sgx-gen-sign-data -v 7 -o app.digest app.orc",
    .see_also = "gen-sign-data, whose 256 bytes can be reviewed",
    .size = sizeof(struct gen_sign_data_options),
    .groups = {{fields_rows, offsetof(struct gen_sign_data_options, fields)},
               {beside_rows, offsetof(struct gen_sign_data_options, beside)},
               {edp_rows, offsetof(struct gen_sign_data_options, beside.edp)},
               {output_rows, offsetof(struct gen_sign_data_options, out)},
               {json_rows, 0}},
    .min = 1,
    .max = 1,
    .has_result = true,
    .run = run_sgx_gen_sign_data,
};
