/* libp11: finds C_GetFunctionList, calls C_Initialize with the module's arguments and with locking, and at
 * the end C_Finalize and dlclose. The only file that knows libp11. Two things that libp11 0.4.12 also does
 * are left to plain Cryptoki, for reasons that a release key must not meet:
 *
 * PKCS11_enumerate_slots gives no slot at all when one of them fails (a reader without its driver), and then
 * loses memory: hsm/token.c lists the slots.
 * PKCS11_login opens a session of its own, waits for ever where C_OpenSession fails, and keeps a copy of the
 * PIN outside its locked page until the slot is freed: hsm/login.c calls C_Login in the one session there is.
 * So libp11 never opens a session, and its search, which fails on keys of a type that it does not know,
 * is not needed either. */
/* libp11.h names types that OpenSSL then hides; nothing of them is used. */
#undef OPENSSL_NO_DEPRECATED

#include "hsm/token/internal.h"

#include <libp11.h>

#include "signer/base/mem.h"
#include "signer/base/ossl.h"

struct p11 {
    PKCS11_CTX *ctx;
    struct call_page *page;
    bool loaded;
};

/* libp11 puts the CK_RV of C_Initialize into OpenSSL's error queue, among what the module's own use of
 * OpenSSL leaves there. */
static bool load_failed(const char *module, struct ens_err *err)
{
    CK_RV rv = (CK_RV)ossl_reason_of(ERR_get_CKR_code());
    char text[CKR_TEXT_MAX];

    if (rv == CKR_OK)
        return ens_fail(err, ENS_MODULE,
                        "module %s: libp11 cannot initialise it: is it a PKCS#11 2.x module?", module);
    return ens_fail(err, ENS_MODULE, "module %s: C_Initialize failed with %s: %s", module, ckr_text(rv, text),
                    rv == CKR_ARGUMENTS_BAD ? "it may need --module-args (NSS does)" : ckr_remedy(rv));
}

bool p11_load(const char *module, const char *module_args, struct call_page *page, struct p11 **ret,
              struct ens_err *err)
{
    ENS_CLEANUP(p11_unloadp) struct p11 *p = mem_alloc(1, sizeof *p, err);

    if (p == NULL)
        return false;
    p->page = page;
    p->ctx = PKCS11_CTX_new();
    if (p->ctx == NULL)
        return ossl_fail(err, ENS_RESOURCE, "libp11 cannot start");
    if (module_args != NULL)
        PKCS11_CTX_init_args(p->ctx, module_args);
    ossl_clear();
    call_begin(page, CALL_LOAD);
    int failed = PKCS11_CTX_load(p->ctx, module);

    (void)call_end(page, CKR_OK);
    if (failed != 0)
        return load_failed(module, err);
    ossl_clear();
    p->loaded = true;
    *ret = ens_take(p);
    return true;
}

void p11_unloadp(struct p11 **p11)
{
    struct p11 *p = *p11;

    if (p == NULL)
        return;
    call_begin(p->page, CALL_C_Finalize);
    if (p->loaded)
        PKCS11_CTX_unload(p->ctx);
    if (p->ctx != NULL)
        PKCS11_CTX_free(p->ctx);
    (void)call_end(p->page, CKR_OK);
    ossl_clear();
    mem_free(p);
    *p11 = NULL;
}

/* ---- without libp11 ---- */

bool p11_initialise(struct hsm *hsm, struct ens_err *err)
{
    CK_C_INITIALIZE_ARGS init = {.flags = CKF_OS_LOCKING_OK};

    /* pReserved is only read, but has no const. */
    memcpy(&init.pReserved, &hsm->module_args, sizeof init.pReserved);
    CK_RV rv = HSM_CALL(hsm, C_Initialize, &init);

    return rv == CKR_OK || ckr_fail(err, rv, "module %s: C_Initialize", hsm->module);
}

/* What libp11 ends at the end is then this instance. */
bool p11_restart(struct hsm *hsm, struct ens_err *err)
{
    (void)HSM_CALL(hsm, C_Finalize, NULL);
    if (p11_initialise(hsm, err))
        return true;
    err->code = ENS_MODULE;
    return false;
}
