/* init: a new bundle, with a ronl component. */
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/component.h"
#include "signer/cmd/runtime.h"

bool cmd_init(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(runtime_free) struct runtime r = {0};
    ENS_CLEANUP(mem_freep) char *own = NULL;
    ENS_CLEANUP(deliver_free) struct deliver d = {0};
    ENS_CLEANUP(component_free) struct component c = {.elf.fd = -1, .sgxs.fd = -1};
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;

    if (args->operands_len == 0)
        return ens_fail(err, ENS_USAGE,
                        "init: no ELF is given, and none is guessed: name the executable that was built");
    if (!component_check_usage(args, err) || !runtime_find(args, &r, err))
        return false;
    own = mem_printf(err, "%s.orc", r.name);
    if (own == NULL || !deliver_open(args, own, FILE_OUT_NEW, -1, &d, err))
        return false;
    return component_open(args, "ronl", args->operands[0], &c, err) &&
           bundle_new(d.name, r.name, r.id, r.version, &b, err) &&
           component_deliver(args, &c, b, NULL, &d, err);
}
