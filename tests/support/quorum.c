/* Dealt keys for tests. */
#include "tests/support/quorum.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/xof.h"
#include "signer/quorum/deal.h"
#include "signer/quorum/prove.h"

bool testrandom_fill(void *ctx, uint8_t *ret, size_t len, struct ens_err *err)
{
    struct testrandom *r = ctx;
    const struct view call = view_of(&r->calls, sizeof r->calls);

    if (r->fresh != NULL && len == 64) {
        memcpy(ret, r->fresh, len);
        return true;
    }
    if (!xof_of(r->seed, &call, 1, ret, len, err))
        return false;
    r->calls++;
    if (r->small > 0 && len == QUORUM_NUMBER)
        memset(ret, 0, len - r->small);
    return true;
}

struct secret quorum_toy_primes(void)
{
    static const uint8_t primes[] = {TOY_P >> 8, TOY_P & 0xff, TOY_Q >> 8, TOY_Q & 0xff};
    struct secret s = {0};
    struct ens_err err = {0};

    assert_ok(support_secret(view_of(primes, sizeof primes), &s, &err), err);
    return s;
}

struct secret quorum_real_primes(const char *pem)
{
    FILE *f = fopen(pem, "rb");
    EVP_PKEY *key = f != NULL ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    BIGNUM *p = NULL;
    BIGNUM *q = NULL;
    uint8_t primes[2 * NUMBER_PRIME];
    struct secret s = {0};
    struct ens_err err = {0};

    assert_non_null(key);
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &p), 1);
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR2, &q), 1);
    assert_int_equal(BN_bn2binpad(p, primes, NUMBER_PRIME), NUMBER_PRIME);
    assert_int_equal(BN_bn2binpad(q, primes + NUMBER_PRIME, NUMBER_PRIME), NUMBER_PRIME);
    assert_ok(support_secret(view_of(primes, sizeof primes), &s, &err), err);
    BN_free(p);
    BN_free(q);
    EVP_PKEY_free(key);
    (void)fclose(f);
    return s;
}

struct dealt *quorum_dealt(struct secret primes, unsigned threshold, unsigned holders, const char *seed)
{
    struct dealt *d = calloc(1, sizeof *d);
    struct ens_err err = {0};

    assert_non_null(d);
    d->state = (struct testrandom){.seed = seed, .small = primes.len == 4 ? 3 : 0};
    d->random = (struct number_random){.fill = testrandom_fill, .ctx = &d->state};
    assert_ok(deal_pieces(&primes, threshold, holders, &d->random, &d->q, &d->all, &err), err);
    for (unsigned i = 0; i < holders; i++) {
        (void)snprintf(d->q.holder[i].name, sizeof d->q.holder[i].name, "Holder %u", i + 1);
        memset(d->q.holder[i].key, (int)i + 1, sizeof d->q.holder[i].key);
    }
    assert_ok(xof_of(seed, NULL, 0, d->q.id, sizeof d->q.id, &err), err);
    assert_ok(xof_of("digest", NULL, 0, d->digest, sizeof d->digest, &err), err);
    secret_wipe(&primes);
    return d;
}

void quorum_dealt_free(struct dealt *d)
{
    secret_wipe(&d->all);
    free(d);
}

struct quorum_pieces quorum_pieces_of(const struct dealt *d, unsigned holder)
{
    struct quorum_pieces pieces = {0};
    struct ens_err err = {0};

    assert_ok(deal_select(&d->q, 0, &d->all, holder, &pieces, &err), err);
    return pieces;
}

struct quorum_partial *quorum_partial_of(struct dealt *d, unsigned holder)
{
    struct quorum_partial *p = calloc(1, sizeof *p);
    struct quorum_pieces pieces = quorum_pieces_of(d, holder);
    struct ens_err err = {0};

    assert_non_null(p);
    assert_ok(prove_partial(&d->q, holder, &pieces, d->digest, &d->random, p, &err), err);
    secret_wipe(&pieces.bytes);
    return p;
}
