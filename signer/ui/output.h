/* Where a result goes: a file that appears whole, or stdout. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/file.h"
#include "signer/ui/options.h"

/* Options of commands with one result. */
struct output_options {
    const char *output;
    bool force;
};
extern const struct option output_rows[];

struct output;

/* Requires that stdout can be written to. Called before the work, so that no result is lost. ENS_IO. */
bool output_stdout_is_open(struct ens_err *err) ENS_MUST_CHECK;

/* Prepares the place: `path` NULL or "-" is stdout (ENS_USAGE if that is a terminal and the result is
 * `binary`). An existing file is kept unless `force`. Called before the work, so that a wrong place is said
 * before a PIN is asked for. Release with output_closep; without output_commit nothing appears. */
bool output_open(const char *path, bool binary, bool force, struct output **ret,
                 struct ens_err *err) ENS_MUST_CHECK;

/* What messages call the place: its path, or "stdout". */
const char *output_name(const char *path);

/* Writes a piece of the result. */
bool output_put(struct output *o, struct view piece, struct ens_err *err) ENS_MUST_CHECK;
/* Puts in place what was written, all of it. `sha256` (or NULL) is that of a file's bytes: they are read again
 * before that, and must have it. ENS_IO. */
bool output_finish(struct output *o, const uint8_t *sha256, struct ens_err *err) ENS_MUST_CHECK;

/* Both, for the whole result. */
bool output_commit(struct output *o, struct view result, struct ens_err *err) ENS_MUST_CHECK;
void output_closep(struct output **o);
