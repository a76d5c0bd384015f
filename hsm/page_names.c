/* What ensign reads of the shared page. */
#include "hsm/page.h"

#include <stddef.h>

static const char *const names[CALLS] = {
    [CALL_dlopen] = "dlopen",
    [CALL_LOAD] = "C_Initialize or C_GetInfo",
    [CALL_C_Initialize] = "C_Initialize",
    [CALL_C_Finalize] = "C_Finalize",
    [CALL_C_GetFunctionList] = "C_GetFunctionList",
    [CALL_C_GetInfo] = "C_GetInfo",
    [CALL_C_GetSlotList] = "C_GetSlotList",
    [CALL_C_GetSlotInfo] = "C_GetSlotInfo",
    [CALL_C_GetTokenInfo] = "C_GetTokenInfo",
    [CALL_C_GetMechanismList] = "C_GetMechanismList",
    [CALL_C_GetMechanismInfo] = "C_GetMechanismInfo",
    [CALL_C_OpenSession] = "C_OpenSession",
    [CALL_C_CloseSession] = "C_CloseSession",
    [CALL_C_Login] = "C_Login",
    [CALL_C_Logout] = "C_Logout",
    [CALL_C_FindObjectsInit] = "C_FindObjectsInit",
    [CALL_C_FindObjects] = "C_FindObjects",
    [CALL_C_FindObjectsFinal] = "C_FindObjectsFinal",
    [CALL_C_GetAttributeValue] = "C_GetAttributeValue",
    [CALL_C_SetAttributeValue] = "C_SetAttributeValue",
    [CALL_C_SignInit] = "C_SignInit",
    [CALL_C_Sign] = "C_Sign",
    [CALL_C_DecryptInit] = "C_DecryptInit",
    [CALL_C_Decrypt] = "C_Decrypt",
    [CALL_C_GenerateKeyPair] = "C_GenerateKeyPair",
    [CALL_C_DestroyObject] = "C_DestroyObject",
};

bool page_is_calling(uint64_t state)
{
    return (state & PAGE_RETURNED) == 0 && page_call_of(state) != CALL_NONE;
}

unsigned page_factor_of(uint64_t state)
{
    return (unsigned)(state >> 16) & 0xffffU;
}

const char *page_call_name(enum page_call call)
{
    return names[call];
}
