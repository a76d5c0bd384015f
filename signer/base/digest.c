/* The digests: the only user of EVP_MD. */
#include "signer/base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>

#include "signer/base/mem.h"
#include "signer/base/ossl.h"

struct digest {
    EVP_MD_CTX *ctx;
};

/* The algorithms of ensign's own context, asked for once. */
static pthread_mutex_t fetch_lock = PTHREAD_MUTEX_INITIALIZER;
static EVP_MD *fetched[2]; /* under that lock, by digest_kind; kept for as long as the process lives */

/* NULL: out of memory. */
static const EVP_MD *fetch(enum digest_kind kind)
{
    static const char *const names[] = {[DIGEST_SHA256] = "SHA256", [DIGEST_SHA512_256] = "SHA512-256"};
    OSSL_LIB_CTX *context = ossl_context();

    if (context == NULL)
        return NULL;
    (void)pthread_mutex_lock(&fetch_lock);
    if (fetched[kind] == NULL)
        fetched[kind] = EVP_MD_fetch(context, names[kind], NULL);
    const EVP_MD *md = fetched[kind];

    (void)pthread_mutex_unlock(&fetch_lock);
    return md;
}

bool digest_new(enum digest_kind kind, struct digest **ret, struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *d = mem_alloc(1, sizeof *d, err);

    if (d == NULL)
        return false;
    const EVP_MD *md = fetch(kind);

    d->ctx = EVP_MD_CTX_new();
    if (md == NULL || d->ctx == NULL || EVP_DigestInit_ex2(d->ctx, md, NULL) != 1)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot start a digest");
    *ret = ens_take(d);
    return true;
}

bool digest_update(struct digest *d, struct view piece, struct ens_err *err)
{
    if (EVP_DigestUpdate(d->ctx, piece.data, piece.len) != 1)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot continue a digest");
    return true;
}

bool digest_final(struct digest *d, uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    unsigned len = 0;

    if (EVP_DigestFinal_ex(d->ctx, ret, &len) != 1 || len != DIGEST_SIZE)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot finish a digest");
    return true;
}

bool digest_fork(const struct digest *d, struct digest **ret, struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *fork = mem_alloc(1, sizeof *fork, err);

    if (fork == NULL)
        return false;
    fork->ctx = EVP_MD_CTX_new();
    if (fork->ctx == NULL || EVP_MD_CTX_copy_ex(fork->ctx, d->ctx) != 1)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot copy a digest");
    *ret = ens_take(fork);
    return true;
}

void digest_freep(struct digest **d)
{
    if (*d == NULL)
        return;
    EVP_MD_CTX_free((*d)->ctx);
    mem_free(*d);
    *d = NULL;
}

bool digest_of(enum digest_kind kind, struct view v, uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;

    return digest_new(kind, &d, err) && digest_update(d, v, err) && digest_final(d, ret, err);
}
