/* PIN sources: the terminal, a file, a file descriptor. Never argv, never the environment. */
#pragma once

#include "signer/base/secret.h"

/* Reads the PIN from `source`: NULL or "tty" (prompted with `what`, not echoed), "file:PATH" or "/PATH" (a
 * regular file that only its owner can read, else ENS_DATA), "fd:N". One trailing newline is dropped; a CR
 * before it is ENS_DATA. ENS_USAGE for another source, ENS_NOINPUT if it cannot be opened. No message
 * quotes a source that is none, nor any part of one in a URI (`from_uri`). The caller wipes `ret`. */
bool pin_read(const char *source, bool from_uri, const char *what, struct secret *ret,
              struct ens_err *err) ENS_MUST_CHECK;
