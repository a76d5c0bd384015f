/* Out of memory inside OpenSSL: its allocator fails at the n-th call, for every n, over each function that
 * uses it. The answer is an error or the right result; no crash, and under AddressSanitizer no leak. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

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

static struct sigstruct css;
static struct buf pem;
static struct testkey key;
static uint8_t digest[32];
static uint8_t signature[384];

static int set_up(void **state)
{
    struct buf file = support_vector("sigstruct/good.sig");
    struct ens_err err = {0};

    (void)state;
    memcpy(css.bytes, file.data, SIGSTRUCT_SIZE);
    buf_free(&file);
    pem = support_vector("keys/testkey.pub.pem");
    key = testkey_load();
    bytes_reverse(signature, sigstruct_get(&css, CSS_SIGNATURE).data, 384);
    return !signdata_digest(&css, digest, &err);
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&pem);
    testkey_free(&key);
    return 0;
}

/* `work` returns false with an error, or true after it has seen that its result is right. */
static void walk(bool (*work)(struct ens_err *err))
{
    struct ens_err warm = {0};
    size_t n = 0;

    /* What OpenSSL allocates once and keeps is not part of the walk. */
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
        if (!ok && err.code != ENS_RESOURCE && err.code != ENS_DATA)
            fail_msg("allocation %zu: %d, '%s'", n, (int)err.code, err.msg);
        if (!ok && err.msg[0] == '\0')
            fail_msg("allocation %zu: no message", n);
    }
    assert_true(n > 1);
}

static bool hash(struct ens_err *err)
{
    uint8_t got[32];

    if (!digest_of(DIGEST_SHA256, view_of("abc", 3), got, err))
        return false;
    assert_memory_equal(got, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8);
    return true;
}

static void a_digest(void **state)
{
    (void)state;
    walk(hash);
}

static bool verify(struct ens_err *err)
{
    bool ok = false;

    if (!rsa3072_verify(&key.pub, digest, signature, &ok, err))
        return false;
    assert_true(ok);
    return true;
}

static void a_signature_that_is_verified(void **state)
{
    (void)state;
    walk(verify);
}

static bool refuse(struct ens_err *err)
{
    static const uint8_t other[32];
    bool ok = false;

    if (!rsa3072_verify(&key.pub, other, signature, &ok, err))
        return false;
    assert_false(ok);
    return true;
}

static void a_signature_that_is_refused(void **state)
{
    (void)state;
    walk(refuse);
}

static bool divide(struct ens_err *err)
{
    uint8_t q1[384];
    uint8_t q2[384];
    uint8_t reversed[384];
    bool fit = false;

    if (!rsa3072_q1q2(&key.pub, signature, q1, q2, &fit, err))
        return false;
    assert_true(fit);
    bytes_reverse(reversed, q1, 384);
    assert_memory_equal(reversed, sigstruct_get(&css, CSS_Q1).data, 384);
    bytes_reverse(reversed, q2, 384);
    assert_memory_equal(reversed, sigstruct_get(&css, CSS_Q2).data, 384);
    return true;
}

static void quotients(void **state)
{
    (void)state;
    walk(divide);
}

static bool judge(struct ens_err *err)
{
    struct findings found = {0};

    if (!verify_sigstruct(view_of(css.bytes, SIGSTRUCT_SIZE), &found, err))
        return false;
    assert_int_equal(found.len, 0);
    return true;
}

static void a_sigstruct_that_is_judged(void **state)
{
    (void)state;
    walk(judge);
}

static bool read_key(struct ens_err *err)
{
    struct pubkey got;

    if (!rsa3072_read_pubkey(buf_view(&pem), "key", &got, err))
        return false;
    assert_memory_equal(got.modulus, key.pub.modulus, PUBKEY_SIZE);
    return true;
}

static void a_key_that_is_read(void **state)
{
    (void)state;
    walk(read_key);
}

static bool write_key(struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};

    if (!rsa3072_write_pubkey(&key.pub, &b, err)) {
        assert_int_equal(b.len, 0);
        return false;
    }
    assert_int_equal(b.len, pem.len);
    assert_memory_equal(b.data, pem.data, pem.len);
    return true;
}

static void a_key_that_is_written(void **state)
{
    (void)state;
    walk(write_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest),
        cmocka_unit_test(a_signature_that_is_verified),
        cmocka_unit_test(a_signature_that_is_refused),
        cmocka_unit_test(quotients),
        cmocka_unit_test(a_sigstruct_that_is_judged),
        cmocka_unit_test(a_key_that_is_read),
        cmocka_unit_test(a_key_that_is_written),
    };

    if (CRYPTO_set_mem_functions(fault_malloc, fault_realloc, fault_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
