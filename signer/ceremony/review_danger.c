/* The dangers of a sign-data: a sentence for whoever reads, a short name for the line beside the question. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/ceremony/review.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/params.h"
#include "signer/sgx/verify.h"

/* The names that scripts may rely on: docs/ensign.1 lists them. */
static const struct {
    const char *rule, *name;
} names[] = {
    {"debug", "DEBUG set"},
    {"debug-open", "DEBUG not enforced"},
    {"provisionkey", "PROVISIONKEY not forbidden"},
    {"einittokenkey", "EINITTOKENKEY not forbidden"},
    {"date-future", "DATE in the future"},
    {"date-missing", "DATE missing"},
    {"date", "DATE is not a day"},
    {"isvsvn-falls", "ISVSVN falls"},
    {"unmeasured-code", "unmeasured code"},
    {"page-twice", "page added twice"},
    {"public-key", "public sample key"},
    {"patched-code", "patched code"},
    {"blind", "blind"},
    {"vendor", "VENDOR refused by EINIT"},
    {"enclavehash", "MRENCLAVE missing"},
    {"init", "INIT set"},
    {"mode64bit", "MODE64BIT not demanded"},
    {"attributes-open", "ATTRIBUTES outside the mask"},
    {"attributes-reserved", "reserved ATTRIBUTES"},
    {"kss", "KSS ids without KSS"},
    {"kss-open", "KSS ids without KSS"},
    {"xfrm-sse", "XFRM without x87 or SSE"},
    {"xfrm-mpx", "half of MPX"},
    {"xfrm-avx512", "part of AVX-512"},
    {"xfrm-avx", "AVX-512 without AVX"},
    {"xfrm-amx", "half of AMX"},
    {"xfrm-63", "reserved XFRM"},
    {"xfrm-reserved", "reserved XFRM"},
    {"miscselect-reserved", "reserved MISCSELECT"},
    {"cet", "CET_ATTRIBUTES without CET"},
    {"cet-reserved", "reserved CET_ATTRIBUTES"},
};

/* True if the bit is set, or a host may set it: then it is not forbidden. */
static bool is_forbidden(const struct sigstruct *css, uint64_t bit)
{
    return (sigstruct_get_int(css, CSS_ATTRIBUTES) & bit) == 0 &&
           (sigstruct_get_int(css, CSS_ATTRIBUTEMASK) & bit) != 0;
}

static struct finding *find_rule(struct findings *list, const char *rule)
{
    for (size_t i = 0; i < list->len; i++) {
        if (strcmp(list->items[i].rule, rule) == 0)
            return &list->items[i];
    }
    return NULL;
}

/* What --allow-unusual lets pass, in the judge's words if it found the same in what the mask demands. */
static void add_unusual(const struct review *r, struct findings *ret)
{
    struct findings unusual = {0};

    params_judge(r->css, r->bit32, &unusual);
    for (size_t i = 0; i < unusual.len; i++) {
        struct finding *same = find_rule(ret, unusual.items[i].rule);

        if (same != NULL)
            same->severity = SEVERITY_ERROR;
        else
            findings_add(ret, SEVERITY_ERROR, unusual.items[i].rule, "%s", unusual.items[i].text);
    }
}

static void add_keys(const struct sigstruct *css, struct findings *ret)
{
    bool is_set = (sigstruct_get_int(css, CSS_ATTRIBUTES) & ATTR_PROVISIONKEY) != 0;

    if (!is_forbidden(css, ATTR_PROVISIONKEY))
        findings_add(ret, SEVERITY_WARNING, "provisionkey",
                     "PROVISIONKEY is %s: the enclave may derive keys that identify the platform",
                     is_set ? "set" : "not enforced");
    if (!is_forbidden(css, ATTR_EINITTOKENKEY) && find_rule(ret, "einittokenkey") == NULL)
        findings_add(ret, SEVERITY_WARNING, "einittokenkey",
                     "EINITTOKENKEY is not enforced: a host may let the enclave make launch tokens");
}

/* For who says yes, the judge's words about DEBUG are told as what a host can do; and a bit that somebody set
 * is told, though the mask makes nothing of it. */
static void say_debug(const struct sigstruct *css, struct findings *ret)
{
    struct finding *open = find_rule(ret, "debug-open");

    if (open == NULL)
        return;
    (void)snprintf(open->text, sizeof open->text,
                   "DEBUG is not enforced: a host may start this enclave with its memory open");
    if ((sigstruct_get_int(css, CSS_ATTRIBUTES) & ATTR_DEBUG) != 0)
        findings_add(ret, SEVERITY_WARNING, "debug", "DEBUG is set: this enclave is meant to be debugged");
}

/* A DATE of zeros is none, which the judge tells like any other day that does not exist. */
static void name_missing(uint32_t bcd, struct findings *ret)
{
    struct finding *no_day = find_rule(ret, "date");

    if (bcd == 0 && no_day != NULL)
        no_day->rule = "date-missing";
}

/* A day of grace: the sun rises earlier elsewhere. */
static void add_date(const struct review *r, struct findings *ret)
{
    uint32_t bcd = (uint32_t)sigstruct_get_int(r->css, CSS_DATE);
    struct date day;
    struct date today;
    char text[REVIEW_DATE_MAX];

    name_missing(bcd, ret);
    if (r->today == 0 || !date_of_bcd(bcd, &day) || !date_of_bcd(r->today, &today) ||
        date_to_days(day) <= date_to_days(today) + 1)
        return;
    findings_add(ret, SEVERITY_WARNING, "date-future", "DATE %s is in the future", review_date(r->css, text));
}

static void add_fall(const struct review *r, struct findings *ret)
{
    uint64_t now = sigstruct_get_int(r->css, CSS_ISVSVN);
    uint64_t before = r->before != NULL ? sigstruct_get_int(r->before, CSS_ISVSVN) : 0;

    if (now < before)
        findings_add(ret, SEVERITY_WARNING, "isvsvn-falls",
                     "ISVSVN falls from %" PRIu64 " to %" PRIu64 ": verifiers that want %" PRIu64
                     " refuse it",
                     before, now, before);
}

void review_dangers(const struct review *r, struct findings *ret)
{
    const char *owner = r->mrsigner != NULL ? known_key_owner(r->mrsigner) : NULL;

    if (r->css == NULL)
        findings_add(ret, SEVERITY_WARNING, "blind",
                     "BLIND: 32 bytes that nobody can review; they may stand for any enclave");
    for (size_t i = 0; r->measured != NULL && i < r->measured->len; i++)
        findings_add(ret, r->measured->items[i].severity, r->measured->items[i].rule, "%s",
                     r->measured->items[i].text);
    if (r->css != NULL) {
        verify_signed_fields(r->css, ret);
        say_debug(r->css, ret);
    }
    if (owner != NULL)
        findings_add(ret, SEVERITY_WARNING, "public-key", "PUBLIC KEY: everybody can sign with it: %s",
                     owner);
    if (r->css == NULL)
        return;
    add_unusual(r, ret);
    add_keys(r->css, ret);
    add_date(r, ret);
    add_fall(r, ret);
}

const char *review_danger_name(const struct finding *danger, char ret[static REVIEW_NAME_MAX])
{
    const char *name = danger->rule;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(danger->rule, names[i].rule) == 0)
            name = names[i].name;
    }
    (void)snprintf(ret, REVIEW_NAME_MAX, "%s%s", name,
                   danger->severity == SEVERITY_ERROR ? " (--allow-unusual)" : "");
    return ret;
}

bool review_danger_names(const struct findings *dangers, struct buf *ret, struct ens_err *err)
{
    char name[REVIEW_NAME_MAX];

    for (size_t i = 0; i < dangers->len; i++) {
        if (!buf_printf(ret, err, "%s%s", i > 0 ? "; " : "", review_danger_name(&dangers->items[i], name)))
            return false;
    }
    return true;
}

void review_danger_report(const struct findings *dangers, struct report *r)
{
    char name[REVIEW_NAME_MAX];

    report_array(r, "dangers", NULL, 0);
    for (size_t i = 0; i < dangers->len; i++)
        report_text(r, NULL, NULL, review_danger_name(&dangers->items[i], name));
    report_close(r);
}
