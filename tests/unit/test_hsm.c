/* hsm/ on a real SoftHSM token: listing, selecting exactly one token and one key, public keys, signatures. */
#include <openssl/bn.h>

#include "signer/base/digest.h"
#include "tests/hsm/token.h"

#define ENSIGN "pkcs11:token=ensign"

static int setup(void **state)
{
    (void)state;
    token_setup();
    token_init("ensign");
    token_make_rsa("k3", "3072", "-3");
    token_make_rsa("other3", "3072", "-3");
    token_make_rsa("small", "2048", "-3");
    token_make_rsa("f4", "3072", "-F4");
    token_must("openssl", "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024",
               "-out", token_path("dsa.param"));
    token_must("openssl", "genpkey", "-paramfile", token_path("dsa.param"), "-out", token_path("dsa.p8"));
    token_import("ensign", "k3", "release", "e308", true);
    token_import("ensign", "small", "small", "02", true);
    token_import("ensign", "f4", "f4", "03", true);
    token_import("ensign", "k3", "dup", "04", true);
    token_import("ensign", "other3", "dup", "05", true);
    token_import("ensign", "k3", "same", "06", true);
    token_import("ensign", "other3", "same", "06", true);
    token_import("ensign", "dsa", "a dsa neighbour; really", "07", true);
    token_import("ensign", "other3", "nopub", "08", false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_teardown();
    return 0;
}

/* ---- tokens ---- */

struct listing {
    unsigned count;
    char uris[16][1024];
};

static bool add_token(void *ctx, const struct hsm_token *token, struct ens_err *err)
{
    struct listing *l = ctx;

    (void)err;
    assert_true(l->count < 16);
    (void)snprintf(l->uris[l->count++], sizeof l->uris[0], "%s", token->uri);
    assert_string_not_equal(token->serial, "");
    assert_true(token->login_required);
    assert_false(token->pin_pad);
    return true;
}

static void lists_initialised_tokens_only(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_open(token_softhsm());
    struct listing l = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(hsm_list_tokens(hsm, NULL, add_token, &l, &err), err);
    assert_int_equal(l.count, 1); /* SoftHSM shows a second slot, not initialised */
    assert_memory_equal(l.uris[0], "pkcs11:token=ensign;serial=", 27);
    assert_ok(token_try_select(hsm, l.uris[0], &err), err);
}

static bool stop(void *ctx, const struct hsm_token *token, struct ens_err *err)
{
    (void)ctx;
    return ens_fail(err, ENS_REFUSED, "enough of %s", token->label);
}

static void a_callback_can_end_the_list(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_open(token_softhsm());
    struct ens_err err = {0};

    (void)state;
    assert_fails(hsm_list_tokens(hsm, NULL, stop, NULL, &err), err, ENS_REFUSED, "enough of ensign");
}

static void selects_a_token_by_each_attribute(void **state)
{
    static const char *const fit[] = {"pkcs11:",
                                      "pkcs11:token=ensign",
                                      "pkcs11:token=ensign%20%20",
                                      "pkcs11:model=SoftHSM%20v2",
                                      "pkcs11:manufacturer=SoftHSM%20project",
                                      "pkcs11:library-manufacturer=SoftHSM",
                                      "pkcs11:library-description=Implementation%20of%20PKCS11",
                                      "pkcs11:library-version=2.6",
                                      "pkcs11:slot-manufacturer=SoftHSM%20project",
                                      "pkcs11:object=not-looked-at;id=%00;type=cert"};
    static const char *const other[] = {"pkcs11:token=Ensign",
                                        "pkcs11:token=",
                                        "pkcs11:token=ensign;model=x",
                                        "pkcs11:serial=0",
                                        "pkcs11:slot-id=1",
                                        "pkcs11:slot-description=x",
                                        "pkcs11:library-version=2",
                                        "pkcs11:library-version=2.7",
                                        "pkcs11:manufacturer=softhsm%20project"};
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_open(token_softhsm());
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof fit / sizeof fit[0]; i++)
        assert_ok(token_try_select(hsm, fit[i], &err), err);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_fails(token_try_select(hsm, other[i], &err), err, ENS_NOTFOUND,
                     "'pkcs11:token=ensign;serial=");
}

static void duplicate_token_labels_are_refused(void **state)
{
    struct listing l = {0};
    struct ens_err err = {0};

    (void)state;
    token_init("twin");
    token_init("twin");
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_open(token_softhsm());

    assert_fails(token_try_select(hsm, "pkcs11:token=twin", &err), err, ENS_AMBIGUOUS,
                 "2 tokens match 'pkcs11:token=twin'");
    assert_non_null(strstr(err.msg, "'pkcs11:token=twin;serial="));
    assert_fails(token_try_select(hsm, "pkcs11:", &err), err, ENS_AMBIGUOUS, "3 tokens match");
    assert_ok(hsm_list_tokens(hsm, NULL, add_token, &l, &err), err);
    assert_int_equal(l.count, 3);
    for (unsigned i = 0; i < l.count; i++)
        assert_ok(token_try_select(hsm, l.uris[i], &err), err);
}

/* ---- keys ---- */

static bool add_key(void *ctx, const struct hsm_key *key, struct ens_err *err)
{
    struct listing *l = ctx;

    (void)err;
    assert_true(l->count < 16);
    (void)snprintf(l->uris[l->count++], sizeof l->uris[0], "%s|%s|%u|%d|%s", key->label, key->id_hex,
                   key->modulus_bits, (int)key->exponent, key->why_not);
    return true;
}

/* Unknown key types (DSA) do not disturb the list. */
static void lists_keys_in_order(void **state)
{
    static const char *const want[] = {
        "a dsa neighbour; really|07|0|0|not an RSA key",
        "dup|04|3072|3|",
        "dup|05|3072|3|",
        "f4|03|3072|65537|exponent 65537: enclaves need 3",
        "nopub|08|3072|3|",
        "release|e308|3072|3|",
        "same|06|3072|3|",
        "same|06|3072|3|",
        "small|02|2048|3|RSA-2048: enclaves need RSA-3072",
    };
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    struct listing l = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(hsm_list_keys(hsm, add_key, &l, &err), err);
    assert_int_equal(l.count, sizeof want / sizeof want[0]);
    for (unsigned i = 0; i < l.count; i++)
        assert_string_equal(l.uris[i], want[i]);
}

static bool add_key_uri(void *ctx, const struct hsm_key *key, struct ens_err *err)
{
    struct listing *l = ctx;

    (void)err;
    (void)snprintf(l->uris[l->count++], sizeof l->uris[0], "%s", key->uri);
    return true;
}

/* Each URI that the list gives selects the key it was given for; only the two keys that share label and id
 * cannot be told apart. */
static void listed_uris_can_be_pasted(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    const struct hsm_key *key = NULL;
    struct listing l = {0};
    struct ens_err err = {0};
    unsigned refused = 0;

    (void)state;
    assert_ok(hsm_list_keys(hsm, add_key_uri, &l, &err), err);
    for (unsigned i = 0; i < l.count; i++) {
        assert_ok(token_try_select(hsm, l.uris[i], &err), err);
        if (token_try_key(hsm, l.uris[i], &key, &err))
            assert_string_equal(key->uri, l.uris[i]);
        else
            refused += err.code == ENS_AMBIGUOUS;
    }
    assert_int_equal(refused, 2);
    assert_non_null(strstr(l.uris[0], ";object=a%20dsa%20neighbour%3B%20really"));
    assert_null(strstr(l.uris[0], ";id="));
    assert_non_null(strstr(l.uris[1], ";object=dup;id=%04"));
}

static void selects_a_key(void **state)
{
    static const char *const fit[] = {ENSIGN ";object=release", ENSIGN ";id=%e3%08",
                                      ENSIGN ";id=%E3%08;object=release",
                                      ENSIGN ";object=release;type=private", "pkcs11:object=release"};
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    const struct hsm_key *key = NULL;
    struct pubkey pub = {0};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof fit / sizeof fit[0]; i++) {
        assert_ok(token_try_key(hsm, fit[i], &key, &err), err);
        assert_string_equal(key->label, "release");
        assert_string_equal(key->id_hex, "e308");
        assert_true(key->is_rsa && key->has_pubkey && key->has_rsa_pkcs && key->has_sha256_rsa_pkcs);
        assert_string_equal(key->why_not, "");
        assert_int_equal(key->sign, HSM_YES);
        assert_int_equal(key->extractable, HSM_NO);
        assert_int_equal(key->sensitive, HSM_YES);
        assert_int_equal(key->local, HSM_NO); /* imported */
        assert_ok(hsm_public_key(hsm, &pub, &err), err);
        assert_memory_equal(&pub, &key->pubkey, sizeof pub);
    }
}

static void finds_none_or_several_keys(void **state)
{
    static const struct {
        const char *uri;
        enum ens_code code;
        const char *says;
    } bad[] = {
        {ENSIGN ";object=nosuch", ENS_NOTFOUND, "name one of the 9 that are listed"},
        {ENSIGN ";id=%e3", ENS_NOTFOUND, "no private key on token 'ensign' matches"},
        {ENSIGN ";id=%e3%08;object=f4", ENS_NOTFOUND, "no private key on token 'ensign' matches"},
        {ENSIGN ";object=", ENS_NOTFOUND, "matches 'pkcs11:token=ensign;object='"},
        {ENSIGN ";object=relase", ENS_NOTFOUND,
         "has the label 'relase': did you mean 'pkcs11:token=ensign;serial="},
        {"pkcs11:token=other;object=release", ENS_NOTFOUND, "names another token"},
        {ENSIGN ";object=dup", ENS_AMBIGUOUS, ";object=dup;id=%05'"},
        {ENSIGN ";object=same", ENS_AMBIGUOUS, "same label and the same id"},
        {ENSIGN, ENS_AMBIGUOUS, "several private keys"},
        {ENSIGN ";object=release;type=public", ENS_USAGE, "type=private"},
        {ENSIGN ";object=release;type=cert", ENS_USAGE, "type=private"},
    };
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(token_try_key(hsm, bad[i].uri, &key, &err), err, bad[i].code, bad[i].says);
        assert_null(key);
    }
}

static void keys_hide_before_the_login(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_open(token_softhsm());
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(token_try_select(hsm, ENSIGN, &err), err);
    assert_fails(token_try_key(hsm, ENSIGN ";object=release", &key, &err), err, ENS_NOTFOUND,
                 "without a PIN");
}

static void refuses_keys_that_sgx_cannot_use(void **state)
{
    static const struct {
        const char *uri, *says;
    } bad[] = {
        {ENSIGN ";object=small", "RSA-2048: enclaves need RSA-3072"},
        {ENSIGN ";object=f4", "exponent 65537: enclaves need 3"},
        {ENSIGN ";id=%07", "not an RSA key"},
    };
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    const struct hsm_key *key = NULL;
    struct pubkey pub = {0};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_ok(token_try_key(hsm, bad[i].uri, &key, &err), err);
        assert_fails(hsm_public_key(hsm, &pub, &err), err, ENS_BADKEY, bad[i].says);
        assert_false(key->has_pubkey);
    }
}

/* ---- signatures ---- */

/* s^3 mod n is the whole EMSA-PKCS1-v1_5 block over `digest`, made here from RFC 8017 section 9.2. */
static void assert_signed(const struct pubkey *key, const uint8_t *digest, const uint8_t *signature)
{
    static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t want[SIGNATURE_SIZE];
    uint8_t got[SIGNATURE_SIZE];
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_bin2bn(key->modulus, PUBKEY_SIZE, NULL);
    BIGNUM *s = BN_bin2bn(signature, SIGNATURE_SIZE, NULL);
    BIGNUM *e = BN_new();

    memset(want, 0xff, sizeof want);
    want[0] = 0x00;
    want[1] = 0x01;
    want[SIGNATURE_SIZE - 52] = 0x00;
    memcpy(want + SIGNATURE_SIZE - 51, info, sizeof info);
    memcpy(want + SIGNATURE_SIZE - 32, digest, 32);
    assert_int_equal(BN_set_word(e, 3), 1);
    assert_int_equal(BN_mod_exp(s, s, e, n, ctx), 1);
    assert_int_equal(BN_bn2binpad(s, got, sizeof got), sizeof got);
    assert_memory_equal(got, want, sizeof want);
    BN_free(n);
    BN_free(s);
    BN_free(e);
    BN_CTX_free(ctx);
}

static void signs_alike_with_every_mechanism(void **state)
{
    static const enum hsm_mechanism mechanisms[] = {HSM_AUTO, HSM_RSA_PKCS, HSM_SHA256_RSA_PKCS};
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    const struct hsm_key *key = NULL;
    uint8_t message[256];
    uint8_t digest[DIGEST_SIZE];
    uint8_t first[SIGNATURE_SIZE] = {0};
    struct hsm_sign_args args = {.digest = digest, .message = view_of(message, sizeof message)};
    struct ens_err err = {0};

    (void)state;
    memset(message, 0xa5, sizeof message);
    assert_ok(digest_of(DIGEST_SHA256, args.message, digest, &err), err);
    assert_ok(token_try_key(hsm, ENSIGN ";object=release", &key, &err), err);
    for (size_t i = 0; i < 3; i++) {
        uint8_t signature[SIGNATURE_SIZE] = {0};

        args.mechanism = mechanisms[i];
        assert_ok(hsm_sign(hsm, &args, signature, &err), err);
        assert_signed(&key->pubkey, digest, signature);
        if (i == 0)
            memcpy(first, signature, sizeof first);
        assert_memory_equal(first, signature, sizeof first);
    }
}

/* A key without a public object still shows its modulus and exponent, and signs. */
static void signs_without_a_public_object(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    const struct hsm_key *key = NULL;
    uint8_t digest[DIGEST_SIZE] = {7};
    uint8_t signature[SIGNATURE_SIZE];
    struct hsm_sign_args args = {.mechanism = HSM_AUTO, .digest = digest};
    struct pubkey pub = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(token_try_key(hsm, ENSIGN ";object=nopub", &key, &err), err);
    assert_ok(hsm_public_key(hsm, &pub, &err), err);
    assert_ok(hsm_sign(hsm, &args, signature, &err), err);
    assert_signed(&pub, digest, signature);
}

static void refuses_to_sign_what_does_not_fit(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    const struct hsm_key *key = NULL;
    uint8_t digest[DIGEST_SIZE] = {7};
    uint8_t signature[SIGNATURE_SIZE] = {0};
    struct hsm_sign_args args = {.mechanism = HSM_SHA256_RSA_PKCS, .digest = digest};
    struct ens_err err = {0};

    (void)state;
    assert_fails(hsm_sign(hsm, &args, signature, &err), err, ENS_BUG, "no key is selected");
    assert_ok(token_try_key(hsm, ENSIGN ";object=release", &key, &err), err);
    assert_fails(hsm_sign(hsm, &args, signature, &err), err, ENS_USAGE, "needs the sign-data");
    args.message = view_of("other", 5);
    assert_fails(hsm_sign(hsm, &args, signature, &err), err, ENS_BUG, "not that of the message");
    assert_ok(token_try_key(hsm, ENSIGN ";object=small", &key, &err), err);
    args.mechanism = HSM_RSA_PKCS;
    assert_fails(hsm_sign(hsm, &args, signature, &err), err, ENS_BADSIG, "256 bytes and not 384");
    for (size_t i = 0; i < sizeof signature; i++)
        assert_int_equal(signature[i], 0);
}

/* ---- the module ---- */

/* The client adds what is installed. */
#ifdef INSIDE
#define REMEDY "give --module PATH"
#else
#define REMEDY "give --module PATH; installed here: "
#endif

static void modules_that_cannot_be_loaded(void **state)
{
    struct hsm *hsm = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_fails(token_try_open("/nonexistent/p11.so", &hsm, &err), err, ENS_MODULE, "No such file");
    assert_non_null(strstr(err.msg, REMEDY));
    assert_fails(token_try_open("libdl.so.2", &hsm, &err), err, ENS_MODULE, "no C_GetFunctionList");
    assert_fails(token_try_open("/etc/passwd", &hsm, &err), err, ENS_MODULE, "invalid ELF header");
    assert_fails(token_try_open("", &hsm, &err), err, ENS_USAGE, REMEDY);
    assert_fails(token_try_open(NULL, &hsm, &err), err, ENS_USAGE, "no PKCS#11 module is named");
    assert_null(hsm);
}

static void steps_out_of_order_are_bugs(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_open(token_softhsm());
    const struct hsm_key *key = NULL;
    struct pubkey pub = {0};
    struct ens_err err = {0};

    (void)state;
    assert_fails(token_try_login(hsm, TOKEN_PIN, &err), err, ENS_BUG, "no token is selected");
    assert_fails(token_try_key(hsm, ENSIGN, &key, &err), err, ENS_BUG, "no token is selected");
    assert_fails(hsm_public_key(hsm, &pub, &err), err, ENS_BUG, "no key is selected");
    assert_fails(hsm_destroy_generated(hsm, &err), err, ENS_BUG, "no key pair");
}

/* The last test: the token's directory goes while it is in use. */
static void a_removed_token_is_a_device_error(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_softhsm(), ENSIGN);
    const struct hsm_key *key = NULL;
    uint8_t digest[DIGEST_SIZE] = {7};
    uint8_t signature[SIGNATURE_SIZE];
    struct hsm_sign_args args = {.mechanism = HSM_AUTO, .digest = digest};
    struct ens_err err = {0};

    (void)state;
    assert_ok(token_try_key(hsm, ENSIGN ";object=release", &key, &err), err);
    token_must("rm", "-rf", token_path("tokens"));
    assert_fails(hsm_sign(hsm, &args, signature, &err), err, ENS_DEVICE, "failed with CKR_");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_initialised_tokens_only),
        cmocka_unit_test(a_callback_can_end_the_list),
        cmocka_unit_test(selects_a_token_by_each_attribute),
        cmocka_unit_test(lists_keys_in_order),
        cmocka_unit_test(listed_uris_can_be_pasted),
        cmocka_unit_test(selects_a_key),
        cmocka_unit_test(finds_none_or_several_keys),
        cmocka_unit_test(keys_hide_before_the_login),
        cmocka_unit_test(refuses_keys_that_sgx_cannot_use),
        cmocka_unit_test(signs_alike_with_every_mechanism),
        cmocka_unit_test(signs_without_a_public_object),
        cmocka_unit_test(refuses_to_sign_what_does_not_fit),
        cmocka_unit_test(modules_that_cannot_be_loaded),
        cmocka_unit_test(steps_out_of_order_are_bugs),
        cmocka_unit_test(duplicate_token_labels_are_refused),
        cmocka_unit_test(a_removed_token_is_a_device_error),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
