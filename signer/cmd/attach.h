/* Attaching a SIGSTRUCT to a bundle: written beside the old one, reopened and checked as a stranger would,
 * and only then put in place. */
#pragma once

#include "signer/cmd/cmd.h"
#include "signer/cmd/enclave.h"

/* Puts `css` into the component that `e` loaded, and makes the component's identity list follow. --output
 * absent: in place; "-": stdout; else a new file (an existing one only with --force). */
bool attach_to_bundle(const struct args *args, struct enclave *e, const struct sigstruct *css,
                      struct ens_err *err) ENS_MUST_CHECK;
