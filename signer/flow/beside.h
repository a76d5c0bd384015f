/* The options that complete an enclave which no SDK has signed yet (struct container_beside). */
#pragma once

#include "bundle/container/container.h"
#include "signer/flow/edp.h"

/* What commands that open enclaves take. */
struct beside_options {
    const char *libpal, *gramine;
    struct edp_options edp; /* edp_rows, a group of their own */
};
extern const struct option beside_rows[];

/* Its files, each opened once, and what enclave_open takes. Start with BESIDE_NONE. */
struct beside {
    struct container_beside container;
    int libpal; /* owned; -1: not given */
};

#define BESIDE_NONE ((struct beside){.libpal = -1})

/* Opens what the options name; texts are borrowed. ENS_NOINPUT, ENS_DATA as of file_open. Release with beside_close. */
bool beside_open(const struct beside_options *o, struct beside *ret, struct ens_err *err) ENS_MUST_CHECK;
void beside_close(struct beside *b);
