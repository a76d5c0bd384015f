/* The PGP words: published values, and what makes the list useful: each word once, in alphabetical order, so
 * that a slip in the table shows. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/words.h"
#include "tests/support/support.h"

static void a_published_fingerprint_reads_as_published(void **state)
{
    static const uint8_t bytes[] = {0xe5, 0x82, 0x94, 0xf2, 0xe9, 0xa2, 0x27, 0x48, 0x6e, 0x8b,
                                    0x06, 0x1b, 0x31, 0xcc, 0x52, 0x8f, 0xd7, 0xfa, 0x3f, 0x19};
    static const char *const want[] = {"topmost",   "Istanbul",  "Pluto",     "vagabond", "treadmill",
                                       "Pacific",   "brackish",  "dictator",  "goldfish", "Medusa",
                                       "afflict",   "bravado",   "chatter",   "revolver", "Dupont",
                                       "midsummer", "stopwatch", "whimsical", "cowbell",  "bottomless"};

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_string_equal(words_of(bytes[i], i % 2 != 0), want[i]);
}

static void both_ends_of_the_list_are_in_place(void **state)
{
    (void)state;
    assert_string_equal(words_of(0x00, false), "aardvark");
    assert_string_equal(words_of(0x00, true), "adroitness");
    assert_string_equal(words_of(0xff, false), "Zulu");
    assert_string_equal(words_of(0xff, true), "Yucatan");
    assert_string_equal(words_of(0x7f, false), "lockup");
    assert_string_equal(words_of(0x80, true), "intention");
}

/* SHA-256 of the even words and then the odd ones, a line feed between any two: the value that others who
 * carry the list have as well. */
static void the_whole_list_is_the_published_one(void **state)
{
    ENS_CLEANUP(buf_free) struct buf all = {0};
    uint8_t digest[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];
    struct ens_err err = {0};

    (void)state;
    for (unsigned i = 0; i < 512; i++)
        assert_ok(buf_printf(&all, &err, "%s%s", i > 0 ? "\n" : "", words_of((uint8_t)i, i >= 256)), err);
    assert_ok(digest_of(DIGEST_SHA256, buf_view(&all), digest, &err), err);
    hex_encode(hex, view_of(digest, sizeof digest));
    assert_string_equal(hex, "e9b7b0052233a74aa56724ed3f79c272036aed68d8f4c0856e833c8043b9ac62");
}

static void each_column_is_in_alphabetical_order(void **state)
{
    (void)state;
    for (unsigned odd = 0; odd < 2; odd++) {
        for (unsigned i = 1; i < 256; i++) {
            const char *before = words_of((uint8_t)(i - 1), odd);
            const char *word = words_of((uint8_t)i, odd);

            /* The one slip of the published list. */
            if (strcmp(before, "applicant") == 0 && strcmp(word, "Apollo") == 0)
                continue;
            if (strcasecmp(before, word) >= 0)
                fail_msg("%s comes before %s", before, word);
        }
    }
}

static void no_word_stands_in_both_columns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        for (unsigned j = 0; j < 256; j++)
            assert_int_not_equal(strcasecmp(words_of((uint8_t)i, false), words_of((uint8_t)j, true)), 0);
    }
}

static void words_are_letters_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 512; i++) {
        const char *word = words_of((uint8_t)(i / 2), i % 2);
        size_t len = strlen(word);

        assert_true(len >= 4 && len <= 12);
        for (size_t at = 0; at < len; at++)
            assert_true(isalpha((unsigned char)word[at]) && (at == 0 || islower((unsigned char)word[at])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_published_fingerprint_reads_as_published),
        cmocka_unit_test(both_ends_of_the_list_are_in_place),
        cmocka_unit_test(the_whole_list_is_the_published_one),
        cmocka_unit_test(each_column_is_in_alphabetical_order),
        cmocka_unit_test(no_word_stands_in_both_columns),
        cmocka_unit_test(words_are_letters_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
