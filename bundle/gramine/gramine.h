/* Gramine: an expanded manifest and libpal.so, laid out as the loader and the signer of a release lay them out. Three
 * behaviours matter for MRENCLAVE: 1.0 to 1.3, 1.4, 1.5 and later. Sources: gramine's sgx_sign.py, manifest.py and
 * host_main.c. Only for the files of this room and open.c. */
#pragma once

#include "bundle/container/internal.h"
#include "bundle/stream/sgxs_write.h"

/* The kind of container: a manifest, with libpal.so beside it. */
extern const struct container_ops gramine_manifest;

/* What the manifest decides, read by the rules of one release. */
struct gramine_settings {
    char rules[CONTAINER_ODDITY_MAX]; /* which, and why */
    uint64_t size;                    /* of the enclave: a power of two */
    uint64_t threads;                 /* at least one */
    bool edmm;                        /* no page of the heap is added */
    bool is_high;                     /* addresses begin at `size`, not at 0 */
    struct site_fields fields;
};

/* Reads the bytes of a manifest, which messages call `label`. `version` is that of --gramine; NULL: the manifest tells.
 * ENS_USAGE: no such version. ENS_DATA: a template, a manifest that was not expanded, or what Gramine's loader refuses. */
bool gramine_read(struct view text, const char *label, const char *version, struct gramine_settings *ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* Where everything lies: addresses, from the highest area down. */
struct gramine_plan {
    const struct gramine_settings *settings; /* borrowed, as the next two */
    const struct elf *libpal;
    struct view manifest;
    uint64_t base, ssa, tcs, tls, stacks, signals, pal, heap;
};

/* ENS_DATA: libpal.so is none, or the enclave is too small. */
bool gramine_plan_make(const struct gramine_settings *settings, const struct elf *libpal,
                       struct view manifest, struct gramine_plan *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The work of pouring it (container_work). */
uint64_t gramine_work(const struct gramine_plan *plan);

/* Pours the enclave as SGXS records, in the order in which Gramine adds its pages. */
bool gramine_pour(const struct gramine_plan *plan, const struct sink *sink,
                  struct ens_err *err) ENS_MUST_CHECK;
