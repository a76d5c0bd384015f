/* Out of memory in the arithmetic of a quorum, and in the readers of its files: the n-th allocation fails, of OpenSSL or of
 * mem.c, for every n. The answer is an error that says so, never a verdict over a file; and under AddressSanitizer no
 * leak. Toy numbers. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "signer/quorum/check.h"
#include "signer/quorum/combine.h"
#include "signer/quorum/deal.h"
#include "signer/quorum/prove.h"
#include "signer/quorum/refresh.h"
#include "tests/support/quorum.h"

static bool armed;
static size_t left;
static size_t failed;

static bool fails(void)
{
    if (!armed || failed > 0)
        return false;
    if (left > 0) {
        left--;
        return false;
    }
    failed++;
    return true;
}

static void *fault_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails() ? NULL : malloc(size);
}

static void *fault_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails() ? NULL : realloc(block, size);
}

static void fault_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    free(block);
}

/* The linker leads the allocators here (Makefile, WRAP_test_quorum_oom). */
void *__real_mem_alloc(size_t count, size_t size, struct ens_err *err);
void *__real_mem_room(size_t size, struct ens_err *err);
bool __real_mem_grow(void **block, size_t count, size_t size, struct ens_err *err);
void *__wrap_mem_alloc(size_t count, size_t size, struct ens_err *err);
void *__wrap_mem_room(size_t size, struct ens_err *err);
bool __wrap_mem_grow(void **block, size_t count, size_t size, struct ens_err *err);

void *__wrap_mem_alloc(size_t count, size_t size, struct ens_err *err)
{
    if (!fails())
        return __real_mem_alloc(count, size, err);
    (void)ens_fail(err, ENS_RESOURCE, "out of memory");
    return NULL;
}

void *__wrap_mem_room(size_t size, struct ens_err *err)
{
    if (!fails())
        return __real_mem_room(size, err);
    (void)ens_fail(err, ENS_RESOURCE, "out of memory");
    return NULL;
}

bool __wrap_mem_grow(void **block, size_t count, size_t size, struct ens_err *err)
{
    return fails() ? ens_fail(err, ENS_RESOURCE, "out of memory") : __real_mem_grow(block, count, size, err);
}

static struct dealt *d;
static struct quorum_partial *partial[2];
static struct quorum_partial *made;
static struct quorum_pieces pieces;
static struct quorum_delta *delta;
static struct quorum_pieces numbers; /* of the delta */
static struct quorum_public *q;      /* what a work may write */

static int set_up(void **state)
{
    struct secret all = {0};
    struct ens_err err = {0};

    (void)state;
    d = quorum_dealt(quorum_toy_primes(), 2, 2, "oom");
    partial[0] = quorum_partial_of(d, 1);
    partial[1] = quorum_partial_of(d, 2);
    pieces = quorum_pieces_of(d, 1);
    made = calloc(1, sizeof *made);
    q = calloc(1, sizeof *q);
    delta = calloc(1, sizeof *delta);
    if (made == NULL || q == NULL || delta == NULL)
        return 1;
    *delta = (struct quorum_delta){.holder = 1, .holders = 2, .count = 2};
    bool ok = refresh_draw(&d->q, &d->random, delta->commitments, &all, &err) &&
              deal_select(&d->q, 0, &all, 1, &numbers, &err);

    secret_wipe(&all);
    return ok ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    secret_wipe(&pieces.bytes);
    secret_wipe(&numbers.bytes);
    free(partial[0]);
    free(partial[1]);
    free(made);
    free(q);
    free(delta);
    quorum_dealt_free(d);
    return 0;
}

static void walk(bool (*work)(struct ens_err *err))
{
    struct ens_err warm = {0};
    size_t n = 0;

    assert_ok(work(&warm), warm);
    for (;; n++) {
        struct ens_err err = {0};

        armed = true;
        left = n;
        failed = 0;
        bool ok = work(&err);

        armed = false;
        ossl_clear();
        if (failed == 0) {
            assert_ok(ok, err);
            break;
        }
        if (!ok && err.code != ENS_RESOURCE)
            fail_msg("allocation %zu: %d, '%s'", n, (int)err.code, err.msg);
    }
    assert_true(n > 5);
}

static bool deal(struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret primes = {0};
    ENS_CLEANUP(secret_wipe) struct secret all = {0};

    bool was_armed = armed;

    armed = false;
    primes = quorum_toy_primes();
    armed = was_armed;
    return deal_pieces(&primes, 2, 3, &d->random, q, &all, err);
}

static bool check(struct ens_err *err)
{
    return check_pieces(&d->q, 1, &pieces, &d->random, err);
}

static bool prove(struct ens_err *err)
{
    return prove_partial(&d->q, 1, &pieces, d->digest, &d->random, made, err);
}

static bool verify(struct ens_err *err)
{
    enum quorum_verdict verdict = QUORUM_MALFORMED;

    if (!prove_verify(&d->q, partial[0], d->digest, &verdict, err))
        return false;
    assert_int_equal(verdict, QUORUM_OK);
    return true;
}

static bool combine(struct ens_err *err)
{
    struct combine_result result = {0};

    if (!combine_partials(&d->q, (const struct quorum_partial *const *)partial, 2, d->digest, &result, err))
        return false;
    assert_int_equal(result.holders, 3);
    return true;
}

static bool look_at_delta(struct ens_err *err)
{
    return check_delta(&d->q, delta, &numbers, &d->random, err);
}

static bool apply(struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret all = {0};
    struct quorum_pieces sum = {0};

    *q = d->q;
    bool ok = refresh_draw(&d->q, &d->random, delta->commitments, &all, err) &&
              deal_select(&d->q, 0, &d->all, 1, &sum, err) && refresh_apply(delta, &numbers, q, &sum, err);

    secret_wipe(&sum.bytes);
    return ok;
}

/* ---- files ---- */

static enum quorum_kind kind;
static struct buf file;

static bool read_file(struct ens_err *err)
{
    static union quorum_document doc;

    return formats_read(kind, buf_view(&file), "F", &doc, err);
}

/* A file that is good is never said to be malformed. */
static void files_of_every_kind(void **state)
{
    (void)state;
    for (int each = 0; each < QUORUM_KINDS; each++) {
        kind = (enum quorum_kind)each;
        file = quorum_file_of(kind);
        walk(read_file);
        buf_free(&file);
    }
}

#define WALK(name, work)                                                                                     \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        walk(work);                                                                                          \
    }

WALK(a_key_that_is_dealt, deal)
WALK(a_share_that_is_checked, check)
WALK(a_partial_that_is_made, prove)
WALK(a_partial_that_is_verified, verify)
WALK(partials_that_are_combined, combine)
WALK(a_delta_that_is_checked, look_at_delta)
WALK(a_delta_that_is_applied, apply)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_is_dealt),        cmocka_unit_test(a_share_that_is_checked),
        cmocka_unit_test(a_partial_that_is_made),     cmocka_unit_test(a_partial_that_is_verified),
        cmocka_unit_test(partials_that_are_combined), cmocka_unit_test(a_delta_that_is_checked),
        cmocka_unit_test(a_delta_that_is_applied),    cmocka_unit_test(files_of_every_kind),
    };

    if (CRYPTO_set_mem_functions(fault_malloc, fault_realloc, fault_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
