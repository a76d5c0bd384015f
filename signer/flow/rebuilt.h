/* --rebuilt: the reviewer's own builds, held against the sign-data. Apart from approve.c, which reads no
 * bundle. */
#pragma once

#include "signer/base/digest.h"
#include "signer/sgx/sigstruct.h"
#include "signer/ui/notice.h"
#include "signer/ui/opts.h"

/* One build, as its file says. */
struct rebuilt {
    const char *path; /* borrowed from the command line */
    uint8_t mrenclave[MRENCLAVE_SIZE];
    uint8_t sha256[DIGEST_SIZE]; /* of the file that was measured */
};

struct rebuilds {
    struct rebuilt items[TEXT_LIST_MAX];
    size_t len; /* 0: nothing was rebuilt */
};

/* Measures every --rebuilt (of a bundle the component args->component). ENS_NOINPUT, ENS_DATA. */
bool rebuilt_measure(const struct args *args, struct rebuilds *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The build that measures to ENCLAVEHASH of `css`, which the file `name` holds; ENS_DATA with both values: no
 * build does. Without --rebuilt `ret` is NULL. */
bool rebuilt_find(const struct rebuilds *r, const struct sigstruct *css, const char *name,
                  const struct rebuilt **ret, struct ens_err *err) ENS_MUST_CHECK;
