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
                        "Review of the 256 bytes that are signed\n"
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
    struct report r;

    report_begin(&r, REPORT_TEXT, 14);
    r.indent = indent;
    report_hash(&r, "mrenclave", "MRENCLAVE", sigstruct_get(css, CSS_ENCLAVEHASH));
    review_fields(css, &r);
    assert_ok(r.err.code == ENS_OK, r.err);
    return r.out;
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

/* ---- many ---- */

#define MANY 5

struct many {
    struct sigstruct css[MANY];
    uint8_t digests[MANY][32];
    char names[MANY][64];
    struct review_item items[MANY];
};

static void make_many(struct many *m)
{
    struct ens_err err = {0};

    for (size_t i = 0; i < MANY; i++) {
        m->css[i] = load("good");
        sigstruct_put_int(&m->css[i], CSS_ISVSVN, 12);
        sigstruct_put_int(&m->css[i], CSS_ISVPRODID, i + 1);
        (void)snprintf(m->names[i], sizeof m->names[i], "app%03zu.signdata", i + 1);
        assert_ok(signdata_digest(&m->css[i], m->digests[i], &err), err);
        m->items[i] = (struct review_item){
            .name = m->names[i], .review = {.css = &m->css[i], .digest = m->digests[i], .today = 0x20240301}};
    }
}

static char *table_of(const struct many *m, size_t len, bool resigns)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    const struct review_table t = {.items = m->items, .len = len, .resigns = resigns, .grouped = true};
    struct ens_err err = {0};

    assert_ok(review_table_top(&t, &b, &err) && review_table_header(&t, &b, &err) &&
                  review_table_rows(&t, &b, &err),
              err);
    return mem_strndup((const char *)b.data, b.len, &err);
}

static void a_table_has_what_is_common_once_and_what_differs_in_columns(void **state)
{
    struct many m;

    (void)state;
    make_many(&m);
    sigstruct_put_int(&m.css[1], CSS_ATTRIBUTEMASK, 0xfffffffffffffffd);
    ENS_CLEANUP(mem_freep) char *text = table_of(&m, 2, false);

    assert_contains(text, "2 sign-data, all with\n"
                          "  ISVSVN 12   DATE 2024-02-29   ATTRIBUTES MODE64BIT   XFRM x87 SSE\n"
                          "    # file               MRENCLAVE       PRODID  SHA-256 to be signed\n"
                          "    1 app001.signdata    00010203..1e1f       1  ");
    assert_contains(text, "\n  ! 2 app002.signdata    00010203..1e1f       2  ");
    assert_contains(text, "  DEBUG open\n");
    /* Another DATE and ISVSVN: too many columns, so that each item has a second line. */
    sigstruct_put_int(&m.css[0], CSS_ISVSVN, 3);
    sigstruct_put_int(&m.css[1], CSS_DATE, 0x20240228);
    ENS_CLEANUP(mem_freep) char *two = table_of(&m, 2, false);

    assert_contains(two, "MRENCLAVE       SHA-256 to be signed\n");
    assert_contains(two, "\n      PRODID 1   ISVSVN 3   DATE 2024-02-29\n");
    assert_contains(two, "\n      PRODID 2   ISVSVN 12   DATE 2024-02-28\n");
    /* What is wide has a line as well. */
    sigstruct_put_int(&m.css[0], CSS_XFRM, 7);
    ENS_CLEANUP(mem_freep) char *wide = table_of(&m, 2, false);

    assert_contains(wide, "   XFRM x87 SSE AVX\n");
    assert_contains(wide, "   XFRM x87 SSE\n");
}

static void no_free_signed_bit_changes_unseen_in_a_table(void **state)
{
    struct many m;
    struct sigstruct kss = load("kss");

    (void)state;
    make_many(&m);
    m.css[0] = m.css[1] = kss;
    memset(m.digests, 0, sizeof m.digests);
    ENS_CLEANUP(mem_freep) char *before = table_of(&m, 2, false);

    for (size_t bit = 0; bit < 8 * SIGSTRUCT_SIZE; bit++) {
        size_t at = bit / 8;
        bool is_free = (at >= 16 && at < 24) || (at >= 40 && at < 44) || (at >= 900 && at < 910) ||
                       (at >= 912 && at < 928) || (at >= 928 && at < 960) || (at >= 1008 && at < 1028);

        /* Of MRENCLAVE a person sees the ends; the digests cover the rest. */
        if (!is_free || (at >= 960 && at < 992))
            continue;
        m.css[1] = kss;
        m.css[1].bytes[at] ^= (uint8_t)(1u << bit % 8);
        ENS_CLEANUP(mem_freep) char *after = table_of(&m, 2, false);

        if (strcmp(before, after) == 0)
            fail_msg("bit %zu of byte %zu is unseen", bit % 8, at);
    }
}

static void names_that_look_alike_are_told_in_full(void **state)
{
    struct many m;

    (void)state;
    make_many(&m);
    (void)snprintf(m.names[0], sizeof m.names[0], "one/release-of-today.signdata");
    (void)snprintf(m.names[1], sizeof m.names[1], "only/release-of-today.signdata");
    (void)snprintf(m.names[2], sizeof m.names[2], "a\nb\x1b[2J");
    ENS_CLEANUP(mem_freep) char *text = table_of(&m, 3, false);

    assert_contains(text, "    1 one..oday.signdata ");
    assert_contains(text, "    2 onl..oday.signdata ");
    assert_contains(text, "    3 a?b?[2J  ");
    (void)snprintf(m.names[1], sizeof m.names[1], "one/Release-of-today.signdata");
    ENS_CLEANUP(mem_freep) char *alike = table_of(&m, 3, false);

    assert_contains(alike, "    1 one/release-of-today.signdata\n                         00010203..1e1f");
    assert_contains(alike, "    2 one/Release-of-today.signdata\n                         00010203..1e1f");
}

static void the_digest_of_a_set_does_not_depend_on_the_order(void **state)
{
    struct many m;
    struct many turned;
    uint8_t a[32];
    uint8_t b[32];
    struct ens_err err = {0};

    (void)state;
    make_many(&m);
    make_many(&turned);
    for (size_t i = 0; i < MANY; i++)
        turned.items[i].review.digest = m.digests[MANY - 1 - i];
    assert_ok(review_set_digest(m.items, MANY, a, &err), err);
    assert_ok(review_set_digest(turned.items, MANY, b, &err), err);
    assert_memory_equal(a, b, sizeof a);
    turned.items[0].review.digest = m.digests[0];
    assert_ok(review_set_digest(turned.items, MANY, b, &err), err);
    assert_memory_not_equal(a, b, sizeof a);
}

static void dangers_have_names_that_stay(void **state)
{
    static const struct {
        const char *rule, *name;
        enum severity severity;
    } cases[] = {
        {"debug-open", "DEBUG not enforced", SEVERITY_WARNING},
        {"debug", "DEBUG set", SEVERITY_WARNING},
        {"provisionkey", "PROVISIONKEY not forbidden", SEVERITY_WARNING},
        {"einittokenkey", "EINITTOKENKEY not forbidden", SEVERITY_WARNING},
        {"date-future", "DATE in the future", SEVERITY_WARNING},
        {"date-missing", "DATE missing", SEVERITY_WARNING},
        {"isvsvn-falls", "ISVSVN falls", SEVERITY_WARNING},
        {"unmeasured-code", "unmeasured code (--allow-unusual)", SEVERITY_ERROR},
        {"page-twice", "page added twice (--allow-unusual)", SEVERITY_ERROR},
        {"public-key", "public sample key", SEVERITY_WARNING},
        {"patched-code", "patched code (--allow-unusual)", SEVERITY_ERROR},
        {"blind", "blind", SEVERITY_WARNING},
        {"xfrm-reserved", "reserved XFRM (--allow-unusual)", SEVERITY_ERROR},
        {"vendor", "VENDOR refused by EINIT (--allow-unusual)", SEVERITY_ERROR},
        {"enclavehash", "MRENCLAVE missing (--allow-unusual)", SEVERITY_ERROR},
        {"init", "INIT set (--allow-unusual)", SEVERITY_ERROR},
        {"mode64bit", "MODE64BIT not demanded", SEVERITY_WARNING},
        {"attributes-open", "ATTRIBUTES outside the mask", SEVERITY_WARNING},
        {"attributes-reserved", "reserved ATTRIBUTES (--allow-unusual)", SEVERITY_ERROR},
        {"kss", "KSS ids without KSS (--allow-unusual)", SEVERITY_ERROR},
        {"kss-open", "KSS ids without KSS", SEVERITY_WARNING},
        {"xfrm-sse", "XFRM without x87 or SSE (--allow-unusual)", SEVERITY_ERROR},
        {"xfrm-mpx", "half of MPX (--allow-unusual)", SEVERITY_ERROR},
        {"xfrm-avx512", "part of AVX-512 (--allow-unusual)", SEVERITY_ERROR},
        {"xfrm-avx", "AVX-512 without AVX (--allow-unusual)", SEVERITY_ERROR},
        {"xfrm-amx", "half of AMX (--allow-unusual)", SEVERITY_ERROR},
        {"xfrm-63", "reserved XFRM (--allow-unusual)", SEVERITY_ERROR},
        {"miscselect-reserved", "reserved MISCSELECT", SEVERITY_WARNING},
        {"cet", "CET_ATTRIBUTES without CET", SEVERITY_WARNING},
        {"cet-reserved", "reserved CET_ATTRIBUTES", SEVERITY_WARNING},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct finding f = {.severity = cases[i].severity, .rule = cases[i].rule};
        char name[REVIEW_NAME_MAX];

        assert_string_equal(review_danger_name(&f, name), cases[i].name);
    }
}

static void dates_ahead_versions_that_fall_and_keys_that_no_mask_forbids_are_dangers(void **state)
{
    const struct sigstruct before = load("good"); /* ISVSVN 2, DATE 2024-02-29 */
    uint8_t digest[32] = {0};

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct sigstruct css = before;
        struct review r = {.css = &css, .digest = digest, .today = 0x20240228, .before = &before};
        ENS_CLEANUP(buf_free) struct buf names = {0};
        struct findings found = {0};
        struct ens_err err = {0};
        static const char *const want[] = {"", "DATE in the future", "ISVSVN falls",
                                           "PROVISIONKEY not forbidden; EINITTOKENKEY not forbidden",
                                           "DATE missing"};

        if (i == 1)
            r.today = 0x20240227;
        if (i == 2)
            sigstruct_put_int(&css, CSS_ISVSVN, 1);
        if (i == 3)
            sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, UINT64_MAX & ~(uint64_t)0x30);
        if (i == 4)
            sigstruct_put_int(&css, CSS_DATE, 0);
        review_dangers(&r, &found);
        assert_ok(review_danger_names(&found, &names, &err), err);
        if (names.len != strlen(want[i]) || (names.len > 0 && memcmp(names.data, want[i], names.len) != 0))
            fail_msg("%d: '%.*s'", i, (int)names.len, (const char *)names.data);
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
        cmocka_unit_test(a_table_has_what_is_common_once_and_what_differs_in_columns),
        cmocka_unit_test(no_free_signed_bit_changes_unseen_in_a_table),
        cmocka_unit_test(names_that_look_alike_are_told_in_full),
        cmocka_unit_test(the_digest_of_a_set_does_not_depend_on_the_order),
        cmocka_unit_test(dangers_have_names_that_stay),
        cmocka_unit_test(dates_ahead_versions_that_fall_and_keys_that_no_mask_forbids_are_dangers),
        cmocka_unit_test(no_byte_of_a_review_can_drive_a_terminal),
        cmocka_unit_test(fields_are_indented_as_asked),
        cmocka_unit_test(dates_are_told_as_days_or_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
