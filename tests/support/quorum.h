/* What the tests of quorums share: dealt keys, of real size and so small that every case can be looked at; and
 * random bytes that are the same at every run. */
#pragma once

#include "signer/quorum/formats.h"
#include "signer/quorum/number.h"
#include "tests/support/support.h"

/* Random bytes from a seed: each call gives the next ones (SHAKE256). With `small` > 0, all but the last `small`
 * bytes of a request for a number as long as the modulus are 0, so that toy numbers can be drawn. */
struct testrandom {
    const char *seed;
    uint64_t calls;
    size_t small;
    const uint8_t *fresh; /* what a request for 64 bytes gets, if it is not NULL */
};

bool testrandom_fill(void *ctx, uint8_t *ret, size_t len, struct ens_err *err);

/* p = 1019, q = 1187: both safe, both 2 mod 3. */
#define TOY_P   1019
#define TOY_Q   1187
#define TOY_PHI ((TOY_P - 1) * (TOY_Q - 1))

/* Those as number.h wants them; and the primes of tests/vectors/keys/testkey.pem, or of another key that is not
 * encrypted. Release with secret_wipe. */
struct secret quorum_toy_primes(void);
struct secret quorum_real_primes(const char *pem);

/* A dealt key. */
struct dealt {
    struct quorum_public q; /* with names, keys and an id */
    struct secret all;      /* its pieces */
    struct testrandom state;
    struct number_random random;
    uint8_t digest[32]; /* to sign */
};

/* On the heap; `primes` is wiped. Release with quorum_dealt_free. */
struct dealt *quorum_dealt(struct secret primes, unsigned threshold, unsigned holders, const char *seed);
void quorum_dealt_free(struct dealt *d);

/* The pieces of a holder; wipe ->bytes. And his partial over the digest, on the heap (free). */
struct quorum_pieces quorum_pieces_of(const struct dealt *d, unsigned holder);
struct quorum_partial *quorum_partial_of(struct dealt *d, unsigned holder);

/* ---- quorum_files.c ---- */

/* The same bytes at every run, which begin after `seed`. */
void quorum_fill(uint8_t *ret, size_t len, unsigned seed);

/* A file of the kind that a reader accepts, of numbers that belong to no key. Release with buf_free. */
struct buf quorum_file_of(enum quorum_kind kind);
