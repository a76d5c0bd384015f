/* show of containers, on the build host. Bundles are in show_bundle.c, ELF files in show_enclave.c. */
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/enclave.h"

static bool show_container(struct report *r, const struct show_options *args, struct artifact *a,
                           struct ens_err *err)
{
    struct sgxs_report stream = {0};
    ENS_CLEANUP(mem_freep) struct show_judged *judged = mem_alloc(1, sizeof *judged, err);

    if (!beside_check_layout(&args->beside, a->kind == ARTIFACT_ELF, a->path, err))
        return false;
    if (a->kind != ARTIFACT_BUNDLE && a->kind != ARTIFACT_SGXS)
        return show_enclave(r, &args->beside, a, err);
    if (!beside_check_none(&args->beside, a->path, err))
        return false;
    if (a->kind == ARTIFACT_BUNDLE)
        return show_bundle(r, a, err);
    if (judged == NULL || !enclave_measure_stream(a->fd, a->path, &stream, err))
        return false;
    show_add(&stream.problems, &judged->found);
    show_judge_stream(judged);
    show_begin(r, "SGXS stream", "sgxs", a->path, "");
    if (!show_dangers(r, judged, err))
        return false;
    show_stream(r, &stream, true);
    return true;
}

static bool run_show_any(const struct command_line *line, struct ens_err *err)
{
    const struct show_options *args = line->options;

    enclave_allow_large(args->allow_large);
    if (args->component != NULL && !args->in_toto)
        return ens_fail(err, ENS_USAGE, "--component: is about --in-toto, which is missing: give both");
    if (args->in_toto && line->operands_len > 1)
        return ens_fail(err, ENS_USAGE, "--in-toto: %zu files are given: a statement is about one",
                        line->operands_len);
    return args->in_toto ? show_in_toto(args, line->operands[0], err) : show_run(line, show_container, err);
}

static const struct option in_toto_rows[] = {
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"in-toto", 0, OPTION(FLAG, struct show_options, in_toto), NULL,
     "an in-toto statement about the signed enclave, not signed itself"},
    OPTION_TOPIC(TOPIC_COMPONENT),
    {"component", 0, OPTION(TEXT, struct show_options, component), "ID",
     "of --in-toto: ronl (default) or rofl.NAME"},
    {0},
};

const struct command cmd_show_any = {
    SHOW_COMMAND,
    .groups = {{show_rows, 0},
               {in_toto_rows, 0},
               {beside_rows, offsetof(struct show_options, beside)},
               {edp_rows, offsetof(struct show_options, beside.edp)},
               {edp_debug_rows, offsetof(struct show_options, beside.edp)},
               {beside_layout_rows, offsetof(struct show_options, beside)}},
    .run = run_show_any,
};
