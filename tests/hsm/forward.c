#include "tests/hsm/forward.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

CK_FUNCTION_LIST *forward_real;

#define FORWARD(name, parameters, arguments)                                                                 \
    static CK_RV forward_##name parameters                                                                   \
    {                                                                                                        \
        CK_RV rv = forward_enter(#name);                                                                     \
        return rv != CKR_OK ? rv : forward_real->name arguments;                                             \
    }

FORWARD(C_Initialize, (void *r), (r))
FORWARD(C_Finalize, (void *r), (r))
FORWARD(C_GetInfo, (CK_INFO * i), (i))
FORWARD(C_GetSlotList, (CK_BBOOL p, CK_SLOT_ID *l, CK_ULONG *n), (p, l, n))
FORWARD(C_GetSlotInfo, (CK_SLOT_ID s, CK_SLOT_INFO *i), (s, i))
FORWARD(C_GetTokenInfo, (CK_SLOT_ID s, CK_TOKEN_INFO *i), (s, i))
FORWARD(C_GetMechanismList, (CK_SLOT_ID s, CK_MECHANISM_TYPE *l, CK_ULONG *n), (s, l, n))
FORWARD(C_GetMechanismInfo, (CK_SLOT_ID s, CK_MECHANISM_TYPE t, CK_MECHANISM_INFO *i), (s, t, i))
FORWARD(C_OpenSession, (CK_SLOT_ID s, CK_FLAGS f, void *a, CK_NOTIFY n, CK_SESSION_HANDLE *h),
        (s, f, a, n, h))
FORWARD(C_CloseSession, (CK_SESSION_HANDLE h), (h))
FORWARD(C_CloseAllSessions, (CK_SLOT_ID s), (s))
FORWARD(C_GetSessionInfo, (CK_SESSION_HANDLE h, CK_SESSION_INFO *i), (h, i))
FORWARD(C_Login, (CK_SESSION_HANDLE h, CK_USER_TYPE u, CK_UTF8CHAR *p, CK_ULONG n), (h, u, p, n))
FORWARD(C_Logout, (CK_SESSION_HANDLE h), (h))
FORWARD(C_CreateObject, (CK_SESSION_HANDLE h, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *o), (h, t, n, o))
FORWARD(C_DestroyObject, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o), (h, o))
FORWARD(C_GetAttributeValue, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n),
        (h, o, t, n))
FORWARD(C_SetAttributeValue, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n),
        (h, o, t, n))
FORWARD(C_FindObjectsInit, (CK_SESSION_HANDLE h, CK_ATTRIBUTE *t, CK_ULONG n), (h, t, n))
FORWARD(C_FindObjects, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE *o, CK_ULONG m, CK_ULONG *n), (h, o, m, n))
FORWARD(C_FindObjectsFinal, (CK_SESSION_HANDLE h), (h))
FORWARD(C_SignInit, (CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE k), (h, m, k))
FORWARD(C_Sign, (CK_SESSION_HANDLE h, CK_BYTE *d, CK_ULONG n, CK_BYTE *s, CK_ULONG *l), (h, d, n, s, l))
FORWARD(C_DecryptInit, (CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE k), (h, m, k))
FORWARD(C_Decrypt, (CK_SESSION_HANDLE h, CK_BYTE *d, CK_ULONG n, CK_BYTE *s, CK_ULONG *l), (h, d, n, s, l))
FORWARD(C_GenerateKeyPair,
        (CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_ATTRIBUTE *public, CK_ULONG public_count,
         CK_ATTRIBUTE *private, CK_ULONG private_count, CK_OBJECT_HANDLE *ret_public,
         CK_OBJECT_HANDLE *ret_private),
        (h, m, public, public_count, private, private_count, ret_public, ret_private))
FORWARD(C_GenerateRandom, (CK_SESSION_HANDLE h, CK_BYTE *d, CK_ULONG n), (h, d, n))

static CK_RV load(void)
{
    const char *path = getenv("ENSIGN_FAULT_MODULE");
    void *handle = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    void *symbol = handle != NULL ? dlsym(handle, "C_GetFunctionList") : NULL;
    CK_C_GetFunctionList get = NULL;

    memcpy(&get, &symbol, sizeof get);
    return get != NULL && get(&forward_real) == CKR_OK ? CKR_OK : CKR_GENERAL_ERROR;
}

/* The rest of the list is the real module's own: nothing of this tree calls it. */
CK_RV forward_load(CK_FUNCTION_LIST *ret_list)
{
    CK_RV rv = forward_real != NULL ? CKR_OK : load();

    if (rv != CKR_OK)
        return rv;
    *ret_list = *forward_real;
#define USE(name) ret_list->name = forward_##name;
    USE(C_Initialize)
    USE(C_Finalize)
    USE(C_GetInfo)
    USE(C_GetSlotList)
    USE(C_GetSlotInfo)
    USE(C_GetTokenInfo)
    USE(C_GetMechanismList)
    USE(C_GetMechanismInfo)
    USE(C_OpenSession)
    USE(C_CloseSession)
    USE(C_CloseAllSessions)
    USE(C_GetSessionInfo)
    USE(C_Login)
    USE(C_Logout)
    USE(C_CreateObject)
    USE(C_DestroyObject)
    USE(C_GetAttributeValue)
    USE(C_SetAttributeValue)
    USE(C_FindObjectsInit)
    USE(C_FindObjects)
    USE(C_FindObjectsFinal)
    USE(C_SignInit)
    USE(C_Sign)
    USE(C_DecryptInit)
    USE(C_Decrypt)
    USE(C_GenerateKeyPair)
    USE(C_GenerateRandom)
#undef USE
    return CKR_OK;
}
