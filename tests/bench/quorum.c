/* quorum: what the arithmetic of a quorum costs. `quorum KEY.pem ROUNDS` deals the key (RSA-3072, e = 3, in the open) to
 * quorums of five sizes. stdout: a line for each, "M N" and the median over the rounds of the milliseconds of processor
 * time of the dealing, of the check of a share, of a partial (with its proof, and verified before it is released), of
 * verifying one, and of combining M, each verified first. No file of a quorum is read, nothing is sealed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "signer/base/file.h"
#include "signer/quorum/check.h"
#include "signer/quorum/combine.h"
#include "signer/quorum/deal.h"
#include "signer/quorum/prove.h"
#include "signer/sgx/rsa3072_private.h"

#define ROUNDS_MAX 99

enum step { DEAL, CHECK, PARTIAL, VERIFY, COMBINE, STEPS };

static struct quorum_public q;
static struct quorum_partial partials[QUORUM_HOLDERS_MAX];
static const uint8_t digest[32] = "a digest like any other";
static double taken[STEPS][ROUNDS_MAX];

static void must(bool ok, const char *what, const struct ens_err *err)
{
    if (ok)
        return;
    (void)fprintf(stderr, "quorum: %s: %s\n", what, err->msg);
    exit(1);
}

/* Milliseconds of processor time since *since, which becomes now. */
static double lap(struct timespec *since)
{
    const struct timespec before = *since;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, since);
    return 1e3 * (double)(since->tv_sec - before.tv_sec) + 1e-6 * (double)(since->tv_nsec - before.tv_nsec);
}

static void verify(unsigned holder)
{
    enum quorum_verdict verdict = QUORUM_MALFORMED;
    struct ens_err err = {0};
    bool ok = prove_verify(&q, &partials[holder], digest, &verdict, &err);

    must(ok && verdict == QUORUM_OK, "verify", &err);
}

static void combine(void)
{
    const struct quorum_partial *good[QUORUM_HOLDERS_MAX];
    struct combine_result result = {0};
    struct ens_err err = {0};

    for (unsigned i = 0; i < q.threshold; i++) {
        verify(i);
        good[i] = &partials[i];
    }
    must(combine_partials(&q, good, q.threshold, digest, &result, &err), "combine", &err);
    must(result.holders != 0, "combine: no signature", &err);
}

static void one_round(const struct secret *primes, unsigned m, unsigned n, unsigned round)
{
    struct secret all = {0};
    struct quorum_pieces pieces[QUORUM_HOLDERS_MAX] = {0};
    struct ens_err err = {0};
    struct timespec now = {0};

    memset(&q, 0, sizeof q);
    (void)lap(&now);
    must(deal_pieces(primes, m, n, &number_openssl, &q, &all, &err), "deal", &err);
    taken[DEAL][round] = lap(&now);
    for (unsigned i = 0; i < m; i++)
        must(deal_select(&q, 0, &all, i + 1, &pieces[i], &err), "select", &err);
    (void)lap(&now);
    must(check_pieces(&q, 1, &pieces[0], &number_openssl, &err), "check", &err);
    taken[CHECK][round] = lap(&now);
    for (unsigned i = 0; i < m; i++) {
        (void)lap(&now);
        must(prove_partial(&q, i + 1, &pieces[i], digest, &number_openssl, &partials[i], &err), "partial",
             &err);
        taken[PARTIAL][round] = lap(&now);
        secret_wipe(&pieces[i].bytes);
    }
    verify(0);
    taken[VERIFY][round] = lap(&now);
    combine();
    taken[COMBINE][round] = lap(&now);
    secret_wipe(&all);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static const unsigned sizes[][2] = {{2, 2}, {2, 3}, {3, 5}, {4, 7}, {7, 7}};
    unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    struct buf file = {0};
    struct secret primes = {0};
    struct pubkey key;
    struct ens_err err = {0};

    if (rounds == 0 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "usage: quorum KEY.pem ROUNDS\n");
        return 64;
    }
    must(number_lock_memory(&err), "memory", &err);
    must(file_read_all(argv[1], 1 << 16, &file, &err), argv[1], &err);
    must(rsa3072_private_read(buf_view(&file), argv[1], NULL, &primes, &key, &err), argv[1], &err);
    one_round(&primes, 2, 2, 0); /* not counted: it loads what the others find */
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        for (unsigned round = 0; round < rounds; round++)
            one_round(&primes, sizes[at][0], sizes[at][1], round);
        (void)printf("%u %u", sizes[at][0], sizes[at][1]);
        for (int step = 0; step < STEPS; step++) {
            qsort(taken[step], rounds, sizeof taken[step][0], compare);
            (void)printf(" %.3f", taken[step][rounds / 2]);
        }
        (void)printf("\n");
    }
    secret_wipe(&primes);
    buf_free(&file);
    return 0;
}
