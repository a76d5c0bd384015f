/* The published vectors of the quorum: the pieces give the values, and with the published random bytes each partial
 * is the published one, bit for bit, although it was computed blinded. Formats and verdicts over files: tests/interop. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/quorum/check.h"
#include "signer/quorum/combine.h"
#include "signer/quorum/prove.h"
#include "signer/quorum/subsets.h"
#include "tests/support/quorum.h"

static json_t *doc;

static void read_hex(const json_t *text, uint8_t *ret, size_t len)
{
    struct ens_err err = {0};

    assert_true(json_is_string(text));
    assert_ok(hex_decode(json_string_value(text), "vector", ret, len, &err), err);
}

static struct buf vector_file(const char *name, const char *file)
{
    char path[256];

    (void)snprintf(path, sizeof path, "../quorum/vectors/%s%s%s", name, name[0] != '\0' ? "/" : "", file);
    return support_shared(path);
}

/* False: the vectors are not there. */
static bool load(const char *name, struct dealt *d)
{
    struct buf file = vector_file(name, "vector.json");
    struct ens_err err = {0};

    if (file.len == 0)
        return false;
    doc = json_loadb((const char *)file.data, file.len, 0, NULL);
    assert_non_null(doc);
    buf_free(&file);
    struct buf signdata = vector_file("", "one.signdata");

    assert_ok(digest_of(DIGEST_SHA256, buf_view(&signdata), d->digest, &err), err);
    buf_free(&signdata);
    d->q.threshold = (unsigned)json_integer_value(json_object_get(doc, "M"));
    d->q.holders = (unsigned)json_integer_value(json_object_get(doc, "N"));
    read_hex(json_object_get(doc, "n"), d->q.modulus, QUORUM_NUMBER);
    read_hex(json_object_get(doc, "quorum"), d->q.id, QUORUM_ID);
    read_hex(json_object_get(doc, "mrsigner"), d->q.mrsigner, MRSIGNER_SIZE);
    size_t len = json_array_size(json_object_get(doc, "pieces"));

    assert_int_equal(len, subsets_of_quorum(&d->q).len);
    d->q.count = (unsigned)len;
    assert_ok(secret_alloc_size(&d->all, len * QUORUM_PIECE, &err), err);
    for (size_t a = 0; a < len; a++) {
        read_hex(json_array_get(json_object_get(doc, "values"), a), d->q.values[a], QUORUM_NUMBER);
        read_hex(json_array_get(json_object_get(doc, "pieces"), a), (uint8_t *)d->all.data + a * QUORUM_PIECE,
                 QUORUM_PIECE);
        assert_int_equal(json_integer_value(json_array_get(json_object_get(doc, "subsets"), a)),
                         subsets_of_quorum(&d->q).without[a]);
    }
    d->all.len = len * QUORUM_PIECE;
    d->state = (struct testrandom){.seed = name};
    d->random = (struct number_random){.fill = testrandom_fill, .ctx = &d->state};
    return true;
}

static void assert_partial(struct dealt *d, const json_t *want, struct quorum_partial **ret)
{
    uint8_t fresh[64];
    uint8_t bytes[QUORUM_Z];
    unsigned holder = (unsigned)json_integer_value(json_object_get(want, "holder"));

    read_hex(json_object_get(want, "fresh"), fresh, sizeof fresh);
    d->state.fresh = fresh;
    *ret = quorum_partial_of(d, holder);
    d->state.fresh = NULL;
    const json_t *values = json_object_get(want, "values");

    assert_int_equal(json_array_size(values), (*ret)->count);
    for (size_t j = 0; j < (*ret)->count; j++) {
        read_hex(json_array_get(values, j), bytes, QUORUM_NUMBER);
        assert_memory_equal((*ret)->values[j], bytes, QUORUM_NUMBER);
    }
    read_hex(json_object_get(want, "c"), bytes, sizeof(*ret)->proof.c);
    assert_memory_equal((*ret)->proof.c, bytes, sizeof(*ret)->proof.c);
    read_hex(json_object_get(want, "z"), bytes, sizeof(*ret)->proof.z);
    assert_memory_equal((*ret)->proof.z, bytes, sizeof(*ret)->proof.z);
}

/* Shares of the first and the last holder, partials of the first M and the last: the others are the same again. */
static void check_vector(const char *name)
{
    struct dealt *d = calloc(1, sizeof *d);
    struct quorum_partial *partial[QUORUM_HOLDERS_MAX] = {0};
    struct combine_result result = {0};
    struct ens_err err = {0};
    size_t at = 0;
    json_t *want = NULL;

    assert_non_null(d);
    if (!load(name, d)) {
        free(d);
        support_skip("the shared data is not there");
    }
    assert_ok(check_public(&d->q, &err), err);
    for (unsigned i = 1; i <= d->q.holders; i += d->q.holders - 1) {
        struct quorum_pieces pieces = quorum_pieces_of(d, i);

        assert_ok(check_pieces(&d->q, 1U << (i - 1), &pieces, &d->random, &err), err);
        secret_wipe(&pieces.bytes);
    }
    json_array_foreach(json_object_get(doc, "partials"), at, want)
    {
        unsigned holder = (unsigned)json_integer_value(json_object_get(want, "holder"));

        if (json_object_get(want, "fresh") != NULL && (holder <= d->q.threshold || holder == d->q.holders))
            assert_partial(d, want, &partial[holder - 1]);
    }
    assert_ok(combine_partials(&d->q, (const struct quorum_partial *const *)partial, d->q.threshold,
                               d->digest, &result, &err),
              err);
    struct buf signature = vector_file(name, "one.sig");

    assert_int_equal(signature.len, SIGNATURE_SIZE);
    assert_memory_equal(result.signature, signature.data, SIGNATURE_SIZE);
    assert_int_equal(result.holders, (1U << d->q.threshold) - 1);
    buf_free(&signature);
    for (size_t i = 0; i < QUORUM_HOLDERS_MAX; i++)
        free(partial[i]);
    quorum_dealt_free(d);
    json_decref(doc);
}

static void two_of_three(void **state)
{
    (void)state;
    check_vector("2of3-safe");
}

static void two_of_two(void **state)
{
    (void)state;
    check_vector("2of2-plain");
}

static void three_of_five(void **state)
{
    (void)state;
    if (getenv("ENSIGN_VALGRIND") != NULL)
        support_skip("valgrind takes minutes for so many exponentiations");
    check_vector("3of5-plain");
}

static void five_of_seven(void **state)
{
    (void)state;
    if (getenv("ENSIGN_VALGRIND") != NULL)
        support_skip("valgrind takes minutes for so many exponentiations");
    check_vector("5of7-plain2");
}

static void seven_of_seven(void **state)
{
    (void)state;
    if (getenv("ENSIGN_VALGRIND") != NULL)
        support_skip("valgrind takes minutes for so many exponentiations");
    check_vector("7of7-safe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_of_three),  cmocka_unit_test(two_of_two),     cmocka_unit_test(three_of_five),
        cmocka_unit_test(five_of_seven), cmocka_unit_test(seven_of_seven),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
