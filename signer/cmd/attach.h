/* Attaching a SIGSTRUCT to a bundle: written beside the old one, reopened and checked as a stranger would,
 * and only then put in place. */
#pragma once

#include "signer/cmd/cmd.h"
#include "signer/cmd/enclave.h"

/* Refuses a finished SIGSTRUCT that EINIT refuses, from its bytes alone; `name` is what the message calls
 * it. ENS_DATA. */
bool attach_judge(const struct sigstruct *css, const char *name, struct ens_err *err) ENS_MUST_CHECK;

/* Shows the review of a finished SIGSTRUCT. */
bool attach_review(const struct args *args, const struct sigstruct *css, struct ens_err *err) ENS_MUST_CHECK;

/* Puts `css` into the component that `e` loaded, and makes the component's identity list follow. --output
 * absent: in place; "-": stdout; else a new file (an existing one only with --force). */
bool attach_to_bundle(const struct args *args, struct enclave *e, const struct sigstruct *css,
                      struct ens_err *err) ENS_MUST_CHECK;
