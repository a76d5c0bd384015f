/* show of a file that holds one enclave and its SIGSTRUCT at one or more sites: Intel
 * SDK, Open Enclave, EGo. */
#include <inttypes.h>
#include <string.h>

#include "bundle/open.h"
#include "signer/base/mem.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/enclave.h"
#include "signer/sgx/rsa3072_sign.h"

/* The stable names of --json. */
static const char *kind_key(enum container_kind kind)
{
    switch (kind) {
    case CONTAINER_ORC:
        return "bundle";
    case CONTAINER_SGXS:
        return "sgxs";
    case CONTAINER_SIGSTRUCT:
        return "sigstruct";
    case CONTAINER_INTEL:
        return "intel-elf";
    case CONTAINER_OPEN_ENCLAVE:
        return "open-enclave-elf";
    case CONTAINER_EGO:
        return "ego-elf";
    case CONTAINER_EDP:
        return "fortanix-elf";
    case CONTAINER_GRAMINE:
        return "gramine-manifest";
    }
    return "unknown";
}

static void show_launch(struct report *r, const struct site *site)
{
    const struct launch *l = &site->launch;

    if (!site->has_launch) {
        report_null(r, "launch");
        return;
    }
    report_object(r, "launch", NULL, 0);
    report_mask(r, "attributes", NULL, l->attributes, 8, NULL);
    report_mask(r, "xfrm", NULL, l->xfrm, 8, NULL);
    report_mask(r, "miscselect", NULL, l->miscselect, 4, NULL);
    report_uint(r, "ssaframesize", NULL, l->ssaframesize);
    report_close(r);
}

static bool show_fips(struct report *r, const struct site *p, struct ens_err *err)
{
    bool ok = false;

    if (!p->has_fips || !p->is_signed) {
        report_null(r, "second_signature");
        return true;
    }
    if (!rsa3072_fips_verify(view_of(p->css.bytes, SIGSTRUCT_SIZE), p->fips, &ok, err))
        return false;
    report_bool(r, "second_signature", ok);
    return true;
}

static void show_config(struct report *r, const struct site *site)
{
    const struct site_config *c = &site->config;

    if (!site->has_config) {
        report_null(r, "config");
        return;
    }
    report_object(r, "config", NULL, 0);
    report_uint(r, "product_id", NULL, c->isvprodid);
    report_uint(r, "security_version", NULL, c->isvsvn);
    report_hex(r, "family_id", NULL, view_of(c->isvfamilyid, sizeof c->isvfamilyid));
    report_hex(r, "extended_product_id", NULL, view_of(c->isvextprodid, sizeof c->isvextprodid));
    report_close(r);
}

static void show_fields(struct report *r, const struct site *site)
{
    const struct site_fields *f = &site->fields;

    if (!site->has_fields) {
        report_null(r, "fields");
        return;
    }
    report_object(r, "fields", NULL, 0);
    report_uint(r, "isvprodid", NULL, f->isvprodid);
    report_uint(r, "isvsvn", NULL, f->isvsvn);
    report_mask(r, "attributes", NULL, f->attributes, 8, NULL);
    report_mask(r, "xfrm", NULL, f->xfrm, 8, NULL);
    report_mask(r, "xfrm_mask", NULL, f->xfrm_mask, 8, NULL);
    report_mask(r, "miscselect", NULL, f->miscselect, 4, NULL);
    report_close(r);
}

static bool show_site(struct report *r, const struct enclave *e, size_t index, struct ens_err *err)
{
    const struct site *s = &e->sites[index];
    ENS_CLEANUP(mem_freep) struct show_judged *judged = mem_alloc(1, sizeof *judged, err);
    struct findings found = {0};

    if (judged == NULL)
        return false;
    report_object(r, NULL, NULL, 0);
    report_text(r, "name", NULL, s->has_place ? s->name : NULL);
    if (s->has_place)
        report_uint(r, "offset", NULL, s->offset);
    else
        report_null(r, "offset");
    show_launch(r, s);
    if (!show_fips(r, s, err))
        return false;
    show_config(r, s);
    show_fields(r, s);
    if (!s->is_signed) {
        report_null(r, "sigstruct");
    } else {
        if (!show_judge(&s->css, true, judged, err))
            return false;
        report_object(r, "sigstruct", NULL, 0);
        show_sigstruct(r, &s->css, judged->mrsigner);
        show_valid(r, &judged->found);
        report_close(r);
    }
    if (s->is_measured)
        show_stream_or_problem(r, &s->report, &s->stream_error, false);
    else
        report_null(r, "stream");
    if (!enclave_judge_site(e, index, &found, err))
        return false;
    show_findings(r, &found);
    report_close(r);
    return true;
}

/* ---- the text: once what is the same at several sites ---- */

static void say_launch(struct report *r, const struct enclave *e)
{
    for (size_t i = 0; i < e->sites_len; i++) {
        const struct launch *l = &e->sites[i].launch;
        const struct launch *first = &e->sites[0].launch;
        bool is_same = l->attributes == first->attributes && l->xfrm == first->xfrm &&
                       l->miscselect == first->miscselect;

        if (e->sites[i].has_launch && (i == 0 || !is_same))
            report_note(r, "Loader asks",
                        "ATTRIBUTES 0x%" PRIx64 ", XFRM 0x%" PRIx64 ", MISCSELECT 0x%" PRIx32 "%s%s",
                        l->attributes, l->xfrm, l->miscselect, i > 0 ? ", by " : "",
                        i > 0 ? e->sites[i].name : "");
    }
}

/* "metadata 2.4" below a label that says so is "2.4". */
static const char *version_of(const struct site *s)
{
    static const char metadata[] = "metadata ";

    return strncmp(s->name, metadata, strlen(metadata)) == 0 ? s->name + strlen(metadata) : s->name;
}

/* That a second signature does not verify is an error, said above. */
static bool say_second(struct report *r, const struct enclave *e, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf list = {0};

    for (size_t i = 0; i < e->sites_len; i++) {
        const struct site *s = &e->sites[i];
        bool ok = false;

        if (!s->has_fips || !s->is_signed)
            continue;
        if (!rsa3072_fips_verify(view_of(s->css.bytes, SIGSTRUCT_SIZE), s->fips, &ok, err) ||
            (ok && !buf_printf(&list, err, "%s%s", list.len > 0 ? ", " : "", version_of(s))))
            return false;
    }
    if (list.len > 0)
        report_note(r, "2nd signature", "verifies (EnableIPPFIPS) in %.*s", (int)list.len,
                    (const char *)list.data);
    return true;
}

static bool is_same_everywhere(const struct enclave *e)
{
    const struct site *first = &e->sites[0];

    for (size_t i = 1; i < e->sites_len; i++) {
        const struct site *s = &e->sites[i];

        if (memcmp(s->css.bytes, first->css.bytes, SIGSTRUCT_SIZE) != 0 ||
            s->stream_error.code != first->stream_error.code ||
            (s->stream_error.code == ENS_OK &&
             memcmp(s->report.mrenclave, first->report.mrenclave, MRENCLAVE_SIZE) != 0))
            return false;
    }
    return true;
}

static bool say_places(struct report *r, const struct enclave *e, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf list = {0};
    bool is_named = e->sites[0].name[0] != '\0';

    for (size_t i = 0; i < e->sites_len; i++) {
        const struct site *s = &e->sites[i];

        if (s->has_place && !buf_printf(&list, err, "%s%s%sat 0x%" PRIx64, list.len > 0 ? ", " : "",
                                        version_of(s), is_named ? " " : "", s->offset))
            return false;
    }
    if (list.len == 0)
        return true;
    report_note(r, is_named ? "Metadata" : "SIGSTRUCT", "%.*s%s", (int)list.len, (const char *)list.data,
                e->sites_len > 1 ? ":" : "");
    if (e->sites_len > 1 && is_same_everywhere(e))
        report_note(r, "", "the same SIGSTRUCT and the same enclave in all %zu", e->sites_len);
    else if (e->sites_len > 1)
        report_note(r, "", "not the same in all %zu; of the first is what stands here", e->sites_len);
    return true;
}

/* What was used to measure it. */
static void show_facts(struct report *r, const struct enclave *e)
{
    size_t len = 0;
    const struct container_fact *facts = container_facts(e->container, &len);

    for (size_t i = 0; i < len; i++)
        report_text(r, facts[i].key, facts[i].label, facts[i].text);
}

static bool say_first_site(struct report *r, const struct enclave *e, const uint8_t *mrsigner,
                           struct ens_err *err)
{
    const struct site *s = &e->sites[0];

    if (s->is_signed)
        show_sigstruct(r, &s->css, mrsigner);
    else if (s->is_measured && s->stream_error.code == ENS_OK)
        report_hash(r, NULL, "MRENCLAVE", view_of(s->report.mrenclave, MRENCLAVE_SIZE));
    say_launch(r, e);
    if (!say_second(r, e, err))
        return false;
    if (s->has_config)
        report_note(r, ".oeinfo", "product_id %u, security_version %u (measured)", s->config.isvprodid,
                    s->config.isvsvn);
    if (s->has_fields)
        report_note(r, "Manifest says",
                    "ISVPRODID %u, ISVSVN %u, ATTRIBUTES 0x%" PRIx64 ", XFRM 0x%" PRIx64
                    ", MISCSELECT 0x%" PRIx32,
                    s->fields.isvprodid, s->fields.isvsvn, s->fields.attributes, s->fields.xfrm,
                    s->fields.miscselect);
    if (!s->is_measured)
        report_note(r, "Enclave", "not measured: %s", container_why_no_stream(e->container));
    else if (s->stream_error.code == ENS_OK)
        show_enclave_line(r, &s->report);
    return say_places(r, e, err);
}

/* ---- the file ---- */

/* Everything that is found at all sites, each text once. */
static bool judge_sites(const struct enclave *e, struct show_judged *ret, struct ens_err *err)
{
    for (size_t i = 0; i < e->sites_len; i++) {
        const struct site *s = &e->sites[i];
        struct findings found = {0};

        if (!enclave_judge_site(e, i, &found, err))
            return false;
        show_add(&found, &ret->found);
        if (s->is_measured && s->stream_error.code == ENS_OK)
            show_add(&s->report.problems, &ret->found);
    }
    if (e->sites[0].is_signed)
        return show_judge(&e->sites[0].css, true, ret, err);
    show_judge_stream(ret);
    return true;
}

bool show_enclave(struct report *r, const struct beside_options *beside, struct artifact *a,
                  struct ens_err *err)
{
    ENS_CLEANUP(beside_close) struct beside files = BESIDE_NONE;
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    ENS_CLEANUP(mem_freep) struct show_judged *judged = mem_alloc(1, sizeof *judged, err);

    if (judged == NULL || !beside_open(beside, &files, err) ||
        !enclave_open(a, NULL, &files.container, ENCLAVE_LOOK, &e, err) || !judge_sites(&e, judged, err))
        return false;
    enum container_kind kind = container_kind(e.container);
    const struct site *first = &e.sites[0];

    show_begin(r, container_kind_name(kind), kind_key(kind), a->path, "");
    show_verdict(r, first->is_signed, first->is_measured ? SHOW_MEASURED : SHOW_NOT_MEASURED, &judged->found);
    if (!show_dangers(r, judged, err))
        return false;
    report_text(r, "not_measured", NULL, container_why_no_stream(e.container));
    show_facts(r, &e);
    if (r->form == REPORT_TEXT)
        return say_first_site(r, &e, judged->mrsigner, err);
    report_array(r, "places", NULL, 0);
    for (size_t i = 0; i < e.sites_len; i++) {
        if (!show_site(r, &e, i, err))
            return false;
    }
    report_close(r);
    return true;
}
