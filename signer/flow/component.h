/* The files of a component that goes into a bundle, as init and component-add take them. */
#pragma once

#include "signer/flow/install.h"
#include "signer/ui/options.h"

/* What init and component-add take. */
struct component_options {
    const char *sgx_executable, *sgx_signature;
    bool allow_unusual, elf_metadata;
};
extern const struct option component_rows[];

struct component {
    const char *id;
    struct bundle_input elf;
    struct bundle_input sgxs; /* `path` NULL: no SGX */
    uint8_t mrenclave[MRENCLAVE_SIZE];
    bool is_signed;
    struct sigstruct css;
};

/* What the options can say by themselves: --sgx-signature needs --sgx-executable. ENS_USAGE. */
bool component_check_usage(const struct component_options *args, struct ens_err *err) ENS_MUST_CHECK;

/* Opens the executable `elf` and the files of --sgx-executable and --sgx-signature, for the component `id`;
 * measures the stream, and judges and reviews the SIGSTRUCT, which must be over it. ENS_DATA, ENS_NOINPUT.
 * Borrows all texts; release with component_free. */
bool component_open(const struct component_options *args, const char *id, const char *elf,
                    struct component *ret, struct ens_err *err) ENS_MUST_CHECK;
void component_free(struct component *c);

/* Adds the component to the bundle, and puts the bundle where it goes. `known` is what enclave_check_bundle
 * found in it; NULL: it is new. */
bool component_install(const struct component_options *args, const struct component *c, struct bundle *b,
                       const struct enclave_set *known, struct install *i,
                       struct ens_err *err) ENS_MUST_CHECK;
