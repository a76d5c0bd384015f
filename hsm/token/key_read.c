/* The claims of a token about a private key, read and judged; only the check of the signature
 * (signer/sgx/rsa3072.c) proves anything. Attributes are read one at a time: a call for several fails whole
 * if the token does not have one of them. */
#include "hsm/token/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

void key_freep(struct key **key)
{
    struct key *k = *key;

    if (k == NULL)
        return;
    mem_free(k->label);
    mem_free(k->id_hex);
    mem_free(k->uri);
    buf_free(&k->raw_label);
    buf_free(&k->raw_id);
    buf_free(&k->modulus);
    mem_free(k);
    *key = NULL;
}

#define FIND_AT_ONCE 32 /* handles in one C_FindObjects */

static const CK_KEY_TYPE type_rsa = CKK_RSA;

/* ---- objects and their attributes ---- */

CK_ATTRIBUTE key_attr(CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
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

        if (!call_allowed(hsm->page, err) || !mem_grow(&block, count + room, sizeof *found, err))
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

bool key_find(struct hsm *hsm, CK_ATTRIBUTE *wanted, size_t count, size_t max, CK_OBJECT_HANDLE **ret,
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

/* The value of one attribute into `ret`, which is empty and stays so if the token does not have or does not
 * show the attribute. */
static bool attr_bytes(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *ret,
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

static bool attr_claim(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, enum hsm_claim *ret,
                       struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf value = {0};

    if (!attr_bytes(hsm, object, type, &value, err))
        return false;
    *ret = value.len != sizeof(CK_BBOOL) ? HSM_UNKNOWN : value.data[0] != CK_FALSE ? HSM_YES : HSM_NO;
    return true;
}

/* The buffer has exactly the size of a CK_ULONG, because NSS refuses a larger one. */
static bool attr_ulong(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *ret,
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

/* An unsigned big-endian number, without leading zero bytes. */
static bool attr_number(struct hsm *hsm, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *ret,
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

/* ---- mechanisms ---- */

static bool can_sign(struct hsm *hsm, CK_MECHANISM_TYPE type, const CK_MECHANISM_TYPE *list, CK_ULONG count,
                     bool *ret, struct ens_err *err)
{
    CK_MECHANISM_INFO info = {0};
    bool is_listed = false;

    for (CK_ULONG i = 0; i < count; i++)
        is_listed = is_listed || list[i] == type;
    *ret = false;
    if (!is_listed)
        return true;
    CK_RV rv = HSM_CALL(hsm, C_GetMechanismInfo, hsm->token->public.slot_id, type, &info);

    if (rv == CKR_MECHANISM_INVALID)
        return true;
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_GetMechanismInfo", hsm->token->label);
    *ret = (info.flags & CKF_SIGN) != 0;
    return true;
}

static bool ask_mechanisms(struct hsm *hsm, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_MECHANISM_TYPE *list = NULL;
    struct token *t = hsm->token;
    CK_ULONG count = 0;

    if (t->has_mechanisms)
        return true;
    CK_RV rv = HSM_CALL(hsm, C_GetMechanismList, t->public.slot_id, NULL, &count);

    if (rv == CKR_OK && count > HSM_MECHANISMS_MAX)
        return ens_fail(err, ENS_DEVICE, "token '%s' has %lu mechanisms: ensign takes %d", t->label, count,
                        HSM_MECHANISMS_MAX);
    if (rv == CKR_OK) {
        /* One more: p11-kit 0.24's client reads an entry too many if it leaves out what it cannot pass on. */
        list = mem_alloc(count + 1, sizeof *list, err);
        if (list == NULL)
            return false;
        rv = HSM_CALL(hsm, C_GetMechanismList, t->public.slot_id, list, &count);
    }
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "token '%s': C_GetMechanismList", t->label);
    if (!can_sign(hsm, CKM_RSA_PKCS, list, count, &t->rsa_pkcs, err) ||
        !can_sign(hsm, CKM_SHA256_RSA_PKCS, list, count, &t->sha256_rsa_pkcs, err))
        return false;
    t->has_mechanisms = true;
    return true;
}

/* ---- reading one key ---- */

static bool read_names(struct hsm *hsm, struct key *k, struct ens_err *err)
{
    if (!attr_bytes(hsm, k->handle, CKA_LABEL, &k->raw_label, err) ||
        !attr_bytes(hsm, k->handle, CKA_ID, &k->raw_id, err))
        return false;
    k->label = mem_alloc(k->raw_label.len + 1, 1, err);
    k->id_hex = mem_alloc(2 * k->raw_id.len + 1, 1, err);
    if (k->label == NULL || k->id_hex == NULL)
        return false;
    text_printable(k->label, k->raw_label.len + 1, (const char *)k->raw_label.data, k->raw_label.len);
    hex_encode(k->id_hex, buf_view(&k->raw_id));
    k->public.label = k->label;
    k->public.id_hex = k->id_hex;
    return true;
}

static bool read_claims(struct hsm *hsm, struct key *k, struct ens_err *err)
{
    const struct {
        CK_ATTRIBUTE_TYPE type;
        enum hsm_claim *ret;
    } claims[] = {
        {CKA_SIGN, &k->public.sign},
        {CKA_SENSITIVE, &k->public.sensitive},
        {CKA_EXTRACTABLE, &k->public.extractable},
        {CKA_ALWAYS_SENSITIVE, &k->public.always_sensitive},
        {CKA_NEVER_EXTRACTABLE, &k->public.never_extractable},
        {CKA_LOCAL, &k->public.local},
        {CKA_DECRYPT, &k->public.decrypt},
        {CKA_UNWRAP, &k->public.unwrap},
        {CKA_ALWAYS_AUTHENTICATE, &k->public.always_authenticate},
    };

    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        if (!attr_claim(hsm, k->handle, claims[i].type, claims[i].ret, err))
            return false;
    }
    return true;
}

/* CKA_ALLOWED_MECHANISMS: no list, or an empty one, allows all that the token can. */
static bool read_mechanisms(struct hsm *hsm, struct key *k, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf list = {0};
    bool rsa_pkcs = false;
    bool sha256_rsa_pkcs = false;

    k->public.has_rsa_pkcs = hsm->token->rsa_pkcs;
    k->public.has_sha256_rsa_pkcs = hsm->token->sha256_rsa_pkcs;
    if (!attr_bytes(hsm, k->handle, CKA_ALLOWED_MECHANISMS, &list, err))
        return false;
    if (list.len == 0 || list.len % sizeof(CK_MECHANISM_TYPE) != 0)
        return true;
    for (size_t at = 0; at < list.len; at += sizeof(CK_MECHANISM_TYPE)) {
        CK_MECHANISM_TYPE type = 0;

        memcpy(&type, list.data + at, sizeof type);
        rsa_pkcs = rsa_pkcs || type == CKM_RSA_PKCS;
        sha256_rsa_pkcs = sha256_rsa_pkcs || type == CKM_SHA256_RSA_PKCS;
    }
    k->public.has_rsa_pkcs = k->public.has_rsa_pkcs && rsa_pkcs;
    k->public.has_sha256_rsa_pkcs = k->public.has_sha256_rsa_pkcs && sha256_rsa_pkcs;
    k->is_restricted = !rsa_pkcs || !sha256_rsa_pkcs;
    return true;
}

static bool read_type(struct hsm *hsm, struct key *k, struct ens_err *err)
{
    CK_ULONG type = 0;
    bool is_known = false;

    if (!attr_ulong(hsm, k->handle, CKA_KEY_TYPE, &type, &is_known, err))
        return false;
    k->public.is_rsa = is_known && type == type_rsa;
    return true;
}

bool key_halves(struct hsm *hsm, const struct key *k, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE **ret,
                size_t *ret_count, struct ens_err *err)
{
    bool by_modulus = k->modulus.len > 0;
    const struct buf *value = by_modulus ? &k->modulus : &k->raw_id;
    CK_ATTRIBUTE wanted[] = {
        key_attr(CKA_CLASS, &class, sizeof class),
        key_attr(CKA_KEY_TYPE, &type_rsa, sizeof type_rsa),
        key_attr(by_modulus ? CKA_MODULUS : CKA_ID, value->data, value->len),
    };

    *ret_count = 0;
    return value->len == 0 || key_find(hsm, wanted, 3, 2, ret, ret_count, err);
}

/* The one public key object that belongs to `k`. `*ret_found` is false if there is no such object. */
static bool find_public_half(struct hsm *hsm, const struct key *k, CK_OBJECT_HANDLE *ret, bool *ret_found,
                             struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;

    if (!key_halves(hsm, k, CKO_PUBLIC_KEY, &found, &count, err))
        return false;
    /* Two copies with one modulus are the same key; two with one id are not. */
    *ret_found = count == 1 || (count == 2 && k->modulus.len > 0);
    if (*ret_found)
        *ret = found[0];
    return true;
}

/* The modulus and the exponent, from the private object or else from its public half. */
static bool read_numbers(struct hsm *hsm, struct key *k, struct buf *exponent, struct ens_err *err)
{
    CK_OBJECT_HANDLE half = 0;
    bool has_half = false;

    if (!attr_number(hsm, k->handle, CKA_MODULUS, &k->modulus, err) ||
        !attr_number(hsm, k->handle, CKA_PUBLIC_EXPONENT, exponent, err))
        return false;
    if (k->modulus.len > 0 && exponent->len > 0)
        return true;
    if (!find_public_half(hsm, k, &half, &has_half, err))
        return false;
    if (has_half && k->modulus.len == 0 && !attr_number(hsm, half, CKA_MODULUS, &k->modulus, err))
        return false;
    return !has_half || exponent->len > 0 || attr_number(hsm, half, CKA_PUBLIC_EXPONENT, exponent, err);
}

static unsigned bits_of(struct view number)
{
    unsigned bits = (unsigned)number.len * 8;

    for (unsigned mask = 0x80; number.len > 0 && (number.data[0] & mask) == 0 && mask > 0; mask >>= 1)
        bits--;
    return bits;
}

static bool read_public_key(struct hsm *hsm, struct key *k, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf exponent = {0};

    if (!read_numbers(hsm, k, &exponent, err))
        return false;
    k->public.modulus_bits = bits_of(buf_view(&k->modulus));
    if (k->modulus.len <= WIRE_NUMBER_MAX)
        k->public.modulus = buf_view(&k->modulus);
    for (size_t i = 0; i < exponent.len && exponent.len <= sizeof k->public.exponent; i++)
        k->public.exponent = k->public.exponent << 8 | exponent.data[i];
    if (k->public.modulus_bits == PUBKEY_BITS && k->public.exponent == PUBKEY_EXPONENT) {
        memcpy(k->public.pubkey.modulus, k->modulus.data, PUBKEY_SIZE);
        k->public.has_pubkey = true;
    }
    return true;
}

/* The first rule that the key breaks, into public.why_not. */
static void judge(struct key *k)
{
    struct hsm_key *p = &k->public;
    char *why = p->why_not;
    size_t cap = sizeof p->why_not;

    if (!p->is_rsa)
        (void)snprintf(why, cap, "not an RSA key");
    else if (p->modulus_bits == 0)
        (void)snprintf(why, cap,
                       "the token does not show its modulus, and has no public key with its CKA_ID");
    else if (p->modulus_bits != PUBKEY_BITS)
        (void)snprintf(why, cap, "RSA-%u: enclaves need RSA-3072", p->modulus_bits);
    else if (p->exponent == 0)
        (void)snprintf(why, cap, "the token does not show its public exponent: enclaves need 3");
    else if (p->exponent != PUBKEY_EXPONENT)
        (void)snprintf(why, cap, "exponent %" PRIu64 ": enclaves need 3", p->exponent);
    else if (p->sign == HSM_NO)
        (void)snprintf(why, cap, "it may not sign (CKA_SIGN is false)");
    else if (!p->has_rsa_pkcs && !p->has_sha256_rsa_pkcs && k->is_restricted)
        (void)snprintf(
            why, cap,
            "its CKA_ALLOWED_MECHANISMS has neither CKM_RSA_PKCS nor CKM_SHA256_RSA_PKCS of the token");
    else if (!p->has_rsa_pkcs && !p->has_sha256_rsa_pkcs)
        (void)snprintf(why, cap, "the token has neither CKM_RSA_PKCS nor CKM_SHA256_RSA_PKCS for signing");
}

bool key_load(struct hsm *hsm, CK_OBJECT_HANDLE handle, struct key **ret, struct ens_err *err)
{
    ENS_CLEANUP(key_freep) struct key *k = mem_alloc(1, sizeof *k, err);

    if (k == NULL)
        return false;
    k->handle = handle;
    if (!ask_mechanisms(hsm, err) || !read_names(hsm, k, err) || !read_type(hsm, k, err) ||
        !read_claims(hsm, k, err) || !read_mechanisms(hsm, k, err))
        return false;
    if (k->public.is_rsa && !read_public_key(hsm, k, err))
        return false;
    judge(k);
    *ret = ens_take(k);
    return true;
}
