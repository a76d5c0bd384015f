/* Sums that tie what is written to what was read: the same for the same bytes, however they come in pieces,
 * and another for every changed bit. */
#include "tests/support/support.h"

#include "signer/base/mem.h"
#include "signer/base/tie.h"

static uint8_t bytes[1000];

static void sum_of(size_t len, size_t piece, uint8_t ret[static TIE_SIZE])
{
    ENS_CLEANUP(tie_freep) struct tie *t = NULL;
    struct ens_err err = {0};

    assert_ok(tie_new(&t, &err), err);
    for (size_t at = 0; at < len; at += piece)
        assert_ok(tie_update(t, view_of(bytes + at, len - at < piece ? len - at : piece), &err), err);
    assert_ok(tie_final(t, ret, &err), err);
}

static void the_same_bytes(void **state)
{
    uint8_t whole[TIE_SIZE];
    uint8_t other[TIE_SIZE];

    (void)state;
    sum_of(sizeof bytes, sizeof bytes, whole);
    for (size_t piece = 1; piece < 40; piece++) {
        sum_of(sizeof bytes, piece, other);
        assert_memory_equal(whole, other, sizeof whole);
    }
}

static void other_bytes(void **state)
{
    uint8_t whole[TIE_SIZE];
    uint8_t other[TIE_SIZE];

    (void)state;
    sum_of(sizeof bytes, 64, whole);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sum_of(sizeof bytes, 64, other);
        assert_memory_not_equal(whole, other, sizeof whole);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof bytes; len++) {
        sum_of(len, 64, other);
        assert_memory_not_equal(whole, other, sizeof whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes),
        cmocka_unit_test(other_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
