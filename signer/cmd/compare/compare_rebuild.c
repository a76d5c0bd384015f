/* compare of a rebuild, which no tool has laid out, with its release: is it laid out as the release says, and measures
 * it the same? The release's metadata belong to whoever is asked about, and decide what is loaded as much as the code
 * does. What its SDK's tool never writes there is a reason for no, even if the measurements are equal. */
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/compare/compare.h"
#include "signer/ui/notice.h"

static bool has_reason(const struct findings *list, const char *text)
{
    for (size_t i = 0; i < list->len; i++) {
        if (strcmp(list->items[i].text, text) == 0)
            return true;
    }
    return false;
}

/* The release's own measurement is at hand: its SIGSTRUCT must be for it. */
static void judge_release(const struct enclave *release, struct findings *ret)
{
    /* What nobody has signed yet, and is laid out, has no SIGSTRUCT. */
    bool is_stream = release->container == NULL || container_kind(release->container) != CONTAINER_INTEL;

    for (size_t i = 0; i < release->sites_len; i++) {
        const struct site *s = &release->sites[i];
        struct view hash = sigstruct_get(&s->css, CSS_ENCLAVEHASH);

        if (!(is_stream && view_is_zero(hash)) &&
            !view_equal(hash, view_of(enclave_mrenclave(s), MRENCLAVE_SIZE)))
            findings_add(ret, SEVERITY_ERROR, "mrenclave", "%s has ENCLAVEHASH %s, which the file is not",
                         s->name, hex_of(hash).text);
    }
}

bool compare_judge_rebuild(struct compare_side *side, const struct compare_side *release, struct ens_err *err)
{
    side->reasons = mem_alloc(1, sizeof *side->reasons, err);
    if (side->reasons == NULL)
        return false;
    for (size_t i = 0; i < side->e.sites_len; i++) {
        struct findings found = {0};

        if (!enclave_judge_site(&side->e, i, &found, err))
            return false;
        for (size_t f = 0; f < found.len; f++) {
            const struct finding *one = &found.items[f];

            if (has_reason(side->reasons, one->text))
                continue;
            findings_add(side->reasons, one->severity, one->rule, "%s", one->text);
            if (one->severity == SEVERITY_WARNING)
                notice_warn("%s: %s", side->path, one->text);
        }
    }
    if (release != NULL)
        judge_release(&release->e, side->reasons);
    return true;
}

size_t compare_reasons(const struct compare_side *side)
{
    return side->reasons != NULL ? findings_count(side->reasons, SEVERITY_ERROR) : 0;
}

void compare_choose_sites(struct compare_side *rebuild, struct compare_side *other)
{
    for (size_t i = 0; i < rebuild->e.sites_len; i++) {
        const struct site *of = &other->site[other->e.sites_len == rebuild->e.sites_len ? i : 0];

        if (memcmp(enclave_mrenclave(&rebuild->e.sites[i]), enclave_mrenclave(of), MRENCLAVE_SIZE) == 0)
            continue;
        rebuild->site = &rebuild->e.sites[i];
        other->site = of;
        return;
    }
}

void compare_report_rebuild(struct report *r, const struct compare_side *side)
{
    size_t reasons = compare_reasons(side);

    if (side->reasons == NULL)
        return;
    if (reasons == 0)
        report_note(r, "Metadata",
                    "of %s, accepted: patches, layout, threads, heap, and what code is told of them",
                    side->layout_name);
    else
        report_line(r, "Metadata of %s: for %s sgx_sign writes no such:", side->layout_name, side->path);
    for (size_t i = 0; i < side->reasons->len; i++) {
        const struct finding *f = &side->reasons->items[i];

        if (f->severity != SEVERITY_ERROR)
            continue;
        report_object(r, NULL, NULL, 0);
        report_text(r, "rule", NULL, f->rule);
        report_text(r, "text", NULL, f->text);
        report_broken(r, 2, "- %s", f->text);
        report_close(r);
    }
    if (reasons == 0)
        report_note(r, "May differ",
                    "what is not loaded (symbols, debugging, notes, section headers, what is "
                    "appended), and g_global_data");
}
