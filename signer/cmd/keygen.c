/* keygen: an RSA-3072 key with e = 3, made inside the token, and proven with a signature. */
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/output.h"
#include "signer/cmd/token.h"
#include "signer/sgx/rsa3072.h"

/* Longest CKA_ID that is taken, in bytes. */
#define ID_MAX 64

/* The test signature is over text: sign-data begins with the byte 0x06 and has 256 bytes, so that no
 * signature made here can be one of an enclave. */
static const char proof[] = "ensign keygen: this text proves a key and is no sign-data";

static bool parse_id(const struct args *args, uint8_t *ret, size_t *ret_len, struct ens_err *err)
{
    size_t len = args->id != NULL ? strlen(args->id) : 0;

    if (len % 2 != 0 || len > 2 * ID_MAX || (args->id != NULL && len == 0))
        return ens_fail(err, ENS_USAGE, "--id: '%s' is no CKA_ID: give 1 to %d bytes as hexadecimal digits",
                        args->id, ID_MAX);
    if (len > 0 && !hex_decode(args->id, "--id", ret, len / 2, err))
        return false;
    *ret_len = len / 2;
    return true;
}

/* The new key signs a text that is no sign-data; a key whose signature does not verify is destroyed again. */
static bool prove(struct token_session *s, const struct pubkey *key, struct ens_err *err)
{
    uint8_t digest[32];
    uint8_t signature[SIGNATURE_SIZE];
    struct view message = view_of_string(proof);
    struct ens_err destroying = {0};

    if (!digest_of(DIGEST_SHA256, message, digest, err))
        return false;
    if (token_sign(s, HSM_AUTO, key, digest, message, signature, err))
        return true;
    if (!hsm_destroy_generated(s->hsm, &destroying))
        notice_warn("the new key could not be destroyed: %s", destroying.msg);
    return ens_wrap(err, "the test signature of the new key failed, the key was destroyed again");
}

static bool report(const struct args *args, const struct hsm_key *key, struct output *pubkey_out,
                   struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    ENS_CLEANUP(buf_free) struct buf uri = {0};
    uint8_t mrsigner[MRSIGNER_SIZE];
    char hex[2 * MRSIGNER_SIZE + 1];

    if (!rsa3072_mrsigner(&key->pubkey, mrsigner, err))
        return false;
    if (pubkey_out != NULL &&
        (!rsa3072_write_pubkey(&key->pubkey, &pem, err) || !output_commit(pubkey_out, buf_view(&pem), err)))
        return ens_wrap(err, "the key was made (%s), but not its file", key->uri);
    hex_encode(hex, view_of(mrsigner, sizeof mrsigner));
    notice_say(args, "Made an RSA-3072 key with e = 3; its test signature verifies.");
    notice_say(args, "MRSIGNER %s", hex);
    return text_line(&uri, err, "%s", key->uri) && notice_result(buf_view(&uri), err);
}

bool cmd_keygen(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(token_close) struct token_session s = {0};
    ENS_CLEANUP(output_closep) struct output *pubkey_out = NULL;
    uint8_t id[ID_MAX];
    struct hsm_generate_args generate = {.label = args->label};
    const struct hsm_key *key = NULL;
    size_t id_len = 0;

    if (args->token == NULL || args->label == NULL)
        return ens_fail(err, ENS_USAGE, "%s: is missing: keygen needs --token URI and --label L",
                        args->token == NULL ? "--token" : "--label");
    if (args->label[0] == '\0')
        return ens_fail(err, ENS_USAGE, "--label: is empty: give the key a name");
    if (!parse_id(args, id, &id_len, err) ||
        (args->pubkey != NULL && !output_open(args->pubkey, false, args->force, &pubkey_out, err)))
        return false;
    generate.id = view_of(id, id_len);
    return token_open(args, "--token", args->token, &s, err) && hsm_generate(s.hsm, &generate, &key, err) &&
           prove(&s, &key->pubkey, err) && report(args, key, pubkey_out, err);
}
