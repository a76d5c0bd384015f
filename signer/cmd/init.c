/* init: a new bundle, with a ronl component or without any. */
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/component.h"
#include "signer/flow/runtime.h"
#include "signer/ui/notice.h"

static bool has_none(const void *ctx, const struct bundle *b, const struct enclave_set *set,
                     struct ens_err *err)
{
    (void)ctx;
    (void)set;
    return bundle_info(b)->components_len == 0 ||
           ens_fail(err, ENS_BUG, "%s: has a component", bundle_label(b));
}

static bool install_empty(const struct args *args, struct bundle *b, struct install *i, struct ens_err *err)
{
    if (!install_bundle(i, b, &(struct install_check){.holds = has_none}, err) || !install_commit(i, err))
        return false;
    notice_say(args, "%s has no component yet: add one with component-add.",
               i->to_stdout ? "The bundle on stdout" : i->name);
    return true;
}

bool cmd_init(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(runtime_free) struct runtime r = {0};
    ENS_CLEANUP(mem_freep) char *own = NULL;
    ENS_CLEANUP(install_free) struct install i = {0};
    ENS_CLEANUP(component_free) struct component c = {.elf.fd = -1, .sgxs.fd = -1};
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;

    if (args->operands_len == 0 &&
        (args->sgx_executable != NULL || args->sgx_signature != NULL || args->elf_metadata))
        return ens_fail(
            err, ENS_USAGE,
            "init: no ELF is given, and an enclave goes beside one: name the executable that was built");
    if (!component_check_usage(args, err) || !runtime_find(args, &r, err))
        return false;
    own = mem_printf(err, "%s.orc", r.name);
    if (own == NULL || !install_open(own, -1, args->output, args->force, &i, err) ||
        (args->operands_len > 0 && !component_open(args, "ronl", args->operands[0], &c, err)) ||
        !bundle_new(i.name, r.name, r.id, r.version, &b, err))
        return false;
    return args->operands_len > 0 ? component_install(args, &c, b, NULL, &i, err)
                                  : install_empty(args, b, &i, err);
}
