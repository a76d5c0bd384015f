/* Sums that tie what is written to what was checked: the only user of EVP_MAC. */
#include "signer/base/tie.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

#include "signer/base/mem.h"
#include "signer/base/ossl.h"

#define KEY_SIZE 32

struct tie {
    EVP_MAC_CTX *ctx;
};

/* One key for all sums of the process, so that they can be compared. Nobody sees a sum, so that one key may
 * serve for many. */
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t key[KEY_SIZE];
static EVP_MAC *poly1305; /* both under that lock, and constant once this is not NULL; kept */

/* Under the lock. */
static bool start_ties(struct ens_err *err)
{
    OSSL_LIB_CTX *context = ossl_context();

    if (poly1305 != NULL)
        return true;
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "no random bytes for a sum");
    poly1305 = context != NULL ? EVP_MAC_fetch(context, "POLY1305", NULL) : NULL;
    return poly1305 != NULL || ossl_fail(err, ENS_RESOURCE, "OpenSSL has no sum");
}

bool tie_new(struct tie **ret, struct ens_err *err)
{
    ENS_CLEANUP(tie_freep) struct tie *t = mem_alloc(1, sizeof *t, err);

    if (t == NULL)
        return false;
    (void)pthread_mutex_lock(&start_lock);
    bool ok = start_ties(err);

    (void)pthread_mutex_unlock(&start_lock);
    if (!ok)
        return false;
    t->ctx = EVP_MAC_CTX_new(poly1305);
    if (t->ctx == NULL || EVP_MAC_init(t->ctx, key, sizeof key, NULL) != 1)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot start a sum");
    *ret = ens_take(t);
    return true;
}

bool tie_update(struct tie *t, struct view piece, struct ens_err *err)
{
    return EVP_MAC_update(t->ctx, piece.data, piece.len) == 1 ||
           ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot continue a sum");
}

bool tie_final(struct tie *t, uint8_t ret[static TIE_SIZE], struct ens_err *err)
{
    size_t len = 0;

    return (EVP_MAC_final(t->ctx, ret, &len, TIE_SIZE) == 1 && len == TIE_SIZE) ||
           ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot finish a sum");
}

void tie_freep(struct tie **t)
{
    if (*t == NULL)
        return;
    EVP_MAC_CTX_free((*t)->ctx);
    mem_free(*t);
    *t = NULL;
}
