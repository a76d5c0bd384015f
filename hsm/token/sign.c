/* One signature: choose the mechanism, authorise it where the key wants that, C_SignInit, C_Sign. */
#include "hsm/token/internal.h"

#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"

/* More than any RSA-3072 signature; the length is never asked for first, which some tokens count as the
 * operation itself. */
#define SIGN_ROOM 512

/* RFC 8017, section 9.2, note 1: the DER encoding of a DigestInfo for SHA-256, before its 32 bytes. */
static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

/* What goes into C_Sign, and how. */
struct input {
    CK_MECHANISM_TYPE mechanism;
    const char *name;
    uint8_t encoded[sizeof digest_info + DIGEST_SIZE];
    struct view data;
};

static void use_digest(struct input *in, const uint8_t *digest)
{
    in->mechanism = CKM_RSA_PKCS;
    in->name = "CKM_RSA_PKCS";
    memcpy(in->encoded, digest_info, sizeof digest_info);
    memcpy(in->encoded + sizeof digest_info, digest, DIGEST_SIZE);
    in->data = view_of(in->encoded, sizeof in->encoded);
}

static bool use_message(struct input *in, const struct hsm_sign_args *args, struct ens_err *err)
{
    uint8_t digest[DIGEST_SIZE];

    in->mechanism = CKM_SHA256_RSA_PKCS;
    in->name = "CKM_SHA256_RSA_PKCS";
    in->data = args->message;
    if (args->message.len == 0)
        return ens_fail(err, ENS_USAGE,
                        "CKM_SHA256_RSA_PKCS needs the sign-data and not a digest of it: give the 256 bytes");
    if (!digest_of(DIGEST_SHA256, args->message, digest, err))
        return false;
    if (memcmp(digest, args->digest, DIGEST_SIZE) != 0)
        return ens_fail(err, ENS_BUG, "sign_digest: the digest is not that of the message");
    return true;
}

static bool choose_mechanism(const struct hsm *hsm, const struct hsm_sign_args *args, struct input *in,
                             struct ens_err *err)
{
    const struct hsm_key *key = &hsm->key->public;
    bool by_message = args->mechanism == HSM_SHA256_RSA_PKCS ||
                      (args->mechanism == HSM_AUTO && !key->has_rsa_pkcs && key->has_sha256_rsa_pkcs);

    if (by_message && !use_message(in, args, err))
        return false;
    if (!by_message)
        use_digest(in, args->digest);
    if (by_message ? !key->has_sha256_rsa_pkcs : !key->has_rsa_pkcs)
        return ens_fail(err, ENS_BADKEY, "token '%s' or its key does not sign with %s: try --mechanism %s",
                        hsm->token->label, in->name, by_message ? "rsa-pkcs" : "sha256-rsa-pkcs");
    return true;
}

static bool call_sign(struct hsm *hsm, const struct input *in, const struct secret *pin, uint8_t *ret,
                      CK_ULONG *ret_len, struct ens_err *err)
{
    CK_MECHANISM mechanism = {.mechanism = in->mechanism};
    CK_BYTE_PTR data = NULL;
    CK_RV rv = HSM_CALL(hsm, C_SignInit, hsm->session, &mechanism, hsm->key->handle);

    if (rv != CKR_OK)
        return ckr_fail(err, rv, "key '%s': C_SignInit (%s)", hsm->key->label, in->name);
    if (!login_context(hsm, pin, err))
        return false;
    /* C_Sign only reads its input, but takes it without const. */
    memcpy(&data, &in->data.data, sizeof data);
    hsm->page->started++;
    rv = HSM_CALL(hsm, C_Sign, hsm->session, data, in->data.len, ret, ret_len);
    if (rv != CKR_OK)
        return ckr_fail(err, rv, "key '%s': C_Sign (%s)", hsm->key->label, in->name);
    hsm->page->completed++;
    return true;
}

bool sign_digest(struct hsm *hsm, const struct hsm_sign_args *args, uint8_t ret[static SIGNATURE_SIZE],
                 struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};
    struct input in = {0};
    uint8_t signature[SIGN_ROOM] = {0};
    CK_ULONG len = sizeof signature;

    if (hsm->key == NULL)
        return ens_fail(err, ENS_BUG, "sign_digest: no key is selected");
    if (!choose_mechanism(hsm, args, &in, err))
        return false;
    /* Before C_SignInit, so that a refusal leaves no operation behind in the session. */
    if (!login_ask(hsm, args->ask_pin, args->ask_ctx, &pin, err))
        return false;
    if (!call_allowed(hsm->page, err) || !call_sign(hsm, &in, &pin, signature, &len, err))
        return false;
    if (len != SIGNATURE_SIZE)
        return ens_fail(err, ENS_BADSIG,
                        "key '%s': the token gave a signature of %lu bytes and not %d: it was "
                        "not used; check the token",
                        hsm->key->label, len, SIGNATURE_SIZE);
    memcpy(ret, signature, SIGNATURE_SIZE);
    return true;
}
