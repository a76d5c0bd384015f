/* The wall of base/wall.h around a command: which commands have it, and which files they keep. */
#pragma once

#include "signer/ui/options.h"

/* Raises the wall around this process, if the command has one: it reads what others wrote, and holds no
 * token and no key. The files that the command line names stay readable, and the directories of its outputs writable. Called
 * before an operand is opened; init calls it itself (confine_init), once Cargo has answered. ENS_RESOURCE. */
bool confine_command(const struct command_line *line, struct ens_err *err) ENS_MUST_CHECK;
/* `own` is the bundle that is made if no option names another. */
bool confine_init(const struct command_line *line, const char *own, struct ens_err *err) ENS_MUST_CHECK;

/* Prints on stdout, below the version: the libraries that are linked, and the parts of the wall that stand and that are
 * missing in this process, which has raised it for that. */
bool confine_print(struct ens_err *err) ENS_MUST_CHECK;
