/* Many items on several threads: each once, and the error that one thread would have met. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/parallel.h"
#include "tests/support/support.h"

#define ITEMS 1000

struct work {
    _Atomic unsigned done[ITEMS];
    size_t fails[3]; /* items that fail; ITEMS: none */
};

static bool do_item(void *ctx, size_t index, struct ens_err *err)
{
    struct work *w = ctx;

    (void)atomic_fetch_add(&w->done[index], 1);
    for (size_t i = 0; i < 3; i++) {
        if (index == w->fails[i])
            return ens_fail(err, ENS_DATA, "item %zu", index);
    }
    return true;
}

static void test_all(void **state)
{
    (void)state;
    for (size_t threads = 0; threads <= PARALLEL_MAX + 1; threads++) {
        struct work w = {.fails = {ITEMS, ITEMS, ITEMS}};
        struct ens_err err = {0};

        assert_ok(parallel_each(ITEMS, threads, do_item, &w, &err), err);
        for (size_t i = 0; i < ITEMS; i++)
            assert_int_equal(w.done[i], 1);
    }
}

static void test_none(void **state)
{
    struct work w = {.fails = {ITEMS, ITEMS, ITEMS}};
    struct ens_err err = {0};

    (void)state;
    assert_ok(parallel_each(0, 4, do_item, &w, &err), err);
    assert_int_equal(w.done[0], 0);
}

/* The lowest item that fails is told, whoever was faster; all items below it were done. */
static void test_lowest_error(void **state)
{
    (void)state;
    for (size_t round = 0; round < 200; round++) {
        struct work w = {.fails = {700, 3 + round, 998}};
        struct ens_err err = {0};
        char says[32];

        (void)snprintf(says, sizeof says, "item %zu", 3 + round);
        assert_fails(parallel_each(ITEMS, 1 + round % PARALLEL_MAX, do_item, &w, &err), err, ENS_DATA, says);
        for (size_t i = 0; i <= 3 + round; i++)
            assert_int_equal(w.done[i], 1);
    }
}

static void test_processors(void **state)
{
    (void)state;
    assert_true(parallel_processors() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_lowest_error),
        cmocka_unit_test(test_processors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
