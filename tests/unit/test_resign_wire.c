/* The messages between resign and its workers: each type passes, and nothing else does. */
#include "tests/support/support.h"

#include "signer/cmd/resign/resign_wire.h"

static const uint8_t bytes[SIGSTRUCT_SIZE] = {1, 2, 3};

static struct resign_message message(enum resign_type type)
{
    static uint8_t rule[RESIGN_RULE_SIZE] = "page-twice";
    struct resign_message m = {.type = type, .file = 65535, .number = 7, .integer = 70};

    m.key = m.signature = view_of(bytes, SIGNATURE_SIZE);
    m.want = view_of(bytes, SIGNDATA_SIZE);
    m.sum = view_of(bytes, RESIGN_SUM_SIZE);
    m.rule = view_of(rule, sizeof rule);
    m.text = view_of_string("text");
    m.flags = type == RESIGN_ENCLAVE
                  ? RESIGN_IS_COMPONENT | RESIGN_IS_SIGNED | RESIGN_IS_KEPT | RESIGN_HAS_FIELDS
              : type == RESIGN_DONE || type == RESIGN_CLOSE ? 0
                                                            : 1;
    if (type == RESIGN_ENCLAVE)
        m.before = m.kept = view_of(bytes, SIGSTRUCT_SIZE);
    return m;
}

static void test_every_message_passes(void **state)
{
    (void)state;
    for (int type = RESIGN_PREPARE; type < RESIGN_TYPES; type++) {
        const struct resign_message m = message((enum resign_type)type);
        uint8_t out[RESIGN_WIRE_MAX];
        uint8_t again[RESIGN_WIRE_MAX];
        struct resign_message got;
        size_t len = 0;
        size_t len_again = 0;

        assert_true(resign_wire_write(&m, out, &len));
        assert_true(resign_wire_read(view_of(out, len), &got));
        assert_int_equal(got.type, m.type);
        assert_int_equal(got.file, 65535);
        assert_true(resign_wire_write(&got, again, &len_again));
        assert_int_equal(len, len_again);
        assert_memory_equal(out, again, len);
    }
}

/* Every field has its length, so that no prefix is a message, and nothing may follow one. */
static void test_what_is_cut_or_longer_is_refused(void **state)
{
    (void)state;
    for (int type = RESIGN_PREPARE; type < RESIGN_TYPES; type++) {
        const struct resign_message m = message((enum resign_type)type);
        uint8_t out[RESIGN_WIRE_MAX + 4096] = {0};
        struct resign_message got;
        size_t len = 0;

        assert_true(resign_wire_write(&m, out, &len));
        for (size_t cut = 0; cut < len; cut++)
            assert_false(resign_wire_read(view_of(out, cut), &got));
        assert_false(resign_wire_read(view_of(out, len + 1), &got));
        memset(out + len, 'x', sizeof out - len);
        for (size_t more = 1; len + more <= sizeof out; more++)
            assert_false(resign_wire_read(view_of(out, len + more), &got));
    }
}

static void test_each_field_is_held_to_its_bounds(void **state)
{
    static const struct {
        enum resign_type type;
        size_t at;
        uint8_t value;
    } cases[] = {
        {RESIGN_PREPARE, 0, 0},    {RESIGN_PREPARE, 0, RESIGN_TYPES},
        {RESIGN_PREPARE, 0, 0xff}, {RESIGN_PREPARE, 3, 1}, /* type */
        {RESIGN_PREPARE, 8, 2},    {RESIGN_FINISH, 12, 2},
        {RESIGN_COMMIT, 8, 2},     {RESIGN_ENCLAVE, 16, 16},
        {RESIGN_ENCLAVE, 16, 14}, /* a component, and no name for it; the reverse */
        {RESIGN_FINDING, 12, 2},   {RESIGN_FINDING, 13, 0},
        {RESIGN_FINDING, 13, 'A'}, {RESIGN_FINDING, 17, 0}, /* letters behind the end */
        {RESIGN_FINDING, 44, 'x'}, {RESIGN_NOTICE, 8, 2},
        {RESIGN_NOTICE, 10, 0xff}, /* more than the message has */
        {RESIGN_NOTICE, 13, 0},    /* a zero byte in the text */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct resign_message m = message(cases[i].type);
        uint8_t out[RESIGN_WIRE_MAX];
        struct resign_message got;
        size_t len = 0;

        assert_true(resign_wire_write(&m, out, &len));
        assert_true(resign_wire_read(view_of(out, len), &got));
        out[cases[i].at] = cases[i].value;
        if (resign_wire_read(view_of(out, len), &got))
            fail_msg("case %zu passes", i);
    }
}

static void test_a_field_of_another_length_is_not_written(void **state)
{
    struct resign_message m = message(RESIGN_PREPARE);
    uint8_t out[RESIGN_WIRE_MAX];
    uint8_t big[4096];
    size_t len = 0;

    (void)state;
    m.key.len--;
    assert_false(resign_wire_write(&m, out, &len));
    m = message(RESIGN_ENCLAVE);
    m.before = view_of(NULL, 0);
    assert_false(resign_wire_write(&m, out, &len));
    memset(big, 'x', sizeof big);
    for (int type = RESIGN_ENCLAVE; type < RESIGN_TYPES; type++) {
        m = message((enum resign_type)type);
        m.text = view_of(big, sizeof big);
        assert_false(resign_wire_write(&m, out, &len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_message_passes),
        cmocka_unit_test(test_what_is_cut_or_longer_is_refused),
        cmocka_unit_test(test_each_field_is_held_to_its_bounds),
        cmocka_unit_test(test_a_field_of_another_length_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
