/* Keys: reading what a token says of a private key, and judging it. What is read are claims of the token;
 * only the check of the signature (signer/sgx/rsa3072.c) proves anything. */
#include "hsm/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

static const CK_OBJECT_CLASS class_private = CKO_PRIVATE_KEY;
static const CK_OBJECT_CLASS class_public = CKO_PUBLIC_KEY;
static const CK_KEY_TYPE type_rsa = CKK_RSA;

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

/* The one public key object that belongs to `k`: the one with its modulus, or, where the private object does
 * not tell the modulus, the only one with its CKA_ID. `*ret_found` is false where there is no such object. */
static bool find_public_half(struct hsm *hsm, const struct key *k, CK_OBJECT_HANDLE *ret, bool *ret_found,
                             struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;
    bool by_modulus = k->modulus.len > 0;
    const struct buf *value = by_modulus ? &k->modulus : &k->raw_id;
    CK_ATTRIBUTE wanted[] = {
        attr_of(CKA_CLASS, &class_public, sizeof class_public),
        attr_of(CKA_KEY_TYPE, &type_rsa, sizeof type_rsa),
        attr_of(by_modulus ? CKA_MODULUS : CKA_ID, value->data, value->len),
    };

    *ret_found = false;
    if (value->len == 0)
        return true;
    if (!attr_find(hsm, wanted, 3, 2, &found, &count, err))
        return false;
    /* Two copies with one modulus are the same key; two with one id are not. */
    *ret_found = count == 1 || (count == 2 && by_modulus);
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
        (void)snprintf(why, cap, "it is not an RSA key");
    else if (p->modulus_bits == 0)
        (void)snprintf(why, cap,
                       "the token does not show its modulus, and has no public key with its CKA_ID");
    else if (p->modulus_bits != PUBKEY_BITS)
        (void)snprintf(why, cap, "it has %u bits: SGX needs 3072", p->modulus_bits);
    else if (p->exponent == 0)
        (void)snprintf(why, cap, "the token does not show its public exponent: SGX needs 3");
    else if (p->exponent != PUBKEY_EXPONENT)
        (void)snprintf(why, cap, "its public exponent is %" PRIu64 ": SGX needs 3", p->exponent);
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
    if (!token_mechanisms(hsm, err) || !read_names(hsm, k, err) || !read_type(hsm, k, err) ||
        !read_claims(hsm, k, err) || !read_mechanisms(hsm, k, err))
        return false;
    if (k->public.is_rsa && !read_public_key(hsm, k, err))
        return false;
    judge(k);
    *ret = ens_take(k);
    return true;
}

/* The token's URI, and what tells the key from the others: label, or id, or both, an empty one included. */
bool key_set_uri(struct hsm *hsm, struct key *k, bool label_is_unique, bool id_is_unique, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    bool by_label = k->raw_label.len > 0 && label_is_unique;
    bool by_id = !by_label && k->raw_id.len > 0 && id_is_unique && k->raw_label.len == 0;

    if (!buf_append(&b, view_of_string(hsm->token->uri), err))
        return false;
    if (!by_id && !uri_put(&b, URI_OBJECT, buf_view(&k->raw_label), err))
        return false;
    if (!by_label && !uri_put(&b, URI_ID, buf_view(&k->raw_id), err))
        return false;
    mem_freep(&k->uri);
    k->uri = mem_strndup((const char *)b.data, b.len, err);
    k->public.uri = k->uri;
    return k->uri != NULL;
}

/* Is there one private key at most with this attribute? An empty value cannot be searched for. */
static bool is_unique(struct hsm *hsm, CK_ATTRIBUTE_TYPE type, const struct buf *value, bool *ret,
                      struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;
    CK_ATTRIBUTE wanted[] = {attr_of(CKA_CLASS, &class_private, sizeof class_private),
                             attr_of(type, value->data, value->len)};

    *ret = false;
    if (value->len == 0)
        return true;
    if (!attr_find(hsm, wanted, 2, 2, &found, &count, err))
        return false;
    *ret = count == 1;
    return true;
}

bool key_take(struct hsm *hsm, struct key **key, struct ens_err *err)
{
    bool label = false;
    bool id = false;

    if ((*key)->uri == NULL &&
        (!is_unique(hsm, CKA_LABEL, &(*key)->raw_label, &label, err) ||
         !is_unique(hsm, CKA_ID, &(*key)->raw_id, &id, err) || !key_set_uri(hsm, *key, label, id, err)))
        return false;
    key_freep(&hsm->key);
    hsm->key = ens_take(*key);
    return true;
}

bool hsm_public_key(struct hsm *hsm, struct pubkey *ret, struct ens_err *err)
{
    if (hsm->key == NULL)
        return ens_fail(err, ENS_BUG, "hsm_public_key: no key is selected");
    const struct hsm_key *key = &hsm->key->public;

    if (key->why_not[0] != '\0' || !key->has_pubkey)
        return ens_fail(
            err, ENS_BADKEY,
            "key '%s' cannot sign enclaves: %s: choose another ('ensign keys' lists them), or make one "
            "with 'ensign keygen'",
            key->label, key->why_not);
    *ret = key->pubkey;
    return true;
}
