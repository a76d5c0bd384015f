/* SIGINT, SIGTERM, SIGQUIT and SIGHUP: the first asks the work to stop at its next safe point, so that
 * sessions are closed, temporary files removed, the terminal restored and the record written; a second one
 * ends the process at once. */
#pragma once

#include "signer/base/err.h"

/* Installs the handlers, without SA_RESTART: a blocking read returns EINTR. Ignores SIGPIPE, because a
 * lost PKCS#11 peer must become an error and not a silent death, and SIGXFSZ, because a file that may not
 * grow further must as well. Called once by main. */
void interrupt_install(void);

/* ENS_INTERRUPTED once a signal came; called between pieces of work. */
bool interrupt_check(struct ens_err *err) ENS_MUST_CHECK;

/* The exit status for `code`: itself, and for ENS_INTERRUPTED 128 and the number of the signal that came: 130
 * after SIGINT, 143 after SIGTERM, 131 after SIGQUIT, 129 after SIGHUP. */
int interrupt_status(enum ens_code code);
