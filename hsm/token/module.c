/* Opening and closing the module. libp11 loads and initialises it (p11.c); its function list is then asked
 * for directly, because search, attributes, e = 3 key generation and signing need plain Cryptoki. */
#include "hsm/token/internal.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/mem.h"

/* `what` and `why` are the object and the rule that it broke. ensign adds which modules are installed. */
static bool not_a_module(const char *what, const char *why, enum ens_code code, struct ens_err *err)
{
    return ens_fail(err, code, "%s%s: give --module PATH", what, why);
}

/* ISO C has no conversion from an object pointer to a function pointer; POSIX dlsym needs one. */
static CK_C_GetFunctionList function_of(void *symbol)
{
    CK_C_GetFunctionList function = NULL;

    memcpy(&function, &symbol, sizeof function);
    return function;
}

/* The loader would wait for ever for a pipe that nobody writes to. What is not there it says itself. */
static bool is_special(const char *module)
{
    struct stat st;

    return strchr(module, '/') != NULL && stat(module, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Loads the file with the dynamic linker's own words on failure, which libp11 does not pass on. */
static bool load_file(const char *module, struct hsm *hsm, CK_C_GetFunctionList *ret, struct ens_err *err)
{
    if (module[0] == '\0')
        return not_a_module("no PKCS#11 module is named", ", and there is no default", ENS_USAGE, err);
    if (is_special(module))
        return not_a_module(module, ": is not a regular file", ENS_MODULE, err);
    call_begin(hsm->page, CALL_dlopen);
    hsm->handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    (void)call_end(hsm->page, CKR_OK);
    if (hsm->handle == NULL) {
        const char *reason = dlerror();

        /* glibc's reason begins with the file that it is about. */
        return not_a_module("module ", reason != NULL ? reason : "cannot be loaded", ENS_MODULE, err);
    }
    void *symbol = dlsym(hsm->handle, "C_GetFunctionList");

    if (symbol == NULL)
        return not_a_module(module, ": it has no C_GetFunctionList, so it is not a PKCS#11 module",
                            ENS_MODULE, err);
    *ret = function_of(symbol);
    return true;
}

/* Every function that hsm/ calls must be there. */
static bool check_functions(const char *module, const CK_FUNCTION_LIST *f, struct ens_err *err)
{
    bool all = f->C_Initialize != NULL && f->C_Finalize != NULL && f->C_GetInfo != NULL &&
               f->C_GetSlotList != NULL && f->C_GetSlotInfo != NULL && f->C_GetTokenInfo != NULL &&
               f->C_GetMechanismList != NULL && f->C_GetMechanismInfo != NULL && f->C_OpenSession != NULL &&
               f->C_CloseSession != NULL && f->C_Login != NULL && f->C_Logout != NULL &&
               f->C_DestroyObject != NULL && f->C_GetAttributeValue != NULL &&
               f->C_SetAttributeValue != NULL && f->C_FindObjectsInit != NULL && f->C_FindObjects != NULL &&
               f->C_FindObjectsFinal != NULL && f->C_SignInit != NULL && f->C_Sign != NULL &&
               f->C_DecryptInit != NULL && f->C_Decrypt != NULL && f->C_GenerateKeyPair != NULL;

    if (!all || f->version.major != 2)
        return ens_fail(
            err, ENS_MODULE,
            "module %s: its function list (version %u.%u) is not that of PKCS#11 2.x: use another module",
            module, (unsigned)f->version.major, (unsigned)f->version.minor);
    return true;
}

/* p11-kit's client gives every caller of C_GetFunctionList an instance of its own: then the one that libp11
 * initialised is another than this one. */
static bool read_info(struct hsm *hsm, struct ens_err *err)
{
    CK_RV rv = HSM_CALL(hsm, C_GetInfo, &hsm->info);

    if (rv == CKR_CRYPTOKI_NOT_INITIALIZED) {
        if (!p11_initialise(hsm, err))
            return false;
        hsm->own_instance = true;
        rv = HSM_CALL(hsm, C_GetInfo, &hsm->info);
    }
    return rv == CKR_OK || ckr_fail(err, rv, "module %s: C_GetInfo", hsm->module);
}

/* The error of the part that failed stands. */
static bool load(struct hsm *hsm, struct ens_err *err)
{
    CK_C_GetFunctionList get_list = NULL;
    CK_FUNCTION_LIST *list = NULL;

    if (!load_file(hsm->module, hsm, &get_list, err) ||
        !p11_load(hsm->module, hsm->module_args, hsm->page, &hsm->p11, err))
        return false;
    call_begin(hsm->page, CALL_C_GetFunctionList);
    CK_RV rv = call_end(hsm->page, get_list(&list));

    if (rv != CKR_OK || list == NULL)
        return ens_fail(err, ENS_MODULE,
                        "module %s: C_GetFunctionList gives no functions: use another module", hsm->module);
    if (!check_functions(hsm->module, list, err))
        return false;
    hsm->f = list;
    if (read_info(hsm, err))
        return true;
    err->code = ENS_MODULE;
    return false;
}

bool module_open(const char *module, const char *module_args, struct call_page *page, struct hsm **ret,
                 struct ens_err *err)
{
    ENS_CLEANUP(module_closep) struct hsm *hsm = mem_alloc(1, sizeof *hsm, err);

    if (hsm == NULL)
        return false;
    hsm->page = page;
    hsm->module = mem_strdup(module != NULL ? module : "", err);
    hsm->module_args = module_args != NULL ? mem_strdup(module_args, err) : NULL;
    if (hsm->module == NULL || (module_args != NULL && hsm->module_args == NULL) || !load(hsm, err))
        return false;
    *ret = ens_take(hsm);
    return true;
}

void module_closep(struct hsm **hsm)
{
    struct hsm *h = *hsm;

    if (h == NULL)
        return;
    session_leave(h);
    token_free_all(h);
    buf_free(&h->candidates);
    if (h->own_instance)
        (void)HSM_CALL(h, C_Finalize, NULL);
    p11_unloadp(&h->p11);
    if (h->handle != NULL)
        (void)dlclose(h->handle);
    mem_free(h->module);
    mem_free(h->module_args);
    mem_free(h);
    *hsm = NULL;
}
