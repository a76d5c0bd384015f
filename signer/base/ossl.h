/* OpenSSL's library context, and its error queue as an error value. The only reader of that queue. */
#pragma once

#include "signer/base/err.h"

/* Starts OpenSSL for the process, before its first use: without a configuration file, whatever the
 * environment names, also for libraries that share the process. `is_alone`: no PKCS#11 module will be loaded,
 * which may look for algorithms by their old names; the tables of those are then left out. ENS_RESOURCE. */
bool ossl_start(bool is_alone, struct ens_err *err) ENS_MUST_CHECK;

/* ensign's own OSSL_LIB_CTX, with OpenSSL's default provider and no other: what a module loads into the
 * context that it shares is not asked. NULL: out of memory; never to be passed on, for OpenSSL takes it for
 * the shared one. Lives as long as the process; several threads may ask. */
void *ossl_context(void);

/* As ens_fail, with the reason that OpenSSL left last, and clears the queue. */
bool ossl_fail(struct ens_err *err, enum ens_code code, const char *fmt, ...) ENS_PRINTF(3, 4);

/* Forgets what earlier calls left in the queue. */
void ossl_clear(void);

/* The oldest code of library `lib` in the queue, as its reason number, or 0; clears the queue. Other
 * libraries that share the process (PKCS#11 modules do) leave entries of their own around it. */
int ossl_reason_of(int lib);
