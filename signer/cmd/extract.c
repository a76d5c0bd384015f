/* extract: the 1808-byte SIGSTRUCT out of any container, or its 256 signed bytes. */
#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/fields.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"

struct extract_options {
    struct output_options out;
    const char *component;
    bool allow_large, signdata_only, json;
};

static bool print_extracted(const struct extract_options *args, const char *path, const struct sigstruct *css,
                            struct view result, struct ens_err *err)
{
    ENS_CLEANUP(report_free) struct report j = {0};
    uint8_t sha256[DIGEST_SIZE];

    if (!args->json)
        return true;
    if (!digest_of(DIGEST_SHA256, result, sha256, err))
        return false;
    report_begin(&j, REPORT_JSON, 0);
    report_kind(&j, "extract");
    report_text(&j, "file", NULL, path);
    report_text(&j, "component", NULL, args->component);
    report_text(&j, "output", NULL, args->out.output);
    report_hex(&j, "sha256", NULL, view_of(sha256, sizeof sha256));
    report_hex(&j, "mrenclave", NULL, sigstruct_get(css, CSS_ENCLAVEHASH));
    review_fields(css, &j);
    return report_print(&j, err);
}

static bool run_extract(const struct command_line *line, struct ens_err *err)
{
    const struct extract_options *args = line->options;
    const char *path = line->operands[0];
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    struct notices notices = {0};
    struct sigstruct css;
    struct signdata data;

    enclave_allow_large(args->allow_large);
    bool ok = output_open(args->out.output, true, args->out.force, &out, err) &&
              fields_of_container(path, args->component, &css, &notices, err);

    notice_all(&notices);
    if (!ok)
        return false;
    signdata_extract(&css, &data);
    if (!args->signdata_only && sigstruct_is_unsigned(&css))
        return ens_fail(err, ENS_DATA, "%s: is not signed, there is no finished SIGSTRUCT: sign it first",
                        path);
    const struct view result =
        args->signdata_only ? view_of(data.bytes, sizeof data.bytes) : view_of(css.bytes, sizeof css.bytes);

    return output_commit(out, result, err) && print_extracted(args, path, &css, result, err);
}

#define EXTRACT(KIND, member) OPTION(KIND, struct extract_options, member)

static const struct option extract_rows[] = {
    OPTION_TOPIC("What is written"),
    {"component", 0, EXTRACT(TEXT, component), "ID", "component of a bundle: ronl (default) or rofl.NAME"},
    {"sign-data", 0, EXTRACT(FLAG, signdata_only), NULL, "only the 256 signed bytes"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-large", 0, EXTRACT(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, EXTRACT(FLAG, json), NULL, "one JSON document about it"},
    {0},
};

const struct command cmd_extract = {
    .name = "extract",
    .operands = "CONTAINER",
    .summary = "take the SIGSTRUCT, or its signed bytes, out of a file",
    .host = COMMAND_EVERYONE,
    .examples = "extract -o release.css release.orc\n"
                "extract --sign-data -o release.signdata release.orc",
    .see_also = "show, set-sig (puts a SIGSTRUCT in)",
    .size = sizeof(struct extract_options),
    .groups = {{extract_rows, 0}, {output_rows, offsetof(struct extract_options, out)}},
    .min = 1,
    .max = 1,
    .has_result = true,
    .run = run_extract,
};
