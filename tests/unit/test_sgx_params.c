/* The SIGSTRUCT options: the defaults of orc, each option in its field and no other, and each rule of
 * params_check beside the nearest value that passes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/sgx/params.h"
#include "tests/support/support.h"

#define TODAY 0x20260131u

static struct sigstruct build(struct params p)
{
    struct sigstruct css = {.bytes = {0x77}};
    struct ens_err err = {0};

    assert_ok(params_build(&p, NULL, TODAY, &css, &err), err);
    return css;
}

/* The fields of `got` are those of `want`, but that `field` has the integer `value`. */
static void assert_only(const struct sigstruct *got, struct sigstruct want, enum css_field field,
                        uint64_t value)
{
    sigstruct_put_int(&want, field, value);
    assert_memory_equal(got->bytes, want.bytes, SIGSTRUCT_SIZE);
}

static void without_options_the_fields_are_those_of_orc(void **state)
{
    struct sigstruct css = build((struct params){0});
    uint8_t want[1808] = {0};

    (void)state;
    memcpy(want, "\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0", 16);
    memcpy(want + 20, "\x31\x01\x26\x20", 4);
    memcpy(want + 24, "\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0", 16);
    memset(want + 904, 0xff, 4);
    memcpy(want + 928, "\x04\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0", 16);
    memcpy(want + 944, "\xfd\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff", 16);
    assert_memory_equal(css.bytes, want, sizeof want);
}

static void the_defaults_written_out_give_the_same(void **state)
{
    struct sigstruct plain = build((struct params){0});
    struct sigstruct written = build((struct params){.date = "20260131",
                                                     .swdefined = "0",
                                                     .isvprodid = "0",
                                                     .isvsvn = "0",
                                                     .miscselect = "0/0",
                                                     .attributes = "0x4/0x2",
                                                     .xfrm = "0x3/0x3",
                                                     .cet_attributes = "0/0xff",
                                                     .isvfamilyid = "00000000000000000000000000000000",
                                                     .isvextprodid = "00000000000000000000000000000000"});

    (void)state;
    assert_memory_equal(written.bytes, plain.bytes, SIGSTRUCT_SIZE);
}

static void each_number_goes_into_its_field(void **state)
{
    struct sigstruct plain = build((struct params){0});
    struct sigstruct css = build((struct params){.swdefined = "0xfedcba98"});

    (void)state;
    assert_only(&css, plain, CSS_SWDEFINED, 0xfedcba98);
    css = build((struct params){.isvprodid = "0o1234"});
    assert_only(&css, plain, CSS_ISVPRODID, 01234);
    css = build((struct params){.isvsvn = "65535"});
    assert_only(&css, plain, CSS_ISVSVN, 65535);
    css = build((struct params){.date = "20160109"});
    assert_only(&css, plain, CSS_DATE, 0x20160109);
}

static void each_pair_goes_into_its_fields_with_the_mask_inverted(void **state)
{
    struct sigstruct want = build((struct params){0});
    struct sigstruct css = build((struct params){.miscselect = "1/0x80000002"});

    (void)state;
    sigstruct_put_int(&want, CSS_MISCSELECT, 1);
    assert_only(&css, want, CSS_MISCMASK, 0x7ffffffd);
    want = build((struct params){0});
    css = build((struct params){.attributes = "0x14/0x8000000000000000"});
    sigstruct_put_int(&want, CSS_ATTRIBUTES, 0x14);
    assert_only(&css, want, CSS_ATTRIBUTEMASK, 0x7fffffffffffffff);
    want = build((struct params){0});
    css = build((struct params){.xfrm = "0xe7/0xe4"});
    sigstruct_put_int(&want, CSS_XFRM, 0xe7);
    assert_only(&css, want, CSS_XFRM_MASK, 0xffffffffffffff1b);
    want = build((struct params){0});
    css = build((struct params){.cet_attributes = "3/0xf0"});
    sigstruct_put_int(&want, CSS_CET_ATTRIBUTES, 3);
    assert_only(&css, want, CSS_CET_ATTRIBUTES_MASK, 0x0f);
}

static void the_identifiers_are_stored_as_typed(void **state)
{
    struct sigstruct want = build((struct params){0});
    struct sigstruct css = build((struct params){.isvfamilyid = "000102030405060708090a0b0c0d0e0f",
                                                 .isvextprodid = "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF"});

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        want.bytes[912 + i] = (uint8_t)i;
        want.bytes[1008 + i] = (uint8_t)(0xf0 + i);
    }
    assert_memory_equal(css.bytes, want.bytes, SIGSTRUCT_SIZE);
}

static void switches_work_on_what_attributes_left(void **state)
{
    static const struct {
        struct params p;
        uint64_t value, mask;
    } cases[] = {
        {{.bit32 = true}, 0, ~UINT64_C(2)},
        {{.debug = true}, 6, ~UINT64_C(2)},
        {{.forbid_debug = true}, 4, UINT64_MAX},
        {{.bit32 = true, .debug = true}, 2, ~UINT64_C(2)},
        {{.bit32 = true, .forbid_debug = true}, 0, UINT64_MAX},
        {{.attributes = "0x84/0", .debug = true}, 0x86, ~UINT64_C(2)},
        {{.attributes = "0x86/0", .forbid_debug = true}, 0x84, UINT64_MAX},
        {{.attributes = "6/6", .forbid_debug = true}, 4, ~UINT64_C(4)},
        {{.attributes = "4/4", .bit32 = true}, 0, UINT64_MAX},
        {{.attributes = "0x14/0xff"}, 0x14, ~UINT64_C(0xff)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sigstruct css = build(cases[i].p);

        assert_true(sigstruct_get_int(&css, CSS_ATTRIBUTES) == cases[i].value);
        assert_true(sigstruct_get_int(&css, CSS_ATTRIBUTEMASK) == cases[i].mask);
    }
}

static void debug_and_its_opposite_are_refused(void **state)
{
    struct params p = {.debug = true, .forbid_debug = true};
    struct sigstruct css;
    struct ens_err err;

    (void)state;
    assert_fails(params_build(&p, NULL, TODAY, &css, &err), err, ENS_USAGE, "contradict each other");
}

static void the_start_is_another_sigstruct(void **state)
{
    struct params none = {0};
    struct params some = {.isvsvn = "9", .attributes = "4/0"};
    struct params dated = {.date = "20240229"};
    struct sigstruct from;
    struct sigstruct css;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof from.bytes; i++)
        from.bytes[i] = (uint8_t)(i * 7 + 1);
    assert_ok(params_build(&none, &from, TODAY, &css, &err), err);
    assert_memory_equal(css.bytes, from.bytes, SIGSTRUCT_SIZE);
    assert_ok(params_build(&dated, &from, TODAY, &css, &err), err);
    assert_only(&css, from, CSS_DATE, 0x20240229);
    assert_ok(params_build(&some, &from, TODAY, &css, &err), err);
    sigstruct_put_int(&from, CSS_ATTRIBUTES, 4);
    sigstruct_put_int(&from, CSS_ATTRIBUTEMASK, UINT64_MAX);
    assert_only(&css, from, CSS_ISVSVN, 9);
    /* The start may be the result. */
    assert_ok(params_build(&dated, &css, TODAY, &css, &err), err);
    assert_int_equal(sigstruct_get_int(&css, CSS_DATE), 0x20240229);
    assert_int_equal(sigstruct_get_int(&css, CSS_ISVSVN), 9);
}

static void what_cannot_be_read_names_its_option(void **state)
{
    static const struct {
        struct params p;
        const char *why;
    } bad[] = {
        {{.date = "20230229"}, "--date: '20230229' is not a day"},
        {{.date = "2024"}, "--date: '2024' is not a date"},
        {{.swdefined = "0x100000000"}, "--swdefined: '0x100000000' is too large"},
        {{.isvprodid = "65536"}, "--isvprodid: '65536' is too large: the largest is 0xffff"},
        {{.isvsvn = "07"}, "--isvsvn: '07' is ambiguous"},
        {{.isvsvn = ""}, "--isvsvn: '' is not a number"},
        {{.miscselect = "0"}, "--miscselect: '0' has no mask"},
        {{.miscselect = "0/0x100000000"}, "--miscselect:"},
        {{.attributes = "0x4"}, "--attributes: '0x4' has no mask: write VALUE/INVERSE-MASK"},
        {{.attributes = "0x10000000000000000/0"}, "--attributes:"},
        {{.xfrm = "3/x"}, "--xfrm: '3/x' is not a number"},
        {{.cet_attributes = "256/0"}, "--cet-attributes: '256/0' is too large"},
        {{.isvfamilyid = "00"}, "--isvfamilyid: 2 hexadecimal digits"},
        {{.isvextprodid = "0x0102030405060708090a0b0c0d0e0f"}, "--isvextprodid:"},
    };
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sigstruct css = {.bytes = {0x77}};

        assert_fails(params_build(&bad[i].p, NULL, TODAY, &css, &err), err, ENS_USAGE, bad[i].why);
        assert_int_equal(css.bytes[0], 0x77);
    }
}

static void any_option_that_decides_a_field_is_seen(void **state)
{
    static const struct params deciding[] = {
        {.date = "x"},          {.swdefined = "x"},    {.isvprodid = "x"}, {.isvsvn = "x"},
        {.miscselect = "x"},    {.attributes = "x"},   {.xfrm = "x"},      {.cet_attributes = "x"},
        {.isvfamilyid = "x"},   {.isvextprodid = "x"}, {.bit32 = true},    {.debug = true},
        {.forbid_debug = true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof deciding / sizeof deciding[0]; i++)
        assert_true(params_any(&deciding[i]));
    assert_false(params_any(&(struct params){0}));
    assert_false(params_any(&(struct params){.allow_unusual = true}));
}

/* ---- the rules ---- */

/* A SIGSTRUCT that keeps every rule, with one field changed. */
static struct sigstruct with(enum css_field field, uint64_t value)
{
    struct sigstruct css = build((struct params){0});

    memset(css.bytes + 960, 0x5a, 32);
    sigstruct_put_int(&css, field, value);
    return css;
}

static void assert_passes(struct sigstruct css, bool bit32)
{
    struct ens_err err = {0};

    assert_ok(params_check(&css, bit32, &err), err);
}

static void assert_refused(struct sigstruct css, const char *why)
{
    struct ens_err err;

    assert_fails(params_check(&css, false, &err), err, ENS_DATA, why);
}

static void vendors_that_einit_knows_pass(void **state)
{
    (void)state;
    assert_passes(with(CSS_VENDOR, 0), false);
    assert_passes(with(CSS_VENDOR, 0x8086), false);
    assert_refused(with(CSS_VENDOR, 1), "VENDOR: 0x1 is refused by EINIT");
    assert_refused(with(CSS_VENDOR, 0x80860000), "VENDOR: 0x80860000");
}

static void an_enclave_hash_is_needed(void **state)
{
    struct sigstruct css = build((struct params){0});

    (void)state;
    assert_refused(css, "ENCLAVEHASH: is zero");
    css.bytes[960 + 31] = 1;
    assert_passes(css, false);
}

static void attributes_that_no_signer_wants_are_refused(void **state)
{
    static const uint64_t good[] = {0x4, 0x6, 0x14, 0x24, 0x44, 0x84, 0x404, 0x4f6};
    char want[64];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_passes(with(CSS_ATTRIBUTES, good[i]), false);
    assert_refused(with(CSS_ATTRIBUTES, 0x5), "ATTRIBUTES: INIT is set");
    assert_refused(with(CSS_ATTRIBUTES, 0x0), "ATTRIBUTES: MODE64BIT is clear");
    assert_passes(with(CSS_ATTRIBUTES, 0x0), true);
    assert_passes(with(CSS_ATTRIBUTES, 0x4), true);
    for (unsigned bit = 3; bit < 64; bit++) {
        uint64_t value = UINT64_C(1) << bit;

        if ((value & 0x4f0) != 0)
            continue;
        (void)snprintf(want, sizeof want, "ATTRIBUTES: reserved bits 0x%" PRIx64 " are set", value);
        assert_refused(with(CSS_ATTRIBUTES, 4 | value), want);
    }
}

static void kss_identifiers_need_kss(void **state)
{
    static const size_t places[] = {912, 927, 1008, 1023};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct sigstruct css = with(CSS_ATTRIBUTES, 0x4);

        css.bytes[places[i]] = 1;
        assert_refused(css, "is set without KSS: set bit 0x80");
        css = with(CSS_ATTRIBUTES, 0x84);
        css.bytes[places[i]] = 1;
        assert_passes(css, false);
    }
}

static void processor_state_comes_in_whole_features(void **state)
{
    static const uint64_t good[] = {0x3,   0x7,    0x1b,    0x1f,    0xe7,   0xff,
                                    0x203, 0x1803, 0x60003, 0x602e7, 0x80003};
    static const struct {
        uint64_t value;
        const char *why;
    } bad[] = {
        {0x0, "x87 and SSE"},
        {0x1, "x87 and SSE"},
        {0x2, "x87 and SSE"},
        {0x4, "x87 and SSE"},
        {0xb, "half of MPX"},
        {0x13, "half of MPX"},
        {0x27, "part of AVX-512"},
        {0x47, "part of AVX-512"},
        {0x87, "part of AVX-512"},
        {0x67, "part of AVX-512"},
        {0xa7, "part of AVX-512"},
        {0xc7, "part of AVX-512"},
        {0xe3, "AVX-512 is set without AVX"},
        {0x20003, "half of AMX"},
        {0x40003, "half of AMX"},
        {0x403, "reserved bits 0x400"},
        {0x2003, "reserved bits 0x2000"},
        {0x10003, "reserved bits 0x10000"},
        {0x100003, "reserved bits 0x100000"},
        {0x8000000000000003, "reserved bits 0x8000000000000000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_passes(with(CSS_XFRM, good[i]), false);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(with(CSS_XFRM, bad[i].value), bad[i].why);
}

/* ---- the published golden values ---- */

static void assert_digest(const struct sigstruct *css, const char *want)
{
    uint8_t digest[32];
    char hex[65];
    struct ens_err err = {0};

    assert_ok(signdata_digest(css, digest, &err), err);
    hex_encode(hex, view_of(digest, 32));
    assert_string_equal(hex, want);
}

static void the_golden_sigstruct_is_rebuilt_from_its_options(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = support_shared("keys/sig1.sigstruct.bin");
    struct params p = {.date = "20160109", .attributes = "4/2", .xfrm = "3/0xe4"};
    uint8_t mrenclave[32];
    struct signdata data;
    struct ens_err err = {0};

    (void)state;
    struct sigstruct css = build(p);

    assert_ok(hex_decode("c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d", "x", mrenclave,
                         32, &err),
              err);
    sigstruct_put(&css, CSS_ENCLAVEHASH, view_of(mrenclave, 32));
    assert_digest(&css, "ea7ced3b8c78324bce65ad851152a125fd1989df324dc72b244ed5f44573ac95");
    assert_passes(css, false);
    if (file.len == 0)
        support_skip("shared data is not here");
    assert_int_equal(file.len, 1808);
    signdata_extract(&css, &data);
    assert_memory_equal(data.bytes, file.data, 128);
    assert_memory_equal(data.bytes + 128, file.data + 900, 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_the_fields_are_those_of_orc),
        cmocka_unit_test(the_defaults_written_out_give_the_same),
        cmocka_unit_test(each_number_goes_into_its_field),
        cmocka_unit_test(each_pair_goes_into_its_fields_with_the_mask_inverted),
        cmocka_unit_test(the_identifiers_are_stored_as_typed),
        cmocka_unit_test(switches_work_on_what_attributes_left),
        cmocka_unit_test(debug_and_its_opposite_are_refused),
        cmocka_unit_test(the_start_is_another_sigstruct),
        cmocka_unit_test(what_cannot_be_read_names_its_option),
        cmocka_unit_test(any_option_that_decides_a_field_is_seen),
        cmocka_unit_test(vendors_that_einit_knows_pass),
        cmocka_unit_test(an_enclave_hash_is_needed),
        cmocka_unit_test(attributes_that_no_signer_wants_are_refused),
        cmocka_unit_test(kss_identifiers_need_kss),
        cmocka_unit_test(processor_state_comes_in_whole_features),
        cmocka_unit_test(the_golden_sigstruct_is_rebuilt_from_its_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
