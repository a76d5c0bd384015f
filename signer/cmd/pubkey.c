/* pubkey: the public half of a token's key as PEM, and its MRSIGNER. With --x509 the key signs a certificate
 * of itself, for programs that take no bare key; the bytes are shown, and are no sign-data. */
#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/output.h"
#include "signer/cmd/token.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_cert.h"

/* What the token is about to sign. All of it follows from the key, so there is nothing to confirm. */
static void say_certificate(const struct args *args, const uint8_t serial[static RSA3072_CERT_SERIAL_SIZE],
                            const uint8_t digest[static DIGEST_SIZE])
{
    char hex[2 * DIGEST_SIZE + 1];

    notice_say(args,
               "The token signs a certificate of its own key: %d bytes that begin with 30 82, no sign-data.",
               RSA3072_CERT_TBS_SIZE);
    notice_say(args, "  subject and issuer  CN=%s", RSA3072_CERT_NAME);
    hex_encode(hex, view_of(serial, RSA3072_CERT_SERIAL_SIZE));
    notice_say(args, "  serial number       %s (from MRSIGNER)", hex);
    notice_say(args, "  valid               20%s to %s, certifies nobody else", RSA3072_CERT_BEGINS,
               RSA3072_CERT_ENDS);
    hex_encode(hex, view_of(digest, DIGEST_SIZE));
    notice_say(args, "  SHA-256             %s", hex);
}

/* Appends the certificate: laid out, shown, signed by the token, verified, put together, verified again. */
static bool make_certificate(const struct args *args, struct token_session *s, const struct pubkey *key,
                             struct buf *ret, struct ens_err *err)
{
    uint8_t serial[RSA3072_CERT_SERIAL_SIZE];
    uint8_t tbs[RSA3072_CERT_TBS_SIZE];
    uint8_t digest[DIGEST_SIZE];
    uint8_t signature[SIGNATURE_SIZE];

    if (!rsa3072_cert_serial(key, serial, err) || !rsa3072_cert_tbs(key, tbs, err) ||
        !digest_of(DIGEST_SHA256, view_of(tbs, sizeof tbs), digest, err))
        return false;
    say_certificate(args, serial, digest);
    return token_sign(s, HSM_AUTO, key, digest, view_of(tbs, sizeof tbs), signature, err) &&
           rsa3072_cert_finish(key, signature, ret, err);
}

bool cmd_pubkey(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(token_close) struct token_session s = {0};
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];
    char hex[2 * MRSIGNER_SIZE + 1];
    const struct hsm_key *selected = NULL;

    if (args->key == NULL)
        return ens_fail(err, ENS_USAGE,
                        "--key: is missing: name the private key with its URI (ensign keys lists them)");
    if (!output_open(args->output, false, args->force, &out, err) ||
        !token_open_key(args, &s, &selected, err) || !hsm_public_key(s.hsm, &key, err) ||
        !rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    hex_encode(hex, view_of(mrsigner, sizeof mrsigner));
    notice_say(args, "MRSIGNER %s", hex);
    if (known_key_owner(mrsigner) != NULL)
        notice_warn("everybody can sign with this key: %s", known_key_owner(mrsigner));
    if (!(args->x509 ? make_certificate(args, &s, &key, &pem, err) : rsa3072_write_pubkey(&key, &pem, err)))
        return false;
    return output_commit(out, buf_view(&pem), err);
}
