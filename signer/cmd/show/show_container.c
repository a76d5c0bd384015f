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
    return show_run(line, show_container, err);
}

const struct command cmd_show_any = {
    SHOW_COMMAND,
    .groups = {{show_rows, 0},
               {beside_rows, offsetof(struct show_options, beside)},
               {edp_rows, offsetof(struct show_options, beside.edp)},
               {edp_debug_rows, offsetof(struct show_options, beside.edp)},
               {beside_layout_rows, offsetof(struct show_options, beside)}},
    .run = run_show_any,
};
