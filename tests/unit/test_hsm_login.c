/* The PIN: one attempt and no more, counted by the fault module; what the token says of earlier attempts;
 * PIN pads; keys that want the PIN for every signature. */
#include <p11-kit/pkcs11.h>

#include "tests/hsm/token.h"

#define ENSIGN "pkcs11:token=ensign"

/* A key of SoftHSM's own that wants the PIN every time: no tool of its makes one. */
static void make_always_authenticate(void)
{
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG bits = 3072;
    CK_BYTE exponent[] = {3};
    char label[] = "always";
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN};
    CK_ATTRIBUTE public[] = {
        {CKA_TOKEN, &yes, 1}, {CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_PUBLIC_EXPONENT, exponent, 1}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1},
                              {CKA_PRIVATE, &yes, 1},
                              {CKA_SIGN, &yes, 1},
                              {CKA_LABEL, label, sizeof label - 1},
                              {CKA_ALWAYS_AUTHENTICATE, &yes, 1}};
    CK_C_GetFunctionList get = NULL;
    CK_FUNCTION_LIST *f = NULL;
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE handles[2];
    char pin[] = TOKEN_PIN;
    void *handle = dlopen(token_softhsm(), RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle != NULL ? dlsym(handle, "C_GetFunctionList") : NULL;

    assert_non_null(symbol);
    memcpy(&get, &symbol, sizeof get);
    assert_int_equal(get(&f), CKR_OK);
    assert_int_equal(f->C_Initialize(NULL), CKR_OK);
    assert_int_equal(f->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    assert_int_equal(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
                     CKR_OK);
    assert_int_equal(f->C_Login(session, CKU_USER, (CK_BYTE *)pin, sizeof pin - 1), CKR_OK);
    assert_int_equal(
        f->C_GenerateKeyPair(session, &mechanism, public, 3, private, 5, &handles[0], &handles[1]), CKR_OK);
    assert_int_equal(f->C_Finalize(NULL), CKR_OK);
    (void)dlclose(handle);
}

static int setup(void **state)
{
    (void)state;
    token_setup();
    token_init("ensign");
    token_make_rsa("k3", "3072", "-3");
    token_import("ensign", "k3", "release", "01", true);
    make_always_authenticate();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_teardown();
    return 0;
}

static struct hsm *open_with(const char *faults)
{
    struct hsm *hsm = NULL;
    struct ens_err err = {0};

    token_faults(faults);
    hsm = token_open(token_fault_module());
    assert_ok(token_try_select(hsm, ENSIGN, &err), err);
    return hsm;
}

static void a_wrong_pin_is_tried_once(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("");
    struct ens_err err = {0};

    (void)state;
    assert_fails(token_try_login(hsm, "654321", &err), err, ENS_PIN, "CKR_PIN_INCORRECT");
    assert_int_equal(token_calls("C_Login"), 1);
    /* Not even the right one is tried now. */
    assert_fails(token_try_login(hsm, TOKEN_PIN, &err), err, ENS_BUG, "one login");
    assert_int_equal(token_calls("C_Login"), 1);
    hsm_closep(&hsm);
    assert_int_equal(token_calls("C_Login"), 1);
    assert_int_equal(token_calls("C_Logout"), 0);
    assert_int_equal(token_calls("C_CloseSession"), token_calls("C_OpenSession"));
}

static void a_right_pin_is_used_once_and_logged_out(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("");
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(token_try_login(hsm, TOKEN_PIN, &err), err);
    assert_ok(token_try_key(hsm, ENSIGN ";object=release", &key, &err), err);
    hsm_closep(&hsm);
    assert_int_equal(token_calls("C_Login"), 1);
    assert_int_equal(token_calls("C_Logout"), 1);
    assert_int_equal(token_calls("C_OpenSession"), 1);
    assert_int_equal(token_calls("C_CloseSession"), 1);
    assert_int_equal(token_calls("C_Finalize"), 1);
}

static void an_empty_or_missing_pin_never_reaches_the_token(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("");
    struct ens_err err = {0};

    (void)state;
    assert_fails(token_try_login(hsm, "", &err), err, ENS_PIN, "the PIN is empty");
    assert_fails(hsm_login(hsm, NULL, false, &err), err, ENS_PIN, "needs a PIN");
    assert_int_equal(token_calls("C_Login"), 0);
}

static void what_the_token_says_is_read_first(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *locked = open_with("pinlocked");
    struct ens_err err = {0};

    (void)state;
    assert_fails(token_try_login(locked, TOKEN_PIN, &err), err, ENS_PINLOCKED, "CKF_USER_PIN_LOCKED");
    hsm_closep(&locked);
    assert_int_equal(token_calls("C_Login"), 0);

    ENS_CLEANUP(hsm_closep) struct hsm *final = open_with("finaltry");

    assert_fails(token_try_login(final, TOKEN_PIN, &err), err, ENS_PINLOCKED, "--allow-final-try");
    assert_int_equal(token_calls("C_Login"), 0);
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};

    assert_ok(support_secret(view_of_string(TOKEN_PIN), &pin, &err), err);
    assert_ok(hsm_login(final, &pin, true, &err), err);
    hsm_closep(&final);
    assert_int_equal(token_calls("C_Login"), 1);

    ENS_CLEANUP(hsm_closep) struct hsm *low = open_with("countlow");

    assert_ok(token_try_login(low, TOKEN_PIN, &err), err);
}

static void each_login_error_has_its_code(void **state)
{
    static const struct {
        const char *faults;
        enum ens_code code;
        const char *says;
    } cases[] = {
        {"login=0xa0", ENS_PIN, "CKR_PIN_INCORRECT (0xa0)"},
        {"login=0xa1", ENS_PIN, "CKR_PIN_INVALID"},
        {"login=0xa2", ENS_PIN, "CKR_PIN_LEN_RANGE"},
        {"login=0xa3", ENS_PIN, "CKR_PIN_EXPIRED"},
        {"login=0xa4", ENS_PINLOCKED, "CKR_PIN_LOCKED"},
        {"login=0x102", ENS_PIN, "CKR_USER_PIN_NOT_INITIALIZED"},
        {"login=0x50", ENS_DEVICE, "CKR_FUNCTION_CANCELED"},
        {"login=0x200", ENS_REFUSED, "CKR_FUNCTION_REJECTED"},
        {"login=0x30", ENS_DEVICE, "CKR_DEVICE_ERROR"},
        {"login=0xe0", ENS_DEVICE, "CKR_TOKEN_NOT_PRESENT"},
        {"login=0x80000042", ENS_DEVICE, "CKR_VENDOR_DEFINED (0x80000042)"},
        {"pinpad=123456,login=0x50", ENS_REFUSED, "cancelled at the PIN pad"},
        {"opensession=0xb1", ENS_DEVICE, "CKR_SESSION_COUNT"},
    };
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with(cases[i].faults);

        assert_fails(token_try_login(hsm, TOKEN_PIN, &err), err, cases[i].code, cases[i].says);
        assert_null(strchr(err.msg, '\n'));
        assert_null(strstr(err.msg, TOKEN_PIN));
    }
}

static void already_logged_in_is_fine(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("login=0x100");
    struct ens_err err = {0};

    (void)state;
    assert_ok(token_try_login(hsm, TOKEN_PIN, &err), err);
}

static void a_token_without_login_needs_no_pin(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("nologin");
    struct ens_err err = {0};

    (void)state;
    assert_ok(hsm_login(hsm, NULL, false, &err), err);
    assert_int_equal(token_calls("C_Login"), 0);
    assert_int_equal(token_calls("C_OpenSession"), 1);
}

/* ---- signatures that want a PIN ---- */

struct asked {
    const char *answer; /* NULL: the operator refuses */
    unsigned count;
};

static bool ask_pin(void *ctx, struct secret *ret, struct ens_err *err)
{
    struct asked *a = ctx;

    a->count++;
    if (a->answer == NULL)
        return ens_fail(err, ENS_REFUSED, "no PIN was typed");
    return support_secret(view_of_string(a->answer), ret, err);
}

static bool try_sign(struct hsm *hsm, struct asked *asked, struct ens_err *err)
{
    static const uint8_t digest[32] = {1, 2, 3};
    uint8_t signature[SIGNATURE_SIZE];
    struct hsm_sign_args args = {.mechanism = HSM_AUTO, .digest = digest};

    if (asked != NULL) {
        args.ask_pin = ask_pin;
        args.ask_ctx = asked;
    }
    return hsm_sign(hsm, &args, signature, err);
}

static void a_pin_pad_takes_no_pin(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("pinpad=123456");
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(hsm_login(hsm, NULL, false, &err), err);
    assert_ok(token_try_key(hsm, ENSIGN ";object=release", &key, &err), err);
    assert_ok(try_sign(hsm, NULL, &err), err);
    hsm_closep(&hsm);

    hsm = open_with("pinpad=123456"); /* a PIN that is given all the same is not passed on */
    assert_ok(token_try_login(hsm, "654321", &err), err);
    hsm_closep(&hsm);

    hsm = open_with("pinpad=000000");
    assert_fails(hsm_login(hsm, NULL, false, &err), err, ENS_PIN, "CKR_PIN_INCORRECT");
}

static void select_for_signing(struct hsm *hsm, const char *uri)
{
    const struct hsm_key *key = NULL;
    struct ens_err err = {0};

    if (token_calls("C_Login") == 0)
        assert_ok(token_try_login(hsm, TOKEN_PIN, &err), err);
    assert_ok(token_try_key(hsm, uri, &key, &err), err);
    assert_int_equal(key->always_authenticate, HSM_YES);
}

/* On SoftHSM's own such key, and on one that the fault module declares to be one. */
static void every_signature_asks_once(void **state)
{
    static const struct {
        const char *faults, *uri;
    } kinds[] = {{"", ENSIGN ";object=always"}, {"alwaysauth=123456", ENSIGN ";object=release"}};
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with(kinds[i].faults);
        struct asked right = {.answer = TOKEN_PIN};

        select_for_signing(hsm, kinds[i].uri);
        assert_ok(try_sign(hsm, &right, &err), err);
        assert_ok(try_sign(hsm, &right, &err), err);
        assert_int_equal(right.count, 2);
        assert_int_equal(token_calls("C_Login"), 3);
    }
}

/* opencryptoki keeps CKA_ALWAYS_AUTHENTICATE and knows no CKU_CONTEXT_SPECIFIC: C_Sign has the last word. */
static void a_token_that_knows_no_login_for_a_signature(void **state)
{
    static const struct {
        const char *faults;
        bool signs;
    } kinds[] = {{"C_Login=0x103@2,setattr=0x202:01:3", true}, {"C_Login=0x103@2,alwaysauth=123456", false}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with(kinds[i].faults);
        struct asked right = {.answer = TOKEN_PIN};
        struct ens_err err = {0};

        select_for_signing(hsm, ENSIGN ";object=release");
        if (kinds[i].signs)
            assert_ok(try_sign(hsm, &right, &err), err);
        else
            assert_fails(try_sign(hsm, &right, &err), err, ENS_PIN, "CKR_USER_NOT_LOGGED_IN");
        assert_int_equal(right.count, 1);
    }
}

static void a_wrong_pin_for_a_signature_is_tried_once(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("");
    struct asked wrong = {.answer = "654321"};
    struct asked right = {.answer = TOKEN_PIN};
    struct ens_err err = {0};

    (void)state;
    select_for_signing(hsm, ENSIGN ";object=always");
    assert_fails(try_sign(hsm, &wrong, &err), err, ENS_PIN, "CKR_PIN_INCORRECT");
    assert_fails(try_sign(hsm, &right, &err), err, ENS_PIN, "an earlier PIN was refused");
    assert_int_equal(right.count, 0);
    assert_int_equal(token_calls("C_Login"), 2);
}

static void no_pin_for_a_signature(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("");
    struct asked refuses = {.answer = NULL};
    struct asked empty = {.answer = ""};
    struct asked right = {.answer = TOKEN_PIN};
    struct ens_err err = {0};

    (void)state;
    select_for_signing(hsm, ENSIGN ";object=always");
    assert_fails(try_sign(hsm, NULL, &err), err, ENS_PIN, "CKA_ALWAYS_AUTHENTICATE");
    assert_fails(try_sign(hsm, &refuses, &err), err, ENS_REFUSED, "no PIN was typed");
    assert_fails(try_sign(hsm, &empty, &err), err, ENS_PIN, "the PIN is empty");
    assert_int_equal(token_calls("C_SignInit"), 0);
    /* None of these left an operation behind: the session still signs. */
    assert_ok(try_sign(hsm, &right, &err), err);
}

static void a_pin_pad_for_every_signature(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = open_with("pinpad=123456");
    struct asked unasked = {.answer = "654321"};
    struct ens_err err = {0};

    (void)state;
    select_for_signing(hsm, ENSIGN ";object=always");
    assert_ok(try_sign(hsm, &unasked, &err), err);
    assert_int_equal(unasked.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_pin_is_tried_once),
        cmocka_unit_test(a_right_pin_is_used_once_and_logged_out),
        cmocka_unit_test(an_empty_or_missing_pin_never_reaches_the_token),
        cmocka_unit_test(what_the_token_says_is_read_first),
        cmocka_unit_test(each_login_error_has_its_code),
        cmocka_unit_test(already_logged_in_is_fine),
        cmocka_unit_test(a_token_without_login_needs_no_pin),
        cmocka_unit_test(a_pin_pad_takes_no_pin),
        cmocka_unit_test(every_signature_asks_once),
        cmocka_unit_test(a_token_that_knows_no_login_for_a_signature),
        cmocka_unit_test(a_wrong_pin_for_a_signature_is_tried_once),
        cmocka_unit_test(no_pin_for_a_signature),
        cmocka_unit_test(a_pin_pad_for_every_signature),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
