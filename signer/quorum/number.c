/* The integers of a quorum: OpenSSL's BIGNUM behind a sticky state. */
#include "signer/quorum/number.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "signer/base/xof.h"

#define HEAP_SIZE     (1 << 20)
#define HEAP_SMALLEST 32

struct number {
    BIGNUM *bn; /* NULL only if the ring failed */
    struct number *next;
};

struct number_ring {
    BN_CTX *ctx;
    BN_MONT_CTX *mont;
    BIGNUM *n;
    struct number *numbers; /* all that number_new gave */
    struct number *v;
    struct number none; /* what number_new gives if it has none */
    bool is_ok;
};

/* ---- randomness and memory ---- */

static bool fill_random(void *ctx, uint8_t *ret, size_t len, struct ens_err *err)
{
    OSSL_LIB_CTX *lib = ossl_context();

    (void)ctx;
    return (lib != NULL && RAND_priv_bytes_ex(lib, ret, len, 0) == 1) ||
           ossl_fail(err, ENS_RESOURCE, "OpenSSL has no random bytes");
}

const struct number_random number_openssl = {.fill = fill_random};

bool number_stir(struct view bytes, struct ens_err *err)
{
    OSSL_LIB_CTX *lib = ossl_context();
    EVP_RAND_CTX *primary = lib != NULL ? RAND_get0_primary(lib) : NULL;

    /* What RAND_add with an entropy of 0 does, which knows the shared context only. */
    return (primary != NULL && EVP_RAND_reseed(primary, 0, NULL, 0, bytes.data, bytes.len) == 1) ||
           ossl_fail(err, ENS_RESOURCE, "OpenSSL's generator does not take more bytes in");
}

bool number_lock_memory(struct ens_err *err)
{
    OSSL_LIB_CTX *lib = ossl_context();

    /* The generators, which live as long as the process, stay outside: their state tells nothing of what they gave. */
    if (lib == NULL || RAND_get0_public(lib) == NULL || RAND_get0_private(lib) == NULL)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL has no random bytes");
    /* 2: it is there, but not locked, guarded or kept out of cores. */
    if (CRYPTO_secure_malloc_initialized() == 1 || CRYPTO_secure_malloc_init(HEAP_SIZE, HEAP_SMALLEST) == 1)
        return true;
    return ossl_fail(err, ENS_RESOURCE,
                     "memory for secrets cannot be locked: raise RLIMIT_MEMLOCK (ulimit -l)");
}

/* ---- primes ---- */

static void gencb_freep(BN_GENCB **cb)
{
    BN_GENCB_free(*cb);
}

static void context_freep(BN_CTX **ctx)
{
    BN_CTX_free(*ctx);
}

static void bn_clear_freep(BIGNUM **n)
{
    BN_clear_free(*n);
}

struct progress {
    bool (*step)(struct ens_err *err);
    struct ens_err err; /* set once `step` returned false */
};

static int on_prime_step(int what, int count, BN_GENCB *cb)
{
    struct progress *p = BN_GENCB_get_arg(cb);

    (void)what;
    (void)count;
    return p->step(&p->err) ? 1 : 0;
}

/* A safe prime is 3 mod 4, and 2 mod 3, since neither it nor its half is a multiple of 3. OpenSSL sets the top two
 * bits, so that a product of two has 3072. */
static bool make_prime(struct progress *p, uint8_t ret[static NUMBER_PRIME], struct ens_err *err)
{
    OSSL_LIB_CTX *lib = ossl_context();
    ENS_CLEANUP(context_freep) BN_CTX *ctx = lib != NULL ? BN_CTX_secure_new_ex(lib) : NULL;
    ENS_CLEANUP(bn_clear_freep) BIGNUM *prime = BN_secure_new();
    ENS_CLEANUP(gencb_freep) BN_GENCB *cb = BN_GENCB_new();

    if (cb != NULL)
        BN_GENCB_set(cb, on_prime_step, p);
    if (ctx == NULL || prime == NULL || cb == NULL ||
        BN_generate_prime_ex2(prime, 8 * NUMBER_PRIME, 1, NULL, NULL, cb, ctx) != 1 ||
        BN_bn2binpad(prime, ret, NUMBER_PRIME) != NUMBER_PRIME) {
        if (p->err.code == ENS_OK)
            return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot make a safe prime");
        ossl_clear();
        *err = p->err;
        return false;
    }
    return true;
}

bool number_safe_primes(bool (*step)(struct ens_err *err), struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret both = {0};
    struct progress p = {.step = step};

    if (!secret_alloc(&both, err))
        return false;
    uint8_t *bytes = (uint8_t *)both.data;

    if (!make_prime(&p, bytes, err) || !make_prime(&p, bytes + NUMBER_PRIME, err))
        return false;
    if (memcmp(bytes, bytes + NUMBER_PRIME, NUMBER_PRIME) == 0)
        return ens_fail(err, ENS_RESOURCE, "OpenSSL made one prime twice: its generator is broken");
    both.len = 2 * NUMBER_PRIME;
    *ret = both;
    both = (struct secret){0};
    return true;
}

bool number_product(const struct secret *primes, uint8_t ret[static QUORUM_NUMBER], struct ens_err *err)
{
    const uint8_t *bytes = (const uint8_t *)primes->data;
    int len = (int)(primes->len / 2);
    ENS_CLEANUP(context_freep) BN_CTX *ctx = BN_CTX_secure_new();
    ENS_CLEANUP(bn_clear_freep) BIGNUM *p = BN_secure_new();
    ENS_CLEANUP(bn_clear_freep) BIGNUM *q = BN_secure_new();

    if (ctx == NULL || p == NULL || q == NULL || BN_bin2bn(bytes, len, p) == NULL ||
        BN_bin2bn(bytes + len, len, q) == NULL || BN_mul(p, p, q, ctx) != 1 ||
        BN_bn2binpad(p, ret, QUORUM_NUMBER) != QUORUM_NUMBER)
        return ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot multiply two primes");
    return true;
}

/* ---- rings ---- */

/* Runs `call`, which gives 1, unless the ring failed before. */
#define ring_do(ring, call) ((ring)->is_ok = (ring)->is_ok && (call) == 1)

static bool make_v(struct number_ring *ring, const uint8_t n[static QUORUM_NUMBER], struct ens_err *err)
{
    const struct view input = view_of(n, QUORUM_NUMBER);
    uint8_t bytes[QUORUM_NUMBER + 16];

    if (!xof_of("ensign-trsa-v1/v", &input, 1, bytes, sizeof bytes, err))
        return false;
    ring->v = number_of(ring, bytes, sizeof bytes);
    number_reduce(ring, ring->v, ring->v);
    number_mod_multiply(ring, ring->v, ring->v, ring->v);
    return number_ok(ring, err);
}

bool number_ring_new(const uint8_t n[static QUORUM_NUMBER], struct number_ring **ret, struct ens_err *err)
{
    ENS_CLEANUP(number_ring_freep) struct number_ring *ring = NULL;
    OSSL_LIB_CTX *lib = ossl_context();

    if (n[QUORUM_NUMBER - 1] % 2 == 0)
        return ens_fail(err, ENS_DATA, "modulus: is even: it is not that of an RSA key");
    ring = mem_alloc(1, sizeof *ring, err);
    if (ring == NULL)
        return false;
    ring->ctx = lib != NULL ? BN_CTX_secure_new_ex(lib) : NULL;
    ring->mont = BN_MONT_CTX_new();
    ring->n = BN_bin2bn(n, QUORUM_NUMBER, NULL);
    ring->is_ok = ring->ctx != NULL && ring->mont != NULL && ring->n != NULL;
    ring_do(ring, BN_MONT_CTX_set(ring->mont, ring->n, ring->ctx));
    if (!make_v(ring, n, err))
        return false;
    *ret = ens_take(ring);
    return true;
}

void number_ring_freep(struct number_ring **ring)
{
    struct number_ring *r = *ring;

    if (r == NULL)
        return;
    for (struct number *a = r->numbers, *next = NULL; a != NULL; a = next) {
        next = a->next;
        BN_clear_free(a->bn);
        mem_free(a);
    }
    BN_free(r->n);
    BN_MONT_CTX_free(r->mont);
    BN_CTX_free(r->ctx);
    mem_free(r);
    *ring = NULL;
}

bool number_ok(const struct number_ring *ring, struct ens_err *err)
{
    return ring->is_ok || ossl_fail(err, ENS_RESOURCE, "OpenSSL cannot compute with the numbers of a quorum");
}

struct number *number_new(struct number_ring *ring)
{
    struct ens_err ignored;
    struct number *a = mem_alloc(1, sizeof *a, &ignored);

    if (a != NULL) {
        a->bn = BN_secure_new();
        a->next = ring->numbers;
        ring->numbers = a;
    }
    if (a != NULL && a->bn != NULL)
        return a;
    ring->is_ok = false;
    return &ring->none;
}

const struct number *number_v(const struct number_ring *ring)
{
    return ring->v;
}

/* ---- bytes ---- */

void number_read(struct number_ring *ring, struct number *ret, struct view bytes)
{
    ring_do(ring, BN_bin2bn(bytes.data, (int)bytes.len, ret->bn) != NULL);
}

void number_write(struct number_ring *ring, const struct number *a, uint8_t *ret, size_t len)
{
    ring_do(ring, BN_bn2binpad(a->bn, ret, (int)len) == (int)len);
}

struct number *number_of(struct number_ring *ring, const uint8_t *bytes, size_t len)
{
    struct number *ret = number_new(ring);

    number_read(ring, ret, view_of(bytes, len));
    return ret;
}

struct number *number_shifted(struct number_ring *ring, unsigned word, unsigned bits)
{
    struct number *ret = number_new(ring);

    ring_do(ring, BN_set_word(ret->bn, word));
    ring_do(ring, BN_lshift(ret->bn, ret->bn, (int)bits));
    return ret;
}

int number_compare(const struct number_ring *ring, const struct number *a, const struct number *b)
{
    return ring->is_ok ? BN_cmp(a->bn, b->bn) : 0;
}

/* ---- integers ---- */

void number_add(struct number_ring *ring, struct number *ret, const struct number *a, const struct number *b)
{
    ring_do(ring, BN_add(ret->bn, a->bn, b->bn));
}

void number_subtract(struct number_ring *ring, struct number *ret, const struct number *a,
                     const struct number *b)
{
    ring_do(ring, BN_usub(ret->bn, a->bn, b->bn));
}

void number_multiply(struct number_ring *ring, struct number *ret, const struct number *a,
                     const struct number *b)
{
    ring_do(ring, BN_mul(ret->bn, a->bn, b->bn, ring->ctx));
}

void number_third(struct number_ring *ring, struct number *ret, const struct number *a)
{
    ring_do(ring, BN_copy(ret->bn, a->bn) != NULL);
    ring_do(ring, BN_div_word(ret->bn, 3) == 0);
}

void number_add_modulo(struct number_ring *ring, struct number *ret, const struct number *a,
                       const struct number *b, const struct number *m)
{
    ring_do(ring, BN_mod_add_quick(ret->bn, a->bn, b->bn, m->bn));
}

/* ---- modulo n ---- */

void number_reduce(struct number_ring *ring, struct number *ret, const struct number *a)
{
    ring_do(ring, BN_nnmod(ret->bn, a->bn, ring->n, ring->ctx));
}

void number_mod_multiply(struct number_ring *ring, struct number *ret, const struct number *a,
                         const struct number *b)
{
    ring_do(ring, BN_mod_mul(ret->bn, a->bn, b->bn, ring->n, ring->ctx));
}

void number_exp_secret(struct number_ring *ring, struct number *ret, const struct number *base,
                       const struct number *exponent)
{
    if (ring->is_ok)
        BN_set_flags(exponent->bn, BN_FLG_CONSTTIME);
    ring_do(ring, BN_mod_exp_mont_consttime(ret->bn, base->bn, exponent->bn, ring->n, ring->ctx, ring->mont));
}

void number_exp_public(struct number_ring *ring, struct number *ret, const struct number *base,
                       const struct number *exponent)
{
    ring_do(ring, BN_mod_exp_mont(ret->bn, base->bn, exponent->bn, ring->n, ring->ctx, ring->mont));
}

void number_inverse(struct number_ring *ring, struct number *ret, const struct number *a)
{
    ring_do(ring, BN_mod_inverse(ret->bn, a->bn, ring->n, ring->ctx) != NULL);
}

bool number_is_unit(struct number_ring *ring, const struct number *a)
{
    const struct number *divisor = number_new(ring);

    ring_do(ring, BN_gcd(divisor->bn, a->bn, ring->n, ring->ctx));
    return ring->is_ok && BN_is_one(divisor->bn);
}
