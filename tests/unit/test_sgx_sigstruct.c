/* SIGSTRUCT and sign-data as bytes. The layout is written down here once more, from the SDM's table, so that
 * a slip in layout.h meets a second opinion. */
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/sgx/sigstruct.h"
#include "tests/support/support.h"

static const struct {
    enum css_field field;
    const char *name;
    size_t offset, size;
    bool is_signed;
} layout[] = {
    {CSS_HEADER, "HEADER", 0, 16, true},
    {CSS_VENDOR, "VENDOR", 16, 4, true},
    {CSS_DATE, "DATE", 20, 4, true},
    {CSS_HEADER2, "HEADER2", 24, 16, true},
    {CSS_SWDEFINED, "SWDEFINED", 40, 4, true},
    {CSS_RESERVED1, "reserved1", 44, 84, true},
    {CSS_MODULUS, "MODULUS", 128, 384, false},
    {CSS_EXPONENT, "EXPONENT", 512, 4, false},
    {CSS_SIGNATURE, "SIGNATURE", 516, 384, false},
    {CSS_MISCSELECT, "MISCSELECT", 900, 4, true},
    {CSS_MISCMASK, "MISCMASK", 904, 4, true},
    {CSS_CET_ATTRIBUTES, "CET_ATTRIBUTES", 908, 1, true},
    {CSS_CET_ATTRIBUTES_MASK, "CET_ATTRIBUTES_MASK", 909, 1, true},
    {CSS_RESERVED2, "reserved2", 910, 2, true},
    {CSS_ISVFAMILYID, "ISVFAMILYID", 912, 16, true},
    {CSS_ATTRIBUTES, "ATTRIBUTES", 928, 8, true},
    {CSS_XFRM, "XFRM", 936, 8, true},
    {CSS_ATTRIBUTEMASK, "ATTRIBUTEMASK", 944, 8, true},
    {CSS_XFRM_MASK, "XFRM_MASK", 952, 8, true},
    {CSS_ENCLAVEHASH, "ENCLAVEHASH", 960, 32, true},
    {CSS_RESERVED3, "reserved3", 992, 16, true},
    {CSS_ISVEXTPRODID, "ISVEXTPRODID", 1008, 16, true},
    {CSS_ISVPRODID, "ISVPRODID", 1024, 2, true},
    {CSS_ISVSVN, "ISVSVN", 1026, 2, true},
    {CSS_RESERVED4, "reserved4", 1028, 12, false},
    {CSS_Q1, "Q1", 1040, 384, false},
    {CSS_Q2, "Q2", 1424, 384, false},
};
#define ROWS (sizeof layout / sizeof layout[0])

/* Bytes that tell their place. */
static struct sigstruct numbered(void)
{
    struct sigstruct css;

    for (size_t i = 0; i < sizeof css.bytes; i++)
        css.bytes[i] = (uint8_t)(i * 5 + i / 256 + 1);
    return css;
}

static void the_table_is_the_one_of_the_sdm(void **state)
{
    size_t next = 0;

    (void)state;
    assert_int_equal(CSS_FIELDS, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const struct css_row *row = &css_table[layout[i].field];

        assert_int_equal(layout[i].field, i);
        assert_string_equal(row->name, layout[i].name);
        assert_int_equal(row->offset, layout[i].offset);
        assert_int_equal(row->size, layout[i].size);
        assert_int_equal(row->is_signed, layout[i].is_signed);
        assert_int_equal(row->offset, next);
        assert_true(row->meaning[0] != '\0');
        next += row->size;
    }
    assert_int_equal(next, 1808);
}

static void a_field_is_read_at_its_place(void **state)
{
    struct sigstruct css = numbered();

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct view v = sigstruct_get(&css, layout[i].field);

        assert_ptr_equal(v.data, css.bytes + layout[i].offset);
        assert_int_equal(v.len, layout[i].size);
        if (layout[i].size <= 8) {
            uint64_t want = 0;

            for (size_t b = layout[i].size; b > 0; b--)
                want = want * 256 + css.bytes[layout[i].offset + b - 1];
            assert_true(sigstruct_get_int(&css, layout[i].field) == want);
        }
    }
}

static void a_field_is_written_and_no_other_byte(void **state)
{
    uint8_t bytes[384];

    (void)state;
    memset(bytes, 0x5a, sizeof bytes);
    for (size_t i = 0; i < ROWS; i++) {
        struct sigstruct want = numbered();
        struct sigstruct got = numbered();

        memset(want.bytes + layout[i].offset, 0x5a, layout[i].size);
        sigstruct_put(&got, layout[i].field, view_of(bytes, layout[i].size));
        assert_memory_equal(got.bytes, want.bytes, sizeof got.bytes);
        if (layout[i].size > 8)
            continue;
        got = numbered();
        sigstruct_put_int(&got, layout[i].field, 0x5a5a5a5a5a5a5a5a >> 8 * (8 - layout[i].size));
        assert_memory_equal(got.bytes, want.bytes, sizeof got.bytes);
    }
}

static void every_sigstruct_starts_from_two_headers(void **state)
{
    struct sigstruct css = numbered();
    uint8_t want[1808] = {0};

    (void)state;
    memcpy(want, "\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0", 16);
    memcpy(want + 24, "\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0", 16);
    sigstruct_init(&css);
    assert_memory_equal(css.bytes, want, sizeof want);
    assert_true(sigstruct_is_unsigned(&css));
    for (size_t i = 0; i < ROWS; i++)
        assert_true(sigstruct_is_as_fixed(&css, layout[i].field));
}

static void only_constant_fields_are_held_to_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        bool constant =
            strncmp(layout[i].name, "HEADER", 6) == 0 || strncmp(layout[i].name, "reserved", 8) == 0;

        for (size_t b = 0; b < layout[i].size; b++) {
            struct sigstruct css;

            sigstruct_init(&css);
            css.bytes[layout[i].offset + b] ^= 0x80;
            assert_int_equal(sigstruct_is_as_fixed(&css, layout[i].field), !constant);
        }
    }
}

static void any_unsigned_byte_makes_it_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIGSTRUCT_SIZE; i++) {
        struct sigstruct css;
        bool is_signed_byte = i < 128 || (i >= 900 && i < 1028);

        sigstruct_init(&css);
        css.bytes[i] ^= 1;
        assert_int_equal(sigstruct_is_unsigned(&css), is_signed_byte);
    }
}

static void a_sigstruct_is_known_by_its_size_and_first_twelve_bytes(void **state)
{
    struct sigstruct css;
    uint8_t longer[SIGSTRUCT_SIZE + 1] = {0};

    (void)state;
    sigstruct_init(&css);
    assert_true(sigstruct_recognise(view_of(css.bytes, SIGSTRUCT_SIZE)));
    for (size_t i = 0; i < 64; i++) {
        css.bytes[i] ^= 0x80;
        assert_int_equal(sigstruct_recognise(view_of(css.bytes, SIGSTRUCT_SIZE)), i >= 12);
        css.bytes[i] ^= 0x80;
    }
    memcpy(longer, css.bytes, SIGSTRUCT_SIZE);
    assert_false(sigstruct_recognise(view_of(longer, SIGSTRUCT_SIZE + 1)));
    assert_false(sigstruct_recognise(view_of(longer, SIGSTRUCT_SIZE - 1)));
    assert_false(sigstruct_recognise(view_of(NULL, 0)));
}

static void parsing_keeps_every_byte_or_says_why_not(void **state)
{
    struct sigstruct in = numbered();
    struct sigstruct out = {.bytes = {0x77}};
    struct ens_err err = {0};

    (void)state;
    memcpy(in.bytes, "\x06\0\0\0\xe1\0\0\0\0\0\x01\0", 12);
    assert_ok(sigstruct_parse(view_of(in.bytes, SIGSTRUCT_SIZE), "f.sig", &out, &err), err);
    assert_memory_equal(in.bytes, out.bytes, SIGSTRUCT_SIZE);
    out.bytes[0] = 0x77;
    assert_fails(sigstruct_parse(view_of(in.bytes, 1807), "f.sig", &out, &err), err, ENS_DATA,
                 "f.sig: a SIGSTRUCT is 1808 bytes, not 1807");
    assert_fails(sigstruct_parse(view_of(NULL, 0), "f.sig", &out, &err), err, ENS_DATA, "not 0");
    in.bytes[0] ^= 1;
    assert_fails(sigstruct_parse(view_of(in.bytes, 1808), "f.sig", &out, &err), err, ENS_DATA,
                 "f.sig: HEADER is not that of a SIGSTRUCT");
    assert_int_equal(out.bytes[0], 0x77);
}

static void finishing_puts_big_endian_numbers_in_reverse(void **state)
{
    struct sigstruct css = numbered();
    struct sigstruct want = numbered();
    struct pubkey key;
    uint8_t signature[384];
    uint8_t q1[384];
    uint8_t q2[384];

    (void)state;
    for (size_t i = 0; i < 384; i++) {
        key.modulus[i] = (uint8_t)i;
        signature[i] = (uint8_t)(i * 3);
        q1[i] = (uint8_t)(i * 5);
        q2[i] = (uint8_t)(i * 7);
        want.bytes[128 + 383 - i] = key.modulus[i];
        want.bytes[516 + 383 - i] = signature[i];
        want.bytes[1040 + 383 - i] = q1[i];
        want.bytes[1424 + 383 - i] = q2[i];
    }
    memcpy(want.bytes + 512, "\3\0\0\0", 4);
    sigstruct_finish(&css, &key, signature, q1, q2);
    assert_memory_equal(css.bytes, want.bytes, SIGSTRUCT_SIZE);
    css = numbered();
    sigstruct_put_key(&css, &key);
    assert_memory_equal(css.bytes + 128, want.bytes + 128, 388);
    assert_memory_equal(css.bytes + 516, numbered().bytes + 516, 1808 - 516);
}

/* ---- sign-data ---- */

static void sign_data_is_bytes_0_to_127_and_900_to_1027(void **state)
{
    struct sigstruct css = numbered();
    struct signdata data;
    uint8_t want[256];

    (void)state;
    memcpy(want, css.bytes, 128);
    memcpy(want + 128, css.bytes + 900, 128);
    signdata_extract(&css, &data);
    assert_memory_equal(data.bytes, want, 256);
}

/* Sign-data whose free bytes are all different from zero. */
static void full_signdata(uint8_t ret[256])
{
    struct sigstruct css = numbered();

    memcpy(ret, css.bytes, 128);
    memcpy(ret + 128, css.bytes + 900, 128);
    memcpy(ret, "\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0", 16);
    memcpy(ret + 24, "\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0", 16);
    memset(ret + 44, 0, 84);
    memset(ret + 138, 0, 2);
    memset(ret + 220, 0, 16);
}

static void what_is_parsed_is_extracted_again(void **state)
{
    uint8_t in[256];
    struct sigstruct css = numbered();
    struct signdata out;
    struct ens_err err = {0};

    (void)state;
    full_signdata(in);
    assert_ok(signdata_parse(view_of(in, 256), "s", &css, &err), err);
    assert_memory_equal(css.bytes, in, 128);
    assert_memory_equal(css.bytes + 900, in + 128, 128);
    assert_true(sigstruct_is_unsigned(&css));
    signdata_extract(&css, &out);
    assert_memory_equal(out.bytes, in, 256);
}

/* The field that byte `at` of sign-data belongs to, where only one value is allowed there; else NULL. */
static const char *constant_at(size_t at)
{
    if (at < 16)
        return "HEADER must be";
    if (at >= 24 && at < 40)
        return "HEADER2 must be";
    if (at >= 44 && at < 128)
        return "reserved1 must be 0";
    if (at == 138 || at == 139)
        return "reserved2 must be 0";
    return at >= 220 && at < 236 ? "reserved3 must be 0" : NULL;
}

static void each_constant_bit_of_sign_data_is_checked_and_no_other(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * 256; bit++) {
        uint8_t in[256];
        struct sigstruct css = {.bytes = {0x77}};
        struct signdata out;
        struct ens_err err = {0};
        const char *name = constant_at(bit / 8);

        full_signdata(in);
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (name != NULL) {
            assert_fails(signdata_parse(view_of(in, 256), "f.signdata", &css, &err), err, ENS_DATA, name);
            assert_memory_equal(err.msg, "f.signdata: ", 12);
            assert_int_equal(css.bytes[0], 0x77);
            continue;
        }
        assert_ok(signdata_parse(view_of(in, 256), "f.signdata", &css, &err), err);
        signdata_extract(&css, &out);
        assert_memory_equal(out.bytes, in, 256);
    }
}

static void sign_data_of_another_size_is_refused(void **state)
{
    static const size_t sizes[] = {0, 1, 32, 255, 257, 1808};
    uint8_t in[1808] = {0};
    struct sigstruct css;
    struct ens_err err;

    (void)state;
    full_signdata(in);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char want[64];

        (void)snprintf(want, sizeof want, "sign-data: has %zu bytes, not 256", sizes[i]);
        assert_fails(signdata_parse(view_of(in, sizes[i]), "s", &css, &err), err, ENS_DATA, want);
    }
}

static void the_digest_is_over_the_signed_bytes_only(void **state)
{
    struct sigstruct css = numbered();
    uint8_t first[32];
    uint8_t other[32];
    struct ens_err err = {0};

    (void)state;
    assert_ok(signdata_digest(&css, first, &err), err);
    for (size_t i = 0; i < SIGSTRUCT_SIZE; i++) {
        bool is_signed_byte = i < 128 || (i >= 900 && i < 1028);

        css.bytes[i] ^= 1;
        assert_ok(signdata_digest(&css, other, &err), err);
        assert_int_equal(memcmp(first, other, 32) != 0, is_signed_byte);
        css.bytes[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_the_one_of_the_sdm),
        cmocka_unit_test(a_field_is_read_at_its_place),
        cmocka_unit_test(a_field_is_written_and_no_other_byte),
        cmocka_unit_test(every_sigstruct_starts_from_two_headers),
        cmocka_unit_test(only_constant_fields_are_held_to_a_value),
        cmocka_unit_test(any_unsigned_byte_makes_it_signed),
        cmocka_unit_test(a_sigstruct_is_known_by_its_size_and_first_twelve_bytes),
        cmocka_unit_test(parsing_keeps_every_byte_or_says_why_not),
        cmocka_unit_test(finishing_puts_big_endian_numbers_in_reverse),
        cmocka_unit_test(sign_data_is_bytes_0_to_127_and_900_to_1027),
        cmocka_unit_test(what_is_parsed_is_extracted_again),
        cmocka_unit_test(each_constant_bit_of_sign_data_is_checked_and_no_other),
        cmocka_unit_test(sign_data_of_another_size_is_refused),
        cmocka_unit_test(the_digest_is_over_the_signed_bytes_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
