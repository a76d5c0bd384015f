/* The manifest hash against oasis-core's own vectors, and against hand-made CBOR. */
#include <stdio.h>
#include <string.h>

#include "bundle/orc/manifest_hash.h"
#include "bundle/orc/manifest_load.h"
#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "tests/support/support.h"

static void hash_text(struct view text, char ret_hex[65])
{
    struct ens_err err = {0};
    uint8_t hash[32];
    void *root = NULL;

    assert_ok(manifest_load(text, &root, &err), err);
    assert_ok(manifest_hash_of(root, hash, &err), err);
    manifest_load_free(root);
    hex_encode(ret_hex, view_of(hash, sizeof hash));
}

static void vectors_of_oasis_core_hold(void **state)
{
    static const char *const names[] = {"empty", "mini", "full", "legacy", "synthetic"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64];
        char hex[65];

        (void)snprintf(path, sizeof path, "manifest/%s.json", names[i]);
        struct buf json = support_shared(path);
        (void)snprintf(path, sizeof path, "manifest/%s.hash", names[i]);
        struct buf want = support_shared(path);

        if (json.len == 0 || want.len == 0) {
            buf_free(&json);
            buf_free(&want);
            support_skip("shared data is not here");
        }
        assert_true(want.len >= 64);
        hash_text(buf_view(&json), hex);
        assert_memory_equal(hex, want.data, 64);
        buf_free(&json);
        buf_free(&want);
    }
}

/* The hash of `json` must be SHA-512/256 of these bytes. */
static void assert_cbor(const char *json, const uint8_t *cbor, size_t len)
{
    struct ens_err err = {0};
    uint8_t hash[32];
    char want[65];
    char got[65];

    assert_ok(digest_of(DIGEST_SHA512_256, view_of(cbor, len), hash, &err), err);
    hex_encode(want, view_of(hash, sizeof hash));
    hash_text(view_of_string(json), got);
    assert_string_equal(got, want);
}

static void absent_digests_are_null_and_present_ones_a_map(void **state)
{
    uint8_t with_null[47] = {0xa2, 0x62, 'i', 'd', 0x58, 0x20};
    uint8_t with_map[sizeof with_null];

    (void)state;
    memcpy(with_null + 6 + 32,
           "\x67"
           "digests\xf6",
           9);
    assert_cbor("{}", with_null, sizeof with_null);
    assert_cbor("{\"digests\":null}", with_null, sizeof with_null);
    memcpy(with_map, with_null, sizeof with_null);
    with_map[sizeof with_map - 1] = 0xa0;
    assert_cbor("{\"digests\":{}}", with_map, sizeof with_map);
}

static void unknown_and_empty_fields_do_not_count(void **state)
{
    char plain[65];
    char decorated[65];
    char other[65];

    (void)state;
    hash_text(view_of_string("{\"name\":\"n\"}"), plain);
    hash_text(
        view_of_string("{\"future\":[1,{\"x\":null}],\"name\":\"n\",\"executable\":\"\",\"components\":[],"
                       "\"version\":{\"major\":0}}"),
        decorated);
    hash_text(view_of_string("{\"name\":\"m\"}"), other);
    assert_string_equal(plain, decorated);
    assert_string_not_equal(plain, other);
}

static void a_ronl_version_counts_only_without_one_at_the_top(void **state)
{
    char with[65];
    char without[65];
    char alone[65];
    char bare[65];

    (void)state;
    hash_text(
        view_of_string("{\"version\":{\"major\":1},\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\","
                       "\"version\":{\"major\":1}}]}"),
        with);
    hash_text(view_of_string(
                  "{\"version\":{\"major\":1},\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\"}]}"),
              without);
    hash_text(view_of_string(
                  "{\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\",\"version\":{\"major\":1}}]}"),
              alone);
    hash_text(view_of_string("{\"components\":[{\"kind\":\"ronl\",\"executable\":\"e\"}]}"), bare);
    assert_string_equal(with, without);
    assert_string_not_equal(alone, bare);
}

static void digests_are_ordered_by_length_first(void **state)
{
    static const char a[] = "\"aa\":\"0100000000000000000000000000000000000000000000000000000000000000\"";
    static const char b[] = "\"b\":\"0200000000000000000000000000000000000000000000000000000000000000\"";
    char json[400];
    uint8_t cbor[256] = {0xa2, 0x62, 'i', 'd', 0x58, 0x20};
    size_t at = 6 + 32;

    (void)state;
    memcpy(cbor + at,
           "\x67"
           "digests\xa2",
           9);
    at += 9;
    memcpy(cbor + at,
           "\x61"
           "b\x58\x20\x02",
           5);
    at += 4 + 32;
    memcpy(cbor + at,
           "\x62"
           "aa\x58\x20\x01",
           6);
    at += 5 + 32;
    (void)snprintf(json, sizeof json, "{\"digests\":{%s,%s}}", a, b);
    assert_cbor(json, cbor, at);
}

static void binary_texts_must_be_binary(void **state)
{
    struct ens_err err = {0};
    uint8_t hash[32];
    void *root = NULL;

    (void)state;
    assert_ok(manifest_load(view_of_string("{\"id\":\"xyz\"}"), &root, &err), err);
    assert_fails(manifest_hash_of(root, hash, &err), err, ENS_DATA, "id");
    manifest_load_free(root);
    assert_ok(manifest_load(view_of_string("{\"digests\":{\"f\":\"00\"}}"), &root, &err), err);
    assert_fails(manifest_hash_of(root, hash, &err), err, ENS_DATA, "digests");
    manifest_load_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_oasis_core_hold),
        cmocka_unit_test(absent_digests_are_null_and_present_ones_a_map),
        cmocka_unit_test(unknown_and_empty_fields_do_not_count),
        cmocka_unit_test(a_ronl_version_counts_only_without_one_at_the_top),
        cmocka_unit_test(digests_are_ordered_by_length_first),
        cmocka_unit_test(binary_texts_must_be_binary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
