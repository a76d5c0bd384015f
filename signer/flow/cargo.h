/* What Cargo.toml, or Cargo, says of the package in the current directory. */
#pragma once

#include "signer/base/err.h"

struct cargo_package {
    char *name;
    char *version;
    char *release_id;    /* metadata.orc.release.runtime-id, or NULL */
    char *test_id;       /* metadata.orc.test.runtime-id, or NULL */
    char *manifest_path; /* of its Cargo.toml */
};

/* Reads the Cargo.toml of the current directory, or of the nearest above, as Cargo finds it. Where that takes
 * its name or version from a workspace, or holds no package, runs `cargo metadata --offline --frozen`, never
 * through a rustup, so that no network is started; in a workspace without a package here, the only one with
 * metadata.orc, or the only one. `wanted` names the options that would have made it unnecessary, for
 * messages. ENS_USAGE: there is no Cargo.toml, no Cargo, or several packages; ENS_DATA: Cargo failed, or its
 * answer makes no sense. Release with cargo_free. */
bool cargo_find(const char *wanted, struct cargo_package *ret, struct ens_err *err) ENS_MUST_CHECK;
void cargo_free(struct cargo_package *p);
