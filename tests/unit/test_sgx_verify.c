/* The judge against every case of tests/vectors/sigstruct/expected.json: what it says, and nothing else. And
 * the lists it fills: findings of bounded size, names of bits, known keys. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/sgx/bits.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

/* The findings of one severity, and a JSON list of texts: the same set, each text once. */
static void assert_same_set(const char *name, const struct findings *found, enum severity severity,
                            const json_t *want)
{
    size_t i = 0;
    json_t *text = NULL;

    json_array_foreach(want, i, text)
    {
        size_t hits = 0;

        for (size_t j = 0; j < found->len; j++)
            hits += found->items[j].severity == severity &&
                    strcmp(found->items[j].text, json_string_value(text)) == 0;
        if (hits != 1)
            fail_msg("%s: '%s' is said %zu times", name, json_string_value(text), hits);
    }
    for (size_t j = 0; j < found->len; j++) {
        bool wanted = found->items[j].severity != severity;

        json_array_foreach(want, i, text) wanted =
            wanted || strcmp(found->items[j].text, json_string_value(text)) == 0;
        if (!wanted)
            fail_msg("%s: '%s' is said as well", name, found->items[j].text);
    }
    assert_int_equal(findings_count(found, severity), json_array_size(want));
}

static void every_vector_is_judged_as_expected(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_vector("sigstruct/expected.json");
    json_error_t where;
    json_t *all = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, &where);
    const char *name = NULL;
    json_t *want = NULL;

    (void)state;
    assert_non_null(all);
    assert_int_equal(json_object_size(all), 53);
    json_object_foreach(all, name, want)
    {
        ENS_CLEANUP(buf_free) struct buf css = {0};
        struct findings found = {0};
        struct ens_err err = {0};
        char path[128];

        (void)snprintf(path, sizeof path, "sigstruct/%s.sig", name);
        css = support_vector(path);
        assert_ok(verify_sigstruct(buf_view(&css), &found, &err), err);
        assert_int_equal(found.dropped, 0);
        assert_true(json_is_array(json_object_get(want, "errors")));
        assert_true(json_is_array(json_object_get(want, "warnings")));
        assert_same_set(name, &found, SEVERITY_ERROR, json_object_get(want, "errors"));
        assert_same_set(name, &found, SEVERITY_WARNING, json_object_get(want, "warnings"));
    }
    json_decref(all);
}

static void every_byte_of_a_good_sigstruct_matters(void **state)
{
    ENS_CLEANUP(buf_free) struct buf css = support_vector("sigstruct/good.sig");

    (void)state;
    for (size_t i = 0; i < css.len; i++) {
        struct findings found = {0};
        struct ens_err err = {0};

        css.data[i] ^= 0x10;
        assert_ok(verify_sigstruct(buf_view(&css), &found, &err), err);
        if (findings_count(&found, SEVERITY_ERROR) == 0)
            fail_msg("byte %zu may change", i);
        css.data[i] ^= 0x10;
    }
}

static void the_wrong_size_is_the_only_finding(void **state)
{
    static const uint8_t bytes[4096];
    static const size_t sizes[] = {0, 1, 256, 1807, 1809, 4096};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct findings found = {0};
        struct ens_err err = {0};

        assert_ok(verify_sigstruct(view_of(bytes, sizes[i]), &found, &err), err);
        assert_int_equal(found.len, 1);
        assert_string_equal(found.items[0].rule, "size");
    }
}

static void zeros_and_ones_are_judged_without_a_crash(void **state)
{
    uint8_t bytes[SIGSTRUCT_SIZE];

    (void)state;
    for (int value = 0; value < 256; value += 5) {
        struct findings found = {0};
        struct ens_err err = {0};

        memset(bytes, value, sizeof bytes);
        assert_ok(verify_sigstruct(view_of(bytes, sizeof bytes), &found, &err), err);
        assert_true(findings_count(&found, SEVERITY_ERROR) >= 4);
    }
}

static void a_modulus_of_one_and_of_two_bits_is_judged(void **state)
{
    ENS_CLEANUP(buf_free) struct buf css = support_vector("sigstruct/good.sig");

    (void)state;
    for (uint8_t n = 1; n < 4; n++) {
        struct findings found = {0};
        struct ens_err err = {0};
        const struct finding *first = NULL;

        memset(css.data + 128, 0, 384);
        css.data[128] = n;
        assert_ok(verify_sigstruct(buf_view(&css), &found, &err), err);
        first = findings_first(&found, SEVERITY_ERROR);
        assert_non_null(first);
        assert_string_equal(first->text, n == 1 ? "the modulus has 1 bits" : "the modulus has 2 bits");
    }
}

/* A SIGSTRUCT whose fields are open to change; signed anew by the test key. */
static void sign_anew(struct sigstruct *css, const struct testkey *k)
{
    uint8_t digest[32];
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t q1[SIGNATURE_SIZE];
    uint8_t q2[SIGNATURE_SIZE];
    bool fit = false;
    struct ens_err err = {0};

    assert_ok(signdata_digest(css, digest, &err), err);
    testkey_sign_digest(k, digest, signature);
    assert_ok(rsa3072_q1q2(&k->pub, signature, q1, q2, &fit, &err), err);
    assert_true(fit);
    sigstruct_finish(css, &k->pub, signature, q1, q2);
}

static const struct {
    enum css_field field;
    uint64_t value;
    enum severity severity;
    const char *rule, *text; /* NULL: nothing is found */
} rules[] = {
    {CSS_XFRM, 0xff, 0, NULL, NULL},
    {CSS_XFRM, 0x27, SEVERITY_ERROR, "xfrm-avx512", "XFRM demands a part of AVX-512 (bits 5, 6 and 7)"},
    {CSS_XFRM, 0x13, SEVERITY_ERROR, "xfrm-mpx", "XFRM demands half of MPX (bits 3 and 4)"},
    {CSS_XFRM, 0x40003, SEVERITY_ERROR, "xfrm-amx", "XFRM demands half of AMX (bits 17 and 18)"},
    {CSS_XFRM, 0x8000000000000003, SEVERITY_ERROR, "xfrm-63", "XFRM demands bit 63, which XCR0 cannot have"},
    {CSS_XFRM, 0x403, SEVERITY_WARNING, "xfrm-reserved", "reserved XFRM bits are demanded: 0x400"},
    {CSS_XFRM, 0x2, SEVERITY_ERROR, "xfrm-sse", "XFRM demands x87/SSE to be 0, which no SECS can have"},
    {CSS_XFRM_MASK, 0, 0, NULL, NULL},
    {CSS_ATTRIBUTES, 0x404, 0, NULL, NULL},
    {CSS_ATTRIBUTES, 0xc, SEVERITY_WARNING, "attributes-reserved",
     "reserved ATTRIBUTES bits are demanded: 0x8"},
    {CSS_ATTRIBUTES, 0, SEVERITY_WARNING, "mode64bit", "MODE64BIT is not demanded"},
    {CSS_MISCSELECT, 3, 0, NULL, NULL},
    {CSS_MISCSELECT, 0x80000000, SEVERITY_WARNING, "miscselect-reserved",
     "reserved MISCSELECT bits are demanded: 0x80000000"},
    {CSS_VENDOR, 0x8086, 0, NULL, NULL},
    {CSS_VENDOR, 0x8087, SEVERITY_ERROR, "vendor", "VENDOR is 0x8087"},
    {CSS_DATE, 0x20991231, 0, NULL, NULL},
    {CSS_DATE, 0x20991232, SEVERITY_WARNING, "date", "DATE 20991232 is no date (the CPU does not look)"},
};

static void each_rule_speaks_on_its_own(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_vector("sigstruct/good.sig");
    ENS_CLEANUP(testkey_free) struct testkey k = testkey_load();

    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct sigstruct css;
        struct findings found = {0};
        struct ens_err err = {0};

        memcpy(css.bytes, file.data, SIGSTRUCT_SIZE);
        sigstruct_put_int(&css, rules[i].field, rules[i].value);
        sign_anew(&css, &k);
        assert_ok(verify_sigstruct(view_of(css.bytes, SIGSTRUCT_SIZE), &found, &err), err);
        if (rules[i].rule == NULL) {
            if (found.len != 0)
                fail_msg("rule %zu: '%s'", i, found.items[0].text);
            continue;
        }
        assert_int_equal(found.len, 1);
        assert_int_equal(found.items[0].severity, rules[i].severity);
        assert_string_equal(found.items[0].rule, rules[i].rule);
        assert_string_equal(found.items[0].text, rules[i].text);
    }
}

static void reserved_cet_bits_are_found(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_vector("sigstruct/good.sig");
    struct sigstruct css;
    struct findings found = {0};

    (void)state;
    memcpy(css.bytes, file.data, SIGSTRUCT_SIZE);
    sigstruct_put_int(&css, CSS_ATTRIBUTES, ATTR_MODE64BIT | ATTR_CET);
    sigstruct_put_int(&css, CSS_CET_ATTRIBUTES, 0x3f);
    verify_signed_fields(&css, &found);
    assert_int_equal(found.len, 0);
    sigstruct_put_int(&css, CSS_CET_ATTRIBUTES, 0x7f);
    verify_signed_fields(&css, &found);
    assert_int_equal(found.len, 1);
    assert_string_equal(found.items[0].text, "reserved CET_ATTRIBUTES bits are set: 0x40");
}

static void the_key_comes_out_big_endian(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_vector("sigstruct/good.sig");
    ENS_CLEANUP(testkey_free) struct testkey k = testkey_load();
    struct sigstruct css;
    struct pubkey key;

    (void)state;
    memcpy(css.bytes, file.data, SIGSTRUCT_SIZE);
    verify_key_of(&css, &key);
    assert_memory_equal(key.modulus, k.pub.modulus, PUBKEY_SIZE);
}

/* ---- lists ---- */

static void findings_beyond_the_limit_are_counted(void **state)
{
    struct findings list = {0};

    (void)state;
    assert_null(findings_first(&list, SEVERITY_ERROR));
    for (unsigned i = 0; i < FINDINGS_MAX + 5; i++)
        findings_add(&list, i % 2 == 0 ? SEVERITY_WARNING : SEVERITY_ERROR, "rule", "number %u", i);
    assert_int_equal(list.len, FINDINGS_MAX);
    assert_int_equal(list.dropped, 5);
    assert_int_equal(findings_count(&list, SEVERITY_ERROR), FINDINGS_MAX / 2);
    assert_int_equal(findings_count(&list, SEVERITY_WARNING), FINDINGS_MAX / 2);
    assert_string_equal(findings_first(&list, SEVERITY_ERROR)->text, "number 1");
    assert_string_equal(findings_first(&list, SEVERITY_WARNING)->text, "number 0");
    assert_string_equal(list.items[FINDINGS_MAX - 1].text, "number 31");
}

static void a_long_finding_is_cut(void **state)
{
    struct findings list = {0};

    (void)state;
    findings_add(&list, SEVERITY_ERROR, "rule", "%01000d", 7);
    assert_int_equal(strlen(list.items[0].text), FINDING_TEXT_MAX - 1);
}

static void bits_have_the_names_of_the_sdm(void **state)
{
    static const struct {
        enum css_field field;
        unsigned bit;
        const char *name;
    } names[] = {
        {CSS_ATTRIBUTES, 0, "INIT"},
        {CSS_ATTRIBUTES, 1, "DEBUG"},
        {CSS_ATTRIBUTES, 2, "MODE64BIT"},
        {CSS_ATTRIBUTES, 3, NULL},
        {CSS_ATTRIBUTES, 4, "PROVISIONKEY"},
        {CSS_ATTRIBUTES, 5, "EINITTOKENKEY"},
        {CSS_ATTRIBUTES, 6, "CET"},
        {CSS_ATTRIBUTES, 7, "KSS"},
        {CSS_ATTRIBUTES, 10, "AEXNOTIFY"},
        {CSS_ATTRIBUTES, 63, NULL},
        {CSS_ATTRIBUTES, 64, NULL},
        {CSS_XFRM, 0, "x87"},
        {CSS_XFRM, 1, "SSE"},
        {CSS_XFRM, 2, "AVX"},
        {CSS_XFRM, 3, "BNDREGS"},
        {CSS_XFRM, 4, "BNDCSR"},
        {CSS_XFRM, 5, "opmask"},
        {CSS_XFRM, 6, "ZMM_Hi256"},
        {CSS_XFRM, 7, "Hi16_ZMM"},
        {CSS_XFRM, 8, "PT"},
        {CSS_XFRM, 9, "PKRU"},
        {CSS_XFRM, 10, NULL},
        {CSS_XFRM, 11, "CET_U"},
        {CSS_XFRM, 12, "CET_S"},
        {CSS_XFRM, 17, "XTILECFG"},
        {CSS_XFRM, 18, "XTILEDATA"},
        {CSS_XFRM, 19, "APX"},
        {CSS_XFRM, 63, NULL},
        {CSS_MISCSELECT, 0, "EXINFO"},
        {CSS_MISCSELECT, 1, "CPINFO"},
        {CSS_MISCSELECT, 2, NULL},
        {CSS_CET_ATTRIBUTES, 0, "SH_STK_EN"},
        {CSS_CET_ATTRIBUTES, 5, "SUPPRESS_DIS"},
        {CSS_CET_ATTRIBUTES, 6, NULL},
        {CSS_DATE, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *name = bits_name(names[i].field, names[i].bit);

        if (names[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, names[i].name);
    }
}

static void values_are_spelt_bit_by_bit(void **state)
{
    char text[BITS_TEXT_MAX];
    size_t words = 1;

    (void)state;
    assert_string_equal(bits_text(CSS_ATTRIBUTES, 0, text), "none");
    assert_string_equal(bits_text(CSS_ATTRIBUTES, 0x4, text), "MODE64BIT");
    assert_string_equal(bits_text(CSS_ATTRIBUTES, 0x800000000000040e, text),
                        "DEBUG MODE64BIT bit3 AEXNOTIFY bit63");
    /* All bits of a field without names is the longest text there is. */
    (void)bits_text(CSS_DATE, UINT64_MAX, text);
    assert_true(strlen(text) < BITS_TEXT_MAX - 1);
    for (const char *p = text; *p != '\0'; p++)
        words += *p == ' ';
    assert_int_equal(words, 64);
    (void)bits_text(CSS_XFRM, UINT64_MAX, text);
    assert_non_null(strstr(text, "bit62 bit63"));
}

static void published_keys_are_known_by_both_ends_of_mrsigner(void **state)
{
    uint8_t mrsigner[32] = {0x83, 0xd7, 0x19, 0xe7};

    (void)state;
    mrsigner[30] = 0xce;
    mrsigner[31] = 0x9e;
    assert_non_null(strstr(known_key_owner(mrsigner), "Intel's SDK samples"));
    mrsigner[15] = 0xff;
    assert_non_null(known_key_owner(mrsigner));
    for (size_t i = 0; i < 32; i++) {
        mrsigner[i] ^= 1;
        if (i < 4 || i >= 30)
            assert_null(known_key_owner(mrsigner));
        mrsigner[i] ^= 1;
    }
    memset(mrsigner, 0, sizeof mrsigner);
    assert_null(known_key_owner(mrsigner));
    memcpy(mrsigner, "\x9a\xff\xcf\xae", 4);
    memcpy(mrsigner + 30, "\x8d\x1a", 2);
    assert_non_null(strstr(known_key_owner(mrsigner), "Fortanix"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_is_judged_as_expected),
        cmocka_unit_test(every_byte_of_a_good_sigstruct_matters),
        cmocka_unit_test(the_wrong_size_is_the_only_finding),
        cmocka_unit_test(zeros_and_ones_are_judged_without_a_crash),
        cmocka_unit_test(a_modulus_of_one_and_of_two_bits_is_judged),
        cmocka_unit_test(each_rule_speaks_on_its_own),
        cmocka_unit_test(reserved_cet_bits_are_found),
        cmocka_unit_test(the_key_comes_out_big_endian),
        cmocka_unit_test(findings_beyond_the_limit_are_counted),
        cmocka_unit_test(a_long_finding_is_cut),
        cmocka_unit_test(bits_have_the_names_of_the_sdm),
        cmocka_unit_test(values_are_spelt_bit_by_bit),
        cmocka_unit_test(published_keys_are_known_by_both_ends_of_mrsigner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
