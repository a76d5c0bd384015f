/* The report of a comparison: the verdict, the two sides, their fields, their pages. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bundle/open.h"
#include "signer/base/hex.h"
#include "signer/cmd/compare/compare.h"
#include "signer/sgx/diagnose_fields.h"

bool compare_same_enclave(const struct compare_side *a, const struct compare_side *b)
{
    return compare_reasons(a) + compare_reasons(b) == 0 &&
           memcmp(enclave_mrenclave(a->site), enclave_mrenclave(b->site), MRENCLAVE_SIZE) == 0;
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

/* What its authors chose otherwise, a line each: on top there is room for few. */
static void report_causes(struct report *r, const struct compare_side *a, const struct compare_side *b,
                          const struct pagediff *d)
{
    struct compare_causes causes = {0};
    char text[COMPARE_CAUSE_MAX];
    char moved[COMPARE_LINE + 1] = "";

    if (d != NULL && d->len > 0)
        compare_find_causes(d, a, b, &causes);
    if (d != NULL && causes.len == 0)
        compare_threads_moved(d, moved);
    report_array(r, "causes", NULL, 0);
    for (size_t i = 0; i < causes.len; i++) {
        report_object(r, NULL, NULL, 0);
        report_note(r, i == 0 ? "Causes" : "", "%s", compare_cause_text(&causes.items[i], text));
        report_text(r, "name", NULL, causes.items[i].name);
        report_uint(r, "a", NULL, causes.items[i].a);
        report_uint(r, "b", NULL, causes.items[i].b);
        report_close(r);
    }
    report_close(r);
    report_text(r, "threads_moved", "Causes", moved[0] != '\0' ? moved : NULL);
}

/* A file with an enclave in it that could not be measured; other than a SIGSTRUCT, which never can. */
static bool unmeasured(const struct compare_side *side)
{
    return !side->site->is_measured && side->e.container != NULL &&
           container_kind(side->e.container) != CONTAINER_SIGSTRUCT;
}

static bool is_the_release(const struct compare_side *rebuild)
{
    bool ret = true;

    for (size_t i = 0; i < rebuild->e.sites_len; i++) {
        const struct site *s = &rebuild->e.sites[i];

        ret = ret && view_equal(sigstruct_get(&s->release, CSS_ENCLAVEHASH),
                                view_of(enclave_mrenclave(s), MRENCLAVE_SIZE));
    }
    return ret;
}

/* Of a rebuild that measures as the other side, or that cannot be measured as the release is laid out. The release itself
 * is not beside two rebuilds: that they are the same says nothing of it. */
static const char *rebuild_words(const struct compare_side *a, const struct compare_side *b)
{
    if (!compare_same_enclave(a, b))
        return "the release's metadata do more than lay out the rebuild";
    if (a->reasons == NULL || b->reasons == NULL)
        return "the rebuild, laid out as the release says, measures the same";
    return is_the_release(a) ? "both rebuilds measure as the release that lays them out"
                             : "both rebuilds measure alike, and NOT as their release";
}

/* The first line: one of two beginnings, and in few words what else there is to say. */
static void report_verdict(struct report *r, const struct compare_side *a, const struct compare_side *b,
                           const struct pagediff *d)
{
    const char *verdict = compare_same_enclave(a, b) ? "same enclave" : "other enclave";
    char summary[2 * COMPARE_LINE + 1] = "";
    char pages[COMPARE_LINE + 1] = "";
    size_t len = 0;

    bool is_rebuild = a->reasons != NULL || b->reasons != NULL;

    /* Of enclaves that differ the signers stand below. */
    if (is_rebuild && (compare_same_enclave(a, b) || d == NULL))
        (void)snprintf(summary, sizeof summary, "%s", rebuild_words(a, b));
    else if (compare_same_enclave(a, b) || d == NULL)
        len = (size_t)snprintf(
            summary, sizeof summary, "%s%s",
            compare_same_enclave(a, b) && unmeasured(a) && unmeasured(b) ? "as both SIGSTRUCTs say, " : "",
            signer_words(a, b));
    if (d != NULL && d->len > 0 && (!is_rebuild || len == 0))
        (void)snprintf(
            summary + len, sizeof summary - len, "%s%s", len > 0 ? ": " : "",
            compare_summary(d, a, b, COMPARE_LINE - strlen(verdict) - 2 - len - (len > 0 ? 2 : 0), pages));
    report_line(r, "%s%s %s", verdict, len > 0 ? ";" : ":", summary);
    report_text(r, "verdict", NULL, verdict);
    report_text(r, "summary", NULL, summary);
    report_bool(r, "same_enclave", compare_same_enclave(a, b));
    if (a->site->is_signed && b->site->is_signed)
        report_bool(r, "same_signer", same_signer(a, b));
    else
        report_null(r, "same_signer");
}

/* A person sees the ends of a hash that the other lines do not need. */
static void signer_text(const struct compare_side *side, bool is_grouped, char ret[static 160])
{
    const struct hex mrsigner = hex_of(view_of(side->mrsigner, MRSIGNER_SIZE));

    ret[0] = '\0';
    if (!side->site->is_signed)
        return;
    (void)snprintf(ret, 160, is_grouped ? ", signer %.8s ... %s%s" : ", signer %s%s%s", mrsigner.text,
                   is_grouped ? mrsigner.text + 56 : "",
                   side->signature_holds ? "" : " (its signature does not verify)");
}

static void report_side(struct report *r, bool is_a, bool is_same, const struct compare_side *side)
{
    bool is_data = side->e.container == NULL;
    const char *kind = is_data                 ? "sign-data"
                       : side->reasons != NULL ? "unsigned Intel ELF"
                                               : container_kind_name(container_kind(side->e.container));
    const char *how = side->reasons != NULL     ? "measured with the layout of "
                      : side->site->is_measured ? "measured"
                      : unmeasured(side)        ? "as its SIGSTRUCT says"
                                                : "as it says";
    const struct view mrenclave = view_of(enclave_mrenclave(side->site), MRENCLAVE_SIZE);
    const struct hex mrsigner = hex_of(view_of(side->mrsigner, MRSIGNER_SIZE));
    char signer[160];

    signer_text(side, r->is_grouped, signer);
    report_broken(r, 3, "%s  %s, %s, %s%s%s", is_a ? "A" : "B", side->path, kind, how,
                  side->reasons != NULL ? side->layout_name : "", signer);
    if (!is_same)
        report_line(r, "  %s", hex_for(mrenclave, r->is_grouped).text);
    report_object(r, is_a ? "a" : "b", NULL, 0);
    report_text(r, "file", NULL, side->path);
    report_text(r, "format", NULL, kind);
    report_hex(r, "mrenclave", NULL, mrenclave);
    report_bool(r, "measured", side->site->is_measured);
    if (side->reasons != NULL)
        report_text(r, "layout_from", NULL, side->layout_from);
    report_text(r, "mrsigner", NULL, side->site->is_signed ? mrsigner.text : NULL);
    if (side->site->is_signed)
        report_bool(r, "signature_verifies", side->signature_holds);
    else
        report_null(r, "signature_verifies");
    report_close(r);
}

static void report_sides(struct report *r, const struct compare_side *a, const struct compare_side *b,
                         const struct pagediff *d)
{
    bool is_same = compare_same_enclave(a, b);

    report_side(r, true, is_same, a);
    report_side(r, false, is_same, b);
    if (is_same)
        report_hash(r, NULL, "MRENCLAVE of both", view_of(enclave_mrenclave(a->site), MRENCLAVE_SIZE));
    else if (d != NULL && (a->site->is_signed || b->site->is_signed))
        report_note(r, "Signer", "%s", signer_words(a, b));
    if (a->reasons == NULL && b->reasons == NULL)
        return;
    report_array(r, "reasons", NULL, 0);
    compare_report_rebuild(r, a);
    compare_report_rebuild(r, b);
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

/* The numbers; NULL `d`: they are the same bytes, or, unless `is_known`, nobody knows. */
static void report_totals(struct report *r, const struct pagediff *d, bool is_known)
{
    static const struct pagediff none;
    const struct pagediff_totals *t = d != NULL ? &d->totals : &none.totals;

    if (is_known) {
        report_uint(r, "pages_differ", NULL, t->pages);
        report_uint(r, "bytes_differ", NULL, t->bytes);
    } else {
        report_null(r, "pages_differ");
        report_null(r, "bytes_differ");
    }
    if (d == NULL) {
        report_null(r, "totals");
        return;
    }
    report_note(r, "Pages", "%" PRIu64 " in A, %" PRIu64 " in B", t->pages_a, t->pages_b);
    if (t->threads_a != t->threads_b)
        report_note(r, "Threads", "%" PRIu64 " in A, %" PRIu64 " in B", t->threads_a, t->threads_b);
    report_object(r, "totals", NULL, 0);
    report_uint(r, "pages", NULL, t->pages);
    report_uint(r, "bytes", NULL, t->bytes);
    report_uint(r, "pages_a", NULL, t->pages_a);
    report_uint(r, "pages_b", NULL, t->pages_b);
    report_uint(r, "threads_a", NULL, t->threads_a);
    report_uint(r, "threads_b", NULL, t->threads_b);
    report_uint(r, "runs_left_out", NULL, d->dropped);
    report_close(r);
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

static bool report_pages(struct report *r, const struct compare_side *a, const struct compare_side *b,
                         const struct pagediff *d, bool all, struct ens_err *err)
{
    const struct compare_side *without = NULL;
    const char *why = why_no_pages(a, b, &without);

    report_text(r, "pages_not_compared", NULL, why);
    if (why != NULL && !compare_same_enclave(a, b))
        report_line(r, "Pages: cannot be compared: %s: %s", without->path, why);
    report_totals(r, d, why == NULL);
    report_causes(r, a, b, d);
    if (!compare_report_ranges(r, d, a, b, all, err))
        return false;
    compare_report_rows(r, d, a, b);
    return true;
}

bool compare_report(struct report *r, const struct compare_side *a, const struct compare_side *b,
                    const struct pagediff *d, bool all, struct ens_err *err)
{
    report_kind(r, "compare");
    report_verdict(r, a, b, d);
    report_sides(r, a, b, d);
    report_fields(r, a, b);
    return report_pages(r, a, b, d, all, err);
}
