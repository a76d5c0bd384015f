/* approve in two: what both programs do (approve.c), and the reviewer's own builds, which only ensign
 * can measure (rebuilt.c). */
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

/* Approves. `measure` fills in what every --rebuilt measures to; NULL: the program has no such option. */
bool approve_run(const struct args *args,
                 bool (*measure)(const struct args *args, struct rebuilds *ret, struct ens_err *err),
                 struct ens_err *err) ENS_MUST_CHECK;
