/* The options that make an enclave of an ELF file of x86_64-fortanix-unknown-sgx: those of elf2sgxs, and what Cargo.toml
 * says in [package.metadata.fortanix-sgx]. */
#pragma once

#include "bundle/container/container.h"
#include "signer/ui/options.h"

struct edp_options {
    const char *heap, *stack, *threads, *ssaframesize;
    const char *cargo; /* the directory of a Cargo.toml; NULL: none is read */
    bool debug, library, is_unsized;
};
/* All of them; and the tool's name for --elf-debug, which is another option where a SIGSTRUCT is made. */
extern const struct option edp_rows[], edp_debug_rows[];

/* True if one of them is given. */
bool edp_is_given(const struct edp_options *o);

/* A container_find_edp; `ctx` is a struct edp_options. What nobody wrote is said as a warning, with the value that is
 * used. ENS_USAGE: a number is missing, or is none; ENS_DATA: of Cargo.toml, which names the rule; ENS_NOINPUT. */
bool edp_find(const void *ctx, const char *label, struct container_edp *ret, struct ens_err *err);
