/* What init takes from a Cargo.toml, read without Cargo: a name, a version, two ids. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/flow/cargo.h"

/* Reads the texts package.name, package.version and package.metadata.orc.{release,test}.runtime-id of a
 * manifest (TOML 1.0.0) into the zeroed `ret`, which the caller releases, in failure as well. `*ret_whole`
 * false: there is no package in it, it takes its name or version from a workspace, or it is written in a way
 * that is not read here, and only Cargo knows. ENS_RESOURCE. */
bool cargo_toml_read(struct view text, struct cargo_package *ret, bool *ret_whole,
                     struct ens_err *err) ENS_MUST_CHECK;
