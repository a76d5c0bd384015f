/* RFC 7512 URIs: must-pass and must-fail tables, and p11-kit's parser as a second opinion: whatever ensign
 * accepts, p11-kit accepts as well and reads the same values. The reverse does not hold: ensign refuses
 * what could be read in two ways. */
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/uri.h"
#include "signer/base/mem.h"
#include "tests/support/support.h"

/* ---- the second opinion ---- */

static void assert_same_bytes(const struct hsm_uri *uri, enum uri_attr attr, const void *data, size_t len,
                              const char *text)
{
    struct view mine;

    if (!uri_get(uri, attr, &mine)) {
        if (data != NULL)
            fail_msg("%s: p11-kit reads attribute %d, ensign does not", text, (int)attr);
        return;
    }
    if (data == NULL || !view_equal(mine, view_of(data, len)))
        fail_msg("%s: attribute %d differs from what p11-kit reads", text, (int)attr);
}

/* A field of fixed size, padded with spaces; all zero where the URI does not have it. */
static void assert_same_field(const struct hsm_uri *uri, enum uri_attr attr, const unsigned char *field,
                              size_t size, const char *text)
{
    struct view mine;

    if (!uri_get(uri, attr, &mine)) {
        if (!view_is_zero(view_of(field, size)))
            fail_msg("%s: p11-kit reads attribute %d, ensign does not", text, (int)attr);
        return;
    }
    if (!view_equal(uri_trim(mine), uri_trim(view_of(field, size))))
        fail_msg("%s: attribute %d differs from what p11-kit reads", text, (int)attr);
}

static const char *class_name(const CK_ATTRIBUTE *class)
{
    static const struct {
        CK_OBJECT_CLASS class;
        const char *name;
    } names[] = {{CKO_PRIVATE_KEY, "private"},
                 {CKO_PUBLIC_KEY, "public"},
                 {CKO_CERTIFICATE, "cert"},
                 {CKO_SECRET_KEY, "secret-key"},
                 {CKO_DATA, "data"}};

    for (size_t i = 0; class != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (*(const CK_OBJECT_CLASS *)class->pValue == names[i].class)
            return names[i].name;
    }
    return NULL;
}

static void assert_same_string(const struct hsm_uri *uri, enum uri_attr attr, const char *theirs,
                               const char *text)
{
    assert_same_bytes(uri, attr, theirs, theirs != NULL ? strlen(theirs) : 0, text);
}

/* `uri` is what ensign made of `text`. */
static void assert_p11kit_agrees(const struct hsm_uri *uri, const char *text)
{
    P11KitUri *theirs = p11_kit_uri_new();
    int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, theirs);

    if (result != P11_KIT_URI_OK)
        fail_msg("%s: ensign accepts it, p11-kit says %s", text, p11_kit_uri_message(result));

    const CK_TOKEN_INFO *token = p11_kit_uri_get_token_info(theirs);
    const CK_SLOT_INFO *slot = p11_kit_uri_get_slot_info(theirs);
    const CK_INFO *module = p11_kit_uri_get_module_info(theirs);
    const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(theirs, CKA_LABEL);
    const CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(theirs, CKA_ID);

    assert_same_field(uri, URI_TOKEN, token->label, sizeof token->label, text);
    assert_same_field(uri, URI_MANUFACTURER, token->manufacturerID, sizeof token->manufacturerID, text);
    assert_same_field(uri, URI_MODEL, token->model, sizeof token->model, text);
    assert_same_field(uri, URI_SERIAL, token->serialNumber, sizeof token->serialNumber, text);
    assert_same_field(uri, URI_SLOT_DESCRIPTION, slot->slotDescription, sizeof slot->slotDescription, text);
    assert_same_field(uri, URI_SLOT_MANUFACTURER, slot->manufacturerID, sizeof slot->manufacturerID, text);
    assert_same_field(uri, URI_LIBRARY_DESCRIPTION, module->libraryDescription,
                      sizeof module->libraryDescription, text);
    assert_same_field(uri, URI_LIBRARY_MANUFACTURER, module->manufacturerID, sizeof module->manufacturerID,
                      text);
    assert_true(uri_matches_slot(uri, p11_kit_uri_get_slot_id(theirs)));
    assert_true(uri_matches_version(uri, module->libraryVersion.major, module->libraryVersion.minor));
    assert_same_bytes(uri, URI_OBJECT, label != NULL ? label->pValue : NULL,
                      label != NULL ? label->ulValueLen : 0, text);
    assert_same_bytes(uri, URI_ID, id != NULL ? id->pValue : NULL, id != NULL ? id->ulValueLen : 0, text);
    assert_same_string(uri, URI_TYPE, class_name(p11_kit_uri_get_attribute(theirs, CKA_CLASS)), text);
    assert_same_string(uri, URI_MODULE_PATH, p11_kit_uri_get_module_path(theirs), text);
    assert_same_string(uri, URI_MODULE_NAME, p11_kit_uri_get_module_name(theirs), text);
    assert_same_string(uri, URI_PIN_SOURCE, p11_kit_uri_get_pin_source(theirs), text);
    p11_kit_uri_free(theirs);
}

/* ---- tables ---- */

/* Of these, what hsm_uri_shown leaves: no query, no vendor attribute, nothing that looks like a query. */
static const char *shown_of(const char *text)
{
    static char shown[256];

    (void)snprintf(shown, sizeof shown, "pkcs11%s", strchr(text, ':'));
    shown[strcspn(shown, "?")] = '\0';
    if (strstr(shown, ";x-") != NULL)
        *strstr(shown, ";x-") = '\0';
    if (strcmp(shown, "pkcs11:object=pin-value%3D1%26;token=pin_source") == 0)
        return "pkcs11:object=;token=";
    return shown;
}

static void accepts(void **state)
{
    static const char *const good[] = {
        "pkcs11:",
        "PKCS11:token=a",
        "pkcs11:?",
        "pkcs11:token=ensign",
        "pkcs11:token=ensign?",
        "pkcs11:token=",
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
        "serial=",
        "pkcs11:object=my-signing-key;type=private",
        "pkcs11:type=public",
        "pkcs11:type=cert",
        "pkcs11:type=secret-key",
        "pkcs11:type=data",
        "pkcs11:id=%69%95%3E%5C%F4%BD%EC%91",
        "pkcs11:id=%00%01%ff",
        "pkcs11:id=",
        "pkcs11:id=raw-bytes",
        "pkcs11:slot-id=0",
        "pkcs11:slot-id=18446744073709551614",
        "pkcs11:slot-description=Sun%20Metaslot;slot-manufacturer=x",
        "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;library-"
        "version=1.23",
        "pkcs11:library-version=254.0", /* p11-kit takes no 255 */
        "pkcs11:object=a=b:[]@!$'()*+,",
        "pkcs11:token=ensign%00%00;object=release%00",
        "pkcs11:object=pin-value%3D1%26;token=pin_source",
        "pkcs11:object=%c3%a9%3B%3f",
        "pkcs11:token=a;x-vendor=anything%20goes",
        "pkcs11:token=a?module-path=/usr/lib/softhsm/libsofthsm2.so",
        "pkcs11:?module-path=/a%20b&pin-source=file:/etc/pin&module-name=softhsm2",
        "pkcs11:?pin-source=fd:3&x-pin-hint=none",
        "pkcs11:?pin-source=%7Cprog",
        "pkcs11:?pin-source=a/b?c|d",
        "pkcs11:token=12345678901234567890123456789012",
        "pkcs11:serial=1234567890123456",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
        struct ens_err err = {0};

        assert_ok(hsm_uri_parse(good[i], &uri, &err), err);
        assert_string_equal(hsm_uri_text(uri), shown_of(good[i]));
        assert_p11kit_agrees(uri, good[i]);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "not a PKCS#11 URI"},
        {"pkcs11", "not a PKCS#11 URI"},
        {"token=ensign", "not a PKCS#11 URI"},
        {"file:/etc/passwd", "not a PKCS#11 URI"},
        {" pkcs11:token=a", "not a PKCS#11 URI"},
        {"pkcs11:token", "not NAME=VALUE"},
        {"pkcs11:token=a;", "take out the empty attribute"},
        {"pkcs11:;token=a", "take out the empty attribute"},
        {"pkcs11:token=a;;object=b", "take out the empty attribute"},
        {"pkcs11:?module-path=/a&", "take out the empty attribute"},
        {"pkcs11:=a", "'' is not an attribute"},
        {"pkcs11:token=a;token=a", "token is given twice"},
        {"pkcs11:token=a;object=b;token=c", "token is given twice"},
        {"pkcs11:?module-path=/a&module-path=/a", "module-path is given twice"},
        {"pkcs11:tokn=a", "did you mean 'token'?"},
        {"pkcs11:Token=a", "did you mean 'token'?"},
        {"pkcs11:label=a", "'label' is not an attribute"},
        {"pkcs11:object-type=private", "'object-type' is not an attribute"},
        {"pkcs11:x-=a", "'x-' is not an attribute"},
        {"pkcs11:x-a%20=a", "is not an attribute"},
        {"pkcs11:x-foo=%zz", "two hex digits"},
        {"pkcs11:x-foo=a b", "write %20"},
        {"pkcs11:token=a b", "byte 0x20 in token is not allowed: write %20"},
        {"pkcs11:token=a/b", "write %2F"},
        {"pkcs11:token=a#b", "write %23"},
        {"pkcs11:token=\xc3\xa9", "write %C3"},
        {"pkcs11:token=a\nb", "write %0A"},
        {"pkcs11:token=\"a\"", "write %22"},
        {"pkcs11:token=%", "two hex digits"},
        {"pkcs11:token=%4", "two hex digits"},
        {"pkcs11:token=%4;object=a", "two hex digits"},
        {"pkcs11:token=%g0", "two hex digits"},
        {"pkcs11:?pin-source=a%00b", "pin-source holds a zero byte"},
        {"pkcs11:token=123456789012345678901234567890123", "no token can have more than 32"},
        {"pkcs11:model=12345678901234567", "no token can have more than 16"},
        {"pkcs11:slot-id=", "slot-id '' is not a decimal number"},
        {"pkcs11:slot-id=-1", "not a decimal number"},
        {"pkcs11:slot-id=0x1", "not a decimal number"},
        {"pkcs11:slot-id=5x", "not a decimal number"},
        {"pkcs11:slot-id=18446744073709551616", "not a decimal number"},
        {"pkcs11:library-version=", "MAJOR.MINOR"},
        {"pkcs11:library-version=1.", "MAJOR.MINOR"},
        {"pkcs11:library-version=.1", "MAJOR.MINOR"},
        {"pkcs11:library-version=256", "MAJOR.MINOR"},
        {"pkcs11:library-version=1.256", "MAJOR.MINOR"},
        {"pkcs11:library-version=1.2.3", "MAJOR.MINOR"},
        {"pkcs11:type=Private", "write type=private"},
        {"pkcs11:type=", "write type=private"},
        {"pkcs11:?pin-value=1234", "pin-value is refused"},
        {"pkcs11:?pin-value=", "pin-value is refused"},
        {"pkcs11:pin-value=1234", "pin-value belongs behind the '?'"},
        {"pkcs11:module-path=/a", "module-path belongs behind the '?'"},
        {"pkcs11:slot-id=1%00", "slot-id holds a zero byte"},
        {"pkcs11:?token=a", "token belongs before the '?'"},
        {"pkcs11:?module-path=a.so", "not absolute"},
        {"pkcs11:?module-path=", "not absolute"},
        {"pkcs11:?module-path=./a.so", "not absolute"},
        {"pkcs11:token=a?module-path=/a;object=b", "module-path holds a byte"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct hsm_uri *uri = NULL;
        struct ens_err err = {0};

        if (hsm_uri_parse(bad[i].text, &uri, &err))
            fail_msg("accepted: %s", bad[i].text);
        assert_null(uri);
        assert_int_equal(err.code, ENS_USAGE);
        if (strstr(err.msg, bad[i].says) == NULL)
            fail_msg("%s: '%s' does not say '%s'", bad[i].text, err.msg, bad[i].says);
        assert_null(strchr(err.msg, '\n'));
    }
}

/* A1: however a PIN stands in a URI, right or wrong, no message and no record holds it. */
static void nothing_of_a_query_is_repeated(void **state)
{
    static const char *const texts[] = {
        "pkcs11:token=a?pin-value=s3cret",
        "pkcs11:token=a?pin_value=s3cret",
        "pkcs11:token=a?pin-source=s3cret",
        "pkcs11:token=a?s3cret=1",
        "pkcs11:token=a?s3cret",
        "pkcs11:token=a?pin-source=s3cret%",
        "pkcs11:token=a?pin-source=s3cret s",
        "pkcs11:token=a?module-path=s3cret",
        "pkcs11:token=a?x-pin=s3cret",
        "pkcs11:token=a?x-s3cret=",
        "pkcs11:token=a?pin-source=a&s3cret=b",
        "pkcs11:token=a?pin-source=x&pin-source=s3cret",
        "pkcs11:token=a&pin-value=s3cret",
        "pkcs11:token=a;pin-value=s3cret",
        "pkcs11:token=a;pin_value=s3cret",
        "pkcs11:token=a;pin-value:s3cret",
        "pkcs11:token=a;s3cret",
        "pkcs11:token=a%3Fpin-value=s3cret",
        "pkcs11:token=a%3Fpin-value%3Ds3cret",
        "pkcs11:s3cret",
        "pkcs11:;?pin-value=s3cret",
        "pkcs11:token=a??pin-value=s3cret",
        "PKCS11:token=a?PIN-VALUE=s3cret",
        "pkcs11;token=a?pin-value=s3cret",
        " pkcs11:token=a?pin-value=s3cret",
        "s3cret",
        "pkcs11:tokn=a?pin-value=s3cret",
        "pkcs11:token=a;x-pin=s3cret",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
        ENS_CLEANUP(mem_freep) char *shown = NULL;
        struct ens_err err = {0};

        if (hsm_uri_parse(texts[i], &uri, &err))
            assert_null(strstr(hsm_uri_text(uri), "s3cret"));
        if (strstr(err.msg, "s3cret") != NULL)
            fail_msg("%s: the message repeats it: %s", texts[i], err.msg);
        assert_ok(hsm_uri_shown(texts[i], &shown, &err), err);
        if (strstr(shown, "s3cret") != NULL)
            fail_msg("%s: the record would repeat it: %s", texts[i], shown);
    }
}

static void what_is_shown_is_the_path(void **state)
{
    static const char *const pairs[][2] = {
        {"pkcs11:token=a;object=b?pin-source=file:/p", "pkcs11:token=a;object=b"},
        {"pkcs11:x-a=1;token=a", "pkcs11:token=a"},
        {"pkcs11:token=a\033[2J", "pkcs11:token=a?[2J"},
        {"pkcs11:", "pkcs11:"},
        {"release", "(no PKCS#11 URI)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        ENS_CLEANUP(mem_freep) char *shown = NULL;
        struct ens_err err = {0};

        assert_ok(hsm_uri_shown(pairs[i][0], &shown, &err), err);
        assert_string_equal(shown, pairs[i][1]);
    }
}

static void has_a_longest_length(void **state)
{
    char text[URI_MAX + 2];
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    struct ens_err err = {0};

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "pkcs11:object=", 14);
    text[URI_MAX + 1] = '\0';
    assert_fails(hsm_uri_parse(text, &uri, &err), err, ENS_USAGE, "more than 4096");
    text[URI_MAX] = '\0';
    assert_ok(hsm_uri_parse(text, &uri, &err), err);
}

static void tells_the_query(void **state)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *plain = NULL;
    struct view name = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(
        hsm_uri_parse("pkcs11:token=a?pin-source=file:/a%20b&module-path=/m.so&module-name=m", &uri, &err),
        err);
    assert_string_equal(hsm_uri_pin_source(uri), "file:/a b");
    assert_string_equal(hsm_uri_module_path(uri), "/m.so");
    assert_true(uri_get(uri, URI_MODULE_NAME, &name));
    assert_true(view_equal(name, view_of_string("m")));
    assert_ok(hsm_uri_parse("pkcs11:token=a", &plain, &err), err);
    assert_null(hsm_uri_pin_source(plain));
    assert_null(hsm_uri_module_path(plain));
    assert_false(uri_get(plain, URI_MODULE_NAME, &name));
}

static void matches_padded_fields(void **state)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(hsm_uri_parse("pkcs11:token=ab;object=ab;slot-id=7;library-version=2", &uri, &err), err);
    assert_true(uri_matches(uri, URI_TOKEN, view_of_string("ab    ")));
    assert_true(uri_matches(uri, URI_TOKEN, view_of("ab\0\0", 4)));
    assert_false(uri_matches(uri, URI_TOKEN, view_of_string("abc")));
    assert_false(uri_matches(uri, URI_TOKEN, view_of_string(" ab")));
    assert_false(uri_matches(uri, URI_TOKEN, view_of_string("a")));
    assert_true(uri_matches(uri, URI_OBJECT, view_of_string("ab")));
    assert_false(uri_matches(uri, URI_OBJECT, view_of_string("ab "))); /* labels are not padded */
    assert_true(uri_matches(uri, URI_SERIAL, view_of_string("any")));
    assert_true(uri_matches(NULL, URI_TOKEN, view_of_string("any")));
    assert_true(uri_matches_slot(uri, 7));
    assert_false(uri_matches_slot(uri, 8));
    assert_true(uri_matches_version(uri, 2, 0));
    assert_false(uri_matches_version(uri, 2, 1));
}

/* ---- generated URIs ---- */

/* A fixed sequence: a failure can be repeated. */
static uint32_t next_random(void)
{
    static uint32_t x = 2463534242u;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

static unsigned below(unsigned limit)
{
    return next_random() % limit;
}

/* The fields that ensign writes, with random bytes: written by uri_put, read by both parsers. */
static void what_is_written_is_read_back(void **state)
{
    static const struct {
        enum uri_attr attr;
        size_t max;
    } fields[] = {{URI_TOKEN, 32},        {URI_SERIAL, 16}, {URI_MODEL, 16},
                  {URI_MANUFACTURER, 32}, {URI_OBJECT, 60}, {URI_ID, 60}};

    (void)state;
    for (int round = 0; round < 2000; round++) {
        ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
        ENS_CLEANUP(buf_free) struct buf text = {0};
        uint8_t values[6][64];
        size_t lens[6];
        struct ens_err err = {0};

        assert_ok(buf_append(&text, view_of_string("pkcs11:"), &err), err);
        for (size_t f = 0; f < 6; f++) {
            lens[f] = below((unsigned)fields[f].max + 1);
            for (size_t i = 0; i < lens[f]; i++)
                values[f][i] = (uint8_t)below(256);
            assert_ok(uri_put(&text, fields[f].attr, view_of(values[f], lens[f]), &err), err);
        }
        assert_ok(buf_append(&text, view_of("", 1), &err), err);
        assert_ok(hsm_uri_parse((const char *)text.data, &uri, &err), err);
        for (size_t f = 0; f < 6; f++) {
            struct view mine;

            assert_true(uri_get(uri, fields[f].attr, &mine));
            assert_true(view_equal(mine, view_of(values[f], lens[f])));
        }
        assert_p11kit_agrees(uri, (const char *)text.data);
    }
}

/* Pieces put together at random, then a byte changed at random: what is accepted must read alike. No vendor
 * attribute in the query: p11-kit 0.24 fails on two of them. */
static void mutated_uris_read_alike(void **state)
{
    static const char *const pieces[] = {"token=a%20b",
                                         "object=k%65y",
                                         "id=%01%02",
                                         "id=z",
                                         "type=private",
                                         "serial=0123",
                                         "model=m",
                                         "slot-id=12",
                                         "library-version=2.1",
                                         "manufacturer=x,y",
                                         "slot-description=d",
                                         "x-a=b",
                                         "library-description=q"};
    static const char *const queries[] = {"module-path=/m", "pin-source=file:/p", "module-name=n"};
    static const char alphabet[] = "abtk=;&?%0125/:-.\n \xc3#pP";
    unsigned accepted = 0;

    (void)state;
    for (int round = 0; round < 40000; round++) {
        ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
        struct ens_err err = {0};
        char text[512] = "pkcs11:";
        unsigned count = below(4);

        for (unsigned i = 0; i < count; i++) {
            strcat(text, i > 0 ? ";" : "");
            strcat(text, pieces[below(sizeof pieces / sizeof pieces[0])]);
        }
        count = below(3);
        for (unsigned i = 0; i < count; i++) {
            strcat(text, i > 0 ? "&" : "?");
            strcat(text, queries[below(sizeof queries / sizeof queries[0])]);
        }
        for (unsigned i = below(3); i > 0; i--)
            text[below((unsigned)strlen(text))] = alphabet[below(sizeof alphabet - 1)];
        if (!hsm_uri_parse(text, &uri, &err)) {
            assert_int_equal(err.code, ENS_USAGE);
            continue;
        }
        accepted++;
        assert_p11kit_agrees(uri, text);
    }
    assert_true(accepted > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(nothing_of_a_query_is_repeated),
        cmocka_unit_test(what_is_shown_is_the_path),
        cmocka_unit_test(has_a_longest_length),
        cmocka_unit_test(tells_the_query),
        cmocka_unit_test(matches_padded_fields),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(mutated_uris_read_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
