/* Key generation: what the new pair is, what is refused before, and what is undone after. */
#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "tests/hsm/token.h"

#define ENSIGN "pkcs11:token=ensign"

static int setup(void **state)
{
    (void)state;
    token_setup();
    token_init("ensign");
    token_make_rsa("k3", "3072", "-3");
    token_import("ensign", "k3", "taken", "aa", true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_teardown();
    return 0;
}

static struct hsm *ready(const char *faults)
{
    token_faults(faults);
    return token_ready(token_fault_module(), ENSIGN);
}

/* The same, where a real key of 3072 bits would only take time. */
static struct hsm *ready_quick(const char *faults)
{
    char all[256];

    (void)snprintf(all, sizeof all, "weakkey,%s", faults);
    return ready(all);
}

static bool generate(struct hsm *hsm, const char *label, struct view id, const struct hsm_key **ret,
                     struct ens_err *err)
{
    return hsm_generate(hsm, &(struct hsm_generate_args){.label = label, .id = id}, ret, err);
}

static bool count_one(void *ctx, const struct hsm_key *key, struct ens_err *err)
{
    (void)key;
    (void)err;
    (*(unsigned *)ctx)++;
    return true;
}

static unsigned keys_there(struct hsm *hsm)
{
    unsigned count = 0;
    struct ens_err err = {0};

    assert_ok(hsm_list_keys(hsm, count_one, &count, &err), err);
    return count;
}

static void makes_a_key_for_sgx(void **state)
{
#ifdef INSIDE
    /* With luck one minute: the primes are the token's, which is beside this process in test_hsm_keygen. */
    if (getenv("ENSIGN_VALGRIND") != NULL)
        support_skip("valgrind takes minutes to make a key of 3072 bits");
#endif
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready("");
    const struct hsm_key *key = NULL;
    uint8_t little_endian[PUBKEY_SIZE];
    uint8_t mrsigner[DIGEST_SIZE];
    char id[41];
    char uri[256];
    uint8_t signature[SIGNATURE_SIZE];
    struct hsm_sign_args args = {.mechanism = HSM_AUTO, .digest = mrsigner};
    struct pubkey pub = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(generate(hsm, "release", view_of(NULL, 0), &key, &err), err);
    assert_ok(hsm_public_key(hsm, &pub, &err), err);
    assert_int_equal(key->modulus_bits, 3072);
    assert_int_equal(key->exponent, 3);
    assert_int_equal(key->sensitive, HSM_YES);
    assert_int_equal(key->always_sensitive, HSM_YES);
    assert_int_equal(key->extractable, HSM_NO);
    assert_int_equal(key->never_extractable, HSM_YES);
    assert_int_equal(key->local, HSM_YES);
    assert_int_equal(key->sign, HSM_YES);
    assert_int_equal(key->decrypt, HSM_NO);
    assert_int_equal(key->unwrap, HSM_NO);
    for (size_t i = 0; i < PUBKEY_SIZE; i++)
        little_endian[i] = pub.modulus[PUBKEY_SIZE - 1 - i];
    assert_ok(digest_of(DIGEST_SHA256, view_of(little_endian, PUBKEY_SIZE), mrsigner, &err), err);
    hex_encode(id, view_of(mrsigner, 20));
    assert_string_equal(key->id_hex, id);
    assert_ok(hsm_sign(hsm, &args, signature, &err), err);

    /* It is on the token, under the URI that was given. */
    (void)snprintf(uri, sizeof uri, "%s", key->uri);
    hsm_closep(&hsm);
    hsm = ready("");
    assert_ok(token_try_key(hsm, uri, &key, &err), err);
    assert_memory_equal(&key->pubkey, &pub, sizeof pub);
    assert_fails(generate(hsm, "release", view_of(NULL, 0), &key, &err), err, ENS_AMBIGUOUS, "'release'");
}

static void takes_an_id(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready_quick("");
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(generate(hsm, "with id", view_of("\x00\xff\x10", 3), &key, &err), err);
    assert_string_equal(key->id_hex, "00ff10");
    assert_int_equal(token_calls("C_SetAttributeValue"), 0);
    assert_ok(hsm_destroy_generated(hsm, &err), err);
    assert_fails(hsm_destroy_generated(hsm, &err), err, ENS_BUG, "no key pair");
    assert_int_equal(token_calls("C_DestroyObject"), 2);
    assert_fails(token_try_key(hsm, ENSIGN ";object=with%20id", &key, &err), err, ENS_NOTFOUND,
                 "no private key");
}

static void refuses_what_is_in_use(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready("");
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_fails(generate(hsm, "taken", view_of(NULL, 0), &key, &err), err, ENS_AMBIGUOUS,
                 "the label 'taken'");
    assert_fails(generate(hsm, "free", view_of("\xaa", 1), &key, &err), err, ENS_AMBIGUOUS, "this id");
    assert_fails(generate(hsm, "", view_of(NULL, 0), &key, &err), err, ENS_USAGE, "--label");
    assert_int_equal(token_calls("C_GenerateKeyPair"), 0);
    assert_null(key);
}

/* What tokens say that make no key with e = 3 (NSS, TPM, YubiHSM, FIPS mode), and what is another matter. */
static void a_token_that_refuses_three(void **state)
{
    static const struct {
        const char *faults;
        enum ens_code code;
        const char *says;
    } cases[] = {
        {"C_GenerateKeyPair=0x07", ENS_BADKEY, "FIPS 186-5"},
        {"C_GenerateKeyPair=0x13", ENS_BADKEY, "FIPS 186-5"},
        {"C_GenerateKeyPair=0x05", ENS_BADKEY, "FIPS 186-5"},
        {"C_GenerateKeyPair=0xd1", ENS_BADKEY, "FIPS 186-5"},
        {"C_GenerateKeyPair=0x71", ENS_BADKEY, "FIPS 186-5"},
        {"C_GenerateKeyPair=0x70", ENS_BADKEY, "CKR_MECHANISM_INVALID"},
        {"C_GenerateKeyPair=0x31", ENS_DEVICE, "the token is full"},
        {"C_GenerateKeyPair=0xe2", ENS_DEVICE, "write-protected"},
        {"C_GenerateKeyPair=0x30", ENS_DEVICE, "CKR_DEVICE_ERROR"},
    };
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready(cases[i].faults);

        assert_fails(generate(hsm, "never", view_of(NULL, 0), &key, &err), err, cases[i].code, cases[i].says);
        assert_null(strchr(err.msg, '\n'));
        assert_fails(hsm_destroy_generated(hsm, &err), err, ENS_BUG, "no key pair");
    }
}

/* A token that makes something else than it was asked for, or fails afterwards, does not keep the pair. */
static void a_pair_that_is_wrong_is_destroyed(void **state)
{
    static const struct {
        const char *faults;
        enum ens_code code;
        const char *says;
    } cases[] = {
        {"setattr=0x122:010001", ENS_BADKEY, "public exponent 3"},
        {"setattr=0x120:ff", ENS_BADKEY, "not an RSA-3072"},
        {"setattr=0x103:00", ENS_BADKEY, "can leave the token"},
        {"setattr=0x162:01", ENS_BADKEY, "can leave the token"},
        {"setattr=0x105:01", ENS_BADKEY, "more than sign"},
        {"setattr=0x106:01", ENS_OK, ""},
        {"setattr=0x107:01", ENS_BADKEY, "more than sign"},
        {"setattr=0x108:00", ENS_BADKEY, "may not sign"},
        {"setattr=0x163:00", ENS_BADKEY, "not made there"},
        {"dropattr=0x103,dropattr=0x162,dropattr=0x163", ENS_OK, ""},
        {"C_GetAttributeValue=0x30@4", ENS_DEVICE, "CKR_DEVICE_ERROR"},
    };
    ENS_CLEANUP(hsm_closep) struct hsm *before = ready("");
    unsigned there = keys_there(before);
    struct ens_err err = {0};

    (void)state;
    hsm_closep(&before);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready_quick(cases[i].faults);
        const struct hsm_key *key = NULL;

        if (cases[i].code == ENS_OK) {
            assert_ok(generate(hsm, "fine", view_of(NULL, 0), &key, &err), err);
            assert_ok(hsm_destroy_generated(hsm, &err), err);
        } else {
            assert_fails(generate(hsm, "wrong", view_of(NULL, 0), &key, &err), err, cases[i].code,
                         cases[i].says);
            assert_null(key);
        }
        assert_int_equal(token_calls("C_DestroyObject"), 2);
        hsm_closep(&hsm);
        hsm = ready("");
        assert_int_equal(keys_there(hsm), there);
    }
}

static void a_pair_that_cannot_be_destroyed_is_told(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready_quick("setattr=0x162:01,C_DestroyObject=0x1b");
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_fails(generate(hsm, "stays", view_of(NULL, 0), &key, &err), err, ENS_BADKEY, "is still there");
    assert_non_null(strstr(err.msg, "can leave the token"));
}

/* Where an id cannot be changed, the random one stays, the same on both halves. */
static void a_token_that_keeps_its_ids(void **state)
{
    static const char *const faults[] = {"C_SetAttributeValue=0x10", "C_SetAttributeValue=0x10@2"};
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready_quick(faults[i]);

        assert_ok(generate(hsm, "random id", view_of(NULL, 0), &key, &err), err);
        assert_int_equal(strlen(key->id_hex), 32);
        assert_int_equal(token_calls("C_SetAttributeValue"), i == 0 ? 1 : 3);
        assert_ok(hsm_destroy_generated(hsm, &err), err);
    }
}

static void needs_a_session_that_can_write(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = ready_quick("maxsess=1");
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_fails(generate(hsm, "no room", view_of(NULL, 0), &key, &err), err, ENS_DEVICE,
                 "CKR_SESSION_COUNT");
    hsm_closep(&hsm);
    hsm = ready_quick("needrw"); /* the session that reads can write already */
    assert_ok(generate(hsm, "room", view_of(NULL, 0), &key, &err), err);
    assert_int_equal(token_calls("C_OpenSession"), 2);
    assert_int_equal(token_calls("C_Login"), 1);
    assert_ok(hsm_destroy_generated(hsm, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_key_for_sgx),
        cmocka_unit_test(takes_an_id),
        cmocka_unit_test(refuses_what_is_in_use),
        cmocka_unit_test(a_token_that_refuses_three),
        cmocka_unit_test(a_pair_that_is_wrong_is_destroyed),
        cmocka_unit_test(a_token_that_keeps_its_ids),
        cmocka_unit_test(needs_a_session_that_can_write),
        cmocka_unit_test(a_pair_that_cannot_be_destroyed_is_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
