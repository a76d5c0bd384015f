/* hsm/ on a token that fails: every PKCS#11 function in turn, lying attributes, spoilt signatures, sessions
 * that cannot be had, calls that never return. Each must become one clear error, and nothing may hang. */

#include "tests/hsm/token.h"

#define ENSIGN  "pkcs11:token=ensign"
#define RELEASE ENSIGN ";object=release"

static int setup(void **state)
{
    (void)state;
    token_setup();
    token_init("ensign");
    token_make_rsa("k3", "3072", "-3");
    token_make_rsa("other3", "3072", "-3");
    token_import("ensign", "k3", "release", "01", true);
    token_import("ensign", "other3", "nopub", "02", false);
    token_import("ensign", "other3", "other", "03", true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_teardown();
    return 0;
}

static const uint8_t digest[32] = {1, 2, 3};

/* The whole walk of `sign` with the key of `uri`, up to its first error. */
static bool walk(const char *faults, const char *uri, enum hsm_mechanism mechanism, uint8_t *ret,
                 struct ens_err *err)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = NULL;
    const struct hsm_key *key = NULL;
    struct hsm_sign_args args = {.mechanism = mechanism, .digest = digest};
    struct pubkey pub;

    token_faults(faults);
    return token_try_open(token_fault_module(), &hsm, err) && token_try_select(hsm, uri, err) &&
           token_try_login(hsm, TOKEN_PIN, err) && token_try_key(hsm, uri, &key, err) &&
           hsm_public_key(hsm, &pub, err) && hsm_sign(hsm, &args, ret, err);
}

static void nothing_fails_without_a_fault(void **state)
{
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    assert_ok(walk("", RELEASE, HSM_AUTO, signature, &err), err);
    assert_int_equal(token_calls("C_Sign"), 1);
    assert_int_equal(token_calls("C_OpenSession"), 1);
}

/* ---- every function in turn ---- */

static void each_function_fails_cleanly(void **state)
{
    static const char *const names[] = {"C_Initialize",        "C_GetInfo",      "C_GetSlotList",
                                        "C_GetSlotInfo",       "C_GetTokenInfo", "C_GetMechanismList",
                                        "C_GetMechanismInfo",  "C_OpenSession",  "C_Login",
                                        "C_FindObjectsInit",   "C_FindObjects",  "C_FindObjectsFinal",
                                        "C_GetAttributeValue", "C_SignInit",     "C_Sign",
                                        "C_GetFunctionList"};
    static const unsigned long values[] = {0x02, 0x05, 0x06, 0x07, 0x30,  0x32,      0x54,
                                           0xb1, 0xb3, 0xb5, 0xe0, 0x190, 0x80000001};
    uint8_t signature[SIGNATURE_SIZE];
    char faults[64];
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            err = (struct ens_err){0};
            (void)snprintf(faults, sizeof faults, "%s=0x%lx", names[i], values[v]);
            if (walk(faults, RELEASE, HSM_AUTO, signature, &err))
                fail_msg("%s: no error", faults);
            /* An empty slot is not an error. */
            if (strcmp(names[i], "C_GetTokenInfo") == 0 && values[v] == 0xe0) {
                assert_int_equal(err.code, ENS_NOTFOUND);
                continue;
            }
            if (err.code != ENS_DEVICE && err.code != ENS_MODULE)
                fail_msg("%s: %d: %s", faults, (int)err.code, err.msg);
            /* C_GetFunctionList has no error of its own in libp11, which calls it first. */
            if (strcmp(names[i], "C_GetFunctionList") != 0 && strcmp(names[i], "C_GetInfo") != 0 &&
                strstr(err.msg, names[i]) == NULL)
                fail_msg("%s: '%s' does not name it", faults, err.msg);
        }
    }
}

/* The functions that are called often fail at each of their calls; afterwards the session is closed. */
static void each_call_fails_cleanly(void **state)
{
    static const char *const names[] = {"C_FindObjectsInit",   "C_FindObjects",      "C_FindObjectsFinal",
                                        "C_GetAttributeValue", "C_GetMechanismInfo", "C_GetTokenInfo"};
    uint8_t signature[SIGNATURE_SIZE];
    char faults[64];
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_ok(walk("", RELEASE, HSM_AUTO, signature, &err), err);
        unsigned calls = token_calls(names[i]);

        assert_true(calls > 0);
        for (unsigned n = 1; n <= calls; n++) {
            err = (struct ens_err){0};
            (void)snprintf(faults, sizeof faults, "%s=0x30@%u", names[i], n);
            bool ok = walk(faults, RELEASE, HSM_AUTO, signature, &err);

            /* One slot that cannot be read does not take the others away. */
            if (strcmp(names[i], "C_GetTokenInfo") != 0)
                assert_true(!ok && err.code == ENS_DEVICE && strstr(err.msg, "CKR_DEVICE_ERROR") != NULL);
            assert_int_equal(token_calls("C_OpenSession"), token_calls("C_CloseSession"));
            assert_int_equal(token_calls("C_Initialize"), token_calls("C_Finalize"));
        }
    }
}

static void closing_never_fails(void **state)
{
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    assert_ok(
        walk("C_Logout=0x30,C_CloseSession=0x30,C_CloseAllSessions=0x30", RELEASE, HSM_AUTO, signature, &err),
        err);
}

static void hints_at_what_the_module_needs(void **state)
{
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    assert_fails(walk("C_Initialize=0x2", RELEASE, HSM_AUTO, signature, &err), err, ENS_MODULE, "pkcsslotd");
    assert_non_null(strstr(err.msg, "CKR_HOST_MEMORY (0x2)"));
    assert_fails(walk("C_Initialize=0x7", RELEASE, HSM_AUTO, signature, &err), err, ENS_MODULE,
                 "--module-args");
}

static void arguments_reach_the_module(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = NULL;
    struct hsm_open_args args = {
        .module = token_fault_module(), .module_args = "configdir='x'", .timeout_s = 60, .env = environ};
    struct ens_err err = {0};

    (void)state;
    token_faults("wantargs=configdir='x'");
    assert_fails(token_try_open(token_fault_module(), &hsm, &err), err, ENS_MODULE, "CKR_ARGUMENTS_BAD");
    assert_ok(hsm_open(&args, &hsm, &err), err);
}

/* ---- slots and sessions ---- */

static void one_bad_slot_does_not_hide_the_others(void **state)
{
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    /* The second slot is not initialised. */
    assert_ok(walk("tokeninfo=0x30@2", RELEASE, HSM_AUTO, signature, &err), err);
    /* A slot that cannot be read for a moment is read again; the bad slot may be the one that was meant. */
    assert_ok(walk("tokeninfo=0x30@1", RELEASE, HSM_AUTO, signature, &err), err);
    assert_fails(walk("tokeninfo=0x30", RELEASE, HSM_AUTO, signature, &err), err, ENS_DEVICE,
                 "CKR_DEVICE_ERROR");
    assert_fails(walk("tokeninfo=0xe0", RELEASE, HSM_AUTO, signature, &err), err, ENS_NOTFOUND,
                 "no initialised token");
}

static void sessions_are_had_sparingly(void **state)
{
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    assert_ok(walk("maxsess=1", RELEASE, HSM_AUTO, signature, &err), err);
    assert_fails(walk("maxsess=0", RELEASE, HSM_AUTO, signature, &err), err, ENS_DEVICE, "CKR_SESSION_COUNT");
    assert_int_equal(token_calls("C_Login"), 0);
    assert_ok(walk("needrw", RELEASE, HSM_AUTO, signature, &err), err);
    assert_int_equal(token_calls("C_OpenSession"), 2);
}

/* ---- attributes ---- */

static void attributes_that_are_not_there(void **state)
{
    static const struct {
        const char *faults, *uri;
        enum ens_code code;
        const char *says;
    } cases[] = {
        {"dropattr=0x121", RELEASE, ENS_OK, ""}, /* CKA_MODULUS_BITS is never asked for */
        {"exactulong", RELEASE, ENS_OK, ""},
        {"dropattr=0x103,dropattr=0x162,dropattr=0x163,dropattr=0x164,dropattr=0x165", RELEASE, ENS_OK, ""},
        {"dropattr=0x108,dropattr=0x202", RELEASE, ENS_OK, ""},
        {"dropattr=0x120:3", RELEASE, ENS_OK, ""}, /* the modulus: from the public object, by CKA_ID */
        {"dropattr=0x122:3", RELEASE, ENS_OK, ""}, /* the exponent: from there, by modulus */
        {"dropattr=0x122:3", ENSIGN ";object=nopub", ENS_OK,
         ""}, /* the public object of `other` has its modulus */
        {"dropattr=0x120:3", ENSIGN ";object=nopub", ENS_BADKEY, "does not show its modulus"},
        {"dropattr=0x120", RELEASE, ENS_BADKEY, "does not show its modulus"},
        {"dropattr=0x122", RELEASE, ENS_BADKEY, "does not show its public exponent"},
        {"dropattr=0x100", RELEASE, ENS_BADKEY, "not an RSA key"},
        {"dropattr=0x3", RELEASE, ENS_DEVICE, "search is broken"},
        {"setattr=0x108:00", RELEASE, ENS_BADKEY, "CKA_SIGN"},
        {"setattr=0x122:010001", RELEASE, ENS_BADKEY, "exponent 65537"},
        {"setattr=0x122:00000003", RELEASE, ENS_OK, ""},
        {"setattr=0x122:00", RELEASE, ENS_BADKEY, "does not show its public exponent"},
        {"setattr=0x122:010000000000000003", RELEASE, ENS_BADKEY, "does not show its public exponent"},
        {"setattr=0x120:00ff", RELEASE, ENS_BADKEY, "RSA-8"},
        {"setattr=0x120:01ff", RELEASE, ENS_BADKEY, "RSA-9"},
        {"setattr=0x100:01", RELEASE, ENS_BADKEY, "not an RSA key"},
        {"setattr=0x3:78", RELEASE, ENS_DEVICE, "search is broken"},
    };
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err = (struct ens_err){0};
        if (cases[i].code == ENS_OK)
            assert_ok(walk(cases[i].faults, cases[i].uri, HSM_AUTO, signature, &err), err);
        else
            assert_fails(walk(cases[i].faults, cases[i].uri, HSM_AUTO, signature, &err), err, cases[i].code,
                         cases[i].says);
    }
}

static bool print_key(void *ctx, const struct hsm_key *key, struct ens_err *err)
{
    (void)ctx;
    (void)err;
    for (const char *c = key->label; *c != '\0'; c++)
        assert_true(*c >= ' ' && *c <= '~');
    assert_string_equal(key->label, "?[31mred?");
    assert_non_null(strstr(key->uri, ";object=%1B%5B31mred%0A"));
    return true;
}

static void hostile_labels_are_printable(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = NULL;
    struct ens_err err = {0};

    (void)state;
    token_faults("setattr=0x3:1b5b33316d7265640a:3");
    hsm = token_ready(token_fault_module(), ENSIGN);
    assert_ok(hsm_list_keys(hsm, print_key, NULL, &err), err);
}

/* ---- mechanisms and signatures ---- */

static void mechanisms_that_are_not_there(void **state)
{
    static const uint8_t message[3] = {'a', 'b', 'c'};
    /* FIPS 180-4, example of SHA-256 */
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                    0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                    0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct hsm_sign_args args = {.mechanism = HSM_AUTO, .digest = abc, .message = view_of(message, 3)};
    const struct hsm_key *key = NULL;
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    assert_fails(walk("nomech=1", RELEASE, HSM_AUTO, signature, &err), err, ENS_USAGE, "needs the sign-data");
    assert_fails(walk("nomech=1", RELEASE, HSM_RSA_PKCS, signature, &err), err, ENS_BADKEY, "CKM_RSA_PKCS");
    assert_fails(walk("nomech=1,nomech=0x40", RELEASE, HSM_AUTO, signature, &err), err, ENS_BADKEY,
                 "neither CKM_RSA_PKCS");
    assert_ok(walk("nomech=0x40", RELEASE, HSM_AUTO, signature, &err), err);

    /* Without CKM_RSA_PKCS, and with the message, the token hashes. */
    token_faults("nomech=1");
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = token_ready(token_fault_module(), ENSIGN);

    assert_ok(token_try_key(hsm, RELEASE, &key, &err), err);
    assert_false(key->has_rsa_pkcs);
    assert_ok(hsm_sign(hsm, &args, signature, &err), err);
    hsm_closep(&hsm);

    token_faults("nomech=0x40");
    hsm = token_ready(token_fault_module(), ENSIGN);
    args.mechanism = HSM_SHA256_RSA_PKCS;
    assert_ok(token_try_key(hsm, RELEASE, &key, &err), err);
    assert_fails(hsm_sign(hsm, &args, signature, &err), err, ENS_BADKEY,
                 "does not sign with CKM_SHA256_RSA_PKCS");
}

/* What is spoilt but has 384 bytes is handed on as it is: the caller verifies. */
static void spoilt_signatures(void **state)
{
    uint8_t good[SIGNATURE_SIZE];
    uint8_t bad[SIGNATURE_SIZE] = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(walk("", RELEASE, HSM_AUTO, good, &err), err);
    assert_fails(walk("short", RELEASE, HSM_AUTO, bad, &err), err, ENS_BADSIG, "383 bytes and not 384");
    assert_fails(walk("longsig", RELEASE, HSM_AUTO, bad, &err), err, ENS_BADSIG, "513 bytes and not 384");
    for (size_t i = 0; i < sizeof bad; i++)
        assert_int_equal(bad[i], 0);
    assert_ok(walk("flip", RELEASE, HSM_AUTO, bad, &err), err);
    assert_int_equal(bad[SIGNATURE_SIZE / 2] ^ good[SIGNATURE_SIZE / 2], 0x10);
    assert_ok(walk("zero", RELEASE, HSM_AUTO, bad, &err), err);
    for (size_t i = 0; i < sizeof bad; i++)
        assert_int_equal(bad[i], 0);
}

static void the_nth_signature_fails(void **state)
{
    ENS_CLEANUP(hsm_closep) struct hsm *hsm = NULL;
    struct hsm_sign_args args = {.mechanism = HSM_AUTO, .digest = digest};
    const struct hsm_key *key = NULL;
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    token_faults("failat=3:0x32");
    hsm = token_ready(token_fault_module(), ENSIGN);
    assert_ok(token_try_key(hsm, RELEASE, &key, &err), err);
    assert_ok(hsm_sign(hsm, &args, signature, &err), err);
    assert_ok(hsm_sign(hsm, &args, signature, &err), err);
    assert_fails(hsm_sign(hsm, &args, signature, &err), err, ENS_DEVICE, "CKR_DEVICE_REMOVED");
}

static void refusals_to_sign_are_about_the_key(void **state)
{
    static const char *const faults[] = {"C_SignInit=0x68", "C_SignInit=0x63", "C_SignInit=0x62",
                                         "C_SignInit=0x70"};
    uint8_t signature[SIGNATURE_SIZE];
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        assert_fails(walk(faults[i], RELEASE, HSM_AUTO, signature, &err), err, ENS_BADKEY, "C_SignInit");
}

/* ---- calls that do not return ---- */

#ifndef INSIDE
static char warnings[1024]; /* told while the module was closed */

static void take_warning(enum hsm_tell what, const char *text)
{
    if (what == HSM_TELL_WARNING)
        (void)snprintf(warnings, sizeof warnings, "%s", text);
}

/* The walk with a limit of one second for each call. */
static bool walk_in_time(const char *faults, struct ens_err *err)
{
    struct hsm *hsm = NULL;
    const struct hsm_key *key = NULL;
    struct hsm_sign_args args = {.mechanism = HSM_AUTO, .digest = digest};
    struct hsm_open_args open = {
        .module = token_fault_module(), .timeout_s = 1, .env = environ, .tell = take_warning};
    uint8_t signature[SIGNATURE_SIZE];

    token_faults(faults);
    warnings[0] = '\0';
    bool ok = hsm_open(&open, &hsm, err) && token_try_select(hsm, ENSIGN, err) &&
              token_try_login(hsm, TOKEN_PIN, err) && token_try_key(hsm, RELEASE, &key, err) &&
              hsm_sign(hsm, &args, signature, err);

    hsm_closep(&hsm);
    return ok;
}

static void a_call_that_hangs_is_named(void **state)
{
    static const char *const calls[] = {"C_Initialize", "C_GetSlotInfo", "C_OpenSession",
                                        "C_Login",      "C_FindObjects", "C_Sign"};
    char faults[64];
    char want[64];

    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct ens_err err = {0};

        (void)snprintf(faults, sizeof faults, "delay=%s:20000", calls[i]);
        /* libp11 initialises and asks for the module's information in one step. */
        (void)snprintf(want, sizeof want, ": %s%s took more than 1 s", calls[i],
                       i == 0 ? " or C_GetInfo" : "");
        assert_fails(walk_in_time(faults, &err), err, ENS_DEVICE, want);
        assert_string_equal(warnings, "");
    }
}

/* The work is done then: it is told, and no error. */
static void closing_that_hangs_is_told(void **state)
{
    struct ens_err err = {0};

    (void)state;
    assert_ok(walk_in_time("delay=C_Finalize:20000", &err), err);
    assert_non_null(strstr(warnings, "C_Finalize took more than 10 s"));
}

static void a_slow_call_is_waited_for(void **state)
{
    struct ens_err err = {0};

    (void)state;
    assert_ok(walk_in_time("delay=300", &err), err);
    assert_string_equal(warnings, "");
    /* At a PIN pad a person is at work. */
    assert_ok(walk_in_time("pinpad=123456,delay=C_Login:1500", &err), err);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_fails_without_a_fault),
#ifndef INSIDE
        cmocka_unit_test(a_call_that_hangs_is_named),
        cmocka_unit_test(closing_that_hangs_is_told),
        cmocka_unit_test(a_slow_call_is_waited_for),
#endif
        cmocka_unit_test(each_function_fails_cleanly),
        cmocka_unit_test(each_call_fails_cleanly),
        cmocka_unit_test(closing_never_fails),
        cmocka_unit_test(hints_at_what_the_module_needs),
        cmocka_unit_test(arguments_reach_the_module),
        cmocka_unit_test(one_bad_slot_does_not_hide_the_others),
        cmocka_unit_test(sessions_are_had_sparingly),
        cmocka_unit_test(attributes_that_are_not_there),
        cmocka_unit_test(hostile_labels_are_printable),
        cmocka_unit_test(mechanisms_that_are_not_there),
        cmocka_unit_test(spoilt_signatures),
        cmocka_unit_test(the_nth_signature_fails),
        cmocka_unit_test(refusals_to_sign_are_about_the_key),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
