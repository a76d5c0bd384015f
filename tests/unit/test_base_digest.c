/* The two digests against published values, fed at once and in pieces; and OpenSSL's error queue, which
 * only ossl.c reads. */
#include <openssl/err.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "signer/base/xof.h"
#include "tests/support/support.h"

/* FIPS 180-4 examples, and the one value that the format of ORC bundles publishes. */
static const struct {
    enum digest_kind kind;
    const char *text;
    const char *want;
} vectors[] = {
    {DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {DIGEST_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {DIGEST_SHA512_256, "", "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"},
    {DIGEST_SHA512_256, "abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    {DIGEST_SHA512_256,
     "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrs"
     "t"
     "nopqrstu",
     "3928e184fb8690f840da3988121d31be65cb9d3ef83ee6146feac861e19b563a"},
    {DIGEST_SHA512_256, "this is a test", "6c53016ac6f75b6a86dbd56070cbed58a5880071fa3ae44f1211ec72958ae941"},
};

static void assert_hex(const uint8_t digest[static DIGEST_SIZE], const char *want)
{
    char hex[2 * DIGEST_SIZE + 1];

    hex_encode(hex, view_of(digest, DIGEST_SIZE));
    assert_string_equal(hex, want);
}

static void published_values_hold(void **state)
{
    uint8_t digest[DIGEST_SIZE];
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_ok(digest_of(vectors[i].kind, view_of_string(vectors[i].text), digest, &err), err);
        assert_hex(digest, vectors[i].want);
    }
}

static void pieces_give_the_same_as_the_whole(void **state)
{
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct view all = view_of_string(vectors[i].text);

        for (size_t step = 1; step <= 64; step += 9) {
            ENS_CLEANUP(digest_freep) struct digest *d = NULL;
            uint8_t digest[DIGEST_SIZE];

            assert_ok(digest_new(vectors[i].kind, &d, &err), err);
            for (size_t at = 0; at < all.len; at += step)
                assert_ok(
                    digest_update(d, view_slice(all, at, step < all.len - at ? step : all.len - at), &err),
                    err);
            assert_ok(digest_update(d, view_of(NULL, 0), &err), err);
            assert_ok(digest_final(d, digest, &err), err);
            assert_hex(digest, vectors[i].want);
        }
    }
}

static void a_million_letters_a(void **state)
{
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;
    uint8_t digest[DIGEST_SIZE];
    uint8_t letters[1000];
    struct ens_err err = {0};

    (void)state;
    memset(letters, 'a', sizeof letters);
    assert_ok(digest_new(DIGEST_SHA256, &d, &err), err);
    for (int i = 0; i < 1000; i++)
        assert_ok(digest_update(d, view_of(letters, sizeof letters), &err), err);
    assert_ok(digest_final(d, digest, &err), err);
    assert_hex(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static struct view up_to(struct view v, size_t len)
{
    return view_slice(v, 0, len);
}

/* Takes the rest of a text from `at` on, and gives the digest. */
static void assert_ends(struct digest *d, struct view all, size_t at, const char *want)
{
    uint8_t digest[DIGEST_SIZE];
    struct ens_err err = {0};

    assert_ok(digest_update(d, view_slice(all, at, all.len - at), &err), err);
    assert_ok(digest_final(d, digest, &err), err);
    assert_hex(digest, want);
}

/* Forked at every byte: both go on as if they were alone, whichever goes first. */
static void a_fork_has_taken_the_same(void **state)
{
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct view all = view_of_string(vectors[i].text);

        for (size_t at = 0; at <= all.len; at++) {
            ENS_CLEANUP(digest_freep) struct digest *d = NULL;
            ENS_CLEANUP(digest_freep) struct digest *fork = NULL;

            assert_ok(digest_new(vectors[i].kind, &d, &err), err);
            assert_ok(digest_update(d, up_to(all, at), &err), err);
            assert_ok(digest_fork(d, &fork, &err), err);
            assert_ptr_not_equal(d, fork);
            assert_ends(at % 2 == 0 ? d : fork, all, at, vectors[i].want);
            assert_ends(at % 2 == 0 ? fork : d, all, at, vectors[i].want);
        }
    }
}

/* What one takes, the other does not. */
static void a_fork_goes_its_own_way(void **state)
{
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;
    ENS_CLEANUP(digest_freep) struct digest *fork = NULL;
    ENS_CLEANUP(digest_freep) struct digest *second = NULL;
    struct view other = view_of_string("something else that is longer than a block of sixty-four bytes is");
    struct ens_err err = {0};

    (void)state;
    assert_ok(digest_new(DIGEST_SHA256, &d, &err), err);
    assert_ok(digest_update(d, view_of("a", 1), &err), err);
    assert_ok(digest_fork(d, &fork, &err), err);
    assert_ok(digest_update(fork, other, &err), err);
    assert_ok(digest_update(d, view_of("b", 1), &err), err);
    /* A fork of a fork, and the first one released before the others end. */
    assert_ok(digest_fork(d, &second, &err), err);
    digest_freep(&fork);
    assert_ends(d, view_of("c", 1), 0, vectors[1].want);
    digest_freep(&d);
    assert_ends(second, view_of("c", 1), 0, vectors[1].want);
}

static void nothing_is_released_once_and_twice(void **state)
{
    struct digest *d = NULL;
    struct ens_err err = {0};

    (void)state;
    digest_freep(&d);
    assert_ok(digest_new(DIGEST_SHA256, &d, &err), err);
    digest_freep(&d);
    assert_null(d);
    digest_freep(&d);
}

/* SHAKE256 of "tag", a NUL, "abcdef", as Python's hashlib has it. */
static void an_output_has_any_length(void **state)
{
    static const uint8_t want[] = {0xa3, 0x35, 0xa5, 0xff, 0xbd, 0x09, 0x66, 0x42, 0xf1, 0x7e,
                                   0x38, 0xd8, 0xe9, 0xb3, 0x66, 0xa6, 0xef, 0x01, 0x15, 0x6e,
                                   0xb2, 0x94, 0x2a, 0x05, 0xad, 0x4b, 0xf0, 0x78, 0x9c, 0x53,
                                   0x3e, 0xf9, 0xe4, 0x29, 0xaa, 0x1b, 0x9d, 0xde, 0xff, 0x74};
    const struct view parts[] = {view_of("abc", 3), view_of("", 0), view_of("def", 3)};
    uint8_t got[sizeof want];
    struct ens_err err = {0};

    (void)state;
    assert_ok(xof_of("tag", parts, 3, got, sizeof got, &err), err);
    assert_memory_equal(got, want, sizeof want);
    /* A shorter one is its beginning; another tag, or another cut between tag and parts, gives another one. */
    memset(got, 0, sizeof got);
    assert_ok(xof_of("tag", parts, 3, got, 5, &err), err);
    assert_memory_equal(got, want, 5);
    assert_int_equal(got[5], 0);
    assert_ok(xof_of("ta", parts, 3, got, sizeof got, &err), err);
    assert_memory_not_equal(got, want, 5);
}

static void the_reason_that_openssl_left_is_told_once(void **state)
{
    struct ens_err err = {0};

    (void)state;
    ossl_clear();
    assert_false(ossl_fail(&err, ENS_RESOURCE, "key %d", 3));
    assert_string_equal(err.msg, "key 3");
    ERR_raise(ERR_LIB_RSA, ERR_R_MALLOC_FAILURE);
    assert_false(ossl_fail(&err, ENS_DATA, "key %d", 3));
    assert_int_equal(err.code, ENS_DATA);
    assert_string_equal(err.msg, "key 3: malloc failure");
    assert_int_equal(ERR_peek_error(), 0);
}

static void the_reason_of_one_library_is_found_among_others(void **state)
{
    (void)state;
    ossl_clear();
    assert_int_equal(ossl_reason_of(ERR_LIB_RSA), 0);
    ERR_raise(ERR_LIB_BIO, 101);
    ERR_raise(ERR_LIB_RSA, 102);
    ERR_raise(ERR_LIB_RSA, 103);
    ERR_raise(ERR_LIB_PEM, 104);
    assert_int_equal(ossl_reason_of(ERR_LIB_RSA), 102);
    assert_int_equal(ERR_peek_error(), 0);
    ERR_raise(ERR_LIB_BIO, 101);
    assert_int_equal(ossl_reason_of(ERR_LIB_RSA), 0);
    assert_int_equal(ERR_peek_error(), 0);
    ERR_raise(ERR_LIB_BIO, 101);
    ossl_clear();
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_hold),
        cmocka_unit_test(pieces_give_the_same_as_the_whole),
        cmocka_unit_test(a_million_letters_a),
        cmocka_unit_test(a_fork_has_taken_the_same),
        cmocka_unit_test(a_fork_goes_its_own_way),
        cmocka_unit_test(nothing_is_released_once_and_twice),
        cmocka_unit_test(an_output_has_any_length),
        cmocka_unit_test(the_reason_that_openssl_left_is_told_once),
        cmocka_unit_test(the_reason_of_one_library_is_found_among_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
