/* What must hold of the files that a command line names, whatever the command. */
#pragma once

#include "signer/ui/options.h"

/* Adds the operands that --files-from names, one a line, or with --null each ended by a zero byte, behind those of the
 * command line; empty ones are skipped. ENS_USAGE: there is none at all, or too many; ENS_NOINPUT, ENS_DATA. */
bool operands_expand(struct command_line *line, struct ens_err *err) ENS_MUST_CHECK;

/* No output is a file that is read as well (whatever its name), but for commands that change a file in place,
 * and no two outputs are one file; "-", stdin, is named once, and only if a file is read. ENS_USAGE. */
bool operands_check(const struct command_line *line, struct ens_err *err) ENS_MUST_CHECK;
