#include "tests/support/container.h"

#include "signer/base/mem.h"
#include "signer/flow/artifact.h"

bool container_of_path(const char *path, struct container **ret, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;

    return artifact_open(path, &a, err) && container_take(&a.fd, path, NULL, NULL, false, ret, err);
}
