/* Pouring ahead: the same pieces, the same order, the same error as in one thread. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/orc/ahead.h"
#include "tests/support/support.h"

/* More than the ring holds, in pieces of uneven lengths, some larger than the ring's. */
#define TOTAL (3u << 20)

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 2654435761u >> 13);
}

struct spring {
    uint64_t until;      /* pours so many bytes, then fails where `fails` */
    bool fails, refused; /* `refused`: the sink said no */
    uint64_t poured;
};

static bool pour(void *ctx, const struct sink *sink, struct ens_err *err)
{
    struct spring *s = ctx;
    static uint8_t piece[200000];
    uint64_t step = 1;

    while (s->poured < s->until) {
        uint64_t len = s->until - s->poured < step ? s->until - s->poured : step;

        for (uint64_t i = 0; i < len; i++)
            piece[i] = byte_at(s->poured + i);
        if (!sink->put(sink->ctx, view_of(piece, len), err)) {
            s->refused = true;
            return false;
        }
        s->poured += len;
        step = (step * 7 + 1) % sizeof piece + 1;
    }
    return !s->fails || ens_fail(err, ENS_DATA, "the spring is dry");
}

struct drain {
    uint64_t taken;
    uint64_t until; /* refuses beyond */
};

static bool take(void *ctx, struct view piece, struct ens_err *err)
{
    struct drain *d = ctx;

    for (size_t i = 0; i < piece.len; i++)
        assert_int_equal(piece.data[i], byte_at(d->taken + i));
    d->taken += piece.len;
    return d->taken <= d->until || ens_fail(err, ENS_IO, "the drain is full");
}

static bool run(struct spring *s, struct drain *d, uint64_t size, struct ens_err *err)
{
    *err = (struct ens_err){0};
    return ahead_pour(&(struct ahead_source){pour, s}, size, &(struct sink){take, d}, err);
}

/* All of it, whatever is said about the size: small ones are poured in one thread. */
static void test_all(void **state)
{
    const uint64_t sizes[] = {0, 1, AHEAD_FROM - 1, AHEAD_FROM, TOTAL, 1ull << 40};
    struct ens_err err;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct spring s = {.until = TOTAL};
        struct drain d = {.until = TOTAL};

        assert_ok(run(&s, &d, sizes[i], &err), err);
        assert_int_equal(d.taken, TOTAL);
    }
    struct spring nothing = {0};
    struct drain none = {0};

    assert_ok(run(&nothing, &none, TOTAL, &err), err);
}

/* The spring fails: what came before is taken, and its error is told. */
static void test_spring_fails(void **state)
{
    (void)state;
    for (uint64_t until = 0; until < TOTAL; until = until * 3 + 1) {
        struct spring s = {.until = until, .fails = true};
        struct drain d = {.until = TOTAL};
        struct ens_err err;

        assert_fails(run(&s, &d, TOTAL, &err), err, ENS_DATA, "the spring is dry");
        assert_int_equal(d.taken, until);
    }
}

/* The drain fails: the spring is told, and the drain's error is the one, also if the spring fails later. */
static void test_drain_fails(void **state)
{
    (void)state;
    for (uint64_t until = 0; until < TOTAL; until = until * 3 + 1) {
        struct spring s = {.until = TOTAL, .fails = true};
        struct drain d = {.until = until};
        struct ens_err err;

        assert_fails(run(&s, &d, TOTAL, &err), err, ENS_IO, "the drain is full");
        assert_true(d.taken > until);
    }
    struct spring endless = {.until = 1ull << 40};
    struct drain little = {.until = 0};
    struct ens_err err;

    assert_fails(run(&endless, &little, TOTAL, &err), err, ENS_IO, "the drain is full");
    assert_true(endless.refused);
}

/* With one CPU there is one thread: what is poured is taken before more is. */
static void test_one_cpu(void **state)
{
    cpu_set_t all;
    cpu_set_t one;
    struct spring s = {.until = TOTAL};
    struct drain d = {.until = 0};
    struct ens_err err;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; CPU_COUNT(&one) == 0; i++) {
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_fails(run(&s, &d, TOTAL, &err), err, ENS_IO, "the drain is full");
    assert_int_equal(s.poured, 0);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_spring_fails),
        cmocka_unit_test(test_drain_fails),
        cmocka_unit_test(test_one_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
