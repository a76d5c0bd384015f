/* The batch of sign and resign: every item passes its steps once and in their order, by the right threads;
 * what is said comes in the order of items; it stops where it is told to. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "signer/flow/batch.h"

#define ITEMS_MAX 3000

/* What a step saw of an item. Not atomic: that one thread is at it at a time is what the batch promises,
 * and what a race detector holds it to. */
struct item {
    bool prepared, is_signed, finished, committed;
    unsigned said;
    unsigned worker; /* that prepared it */
};

struct world {
    struct item items[ITEMS_MAX];
    size_t len;
    pthread_t signer;
    pthread_t workers[BATCH_WORKERS_MAX];   /* of each number, once seen */
    pthread_t stations[BATCH_SESSIONS_MAX]; /* the same */
    bool is_kept;
    unsigned sessions;
    atomic_uint signing, signing_most, signatures;
    atomic_bool failed;
    size_t to_sign; /* no item before this one comes any more */
    size_t said;    /* items so far */
    atomic_int open, open_most;
    atomic_int working, working_most;
    atomic_int prepared;
    atomic_int groups, group_most; /* calls of finish, items in one of them */
    atomic_bool wrong;             /* cmocka's asserts are for its own thread */
    size_t fail_prepare, fail_sign, fail_finish, fail_commit, stop_prepare, stop_finish; /* ITEMS_MAX: none */
    bool skip_odd;
    unsigned delay_us;
};

static void check(struct world *w, bool holds)
{
    if (!holds)
        atomic_store(&w->wrong, true);
}

/* A number is one thread's. */
static void check_thread(struct world *w, pthread_t *of)
{
    pthread_t self = pthread_self();

    if (*of == 0)
        *of = self;
    check(w, pthread_equal(*of, self));
}

static void rise(atomic_int *now, atomic_int *most)
{
    int n = atomic_fetch_add(now, 1) + 1;
    int before = atomic_load(most);

    while (n > before && !atomic_compare_exchange_weak(most, &before, n)) {
    }
}

static enum batch_next prepare(void *ctx, unsigned number, size_t item)
{
    struct world *w = ctx;
    struct item *it = &w->items[item];

    rise(&w->open, &w->open_most);
    rise(&w->working, &w->working_most);
    check(w, !it->prepared && !it->is_signed && !pthread_equal(pthread_self(), w->signer));
    check_thread(w, &w->workers[number]);
    it->worker = number;
    it->prepared = true;
    if (w->delay_us > 0)
        (void)usleep(w->delay_us);
    atomic_fetch_sub(&w->working, 1);
    if (item == w->stop_prepare)
        return BATCH_STOP;
    if (item == w->fail_prepare || (w->skip_odd && item % 2 == 1)) {
        atomic_fetch_sub(&w->open, 1);
        return BATCH_OVER;
    }
    return BATCH_NEXT;
}

static bool sign(void *ctx, unsigned number, size_t item)
{
    struct world *w = ctx;
    struct item *it = &w->items[item];

    check(w, it->prepared && !it->is_signed && number == 0 && pthread_equal(pthread_self(), w->signer));
    check(w, item >= w->to_sign);
    w->to_sign = item + 1;
    if (item == w->fail_sign)
        return false;
    it->is_signed = true;
    return true;
}

static enum batch_next finish(void *ctx, unsigned number, size_t item)
{
    struct world *w = ctx;
    struct item *it = &w->items[item];

    check(w, it->is_signed && !it->finished && !pthread_equal(pthread_self(), w->signer));
    check_thread(w, &w->workers[number]);
    check(w, !w->is_kept || it->worker == number);
    it->finished = true;
    if (w->delay_us > 0)
        (void)usleep(w->delay_us);
    if (item != w->fail_finish && item != w->stop_finish)
        return BATCH_NEXT;
    atomic_fetch_sub(&w->open, 1);
    return item == w->fail_finish ? BATCH_OVER : BATCH_STOP;
}

static bool commit(void *ctx, unsigned number, const size_t *items, size_t len)
{
    struct world *w = ctx;
    bool go_on = true;

    check(w, len >= 1 && len <= BATCH_GROUP_MAX);
    check_thread(w, &w->workers[number]);
    atomic_fetch_add(&w->groups, 1);
    for (int most = atomic_load(&w->group_most);
         most < (int)len && !atomic_compare_exchange_weak(&w->group_most, &most, (int)len);) {
    }
    for (size_t i = 0; i < len; i++) {
        struct item *it = &w->items[items[i]];

        check(w, it->finished && !it->committed && !pthread_equal(pthread_self(), w->signer));
        check(w, !w->is_kept || it->worker == number);
        it->committed = true;
        atomic_fetch_sub(&w->open, 1);
        go_on = go_on && items[i] != w->fail_commit;
    }
    return go_on;
}

static void over(void *ctx, size_t item)
{
    struct world *w = ctx;

    check(w, item == w->said && w->items[item].said == 0);
    w->items[item].said++;
    w->said++;
}

static struct world *world(size_t len)
{
    static struct world w;

    w = (struct world){.len = len,
                       .sessions = 1,
                       .signer = pthread_self(),
                       .fail_prepare = ITEMS_MAX,
                       .fail_sign = ITEMS_MAX,
                       .fail_finish = ITEMS_MAX,
                       .fail_commit = ITEMS_MAX,
                       .stop_prepare = ITEMS_MAX,
                       .stop_finish = ITEMS_MAX};
    return &w;
}

static void run_steps(struct world *w, const struct batch_steps *s, unsigned workers, size_t open_max)
{
    const struct batch_args args = {workers, w->sessions, open_max, w->is_kept};
    struct ens_err err = {0};

    assert_ok(batch_run(s, &args, w->len, &err), err);
    assert_false(atomic_load(&w->wrong));
}

static void run(struct world *w, unsigned workers, size_t open_max)
{
    const struct batch_steps s = {w, prepare, sign, finish, commit, over};

    run_steps(w, &s, workers, open_max);
    /* Whatever happened, every item was said once. */
    assert_int_equal(w->said, w->len);
    assert_true(atomic_load(&w->open_most) <= (int)open_max);
    assert_true(atomic_load(&w->working_most) <= (int)workers);
}

static size_t count_committed(const struct world *w)
{
    size_t n = 0;

    for (size_t i = 0; i < w->len; i++)
        n += w->items[i].committed;
    return n;
}

static void test_every_item_passes_once(void **state)
{
    static const unsigned workers[] = {1, 2, 3, 8, 64, BATCH_WORKERS_MAX};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof workers / sizeof workers[0]; i++) {
        for (size_t len = 1; len <= ITEMS_MAX; len = len < 4 ? len + 1 : len * 9) {
            struct world *w = world(len);

            w->is_kept = i % 2 == 1;
            run(w, workers[i / 2], 64);
            assert_int_equal(count_committed(w), len);
        }
    }
}

static void test_few_are_open(void **state)
{
    (void)state;
    for (size_t open_max = 1; open_max < 8; open_max++) {
        struct world *w = world(200);

        w->delay_us = 50;
        w->is_kept = open_max % 2 == 0;
        run(w, 8, open_max);
        assert_int_equal(count_committed(w), 200);
    }
}

static void test_what_needs_no_signature_gets_none(void **state)
{
    struct world *w = world(1001);

    (void)state;
    w->skip_odd = true;
    run(w, 4, 16);
    assert_int_equal(count_committed(w), 501);
    for (size_t i = 0; i < w->len; i++)
        assert_int_equal(w->items[i].is_signed, i % 2 == 0);
}

static void test_one_that_cannot_be_prepared_stops_nothing(void **state)
{
    struct world *w = world(100);

    (void)state;
    w->fail_prepare = 0;
    run(w, 4, 16);
    assert_int_equal(count_committed(w), 99);
}

static void test_one_that_cannot_be_finished_stops_nothing(void **state)
{
    struct world *w = world(100);

    (void)state;
    w->fail_finish = 7;
    run(w, 4, 16);
    assert_int_equal(count_committed(w), 99);
    assert_false(w->items[7].committed);
}

/* What was signed before the token failed is committed; nothing is signed after it. */
static void test_a_token_that_fails_stops(void **state)
{
    (void)state;
    for (size_t at = 0; at < 100; at += 33) {
        struct world *w = world(100);
        size_t is_signed = 0;

        w->fail_sign = at;
        run(w, 1, 16);
        for (size_t i = 0; i < w->len; i++)
            is_signed += w->items[i].is_signed;
        /* One worker prepares in order. */
        assert_int_equal(is_signed, at);
        assert_int_equal(count_committed(w), at);
        assert_false(w->items[99].is_signed);
    }
    struct world *w = world(1000);

    w->fail_sign = 500;
    run(w, 8, 16);
    assert_false(w->items[500].committed);
    assert_true(count_committed(w) < 1000);
}

static void test_an_interruption_stops(void **state)
{
    struct world *w = world(1000);

    (void)state;
    w->stop_prepare = 10;
    w->delay_us = 20;
    run(w, 4, 16);
    assert_true(count_committed(w) < 100);
    assert_false(w->items[999].prepared);

    w = world(1000);
    w->stop_finish = 10;
    w->delay_us = 20;
    run(w, 4, 16);
    assert_true(count_committed(w) < 100);
    assert_false(w->items[999].prepared);

    w = world(1000);
    w->fail_commit = 10;
    w->delay_us = 20;
    run(w, 4, 16);
    assert_true(count_committed(w) < 100);
    assert_false(w->items[999].prepared);
}

/* All are prepared already: then the n-th that is signed is the n-th. */
static bool sign_in_order(void *ctx, unsigned number, size_t item)
{
    struct world *w = ctx;

    check(w, number == 0 && (item == 0 || w->items[item - 1].is_signed));
    if (item == w->fail_sign)
        return false;
    w->items[item].is_signed = true;
    return true;
}

static void test_without_preparing_the_order_is_kept(void **state)
{
    struct world *w = world(1000);
    const struct batch_steps s = {w, NULL, sign_in_order, finish, commit, over};

    (void)state;
    run_steps(w, &s, 8, 1);
    assert_int_equal(count_committed(w), 1000);
    assert_int_equal(w->said, 1000);
    w = world(1000);
    w->fail_sign = 500;
    run_steps(w, &s, 8, 1);
    assert_int_equal(count_committed(w), 500);
    assert_int_equal(w->said, 1000);
}

/* A slow token: what is signed is not kept until a group is full. */
static bool sign_slowly(void *ctx, unsigned number, size_t item)
{
    struct world *w = ctx;

    check(w, number == 0);
    w->items[item].is_signed = true;
    if (item == 0)
        return true;
    for (int i = 0; i < 100 && atomic_load(&w->groups) == 0; i++)
        (void)usleep(50000);
    check(w, atomic_load(&w->groups) == 1);
    return true;
}

static void test_what_is_signed_does_not_wait_long(void **state)
{
    struct world *w = world(2);
    const struct batch_steps s = {w, NULL, sign_slowly, finish, commit, over};

    (void)state;
    run_steps(w, &s, 8, 1000);
    assert_int_equal(count_committed(w), 2);
    assert_int_equal(atomic_load(&w->groups), 2);
}

/* Only the first needs a signature, and preparing takes long: it is not kept until all are prepared. */
static enum batch_next prepare_slowly(void *ctx, unsigned number, size_t item)
{
    struct world *w = ctx;

    (void)usleep(5000);
    w->items[item].worker = number;
    w->items[item].prepared = true;
    atomic_fetch_add(&w->prepared, 1);
    return item == 0 ? BATCH_NEXT : BATCH_OVER;
}

static bool commit_early(void *ctx, unsigned number, const size_t *items, size_t len)
{
    struct world *w = ctx;

    check(w, number < 2 && len == 1 && items[0] == 0 && atomic_load(&w->prepared) < (int)w->len / 2);
    w->items[0].committed = true;
    return true;
}

static void test_slow_preparing_keeps_nothing_waiting(void **state)
{
    struct world *w = world(400);
    const struct batch_steps s = {w, prepare_slowly, sign, finish, commit_early, over};

    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        w = world(400);
        run_steps(w, &s, workers, 128);
        assert_int_equal(count_committed(w), 1);
        assert_int_equal(w->said, 400);
    }
}

/* Each worker has its share of what may be open. */
static void test_groups_are_as_large_as_may_be_open(void **state)
{
    static const struct {
        unsigned workers;
        size_t open_max;
        int most;
    } cases[] = {{8, 8 * BATCH_GROUP_MAX, BATCH_GROUP_MAX},
                 {4, 23, 5},
                 {8, 7, 1},
                 {1, 3, 3},
                 {1, 1000, BATCH_GROUP_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world *w = world(1000);
        const struct batch_steps s = {w, NULL, sign_in_order, finish, commit, over};

        run_steps(w, &s, cases[i].workers, cases[i].open_max);
        assert_int_equal(count_committed(w), 1000);
        assert_int_equal(atomic_load(&w->group_most), cases[i].most);
    }
}

/* ---- many sessions ---- */

/* The first of each session waits until all sessions have one: so many are signed at a time, and no more. */
static bool sign_together(void *ctx, unsigned number, size_t item)
{
    struct world *w = ctx;
    struct item *it = &w->items[item];
    unsigned now = atomic_fetch_add(&w->signing, 1) + 1;

    check(w, it->prepared && !it->is_signed && number < w->sessions && now <= w->sessions);
    check(w, (number == 0) == (pthread_equal(pthread_self(), w->signer) != 0));
    check_thread(w, &w->stations[number]);
    for (unsigned most = atomic_load(&w->signing_most);
         most < now && !atomic_compare_exchange_weak(&w->signing_most, &most, now);) {
    }
    for (int i = 0; i < 100000 && atomic_load(&w->signing_most) < w->sessions; i++)
        (void)usleep(100);
    /* Those behind the one that fails are under way until it has. */
    for (int i = 0; i < 100000 && item > w->fail_sign && !atomic_load(&w->failed); i++)
        (void)usleep(100);
    it->is_signed = item != w->fail_sign;
    if (!it->is_signed)
        atomic_store(&w->failed, true);
    atomic_fetch_add(&w->signatures, it->is_signed);
    atomic_fetch_sub(&w->signing, 1);
    return it->is_signed;
}

static void test_sessions_sign_at_a_time(void **state)
{
    static const unsigned counts[] = {1, 2, 3, 8, BATCH_SESSIONS_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        unsigned sessions = counts[i];
        struct world *w = world(500);
        const struct batch_steps s = {w, prepare, sign_together, finish, commit, over};

        w->sessions = sessions;
        w->is_kept = sessions % 2 == 0;
        run_steps(w, &s, 4, 64);
        assert_int_equal(atomic_load(&w->signing_most), sessions);
        assert_int_equal(count_committed(w), 500);
        assert_int_equal(w->said, 500);
    }
}

/* What other sessions sign in that moment is kept; nothing is begun after it. */
static void test_one_session_that_fails_stops_all(void **state)
{
    struct world *w = world(1000);
    const struct batch_steps s = {w, prepare, sign_together, finish, commit, over};

    (void)state;
    w->sessions = 4;
    w->fail_sign = 100;
    run_steps(w, &s, 4, 16);
    assert_int_equal(w->said, 1000);
    assert_false(w->items[100].committed);
    assert_in_range(atomic_load(&w->signatures), 100, 900);
    assert_int_equal(count_committed(w), atomic_load(&w->signatures));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_item_passes_once),
        cmocka_unit_test(test_few_are_open),
        cmocka_unit_test(test_what_needs_no_signature_gets_none),
        cmocka_unit_test(test_one_that_cannot_be_prepared_stops_nothing),
        cmocka_unit_test(test_one_that_cannot_be_finished_stops_nothing),
        cmocka_unit_test(test_a_token_that_fails_stops),
        cmocka_unit_test(test_an_interruption_stops),
        cmocka_unit_test(test_without_preparing_the_order_is_kept),
        cmocka_unit_test(test_what_is_signed_does_not_wait_long),
        cmocka_unit_test(test_slow_preparing_keeps_nothing_waiting),
        cmocka_unit_test(test_groups_are_as_large_as_may_be_open),
        cmocka_unit_test(test_sessions_sign_at_a_time),
        cmocka_unit_test(test_one_session_that_fails_stops_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
