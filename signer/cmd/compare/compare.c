/* compare: is it the same enclave, whoever signed it; the same signer; which fields differ; and where two
 * enclaves differ, which of their pages, and why. Exit status 0: the same MRENCLAVE. */
#include "signer/cmd/compare/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bundle/open.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/fields.h"
#include "signer/sgx/diagnose_fields.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

/* ---- the sides ---- */

static void side_free(struct compare_side *side)
{
    enclave_free(&side->e);
    mem_free(side->data);
}

/* Whoever compares must know that a side is not what it seems. */
static bool warn_of_side(const struct compare_side *side, struct ens_err *err)
{
    struct findings found = {0};

    for (size_t i = 0; i < side->e.sites_len; i++) {
        if (!enclave_judge_site(&side->e, i, &found, err))
            return false;
    }
    for (size_t i = 0; i < found.len; i++)
        notice_warn("%s: %s", side->path, found.items[i].text);
    found = (struct findings){0};
    if (side->site->is_signed &&
        !verify_sigstruct(view_of(side->site->css.bytes, SIGSTRUCT_SIZE), &found, err))
        return false;
    const struct finding *bad = findings_first(&found, SEVERITY_ERROR);

    if (bad != NULL)
        notice_warn("%s: %s: EINIT refuses it", side->path, bad->text);
    return true;
}

static bool take_site(struct compare_side *side, struct ens_err *err)
{
    side->site = &side->e.sites[0];
    side->has_fields = side->site->is_signed;
    if (!enclave_require_stream(&side->e, side->site, err))
        return false;
    if (!side->site->is_measured && !side->site->is_signed)
        return ens_fail(err, ENS_DATA, "%s: is not signed, and %s: nothing can be compared", side->path,
                        container_why_no_stream(side->e.container));
    return true;
}

static bool take_signdata(struct compare_side *side, const struct artifact *a, struct ens_err *err)
{
    side->site = side->data = mem_alloc(1, sizeof *side->data, err);
    side->has_fields = true;
    return side->data != NULL && fields_in_signdata(a, &side->data->css, err);
}

/* A component is named for bundles; a side that is none has none. */
static bool open_side(const char *path, const char *component, struct compare_side *ret, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    struct pubkey key;

    ret->path = path;
    if (!artifact_open(path, &a, err))
        return false;
    const char *id = a.kind == ARTIFACT_BUNDLE ? component : NULL;

    if (a.len == SIGNDATA_SIZE || armour_is(artifact_head(&a))
            ? !take_signdata(ret, &a, err)
            : !enclave_open(&a, id, ENCLAVE_LOOK, &ret->e, err) || !take_site(ret, err))
        return false;
    verify_key_of(&ret->site->css, &key);
    if (ret->site->is_signed && (!rsa3072_mrsigner(&key, ret->mrsigner, err) ||
                                 !verify_signature(&ret->site->css, &ret->signature_holds, err)))
        return false;
    return warn_of_side(ret, err);
}

/* ---- pages ---- */

static bool pour_side(void *ctx, const struct sink *sink, struct ens_err *err)
{
    struct compare_side *side = ctx;

    return container_stream(side->e.container, 0, sink, err);
}

static bool compare_two_streams(struct compare_side *a, struct compare_side *b, struct pagediff **ret,
                                struct ens_err *err)
{
    const struct page_source from_a = {.pour = pour_side, .ctx = a, .label = a->path};
    const struct page_source from_b = {.pour = pour_side, .ctx = b, .label = b->path};

    if (!a->site->is_measured || !b->site->is_measured ||
        memcmp(a->site->report.sha256, b->site->report.sha256, 32) == 0)
        return true;
    return pagediff_compare(&from_a, &from_b, ret, err);
}

/* ---- the report ---- */

static bool same_enclave(const struct compare_side *a, const struct compare_side *b)
{
    return memcmp(enclave_mrenclave(a->site), enclave_mrenclave(b->site), MRENCLAVE_SIZE) == 0;
}

/* Anybody can put a key into a SIGSTRUCT: only a signature that verifies says whose it is. */
static bool same_signer(const struct compare_side *a, const struct compare_side *b)
{
    return a->signature_holds && b->signature_holds && memcmp(a->mrsigner, b->mrsigner, MRSIGNER_SIZE) == 0;
}

static const char *signer_words(const struct compare_side *a, const struct compare_side *b)
{
    if (!a->site->is_signed && !b->site->is_signed)
        return "neither is signed";
    if (!a->site->is_signed || !b->site->is_signed)
        return a->site->is_signed ? "only A is signed" : "only B is signed";
    if (!a->signature_holds || !b->signature_holds)
        return a->signature_holds   ? "B's signature does not verify"
               : b->signature_holds ? "A's signature does not verify"
                                    : "neither signature verifies";
    return same_signer(a, b) ? "same signer" : "other signer";
}

/* What the enclaves differ in: a cause that explains it, or else the pages. */
static const char *difference(const struct compare_side *a, const struct compare_side *b,
                              const struct pagediff *d, char ret[static COMPARE_VERDICT_MAX])
{
    struct compare_causes causes;
    char image[COMPARE_IMAGE_MAX];
    size_t len = 0;

    ret[0] = '\0';
    if (d == NULL || d->len == 0)
        return ret;
    compare_find_causes(d, a, b, &causes);
    if (causes.len == 0)
        return compare_verdict(d, a, b, ret);
    len = strlen(compare_cause_text(&causes, ret));
    (void)snprintf(ret + len, COMPARE_VERDICT_MAX - len, ": %" PRIu64 " page%s%s", d->totals.pages,
                   d->totals.pages == 1 ? " differs" : "s differ", compare_image_text(d, a, b, image));
    return ret;
}

static void report_causes(struct report *r, const struct compare_side *a, const struct compare_side *b,
                          const struct pagediff *d)
{
    struct compare_causes causes = {0};

    if (d != NULL && d->len > 0)
        compare_find_causes(d, a, b, &causes);
    report_array(r, "causes", NULL, 0);
    for (size_t i = 0; i < causes.len; i++) {
        report_object(r, NULL, NULL, 0);
        report_text(r, "name", NULL, causes.items[i].name);
        report_uint(r, "a", NULL, causes.items[i].a);
        report_uint(r, "b", NULL, causes.items[i].b);
        report_close(r);
    }
    report_close(r);
}

/* A file with an enclave in it that could not be measured; other than a SIGSTRUCT, which never can. */
static bool unmeasured(const struct compare_side *side)
{
    return !side->site->is_measured && side->e.container != NULL &&
           container_kind(side->e.container) != CONTAINER_SIGSTRUCT;
}

static void report_verdict(struct report *r, const struct compare_side *a, const struct compare_side *b,
                           const struct pagediff *d)
{
    char why[COMPARE_VERDICT_MAX];
    char text[COMPARE_VERDICT_MAX + 64];

    difference(a, b, d, why);
    const char *enclave = same_enclave(a, b) ? "same enclave" : "other enclave";

    if (same_enclave(a, b) && unmeasured(a) && unmeasured(b))
        enclave = "same enclave, as both SIGSTRUCTs say";
    (void)snprintf(text, sizeof text, "%s, %s%s%s", enclave, signer_words(a, b), why[0] != '\0' ? ": " : "",
                   why);
    report_line(r, "%s", text);
    report_text(r, "verdict", NULL, text);
    report_bool(r, "same_enclave", same_enclave(a, b));
    report_bool(r, "same_signer", same_signer(a, b));
    report_causes(r, a, b, d);
}

static void report_side(struct report *r, bool is_a, const struct compare_side *side)
{
    const char *kind =
        side->e.container != NULL ? container_kind_name(container_kind(side->e.container)) : "sign-data";
    const char *how = side->site->is_measured     ? "measured"
                      : side->e.container == NULL ? "as it says"
                                                  : "as its SIGSTRUCT says";

    const struct hex mrenclave = hex_of(view_of(enclave_mrenclave(side->site), MRENCLAVE_SIZE));
    const struct hex mrsigner = hex_of(view_of(side->mrsigner, MRSIGNER_SIZE));
    report_line(r, "%s: %s (%s)", is_a ? "A" : "B", side->path, kind);
    report_object(r, is_a ? "a" : "b", NULL, 2);
    report_text(r, "file", NULL, side->path);
    report_text(r, "format", NULL, kind);
    report_text(r, "mrenclave", NULL, mrenclave.text);
    report_line(r, "MRENCLAVE %s (%s)", mrenclave.text, how);
    report_bool(r, "measured", side->site->is_measured);
    report_text(r, "mrsigner", NULL, side->site->is_signed ? mrsigner.text : NULL);
    report_line(r, "MRSIGNER  %s%s", side->site->is_signed ? mrsigner.text : "not signed",
                side->site->is_signed && !side->signature_holds ? " (its signature does not verify)" : "");
    if (side->site->is_signed)
        report_bool(r, "signature_verifies", side->signature_holds);
    else
        report_null(r, "signature_verifies");
    report_close(r);
}

static void report_field_pair(struct report *r, enum css_field field, const struct compare_side *a,
                              const struct compare_side *b)
{
    char va[DIAGNOSE_VALUE_MAX];
    char vb[DIAGNOSE_VALUE_MAX];

    diagnose_value(&a->site->css, field, va);
    diagnose_value(&b->site->css, field, vb);
    report_object(r, NULL, NULL, 2);
    report_text(r, "name", NULL, css_table[field].name);
    report_text(r, "a", NULL, va);
    report_text(r, "b", NULL, vb);
    report_note(r, css_table[field].name, "%s / %s", va, vb);
    report_close(r);
}

/* Every signed field that differs but ENCLAVEHASH, of which the verdict speaks. */
static void report_fields(struct report *r, const struct compare_side *a, const struct compare_side *b)
{
    size_t differ = 0;

    if (!a->has_fields || !b->has_fields) {
        report_null(r, "fields");
        report_line(r, "Signed fields: cannot be compared, %s none",
                    a->has_fields   ? "B has"
                    : b->has_fields ? "A has"
                                    : "both have");
        return;
    }
    report_array(r, "fields", NULL, 0);
    for (int f = 0; f < CSS_FIELDS; f++) {
        enum css_field field = (enum css_field)f;

        if (!css_table[f].is_signed || field == CSS_ENCLAVEHASH ||
            view_equal(sigstruct_get(&a->site->css, field), sigstruct_get(&b->site->css, field)))
            continue;
        if (differ++ == 0)
            report_line(r, "Signed fields that differ (A / B):");
        report_field_pair(r, field, a, b);
    }
    report_close(r);
    bool same_hash = view_equal(sigstruct_get(&a->site->css, CSS_ENCLAVEHASH),
                                sigstruct_get(&b->site->css, CSS_ENCLAVEHASH));

    if (differ == 0)
        report_line(r, "Signed fields: the same%s", same_hash ? "" : " but for ENCLAVEHASH");
}

/* Why the pages were not compared; NULL if they were, or are the same bytes. */
static const char *why_no_pages(const struct compare_side *a, const struct compare_side *b,
                                const struct compare_side **ret_without)
{
    if (a->site->is_measured && b->site->is_measured)
        return NULL;
    *ret_without = a->site->is_measured ? b : a;
    return (*ret_without)->e.container != NULL ? container_why_no_stream((*ret_without)->e.container)
                                               : "sign-data holds no enclave";
}

static void report_pages(struct report *r, const struct compare_side *a, const struct compare_side *b,
                         const struct pagediff *d)
{
    const struct compare_side *without = NULL;
    const char *why = why_no_pages(a, b, &without);

    report_text(r, "pages_not_compared", NULL, why);
    if (d != NULL) {
        compare_report_pages(r, d, a, b);
        return;
    }
    report_null(r, "totals");
    report_array(r, "pages", NULL, 0);
    report_close(r);
    if (why != NULL && !same_enclave(a, b))
        report_line(r, "Pages: cannot be compared: %s: %s", without->path, why);
}

static bool print_comparison(bool json, struct compare_side *a, struct compare_side *b, struct ens_err *err)
{
    ENS_CLEANUP(pagediff_freep) struct pagediff *d = NULL;
    ENS_CLEANUP(report_free) struct report r = {0};

    if (!compare_two_streams(a, b, &d, err))
        return false;
    report_begin(&r, json ? REPORT_JSON : REPORT_TEXT, 14);
    report_kind(&r, "compare");
    report_verdict(&r, a, b, d);
    report_side(&r, true, a);
    report_side(&r, false, b);
    report_fields(&r, a, b);
    report_pages(&r, a, b, d);
    return report_print(&r, err);
}

struct compare_options {
    const char *component;
    bool allow_large, json;
};

static bool run_compare(const struct command_line *line, struct ens_err *err)
{
    const struct compare_options *args = line->options;
    ENS_CLEANUP(side_free) struct compare_side a = {0};
    ENS_CLEANUP(side_free) struct compare_side b = {0};

    enclave_allow_large(args->allow_large);
    if (!open_side(line->operands[0], args->component, &a, err) ||
        !open_side(line->operands[1], args->component, &b, err))
        return false;
    if (args->component != NULL && a.e.bundle == NULL && b.e.bundle == NULL)
        return ens_fail(err, ENS_USAGE, "--component: neither %s nor %s is a bundle: leave it out", a.path,
                        b.path);
    if (!print_comparison(args->json, &a, &b, err))
        return false;
    if (!same_enclave(&a, &b))
        err->code = ENS_NO;
    return same_enclave(&a, &b);
}

#define COMPARE(KIND, member) OPTION(KIND, struct compare_options, member)

static const struct option compare_rows[] = {
    {"component", 0, COMPARE(TEXT, component), "ID", "component of each bundle: ronl (default) or rofl.NAME"},
    {"allow-large", 0, COMPARE(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    {"json", 0, COMPARE(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_compare = {
    .name = "compare",
    .operands = "A B",
    .summary = "the same enclave? the same signer? and if not, what differs",
    .size = sizeof(struct compare_options),
    .groups = {{compare_rows, 0}},
    .min = 2,
    .max = 2,
    .run = run_compare,
};
