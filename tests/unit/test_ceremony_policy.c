/* The policy file: every keyword with a value that holds and one that does not, and what the parser refuses.
 */
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/ceremony/policy.h"
#include "tests/support/support.h"

#define MRSIGNER "9affcfae47b848ec2caf1c49b4b283531e1cc425f93582b36806e52a43d78d1a"
#define OTHER    "0000000000000000000000000000000000000000000000000000000000000001"

static struct policy *parsed(const char *text)
{
    struct policy *p = NULL;
    struct ens_err err = {0};

    assert_ok(policy_parse(view_of_string(text), "p", &p, &err), err);
    return p;
}

/* MRENCLAVE 11.., ISVPRODID 5, ISVSVN 12, DATE 2026-03-31, orc's defaults otherwise. */
static struct sigstruct sample(void)
{
    struct sigstruct css;
    uint8_t mrenclave[MRENCLAVE_SIZE];

    memset(mrenclave, 0x11, sizeof mrenclave);
    sigstruct_init(&css);
    sigstruct_put(&css, CSS_ENCLAVEHASH, view_of(mrenclave, sizeof mrenclave));
    sigstruct_put_int(&css, CSS_ISVPRODID, 5);
    sigstruct_put_int(&css, CSS_ISVSVN, 12);
    sigstruct_put_int(&css, CSS_DATE, 0x20260331);
    sigstruct_put_int(&css, CSS_ATTRIBUTES, ATTR_MODE64BIT);
    sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, ~ATTR_DEBUG);
    sigstruct_put_int(&css, CSS_XFRM, XFRM_X87_SSE);
    sigstruct_put_int(&css, CSS_XFRM_MASK, ~XFRM_X87_SSE);
    return css;
}

static enum policy_result result_of(const char *text, const struct sigstruct *css, enum policy_check check)
{
    struct policy *p = parsed(text);
    struct policy_outcome o = {0};
    enum policy_result result;

    policy_check_fields(p, css, &o);
    result = o.rows[check].result;
    for (int c = 0; c < POLICY_CHECKS; c++) {
        if (c != (int)check)
            assert_int_equal(o.rows[c].result, POLICY_ABSENT);
    }
    policy_freep(&p);
    return result;
}

static void each_line_about_fields_passes_and_fails(void **state)
{
    static const struct {
        enum policy_check check;
        const char *pass, *fail;
    } rows[] = {
        {POLICY_ISVPRODID, "isvprodid 5", "isvprodid 6"},
        {POLICY_ISVPRODID, "isvprodid = 0x5", "isvprodid <= 4"},
        {POLICY_ISVSVN, "isvsvn >= 12", "isvsvn >= 13"},
        {POLICY_ISVSVN, "isvsvn <= 12", "isvsvn <= 11"},
        {POLICY_DATE, "date >= 20260331", "date >= 20260401"},
        {POLICY_DATE, "date <= 20260331", "date 20260330"},
        {POLICY_ATTRIBUTES, "attributes 0x4/0x2", "attributes 0x4/0"},
        {POLICY_XFRM, "xfrm 0x3/0x3", "xfrm 0x7/0x3"},
        {POLICY_DEBUG, "debug allow", "debug forbid"},
        {POLICY_MRENCLAVE,
         "mrenclave " OTHER "\nmrenclave 1111111111111111111111111111111111111111111111111111111111111111",
         "mrenclave " OTHER},
        {POLICY_BLIND, "blind forbid", NULL},
    };
    const struct sigstruct css = sample();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(result_of(rows[i].pass, &css, rows[i].check), POLICY_PASS);
        if (rows[i].fail != NULL)
            assert_int_equal(result_of(rows[i].fail, &css, rows[i].check), POLICY_FAIL);
    }
}

/* Forbidden means clear and enforced: two ways to fail, one to pass. */
static void forbidden_bits_are_clear_and_enforced(void **state)
{
    static const struct {
        const char *text;
        enum policy_check check;
        uint64_t bit;
    } rows[] = {{"debug forbid", POLICY_DEBUG, ATTR_DEBUG},
                {"provision-key forbid", POLICY_PROVISION_KEY, ATTR_PROVISIONKEY},
                {"einittoken-key forbid", POLICY_EINITTOKEN_KEY, ATTR_EINITTOKENKEY}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sigstruct css = sample();

        sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, UINT64_MAX);
        assert_int_equal(result_of(rows[i].text, &css, rows[i].check), POLICY_PASS);
        sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, ~rows[i].bit);
        assert_int_equal(result_of(rows[i].text, &css, rows[i].check), POLICY_FAIL);
        sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, UINT64_MAX);
        sigstruct_put_int(&css, CSS_ATTRIBUTES, ATTR_MODE64BIT | rows[i].bit);
        assert_int_equal(result_of(rows[i].text, &css, rows[i].check), POLICY_FAIL);
    }
}

static void a_bare_digest_fails_every_line_about_fields(void **state)
{
    (void)state;
    assert_int_equal(result_of("isvsvn >= 0", NULL, POLICY_ISVSVN), POLICY_FAIL);
    assert_int_equal(result_of("debug forbid", NULL, POLICY_DEBUG), POLICY_FAIL);
    assert_int_equal(result_of("debug allow", NULL, POLICY_DEBUG), POLICY_PASS);
    assert_int_equal(result_of("blind forbid", NULL, POLICY_BLIND), POLICY_FAIL);
    assert_int_equal(result_of("blind allow", NULL, POLICY_BLIND), POLICY_PASS);
}

static void a_date_that_is_none_passes_no_date_line(void **state)
{
    struct sigstruct css = sample();

    (void)state;
    sigstruct_put_int(&css, CSS_DATE, 0x20260230);
    assert_int_equal(result_of("date >= 20200101", &css, POLICY_DATE), POLICY_FAIL);
    sigstruct_put_int(&css, CSS_DATE, 0xffffffff);
    assert_int_equal(result_of("date >= 20200101", &css, POLICY_DATE), POLICY_FAIL);
}

static void key_claims_are_wanted_as_claimed(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
        int good, bad;
    } rows[] = {
        {"key sensitive", offsetof(struct policy_claims, sensitive), 1, 0},
        {"key always-sensitive", offsetof(struct policy_claims, always_sensitive), 1, 0},
        {"key not-extractable", offsetof(struct policy_claims, extractable), 0, 1},
        {"key never-extractable", offsetof(struct policy_claims, never_extractable), 1, 0},
        {"key local", offsetof(struct policy_claims, local), 1, 0},
        {"key no-decrypt", offsetof(struct policy_claims, decrypt), 0, 1},
        {"key always-authenticate", offsetof(struct policy_claims, always_authenticate), 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy *p = parsed(rows[i].text);
        const int values[] = {rows[i].good, rows[i].bad, -1};

        for (size_t v = 0; v < 3; v++) {
            struct policy_claims claims = {-1, -1, -1, -1, -1, -1, -1};
            struct policy_outcome o = {0};

            memcpy((char *)&claims + rows[i].offset, &values[v], sizeof values[v]);
            policy_check_claims(p, &claims, &o);
            assert_int_equal(o.rows[POLICY_KEY].result, v == 0 ? POLICY_PASS : POLICY_FAIL);
        }
        policy_freep(&p);
    }
}

static void signer_items_and_approvals(void **state)
{
    struct policy *p = parsed("mrsigner " MRSIGNER "\nmax-items 2\napprovals 2\napprovers who");
    uint8_t mrsigner[MRSIGNER_SIZE] = {0x9a, 0xff, 0xcf, 0xae, 0x47, 0xb8, 0x48, 0xec, 0x2c, 0xaf, 0x1c,
                                       0x49, 0xb4, 0xb2, 0x83, 0x53, 0x1e, 0x1c, 0xc4, 0x25, 0xf9, 0x35,
                                       0x82, 0xb3, 0x68, 0x06, 0xe5, 0x2a, 0x43, 0xd7, 0x8d, 0x1a};
    struct policy_outcome o = {0};
    struct ens_err err = {0};

    (void)state;
    assert_int_equal(policy_approvals(p), 2);
    assert_string_equal(policy_approvers(p), "who");
    policy_check_mrsigner(p, mrsigner, &o);
    policy_check_items(p, 2, &o);
    policy_check_approvals(p, 2, &o);
    assert_ok(policy_met(&o, &err), err);
    mrsigner[31] ^= 1;
    policy_check_mrsigner(p, mrsigner, &o);
    assert_fails(policy_met(&o, &err), err, ENS_REFUSED, "policy: mrsigner");
    policy_check_items(p, 3, &o);
    policy_check_approvals(p, 1, &o);
    assert_fails(policy_met(&o, &err), err, ENS_REFUSED, "2 more checks failed");
    policy_freep(&p);
}

static void the_parser_is_strict(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"isvsvn", "isvsvn"},
        {"isvsvn 1 2 3", "isvsvn"},
        {"isvsvn > 1", "no comparison"},
        {"isvsvn 65536", "too large"},
        {"isvsvn 012", "ambiguous"},
        {"isvsvn 1\nisvsvn 2", "line 2: isvsvn: is there twice"},
        {"date 20260230", "calendar"},
        {"debug no", "forbid or allow"},
        {"mrsigner 12", "exactly 64"},
        {"mrenclave " OTHER " 12", "exactly 64"},
        {"attributes 4", "no mask"},
        {"key shiny", "no claim"},
        {"approvals 1", "approvers"},
        {"approvals 0\napprovers a", "is 0"},
        {"approvals 65\napprovers a", "too large"},
        {"\n# fine\nIsvsvn 1", "line 3: 'Isvsvn' is no keyword"},
        {"isvsv 1", "no keyword"},
    };
    struct policy *p = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_fails(policy_parse(view_of_string(rows[i].text), "p", &p, &err), err, ENS_DATA, rows[i].says);
    assert_fails(policy_parse(view_of("isvsvn 1\0", 9), "p", &p, &err), err, ENS_DATA, "zero byte");
    assert_null(p);
}

static void comments_blanks_and_line_ends_do_not_count(void **state)
{
    struct policy *p = parsed("  # a comment\r\n\n\tisvsvn   >=\t12 # why\r\nblind forbid");
    const struct sigstruct css = sample();
    struct policy_outcome o = {0};
    struct ens_err err = {0};
    uint8_t digest[32];

    (void)state;
    policy_check_fields(p, &css, &o);
    assert_int_equal(o.rows[POLICY_ISVSVN].result, POLICY_PASS);
    assert_int_equal(o.rows[POLICY_BLIND].result, POLICY_PASS);
    assert_ok(digest_of(DIGEST_SHA256,
                        view_of_string("  # a comment\r\n\n\tisvsvn   >=\t12 # why\r\nblind forbid"), digest,
                        &err),
              err);
    assert_memory_equal(policy_digest(p), digest, sizeof digest);
    policy_freep(&p);
}

static void the_rendering_names_every_check(void **state)
{
    struct policy *p = parsed("isvsvn >= 12\ndebug forbid");
    const struct sigstruct css = sample();
    struct policy_outcome o = {0};
    struct ens_err err = {0};
    struct buf text = {0};

    (void)state;
    policy_check_fields(p, &css, &o);
    assert_ok(policy_render(&o, &text, &err), err);
    assert_ok(buf_append(&text, view_of("", 1), &err), err);
    for (int c = 0; c < POLICY_CHECKS; c++)
        assert_non_null(strstr((const char *)text.data, policy_name((enum policy_check)c)));
    assert_non_null(strstr((const char *)text.data, "isvsvn          pass: ISVSVN is 12"));
    assert_non_null(
        strstr((const char *)text.data, "debug           FAIL: DEBUG is clear, but not enforced"));
    assert_non_null(strstr((const char *)text.data, "mrsigner        not in the policy\n"));
    buf_free(&text);
    policy_freep(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_about_fields_passes_and_fails),
        cmocka_unit_test(forbidden_bits_are_clear_and_enforced),
        cmocka_unit_test(a_bare_digest_fails_every_line_about_fields),
        cmocka_unit_test(a_date_that_is_none_passes_no_date_line),
        cmocka_unit_test(key_claims_are_wanted_as_claimed),
        cmocka_unit_test(signer_items_and_approvals),
        cmocka_unit_test(the_parser_is_strict),
        cmocka_unit_test(comments_blanks_and_line_ends_do_not_count),
        cmocka_unit_test(the_rendering_names_every_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
