/* The options that complete an enclave which no SDK has signed yet (struct container_beside). */
#pragma once

#include "bundle/container/container.h"
#include "signer/flow/edp.h"

/* What commands that open enclaves take. */
struct beside_options {
    const char *libpal, *gramine;
    const char *sigstruct;  /* of verify, which has its row */
    struct edp_options edp; /* edp_rows, a group of their own */
};
extern const struct option beside_rows[];

/* What enclave_open takes, with its files, each opened once and owned. Start with BESIDE_NONE. */
struct beside {
    struct container_beside container;
};

#define BESIDE_NONE ((struct beside){.container = {.sigstruct = {.fd = -1}, .libpal = {.fd = -1}}})

/* Opens what the options name; texts are borrowed. ENS_NOINPUT, ENS_DATA as of file_open. Release with beside_close. */
bool beside_open(const struct beside_options *o, struct beside *ret, struct ens_err *err) ENS_MUST_CHECK;
void beside_close(struct beside *b);
