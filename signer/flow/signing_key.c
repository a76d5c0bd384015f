/* The key that signs, and what must hold of it before it does. */
#include "signer/flow/signing_key.h"

#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/notice.h"

bool signing_key_mechanism(const char *name, enum hsm_mechanism *ret, struct ens_err *err)
{
    static const struct {
        const char *name;
        enum hsm_mechanism mechanism;
    } names[] = {{"auto", HSM_AUTO}, {"rsa-pkcs", HSM_RSA_PKCS}, {"sha256-rsa-pkcs", HSM_SHA256_RSA_PKCS}};
    const char *wanted = name != NULL ? name : "auto";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, wanted) == 0) {
            *ret = names[i].mechanism;
            return true;
        }
    }
    return ens_fail(err, ENS_USAGE, "--mechanism: '%s' is unknown: give auto, rsa-pkcs or sha256-rsa-pkcs",
                    wanted);
}

bool signing_key_usage(const struct signing_key_options *args, struct ens_err *err)
{
    uint8_t mrsigner[MRSIGNER_SIZE];

    return (args->mrsigner == NULL ||
            hex_decode_groups(args->mrsigner, "--mrsigner", mrsigner, sizeof mrsigner, err)) &&
           token_usage(&args->token, "--key", args->token.key, err);
}

const char *signing_key_leaves(const struct hsm_key *key)
{
    if (key->extractable == HSM_YES && key->sensitive == HSM_NO)
        return "extractable: the private key may leave the token; not sensitive: the private key may be read";
    if (key->extractable == HSM_YES)
        return "extractable: the private key may leave the token";
    return key->sensitive == HSM_NO ? "not sensitive: the private key may be read" : NULL;
}

static const char *sensitive_words(const struct hsm_key *key)
{
    if (key->sensitive == HSM_YES && key->local == HSM_YES && key->always_sensitive == HSM_NO)
        return "sensitive, but not always";
    return key->sensitive == HSM_YES  ? "sensitive"
           : key->sensitive == HSM_NO ? "not sensitive"
                                      : "sensitive unknown";
}

static const char *extractable_words(const struct hsm_key *key)
{
    if (key->extractable == HSM_NO && key->never_extractable == HSM_YES)
        return "never extractable";
    return key->extractable == HSM_NO    ? "not extractable"
           : key->extractable == HSM_YES ? "extractable"
                                         : "extractable unknown";
}

bool signing_key_claims(const struct hsm_key *key, bool with_uses, struct buf *ret, struct ens_err *err)
{
    const char *origin = key->local == HSM_YES  ? "made inside"
                         : key->local == HSM_NO ? "imported"
                                                : "made inside or imported";

    if (!buf_printf(ret, err, "%s, %s, %s", origin, sensitive_words(key), extractable_words(key)))
        return false;
    return !with_uses || buf_printf(ret, err, "%s%s%s",
                                    key->decrypt == HSM_YES  ? "; decrypt allowed"
                                    : key->decrypt == HSM_NO ? ", no decrypt"
                                                             : "; decrypt unknown",
                                    key->unwrap == HSM_YES ? "; unwrap allowed" : "",
                                    key->always_authenticate == HSM_YES ? "; the PIN for each use" : "");
}

bool signing_key_open(const struct signing_key_options *args, size_t items, struct signing_key *ret,
                      struct ens_err *err)
{
    if (!token_open_key(&args->token, items, &ret->token, &ret->selected, err) ||
        !hsm_public_key(ret->token.hsm, &ret->key, err) || !rsa3072_mrsigner(&ret->key, ret->mrsigner, err))
        return false;
    if (signing_key_leaves(ret->selected) != NULL)
        notice_warn("key '%s': %s", ret->selected->uri, signing_key_leaves(ret->selected));
    return true;
}

void signing_key_close(struct signing_key *k)
{
    token_close(&k->token);
}

bool signing_key_pin(const struct signing_key_options *args, const struct signing_key *k, struct ens_err *err)
{
    uint8_t want[MRSIGNER_SIZE];

    if (args->mrsigner == NULL)
        return true;
    if (!hex_decode_groups(args->mrsigner, "--mrsigner", want, sizeof want, err))
        return false;
    if (memcmp(want, k->mrsigner, sizeof want) != 0)
        return ens_fail(err, ENS_REFUSED,
                        "key '%s': its MRSIGNER is %s, not that of --mrsigner: name the right key",
                        k->selected->uri, hex_of(view_of(k->mrsigner, MRSIGNER_SIZE)).text);
    return true;
}

void signing_key_policy(const struct signing_key *k, const struct policy *p, struct policy_outcome *ret)
{
    const struct hsm_key *s = k->selected;
    const struct policy_claims claims = {.sensitive = s->sensitive,
                                         .always_sensitive = s->always_sensitive,
                                         .extractable = s->extractable,
                                         .never_extractable = s->never_extractable,
                                         .local = s->local,
                                         .decrypt = s->decrypt,
                                         .always_authenticate = s->always_authenticate};

    policy_check_mrsigner(p, k->mrsigner, ret);
    policy_check_claims(p, &claims, ret);
}

void signing_key_report(const struct hsm_key *key, const struct hsm_token *token, struct report *r)
{
    report_text(r, "label", NULL, key->label);
    report_text(r, "id", NULL, key->id_hex);
    report_text(r, "uri", NULL, key->uri);
    report_text(r, "token", NULL, token->label);
    report_text(r, "serial", NULL, token->serial);
}
