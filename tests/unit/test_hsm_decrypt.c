/* Sealing keys in a token: made, opened with, and ended. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "tests/hsm/token.h"

#define ENSIGN "pkcs11:token=ensign"
#define SEALER ENSIGN ";object=sealer"

static const uint8_t file_key[HSM_DATA_KEY_SIZE] = {0, 1, 2, 3, 0xff};

static int setup(void **state)
{
    (void)state;
    token_setup();
    token_init("ensign");
    token_make_rsa("sealer", "2048", "-f4");
    token_import("ensign", "sealer", "sealer", "5e", true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_teardown();
    return 0;
}

static struct hsm *ready(const char *faults, const struct hsm_key **ret)
{
    struct ens_err err = {0};

    token_faults(faults);
    struct hsm *hsm = token_ready(token_fault_module(), ENSIGN);

    assert_ok(token_try_key(hsm, SEALER, ret, &err), err);
    return hsm;
}

/* RSAES-OAEP by openssl, for the modulus that the token shows and e = 65537. */
static size_t wrap(const struct hsm_key *key, const char *hash, struct view plain, uint8_t ret[static 512])
{
    uint8_t n[512];
    unsigned e = 65537;
    size_t len = 512;
    OSSL_PARAM numbers[] = {
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, key->modulus.len),
        OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &e),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);

    assert_in_range(key->modulus.len, 256, sizeof n);
    for (size_t i = 0; i < key->modulus.len; i++) /* little-endian here */
        n[i] = key->modulus.data[key->modulus.len - 1 - i];
    assert_int_equal(EVP_PKEY_fromdata_init(make), 1);
    assert_int_equal(EVP_PKEY_fromdata(make, &pkey, EVP_PKEY_PUBLIC_KEY, numbers), 1);
    EVP_PKEY_CTX *seal = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    assert_int_equal(EVP_PKEY_encrypt_init(seal), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(seal, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(seal, hash, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(seal, hash, NULL), 1);
    assert_int_equal(EVP_PKEY_encrypt(seal, ret, &len, plain.data, plain.len), 1);
    EVP_PKEY_CTX_free(seal);
    EVP_PKEY_CTX_free(make);
    EVP_PKEY_free(pkey);
    return len;
}

/* A key of `len` bytes, wrapped with SHA-1, which SoftHSM takes, and opened. */
static bool open_wrapped(struct hsm *hsm, const struct hsm_key *key, size_t len, struct secret *ret,
                         struct ens_err *err)
{
    uint8_t wrapped[512];
    size_t size = wrap(key, "SHA1", view_of(file_key, len), wrapped);

    return hsm_decrypt(
        hsm, &(struct hsm_decrypt_args){.oaep = HSM_OAEP_SHA1, .wrapped = view_of(wrapped, size)}, ret, err);
}

static void a_sealing_key_is_made_and_opens(void **state)
{
    const struct hsm_key *key = NULL;
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready("", &key);
    ENS_CLEANUP(secret_wipe) struct secret opened = {0};
    const struct hsm_generate_args args = {.is_sealing = true, .label = "made"};
    struct pubkey pub;
    struct ens_err err = {0};

    (void)state;
    assert_ok(hsm_generate(hsm, &args, &key, &err), err);
    assert_int_equal(key->modulus_bits, 3072);
    assert_int_equal(key->modulus.len, 384);
    assert_int_equal(key->exponent, HSM_SEALING_EXPONENT);
    assert_int_equal(key->sensitive, HSM_YES);
    assert_int_equal(key->extractable, HSM_NO);
    assert_int_equal(key->decrypt, HSM_YES);
    assert_int_equal(key->sign, HSM_NO);
    assert_int_equal(key->unwrap, HSM_NO);
    assert_false(key->has_pubkey);
    assert_int_equal(strlen(key->id_hex), 40);
    assert_ok(open_wrapped(hsm, key, HSM_DATA_KEY_SIZE, &opened, &err), err);
    assert_int_equal(opened.len, HSM_DATA_KEY_SIZE);
    assert_memory_equal(opened.data, file_key, HSM_DATA_KEY_SIZE);
    assert_fails(hsm_public_key(hsm, &pub, &err), err, ENS_BADKEY, "cannot sign enclaves: exponent 65537");
    assert_ok(hsm_destroy_generated(hsm, &err), err);
}

static void what_is_not_what_was_asked_for_is_destroyed_again(void **state)
{
    static const struct {
        const char *fault, *why;
    } wrong[] = {
        {"weakkey,setattr=0x105:00:3", "may not decrypt"},
        {"weakkey,setattr=0x108:01:3", "may do more than decrypt"},
        {"weakkey,setattr=0x107:01:3", "may do more than decrypt"},
        {"weakkey,setattr=0x162:01:3", "can leave the token"},
        {"weakkey,setattr=0x122:03", "not an RSA-3072 key with public exponent 65537"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct hsm_generate_args args = {.is_sealing = true, .label = "wrong"};
        const struct hsm_key *key = NULL;
        ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready("", &key);
        struct ens_err err = {0};

        hsm_closep(&hsm);
        token_faults(wrong[i].fault);
        hsm = token_ready(token_fault_module(), ENSIGN);
        assert_fails(hsm_generate(hsm, &args, &key, &err), err, ENS_BADKEY, wrong[i].why);
        assert_int_equal(token_calls("C_DestroyObject"), 2);
    }
}

static void a_refusal_of_the_token_is_about_the_key(void **state)
{
    static const struct {
        const char *fault;
        enum ens_code code;
        const char *says;
    } faults[] = {
        {"C_DecryptInit=0x68", ENS_BADKEY,
         "C_DecryptInit (CKM_RSA_PKCS_OAEP, SHA-1) failed with CKR_KEY_FUNCTION"},
        {"nomech=9", ENS_BADKEY, "CKR_MECHANISM_INVALID"},
        {"C_Decrypt=0x40", ENS_BADKEY, "C_Decrypt (CKM_RSA_PKCS_OAEP, SHA-1) failed with"},
        {"C_Decrypt=5", ENS_BADKEY, "CKR_GENERAL_ERROR"},
        {"C_Decrypt=0x30", ENS_DEVICE, "CKR_DEVICE_ERROR"},
        {"C_DecryptInit=0x32", ENS_DEVICE, "CKR_DEVICE_REMOVED"},
        {"short", ENS_BADKEY, "31 bytes and not 32"},
        {"longsig", ENS_BADKEY, "513 bytes and not 32"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct hsm_key *key = NULL;
        ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready(faults[i].fault, &key);
        ENS_CLEANUP(secret_wipe) struct secret opened = {0};
        struct ens_err err = {0};

        assert_fails(open_wrapped(hsm, key, HSM_DATA_KEY_SIZE, &opened, &err), err, faults[i].code,
                     faults[i].says);
        assert_null(opened.data);
    }
}

static void what_was_not_wrapped_for_the_key_does_not_open(void **state)
{
    const struct hsm_key *key = NULL;
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready("", &key);
    ENS_CLEANUP(secret_wipe) struct secret opened = {0};
    uint8_t wrapped[512] = {0};
    struct hsm_decrypt_args args = {.oaep = HSM_OAEP_SHA1, .wrapped = view_of(wrapped, key->modulus.len)};
    struct ens_err err = {0};

    (void)state;
    assert_fails(hsm_decrypt(hsm, &args, &opened, &err), err, ENS_BADKEY, "does not open this");
    args.wrapped.len = wrap(key, "SHA1", view_of(file_key, sizeof file_key), wrapped) - 1;
    assert_fails(hsm_decrypt(hsm, &args, &opened, &err), err, ENS_BADKEY, "does not open this");
    wrapped[100] ^= 1;
    args.wrapped.len++;
    assert_fails(hsm_decrypt(hsm, &args, &opened, &err), err, ENS_BADKEY, "does not open this");
    assert_fails(open_wrapped(hsm, key, 16, &opened, &err), err, ENS_BADKEY, "16 bytes and not 32");
    /* SoftHSM 2.6 has SHA-1 only. */
    args.oaep = HSM_OAEP_SHA256;
    args.wrapped.len = wrap(key, "SHA256", view_of(file_key, sizeof file_key), wrapped);
    assert_fails(hsm_decrypt(hsm, &args, &opened, &err), err, ENS_BADKEY,
                 "SHA-256) failed with CKR_ARGUMENTS_BAD");
    assert_null(opened.data);
    assert_ok(open_wrapped(hsm, key, HSM_DATA_KEY_SIZE, &opened, &err), err);
    assert_memory_equal(opened.data, file_key, HSM_DATA_KEY_SIZE);
}

static bool type_pin(void *ctx, struct secret *ret, struct ens_err *err)
{
    return support_secret(view_of_string(ctx), ret, err);
}

static void a_key_that_wants_its_pin_gets_it_once(void **state)
{
    static char right[] = "4321", wrong[] = "1234";
    const struct hsm_key *key = NULL;
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready("alwaysauth=4321", &key);
    ENS_CLEANUP(secret_wipe) struct secret opened = {0};
    uint8_t wrapped[512];
    struct ens_err err = {0};
    struct hsm_decrypt_args args = {.oaep = HSM_OAEP_SHA1, .ask_pin = type_pin, .ask_ctx = right};

    (void)state;
    assert_int_equal(key->always_authenticate, HSM_YES);
    args.wrapped = view_of(wrapped, wrap(key, "SHA1", view_of(file_key, sizeof file_key), wrapped));
    assert_ok(hsm_decrypt(hsm, &args, &opened, &err), err);
    assert_memory_equal(opened.data, file_key, HSM_DATA_KEY_SIZE);
    secret_wipe(&opened);
    assert_int_equal(token_calls("C_Login"), 2);
    args.ask_pin = NULL;
    assert_fails(hsm_decrypt(hsm, &args, &opened, &err), err, ENS_PIN, "wants the PIN");
    args.ask_pin = type_pin;
    args.ask_ctx = wrong;
    assert_fails(hsm_decrypt(hsm, &args, &opened, &err), err, ENS_PIN, "wrong PIN");
    assert_fails(hsm_decrypt(hsm, &args, &opened, &err), err, ENS_PIN, "an earlier PIN was refused");
    assert_int_equal(token_calls("C_Login"), 3);
    assert_int_equal(token_calls("C_Decrypt"), 1);
}

static void a_key_is_ended_and_the_token_asked(void **state)
{
    const struct hsm_key *key = NULL;
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = NULL;
    struct ens_err err = {0};

    (void)state;
    token_import("ensign", "sealer", "goner", "60", true);
    hsm = ready("stays", &key);
    assert_fails(hsm_destroy_key(hsm, &err), err, ENS_DEVICE,
                 "still has a private key with the modulus of key 'sealer'");
    hsm_closep(&hsm);
    hsm = ready("C_DestroyObject=0x30", &key);
    assert_fails(hsm_destroy_key(hsm, &err), err, ENS_DEVICE, "the key pair's private half is still there");
    hsm_closep(&hsm);
    /* The same modulus twice: what is left is told. */
    hsm = ready("", &key);
    assert_fails(hsm_destroy_key(hsm, &err), err, ENS_DEVICE, "still has a private key");
    assert_ok(token_try_key(hsm, ENSIGN ";object=goner", &key, &err), err);
    assert_ok(hsm_destroy_key(hsm, &err), err);
    assert_fails(token_try_key(hsm, ENSIGN ";object=goner", &key, &err), err, ENS_NOTFOUND, "no private key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealing_key_is_made_and_opens),
        cmocka_unit_test(what_is_not_what_was_asked_for_is_destroyed_again),
        cmocka_unit_test(a_refusal_of_the_token_is_about_the_key),
        cmocka_unit_test(what_was_not_wrapped_for_the_key_does_not_open),
        cmocka_unit_test(a_key_that_wants_its_pin_gets_it_once),
        cmocka_unit_test(a_key_is_ended_and_the_token_asked), /* last: the key is gone */
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
