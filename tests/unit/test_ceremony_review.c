/* The review, as a person reads it: whole texts for a few SIGSTRUCTs, dangers first, and no signed byte that
 * can change without the review changing. */
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "tests/support/support.h"

static struct sigstruct load(const char *name)
{
    char path[80];
    struct sigstruct css;

    (void)snprintf(path, sizeof path, "sigstruct/%s.sig", name);
    struct buf file = support_vector(path);

    memcpy(css.bytes, file.data, SIGSTRUCT_SIZE);
    buf_free(&file);
    return css;
}

/* The review of `css` (NULL: blind) as text; release with mem_free. */
static char *render(const struct sigstruct *css, const uint8_t *mrsigner)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    uint8_t digest[32] = {0xe5, 0x82, 0x94, 0xf2};
    struct ens_err err = {0};
    const struct review r = {.css = css, .digest = digest, .mrsigner = mrsigner, .today = 0x20240301};
    const struct review_form form = {.verb = "signed"};

    if (css != NULL)
        assert_ok(signdata_digest(css, digest, &err), err);
    assert_ok(review_render(&r, &form, &b, &err), err);
    return mem_strndup((const char *)b.data, b.len, &err);
}

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is missing in:\n%s", part, text);
}

static void a_harmless_sigstruct_in_full(void **state)
{
    struct sigstruct css = load("good");
    ENS_CLEANUP(mem_freep) char *text = render(&css, NULL);

    (void)state;
    assert_string_equal(text,
                        "Review of the 256 bytes that will be signed\n"
                        "  MRENCLAVE   000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
                        "  ISVPRODID   1           ISVSVN 2            DATE 2024-02-29\n"
                        "  ATTRIBUTES  0000000000000004  MODE64BIT     every bit enforced\n"
                        "  XFRM        0000000000000003  x87 SSE       every bit enforced\n"
                        "  MISCSELECT  00000000          none          every bit enforced\n"
                        "  DEBUG       off, enforced\n"
                        "  SHA-256 to be signed\n"
                        "  8d57c3fb 5effdb7b 37511199 4f83c042 9f8e2ce1 f7a491fd 0bb2eea2 8f34c7c4\n"
                        "  1 optic Eskimo snowcap Wichita eyeglass Yucatan suspense inferno\n"
                        "  2 clamshell enchanting Athens nebula dropper Jamaica slowdown December\n"
                        "  3 quota microwave Burbank tolerance virus Pandora pheasant Wyoming\n"
                        "  4 alone pioneer tycoon Pacific payday confidence soybean reproduce\n");
}

static void a_blind_digest_in_full(void **state)
{
    ENS_CLEANUP(mem_freep) char *text = render(NULL, NULL);

    (void)state;
    assert_string_equal(
        text, "! BLIND: 32 bytes that nobody can review; they may stand for any enclave\n"
              "A digest, of unknown bytes, that will be signed\n"
              "  SHA-256 to be signed\n"
              "  e58294f2 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n"
              "  1 topmost Istanbul Pluto vagabond aardvark adroitness aardvark adroitness\n"
              "  2 aardvark adroitness aardvark adroitness aardvark adroitness aardvark adroitness\n"
              "  3 aardvark adroitness aardvark adroitness aardvark adroitness aardvark adroitness\n"
              "  4 aardvark adroitness aardvark adroitness aardvark adroitness aardvark adroitness\n");
}

static void every_danger_is_told_before_the_fields(void **state)
{
    static const struct {
        const char *name, *danger;
    } cases[] = {
        {"fortanix-default",
         "  ! DEBUG is not enforced: a host may start this enclave with its memory open\n"},
        {"debug-only", "  ! DEBUG is demanded: a debug-only enclave\n"},
        {"provision", "  ! PROVISIONKEY is set: the enclave may derive keys that identify the platform\n"},
        {"einittoken", "  ! EINITTOKENKEY: "},
        {"init", "  ! INIT is demanded"},
        {"kss-unmasked", "  ! ISVFAMILYID/ISVEXTPRODID set, but KSS is not demanded\n"},
        {"date-gramine-1.4", "  ! DATE 0e0407e7 is no date (the CPU does not look)\n"},
        {"xfrm-half-amx", "  ! XFRM demands half of AMX (bits 17 and 18)\n"},
        {"cet-without", "  ! CET_ATTRIBUTES set without ATTRIBUTES.CET"},
        {"misc-reserved", "  ! reserved MISCSELECT bits are demanded: 0x4\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sigstruct css = load(cases[i].name);
        ENS_CLEANUP(mem_freep) char *text = render(&css, NULL);

        assert_memory_equal(text, "! ", 2);
        assert_contains(text, cases[i].danger + 2);
        assert_true(strstr(text, cases[i].danger + 2) < strstr(text, "Review of the 256 bytes"));
    }
}

static void a_key_that_everybody_has_is_a_danger(void **state)
{
    struct sigstruct css = load("good");
    uint8_t mrsigner[32] = {0x83, 0xd7, 0x19, 0xe7};

    (void)state;
    mrsigner[30] = 0xce;
    mrsigner[31] = 0x9e;
    ENS_CLEANUP(mem_freep) char *known = render(&css, mrsigner);

    assert_contains(known, "! PUBLIC KEY: everybody can sign with it: Intel's SDK samples");
    assert_contains(known, "  MRSIGNER    83d719e700000000000000000000000000000000000000000000");
    mrsigner[0] ^= 1;
    ENS_CLEANUP(mem_freep) char *unknown = render(&css, mrsigner);

    assert_null(strstr(unknown, "! "));
    assert_contains(unknown, "  MRSIGNER    82d719e7");
}

static void all_dangers_of_one_sigstruct_are_told(void **state)
{
    struct sigstruct css = load("good");

    (void)state;
    sigstruct_put_int(&css, CSS_ATTRIBUTES, 0x37);
    sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, 0xfffffffffffffffd);
    sigstruct_put_int(&css, CSS_XFRM, 0x800000000000040b);
    sigstruct_put_int(&css, CSS_DATE, 0);
    sigstruct_put_int(&css, CSS_MISCSELECT, 0xf0);
    sigstruct_put_int(&css, CSS_CET_ATTRIBUTES, 0x81);
    ENS_CLEANUP(mem_freep) char *text = render(&css, NULL);

    assert_contains(text, "! INIT");
    assert_contains(text, "! DEBUG is not enforced");
    assert_contains(text, "! PROVISIONKEY");
    assert_contains(text, "! EINITTOKENKEY");
    assert_contains(text, "! XFRM demands half of MPX");
    assert_contains(text, "! XFRM demands bit 63");
    assert_contains(text, "! reserved XFRM bits are demanded: 0x400");
    assert_contains(text, "! reserved MISCSELECT bits are demanded: 0xf0");
    assert_contains(text, "! reserved CET_ATTRIBUTES bits are set: 0x80");
    assert_contains(text, "! DATE 00000000 is no date");
}

static void fields_that_are_rarely_used_are_shown_when_they_are(void **state)
{
    struct sigstruct css = load("kss");

    (void)state;
    sigstruct_put_int(&css, CSS_SWDEFINED, 0xfedcba98);
    sigstruct_put_int(&css, CSS_VENDOR, 0x8086);
    sigstruct_put_int(&css, CSS_ATTRIBUTES, 0xc4);
    sigstruct_put_int(&css, CSS_CET_ATTRIBUTES, 5);
    sigstruct_put_int(&css, CSS_CET_ATTRIBUTES_MASK, 0xfe);
    ENS_CLEANUP(mem_freep) char *text = render(&css, NULL);

    assert_contains(text, "\n  SWDEFINED   4275878552\n");
    assert_contains(text, "\n  VENDOR      0x8086\n");
    assert_contains(text, "\n  ISVFAMILYID  000102030405060708090a0b0c0d0e0f\n");
    assert_contains(text, "\n  ISVEXTPRODID 101112131415161718191a1b1c1d1e1f\n");
    assert_contains(text, "\n  ATTRIBUTES  00000000000000c4  MODE64BIT CET KSS  every bit enforced\n");
    assert_contains(text,
                    "\n  CET_ATTRIBUTES 05                SH_STK_EN ENDBR_EN  not enforced: SH_STK_EN\n");
}

/* The text of the fields only. */
static struct buf fields_of(const struct sigstruct *css, unsigned indent)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(review_fields(css, indent, &b, &err), err);
    return b;
}

static void no_free_signed_bit_changes_unseen(void **state)
{
    const struct sigstruct css = load("kss");
    ENS_CLEANUP(buf_free) struct buf before = fields_of(&css, 2);

    (void)state;
    for (size_t bit = 0; bit < 8 * SIGSTRUCT_SIZE; bit++) {
        struct sigstruct changed = css;
        size_t at = bit / 8;
        bool is_free = (at >= 16 && at < 24) || (at >= 40 && at < 44) || (at >= 900 && at < 910) ||
                       (at >= 912 && at < 992) || (at >= 1008 && at < 1028);

        changed.bytes[at] ^= (uint8_t)(1u << bit % 8);
        ENS_CLEANUP(buf_free) struct buf after = fields_of(&changed, 2);

        if (view_equal(buf_view(&before), buf_view(&after)) != !is_free)
            fail_msg("bit %zu of byte %zu: %s", bit % 8, at, is_free ? "unseen" : "seen, but not signed");
    }
}

/* The screen without what changes with every bit, the digest. */
static struct buf screen_of(const struct sigstruct *css)
{
    static const uint8_t digest[32];
    const struct review r = {.css = css, .digest = digest};
    const struct review_form form = {.verb = "signed", .grouped = true};
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(review_render(&r, &form, &b, &err), err);
    return b;
}

static void no_free_signed_bit_changes_unseen_on_a_screen(void **state)
{
    const struct sigstruct css = load("kss");
    ENS_CLEANUP(buf_free) struct buf before = screen_of(&css);

    (void)state;
    for (size_t bit = 0; bit < 8 * SIGSTRUCT_SIZE; bit++) {
        struct sigstruct changed = css;
        size_t at = bit / 8;
        bool is_free = (at >= 16 && at < 24) || (at >= 40 && at < 44) || (at >= 900 && at < 910) ||
                       (at >= 912 && at < 992) || (at >= 1008 && at < 1028);

        changed.bytes[at] ^= (uint8_t)(1u << bit % 8);
        ENS_CLEANUP(buf_free) struct buf after = screen_of(&changed);

        if (view_equal(buf_view(&before), buf_view(&after)) != !is_free)
            fail_msg("bit %zu of byte %zu: %s", bit % 8, at, is_free ? "unseen" : "seen, but not signed");
    }
}

static void no_byte_of_a_review_can_drive_a_terminal(void **state)
{
    struct sigstruct css = load("good");

    (void)state;
    for (int value = 0; value < 256; value += 3) {
        memset(css.bytes + 16, value, 8);
        memset(css.bytes + 900, value, 128);
        ENS_CLEANUP(mem_freep) char *text = render(&css, css.bytes + 960);

        for (const char *p = text; *p != '\0'; p++)
            assert_true(*p == '\n' || (*p >= ' ' && *p <= '~'));
    }
}

static void fields_are_indented_as_asked(void **state)
{
    const struct sigstruct css = load("good");

    (void)state;
    for (unsigned indent = 0; indent < 9; indent += 4) {
        ENS_CLEANUP(buf_free) struct buf b = fields_of(&css, indent);

        for (size_t at = 0; at < b.len; at++) {
            if (at > 0 && b.data[at - 1] != '\n')
                continue;
            for (unsigned i = 0; i < indent; i++)
                assert_int_equal(b.data[at + i], ' ');
        }
        assert_int_not_equal(b.data[indent], ' ');
    }
}

static void dates_are_told_as_days_or_as_they_are(void **state)
{
    static const struct {
        uint32_t bcd;
        const char *want;
    } cases[] = {{0x20240229, "2024-02-29"}, {0x20230229, "20230229"}, {0, "00000000"},
                 {0x99991231, "9999-12-31"}, {0x0e0407e7, "0e0407e7"}, {0xffffffff, "ffffffff"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sigstruct css = load("good");
        char text[REVIEW_DATE_MAX];

        sigstruct_put_int(&css, CSS_DATE, cases[i].bcd);
        assert_string_equal(review_date(&css, text), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_harmless_sigstruct_in_full),
        cmocka_unit_test(a_blind_digest_in_full),
        cmocka_unit_test(every_danger_is_told_before_the_fields),
        cmocka_unit_test(a_key_that_everybody_has_is_a_danger),
        cmocka_unit_test(all_dangers_of_one_sigstruct_are_told),
        cmocka_unit_test(fields_that_are_rarely_used_are_shown_when_they_are),
        cmocka_unit_test(no_free_signed_bit_changes_unseen),
        cmocka_unit_test(no_free_signed_bit_changes_unseen_on_a_screen),
        cmocka_unit_test(no_byte_of_a_review_can_drive_a_terminal),
        cmocka_unit_test(fields_are_indented_as_asked),
        cmocka_unit_test(dates_are_told_as_days_or_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
