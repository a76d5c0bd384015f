/* Attaching a SIGSTRUCT to a file that holds the enclave: written beside the old one, reopened and checked as
 * a stranger would, and only then put in place. */
#pragma once

#include "signer/flow/enclave.h"
#include "signer/ui/notice.h"
#include "signer/ui/opts.h"

/* Refuses a finished SIGSTRUCT that EINIT refuses, from its bytes alone; `name` is what the message calls
 * it. ENS_DATA. */
bool attach_judge(const struct sigstruct *css, const char *name, struct ens_err *err) ENS_MUST_CHECK;

/* Shows the review of a finished SIGSTRUCT. */
bool attach_review(const struct args *args, const struct sigstruct *css, struct ens_err *err) ENS_MUST_CHECK;

/* Can the file that `e` loaded take this SIGSTRUCT and keep its MRENCLAVE? ENS_DATA names the field that
 * cannot change. Warns where the file then says two things. */
bool attach_check(const struct enclave *e, const struct sigstruct *css, struct ens_err *err) ENS_MUST_CHECK;

/* Puts `css` into the file that `e` loaded: into the component of a bundle, whose identity list follows, or
 * into every place of another container, whose unmeasured values follow. --output absent: in place; "-":
 * stdout; else a new file (an existing one only with --force). `ret_written` is that of deliver_commit. */
bool attach_sigstruct(const struct args *args, struct enclave *e, const struct sigstruct *css,
                      struct file_out **ret_written, struct ens_err *err) ENS_MUST_CHECK;

/* The SIGSTRUCT of one component of a bundle. */
struct attach_item {
    const struct enclave_component *component; /* of the enclave_set of the enclave that is attached to */
    const struct sigstruct *css;
};

/* The same for several components of the bundle that `e` loaded, in one writing. */
bool attach_components(const struct args *args, struct enclave *e, const struct attach_item *items,
                       size_t len, struct file_out **ret_written, struct ens_err *err) ENS_MUST_CHECK;
