/* compare: is it the same enclave, whoever signed it; the same signer; which fields differ; and where two
 * enclaves differ, which of their pages, and why. Exit status 0: the same MRENCLAVE. */
#include "signer/cmd/compare/compare.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/toml.h"
#include "signer/ceremony/armour.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/beside.h"
#include "signer/flow/fields.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

/* ---- the sides ---- */

static void side_free(struct compare_side *side)
{
    enclave_free(&side->e);
    mem_free(side->data);
    buf_free(&side->manifest);
}

/* Is it the text of an earlier one? Places of one file have the same doubts. */
static bool is_said(const struct findings *found, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(found->items[i].text, found->items[index].text) == 0)
            return true;
    }
    return false;
}

/* Whoever compares must know that a side is not what it seems. */
static bool warn_of_side(const struct compare_side *side, struct ens_err *err)
{
    struct findings found = {0};

    for (size_t i = 0; i < side->e.sites_len; i++) {
        if (!enclave_judge_site(&side->e, i, &found, err))
            return false;
    }
    for (size_t i = 0; i < found.len; i++) {
        if (!is_said(&found, i))
            notice_warn("%s: %s", side->path, found.items[i].text);
    }
    found = (struct findings){0};
    if (side->site->is_signed &&
        !verify_sigstruct(view_of(side->site->css.bytes, SIGSTRUCT_SIZE), &found, err))
        return false;
    const struct finding *bad = findings_first(&found, SEVERITY_ERROR);

    if (bad != NULL)
        notice_warn("%s: %s: EINIT refuses it", side->path, bad->text);
    return true;
}

static bool require_mrenclave(const struct compare_side *side, struct ens_err *err)
{
    if (side->site->is_measured || side->has_fields)
        return true;
    return ens_fail(err, ENS_DATA, "%s: is not signed, and %s: nothing can be compared", side->path,
                    container_why_no_stream(side->e.container));
}

/* A manifest can be compared with another one as it is. */
static bool take_site(struct compare_side *side, struct ens_err *err)
{
    side->site = &side->e.sites[0];
    side->has_fields = side->site->is_signed;
    return enclave_require_stream(&side->e, side->site, err) &&
           (side->manifest.len > 0 || require_mrenclave(side, err));
}

static bool take_signdata(struct compare_side *side, const struct artifact *a, struct ens_err *err)
{
    side->site = side->data = mem_alloc(1, sizeof *side->data, err);
    side->has_fields = true;
    return side->data != NULL && fields_in_signdata(a, &side->data->css, err);
}

/* A component is named for bundles; a side that is none has none. */
static bool open_side(const char *path, const char *component, const struct container_beside *beside,
                      struct compare_side *ret, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    struct pubkey key;

    ret->path = path;
    if (!artifact_open(path, &a, err))
        return false;
    const char *id = a.kind == ARTIFACT_BUNDLE ? component : NULL;

    if (a.kind == ARTIFACT_MANIFEST && !artifact_read(&a, TOML_SIZE_MAX, &ret->manifest, err))
        return false;
    if (a.kind != ARTIFACT_MANIFEST && (a.len == SIGNDATA_SIZE || armour_is(artifact_head(&a)))
            ? !take_signdata(ret, &a, err)
            : !enclave_open(&a, id, beside, ENCLAVE_LOOK, &ret->e, err) || !take_site(ret, err))
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

/* ---- the command ---- */

struct compare_options {
    struct beside_options beside;
    const char *component;
    bool all, allow_large, json;
};

/* Two manifests by their text; all else by what the CPU measures. */
static bool print_comparison(const struct compare_options *options, struct compare_side *a,
                             struct compare_side *b, bool *ret_same, struct ens_err *err)
{
    ENS_CLEANUP(pagediff_freep) struct pagediff *d = NULL;
    ENS_CLEANUP(report_free) struct report r = {0};
    bool by_text = a->manifest.len > 0 && b->manifest.len > 0;

    if (!by_text &&
        (!require_mrenclave(a, err) || !require_mrenclave(b, err) || !compare_two_streams(a, b, &d, err)))
        return false;
    report_begin(&r, options->json ? REPORT_JSON : REPORT_TEXT, by_text ? 16 : 12);
    *ret_same = by_text ? compare_same_manifest(a, b) : compare_same_enclave(a, b);
    if (by_text && a->site->is_measured && compare_same_enclave(a, b) != *ret_same)
        return ens_fail(err, ENS_DATA, "%s: was changed while it was read: run again", a->path);
    return (by_text ? compare_report_manifests(&r, a, b, options->all, err)
                    : compare_report(&r, a, b, d, options->all, err)) &&
           report_print(&r, err);
}

static bool is_manifest(const struct compare_side *side)
{
    return side->e.container != NULL && container_kind(side->e.container) == CONTAINER_GRAMINE;
}

static bool run_compare(const struct command_line *line, struct ens_err *err)
{
    const struct compare_options *args = line->options;
    ENS_CLEANUP(beside_close) struct beside beside = BESIDE_NONE;
    ENS_CLEANUP(side_free) struct compare_side a = {0};
    ENS_CLEANUP(side_free) struct compare_side b = {0};

    enclave_allow_large(args->allow_large);
    if (!beside_open(&args->beside, &beside, err))
        return false;
    beside.container.is_for_two = true;
    if (!open_side(line->operands[0], args->component, &beside.container, &a, err) ||
        !open_side(line->operands[1], args->component, &beside.container, &b, err))
        return false;
    if (args->component != NULL && a.e.bundle == NULL && b.e.bundle == NULL)
        return ens_fail(err, ENS_USAGE, "--component: neither %s nor %s is a bundle: leave it out", a.path,
                        b.path);
    if ((args->beside.libpal != NULL || args->beside.gramine != NULL) && !is_manifest(&a) && !is_manifest(&b))
        return ens_fail(err, ENS_USAGE, "--%s: neither %s nor %s is a Gramine manifest: leave it out",
                        args->beside.libpal != NULL ? "libpal" : "gramine", a.path, b.path);
    bool is_same = false;

    if (!print_comparison(args, &a, &b, &is_same, err))
        return false;
    if (!is_same)
        err->code = ENS_NO;
    return is_same;
}

#define COMPARE(KIND, member) OPTION(KIND, struct compare_options, member)

static const struct option compare_rows[] = {
    {"component", 0, COMPARE(TEXT, component), "ID", "component of each bundle: ronl (default) or rofl.NAME"},
    {"all", 0, COMPARE(FLAG, all), NULL, "every run of pages that differs, a line each"},
    {"allow-large", 0, COMPARE(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    {"json", 0, COMPARE(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_compare = {
    .name = "compare",
    .operands = "A B",
    .summary = "the same enclave? the same signer? and if not, what differs",
    .size = sizeof(struct compare_options),
    .groups = {{compare_rows, 0},
               {beside_rows, offsetof(struct compare_options, beside)},
               {edp_rows, offsetof(struct compare_options, beside.edp)},
               {edp_debug_rows, offsetof(struct compare_options, beside.edp)}},
    .min = 2,
    .max = 2,
    .run = run_compare,
};
