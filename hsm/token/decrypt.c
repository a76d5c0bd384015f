/* Unwrapping with a key of the token: C_DecryptInit and C_Decrypt themselves, because libp11 knows no parameters of
 * OAEP. What is inside is a key of 32 bytes; it stands in locked pages, and is wiped. */
#include "hsm/token/internal.h"

#include <string.h>

#include "signer/base/mem.h"

#define ROOM 512 /* more than OAEP leaves of RSA-4096; the length is never asked for first (sign.c) */

/* Does the key, the mechanism or what was wrapped not fit? Some tokens say no more than that it failed. */
static bool is_refusal(CK_RV rv)
{
    static const CK_RV refusals[] = {
        CKR_ARGUMENTS_BAD, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
        CKR_DATA_INVALID,  CKR_DATA_LEN_RANGE,         CKR_FUNCTION_NOT_SUPPORTED,
        CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED};

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (refusals[i] == rv)
            return true;
    }
    return ckr_code(rv) == ENS_BADKEY;
}

static bool failed(const struct hsm *hsm, CK_RV rv, const char *call, const char *hash, struct ens_err *err)
{
    char text[CKR_TEXT_MAX];

    if (!is_refusal(rv))
        return ckr_fail(err, rv, "key '%s': %s (CKM_RSA_PKCS_OAEP, %s)", hsm->key->label, call, hash);
    return ens_fail(
        err, ENS_BADKEY,
        "key '%s' does not open this: %s (CKM_RSA_PKCS_OAEP, %s) failed with %s: it must be a key that "
        "may decrypt, on a token that can do this, and the one that it was sealed to",
        hsm->key->label, call, hash, ckr_text(rv, text));
}

bool decrypt_unwrap(struct hsm *hsm, const struct hsm_decrypt_args *args, struct secret *ret,
                    struct ens_err *err)
{
    bool is_sha1 = args->oaep == HSM_OAEP_SHA1;
    const char *hash = is_sha1 ? "SHA-1" : "SHA-256";
    CK_RSA_PKCS_OAEP_PARAMS oaep = {.hash_alg = is_sha1 ? CKM_SHA_1 : CKM_SHA256,
                                    .mgf = is_sha1 ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256,
                                    .source = CKZ_DATA_SPECIFIED};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep};
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};
    ENS_CLEANUP(secret_wipe) struct secret key = {0};
    CK_BYTE_PTR data = NULL;
    CK_ULONG len = ROOM;

    if (hsm->key == NULL)
        return ens_fail(err, ENS_BUG, "decrypt_unwrap: no key is selected");
    if (!secret_alloc(&key, err) || !login_ask(hsm, args->ask_pin, args->ask_ctx, &pin, err) ||
        !call_allowed(hsm->page, err))
        return false;
    CK_RV rv = HSM_CALL(hsm, C_DecryptInit, hsm->session, &mechanism, hsm->key->handle);

    if (rv != CKR_OK)
        return failed(hsm, rv, "C_DecryptInit", hash, err);
    if (!login_context(hsm, &pin, err))
        return false;
    memcpy(&data, &args->wrapped.data, sizeof data); /* only read, but has no const */
    rv = HSM_CALL(hsm, C_Decrypt, hsm->session, data, args->wrapped.len, (CK_BYTE_PTR)key.data, &len);
    if (rv != CKR_OK)
        return failed(hsm, rv, "C_Decrypt", hash, err);
    if (len != HSM_DATA_KEY_SIZE)
        return ens_fail(err, ENS_BADKEY, "key '%s': C_Decrypt gave %lu bytes and not %d: it was not used",
                        hsm->key->label, len, HSM_DATA_KEY_SIZE);
    key.len = len;
    *ret = key;
    key = (struct secret){0};
    return true;
}
