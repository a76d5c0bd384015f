/* The options that complete an enclave which no SDK has signed yet (struct container_beside). */
#pragma once

#include "bundle/container/container.h"
#include "signer/flow/edp.h"

/* What commands that open enclaves take. */
struct beside_options {
    const char *libpal, *gramine;
    const char *sigstruct;  /* of verify, which has its row */
    struct edp_options edp; /* edp_rows, a group of their own */
    const char *layout_from;
};
extern const struct option beside_rows[];
extern const struct option beside_layout_rows[]; /* --layout-from, of commands that sign nothing */

/* What enclave_open takes, with its files, each opened once and owned. Start with BESIDE_NONE. */
struct beside {
    struct container_beside container;
};

#define BESIDE_NONE                                                                                          \
    ((struct beside){.container = {.release = {.fd = -1}, .sigstruct = {.fd = -1}, .libpal = {.fd = -1}}})

/* ENS_USAGE if a layout is given for a file that is no ELF file, which messages call `path`. */
bool beside_check_layout(const struct beside_options *o, bool is_elf, const char *path,
                         struct ens_err *err) ENS_MUST_CHECK;

/* Opens what the options name; texts are borrowed. ENS_NOINPUT, ENS_DATA as of file_open. Release with beside_close. */
bool beside_open(const struct beside_options *o, struct beside *ret, struct ens_err *err) ENS_MUST_CHECK;
void beside_close(struct beside *b);

/* The file at `path` is a whole enclave: ENS_USAGE if something is given for its other half. */
bool beside_check_none(const struct beside_options *o, const char *path, struct ens_err *err) ENS_MUST_CHECK;
