/* The integers of a quorum, of any size, and their arithmetic modulo one n: the only user of BIGNUM in this room.
 * All lie in OpenSSL's secure heap and are wiped with their ring.
 *
 * A ring has a sticky state, as readers have: once a call failed, the others do nothing, and number_ok says so.
 * It is asked before a comparison becomes a verdict and before bytes leave.
 *
 * "Secret" in a comment: the time that a call takes does not depend on the bits of that number, only on its
 * words. All other arguments are public, or known to depend on no secret (a product of two numbers of which
 * one has less than 16 words is multiplied by schoolbook, BN_mul of OpenSSL 3.0). */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/secret.h"
#include "signer/quorum/quorum.h"

#define NUMBER_PRIME 192 /* bytes of each prime of a dealt key */

struct number;
struct number_ring;

/* Random bytes, and the only way in which they reach the arithmetic. */
struct number_random {
    bool (*fill)(void *ctx, uint8_t *ret, size_t len, struct ens_err *err);
    void *ctx;
};

/* Those of OpenSSL, for secrets; and bytes that its generator takes in on top of its own (which count for
 * nothing: bad ones do no harm). ENS_RESOURCE. */
extern const struct number_random number_openssl;
bool number_stir(struct view bytes, struct ens_err *err) ENS_MUST_CHECK;

/* Makes the secure heap, in locked memory that is not dumped: before the first ring of a process that computes
 * with a secret. ENS_RESOURCE if memory cannot be locked. Once more is fine. */
bool number_lock_memory(struct ens_err *err) ENS_MUST_CHECK;

/* Two different safe primes of NUMBER_PRIME bytes with the top two bits set, hence 2 mod 3: p, then q,
 * big-endian. `step` is told now and then that work goes on, and ends it by returning false. */
bool number_safe_primes(bool (*step)(struct ens_err *err), struct secret *ret,
                        struct ens_err *err) ENS_MUST_CHECK;

/* n = p * q of two primes, one behind the other. */
bool number_product(const struct secret *primes, uint8_t ret[static QUORUM_NUMBER],
                    struct ens_err *err) ENS_MUST_CHECK;

/* The ring modulo n, which must be odd: ENS_DATA. Release with number_ring_freep, and with it all its numbers. */
bool number_ring_new(const uint8_t n[static QUORUM_NUMBER], struct number_ring **ret,
                     struct ens_err *err) ENS_MUST_CHECK;
void number_ring_freep(struct number_ring **ring);
/* ENS_RESOURCE if a call on the ring failed. */
bool number_ok(const struct number_ring *ring, struct ens_err *err) ENS_MUST_CHECK;

/* A new number, 0; never NULL. And v, the square to whose powers the values of a quorum belong:
 * (XOF("ensign-trsa-v1/v", n) mod n)^2 mod n. */
struct number *number_new(struct number_ring *ring);
const struct number *number_v(const struct number_ring *ring);

/* Big-endian bytes; written with zeros in front. A number that is longer than `len` is a failure. */
void number_read(struct number_ring *ring, struct number *ret, struct view bytes);
void number_write(struct number_ring *ring, const struct number *a, uint8_t *ret, size_t len);
/* The same of new numbers: a new number from bytes; and `word` * 2^`bits`. */
struct number *number_of(struct number_ring *ring, const uint8_t *bytes, size_t len);
struct number *number_shifted(struct number_ring *ring, unsigned word, unsigned bits);

/* -1, 0 or 1; 0 on a ring that failed. */
int number_compare(const struct number_ring *ring, const struct number *a, const struct number *b);

/* Over the integers; `ret` may be an argument. Secret. number_subtract: a >= b. */
void number_add(struct number_ring *ring, struct number *ret, const struct number *a, const struct number *b);
void number_subtract(struct number_ring *ring, struct number *ret, const struct number *a,
                     const struct number *b);
void number_multiply(struct number_ring *ring, struct number *ret, const struct number *a,
                     const struct number *b);
/* a / 3 without rest, else a failure. */
void number_third(struct number_ring *ring, struct number *ret, const struct number *a);
/* a + b - (m or 0), for a, b < m. Secret. */
void number_add_modulo(struct number_ring *ring, struct number *ret, const struct number *a,
                       const struct number *b, const struct number *m);

/* Modulo n; `ret` may be an argument. */
void number_reduce(struct number_ring *ring, struct number *ret, const struct number *a);
void number_mod_multiply(struct number_ring *ring, struct number *ret, const struct number *a,
                         const struct number *b);
/* base^exponent; base < n. number_exp_secret: the exponent is secret. */
void number_exp_secret(struct number_ring *ring, struct number *ret, const struct number *base,
                       const struct number *exponent);
void number_exp_public(struct number_ring *ring, struct number *ret, const struct number *base,
                       const struct number *exponent);
/* 1 / a; a failure if it has none. Is gcd(a, n) = 1? */
void number_inverse(struct number_ring *ring, struct number *ret, const struct number *a);
bool number_is_unit(struct number_ring *ring, const struct number *a);
