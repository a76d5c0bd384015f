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
    report_note(r, "Loader asks", "ATTRIBUTES 0x%" PRIx64 ", XFRM 0x%" PRIx64 ", MISCSELECT 0x%" PRIx32,
                l->attributes, l->xfrm, l->miscselect);
    report_object(r, "launch", NULL, 0);
    report_mask(r, "attributes", NULL, l->attributes, 8, NULL);
    report_mask(r, "xfrm", NULL, l->xfrm, 8, NULL);
    report_mask(r, "miscselect", NULL, l->miscselect, 4, NULL);
    report_uint(r, "ssaframesize", NULL, l->ssaframesize);
    report_close(r);
}

/* A second signature that does not verify is an error of its own. */
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
    if (ok)
        report_note(r, "2nd signature", "verifies (EnableIPPFIPS)");
    return true;
}

static void show_config(struct report *r, const struct site *site)
{
    const struct site_config *c = &site->config;

    if (!site->has_config) {
        report_null(r, "config");
        return;
    }
    report_note(r, ".oeinfo", "product_id %u, security_version %u (measured)", c->isvprodid, c->isvsvn);
    report_object(r, "config", NULL, 0);
    report_uint(r, "product_id", NULL, c->isvprodid);
    report_uint(r, "security_version", NULL, c->isvsvn);
    report_hex(r, "family_id", NULL, view_of(c->isvfamilyid, sizeof c->isvfamilyid));
    report_hex(r, "extended_product_id", NULL, view_of(c->isvextprodid, sizeof c->isvextprodid));
    report_close(r);
}

/* Text tells once what is the same in several places. */
static bool show_site_sigstruct(struct report *r, const struct enclave *e, size_t index, struct ens_err *err)
{
    const struct site *p = &e->sites[index];
    const struct site *first = &e->sites[0];

    if (!p->is_signed) {
        report_null(r, "sigstruct");
        if (p->has_place)
            report_note(r, "SIGSTRUCT", "none: not signed yet");
        return true;
    }
    if (r->form == REPORT_TEXT && index > 0 && memcmp(p->css.bytes, first->css.bytes, SIGSTRUCT_SIZE) == 0) {
        report_note(r, "SIGSTRUCT", "the same as in %s", first->name);
        return true;
    }
    report_object(r, "sigstruct", NULL, 0);
    if (!show_sigstruct(r, &p->css, true, err))
        return false;
    report_close(r);
    return true;
}

/* What is wrong with a stream the judge says in text. */
static void show_site_stream(struct report *r, const struct enclave *e, size_t index)
{
    const struct site *p = &e->sites[index];
    const struct site *first = &e->sites[0];

    if (!p->is_measured) {
        report_null(r, "stream");
        report_note(r, "Enclave", "not measured: %s", container_why_no_stream(e->container));
        return;
    }
    if (r->form == REPORT_TEXT && p->stream_error.code == ENS_OK && index > 0 &&
        memcmp(p->report.mrenclave, first->report.mrenclave, MRENCLAVE_SIZE) == 0)
        report_line(r, "Measured from the file: the same as in %s", first->name);
    else
        show_stream_or_problem(r, "Measured from the file:", &p->report, &p->stream_error);
}

static bool show_site(struct report *r, const struct enclave *e, size_t index, struct ens_err *err)
{
    const struct site *s = &e->sites[index];
    struct findings found = {0};

    if (s->has_place)
        report_line(r, "  %s at 0x%" PRIx64 ":", s->name[0] != '\0' ? s->name : "SIGSTRUCT", s->offset);
    report_object(r, NULL, NULL, 4);
    report_text(r, "name", NULL, s->has_place ? s->name : NULL);
    if (s->has_place)
        report_uint(r, "offset", NULL, s->offset);
    else
        report_null(r, "offset");
    show_launch(r, s);
    if (!show_fips(r, s, err))
        return false;
    show_config(r, s);
    if (!show_site_sigstruct(r, e, index, err))
        return false;
    show_site_stream(r, e, index);
    if (!enclave_judge_site(e, index, &found, err))
        return false;
    show_findings(r, &found);
    report_close(r);
    return true;
}

bool show_enclave(struct report *r, struct artifact *a, struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};

    if (!enclave_open(a, NULL, ENCLAVE_LOOK, &e, err))
        return false;
    enum container_kind kind = container_kind(e.container);

    report_line(r, "%s: %s", container_kind_name(kind), a->path);
    report_text(r, "kind", NULL, kind_key(kind));
    report_text(r, "not_measured", NULL, container_why_no_stream(e.container));
    report_array(r, "places", NULL, 0);
    for (size_t i = 0; i < e.sites_len; i++) {
        if (!show_site(r, &e, i, err))
            return false;
    }
    report_close(r);
    return true;
}
