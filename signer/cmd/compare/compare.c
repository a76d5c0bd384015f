/* compare: is it the same enclave, whoever signed it; the same signer; which fields differ; and where two
 * enclaves differ, which of their pages, and why. Exit status 0: the same MRENCLAVE. */
#include "signer/cmd/compare/compare.h"

#include <string.h>

#include "bundle/open.h"
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
    mem_free(side->reasons);
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
    if (side->site->is_rebuild)
        return true;
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
static bool open_side(struct artifact *a, const char *component, const struct container_beside *beside,
                      struct compare_side *ret, struct ens_err *err)
{
    struct pubkey key;

    ret->path = a->path;
    ret->layout_from = beside->release.label;
    const char *id = a->kind == ARTIFACT_BUNDLE ? component : NULL;

    if (a->kind == ARTIFACT_MANIFEST && !artifact_read(a, TOML_SIZE_MAX, &ret->manifest, err))
        return false;
    if (a->kind != ARTIFACT_MANIFEST && (a->len == SIGNDATA_SIZE || armour_is(artifact_head(a)))
            ? !take_signdata(ret, a, err)
            : !enclave_open(a, id, beside, ENCLAVE_LOOK, &ret->e, err) || !take_site(ret, err))
        return false;
    verify_key_of(&ret->site->css, &key);
    if (ret->site->is_signed && (!rsa3072_mrsigner(&key, ret->mrsigner, err) ||
                                 !verify_signature(&ret->site->css, &ret->signature_holds, err)))
        return false;
    return ret->site->is_rebuild || warn_of_side(ret, err);
}

/* ---- rebuilds: a side that no tool has laid out takes the layout of --layout-from, or of the other side ---- */

static bool side_is_bare(const struct artifact *a, bool *ret, struct ens_err *err)
{
    *ret = false;
    return a->kind != ARTIFACT_ELF || container_is_bare(a->fd, a->path, ret, err);
}

/* What lies beside a side: only a rebuild takes a layout. */
static struct container_beside beside_of(bool is_rebuild, const struct container_beside *given,
                                         const struct artifact *other)
{
    struct container_beside ret = *given;

    if (!is_rebuild)
        ret.release = (struct container_file){.fd = -1};
    else if (ret.release.label == NULL)
        ret.release = (struct container_file){.fd = other->fd, .label = other->path};
    return ret;
}

static bool open_sides(char *const paths[2], const char *component, const struct container_beside *beside,
                       struct compare_side sides[2], struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(artifact_close) struct artifact b = ARTIFACT_NONE;
    struct artifact *files[] = {&a, &b};
    bool bare[2];

    for (size_t i = 0; i < 2; i++) {
        if (!artifact_open(paths[i], files[i], err) || !side_is_bare(files[i], &bare[i], err))
            return false;
    }
    for (size_t i = 0; i < 2; i++) {
        if (bare[i] && beside->release.label == NULL && (bare[1 - i] || files[1 - i]->kind != ARTIFACT_ELF))
            return ens_fail(
                err, ENS_DATA,
                "%s, %s: neither is laid out by Intel's SDK: compare the unsigned file with the signed "
                "release, or give that with --layout-from",
                paths[0], paths[1]);
    }
    if (!bare[0] && !bare[1] && beside->release.label != NULL)
        return ens_fail(err, ENS_USAGE, "%s, %s: both are laid out themselves: leave out --layout-from",
                        paths[0], paths[1]);
    /* A rebuild first: the release's descriptor is its container's afterwards. */
    for (size_t n = 0; n < 2; n++) {
        size_t i = bare[1] ? 1 - n : n;
        const struct container_beside own = beside_of(bare[i], beside, files[1 - i]);

        if (!open_side(files[i], component, &own, &sides[i], err))
            return false;
    }
    for (size_t i = 0; i < 2; i++) {
        if (!bare[i])
            continue;
        sides[i].layout_name = beside->release.label != NULL ? beside->release.label : i == 0 ? "B" : "A";
        if (!compare_judge_rebuild(&sides[i], bare[1 - i] ? NULL : &sides[1 - i], err))
            return false;
        compare_choose_sites(&sides[i], &sides[1 - i]);
    }
    return true;
}

/* ---- pages ---- */

static bool pour_side(void *ctx, const struct sink *sink, struct ens_err *err)
{
    struct compare_side *side = ctx;

    size_t index = side->e.bundle != NULL ? 0 : (size_t)(side->site - side->e.sites);

    return container_stream(side->e.container, index, sink, err);
}

static bool compare_two_streams(struct compare_side *a, struct compare_side *b, struct pagediff **ret,
                                struct ens_err *err)
{
    const struct page_source from_a = {.pour = pour_side, .ctx = a, .label = a->path};
    const struct page_source from_b = {.pour = pour_side, .ctx = b, .label = b->path};

    if (!a->site->is_measured || !b->site->is_measured || a->site->stream_error.code != ENS_OK ||
        b->site->stream_error.code != ENS_OK ||
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

static void sides_free(struct compare_side (*sides)[2])
{
    side_free(&(*sides)[0]);
    side_free(&(*sides)[1]);
}

static bool run_compare(const struct command_line *line, struct ens_err *err)
{
    const struct compare_options *args = line->options;
    ENS_CLEANUP(beside_close) struct beside beside = BESIDE_NONE;
    ENS_CLEANUP(sides_free) struct compare_side sides[2] = {0};

    enclave_allow_large(args->allow_large);
    if (!beside_open(&args->beside, &beside, err))
        return false;
    beside.container.is_for_two = true;
    if (!open_sides(line->operands, args->component, &beside.container, sides, err))
        return false;
    if (args->component != NULL && sides[0].e.bundle == NULL && sides[1].e.bundle == NULL)
        return ens_fail(err, ENS_USAGE, "--component: neither %s nor %s is a bundle: leave it out",
                        sides[0].path, sides[1].path);
    if ((args->beside.libpal != NULL || args->beside.gramine != NULL) && !is_manifest(&sides[0]) &&
        !is_manifest(&sides[1]))
        return ens_fail(err, ENS_USAGE, "--%s: neither %s nor %s is a Gramine manifest: leave it out",
                        args->beside.libpal != NULL ? "libpal" : "gramine", sides[0].path, sides[1].path);
    bool is_same = false;

    if (!print_comparison(args, &sides[0], &sides[1], &is_same, err))
        return false;
    if (!is_same)
        err->code = ENS_NO;
    return is_same;
}

#define COMPARE(KIND, member) OPTION(KIND, struct compare_options, member)

static const struct option compare_rows[] = {
    OPTION_TOPIC("What is compared"),
    {"component", 0, COMPARE(TEXT, component), "ID", "component of each bundle: ronl (default) or rofl.NAME"},
    {"all", 0, COMPARE(FLAG, all), NULL, "every run of pages that differs, a line each"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-large", 0, COMPARE(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, COMPARE(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_compare = {
    .name = "compare",
    .operands = "A B",
    .summary = "same enclave? if not, what differs",
    .host = COMMAND_EVERYONE,
    .examples = "compare release.orc rebuilt.orc\n"
                "compare --json app.signdata app.sgxs",
    .see_also = "verify (does one hold?), show",
    .size = sizeof(struct compare_options),
    .groups = {{compare_rows, 0},
               {beside_rows, offsetof(struct compare_options, beside)},
               {edp_rows, offsetof(struct compare_options, beside.edp)},
               {edp_debug_rows, offsetof(struct compare_options, beside.edp)},
               {beside_layout_rows, offsetof(struct compare_options, beside)}},
    .min = 2,
    .max = 2,
    .run = run_compare,
};
