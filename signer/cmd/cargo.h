/* What Cargo says of the package in the current directory. */
#pragma once

#include "signer/base/err.h"

struct cargo_package {
    char *name;
    char *version;
    char *release_id;    /* metadata.orc.release.runtime-id, or NULL */
    char *test_id;       /* metadata.orc.test.runtime-id, or NULL */
    char *manifest_path; /* of its Cargo.toml */
};

/* Runs `cargo metadata` and finds the package: that of the current directory or the nearest directory above,
 * as Cargo itself does; in a workspace without one, the only package with metadata.orc, or the only one.
 * `wanted` names the options that would have made it unnecessary, for messages. ENS_USAGE: there is no Cargo,
 * or several packages; ENS_DATA: Cargo failed, or its answer makes no sense. Release with cargo_free. */
bool cargo_find(const char *wanted, struct cargo_package *ret, struct ens_err *err) ENS_MUST_CHECK;
void cargo_free(struct cargo_package *p);
