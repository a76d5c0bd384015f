/* component-add: one more component in a bundle that exists. */
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/component.h"
#include "signer/ui/output.h"

/* A bundle that does not hold is not written again as one that seems to. */
static bool open_checked_bundle(const char *path, struct bundle **ret, struct enclave_set *ret_set,
                                struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;

    if (!bundle_open(path, &b, err) || !enclave_check_bundle(b, ret_set, err))
        return false;
    *ret = ens_take(b);
    return true;
}

struct add_options {
    struct component_options component;
    struct output_options out;
};

static bool run_component_add(const struct command_line *line, struct ens_err *err)
{
    const struct add_options *args = line->options;
    const char *path = line->operands[0];
    const char *id = line->operands[1];
    ENS_CLEANUP(install_free) struct install i = {0};
    ENS_CLEANUP(component_free) struct component c = {.elf.fd = -1, .sgxs.fd = -1};
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};

    return component_check_usage(&args->component, err) && bundle_check_component_id(id, err) &&
           open_checked_bundle(path, &b, &set, err) &&
           install_open(path, bundle_fd(b), args->out.output, args->out.force, &i, err) &&
           component_open(&args->component, id, line->operands[2], &c, err) &&
           component_install(&args->component, &c, b, &set, &i, err);
}

const struct command cmd_component_add = {
    .name = "component-add",
    .operands = "BUNDLE ronl|rofl.NAME ELF",
    .summary = "add a component to an ORC bundle",
    .host = COMMAND_BUILD,
    .examples = "component-add --sgx-executable worker.sgxs \\\n"
                "    app.orc rofl.worker worker.elf",
    .see_also = "init, gen-sign-data --component",
    .size = sizeof(struct add_options),
    .groups = {{component_rows, offsetof(struct add_options, component)},
               {output_rows, offsetof(struct add_options, out)}},
    .min = 3,
    .max = 3,
    .in_place = "output",
    .wants_name = true,
    .run = run_component_add,
};
