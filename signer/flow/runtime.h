/* Name, version and id of a runtime, from options and from Cargo. */
#pragma once

#include "bundle/orc/bundle.h"
#include "signer/ui/options.h"

struct runtime_options {
    const char *name, *version, *id;
    bool custom;
};
extern const struct option runtime_rows[];

struct runtime {
    char *name; /* a plain file name */
    struct bundle_version version;
    uint8_t id[32];
};

/* What --runtime-name, --runtime-version and --runtime-id do not say is asked of Cargo, unless --custom.
 * Tells what it found. ENS_USAGE, ENS_DATA. Release with runtime_free. */
bool runtime_find(const struct runtime_options *args, struct runtime *ret,
                  struct ens_err *err) ENS_MUST_CHECK;
void runtime_free(struct runtime *r);
