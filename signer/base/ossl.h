/* OpenSSL's error queue, turned into an error value. The only reader of that queue. */
#pragma once

#include "signer/base/err.h"

/* As ens_fail, with the reason that OpenSSL left last, and clears the queue. */
bool ossl_fail(struct ens_err *err, enum ens_code code, const char *fmt, ...) ENS_PRINTF(3, 4);

/* Forgets what earlier calls left in the queue. */
void ossl_clear(void);

/* The oldest code of library `lib` in the queue, as its reason number, or 0; clears the queue. Other
 * libraries that share the process (PKCS#11 modules do) leave entries of their own around it. */
int ossl_reason_of(int lib);
