/* Search, and attributes one at a time: in a call that asks for several, one that the token does not have
 * makes the whole call fail. */
#include "hsm/internal.h"

#include <string.h>

#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

#define FIND_AT_ONCE 32 /* handles in one C_FindObjects */

CK_ATTRIBUTE attr_of(CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    CK_ATTRIBUTE a = {.type = type, .ulValueLen = len};

    /* pValue lacks const only because C_GetAttributeValue writes through it. */
    memcpy(&a.pValue, &value, sizeof a.pValue);
    return a;
}

/* The handles of a search that is under way. */
static bool collect(struct hsm *hsm, size_t max, CK_OBJECT_HANDLE **ret, size_t *ret_count,
                    struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;
    CK_ULONG got = 1;

    while (got > 0 && count < max) {
        size_t room = max - count < FIND_AT_ONCE ? max - count : FIND_AT_ONCE;
        void *block = found;

        if (!interrupt_check(err) || !mem_grow(&block, count + room, sizeof *found, err))
            return false;
        found = block;
        got = 0;
        CK_RV rv = HSM_CALL(hsm, C_FindObjects, hsm->session, found + count, room, &got);

        if (rv != CKR_OK)
            return ckr_fail(err, rv, "token '%s': C_FindObjects", hsm->token->label);
        if (got > room)
            return ens_fail(err, ENS_DEVICE,
                            "token '%s': C_FindObjects gave %lu objects where %zu fit: the module is broken",
                            hsm->token->label, got, room);
        count += got;
    }
    *ret = ens_take(found);
    *ret_count = count;
    return true;
}

bool attr_find(struct hsm *hsm, CK_ATTRIBUTE *wanted, size_t count, size_t max, CK_OBJECT_HANDLE **ret,
               size_t *ret_count, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t found_count = 0;
    CK_RV rv = HSM_CALL(hsm, C_FindObjectsInit, hsm->session, wanted, count);

    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_FindObjectsInit", hsm->token->label);
    bool ok = collect(hsm, max, &found, &found_count, err);

    rv = HSM_CALL(hsm, C_FindObjectsFinal, hsm->session);
    if (!ok)
        return false;
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_FindObjectsFinal", hsm->token->label);
    *ret = ens_take(found);
    *ret_count = found_count;
    return true;
}

bool attr_bytes(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *ret,
                struct ens_err *err)
{
    uint8_t value[HSM_ATTR_MAX];
    CK_ATTRIBUTE a = {.type = type, .pValue = value, .ulValueLen = sizeof value};
    CK_RV rv = HSM_CALL(hsm, C_GetAttributeValue, hsm->session, object, &a, 1);

    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE)
        return true;
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_GetAttributeValue of 0x%lx", hsm->token->label, type);
    if (a.ulValueLen == (CK_ULONG)-1)
        return true;
    if (a.ulValueLen > sizeof value)
        return ens_fail(
            err, ENS_DEVICE,
            "token '%s': C_GetAttributeValue of 0x%lx gave %lu bytes where %d fit: the module is broken",
            hsm->token->label, type, a.ulValueLen, HSM_ATTR_MAX);
    return buf_append(ret, view_of(value, a.ulValueLen), err);
}

bool attr_claim(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, enum hsm_claim *ret,
                struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf value = {0};

    if (!attr_bytes(hsm, object, type, &value, err))
        return false;
    *ret = value.len != sizeof(CK_BBOOL) ? HSM_UNKNOWN : value.data[0] != CK_FALSE ? HSM_YES : HSM_NO;
    return true;
}

bool attr_ulong(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *ret,
                bool *ret_known, struct ens_err *err)
{
    CK_ULONG value = 0;
    CK_ATTRIBUTE a = {.type = type, .pValue = &value, .ulValueLen = sizeof value};
    CK_RV rv = HSM_CALL(hsm, C_GetAttributeValue, hsm->session, object, &a, 1);

    if (rv != CKR_OK && rv != CKR_ATTRIBUTE_TYPE_INVALID && rv != CKR_ATTRIBUTE_SENSITIVE)
        return ckr_fail(err, rv, "token '%s': C_GetAttributeValue of 0x%lx", hsm->token->label, type);
    *ret_known = rv == CKR_OK && a.ulValueLen == sizeof value;
    *ret = value;
    return true;
}

bool attr_number(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *ret,
                 struct ens_err *err)
{
    size_t zeros = 0;

    if (!attr_bytes(hsm, object, type, ret, err))
        return false;
    while (zeros < ret->len && ret->data[zeros] == 0)
        zeros++;
    if (zeros > 0)
        memmove(ret->data, ret->data + zeros, ret->len - zeros);
    ret->len -= zeros;
    return true;
}
