/* extract: the 1808-byte SIGSTRUCT out of any container, or its 256 signed bytes. */
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/fields.h"
#include "signer/ui/output.h"

bool cmd_extract(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    struct notices notices = {0};
    struct sigstruct css;
    struct signdata data;

    bool ok = output_open(args->output, true, args->force, &out, err) &&
              fields_of_container(args, args->operands[0], &css, &notices, err);

    notice_all(&notices, args->quiet);
    if (!ok)
        return false;
    if (args->signdata_only) {
        signdata_extract(&css, &data);
        return output_commit(out, view_of(data.bytes, sizeof data.bytes), err);
    }
    if (sigstruct_is_unsigned(&css))
        return ens_fail(err, ENS_DATA, "%s: is not signed, there is no finished SIGSTRUCT: sign it first",
                        args->operands[0]);
    return output_commit(out, view_of(css.bytes, sizeof css.bytes), err);
}
