/* SHAKE256. */
#include "signer/base/xof.h"

#include <openssl/evp.h>

#include "signer/base/mem.h"
#include "signer/base/ossl.h"

static void md_freep(EVP_MD **md)
{
    EVP_MD_free(*md);
}

static void md_ctx_freep(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

bool xof_of(const char *tag, const struct view *parts, size_t parts_len, uint8_t *ret, size_t len,
            struct ens_err *err)
{
    OSSL_LIB_CTX *lib = ossl_context();
    ENS_CLEANUP(md_freep) EVP_MD *md = lib != NULL ? EVP_MD_fetch(lib, "SHAKE256", NULL) : NULL;
    ENS_CLEANUP(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = md != NULL && ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
              EVP_DigestUpdate(ctx, tag, strlen(tag) + 1) == 1;

    for (size_t i = 0; ok && i < parts_len; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    return (ok && EVP_DigestFinalXOF(ctx, ret, len) == 1) ||
           ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot hash with SHAKE256");
}
