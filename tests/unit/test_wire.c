/* hsm/wire.c: each message is read as it was written, and is refused if it is cut at any byte, is longer, or has a
 * length or a flag that does not fit. */
#include "tests/support/support.h"

#include "hsm/wire.h"

static const uint8_t bytes[WIRE_SIGNATURE] = {0x80, 1, 2, 3};

#define TEXT(t)                                                                                              \
    {                                                                                                        \
        .data = (const uint8_t *)(t), .len = sizeof(t) - 1                                                   \
    }

static const struct wire_request requests[] = {
    {.type = WIRE_HELLO, .sequence = 1, .integer = WIRE_PROTOCOL},
    {.type = WIRE_OPEN, .sequence = 2, .flags = WIRE_HAS_TEXT, .text = TEXT("/m.so"), .more = TEXT("a")},
    {.type = WIRE_LIST_TOKENS, .sequence = 3, .flags = WIRE_HAS_TEXT, .text = TEXT("pkcs11:")},
    {.type = WIRE_SELECT_TOKEN, .sequence = 4, .text = TEXT("pkcs11:token=a")},
    {.type = WIRE_LOGIN, .sequence = 5, .flags = WIRE_HAS_PIN | WIRE_FINAL_TRY, .secret = TEXT("1234")},
    {.type = WIRE_SELECT_KEY, .sequence = 6, .text = TEXT("pkcs11:object=a")},
    {.type = WIRE_LIST_KEYS, .sequence = 7},
    {.type = WIRE_PUBLIC_KEY, .sequence = 8},
    {.type = WIRE_SIGN,
     .sequence = 9,
     .integer = 2,
     .flags = WIRE_CAN_ASK,
     .digest = {.data = bytes, .len = WIRE_DIGEST},
     .more = TEXT("message\0with a zero byte")},
    {.type = WIRE_PIN, .sequence = 9, .secret = TEXT("1234")},
    {.type = WIRE_NO_PIN, .sequence = 9},
    {.type = WIRE_GENERATE,
     .sequence = 10,
     .flags = WIRE_SEALING,
     .text = TEXT("label"),
     .more = TEXT("\0\1")},
    {.type = WIRE_DESTROY, .sequence = 11, .flags = WIRE_SELECTED},
    {.type = WIRE_DECRYPT, .sequence = 14, .integer = 1, .flags = WIRE_CAN_ASK, .more = TEXT("\0wrapped")},
    {.type = WIRE_CANDIDATES, .sequence = 12},
    {.type = WIRE_CLOSE, .sequence = UINT32_MAX},
};

static const struct wire_reply replies[] = {
    {.type = WIRE_OK, .sequence = 1},
    {.type = WIRE_VERSION, .integer = 1, .flags = WIRE_WALL_SCOPE, .text = {TEXT("0.1.0 -")}},
    {.type = WIRE_TOKEN,
     .integer = UINT64_MAX,
     .flags = 31,
     .text = {TEXT("a"), TEXT("b"), TEXT("c"), TEXT("d"), TEXT("pkcs11:token=a")}},
    {.type = WIRE_KEY,
     .integer = 3072,
     .more = 3,
     .flags = 15,
     .claims = {0, 1, 2, 0, 1, 2, 0, 1, 2},
     .text = {TEXT("k"), TEXT("01"), TEXT("pkcs11:object=k"), TEXT("")},
     .fixed = {.data = bytes, .len = WIRE_SIGNATURE}},
    {.type = WIRE_KEY, .text = {TEXT("k"), TEXT(""), TEXT("u"), TEXT("why")}},
    {.type = WIRE_KEY,
     .integer = 2048,
     .more = 65537,
     .flags = WIRE_IS_RSA,
     .text = {TEXT("k"), TEXT(""), TEXT("u"), TEXT("why")},
     .fixed = {.data = bytes, .len = 256}},
    {.type = WIRE_UNWRAPPED, .fixed = {.data = bytes, .len = WIRE_DATA_KEY}},
    {.type = WIRE_PUBKEY, .fixed = {.data = bytes, .len = WIRE_SIGNATURE}},
    {.type = WIRE_SIGNATURE_IS, .fixed = {.data = bytes, .len = WIRE_SIGNATURE}},
    {.type = WIRE_NEED_PIN, .sequence = 9},
    {.type = WIRE_CANDIDATE, .text = {TEXT("pkcs11:object=k")}},
    {.type = WIRE_END},
    {.type = WIRE_ERROR, .integer = 85, .flags = 3, .text = {TEXT("gone")}},
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* As it travels: the secret is sent behind what is written. */
static size_t write_request(const struct wire_request *q, uint8_t *ret)
{
    size_t len = 0;

    assert_true(wire_write_request(q, ret, &len));
    if (q->secret.len > 0)
        memcpy(ret + len, q->secret.data, q->secret.len);
    return len + q->secret.len;
}

static void requests_are_read_as_they_were_written(void **state)
{
    static uint8_t message[WIRE_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        const struct wire_request *q = &requests[i];
        struct wire_request r;

        assert_true(wire_read_request(view_of(message, write_request(q, message)), &r));
        assert_int_equal(r.type, q->type);
        assert_int_equal(r.sequence, q->sequence);
        assert_int_equal(r.integer, q->integer);
        assert_int_equal(r.flags, q->flags);
        assert_true(view_equal(r.text, q->text) && view_equal(r.more, q->more) &&
                    view_equal(r.digest, q->digest) && view_equal(r.secret, q->secret));
    }
}

static void replies_are_read_as_they_were_written(void **state)
{
    static uint8_t message[WIRE_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(replies); i++) {
        const struct wire_reply *q = &replies[i];
        struct wire_reply r;
        size_t len = 0;

        assert_true(wire_write_reply(q, message, &len));
        assert_true(wire_read_reply(view_of(message, len), &r));
        assert_int_equal(r.type, q->type);
        assert_int_equal(r.sequence, q->sequence);
        assert_int_equal(r.integer, q->integer);
        assert_int_equal(r.more, q->more);
        assert_int_equal(r.flags, q->flags);
        assert_memory_equal(r.claims, q->claims, sizeof r.claims);
        assert_true(view_equal(r.fixed, q->fixed));
        for (size_t k = 0; k < WIRE_TEXT_MAX; k++)
            assert_true(view_equal(r.text[k], q->text[k]));
    }
}

static void a_message_that_is_cut_or_longer_is_refused(void **state)
{
    static uint8_t message[WIRE_MAX];
    struct wire_request q;
    struct wire_reply r;
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        len = write_request(&requests[i], message);
        for (size_t cut = 0; cut < len; cut++)
            assert_false(wire_read_request(view_of(message, cut), &q));
        assert_false(wire_read_request(view_of(message, len + 1), &q));
        assert_false(wire_read_reply(view_of(message, len), &r));
    }
    for (size_t i = 0; i < COUNT(replies); i++) {
        assert_true(wire_write_reply(&replies[i], message, &len));
        for (size_t cut = 0; cut < len; cut++)
            assert_false(wire_read_reply(view_of(message, cut), &r));
        assert_false(wire_read_reply(view_of(message, len + 1), &r));
        assert_false(wire_read_request(view_of(message, len), &q));
    }
}

/* Writes one text of `len` bytes with this fill, as a URI. */
static bool takes_uri(size_t len, char fill)
{
    static uint8_t message[WIRE_MAX];
    static char text[WIRE_MAX];
    const struct wire_request q = {.type = WIRE_SELECT_KEY, .text = {(const uint8_t *)text, len}};
    struct wire_request r;
    size_t written = 0;

    memset(text, fill, sizeof text);
    return wire_write_request(&q, message, &written) && wire_read_request(view_of(message, written), &r);
}

static void limits_hold_on_both_sides(void **state)
{
    static uint8_t message[WIRE_MAX];
    struct wire_request q;
    struct wire_reply r;
    size_t len = 0;

    (void)state;
    assert_true(takes_uri(0, 'a'));
    assert_true(takes_uri(4096, 'a'));
    assert_false(takes_uri(4097, 'a'));
    assert_false(takes_uri(3, '\0'));
    /* The length is the field behind the head. */
    static const uint32_t lengths[] = {0, 13, 15, 4096, 4097, INT32_MAX, UINT32_MAX};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        len = write_request(&requests[3], message);
        bytes_put_le(message + 8, 4, lengths[i]);
        assert_false(wire_read_request(view_of(message, len), &q));
    }
    len = write_request(&requests[4], message);
    message[8] = 4;
    assert_false(wire_read_request(view_of(message, len), &q));
    assert_true(wire_write_reply(&replies[4], message, &len));
    message[len - 1] = 3; /* a claim */
    assert_false(wire_read_reply(view_of(message, len), &r));
    assert_true(wire_write_reply(&replies[0], message, &len));
    for (uint32_t type = 0; type < 200; type++) {
        bytes_put_le(message, 4, type);
        assert_int_equal(wire_read_reply(view_of(message, len), &r),
                         type == WIRE_OK || type == WIRE_NEED_PIN || type == WIRE_END);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_as_they_were_written),
        cmocka_unit_test(replies_are_read_as_they_were_written),
        cmocka_unit_test(a_message_that_is_cut_or_longer_is_refused),
        cmocka_unit_test(limits_hold_on_both_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
