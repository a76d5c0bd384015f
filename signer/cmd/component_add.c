/* component-add: one more component in a bundle that exists. */
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/component.h"

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

bool cmd_component_add(const struct args *args, struct ens_err *err)
{
    const char *path = args->operands[0];
    const char *id = args->operands[1];
    ENS_CLEANUP(install_free) struct install i = {0};
    ENS_CLEANUP(component_free) struct component c = {.elf.fd = -1, .sgxs.fd = -1};
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};

    return component_check_usage(args, err) && bundle_check_component_id(id, err) &&
           open_checked_bundle(path, &b, &set, err) &&
           install_open(path, bundle_fd(b), args->output, args->force, &i, err) &&
           component_open(args, id, args->operands[2], &c, err) &&
           component_install(args, &c, b, &set, &i, err);
}
