/* What must hold of the files that a command line names, whatever the command. */
#pragma once

#include "signer/ui/options.h"

/* No output is a file that is read as well (whatever its name), but for commands that change a file in place,
 * and no two outputs are one file; "-", stdin, is named once, and only if a file is read. ENS_USAGE. */
bool operands_check(const struct command_line *line, struct ens_err *err) ENS_MUST_CHECK;
