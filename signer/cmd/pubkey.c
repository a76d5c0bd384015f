/* pubkey: the public half of a token's key as PEM, and its MRSIGNER. */
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/output.h"
#include "signer/cmd/token.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"

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
        !token_open(args, "--key", args->key, &s, err) || !hsm_select_key(s.hsm, s.uri, &selected, err) ||
        !hsm_public_key(s.hsm, &key, err) || !rsa3072_mrsigner(&key, mrsigner, err) ||
        !rsa3072_write_pubkey(&key, &pem, err))
        return false;
    hex_encode(hex, view_of(mrsigner, sizeof mrsigner));
    notice_say(args, "MRSIGNER %s", hex);
    if (known_key_owner(mrsigner) != NULL)
        notice_warn("everybody can sign with this key: %s", known_key_owner(mrsigner));
    return output_commit(out, buf_view(&pem), err);
}
