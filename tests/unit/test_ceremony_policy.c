/* The policy file: every keyword with a value that holds and one that does not, what no line speaks of, and
 * what the parser refuses, each with the word for the rule. */
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/ceremony/policy.h"
#include "tests/support/support.h"

#define MRSIGNER "9affcfae47b848ec2caf1c49b4b283531e1cc425f93582b36806e52a43d78d1a"
#define OTHER    "0000000000000000000000000000000000000000000000000000000000000001"
#define ID_A     "aa000000000000000000000000000000"
#define ID_B     "0000000000000000000000000000000b"

static char *framed(const char *lines)
{
    struct ens_err err = {0};
    char *text = mem_printf(&err, "policy 1\n%s%send\n", lines, lines[0] != '\0' ? "\n" : "");

    assert_non_null(text);
    return text;
}

static struct policy *parsed(const char *lines)
{
    ENS_CLEANUP(mem_freep) char *text = framed(lines);
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
    sigstruct_put_int(&css, CSS_MISCMASK, UINT32_MAX);
    sigstruct_put_int(&css, CSS_ATTRIBUTES, ATTR_MODE64BIT);
    sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, ~ATTR_DEBUG);
    sigstruct_put_int(&css, CSS_XFRM, XFRM_X87_SSE);
    sigstruct_put_int(&css, CSS_XFRM_MASK, ~XFRM_X87_SSE);
    return css;
}

static struct policy_outcome outcome_of(const char *lines, const struct sigstruct *css)
{
    struct policy *p = parsed(lines);
    struct policy_outcome o = {0};

    policy_check_fields(p, css, &o);
    policy_freep(&p);
    return o;
}

/* The row of one check, where no other has one. */
static enum policy_result result_of(const char *lines, const struct sigstruct *css, enum policy_check check)
{
    struct policy_outcome o = outcome_of(lines, css);

    for (int c = 0; c < POLICY_CHECKS; c++) {
        if (c != (int)check)
            assert_int_equal(o.rows[c].result, POLICY_ABSENT);
    }
    return o.rows[check].result;
}

static void each_line_about_fields_holds_and_fails(void **state)
{
    static const struct {
        enum policy_check check;
        const char *holds, *fails;
    } rows[] = {
        {POLICY_ISVPRODID, "isvprodid 5", "isvprodid 6"},
        {POLICY_ISVPRODID, "isvprodid = 0x5", "isvprodid <= 4"},
        {POLICY_ISVPRODID, "isvprodid 4..6", "isvprodid 6..7"},
        {POLICY_ISVPRODID, "isvprodid 1 0o5 9", "isvprodid 1 9"},
        {POLICY_ISVPRODID, "isvprodid any", "isvprodid 0..4"},
        {POLICY_ISVSVN, "isvsvn >= 12", "isvsvn >= 13"},
        {POLICY_ISVSVN, "isvsvn <= 12", "isvsvn <= 11"},
        {POLICY_DATE, "date >= 20260331", "date >= 20260401"},
        {POLICY_DATE, "date <= 20260331", "date 20260330"},
        {POLICY_DATE, "date 20260301..20260331", "date 20260301..20260330"},
        {POLICY_ATTRIBUTES, "attributes 0x4/0x2", "attributes 0x4/0"},
        {POLICY_ATTRIBUTES, "attributes within 0x4/0x2", "attributes within 0x4/0"},
        {POLICY_ATTRIBUTES, "attributes within 0/0x6", "attributes within 0/0x2"},
        {POLICY_XFRM, "xfrm 0x3/0x3", "xfrm 0x7/0x3"},
        {POLICY_XFRM, "xfrm any", "xfrm 0x3/0"},
        {POLICY_DEBUG, "debug allow", "debug forbid"},
        {POLICY_MODE64, "mode64 require", "mode64 forbid"},
        {POLICY_CET, "cet forbid", "cet require"},
        {POLICY_KSS, "kss forbid", "kss require"},
        {POLICY_AEX_NOTIFY, "aex-notify forbid", "aex-notify require"},
        {POLICY_VENDOR, "vendor 0", "vendor 0x8086"},
        {POLICY_SWDEFINED, "swdefined <= 7", "swdefined 1..7"},
        {POLICY_MISCSELECT, "miscselect 0/0", "miscselect 0/0xffffffff"},
        {POLICY_CET_ATTRIBUTES, "cet-attributes 0/0xff", "cet-attributes 0/0"},
        {POLICY_ISVFAMILYID, "isvfamilyid 00000000000000000000000000000000 " ID_A, "isvfamilyid " ID_A},
        {POLICY_ISVEXTPRODID, "isvextprodid any", "isvextprodid " ID_A " " ID_B},
        {POLICY_MRENCLAVE,
         "mrenclave " OTHER "\nmrenclave 1111111111111111111111111111111111111111111111111111111111111111",
         "mrenclave " OTHER},
    };
    const struct sigstruct css = sample();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(result_of(rows[i].holds, &css, rows[i].check), POLICY_HOLDS);
        assert_int_equal(result_of(rows[i].fails, &css, rows[i].check), POLICY_FAILS);
    }
}

/* Forbidden and required mean enforced as well: two ways to fail, one to hold. */
static void bits_are_as_wanted_and_enforced(void **state)
{
    static const struct {
        const char *name;
        enum policy_check check;
        uint64_t bit;
    } rows[] = {{"debug", POLICY_DEBUG, ATTR_DEBUG},
                {"mode64", POLICY_MODE64, ATTR_MODE64BIT},
                {"provision-key", POLICY_PROVISION_KEY, ATTR_PROVISIONKEY},
                {"einittoken-key", POLICY_EINITTOKEN_KEY, ATTR_EINITTOKENKEY},
                {"cet", POLICY_CET, ATTR_CET},
                {"kss", POLICY_KSS, ATTR_KSS},
                {"aex-notify", POLICY_AEX_NOTIFY, ATTR_AEXNOTIFY}};
    char forbid[32];
    char require[32];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sigstruct css = sample();

        (void)snprintf(forbid, sizeof forbid, "%s forbid", rows[i].name);
        (void)snprintf(require, sizeof require, "%s require", rows[i].name);
        for (int n = 0; n < 4; n++) {
            bool is_on = (n & 1) != 0;
            bool is_enforced = (n & 2) != 0;

            sigstruct_put_int(&css, CSS_ATTRIBUTES, is_on ? rows[i].bit : 0);
            sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, is_enforced ? rows[i].bit : ~rows[i].bit);
            assert_int_equal(result_of(forbid, &css, rows[i].check),
                             is_enforced && !is_on ? POLICY_HOLDS : POLICY_FAILS);
            assert_int_equal(result_of(require, &css, rows[i].check),
                             is_enforced && is_on ? POLICY_HOLDS : POLICY_FAILS);
        }
    }
}

/* A13: no line, and it is not as usual. */
static void rare_fields_are_as_usual_where_no_line_speaks_of_them(void **state)
{
    static const struct {
        enum policy_check check;
        enum css_field field;
        uint64_t value;
        const char *allows;
    } rows[] = {{POLICY_VENDOR, CSS_VENDOR, 1, "vendor any"},
                {POLICY_SWDEFINED, CSS_SWDEFINED, 0xdeadbeef, "swdefined any"},
                {POLICY_MISCSELECT, CSS_MISCSELECT, 1, "miscselect 1/0"},
                {POLICY_MISCSELECT, CSS_MISCMASK, 0, "miscselect any"},
                {POLICY_CET_ATTRIBUTES, CSS_CET_ATTRIBUTES, 1, "cet-attributes 1/0xff"},
                {POLICY_CET_ATTRIBUTES, CSS_CET_ATTRIBUTES_MASK, 0xff, "cet-attributes within 0/0xfe"},
                {POLICY_ISVFAMILYID, CSS_ISVFAMILYID, 0xaa, "isvfamilyid " ID_A},
                {POLICY_ISVEXTPRODID, CSS_ISVEXTPRODID, 0xaa, "isvextprodid any"}};
    struct sigstruct css = sample();
    struct policy_outcome o = outcome_of("", &css);

    (void)state;
    for (int c = 0; c < POLICY_CHECKS; c++)
        assert_int_equal(o.rows[c].result, POLICY_ABSENT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[16] = {(uint8_t)rows[i].value};

        css = sample();
        if (css_table[rows[i].field].size == sizeof bytes)
            sigstruct_put(&css, rows[i].field, view_of(bytes, sizeof bytes));
        else
            sigstruct_put_int(&css, rows[i].field, rows[i].value);
        assert_int_equal(result_of("", &css, rows[i].check), POLICY_FAILS);
        assert_int_equal(result_of(rows[i].allows, &css, rows[i].check), POLICY_HOLDS);
    }
    css = sample();
    sigstruct_put_int(&css, CSS_VENDOR, VENDOR_INTEL);
    assert_int_equal(result_of("", &css, POLICY_VENDOR), POLICY_ABSENT);
}

static void a_bare_digest_needs_blind_allow(void **state)
{
    (void)state;
    assert_int_equal(result_of("", NULL, POLICY_BLIND), POLICY_FAILS);
    assert_int_equal(result_of("isvsvn >= 0", NULL, POLICY_BLIND), POLICY_FAILS);
    assert_int_equal(result_of("blind forbid", NULL, POLICY_BLIND), POLICY_FAILS);
    assert_int_equal(result_of("blind allow", NULL, POLICY_BLIND), POLICY_HOLDS);
}

static void a_date_that_is_none_never_holds(void **state)
{
    static const uint32_t none[] = {0x20260230, 0xffffffff, 0, 0x20261301, 0x2026033a};
    struct sigstruct css = sample();

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        sigstruct_put_int(&css, CSS_DATE, none[i]);
        assert_int_equal(result_of("date >= 00010101", &css, POLICY_DATE), POLICY_FAILS);
        assert_int_equal(result_of("date any", &css, POLICY_DATE), POLICY_FAILS);
    }
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
            assert_int_equal(o.rows[POLICY_KEY].result, v == 0 ? POLICY_HOLDS : POLICY_FAILS);
        }
        policy_freep(&p);
    }
}

static void what_is_not_about_fields(void **state)
{
    struct policy *p = parsed("mrsigner " MRSIGNER "\nmax-items 2\napprovals 2\napprovers who\nrebuilt 1\n"
                              "confirm words\ntranscript require\napprover-keys fido\napproval-days 30");
    uint8_t mrsigner[MRSIGNER_SIZE] = {0x9a, 0xff, 0xcf, 0xae, 0x47, 0xb8, 0x48, 0xec, 0x2c, 0xaf, 0x1c,
                                       0x49, 0xb4, 0xb2, 0x83, 0x53, 0x1e, 0x1c, 0xc4, 0x25, 0xf9, 0x35,
                                       0x82, 0xb3, 0x68, 0x06, 0xe5, 0x2a, 0x43, 0xd7, 0x8d, 0x1a};
    struct policy_outcome o = {0};
    struct ens_err err = {0};

    (void)state;
    assert_int_equal(policy_approvals(p), 2);
    assert_int_equal(policy_rebuilt(p), 1);
    assert_int_equal(policy_approval_days(p), 30);
    assert_int_equal(policy_approver_keys(p), POLICY_KEYS_FIDO);
    assert_int_equal(policy_confirm(p), POLICY_CONFIRM_WORDS);
    assert_true(policy_has(p, POLICY_TRANSCRIPT));
    assert_memory_equal(policy_mrsigner(p), mrsigner, sizeof mrsigner);
    policy_outcome_begin(p, &o);
    assert_int_equal(o.rows[POLICY_MRSIGNER].result, POLICY_UNCHECKED);
    assert_ok(policy_met(&o, &err), err);
    policy_check_mrsigner(p, mrsigner, &o);
    policy_check_items(p, 2, &o);
    policy_check_approvals(p, 2, 1, NULL, &o);
    policy_check_confirm(p, true, &o);
    policy_check_transcript(p, true, &o);
    assert_ok(policy_met(&o, &err), err);
    mrsigner[31] ^= 1;
    policy_check_mrsigner(p, mrsigner, &o);
    assert_fails(policy_met(&o, &err), err, ENS_REFUSED, "policy: mrsigner: ");
    policy_check_items(p, 3, &o);
    policy_check_approvals(p, 1, 0, "bob", &o);
    policy_check_confirm(p, false, &o);
    policy_check_transcript(p, false, &o);
    assert_fails(policy_met(&o, &err), err, ENS_REFUSED, "; approvals: 1, wanted 2; rebuilt: 0, wanted 1; ");
    assert_non_null(
        strstr(err.msg, "; max-items: 3, wanted at most 2; rejected: by bob: nothing was signed"));
    policy_freep(&p);
    p = parsed("quorum " OTHER "\nthreshold >= 3\nshare token");
    o = (struct policy_outcome){0};
    policy_check_sole_key(p, &o);
    for (int c = POLICY_QUORUM; c <= POLICY_SHARE; c++)
        assert_int_equal(o.rows[c].result, POLICY_FAILS);
    assert_int_equal(policy_confirm(p), POLICY_CONFIRM_ANY);
    assert_null(policy_mrsigner(p));
    policy_freep(&p);
}

static void a_quorum_has_its_keywords(void **state)
{
    static const uint8_t id[32] = {1};
    static const uint8_t other[32] = {2};
    struct policy *p = parsed("quorum 0100000000000000000000000000000000000000000000000000000000000000\n"
                              "threshold >= 3\nshare token");
    struct policy_outcome o = {0};

    (void)state;
    policy_check_quorum(p, id, 3, true, &o);
    for (int c = POLICY_QUORUM; c <= POLICY_SHARE; c++)
        assert_int_equal(o.rows[c].result, POLICY_HOLDS);
    assert_string_equal(o.rows[POLICY_THRESHOLD].text, "3, wanted >= 3");
    policy_check_quorum(p, other, 2, false, &o);
    for (int c = POLICY_QUORUM; c <= POLICY_SHARE; c++)
        assert_int_equal(o.rows[c].result, POLICY_FAILS);
    assert_non_null(strstr(o.rows[POLICY_QUORUM].text, "it changes with every refresh"));
    assert_string_equal(o.rows[POLICY_SHARE].text, "sealed to a key in a file, wanted: of a token");
    assert_int_equal(o.rows[POLICY_KEY].result, POLICY_ABSENT);
    policy_freep(&p);
    p = parsed("key sensitive");
    o = (struct policy_outcome){0};
    policy_check_quorum(p, id, 2, true, &o);
    assert_int_equal(o.rows[POLICY_KEY].result, POLICY_FAILS);
    assert_string_equal(o.rows[POLICY_KEY].text, "the key is in shares: use share token");
    assert_int_equal(o.rows[POLICY_QUORUM].result, POLICY_ABSENT);
    policy_freep(&p);
}

static void the_parser_is_strict(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"isvsvn", "line 2: value: "},
        {"nonsense", "line 2: value: "},
        {"nonsense 1", "line 2: unknown-keyword: 'nonsense'"},
        {"\n# fine\nIsvsvn 1", "line 4: unknown-keyword: 'Isvsvn'"},
        {"isvsvn 65536", "value: isvsvn: '65536' is too large"},
        {"isvsvn 012", "value: isvsvn: '012' is ambiguous"},
        {"isvsvn > 1", "value: "},
        {"isvsvn >=1", "value: "},
        {"isvsvn = 1 2", "value: "},
        {"isvsvn any 1", "value: "},
        {"isvsvn 1 1", "twice: "},
        {"isvsvn 1 0x1", "twice: "},
        {"isvsvn 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "value: "},
        {"isvsvn 1...2", "value: "},
        {"isvsvn ..", "value: "},
        {"isvsvn 2..1", "contradiction: isvsvn: "},
        {"isvsvn 1\nisvsvn 2", "line 3: twice: isvsvn"},
        {"isvsvn 1\nisvsvn", "line 3: twice: isvsvn"},
        {"date 20260230", "value: date: "},
        {"date 20260202 20260202", "twice: "},
        {"threshold 1", "value: threshold"},
        {"threshold 8", "value: threshold"},
        {"debug no", "value: debug"},
        {"mrsigner 12", "value: mrsigner"},
        {"mrsigner any", "value: mrsigner"},
        {"mrenclave " OTHER " 12", "value: mrenclave"},
        {"mrenclave any", "value: mrenclave"},
        {"mrenclave " OTHER "\nmrenclave " OTHER, "line 3: twice: mrenclave"},
        {"isvfamilyid any " ID_A, "value: "},
        {"isvfamilyid " ID_A "\nisvfamilyid " ID_B, "twice: "},
        {"attributes 4", "value: attributes"},
        {"attributes within", "value: attributes"},
        {"attributes within any", "value: attributes"},
        {"attributes 4/0/0", "value: attributes"},
        {"cet-attributes 0/0x100", "value: cet-attributes"},
        {"key shiny", "value: key"},
        {"key local local", "value: key"},
        {"approvals 1", "p: contradiction: "},
        {"approvals 0\napprovers a", "value: approvals: is 0"},
        {"approvals 65\napprovers a", "value: approvals"},
        {"approvers a", "contradiction: "},
        {"approvers a b", "value: approvers"},
        {"approvers a sha256:00", "value: approvers"},
        {"approvers a sha256:" OTHER " c", "value: approvers"},
        {"approvals 1\napprovers a\nrebuilt 2", "contradiction: rebuilt"},
        {"revoked a", "contradiction: revoked"},
        {"key local\nthreshold 3", "contradiction: key"},
        {"blind allow\ndebug allow", "contradiction: blind"},
        {"blind allow\ndate any", "contradiction: blind"},
        {"attributes 6/0\ndebug forbid", "contradiction: debug"},
        {"attributes 4/2\ndebug forbid", "contradiction: debug"},
        {"attributes within 4/0\ndebug require", "contradiction: debug"},
        {"kss forbid\nisvextprodid 00000000000000000000000000000000 " ID_A, "contradiction: kss"},
        {"isvsvn 1#", "line 2: hash-in-word: "},
        {" end", "line 2: value: "},
    };
    struct policy *p = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ENS_CLEANUP(mem_freep) char *text = framed(rows[i].text);

        assert_fails(policy_parse(view_of_string(text), "p", &p, &err), err, ENS_DATA, rows[i].says);
        assert_null(p);
    }
}

static void lines_that_seem_to_contradict_and_do_not(void **state)
{
    static const char *const fine[] = {
        "attributes within 4/2\ndebug require",
        "attributes any\ndebug require",
        "attributes 6/0\ndebug allow",
        "attributes 6/0\ndebug require",
        "kss forbid\nisvfamilyid any",
        "blind forbid\ndebug allow",
        "blind allow\nmax-items 1",
        "isvsvn 3..3",
        "key local\nmrsigner " OTHER,
        "isvfamilyid " ID_A " " ID_B "\nkss require",
    };

    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        struct policy *p = parsed(fine[i]);

        policy_freep(&p);
    }
}

static void the_frame_is_strict(void **state)
{
    static const struct {
        const char *text, *says;
        size_t len; /* 0: up to the terminator */
    } rows[] = {
        {"", "p: empty: ", 0},
        {"\xef\xbb\xbfpolicy 1\nend\n", "p: bom: ", 0},
        {"policy 1\nisvsvn\0 1\nend\n", "p: nul: ", 23},
        {"policy 1\r\nend\r\n", "p: cr: ", 0},
        {"policy 1\n# \x1b[2J\nend\n", "p: line 2: not-ascii: holds the byte 1b", 0},
        {"policy 1\n# \x7f\nend\n", "p: line 2: not-ascii: ", 0},
        {"policy 1\nend", "p: no-final-newline: ", 0},
        {"policy 2\nend\n", "p: line 1: version: ", 0},
        {"policy 01\nend\n", "p: line 1: version: ", 0},
        {"policy \nend\n", "p: line 1: no-header: ", 0},
        {"policy 1 \nend\n", "p: line 1: no-header: ", 0},
        {"policy\t1\nend\n", "p: line 1: no-header: ", 0},
        {"approvers 1\nend\n", "p: line 1: no-header: ", 0},
        {"\npolicy 1\nend\n", "p: line 1: no-header: ", 0},
        {"policy 1\n", "p: no-end: ", 0},
        {"policy 1\nend \n", "p: no-end: ", 0},
        {"policy 1\nend\n\n", "p: after-end: ", 0},
        {"policy 1\nend\nend\n", "p: after-end: ", 0},
    };
    struct policy *p = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = rows[i].len > 0 ? rows[i].len : strlen(rows[i].text);

        assert_fails(policy_parse(view_of(rows[i].text, len), "p", &p, &err), err, ENS_DATA, rows[i].says);
    }
}

/* A copy of exactly the right size shows reads past the end to a checker. */
static void every_cut_is_found(void **state)
{
    static const char text[] = "policy 1\n# end\nisvsvn >= 12 # why\n\tdebug  forbid \nend\n";
    struct policy *p = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        ENS_CLEANUP(mem_freep) char *cut = mem_strndup(text, len, &err);

        assert_false(policy_parse(view_of(cut, len), "p", &p, &err));
        assert_int_equal(err.code, ENS_DATA);
    }
    assert_ok(policy_parse(view_of_string(text), "p", &p, &err), err);
    policy_freep(&p);
}

static void comments_and_blanks_do_not_count(void **state)
{
    static const char lines[] = "  # a comment\n\n\tisvsvn   >=\t12 # why\nblind forbid \t";
    ENS_CLEANUP(mem_freep) char *text = framed(lines);
    struct policy *p = parsed(lines);
    const struct sigstruct css = sample();
    struct policy_outcome o = {0};
    struct ens_err err = {0};
    uint8_t digest[32];

    (void)state;
    policy_check_fields(p, &css, &o);
    assert_int_equal(o.rows[POLICY_ISVSVN].result, POLICY_HOLDS);
    assert_int_equal(o.rows[POLICY_BLIND].result, POLICY_HOLDS);
    assert_ok(digest_of(DIGEST_SHA256, view_of_string(text), digest, &err), err);
    assert_memory_equal(policy_id(p), digest, sizeof digest);
    policy_freep(&p);
}

static void the_rendering_names_every_keyword_that_spoke(void **state)
{
    struct policy *p = parsed("isvsvn >= 12\ndebug forbid\nkey local\ndate >= 20260101\nxfrm 3/3");
    struct sigstruct css = sample();
    struct policy_outcome o = {0};
    struct ens_err err = {0};
    struct buf text = {0};
    size_t lines = 0;
    size_t hold = 0;

    (void)state;
    sigstruct_put_int(&css, CSS_SWDEFINED, 10);
    policy_outcome_begin(p, &o);
    policy_check_fields(p, &css, &o);
    assert_ok(policy_render(&o, &text, &err), err);
    assert_ok(buf_append(&text, view_of("", 1), &err), err);
    assert_string_equal((const char *)text.data,
                        "  isvsvn          holds: 12, wanted >= 12\n"
                        "  date            holds: 2026-03-31, wanted >= 2026-01-01\n"
                        "  xfrm            holds: 0x3/0x3, wanted 0x3/0x3\n"
                        "  debug           fails: off, not enforced, wanted off, enforced\n"
                        "  swdefined       fails: 0xa, and no line allows that (usual: 0)\n"
                        "  key             not checked: no token here\n");
    policy_count(p, &o, &lines, &hold);
    assert_int_equal(lines, 5);
    assert_int_equal(hold, 3);
    assert_string_equal(policy_unchecked(p), "mrenclave, isvprodid, attributes, mode64, provision-key, "
                                             "einittoken-key, cet, kss, aex-notify");
    buf_free(&text);
    policy_freep(&p);
}

/* What is printed of a value can be written again, and means the same. */
static void values_can_be_written_again(void **state)
{
    static const char *const lines[] = {
        "isvsvn >= 12",
        "isvsvn 1..3",
        "isvsvn 1 2 3",
        "isvsvn any",
        "date 20260101..20261231",
        "attributes within 0x4/0x2",
        "xfrm 0x3/0x0",
        "debug require",
        ("mrenclave " OTHER " " MRSIGNER),
        "isvfamilyid any",
        "key sensitive local",
        "swdefined 0xa..0xff",
        "confirm words",
        "max-items 9",
        ("approvers p sha256:" OTHER),
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf text = {0};
        bool is_people = strncmp(lines[i], "approvers", 9) == 0;
        ENS_CLEANUP(mem_freep) char *both = NULL;
        struct ens_err err = {0};
        struct policy *p;
        int c = 0;

        both = mem_printf(&err, "%s%s", lines[i], is_people ? "\napprovals 1" : "");
        p = parsed(both);
        while (c == POLICY_APPROVALS || !policy_has(p, (enum policy_check)c))
            c++;
        assert_ok(buf_printf(&text, &err, "%s ", policy_name((enum policy_check)c)), err);
        assert_ok(policy_value(p, (enum policy_check)c, &text, &err), err);
        assert_int_equal(text.len, strlen(lines[i]));
        assert_memory_equal(text.data, lines[i], text.len);
        policy_freep(&p);
    }
}

static void join_paths(void *ctx, const char *path)
{
    struct ens_err err = {0};

    assert_ok(buf_printf(ctx, &err, "%s,", path), err);
}

/* Found by keyword alone, before anything is judged. */
static void the_files_that_it_names(void **state)
{
    static const char *const texts[][2] = {
        {"policy 1\napprovers a\nrevoked ../b sha256:00\nend\n", "DIR/a,DIR/../b,"},
        {"policy 1\n \t approvers\t /x/y # z\nend\n", "/x/y,"},
        {"policy 9\napprovers a", "DIR/a,"},
        {"policy 1\napprovers\napprovals 2\napproversa b\n# revoked x\n\nrevoked \nend\n", ""},
        {"approvers 1\napprovers a\nend\n", ""},
        {"", ""},
    };
    char *dir = support_mkdir();
    char path[256];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/policy", dir);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ENS_CLEANUP(buf_free) struct buf got = {0};
        ENS_CLEANUP(buf_free) struct buf want = {0};
        struct ens_err err = {0};

        assert_ok(file_write_atomic(path, FILE_OUT_REPLACE, view_of_string(texts[i][0]), &err), err);
        for (const char *at = texts[i][1]; *at != '\0'; at++)
            assert_ok(strncmp(at, "DIR", 3) == 0 ? (at += 2, buf_printf(&want, &err, "%s", dir))
                                                 : buf_append(&want, view_of(at, 1), &err),
                      err);
        policy_list_files(path, join_paths, &got);
        ENS_CLEANUP(file_closep) int fd = path_take_held(path); /* which the next reader would get */

        assert_true(fd >= 0);
        assert_int_equal(path_take_held(path), -1);
        assert_int_equal(got.len, want.len);
        if (want.len > 0)
            assert_memory_equal(got.data, want.data, want.len);
    }
    policy_list_files("/no/such/policy", join_paths, NULL);
    support_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_about_fields_holds_and_fails),
        cmocka_unit_test(bits_are_as_wanted_and_enforced),
        cmocka_unit_test(rare_fields_are_as_usual_where_no_line_speaks_of_them),
        cmocka_unit_test(a_bare_digest_needs_blind_allow),
        cmocka_unit_test(a_date_that_is_none_never_holds),
        cmocka_unit_test(key_claims_are_wanted_as_claimed),
        cmocka_unit_test(what_is_not_about_fields),
        cmocka_unit_test(a_quorum_has_its_keywords),
        cmocka_unit_test(the_parser_is_strict),
        cmocka_unit_test(lines_that_seem_to_contradict_and_do_not),
        cmocka_unit_test(the_frame_is_strict),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(comments_and_blanks_do_not_count),
        cmocka_unit_test(the_rendering_names_every_keyword_that_spoke),
        cmocka_unit_test(values_can_be_written_again),
        cmocka_unit_test(the_files_that_it_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
