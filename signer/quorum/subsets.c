/* Who has which piece. */
#include "signer/quorum/subsets.h"

static unsigned count_holders(unsigned set)
{
    return (unsigned)__builtin_popcount(set);
}

struct subsets subsets_of(unsigned threshold, unsigned holders)
{
    struct subsets s = {.threshold = threshold, .holders = holders};

    for (unsigned set = 0; set < 1U << holders && s.len < QUORUM_PIECES_MAX; set++) {
        if (count_holders(set) == threshold - 1)
            s.without[s.len++] = set;
    }
    return s;
}

struct subsets subsets_of_quorum(const struct quorum_public *q)
{
    return subsets_of(q->threshold, q->holders);
}

bool subsets_has(const struct subsets *s, unsigned holder, unsigned piece)
{
    return (s->without[piece] >> (holder - 1) & 1) == 0;
}

unsigned subsets_pieces(const struct subsets *s, unsigned holder, unsigned ret[static QUORUM_SHARE_MAX])
{
    unsigned len = 0;

    for (unsigned a = 0; a < s->len && len < QUORUM_SHARE_MAX; a++) {
        if (subsets_has(s, holder, a))
            ret[len++] = a;
    }
    return len;
}

unsigned subsets_bringer(const struct subsets *s, unsigned set, unsigned piece)
{
    unsigned having = set & ~s->without[piece];

    return having == 0 ? 0 : (unsigned)__builtin_ctz(having) + 1;
}

/* Lists in order are masks in falling order, if holder 1 is the highest bit. */
static unsigned mirror(const struct subsets *s, unsigned set)
{
    unsigned mirrored = 0;

    for (unsigned i = 0; i < s->holders; i++)
        mirrored |= (set >> i & 1) << (s->holders - 1 - i);
    return mirrored;
}

bool subsets_next(const struct subsets *s, unsigned *set)
{
    unsigned at = *set == 0 ? 1U << s->holders : mirror(s, *set);

    while (at-- > 0) {
        if (count_holders(at) == s->threshold) {
            *set = mirror(s, at);
            return true;
        }
    }
    return false;
}
