/* A key whose cube roots take microseconds. */
#include "tests/support/fuzzkey.h"

static bool fuzzkey_is_prime(uint32_t n)
{
    for (uint32_t d = 3; d < 65536; d += 2) {
        if (n % d == 0)
            return false;
    }
    return n % 2 == 1;
}

static uint32_t fuzzkey_power(uint64_t base, uint32_t exponent, uint32_t prime)
{
    uint64_t result = 1;

    for (base %= prime; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0)
            result = result * base % prime;
        base = base * base % prime;
    }
    return (uint32_t)result;
}

static void fuzzkey_choose_primes(struct fuzzkey *k)
{
    uint32_t candidate = UINT32_MAX;

    testkey_need(BN_one(k->n) == 1);
    for (size_t i = 0; i < FUZZKEY_PRIMES; candidate -= 2) {
        /* 3 must not divide prime - 1; then one third of it exists: 2 (prime - 1) + 1 is a multiple of 3. */
        if (candidate % 3 != 2 || !fuzzkey_is_prime(candidate))
            continue;
        k->prime[i] = candidate;
        k->exponent[i] = (uint32_t)((2 * ((uint64_t)candidate - 1) + 1) / 3);
        testkey_need(BN_mul_word(k->n, candidate) == 1);
        i++;
    }
}

struct fuzzkey fuzzkey_make(void)
{
    struct fuzzkey k = {.n = BN_new(), .ctx = BN_CTX_new()};

    testkey_need(k.n != NULL && k.ctx != NULL);
    fuzzkey_choose_primes(&k);
    testkey_need(BN_num_bits(k.n) == PUBKEY_BITS &&
                 BN_bn2binpad(k.n, k.pub.modulus, PUBKEY_SIZE) == PUBKEY_SIZE);
    for (size_t i = 0; i < FUZZKEY_PRIMES; i++) {
        uint32_t prime = k.prime[i];

        k.unit[i] = BN_dup(k.n);
        testkey_need(k.unit[i] != NULL && BN_div_word(k.unit[i], prime) == 0);
        uint32_t rest = (uint32_t)BN_mod_word(k.unit[i], prime);

        testkey_need(BN_mul_word(k.unit[i], fuzzkey_power(rest, prime - 2, prime)) == 1);
    }
    return k;
}

void fuzzkey_sign_block(const struct fuzzkey *k, const uint8_t block[SIGNATURE_SIZE],
                        uint8_t ret[SIGNATURE_SIZE])
{
    BIGNUM *m = BN_bin2bn(block, SIGNATURE_SIZE, NULL);
    BIGNUM *sum = BN_new();
    BIGNUM *part = BN_new();

    testkey_need(m != NULL && sum != NULL && part != NULL && BN_cmp(m, k->n) < 0);
    for (size_t i = 0; i < FUZZKEY_PRIMES; i++) {
        uint32_t rest = (uint32_t)BN_mod_word(m, k->prime[i]);

        testkey_need(BN_copy(part, k->unit[i]) != NULL &&
                     BN_mul_word(part, fuzzkey_power(rest, k->exponent[i], k->prime[i])) == 1 &&
                     BN_add(sum, sum, part) == 1);
    }
    testkey_need(BN_mod(sum, sum, k->n, k->ctx) == 1 &&
                 BN_bn2binpad(sum, ret, SIGNATURE_SIZE) == SIGNATURE_SIZE);
    BN_free(m);
    BN_free(sum);
    BN_free(part);
}

void fuzzkey_sign_payload(const struct fuzzkey *k, const uint8_t *payload, size_t len,
                          uint8_t ret[SIGNATURE_SIZE])
{
    uint8_t block[SIGNATURE_SIZE];

    testkey_block(payload, len, block);
    fuzzkey_sign_block(k, block, ret);
}

void fuzzkey_sign_digest(const struct fuzzkey *k, const uint8_t digest[32], uint8_t ret[SIGNATURE_SIZE])
{
    uint8_t payload[TESTKEY_PAYLOAD_SIZE];

    testkey_payload(digest, payload);
    fuzzkey_sign_payload(k, payload, sizeof payload, ret);
}
