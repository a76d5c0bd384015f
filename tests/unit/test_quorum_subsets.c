/* Who has which piece, for all 21 pairs of M and N. */
#include "signer/quorum/subsets.h"
#include "tests/support/support.h"

static void each(void (*look)(const struct subsets *s))
{
    unsigned pairs = 0;

    for (unsigned n = 2; n <= QUORUM_HOLDERS_MAX; n++) {
        for (unsigned m = 2; m <= n; m++) {
            struct subsets s = subsets_of(m, n);

            assert_int_equal(s.threshold, m);
            assert_int_equal(s.holders, n);
            look(&s);
            pairs++;
        }
    }
    assert_int_equal(pairs, 21);
}

static void look_at_numbers(const struct subsets *s)
{
    const struct quorum_public q = {.threshold = s->threshold, .holders = s->holders};
    unsigned which[QUORUM_SHARE_MAX];

    assert_int_equal(s->len, quorum_choose(s->holders, s->threshold - 1));
    assert_int_equal(s->len, subsets_of_quorum(&q).len);
    for (unsigned a = 1; a < s->len; a++)
        assert_true(s->without[a - 1] < s->without[a]);
    for (unsigned i = 1; i <= s->holders; i++) {
        assert_int_equal(subsets_pieces(s, i, which), quorum_pieces_of_one(&q));
        for (unsigned j = 0; j < quorum_pieces_of_one(&q); j++) {
            assert_true(subsets_has(s, i, which[j]));
            assert_true(j == 0 || which[j - 1] < which[j]);
        }
    }
}

static void the_numbers_of_pieces(void **state)
{
    (void)state;
    each(look_at_numbers);
    assert_int_equal(subsets_of(4, 7).len, QUORUM_PIECES_MAX);
}

/* Any M - 1 lack one piece, and only one. */
static void look_at_too_few(const struct subsets *s)
{
    for (unsigned set = 0; set < 1U << s->holders; set++) {
        unsigned missing = 0;

        if (__builtin_popcount(set) != (int)s->threshold - 1)
            continue;
        for (unsigned a = 0; a < s->len; a++) {
            if ((set & ~s->without[a]) == 0)
                missing++;
        }
        assert_int_equal(missing, 1);
    }
}

static void too_few_holders_lack_one_piece(void **state)
{
    (void)state;
    each(look_at_too_few);
}

/* The order of itertools.combinations, and for each set a partition of the pieces, with nobody idle. */
static void look_at_sets(const struct subsets *s)
{
    unsigned set = 0;
    unsigned count = 0;

    while (subsets_next(s, &set)) {
        unsigned brings[QUORUM_HOLDERS_MAX + 1] = {0};

        count++;
        assert_int_equal(__builtin_popcount(set), s->threshold);
        for (unsigned a = 0; a < s->len; a++) {
            unsigned holder = subsets_bringer(s, set, a);

            assert_true(holder >= 1 && (set >> (holder - 1) & 1) == 1 && subsets_has(s, holder, a));
            for (unsigned i = 1; i < holder; i++)
                assert_false((set >> (i - 1) & 1) == 1 && subsets_has(s, i, a));
            brings[holder]++;
        }
        for (unsigned i = 1; i <= s->holders; i++)
            assert_true((brings[i] > 0) == ((set >> (i - 1) & 1) == 1));
    }
    assert_int_equal(count, quorum_choose(s->holders, s->threshold));
}

static void every_set_has_every_piece_once(void **state)
{
    (void)state;
    each(look_at_sets);
}

static void sets_come_in_the_order_of_their_lists(void **state)
{
    static const unsigned want[] = {0x3, 0x5, 0x9, 0x6, 0xa, 0xc}; /* 12 13 14 23 24 34 */
    struct subsets s = subsets_of(2, 4);
    unsigned set = 0;

    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_true(subsets_next(&s, &set));
        assert_int_equal(set, want[i]);
    }
    assert_false(subsets_next(&s, &set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_of_pieces),
        cmocka_unit_test(too_few_holders_lack_one_piece),
        cmocka_unit_test(every_set_has_every_piece_once),
        cmocka_unit_test(sets_come_in_the_order_of_their_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
