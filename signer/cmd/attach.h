/* Attaching a SIGSTRUCT to a bundle: written beside the old one, reopened and checked as a stranger would,
 * and only then put in place. */
#pragma once

#include "signer/cmd/enclave.h"

/* Puts `css` into the component that `e` loaded. `output` NULL: in place; "-": stdout; else a new file (an
 * existing one only with `force`). */
bool attach_to_bundle(struct enclave *e, const struct sigstruct *css, const char *output, bool force,
                      struct ens_err *err) ENS_MUST_CHECK;
