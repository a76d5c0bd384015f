/* Sealing: what the oracle sealed opens with the holders' keys and gives the pieces that the vectors name; what was
 * exchanged does not; an identity opens with its passphrase and no other. */
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/quorum/check.h"
#include "signer/quorum/prove.h"
#include "signer/quorum/seal.h"
#include "tests/support/quorum.h"

#define LOG2N 15 /* the least that an identity may have */

/* ---- the oracle's shares ---- */

static struct buf vector_file(const char *dir, const char *name)
{
    char path[200];

    (void)snprintf(path, sizeof path, "../quorum/vectors/%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);
    return support_shared(path);
}

static json_t *vector_json(const char *dir, const char *name)
{
    struct buf text = vector_file(dir, name);
    json_t *root = text.len > 0 ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;

    buf_free(&text);
    if (root == NULL)
        support_skip("the shared data is not there");
    return root;
}

/* Has the key of a holder's PEM file open it, as a token would. */
static bool unwrap(int holder, const struct quorum_sealed *box, struct secret *ret)
{
    char name[16];

    (void)snprintf(name, sizeof name, "%d.pem", holder);
    ENS_CLEANUP(buf_free) struct buf pem = vector_file("holders", name);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    const EVP_MD *hash = box->oaep == QUORUM_OAEP_SHA1 ? EVP_sha1() : EVP_sha256();
    struct ens_err err = {0};
    size_t len = QUORUM_WRAPPED_MAX;

    assert_ok(secret_alloc(ret, &err), err);
    assert_true(c != NULL && EVP_PKEY_decrypt_init(c) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_oaep_md(c, hash) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(c, hash) == 1);
    bool ok = EVP_PKEY_decrypt(c, (uint8_t *)ret->data, &len, box->wrapped, box->wrapped_len) == 1;

    ret->len = ok ? len : 0;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return ok;
}

/* The pieces of the holder, as the vector names them. */
static void check_named(const json_t *vector, unsigned holder, const struct quorum_pieces *p)
{
    char number[16];
    size_t index = 0;
    const json_t *a = NULL;

    (void)snprintf(number, sizeof number, "%u", holder);
    const json_t *have = json_object_get(json_object_get(vector, "holders"), number);

    assert_int_equal(p->count, json_array_size(have));
    json_array_foreach(have, index, a)
    {
        const char *want = json_string_value(
            json_array_get(json_object_get(vector, "pieces"), (size_t)json_integer_value(a)));
        char hex[2 * QUORUM_PIECE + 1];

        hex_encode(hex, view_of(p->bytes.data + index * QUORUM_PIECE, QUORUM_PIECE));
        assert_string_equal(hex, want);
    }
}

static void check_share(const char *dir, const json_t *vector, const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "file"));
    const char *verdict = json_string_value(json_object_get(row, "verdict"));
    const json_t *other = json_object_get(row, "opened_with");
    int holder = (int)json_integer_value(other != NULL ? other : json_object_get(row, "holder"));
    ENS_CLEANUP(buf_free) struct buf file = vector_file(dir, name);
    ENS_CLEANUP(mem_freep) struct quorum_share *s = NULL;
    ENS_CLEANUP(secret_wipe) struct secret key = {0};
    struct quorum_pieces pieces = {0};
    struct ens_err err = {0};

    s = mem_alloc(1, sizeof *s, &err);
    assert_non_null(s);
    if (strcmp(verdict, "malformed") == 0)
        return;
    assert_ok(quorum_read(buf_view(&file), name, s, &err), err);
    bool opens = unwrap(holder, &s->box, &key) && seal_open(s, &key, &pieces, &err);

    if (opens != (strcmp(verdict, "locked") != 0))
        fail_msg("%s/%s: %s, and was %s", dir, name, verdict, opens ? "opened" : "not opened");
    if (strcmp(verdict, "ok") == 0 && s->public.epoch == 0)
        check_named(vector, s->holder, &pieces);
    secret_wipe(&pieces.bytes);
}

static void test_vectors(void **state)
{
    json_t *index = vector_json("", "index.json");
    size_t cases = 0;
    const json_t *name = NULL;

    (void)state;
    json_array_foreach(json_object_get(index, "cases"), cases, name)
    {
        const char *dir = json_string_value(name);
        json_t *vector = vector_json(dir, "vector.json");
        size_t shares = 0;
        const json_t *row = NULL;

        json_array_foreach(json_object_get(vector, "shares"), shares, row) check_share(dir, vector, row);
        assert_true(shares > 5);
        json_decref(vector);
        if (getenv("ENSIGN_VALGRIND") != NULL)
            break; /* one quorum will do */
    }
    json_decref(index);
}

/* The partial of a share that was refreshed twice, with the random bytes that the oracle had: its file, byte for byte. Of
 * the last holder, who has the same key as before. */
static void check_refreshed(const char *dir, const json_t *vector)
{
    const json_t *rows = json_object_get(vector, "refreshed_partials");
    const json_t *row = json_array_get(rows, json_array_size(rows) - 1);
    unsigned holder = (unsigned)json_integer_value(json_object_get(row, "holder"));
    char name[64];
    uint8_t fresh[64];
    struct testrandom state = {.seed = dir, .fresh = fresh};
    const struct number_random random = {.fill = testrandom_fill, .ctx = &state};
    ENS_CLEANUP(buf_free) struct buf want = {0};
    ENS_CLEANUP(buf_free) struct buf share = {0};
    ENS_CLEANUP(buf_free) struct buf made = {0};
    struct quorum_share *s = calloc(1, sizeof *s);
    struct quorum_partial *p = calloc(1, sizeof *p);
    uint8_t digest[QUORUM_ID];
    ENS_CLEANUP(secret_wipe) struct secret key = {0};
    struct quorum_pieces pieces = {0};
    struct ens_err err = {0};

    assert_true(s != NULL && p != NULL);
    want = vector_file(dir, json_string_value(json_object_get(row, "file")));
    (void)snprintf(name, sizeof name, "refreshed-%u.share", holder);
    share = vector_file(dir, name);
    assert_ok(
        hex_decode(json_string_value(json_object_get(row, "fresh")), "fresh", fresh, sizeof fresh, &err),
        err);
    assert_ok(quorum_read(buf_view(&share), name, s, &err), err);
    assert_int_equal(s->public.epoch, 2);
    assert_int_equal(s->holder, holder);
    assert_true(unwrap((int)holder, &s->box, &key));
    assert_ok(seal_open(s, &key, &pieces, &err), err);
    assert_ok(quorum_read(buf_view(&want), "partial", p, &err), err);
    memcpy(digest, p->digest, sizeof digest);
    memset(p, 0, sizeof *p);
    assert_ok(check_public(&s->public, &err), err);
    assert_ok(check_pieces(&s->public, 1U << (holder - 1), &pieces, &number_openssl, &err), err);
    assert_ok(prove_partial(&s->public, holder, &pieces, digest, &random, p, &err), err);
    assert_ok(quorum_write(p, &made, &err), err);
    assert_true(view_equal(buf_view(&made), buf_view(&want)));
    secret_wipe(&pieces.bytes);
    free(s);
    free(p);
}

static void test_refreshed(void **state)
{
    json_t *index = vector_json("", "index.json");
    size_t cases = 0;
    const json_t *name = NULL;

    (void)state;
    json_array_foreach(json_object_get(index, "cases"), cases, name)
    {
        json_t *vector = vector_json(json_string_value(name), "vector.json");

        check_refreshed(json_string_value(name), vector);
        json_decref(vector);
        if (getenv("ENSIGN_VALGRIND") != NULL)
            break; /* one quorum will do */
    }
    assert_int_equal(cases, getenv("ENSIGN_VALGRIND") != NULL ? 0 : 5);
    json_decref(index);
}

static void open_vector_identity(void)
{
    json_t *index = vector_json("", "index.json");
    ENS_CLEANUP(buf_free) struct buf file = vector_file("holders", "1.identity");
    ENS_CLEANUP(buf_free) struct buf card_file = vector_file("holders", "1.card");
    ENS_CLEANUP(buf_free) struct buf share_file = vector_file("2of3-safe", "1.share");
    ENS_CLEANUP(mem_freep) struct quorum_share *s = NULL;
    ENS_CLEANUP(seal_key_freep) struct seal_key *key = NULL;
    ENS_CLEANUP(secret_wipe) struct secret passphrase = {0};
    ENS_CLEANUP(secret_wipe) struct secret file_key = {0};
    struct quorum_pieces pieces = {0};
    struct quorum_identity identity;
    struct quorum_card card;
    struct ens_err err = {0};

    s = mem_alloc(1, sizeof *s, &err);
    assert_ok(s != NULL && quorum_read(buf_view(&file), "identity", &identity, &err) &&
                  quorum_read(buf_view(&card_file), "card", &card, &err) &&
                  quorum_read(buf_view(&share_file), "share", s, &err) &&
                  support_secret(view_of_string(json_string_value(json_object_get(index, "passphrase"))),
                                 &passphrase, &err),
              err);
    assert_ok(seal_identity_open(&identity, &passphrase, &key, &err), err);
    assert_memory_equal(seal_key_card(key)->key, card.key, sizeof card.key);
    assert_ok(
        seal_key_unwrap(key, s->box.oaep, view_of(s->box.wrapped, s->box.wrapped_len), &file_key, &err) &&
            seal_open(s, &file_key, &pieces, &err),
        err);
    json_t *vector = vector_json("2of3-safe", "vector.json");

    check_named(vector, 1, &pieces);
    json_decref(vector);
    json_decref(index);
    secret_wipe(&pieces.bytes);
}

static void test_vector_identity(void **state)
{
    (void)state;
    if (getenv("ENSIGN_VALGRIND") != NULL)
        support_skip("valgrind takes long to stretch a passphrase: once is enough");
    open_vector_identity();
}

/* ---- our own ---- */

/* One identity for all tests: a key takes a while. */
static struct quorum_identity identity;
static struct quorum_card card;
static struct seal_key *key;

static bool read_own(const char *name, bool is_card, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = support_vector(name);

    return is_card ? quorum_read(buf_view(&file), name, &card, err)
                   : quorum_read(buf_view(&file), name, &identity, err);
}

/* An identity that is there: a new key takes a while, and minutes under valgrind. */
static int set_up(void **state)
{
    ENS_CLEANUP(secret_wipe) struct secret passphrase = {0};
    struct ens_err err = {0};

    (void)state;
    return !support_secret(view_of_string("correct horse battery"), &passphrase, &err) ||
           !read_own("quorum/1.identity", false, &err) || !read_own("quorum/1.card", true, &err) ||
           !seal_identity_open(&identity, &passphrase, &key, &err);
}

static int tear_down(void **state)
{
    (void)state;
    seal_key_freep(&key);
    return 0;
}

static void test_identity(void **state)
{
    ENS_CLEANUP(secret_wipe) struct secret wrong = {0};
    ENS_CLEANUP(secret_wipe) struct secret brief = {0};
    ENS_CLEANUP(secret_wipe) struct secret plain = {0};
    uint8_t wrapped[QUORUM_WRAPPED_MAX];
    unsigned wrapped_len = 0;
    struct quorum_identity other = identity;
    struct quorum_card other_card;
    struct seal_key *opened = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_int_equal(card.bits, 3072);
    assert_ok(
        seal_wrap(&card, view_of_string("32 bytes that somebody must open"), wrapped, &wrapped_len, &err) &&
            seal_key_unwrap(key, card.oaep, view_of(wrapped, wrapped_len), &plain, &err),
        err);
    assert_string_equal(plain.data, "32 bytes that somebody must open");
    assert_memory_equal(seal_key_card(key)->spki, card.spki, card.size);
    assert_ok(support_secret(view_of_string("correct horse batterz"), &wrong, &err), err);
    assert_ok(support_secret(view_of_string("eleven byte"), &brief, &err), err);
    assert_fails(seal_identity_open(&identity, &wrong, &opened, &err), err, ENS_PIN,
                 "the passphrase does not open it");
    assert_fails(seal_identity_new(&brief, LOG2N, &other, &other_card, &err), err, ENS_DATA,
                 "the passphrase has 11 bytes: give 12 at least");
}

static void make_pieces(unsigned count, struct quorum_pieces *ret)
{
    struct ens_err err = {0};

    assert_ok(secret_alloc_size(&ret->bytes, (size_t)count * QUORUM_PIECE, &err), err);
    ret->bytes.len = (size_t)count * QUORUM_PIECE;
    memset(ret->bytes.data, 0x5a, ret->bytes.len);
    ret->count = count;
}

static void test_new_identity(void **state)
{
    ENS_CLEANUP(secret_wipe) struct secret passphrase = {0};
    ENS_CLEANUP(seal_key_freep) struct seal_key *opened = NULL;
    struct quorum_identity made = {0};
    struct quorum_card made_card = {0};
    struct ens_err err = {0};

    (void)state;
    if (getenv("ENSIGN_VALGRIND") != NULL)
        support_skip("valgrind takes minutes to make a key of 3072 bits");
    assert_ok(support_secret(view_of_string("twelve bytes"), &passphrase, &err), err);
    assert_ok(seal_identity_new(&passphrase, LOG2N, &made, &made_card, &err), err);
    assert_int_equal(made_card.bits, 3072);
    assert_ok(seal_identity_open(&made, &passphrase, &opened, &err), err);
    assert_memory_equal(seal_key_card(opened)->spki, made_card.spki, made_card.size);
}

/* Seals as many pieces as can be; opens them; and not with another header. */
static void test_pieces(void **state)
{
    ENS_CLEANUP(mem_freep) struct quorum_repair *d = NULL;
    ENS_CLEANUP(secret_wipe) struct secret file_key = {0};
    struct quorum_pieces pieces = {0};
    struct quorum_pieces again = {0};
    struct ens_err err = {0};

    (void)state;
    d = mem_alloc(1, sizeof *d, &err);
    assert_non_null(d);
    d->holder = 3;
    for (int oaep = 0; oaep < 2; oaep++) {
        make_pieces(oaep == 0 ? QUORUM_SHARE_MAX : 1, &pieces);
        card.oaep = (enum quorum_oaep)oaep;
        assert_ok(seal_box(QUORUM_REPAIR, d, &d->box, &card, &pieces, &err), err);
        assert_int_equal(d->box.bits, 3072);
        assert_int_equal(d->box.oaep, oaep);
        struct view wrapped = view_of(d->box.wrapped, d->box.wrapped_len);

        assert_fails(seal_key_unwrap(key, (enum quorum_oaep) !oaep, wrapped, &file_key, &err), err, ENS_DATA,
                     "wrapped: was not made for this key");
        assert_ok(seal_key_unwrap(key, (enum quorum_oaep)oaep, wrapped, &file_key, &err), err);
        assert_ok(seal_open_box(QUORUM_REPAIR, d, &d->box, &file_key, &again, &err), err);
        assert_int_equal(again.count, pieces.count);
        assert_memory_equal(again.bytes.data, pieces.bytes.data, pieces.bytes.len);
        secret_wipe(&again.bytes);
        d->holder ^= 1;
        assert_fails(seal_open(d, &file_key, &again, &err), err, ENS_DATA, "sealed: is not what was sealed");
        d->holder ^= 1;
        d->box.sealed[d->box.pieces * QUORUM_PIECE + QUORUM_TAG - 1] ^= 1;
        assert_fails(seal_open(d, &file_key, &again, &err), err, ENS_DATA, "sealed: is not what was sealed");
        file_key.len--;
        assert_fails(seal_open(d, &file_key, &again, &err), err, ENS_DATA, "wrapped: is not a file key");
        secret_wipe(&file_key);
        secret_wipe(&pieces.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),  cmocka_unit_test(test_vector_identity),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_new_identity),
        cmocka_unit_test(test_pieces),   cmocka_unit_test(test_refreshed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
