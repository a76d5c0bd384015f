/* What a loader asks for, and the SIGSTRUCT: what follows a change and what cannot, field by field; and who
 * is told what EINIT refuses. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/sgx/launch.h"
#include "tests/support/support.h"

#define MASK_XFRM UINT64_C(0xffffffffffffff1b) /* AVX and AVX-512 are free */

/* An enclave as Intel's tool writes it: debug launches allowed, 64 bits, what the mask leaves free is set. */
static struct sigstruct usual_css(void)
{
    struct sigstruct css;

    sigstruct_init(&css);
    sigstruct_put_int(&css, CSS_ATTRIBUTES, 4);
    sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, ~ATTR_DEBUG);
    sigstruct_put_int(&css, CSS_XFRM, 3);
    sigstruct_put_int(&css, CSS_XFRM_MASK, MASK_XFRM);
    sigstruct_put_int(&css, CSS_MISCMASK, 0xffffffff);
    return css;
}

static const struct launch usual = {.attributes = 4, .xfrm = 0xe7, .miscselect = 0, .ssaframesize = 1};

static struct sigstruct css_with(enum css_field field, uint64_t value)
{
    struct sigstruct css = usual_css();

    sigstruct_put_int(&css, field, value);
    return css;
}

static void assert_launch(const struct launch *got, const struct launch *want)
{
    assert_true(got->attributes == want->attributes);
    assert_true(got->xfrm == want->xfrm);
    assert_int_equal(got->miscselect, want->miscselect);
    assert_int_equal(got->ssaframesize, want->ssaframesize);
}

static struct launch followed(const struct sigstruct *old, const struct sigstruct *new,
                              const struct launch *now)
{
    struct launch ret = {0};
    struct ens_err err = {0};

    assert_ok(launch_follow(old, new, now, &ret, &err), err);
    return ret;
}

/* ---- SSA frames ---- */

/* The areas of the XSAVE standard format are 576 to 2752 bytes, with AMX 11008; 184 bytes of registers are
 * behind them. */
static void frames_grow_with_amx_only(void **state)
{
    static const struct {
        uint64_t xfrm;
        uint32_t pages;
    } cases[] = {
        {0, 1},       {3, 1},       {0x7, 1},     {0x1f, 1},    {0xe7, 1},    {0xff, 1},
        {0x2ff, 1},   {0x200, 1},   {0x20000, 3}, {0x40000, 3}, {0x60003, 3}, {0x602e7, 3},
        {0x80003, 1}, {0x1800, 1},  {0x100, 1},   {0x10000, 1}, {0x60000, 3}, {UINT64_MAX, 3},
        {0x81aff, 1}, {0xe1aff, 3}, {0x2ffff, 3}, {0x1ffff, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (launch_ssa_pages(cases[i].xfrm) != cases[i].pages)
            fail_msg("0x%" PRIx64 ": %" PRIu32 " pages", cases[i].xfrm, launch_ssa_pages(cases[i].xfrm));
    }
}

/* ---- following ---- */

/* Whatever is asked for now, however odd: what the new SIGSTRUCT does not change stays. */
static void what_does_not_change_is_left_alone(void **state)
{
    static const struct launch odd = {
        .attributes = ATTR_AEXNOTIFY | 0x10, .xfrm = UINT64_MAX, .miscselect = 7, .ssaframesize = 0};
    const struct sigstruct css = usual_css();
    struct launch got = followed(&css, &css, &odd);

    (void)state;
    assert_launch(&got, &odd);
    for (int field = 0; field < CSS_FIELDS; field++) {
        struct sigstruct new = css;

        if (field == CSS_ATTRIBUTES || field == CSS_XFRM || field == CSS_XFRM_MASK || field == CSS_MISCSELECT)
            continue;
        new.bytes[css_table[field].offset] ^= 1;
        new.bytes[css_table[field].offset + css_table[field].size - 1] ^= 0x80;
        got = followed(&css, &new, &odd);
        assert_launch(&got, &odd);
    }
}

static void attributes_follow_to_the_value(void **state)
{
    static const uint64_t values[] = {0x6, 0x14, 0x24, 0x84, 0x44, 0x0, UINT64_C(0x00ff0000000000f4)};
    const struct sigstruct old = usual_css();
    /* What was asked for beyond the old value is not kept. */
    const struct launch now = {.attributes = 0x36, .xfrm = 0xe7, .miscselect = 1, .ssaframesize = 1};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const struct sigstruct new = css_with(CSS_ATTRIBUTES, values[i]);
        struct launch want = now;
        struct launch got = followed(&old, &new, &now);

        if (values[i] == sigstruct_get_int(&old, CSS_ATTRIBUTES))
            continue;
        want.attributes = values[i];
        assert_launch(&got, &want);
    }
}

static void aexnotify_cannot_change(void **state)
{
    const struct sigstruct off = usual_css();
    const struct sigstruct on = css_with(CSS_ATTRIBUTES, 4 | ATTR_AEXNOTIFY);
    const struct sigstruct kss_too = css_with(CSS_ATTRIBUTES, 4 | ATTR_AEXNOTIFY | ATTR_KSS);
    struct launch now = usual;
    struct launch ret = {.attributes = 77};
    struct ens_err err;

    (void)state;
    assert_fails(launch_follow(&off, &on, &now, &ret, &err), err, ENS_DATA,
                 "ATTRIBUTES: AEXNOTIFY cannot change in a finished enclave, its TCS pages are measured: "
                 "build the enclave again");
    assert_true(ret.attributes == 77);
    now.attributes |= ATTR_AEXNOTIFY;
    assert_fails(launch_follow(&on, &off, &now, &ret, &err), err, ENS_DATA, "AEXNOTIFY cannot change");
    /* It counts what is asked for: an old SIGSTRUCT that said something else is repaired. */
    now = followed(&off, &on, &now);
    assert_true(now.attributes == (4 | ATTR_AEXNOTIFY));
    now = followed(&on, &kss_too, &now);
    assert_true(now.attributes == (4 | ATTR_AEXNOTIFY | ATTR_KSS));
}

static void xfrm_follows_to_all_that_is_allowed(void **state)
{
    static const struct {
        uint64_t xfrm, mask, want;
    } cases[] = {
        {3, UINT64_MAX, 3},
        {7, UINT64_MAX, 7},
        {7, MASK_XFRM, 0xe7},                       /* free bits are asked for, whatever they are in XFRM */
        {0x203, MASK_XFRM, 0x2e7},                  /* PKRU demanded */
        {3, MASK_XFRM & ~UINT64_C(0x200), 0x2e7},   /* PKRU free */
        {3, UINT64_C(0xfffffffffffffffb), 0x7},     /* AVX free */
        {0xe7, UINT64_C(0xfffffffffffffffc), 0xe7}, /* low bits are free, and set */
        {0xe4, UINT64_C(0xfffffffffffffffc), 0xe7}, /* also where XFRM lacks them */
        {UINT64_C(0x8000000000000003), MASK_XFRM, UINT64_C(0x80000000000000e7)},
    };
    const struct sigstruct old = css_with(CSS_XFRM, 0x13);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sigstruct new = css_with(CSS_XFRM, cases[i].xfrm);
        struct launch want = usual;

        sigstruct_put_int(&new, CSS_XFRM_MASK, cases[i].mask);
        want.xfrm = cases[i].want;
        struct launch got = followed(&old, &new, &usual);

        assert_launch(&got, &want);
    }
}

static void a_mask_alone_changes_xfrm(void **state)
{
    const struct sigstruct old = usual_css();
    const struct sigstruct new = css_with(CSS_XFRM_MASK, UINT64_MAX);
    struct launch got = followed(&old, &new, &usual);
    struct launch want = usual;

    (void)state;
    want.xfrm = 3;
    assert_launch(&got, &want);
}

static void amx_needs_frames_that_are_measured(void **state)
{
    const struct sigstruct old = usual_css();
    const struct sigstruct new = css_with(CSS_XFRM, 0x60003);
    const struct sigstruct open = css_with(CSS_XFRM_MASK, 3);
    struct launch now = usual;
    struct launch ret = {.xfrm = 77};
    struct ens_err err;

    (void)state;
    assert_fails(
        launch_follow(&old, &new, &now, &ret, &err), err, ENS_DATA,
        "XFRM: 0x600e7 needs SSA frames of 3 pages, the enclave was built with 1, which is measured: "
        "demand less in XFRM and its mask, or build the enclave again");
    now.ssaframesize = 2;
    assert_fails(launch_follow(&old, &new, &now, &ret, &err), err, ENS_DATA, "of 3 pages");
    /* A mask that leaves AMX free asks for it as well. */
    assert_fails(launch_follow(&old, &open, &now, &ret, &err), err, ENS_DATA, "0xffffffffffffffff needs");
    assert_true(ret.xfrm == 77);
    now.ssaframesize = 3;
    assert_true(followed(&old, &new, &now).xfrm == 0x600e7);
    assert_true(followed(&old, &open, &now).xfrm == UINT64_MAX);
    now.ssaframesize = UINT32_MAX;
    assert_true(followed(&old, &new, &now).xfrm == 0x600e7);
    now.ssaframesize = 0;
    assert_fails(launch_follow(&new, &old, &now, &ret, &err), err, ENS_DATA, "of 1 pages");
}

static void miscselect_follows(void **state)
{
    const struct sigstruct old = usual_css();
    const struct sigstruct new = css_with(CSS_MISCSELECT, 0x80000001);
    struct launch now = usual;
    struct launch want = usual;
    struct launch got = followed(&old, &new, &usual);

    (void)state;
    want.miscselect = 0x80000001;
    assert_launch(&got, &want);
    now.miscselect = 3;
    got = followed(&new, &old, &now);
    assert_launch(&got, &usual);
}

static void all_follow_at_once_or_none(void **state)
{
    const struct sigstruct old = usual_css();
    struct sigstruct new = css_with(CSS_ATTRIBUTES, 0x94);
    struct launch got = usual;
    struct ens_err err = {0};

    (void)state;
    sigstruct_put_int(&new, CSS_XFRM, 0x203);
    sigstruct_put_int(&new, CSS_MISCSELECT, 1);
    /* The result may take the place of what is now. */
    assert_ok(launch_follow(&old, &new, &got, &got, &err), err);
    assert_launch(&got, &(struct launch){0x94, 0x2e7, 1, 1});
    sigstruct_put_int(&new, CSS_XFRM, 0x20003);
    got = usual;
    assert_fails(launch_follow(&old, &new, &got, &got, &err), err, ENS_DATA, "XFRM: ");
    assert_launch(&got, &usual);
}

/* ---- judging ---- */

/* There is one finding, or none where `says` is NULL. */
static void assert_judged(const struct sigstruct *css, const struct launch *launch, enum severity severity,
                          const char *rule, const char *says)
{
    struct findings found = {0};

    launch_judge(css, launch, &found);
    if (found.len != (says != NULL))
        fail_msg("%zu findings, not '%s'; '%s'", found.len, says != NULL ? says : "",
                 found.len > 0 ? found.items[0].text : "");
    if (says == NULL)
        return;
    assert_string_equal(found.items[0].text, says);
    assert_string_equal(found.items[0].rule, rule);
    assert_int_equal(found.items[0].severity, severity);
}

static void judge_error(const struct sigstruct *css, const struct launch *launch, const char *says)
{
    assert_judged(css, launch, SEVERITY_ERROR, "launch", says);
}

static void attributes_are_held_against_the_mask(void **state)
{
    struct sigstruct css = usual_css();
    struct launch l = usual;

    (void)state;
    judge_error(&css, &l, NULL);
    l.attributes = 0;
    judge_error(&css, &l,
                "the loader asks for ATTRIBUTES 0x0, but the SIGSTRUCT demands 0x4 in 0xfffffffffffffffd");
    l.attributes = 0x14;
    judge_error(&css, &l,
                "the loader asks for ATTRIBUTES 0x14, but the SIGSTRUCT demands 0x4 in 0xfffffffffffffffd");
    sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, 0x4);
    judge_error(&css, &l, NULL);
    sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, 0x14);
    sigstruct_put_int(&css, CSS_ATTRIBUTES, 0x94);
    judge_error(&css, &l, NULL);
    l.attributes = 0x84;
    judge_error(&css, &l, "the loader asks for ATTRIBUTES 0x84, but the SIGSTRUCT demands 0x14 in 0x14");
}

/* The loader sets DEBUG as its caller says. */
static void debug_is_the_callers(void **state)
{
    struct sigstruct css = usual_css();

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct launch l = usual;

        sigstruct_put_int(&css, CSS_ATTRIBUTES, 4 | (i & 1 ? ATTR_DEBUG : 0));
        sigstruct_put_int(&css, CSS_ATTRIBUTEMASK, i & 2 ? UINT64_MAX : ~ATTR_DEBUG);
        l.attributes = 4 | (i & 4 ? ATTR_DEBUG : 0);
        judge_error(&css, &l, NULL);
    }
}

static void xfrm_may_lack_nothing_that_is_demanded(void **state)
{
    struct sigstruct css = usual_css();
    struct launch l = usual;

    (void)state;
    l.xfrm = 1;
    judge_error(&css, &l, "the loader does not ask for XFRM 0x2, which the SIGSTRUCT demands");
    l.xfrm = 3;
    judge_error(&css, &l, NULL);
    l.xfrm = 0x2ef;
    judge_error(&css, &l, "the loader asks for XFRM 0x208, which the SIGSTRUCT forbids");
    sigstruct_put_int(&css, CSS_XFRM, 0xe7);
    l.xfrm = 3;
    judge_error(&css, &l, NULL); /* 0xe4 is not in the mask */
    sigstruct_put_int(&css, CSS_XFRM_MASK, UINT64_MAX);
    judge_error(&css, &l, "the loader does not ask for XFRM 0xe4, which the SIGSTRUCT demands");
}

static void xfrm_lacks_and_exceeds_at_once(void **state)
{
    const struct sigstruct css = css_with(CSS_XFRM, 0x203);
    struct launch l = usual;
    struct findings found = {0};

    (void)state;
    l.xfrm = 0x1b;
    launch_judge(&css, &l, &found);
    assert_int_equal(found.len, 2);
    assert_string_equal(found.items[0].text,
                        "the loader does not ask for XFRM 0x200, which the SIGSTRUCT demands");
    assert_string_equal(found.items[1].text, "the loader asks for XFRM 0x18, which the SIGSTRUCT forbids");
}

/* The loader adds what the SIGSTRUCT demands to what it was told. */
static void miscselect_is_held_against_the_mask(void **state)
{
    struct sigstruct css = css_with(CSS_MISCSELECT, 1);
    struct launch l = usual;

    (void)state;
    judge_error(&css, &l, NULL);
    l.miscselect = 1;
    judge_error(&css, &l, NULL);
    l.miscselect = 2;
    judge_error(&css, &l, "the loader asks for MISCSELECT 0x3, but the SIGSTRUCT demands 0x1 in 0xffffffff");
    sigstruct_put_int(&css, CSS_MISCMASK, 1);
    judge_error(&css, &l, NULL);
}

static void frames_that_are_too_small_are_told(void **state)
{
    const struct sigstruct css = css_with(CSS_XFRM, 0x60003);
    struct launch l = usual;

    (void)state;
    l.xfrm = 0x600e7;
    l.ssaframesize = 3;
    judge_error(&css, &l, NULL);
    for (l.ssaframesize = 1; l.ssaframesize < 3; l.ssaframesize++) {
        char says[128];

        (void)snprintf(says, sizeof says,
                       "SSA frames of %" PRIu32
                       " pages do not hold the state of XFRM 0x600e7: a CPU with all "
                       "of it refuses the enclave",
                       l.ssaframesize);
        assert_judged(&css, &l, SEVERITY_WARNING, "ssaframesize", says);
    }
}

/* What follows is what the judge accepts: no change leaves a loader that asks for something else. */
static void what_follows_is_accepted(void **state)
{
    const struct sigstruct old = usual_css();
    static const uint64_t attributes[] = {4, 0x14, 0x84, 0xb4};
    static const uint64_t xfrm[] = {3, 7, 0xe7, 0x203};
    static const uint64_t masks[] = {UINT64_MAX, MASK_XFRM, MASK_XFRM & ~XFRM_PKRU, 0x60003};

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        struct sigstruct new = css_with(CSS_ATTRIBUTES, attributes[i & 3]);

        sigstruct_put_int(&new, CSS_XFRM, xfrm[i >> 2 & 3]);
        sigstruct_put_int(&new, CSS_XFRM_MASK, masks[i >> 4 & 3]);
        sigstruct_put_int(&new, CSS_MISCSELECT, i & 1);
        struct launch got = followed(&old, &new, &usual);

        judge_error(&new, &got, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_grow_with_amx_only),
        cmocka_unit_test(what_does_not_change_is_left_alone),
        cmocka_unit_test(attributes_follow_to_the_value),
        cmocka_unit_test(aexnotify_cannot_change),
        cmocka_unit_test(xfrm_follows_to_all_that_is_allowed),
        cmocka_unit_test(a_mask_alone_changes_xfrm),
        cmocka_unit_test(amx_needs_frames_that_are_measured),
        cmocka_unit_test(miscselect_follows),
        cmocka_unit_test(all_follow_at_once_or_none),
        cmocka_unit_test(attributes_are_held_against_the_mask),
        cmocka_unit_test(debug_is_the_callers),
        cmocka_unit_test(xfrm_may_lack_nothing_that_is_demanded),
        cmocka_unit_test(xfrm_lacks_and_exceeds_at_once),
        cmocka_unit_test(miscselect_is_held_against_the_mask),
        cmocka_unit_test(frames_that_are_too_small_are_told),
        cmocka_unit_test(what_follows_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
