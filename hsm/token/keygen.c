/* Key generation inside the token: C_GenerateKeyPair itself, because libp11 knows no exponent but 65537. */
#include "hsm/token/internal.h"

#include <string.h>
#include <sys/random.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"

#define ID_RANDOM_SIZE   16
#define ID_MRSIGNER_SIZE 20

/* Finding two primes of 1536 bits takes smart cards minutes. */
#define KEYGEN_PATIENCE 10

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;

/* ---- before ---- */

static bool is_in_use(struct hsm *hsm, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type, struct view value,
                      bool *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *found = NULL;
    size_t count = 0;
    CK_ATTRIBUTE wanted[] = {key_attr(CKA_CLASS, &class, sizeof class),
                             key_attr(type, value.data, value.len)};

    if (!key_find(hsm, wanted, 2, 1, &found, &count, err))
        return false;
    *ret = count > 0;
    return true;
}

/* A second key under one id destroys the first on some tokens (NSS), and under one label is ambiguous. */
static bool check_unused(struct hsm *hsm, const struct hsm_generate_args *args, struct ens_err *err)
{
    const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};

    for (size_t i = 0; i < 2; i++) {
        bool used = false;

        if (!is_in_use(hsm, classes[i], CKA_LABEL, view_of_string(args->label), &used, err))
            return false;
        if (used)
            return ens_fail(err, ENS_AMBIGUOUS,
                            "token '%s' has a key with the label '%s': choose another label",
                            hsm->token->label, args->label);
        if (args->id.len == 0)
            continue;
        if (!is_in_use(hsm, classes[i], CKA_ID, args->id, &used, err))
            return false;
        if (used)
            return ens_fail(err, ENS_AMBIGUOUS, "token '%s' has a key with this id: choose another --id",
                            hsm->token->label);
    }
    return true;
}

/* ---- the call ---- */

static bool refused(struct hsm *hsm, bool is_sealing, CK_RV rv, struct ens_err *err)
{
    char text[CKR_TEXT_MAX];

    if (is_sealing)
        return ckr_fail(err, rv, "token '%s': C_GenerateKeyPair", hsm->token->label);
    if (rv == CKR_ARGUMENTS_BAD || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_GENERAL_ERROR ||
        rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_MECHANISM_PARAM_INVALID || rv == CKR_FUNCTION_FAILED ||
        rv == CKR_KEY_SIZE_RANGE || rv == CKR_DOMAIN_PARAMS_INVALID)
        return ens_fail(
            err, ENS_BADKEY,
            "token '%s' refuses an RSA-3072 key with public exponent 3, which SGX needs and FIPS 186-5 "
            "forbids: C_GenerateKeyPair failed with %s: take the token out of FIPS mode, import a key, "
            "or use another token",
            hsm->token->label, ckr_text(rv, text));
    return ckr_fail(err, rv, "token '%s': C_GenerateKeyPair", hsm->token->label);
}

/* All booleans are spelled out: what tokens assume where the template is silent differs. */
static bool call_generate(struct hsm *hsm, const struct hsm_generate_args *args, struct view id,
                          struct ens_err *err)
{
    static const CK_BYTE three[] = {PUBKEY_EXPONENT}, f4[] = {1, 0, 1};
    const CK_ULONG bits = PUBKEY_BITS;
    const CK_BBOOL *signs = args->is_sealing ? &no : &yes;
    const CK_BBOOL *opens = args->is_sealing ? &yes : &no;
    const char *label = args->label;
    size_t label_len = strlen(label);
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN};
    CK_ATTRIBUTE public[] = {
        key_attr(CKA_TOKEN, &yes, sizeof yes),
        key_attr(CKA_PRIVATE, &no, sizeof no),
        key_attr(CKA_LABEL, label, label_len),
        key_attr(CKA_ID, id.data, id.len),
        key_attr(CKA_MODULUS_BITS, &bits, sizeof bits),
        key_attr(CKA_PUBLIC_EXPONENT, args->is_sealing ? f4 : three,
                 args->is_sealing ? sizeof f4 : sizeof three),
        key_attr(CKA_VERIFY, signs, sizeof *signs),
        key_attr(CKA_ENCRYPT, opens, sizeof *opens),
        key_attr(CKA_WRAP, &no, sizeof no),
    };
    CK_ATTRIBUTE private[] = {
        key_attr(CKA_TOKEN, &yes, sizeof yes),       key_attr(CKA_PRIVATE, &yes, sizeof yes),
        key_attr(CKA_SENSITIVE, &yes, sizeof yes),   key_attr(CKA_EXTRACTABLE, &no, sizeof no),
        key_attr(CKA_LABEL, label, label_len),       key_attr(CKA_ID, id.data, id.len),
        key_attr(CKA_SIGN, signs, sizeof *signs),    key_attr(CKA_SIGN_RECOVER, &no, sizeof no),
        key_attr(CKA_DECRYPT, opens, sizeof *opens), key_attr(CKA_UNWRAP, &no, sizeof no),
    };

    call_begin_slow(hsm->page, CALL_C_GenerateKeyPair, KEYGEN_PATIENCE);
    CK_RV rv = call_end(
        hsm->page, hsm->f->C_GenerateKeyPair(hsm->session, &mechanism, public, sizeof public / sizeof *public,
                                             private, sizeof private / sizeof *private,
                                             &hsm->generated_public, &hsm->generated_private));
    if (rv != CKR_OK)
        return refused(hsm, args->is_sealing, rv, err);
    hsm->has_generated = true;
    return true;
}

/* ---- after ---- */

static CK_RV set_id(struct hsm *hsm, CK_OBJECT_HANDLE object, struct view id)
{
    CK_ATTRIBUTE a = key_attr(CKA_ID, id.data, id.len);

    return HSM_CALL(hsm, C_SetAttributeValue, hsm->session, object, &a, 1);
}

/* Gives both halves the id that everybody who has the public key can compute. A token that does not let an
 * id change keeps the random one, which is unique as well. */
static bool rename_to_mrsigner(struct hsm *hsm, struct key *k, struct view random_id, struct ens_err *err)
{
    uint8_t reversed[PUBKEY_SIZE] = {0};
    uint8_t mrsigner[DIGEST_SIZE];
    struct view id = view_of(mrsigner, ID_MRSIGNER_SIZE);

    bytes_reverse(reversed, k->modulus.data, PUBKEY_SIZE);
    if (!digest_of(DIGEST_SHA256, view_of(reversed, sizeof reversed), mrsigner, err))
        return false;
    if (set_id(hsm, hsm->generated_public, id) == CKR_OK && set_id(hsm, hsm->generated_private, id) != CKR_OK)
        (void)set_id(hsm, hsm->generated_public, random_id);
    return true;
}

/* Did the token do what it was asked? A claim that it does not make is not held against it. */
static const char *broken_promise(const struct hsm_key *k, bool is_sealing)
{
    if (is_sealing && (k->modulus_bits != PUBKEY_BITS || k->exponent != HSM_SEALING_EXPONENT))
        return "it is not an RSA-3072 key with public exponent 65537";
    if (!is_sealing && !k->has_pubkey)
        return "it is not an RSA-3072 key with public exponent 3";
    if (k->sensitive == HSM_NO && k->extractable == HSM_YES)
        return "its private half can leave the token (extractable, not sensitive)";
    if (k->sensitive == HSM_NO || k->extractable == HSM_YES)
        return k->sensitive == HSM_NO ? "its private half can leave the token (not sensitive)"
                                      : "its private half can leave the token (extractable)";
    if ((is_sealing ? k->decrypt : k->sign) == HSM_NO)
        return is_sealing ? "it may not decrypt" : "it may not sign";
    if ((is_sealing ? k->sign : k->decrypt) == HSM_YES || k->unwrap == HSM_YES)
        return is_sealing ? "it may do more than decrypt" : "it may do more than sign";
    if (k->local == HSM_NO && !is_sealing) /* NSS says so of what it made */
        return "the token says that it was not made there";
    return NULL;
}

static bool read_back(struct hsm *hsm, const struct hsm_generate_args *args, struct view random_id,
                      const struct hsm_key **ret, struct ens_err *err)
{
    bool rename = args->id.len == 0;
    ENS_CLEANUP(key_freep) struct key *k = NULL;

    if (!key_load(hsm, hsm->generated_private, &k, err))
        return false;
    const char *broken = broken_promise(&k->public, args->is_sealing);

    if (broken != NULL)
        return ens_fail(err, ENS_BADKEY,
                        "token '%s' made a key other than it was asked for: %s: use another token",
                        hsm->token->label, broken);
    if (rename) {
        if (!rename_to_mrsigner(hsm, k, random_id, err))
            return false;
        key_freep(&k);
        if (!key_load(hsm, hsm->generated_private, &k, err))
            return false;
    }
    if (!key_take(hsm, &k, err))
        return false;
    *ret = &hsm->key->public;
    return true;
}

bool keygen_make(struct hsm *hsm, const struct hsm_generate_args *args, const struct hsm_key **ret,
                 struct ens_err *err)
{
    uint8_t random_id[ID_RANDOM_SIZE] = {0};
    struct view id = args->id.len == 0 ? view_of(random_id, sizeof random_id) : args->id;
    struct ens_err ignored = {0};

    if (args->label == NULL || args->label[0] == '\0')
        return ens_fail(err, ENS_USAGE, "the new key needs a label: give --label");
    if (getrandom(random_id, sizeof random_id, 0) != (ssize_t)sizeof random_id)
        return ens_fail(err, ENS_RESOURCE, "the system gives no random bytes: repeat the command");
    if (!session_require(hsm, true, err) || !check_unused(hsm, args, err) ||
        !call_generate(hsm, args, id, err))
        return false;
    if (read_back(hsm, args, id, ret, err))
        return true;
    if (!keygen_destroy(hsm, &ignored))
        (void)ens_wrap(err, "%s", ignored.msg);
    return false;
}

/* The private half first; the error says which is still there. `word`: "new " or "". */
static bool destroy_pair(struct hsm *hsm, const char *word, CK_OBJECT_HANDLE private,
                         const CK_OBJECT_HANDLE *publics, size_t count, struct ens_err *err)
{
    CK_RV rv = HSM_CALL(hsm, C_DestroyObject, hsm->session, private);
    CK_RV rv_public = CKR_OK;
    char text[CKR_TEXT_MAX];

    for (size_t i = 0; i < count && rv_public == CKR_OK; i++)
        rv_public = HSM_CALL(hsm, C_DestroyObject, hsm->session, publics[i]);
    if (rv == CKR_OK && rv_public == CKR_OK)
        return true;
    CK_RV first = rv != CKR_OK ? rv : rv_public;

    return ens_fail(
        err, ckr_code(first),
        "token '%s': the %skey %s is still there, because C_DestroyObject failed with %s: delete it "
        "with the token's own tool",
        hsm->token->label, word,
        rv == CKR_OK          ? "pair's public half"
        : rv_public == CKR_OK ? "pair's private half"
                              : "pair",
        ckr_text(first, text));
}

bool keygen_destroy(struct hsm *hsm, struct ens_err *err)
{
    if (!hsm->has_generated)
        return ens_fail(err, ENS_BUG, "keygen_destroy: no key pair was made");
    hsm->has_generated = false;
    if (!destroy_pair(hsm, "new ", hsm->generated_private, &hsm->generated_public, 1, err))
        return false;
    key_freep(&hsm->key);
    return true;
}

bool keygen_destroy_key(struct hsm *hsm, struct ens_err *err)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *publics = NULL;
    size_t count = 0;

    if (hsm->key == NULL)
        return ens_fail(err, ENS_BUG, "keygen_destroy_key: no key is selected");
    if (!session_require(hsm, true, err) ||
        !key_halves(hsm, hsm->key, CKO_PUBLIC_KEY, &publics, &count, err) ||
        !destroy_pair(hsm, "", hsm->key->handle, publics, count, err))
        return false;
    for (size_t i = 0; i < 2; i++) {
        ENS_CLEANUP(mem_freep) CK_OBJECT_HANDLE *left = NULL;

        if (!key_halves(hsm, hsm->key, classes[i], &left, &count, err))
            return false;
        if (count > 0)
            return ens_fail(err, ENS_DEVICE,
                            "token '%s' still has %s with the modulus of key '%s': look with ensign keys",
                            hsm->token->label, i == 0 ? "a private key" : "a public key", hsm->key->label);
    }
    key_freep(&hsm->key);
    return true;
}
