/* Opening and closing the module. libp11 loads and initialises it (p11.c); its function list is then asked
 * for directly, because search, attributes, e = 3 key generation and signing need plain Cryptoki. */
#include "hsm/internal.h"

#include <dlfcn.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/mem.h"

/* Where Debian, Fedora and SoftHSM install modules. */
static const char *const module_globs[] = {"/usr/lib/*/pkcs11/*.so",    "/usr/lib/pkcs11/*.so",
                                           "/usr/lib64/pkcs11/*.so",    "/usr/lib/softhsm/*.so",
                                           "/usr/lib/*/softhsm/*.so",   "/usr/local/lib/softhsm/*.so",
                                           "/usr/local/lib/pkcs11/*.so"};

#define MODULES_MAX 32 /* named in a message */

/* Found with every p11-kit or OpenSC, but not a driver of any token. */
static bool is_helper(const char *path)
{
    static const char *const helpers[] = {"p11-kit-", "pkcs11-spy", "onepin-", "gnome-keyring"};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++) {
        if (strncmp(name, helpers[i], strlen(helpers[i])) == 0)
            return true;
    }
    return false;
}

struct seen_file {
    dev_t dev;
    ino_t ino;
};

/* Appends `path` unless it is a helper, or a second name of a file that is named already. */
static bool add_module(struct buf *text, struct seen_file *seen, size_t *count, const char *path,
                       struct ens_err *err)
{
    struct stat st;

    if (*count >= MODULES_MAX || is_helper(path) || stat(path, &st) != 0)
        return true;
    for (size_t i = 0; i < *count; i++) {
        if (seen[i].dev == st.st_dev && seen[i].ino == st.st_ino)
            return true;
    }
    seen[*count] = (struct seen_file){.dev = st.st_dev, .ino = st.st_ino};
    (*count)++;
    return buf_append(text, view_of_string(*count > 1 ? ", " : ""), err) &&
           buf_append(text, view_of_string(path), err);
}

static bool add_glob(struct buf *text, struct seen_file *seen, size_t *count, const char *pattern,
                     struct ens_err *err)
{
    glob_t found = {0};
    bool ok = true;

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; ok && i < found.gl_pathc; i++)
            ok = add_module(text, seen, count, found.gl_pathv[i], err);
    }
    globfree(&found);
    return ok;
}

bool hsm_installed_modules(char **ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct seen_file seen[MODULES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < sizeof module_globs / sizeof module_globs[0]; i++) {
        if (!add_glob(&text, seen, &count, module_globs[i], err))
            return false;
    }
    char *copy = mem_strndup(count > 0 ? (const char *)text.data : "none", count > 0 ? text.len : 4, err);

    if (copy == NULL)
        return false;
    *ret = copy;
    return true;
}

/* `why` is the rule that was broken; the installed modules are the remedy. */
static bool not_a_module(const char *module, const char *why, enum ens_code code, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *installed = NULL;

    if (!hsm_installed_modules(&installed, err))
        return false;
    return ens_fail(err, code, "module %s: %s: give --module PATH; installed here: %s", module, why,
                    installed);
}

/* ISO C has no conversion from an object pointer to a function pointer; POSIX dlsym needs one. */
static CK_C_GetFunctionList function_of(void *symbol)
{
    CK_C_GetFunctionList function = NULL;

    memcpy(&function, &symbol, sizeof function);
    return function;
}

/* Loads the file with the dynamic linker's own words on failure, which libp11 does not pass on. */
static bool load_file(const char *module, struct hsm *hsm, CK_C_GetFunctionList *ret, struct ens_err *err)
{
    if (module == NULL || module[0] == '\0')
        return not_a_module("(none)", "no PKCS#11 module is named", ENS_USAGE, err);
    watch_begin(hsm->watch, "dlopen");
    hsm->handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    (void)watch_end(hsm->watch, CKR_OK);
    if (hsm->handle == NULL) {
        const char *reason = dlerror();

        return not_a_module(module, reason != NULL ? reason : "cannot be loaded", ENS_MODULE, err);
    }
    void *symbol = dlsym(hsm->handle, "C_GetFunctionList");

    if (symbol == NULL)
        return not_a_module(module, "it has no C_GetFunctionList, so it is not a PKCS#11 module", ENS_MODULE,
                            err);
    *ret = function_of(symbol);
    return true;
}

/* Every function that hsm/ calls must be there. */
static bool check_functions(const char *module, const CK_FUNCTION_LIST *f, struct ens_err *err)
{
    bool all = f->C_GetInfo != NULL && f->C_GetSlotList != NULL && f->C_GetSlotInfo != NULL &&
               f->C_GetTokenInfo != NULL && f->C_GetMechanismList != NULL && f->C_GetMechanismInfo != NULL &&
               f->C_OpenSession != NULL && f->C_CloseSession != NULL && f->C_Login != NULL &&
               f->C_Logout != NULL && f->C_DestroyObject != NULL && f->C_GetAttributeValue != NULL &&
               f->C_SetAttributeValue != NULL && f->C_FindObjectsInit != NULL && f->C_FindObjects != NULL &&
               f->C_FindObjectsFinal != NULL && f->C_SignInit != NULL && f->C_Sign != NULL &&
               f->C_GenerateKeyPair != NULL;

    if (!all || f->version.major != 2)
        return ens_fail(
            err, ENS_MODULE,
            "module %s: its function list (version %u.%u) is not that of PKCS#11 2.x: use another module",
            module, (unsigned)f->version.major, (unsigned)f->version.minor);
    return true;
}

bool hsm_open(const struct hsm_open_args *args, struct hsm **ret, struct ens_err *err)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = mem_alloc(1, sizeof *hsm, err);
    CK_C_GetFunctionList get_list = NULL;
    CK_FUNCTION_LIST *list = NULL;

    if (hsm == NULL || !watch_start(args->timeout_s, &hsm->watch, err) ||
        !load_file(args->module, hsm, &get_list, err) ||
        !p11_load(args->module, args->module_args, hsm->watch, &hsm->p11, err))
        return false;

    watch_begin(hsm->watch, "C_GetFunctionList");
    CK_RV rv = watch_end(hsm->watch, get_list(&list));

    if (rv != CKR_OK || list == NULL)
        return ens_fail(err, ENS_MODULE,
                        "module %s: C_GetFunctionList gives no functions: use another module", args->module);
    if (!check_functions(args->module, list, err))
        return false;
    hsm->f = list;
    rv = HSM_CALL(hsm, C_GetInfo, &hsm->info);
    if (rv != CKR_OK) {
        (void)ckr_fail(err, rv, "module %s: C_GetInfo", args->module);
        err->code = ENS_MODULE;
        return false;
    }
    *ret = ens_take(hsm);
    return true;
}

void hsm_closep(struct hsm **hsm)
{
    struct hsm *h = *hsm;

    if (h == NULL)
        return;
    token_leave(h);
    token_free_all(h);
    p11_unloadp(&h->p11);
    if (h->handle != NULL)
        (void)dlclose(h->handle);
    watch_stopp(&h->watch);
    mem_free(h);
    *hsm = NULL;
}
