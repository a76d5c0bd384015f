/* OpenSSL's error queue, turned into an error value. */
#include "signer/base/ossl.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

bool ossl_fail(struct ens_err *err, enum ens_code code, const char *fmt, ...)
{
    char what[sizeof err->msg];
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(what, sizeof what, fmt, args) < 0)
        what[0] = '\0';
    va_end(args);
    (void)ens_fail(err, code, "%s%s%s", what, reason != NULL ? ": " : "", reason != NULL ? reason : "");
    ERR_clear_error();
    return false;
}

void ossl_clear(void)
{
    ERR_clear_error();
}

int ossl_reason_of(int lib)
{
    int reason = 0;

    for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error()) {
        if (reason == 0 && ERR_GET_LIB(code) == lib)
            reason = ERR_GET_REASON(code);
    }
    return reason;
}
