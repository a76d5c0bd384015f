/* init: a new bundle, with a ronl component or without any. */
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/component.h"
#include "signer/flow/confine.h"
#include "signer/flow/runtime.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"

static bool has_none(const void *ctx, const struct bundle *b, const struct enclave_set *set,
                     struct ens_err *err)
{
    (void)ctx;
    (void)set;
    return bundle_info(b)->components_len == 0 ||
           ens_fail(err, ENS_BUG, "%s: has a component", bundle_label(b));
}

static bool install_empty(struct bundle *b, struct install *i, struct ens_err *err)
{
    if (!install_bundle(i, b, &(struct install_check){.holds = has_none}, err) || !install_commit(i, err))
        return false;
    notice_say("%s has no component yet: add one with component-add.",
               i->to_stdout ? "The bundle on stdout" : i->name);
    return true;
}

struct init_options {
    struct runtime_options runtime;
    struct component_options component;
    struct output_options out;
};

static bool run_init(const struct command_line *line, struct ens_err *err)
{
    const struct init_options *args = line->options;
    const struct component_options *with = &args->component;
    bool is_empty = line->operands_len == 0;
    ENS_CLEANUP(runtime_free) struct runtime r = {0};
    ENS_CLEANUP(mem_freep) char *own = NULL;
    ENS_CLEANUP(install_free) struct install i = {0};
    ENS_CLEANUP(component_free) struct component c = {.elf.fd = -1, .sgxs.fd = -1};
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;

    if (is_empty && (with->sgx_executable != NULL || with->sgx_signature != NULL || with->elf_metadata))
        return ens_fail(
            err, ENS_USAGE,
            "init: no ELF is given, and an enclave goes beside one: name the executable that was built");
    if (!component_check_usage(with, err) || !runtime_find(&args->runtime, &r, err))
        return false;
    own = mem_printf(err, "%s.orc", r.name);
    if (own == NULL || !confine_init(line, own, err) ||
        !install_open(own, -1, args->out.output, args->out.force, &i, err) ||
        (!is_empty && !component_open(with, "ronl", line->operands[0], &c, err)) ||
        !bundle_new(i.name, r.name, r.id, r.version, &b, err))
        return false;
    return is_empty ? install_empty(b, &i, err) : component_install(with, &c, b, NULL, &i, err);
}

const struct command cmd_init = {
    .name = "init",
    .operands = "[ELF]",
    .summary = "make an ORC bundle; of an ELF, its component ronl",
    .host = COMMAND_BUILD,
    .examples = "init --sgx-executable app.sgxs -o new.orc app.elf\n"
                "init --custom --runtime-name app --runtime-version 1.0.0 \\\n"
                "    --runtime-id \"$RUNTIME_ID\" -o empty.orc",
    .see_also = "component-add, gen-sign-data",
    .size = sizeof(struct init_options),
    .groups = {{runtime_rows, offsetof(struct init_options, runtime)},
               {component_rows, offsetof(struct init_options, component)},
               {output_rows, offsetof(struct init_options, out)}},
    .min = 0,
    .max = 1,
    .wants_name = true,
    .run = run_init,
};
