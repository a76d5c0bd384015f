/* sign: the air-gapped host's stage. 256 bytes in, 384 bytes out. No zip, no JSON. */
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/output.h"
#include "signer/cmd/pin.h"
#include "signer/cmd/token.h"
#include "signer/sgx/params.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/sigstruct.h"

#define DIGEST_FILE_SIZE 32

/* What is to be signed. */
struct request {
    bool is_blind; /* only the digest is known */
    struct sigstruct css;
    struct signdata data;
    uint8_t digest[32];
};

static bool read_blind(const struct args *args, const struct buf *file, struct request *ret,
                       struct ens_err *err)
{
    if (!args->blind)
        return ens_fail(err, ENS_REFUSED,
                        "%s: is a bare digest, of which nothing can be reviewed: give the sign-data "
                        "(gen-sign-data), or --blind to sign it unseen",
                        args->operands[0]);
    ret->is_blind = true;
    memcpy(ret->digest, file->data, sizeof ret->digest);
    return true;
}

/* Reads 256 bytes of sign-data, an unsigned SIGSTRUCT, or (--blind) a digest. */
static bool read_request(const struct args *args, struct request *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const char *name = args->operands[0];

    if (!file_read_all(name, SIGSTRUCT_SIZE, &file, err))
        return false;
    if (file.len == DIGEST_FILE_SIZE)
        return read_blind(args, &file, ret, err);
    if (file.len == SIGSTRUCT_SIZE) {
        if (!sigstruct_parse(buf_view(&file), name, &ret->css, err))
            return false;
        if (!sigstruct_is_unsigned(&ret->css))
            return ens_fail(err, ENS_DATA,
                            "%s: is a signed SIGSTRUCT: extract --sign-data gives what to sign again", name);
        signdata_extract(&ret->css, &ret->data);
        file.len = SIGNDATA_SIZE;
        memcpy(file.data, ret->data.bytes, SIGNDATA_SIZE);
    }
    if (!signdata_parse(buf_view(&file), name, &ret->css, err))
        return false;
    signdata_extract(&ret->css, &ret->data);
    return signdata_digest(&ret->css, ret->digest, err);
}

/* The rules of gen-sign-data, now on the bytes that will be signed. */
static bool check_request(const struct args *args, const struct request *r, struct ens_err *err)
{
    if (r->is_blind || args->params.allow_unusual)
        return true;
    return params_check(&r->css, false, err) ||
           ens_wrap(err, "%s: refused without --allow-unusual", args->operands[0]);
}

static bool parse_mechanism(const struct args *args, const struct request *r, enum hsm_mechanism *ret,
                            struct ens_err *err)
{
    static const struct {
        const char *name;
        enum hsm_mechanism mechanism;
    } names[] = {{"auto", HSM_AUTO}, {"rsa-pkcs", HSM_RSA_PKCS}, {"sha256-rsa-pkcs", HSM_SHA256_RSA_PKCS}};

    *ret = HSM_AUTO;
    if (args->mechanism == NULL)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, args->mechanism) != 0)
            continue;
        *ret = names[i].mechanism;
        if (*ret == HSM_SHA256_RSA_PKCS && r->is_blind)
            return ens_fail(err, ENS_USAGE,
                            "--mechanism: sha256-rsa-pkcs hashes on the token, but only the digest is there: "
                            "give the sign-data");
        return true;
    }
    return ens_fail(err, ENS_USAGE, "--mechanism: '%s' is unknown: give auto, rsa-pkcs or sha256-rsa-pkcs",
                    args->mechanism);
}

/* The key that will sign, pinned by --mrsigner where it is given. */
static bool select_key(const struct args *args, struct token_session *s, struct pubkey *ret_key,
                       uint8_t ret_mrsigner[static MRSIGNER_SIZE], struct ens_err *err)
{
    uint8_t want[MRSIGNER_SIZE];
    char hex[2 * MRSIGNER_SIZE + 1];
    const struct hsm_key *selected = NULL;

    if (args->mrsigner != NULL && !hex_decode(args->mrsigner, "--mrsigner", want, sizeof want, err))
        return false;
    if (!hsm_select_key(s->hsm, s->uri, &selected, err) || !hsm_public_key(s->hsm, ret_key, err) ||
        !rsa3072_mrsigner(ret_key, ret_mrsigner, err))
        return false;
    hex_encode(hex, view_of(ret_mrsigner, MRSIGNER_SIZE));
    if (args->mrsigner != NULL && memcmp(want, ret_mrsigner, sizeof want) != 0)
        return ens_fail(err, ENS_REFUSED,
                        "key %s: its MRSIGNER is %s, not that of --mrsigner: name the right key", args->key,
                        hex);
    return true;
}

static bool confirm(const struct args *args, struct ens_err *err)
{
    char answer[16];

    if (args->yes || args->dry_run)
        return true;
    if (!pin_ask_line("Sign this? Type yes to sign: ", answer, sizeof answer, err))
        return false;
    if (strcmp(answer, "yes") != 0)
        return ens_fail(err, ENS_REFUSED, "%s: not signed: the answer was not yes", args->operands[0]);
    return true;
}

static bool write_pubkey(const struct args *args, const struct pubkey *key, struct output *out,
                         struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};

    if (args->pubkey == NULL)
        return true;
    return rsa3072_write_pubkey(key, &pem, err) && output_commit(out, buf_view(&pem), err);
}

/* Steps 5 to 8 of the walk: token, review, confirmation, signature, output. */
static bool sign_request(const struct args *args, const struct request *r, enum hsm_mechanism mechanism,
                         struct output *out, struct output *pubkey_out, struct ens_err *err)
{
    ENS_CLEANUP(token_close) struct token_session s = {0};
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];
    uint8_t signature[SIGNATURE_SIZE];
    const struct review review = {
        .css = r->is_blind ? NULL : &r->css, .digest = r->digest, .mrsigner = mrsigner};
    struct view message = r->is_blind ? view_of(NULL, 0) : view_of(r->data.bytes, sizeof r->data.bytes);

    if (r->is_blind && !args->quiet)
        notice_warn("%s: signing blind: what the digest stands for cannot be reviewed", args->operands[0]);
    if (!token_open(args, "--key", args->key, &s, err) || !select_key(args, &s, &key, mrsigner, err) ||
        !notice_review(args, &review, err) || !confirm(args, err))
        return false;
    if (args->dry_run) {
        notice_say(args, "Dry run: everything holds, nothing was signed.");
        return true;
    }
    if (!token_sign(&s, mechanism, &key, r->digest, message, signature, err) ||
        !write_pubkey(args, &key, pubkey_out, err))
        return false;
    return output_commit(out, view_of(signature, sizeof signature), err);
}

bool cmd_sign(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    ENS_CLEANUP(output_closep) struct output *pubkey_out = NULL;
    struct request r = {0};
    enum hsm_mechanism mechanism = HSM_AUTO;

    if (args->key == NULL)
        return ens_fail(err, ENS_USAGE,
                        "--key: is missing: name the private key with its URI (ensign keys lists them)");
    if (!read_request(args, &r, err) || !check_request(args, &r, err) ||
        !parse_mechanism(args, &r, &mechanism, err))
        return false;
    if (!args->yes && !args->dry_run && !pin_has_terminal())
        return ens_fail(err, ENS_REFUSED,
                        "%s: there is no terminal to ask at: give --yes to sign without asking",
                        args->operands[0]);
    if (!args->dry_run &&
        (!output_open(args->output, true, args->force, &out, err) ||
         (args->pubkey != NULL && !output_open(args->pubkey, false, args->force, &pubkey_out, err))))
        return false;
    return sign_request(args, &r, mechanism, out, pubkey_out, err);
}
