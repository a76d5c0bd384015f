/* --rebuilt: is the sign-data for the enclave that the reviewer built? */
#include "signer/cmd/rebuilt.h"

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/enclave.h"

bool rebuilt_check(const struct args *args, const struct sigstruct *css, struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    struct view want = sigstruct_get(css, CSS_ENCLAVEHASH);
    char want_hex[2 * MRENCLAVE_SIZE + 1];
    char have_hex[2 * MRENCLAVE_SIZE + 1];

    if (args->rebuilt == NULL)
        return true;
    if (!enclave_load(args->rebuilt, args->component, args->params.allow_unusual, &e, err))
        return false;
    if (!e.is_measured)
        return ens_fail(err, ENS_DATA, "%s: %s: nothing can be rebuilt from it, give the enclave",
                        args->rebuilt, container_why_no_stream(e.container));
    struct view have = view_of(e.mrenclave, MRENCLAVE_SIZE);

    hex_encode(want_hex, want);
    hex_encode(have_hex, have);
    if (!view_equal(want, have))
        return ens_fail(err, ENS_DATA,
                        "%s: is for MRENCLAVE %s, but %s has %s: do not approve; compare the two builds",
                        args->operands[0], want_hex, args->rebuilt, have_hex);
    notice_say(args, "MRENCLAVE of %s is %s, as in the sign-data.", args->rebuilt, have_hex);
    return true;
}
