/* The seven files of a quorum: each vector gets its verdict as far as a reader can give it, and what is read is
 * written again with the same bytes; every rule of a line has its refusal; a partial of which one byte is another is
 * refused. The seals are in test_quorum_seal.c. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/quorum/card.h"
#include "signer/quorum/formats.h"
#include "signer/quorum/lines.h"
#include "signer/sgx/rsa3072.h"
#include "tests/support/quorum.h"

static union quorum_document doc;

/* ---- the vectors ---- */

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

/* Reads it as a file of its kind. Once accepted it is written again, to the same bytes. */
static bool reads(enum quorum_kind kind, struct view file, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf again = {0};

    if (!formats_read(kind, file, "F", &doc, err)) {
        assert_int_equal(err->code, ENS_DATA);
        return false;
    }
    assert_ok(formats_write(kind, &doc, &again, err), *err);
    assert_true(view_equal(buf_view(&again), file));
    return true;
}

/* What only the public file tells is malformed. */
static bool fits_public(enum quorum_kind kind, const struct quorum_public *p)
{
    if (kind == QUORUM_PARTIAL)
        return doc.partial.holder <= p->holders && doc.partial.count == quorum_pieces_of_one(p);
    return true;
}

static size_t check_files(const char *dir, const json_t *list, enum quorum_kind kind,
                          const struct quorum_public *p)
{
    size_t index = 0;
    const json_t *row = NULL;

    json_array_foreach(list, index, row)
    {
        const char *name = json_string_value(json_object_get(row, "file"));
        const char *verdict = json_string_value(json_object_get(row, "verdict"));
        bool wants = strcmp(verdict, "malformed") != 0;
        struct buf file = vector_file(dir, name);
        struct ens_err err = {0};
        bool is_read = reads(kind, buf_view(&file), &err) && fits_public(kind, p);

        if (is_read != wants)
            fail_msg("%s/%s: %s, and was %s: %s", dir, name, verdict, is_read ? "read" : "refused", err.msg);
        buf_free(&file);
    }
    return index;
}

static void test_vectors(void **state)
{
    static const char *const lists[] = {
        [QUORUM_PUBLIC] = "publics", [QUORUM_SHARE] = "shares", [QUORUM_PARTIAL] = "partials",
        [QUORUM_CARD] = "",          [QUORUM_IDENTITY] = "",    [QUORUM_REPAIR] = "repairs",
        [QUORUM_DELTA] = "deltas",
    };
    json_t *index = vector_json("", "index.json");
    struct quorum_public *p = calloc(1, sizeof *p);
    struct ens_err err = {0};
    size_t cases = 0;
    size_t files = 0;
    const json_t *name = NULL;

    (void)state;
    json_array_foreach(json_object_get(index, "cases"), cases, name)
    {
        const char *dir = json_string_value(name);
        json_t *vector = vector_json(dir, "vector.json");
        struct buf public = vector_file(dir, "quorum.pub");

        assert_true(reads(QUORUM_PUBLIC, buf_view(&public), &err));
        *p = doc.public;
        assert_string_equal(hex_of(view_of(p->id, sizeof p->id)).text,
                            json_string_value(json_object_get(vector, "quorum")));
        for (int kind = 0; kind < QUORUM_KINDS; kind++)
            files += check_files(dir, json_object_get(vector, lists[kind]), (enum quorum_kind)kind, p);
        buf_free(&public);
        json_decref(vector);
    }
    files += check_files("", json_object_get(index, "cards"), QUORUM_CARD, p);
    assert_int_equal(cases, 5);
    assert_true(files > 300);
    free(p);
    json_decref(index);
}

static void test_holders(void **state)
{
    ENS_CLEANUP(buf_free) struct buf identity = vector_file("holders", "1.identity");
    ENS_CLEANUP(buf_free) struct buf card = vector_file("holders", "1.card");
    struct ens_err err = {0};

    (void)state;
    if (card.len == 0)
        support_skip("the shared data is not there");
    assert_true(reads(QUORUM_IDENTITY, buf_view(&identity), &err));
    assert_int_equal(doc.identity.log2n, 15);
    assert_true(reads(QUORUM_CARD, buf_view(&card), &err));
    assert_string_equal(doc.card.name, "Alice Example");
    assert_int_equal(doc.card.bits, 2048);
    assert_string_equal(hex_of(view_of(doc.card.key, 32)).text,
                        "78abf1a238f78a72afbf22a8b530eba544ce9bc1b17968eb1b2c78dd2b37c57a");
}

/* ---- files of our own ---- */

static void test_round_trip(void **state)
{
    struct ens_err err = {0};

    (void)state;
    for (int kind = 0; kind < QUORUM_KINDS; kind++) {
        struct buf file = quorum_file_of((enum quorum_kind)kind);
        enum quorum_kind found = QUORUM_KINDS;

        assert_true(quorum_recognise(buf_view(&file), &found) && found == (enum quorum_kind)kind);
        if (!reads((enum quorum_kind)kind, buf_view(&file), &err))
            fail_msg("%s: %s", quorum_kind_name((enum quorum_kind)kind), err.msg);
        for (int other = 0; other < QUORUM_KINDS; other++) {
            if (other != kind)
                assert_fails(formats_read((enum quorum_kind)other, buf_view(&file), "F", &doc, &err), err,
                             ENS_DATA, "F: its first line is not ensign quorum ");
        }
        buf_free(&file);
    }
}

/* ---- every rule ---- */

/* `file` with the trailer that fits again; only the last one. */
static void seal_text(struct buf *file)
{
    uint8_t sum[DIGEST_SIZE];
    struct ens_err err = {0};
    char hex[2 * DIGEST_SIZE + 1];

    assert_ok(digest_of(DIGEST_SHA256, view_of(file->data, file->len - 73), sum, &err), err);
    hex_encode(hex, view_of(sum, sizeof sum));
    memcpy(file->data + file->len - 65, hex, 64);
}

/* `file` with the first `from` replaced by `to`. */
static struct buf edited(const struct buf *file, const char *from, const char *to)
{
    const uint8_t *at = memmem(file->data, file->len, from, strlen(from));
    struct buf ret = {0};
    struct ens_err err = {0};

    if (at == NULL)
        fail_msg("there is no %s", from);
    size_t before = (size_t)(at - file->data);
    struct view rest = view_slice(buf_view(file), before + strlen(from), file->len - before - strlen(from));

    assert_ok(buf_append(&ret, view_of(file->data, before), &err) &&
                  buf_append(&ret, view_of_string(to), &err) && buf_append(&ret, rest, &err),
              err);
    return ret;
}

struct edit {
    enum quorum_kind kind;
    const char *from, *to, *says;
};

static const struct edit edits[] = {
    {QUORUM_PUBLIC, "public 1", "public 2", "its first line"},
    {QUORUM_PUBLIC, "threshold: 2", "threshold: 1", "threshold: is not a number from 2 to 7"},
    {QUORUM_PUBLIC, "threshold: 2", "threshold: 02", "spelt in another way"},
    {QUORUM_PUBLIC, "threshold: 2", "threshold: 4", "holders: is not a number from 4 to 7"},
    {QUORUM_PUBLIC, "threshold: 2", "threshold:  2", "threshold: is not a number"},
    {QUORUM_PUBLIC, "threshold: 2", "threshold: ", "threshold: is not a number"},
    {QUORUM_PUBLIC, "threshold: 2\n", "", "threshold: the line is not there"},
    {QUORUM_PUBLIC, "threshold: 2\n", "threshold: 2\nthreshold: 2\n", "holders: the line is not there"},
    {QUORUM_PUBLIC, "threshold: 2\n", "threshold: 2 \n", "threshold: is not a number"},
    {QUORUM_PUBLIC, "epoch: 0", "epoch: 256", "epoch: is not a number from 0 to 255"},
    {QUORUM_PUBLIC, "epoch: 0", "epoch: 4294967296", "epoch: is not a number from 0 to 255"},
    {QUORUM_PUBLIC, "holders: 3", "holders: 4", "holders: are more or fewer"},
    {QUORUM_PUBLIC, "holders: 3", "holders: 2", "holders: are more or fewer"},
    {QUORUM_PUBLIC, "holder-2: bob@example.org", "holder-2: alice EXAMPLE", "holders: two have one name"},
    {QUORUM_PUBLIC, "holder-2: bob", "holder-2: -bob", "holder-2: is not a name"},
    {QUORUM_PUBLIC, "holder-2: bob", "holder-2:  bob", "holder-2: is not a name"},
    {QUORUM_PUBLIC, "holder-2: bob@", "holder-2: bob  @", "holder-2: is not a name"},
    {QUORUM_PUBLIC, "example.org\n", "example.org \n", "holder-2: is not a name"},
    {QUORUM_PUBLIC, "holder-2: bob", "holder-2: bo\tb", "holder-2: is not a name"},
    {QUORUM_PUBLIC, "mrsigner: ", "mrsigner: 0", "mrsigner: is not hexadecimal of its length"},
    {QUORUM_PUBLIC, "modulus:\n", "modulus:\nAAAA\n", "modulus: is longer or shorter"},
    {QUORUM_PUBLIC, "modulus:\n", "modulus:\nAAA\n", "modulus: is not base64"},
    {QUORUM_PUBLIC, "modulus:\n", "modulus: \n", "modulus: the line is not there"},
    {QUORUM_PUBLIC, "values:\n", "more: 1\nvalues:\n", "values: the line is not there"},
    {QUORUM_PUBLIC, "sha256: ", "more: 1\nsha256: ", "lines or bytes too many"},
    {QUORUM_SHARE, "holder: 2", "holder: 4", "holder: is none of the quorum"},
    {QUORUM_SHARE, "pieces: 2", "pieces: 1", "sealed: is longer or shorter"},
    {QUORUM_SHARE, "seal: rsa2049", "seal: rsa2047", "seal: is not rsaBITS-oaep-HASH"},
    {QUORUM_SHARE, "seal: rsa2049", "seal: rsa4097", "seal: is not rsaBITS-oaep-HASH"},
    {QUORUM_SHARE, "seal: rsa2049", "seal: rsa2057", "wrapped: is longer or shorter"},
    {QUORUM_SHARE, "oaep-sha1", "oaep-sha384", "spelt in another way"},
    {QUORUM_SHARE, "oaep-sha1", "oaep-sha1 ", "spelt in another way"},
    {QUORUM_PARTIAL, "with: any", "with: 1,2", "with: is a word that version 1 does not have"},
    {QUORUM_PARTIAL, "holder: 3", "holder: 0", "holder: is not a number from 1 to 7"},
    {QUORUM_PARTIAL, "holder: 3", "holder: 8", "holder: is not a number from 1 to 7"},
    {QUORUM_PARTIAL, "holder: 3", "holder: 123456", "holder: is not a number from 1 to 7"},
    {QUORUM_PARTIAL, "quorum: 0", "quorum: A", "spelt in another way"},
    {QUORUM_CARD, "oaep: sha256", "oaep: sha512", "oaep: is a word that version 1 does not have"},
    {QUORUM_CARD, "size: 294", "size: 293", "key: is longer or shorter"},
    {QUORUM_CARD, "size: 294", "size: 199", "size: is not a number from 200 to 800"},
    {QUORUM_CARD, "key:\nMII", "key:\nMIJ", "key: is not "},
    {QUORUM_CARD, "DAQAB\n", "DAQAD\n", "key: is not the DER of RSA with e = 65537"},
    {QUORUM_IDENTITY, "scrypt 18 8 1", "scrypt 14 8 1", "kdf: is a word that version 1 does not have"},
    {QUORUM_IDENTITY, "scrypt 18 8 1", "scrypt 21 8 1", "kdf: is a word that version 1 does not have"},
    {QUORUM_IDENTITY, "size: 700", "size: 701", "sealed: is longer or shorter"},
    {QUORUM_IDENTITY, "size: 700", "size: 599", "size: is not a number from 600 to 4096"},
    {QUORUM_REPAIR, "from: 1", "from: 8", "from: is not a number from 1 to 7"},
    {QUORUM_DELTA, "holder-2: B", "holder-3: B", "holder-2: the line is not there"},
    {QUORUM_DELTA, "holder-2: B", "holder-2: a", "holders: two have one name"},
    {QUORUM_DELTA, "serial: 00", "serial: ", "serial: is not hexadecimal of its length"},
};

static void test_rules(void **state)
{
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        const struct edit *e = &edits[i];
        ENS_CLEANUP(buf_free) struct buf whole = quorum_file_of(e->kind);
        ENS_CLEANUP(buf_free) struct buf file = edited(&whole, e->from, e->to);

        /* A share's own trailer is not the last line: it is the public file's that seal_text makes. */
        assert_fails(formats_read(e->kind, buf_view(&file), "F", &doc, &err), err, ENS_DATA,
                     "F: sha256: does not fit");
        if (e->kind == QUORUM_SHARE) {
            ENS_CLEANUP(buf_free) struct buf public = quorum_file_of(QUORUM_PUBLIC);
            struct buf own = {.data = file.data, .len = file.len - public.len};

            seal_text(&own);
        } else {
            seal_text(&file);
        }
        assert_fails(formats_read(e->kind, buf_view(&file), "F", &doc, &err), err, ENS_DATA, e->says);
    }
}

static void test_names(void **state)
{
    char name[QUORUM_NAME_MAX + 2];

    (void)state;
    memset(name, 'x', sizeof name);
    assert_true(lines_name_valid(view_of(name, QUORUM_NAME_MAX)));
    assert_false(lines_name_valid(view_of(name, QUORUM_NAME_MAX + 1)));
    assert_false(lines_name_valid(view_of(name, 0)));
    for (unsigned c = 0; c < 256; c++) {
        bool inside =
            c != 0 &&
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._()@'-", (int)c) != NULL;

        name[1] = (char)c;
        assert_int_equal(lines_name_valid(view_of(name, 3)), inside);
        name[1] = 'x';
        name[0] = (char)c;
        assert_int_equal(lines_name_valid(view_of(name, 3)), inside && strchr(" ._()@'-", (int)c) == NULL);
        name[0] = 'x';
    }
}

/* ---- a trailer is the first thing that is looked at ---- */

static void test_bytes(void **state)
{
    ENS_CLEANUP(buf_free) struct buf file = quorum_file_of(QUORUM_PARTIAL);
    ENS_CLEANUP(buf_free) struct buf more = {0};
    struct ens_err err = {0};
    size_t accepted = 0;

    (void)state;
    for (size_t at = 0; at < file.len; at++) {
        file.data[at] ^= 1;
        assert_fails(formats_read(QUORUM_PARTIAL, buf_view(&file), "F", &doc, &err), err, ENS_DATA,
                     "F: sha256: ");
        file.data[at] ^= 1;
    }
    /* With a trailer that fits: refused, or another document. */
    for (size_t at = 0; at + 73 < file.len; at++) {
        file.data[at] ^= 1;
        seal_text(&file);
        accepted += reads(QUORUM_PARTIAL, buf_view(&file), &err);
        file.data[at] ^= 1;
    }
    assert_true(accepted > 1000);
    seal_text(&file);
    for (size_t len = 0; len < file.len; len++)
        assert_fails(formats_read(QUORUM_PARTIAL, view_of(file.data, len), "F", &doc, &err), err, ENS_DATA,
                     "F: sha256: ");
    assert_ok(buf_append(&more, buf_view(&file), &err) && buf_append(&more, view_of_string("\n"), &err), err);
    assert_fails(formats_read(QUORUM_PARTIAL, buf_view(&more), "F", &doc, &err), err, ENS_DATA,
                 "F: has 1 bytes behind its last line: cut them off");
    while (more.len <= QUORUM_FILE_MAX)
        assert_ok(buf_append(&more, view_of_string("more\n"), &err), err);
    assert_fails(formats_read(QUORUM_PARTIAL, buf_view(&more), "F", &doc, &err), err, ENS_DATA,
                 "F: has more than 65536 bytes");
}

/* The public file of a share is another one; what a public file says twice. */
static void test_parts(void **state)
{
    ENS_CLEANUP(buf_free) struct buf share = quorum_file_of(QUORUM_SHARE);
    ENS_CLEANUP(buf_free) struct buf public = quorum_file_of(QUORUM_PUBLIC);
    ENS_CLEANUP(buf_free) struct buf other = {0};
    struct quorum_public *p = calloc(1, sizeof *p);
    struct ens_err err = {0};

    (void)state;
    assert_non_null(p);
    assert_ok(quorum_read(buf_view(&public), "F", p, &err), err);
    p->epoch = 1;
    assert_ok(buf_append(&other, view_of(share.data, share.len - public.len), &err) &&
                  quorum_write(p, &other, &err),
              err);
    assert_fails(formats_read(QUORUM_SHARE, buf_view(&other), "F", &doc, &err), err, ENS_DATA,
                 "F: quorum: is not that of the public file behind it");
    assert_fails(formats_read(QUORUM_SHARE, view_of(share.data, share.len - public.len), "F", &doc, &err),
                 err, ENS_DATA, "F: public file in it: sha256: ");
    free(p);
}

/* ---- cards ---- */

static void test_card_key(void **state)
{
    static const size_t sizes[] = {256, 257, 384, 512};
    struct quorum_card made = {0};
    struct quorum_card read = {0};
    uint8_t modulus[513] = {0};
    struct ens_err err = {0};

    (void)state;
    for (unsigned top = 1; top < 256; top <<= 1) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            quorum_fill(modulus, sizeof modulus, top);
            modulus[0] = (uint8_t)top;
            modulus[sizes[i] - 1] |= 1;
            if (sizes[i] == 256 && top < 128) {
                assert_fails(card_set_key(&made, view_of(modulus, sizes[i]), &err), err, ENS_DATA,
                             "key: is not RSA");
                continue;
            }
            assert_ok(card_set_key(&made, view_of(modulus, sizes[i]), &err), err);
            read = made;
            read.bits = 0;
            memset(read.key, 0, sizeof read.key);
            assert_ok(card_read_key(&read, &err), err);
            assert_memory_equal(&read, &made, sizeof read);
            read.spki[0] ^= 1;
            assert_fails(card_read_key(&read, &err), err, ENS_DATA,
                         "key: is not the DER of RSA with e = 65537");
        }
    }
    modulus[0] = 1;
    assert_fails(card_set_key(&made, view_of(modulus, 513), &err), err, ENS_DATA,
                 "key: is not RSA of 2048 to 4096");
    modulus[0] = 0;
    assert_fails(card_set_key(&made, view_of(modulus, 384), &err), err, ENS_DATA, "key: is not RSA");
    modulus[0] = 255;
    modulus[383] &= 0xfe;
    assert_fails(card_set_key(&made, view_of(modulus, 384), &err), err, ENS_DATA, "odd modulus");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_holders),  cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_rules),   cmocka_unit_test(test_names),    cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_parts),   cmocka_unit_test(test_card_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
