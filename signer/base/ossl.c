/* OpenSSL's library context and its error queue. */
#include "signer/base/ossl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static OSSL_LIB_CTX *context; /* under that lock; kept once it is whole */

bool ossl_start(bool is_alone, struct ens_err *err)
{
    uint64_t options = OPENSSL_INIT_NO_LOAD_CONFIG;

    if (is_alone)
        options |= OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS;
    return OPENSSL_init_crypto(options, NULL) == 1 || ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot start");
}

static OSSL_LIB_CTX *make_context(void)
{
    OSSL_LIB_CTX *made = NULL;

    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return NULL;
    made = OSSL_LIB_CTX_new();
    if (made != NULL && OSSL_PROVIDER_load(made, "default") != NULL)
        return made;
    OSSL_LIB_CTX_free(made);
    return NULL;
}

void *ossl_context(void)
{
    (void)pthread_mutex_lock(&context_lock);
    if (context == NULL)
        context = make_context();
    void *now = context;

    (void)pthread_mutex_unlock(&context_lock);
    return now;
}

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
