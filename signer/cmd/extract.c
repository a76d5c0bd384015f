/* extract: the 1808-byte SIGSTRUCT out of any container, or its 256 signed bytes. */
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/fields.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"

struct extract_options {
    struct output_options out;
    const char *component;
    bool allow_large, signdata_only;
};

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
    if (args->signdata_only) {
        signdata_extract(&css, &data);
        return output_commit(out, view_of(data.bytes, sizeof data.bytes), err);
    }
    if (sigstruct_is_unsigned(&css))
        return ens_fail(err, ENS_DATA, "%s: is not signed, there is no finished SIGSTRUCT: sign it first",
                        path);
    return output_commit(out, view_of(css.bytes, sizeof css.bytes), err);
}

#define EXTRACT(KIND, member) OPTION(KIND, struct extract_options, member)

static const struct option extract_rows[] = {
    {"component", 0, EXTRACT(TEXT, component), "ID", "component of a bundle: ronl (default) or rofl.NAME"},
    {"allow-large", 0, EXTRACT(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    {"sign-data", 0, EXTRACT(FLAG, signdata_only), NULL, "only the 256 signed bytes"},
    {0},
};

const struct command cmd_extract = {
    .name = "extract",
    .operands = "CONTAINER",
    .summary = "write the SIGSTRUCT out of a container",
    .size = sizeof(struct extract_options),
    .groups = {{extract_rows, 0}, {output_rows, offsetof(struct extract_options, out)}},
    .min = 1,
    .max = 1,
    .run = run_extract,
};
