/* Views, buffers, readers, integers, memory and hexadecimal text: what is inside is given, what is outside
 * is refused without reading it. */
#include <stdlib.h>
#include <string.h>

#include "signer/base/bytes.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "tests/support/support.h"

/* Under AddressSanitizer, a request that is too large gets NULL, as everywhere else. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static const uint8_t digits[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static void a_slice_outside_is_empty(void **state)
{
    static const struct {
        size_t offset, len, want;
    } cases[] = {{0, 8, 8},
                 {0, 0, 0},
                 {8, 0, 0},
                 {7, 1, 1},
                 {3, 4, 4},
                 {0, 9, 0},
                 {8, 1, 0},
                 {9, 0, 0},
                 {1, SIZE_MAX, 0},
                 {SIZE_MAX, 1, 0},
                 {SIZE_MAX, SIZE_MAX, 0},
                 {4, SIZE_MAX - 3, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct view v = view_slice(view_of(digits, 8), cases[i].offset, cases[i].len);

        assert_int_equal(v.len, cases[i].want);
        if (v.len > 0)
            assert_ptr_equal(v.data, digits + cases[i].offset);
    }
}

static void views_are_equal_by_content(void **state)
{
    const uint8_t copy[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const uint8_t zero[3] = {0};

    (void)state;
    assert_true(view_equal(view_of(digits, 8), view_of(copy, 8)));
    assert_false(view_equal(view_of(digits, 8), view_of(copy, 7)));
    assert_false(view_equal(view_of(digits, 7), view_of(copy + 1, 7)));
    assert_true(view_equal(view_of(NULL, 0), view_of(digits, 0)));
    assert_true(view_equal(view_of_string("abc"), view_of("abc", 3)));
    assert_true(view_is_zero(view_of(zero, 3)));
    assert_true(view_is_zero(view_of(NULL, 0)));
    assert_false(view_is_zero(view_of("\0\0\1", 3)));
    assert_false(view_is_zero(view_of("\1\0\0", 3)));
}

static void a_reader_reads_in_order(void **state)
{
    const uint8_t bytes[16] = {0x01, 0x02, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22,
                               0x23, 0x24, 0x25, 0x26, 0x27, 0xa8, 0x55, 0xaa};
    struct reader r = reader_of(view_of(bytes, sizeof bytes));

    (void)state;
    assert_int_equal(reader_le16(&r), 0x0201);
    assert_int_equal(reader_le32(&r), 0x14131211);
    assert_true(reader_le64(&r) == 0xa827262524232221);
    struct view rest = reader_take(&r, 2);

    assert_int_equal(rest.len, 2);
    assert_ptr_equal(rest.data, bytes + 14);
    assert_true(r.ok);
    assert_int_equal(r.left.len, 0);
    assert_int_equal(reader_take(&r, 0).len, 0);
    assert_true(r.ok);
}

static void a_reader_that_fell_off_gives_zero_for_ever(void **state)
{
    struct reader r = reader_of(view_of(digits, 5));

    (void)state;
    assert_int_equal(reader_le32(&r), 0x04030201);
    assert_int_equal(reader_le16(&r), 0);
    assert_false(r.ok);
    /* one byte is left, but the position is lost */
    assert_int_equal(reader_take(&r, 1).len, 0);
    assert_null(reader_take(&r, 1).data);
    assert_int_equal(reader_le32(&r), 0);
    assert_true(reader_le64(&r) == 0);
    assert_false(r.ok);
    r = reader_of(view_of(digits, 5));
    assert_null(reader_take(&r, SIZE_MAX).data);
    assert_false(r.ok);
}

static void integers_are_little_endian_and_cut_to_their_size(void **state)
{
    uint8_t out[9];

    (void)state;
    for (size_t len = 1; len <= 8; len++) {
        memset(out, 0xee, sizeof out);
        bytes_put_le(out, len, 0x8877665544332211);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(out[i], 0x11 * (i + 1));
        assert_int_equal(out[len], 0xee);
        uint64_t keep = len == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * len) - 1;

        assert_true(bytes_get_le(view_of(out, len)) == (0x8877665544332211 & keep));
    }
    assert_true(bytes_get_le(view_of(NULL, 0)) == 0);
}

static void reversing_twice_is_nothing(void **state)
{
    uint8_t once[8];
    uint8_t twice[8];

    (void)state;
    bytes_reverse(once, digits, 8);
    assert_memory_equal(once, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    bytes_reverse(twice, once, 8);
    assert_memory_equal(twice, digits, 8);
    bytes_reverse(once, digits, 3);
    assert_memory_equal(once, "\x03\x02\x01\x05", 4);
}

static void a_buffer_keeps_everything_that_is_appended(void **state)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(buf_append(&b, view_of(NULL, 0), &err), err);
    assert_int_equal(b.len, 0);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t byte = (uint8_t)(i * 7);

        assert_ok(buf_append(&b, view_of(&byte, 1), &err), err);
    }
    assert_ok(buf_printf(&b, &err, "%s-%d", "tail", 42), err);
    assert_int_equal(b.len, 5007);
    assert_true(b.cap >= b.len);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(b.data[i], (uint8_t)(i * 7));
    assert_memory_equal(b.data + 5000, "tail-42", 7);
    assert_true(view_equal(buf_view(&b), view_of(b.data, b.len)));
    buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
}

static void a_buffer_refuses_what_would_overflow(void **state)
{
    struct buf b = {0};
    struct ens_err err;
    uint8_t byte = 0;

    (void)state;
    b.len = SIZE_MAX / 2;
    assert_fails(buf_append(&b, view_of(&byte, 1), &err), err, ENS_RESOURCE, "out of memory");
    b.len = 0;
    assert_fails(buf_append(&b, view_of(&byte, SIZE_MAX), &err), err, ENS_RESOURCE, "out of memory");
    assert_int_equal(b.len, 0);
    assert_null(b.data);
}

static void a_long_line_is_kept_whole(void **state)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    static char text[100001];
    struct ens_err err = {0};

    (void)state;
    memset(text, 'x', sizeof text - 1);
    assert_ok(buf_printf(&b, &err, "<%s>", text), err);
    assert_int_equal(b.len, sizeof text - 1 + 2);
    assert_int_equal(b.data[0], '<');
    assert_memory_equal(b.data + 1, text, sizeof text - 1);
    assert_int_equal(b.data[b.len - 1], '>');
    assert_ok(buf_printf(&b, &err, "%s", ""), err);
    assert_int_equal(b.len, sizeof text - 1 + 2);
}

static void memory_is_zeroed_and_its_size_checked(void **state)
{
    struct ens_err err;
    uint8_t *block = mem_alloc(10, 10, &err);

    (void)state;
    assert_non_null(block);
    assert_true(view_is_zero(view_of(block, 100)));
    void *grown = block;

    block[99] = 7;
    assert_true(mem_grow(&grown, 1000, 1, &err));
    assert_int_equal(((uint8_t *)grown)[99], 7);
    void *same = grown;

    assert_fails(mem_grow(&grown, SIZE_MAX / 2, 4, &err), err, ENS_RESOURCE, "out of memory");
    assert_ptr_equal(grown, same);
    mem_free(grown);
    assert_fails(mem_alloc(SIZE_MAX / 2, 4, &err) != NULL, err, ENS_RESOURCE, "give ensign more memory");
    uint8_t *room = mem_room(100, &err);

    assert_non_null(room);
    memset(room, 1, 100);
    mem_free(room);
    assert_fails(mem_room(SIZE_MAX / 2, &err) != NULL, err, ENS_RESOURCE, "give ensign more memory");
    mem_free(NULL);
}

static void texts_are_copied_and_formatted(void **state)
{
    struct ens_err err = {0};
    ENS_CLEANUP(mem_freep) char *whole = mem_strdup("abcdef", &err);
    ENS_CLEANUP(mem_freep) char *part = mem_strndup("abcdef", 3, &err);
    ENS_CLEANUP(mem_freep) char *none = mem_strndup("", 0, &err);
    ENS_CLEANUP(mem_freep) char *text = mem_printf(&err, "%s/%0100d", "d", 5);

    (void)state;
    assert_string_equal(whole, "abcdef");
    assert_string_equal(part, "abc");
    assert_string_equal(none, "");
    assert_int_equal(strlen(text), 102);
    assert_int_equal(text[101], '5');
    assert_fails(mem_strndup("x", SIZE_MAX, &err) != NULL, err, ENS_RESOURCE, "out of memory");
    char *taken = ens_take(whole);

    assert_null(whole);
    assert_string_equal(taken, "abcdef");
    mem_free(taken);
}

static void hexadecimal_goes_both_ways(void **state)
{
    uint8_t all[256];
    uint8_t back[256];
    char text[513];
    struct ens_err err = {0};

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    hex_encode(text, view_of(all, 256));
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text + 512 - 8, "fcfdfeff", 9);
    assert_ok(hex_decode(text, "x", back, 256, &err), err);
    assert_memory_equal(all, back, 256);
    assert_ok(hex_decode("aAbBcC", "x", back, 3, &err), err);
    assert_memory_equal(back, "\xaa\xbb\xcc", 3);
    assert_ok(hex_decode("", "x", back, 0, &err), err);
    assert_string_equal(hex_of(view_of(all, 32)).text,
                        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    assert_int_equal(strlen(hex_of(view_of(all, 33)).text), 64);
    assert_string_equal(hex_of(view_of(NULL, 0)).text, "");
    hex_encode(text, view_of(NULL, 0));
    assert_string_equal(text, "");
}

static void hexadecimal_of_another_length_or_alphabet_is_refused(void **state)
{
    static const char *const bad[] = {"0g11", "g011", "00 1", "0x11", "00:1", "-011", "001\n", "00\xc3\xa9"};
    uint8_t out[2] = {0x55, 0x55};
    struct ens_err err;

    (void)state;
    assert_fails(hex_decode("", "--id", out, 2, &err), err, ENS_USAGE, "--id: 0 hexadecimal digits");
    assert_fails(hex_decode("001", "--id", out, 2, &err), err, ENS_USAGE, "give exactly 4");
    assert_fails(hex_decode("00112", "--id", out, 2, &err), err, ENS_USAGE, "give exactly 4");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(hex_decode(bad[i], "--id", out, 2, &err), err, ENS_USAGE, "not a hexadecimal digit");
    assert_memory_equal(out, "\x55\x55", 2);
}

static void every_byte_is_a_digit_or_none(void **state)
{
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";

    (void)state;
    for (int c = 1; c < 256; c++) {
        const char *in_lower = strchr(lower, c);
        const char *in_upper = strchr(upper, c);
        int want = in_lower != NULL   ? (int)(in_lower - lower)
                   : in_upper != NULL ? (int)(in_upper - upper)
                                      : -1;

        assert_int_equal(hex_digit((char)c), want);
    }
    assert_int_equal(hex_digit('\0'), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_outside_is_empty),
        cmocka_unit_test(views_are_equal_by_content),
        cmocka_unit_test(a_reader_reads_in_order),
        cmocka_unit_test(a_reader_that_fell_off_gives_zero_for_ever),
        cmocka_unit_test(integers_are_little_endian_and_cut_to_their_size),
        cmocka_unit_test(reversing_twice_is_nothing),
        cmocka_unit_test(a_buffer_keeps_everything_that_is_appended),
        cmocka_unit_test(a_buffer_refuses_what_would_overflow),
        cmocka_unit_test(a_long_line_is_kept_whole),
        cmocka_unit_test(memory_is_zeroed_and_its_size_checked),
        cmocka_unit_test(texts_are_copied_and_formatted),
        cmocka_unit_test(hexadecimal_goes_both_ways),
        cmocka_unit_test(hexadecimal_of_another_length_or_alphabet_is_refused),
        cmocka_unit_test(every_byte_is_a_digit_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
