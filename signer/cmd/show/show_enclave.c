/* show of a file that holds one enclave and its SIGSTRUCT in one or more places: Intel
 * SDK, Open Enclave, EGo. */
#include <inttypes.h>
#include <string.h>

#include "bundle/open.h"
#include "signer/base/mem.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/enclave.h"
#include "signer/sgx/rsa3072_fips.h"

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

/* A key of --json that has no value here. */
static void doc_null(const struct show *s, struct doc *at, const char *key)
{
    if (s->text == NULL)
        doc_text(at, key, NULL);
}

static bool show_launch(struct show *s, struct doc *at, const struct container_copy *c, struct ens_err *err)
{
    if (!c->has_launch) {
        doc_null(s, at, "launch");
        return true;
    }
    if (s->text == NULL) {
        struct doc *launch = doc_object(at, "launch");

        doc_mask(launch, "attributes", c->attributes, 8);
        doc_mask(launch, "xfrm", c->xfrm, 8);
        doc_mask(launch, "miscselect", c->miscselect, 4);
        doc_int(launch, "ssaframesize", c->ssaframesize);
    }
    return show_line(s, err, "    %-13s ATTRIBUTES 0x%" PRIx64 ", XFRM 0x%" PRIx64 ", MISCSELECT 0x%" PRIx32,
                     "Loader asks", c->attributes, c->xfrm, c->miscselect);
}

/* A second signature that does not verify is an error of its own. */
static bool show_fips(struct show *s, struct doc *at, const struct enclave_place *p, struct ens_err *err)
{
    bool ok = false;

    if (!p->copy->has_fips || !p->is_signed) {
        doc_null(s, at, "second_signature");
        return true;
    }
    if (!rsa3072_fips_verify(view_of(p->css.bytes, SIGSTRUCT_SIZE), p->copy->fips, &ok, err))
        return false;
    if (s->text == NULL)
        doc_bool(at, "second_signature", ok);
    return !ok || show_line(s, err, "    %-13s verifies (EnableIPPFIPS)", "2nd signature");
}

static bool show_config(struct show *s, struct doc *at, const struct container_copy *c, struct ens_err *err)
{
    if (!c->has_config) {
        doc_null(s, at, "config");
        return true;
    }
    if (s->text == NULL) {
        struct doc *config = doc_object(at, "config");

        doc_int(config, "product_id", c->isvprodid);
        doc_int(config, "security_version", c->isvsvn);
        doc_hex(config, "family_id", view_of(c->isvfamilyid, sizeof c->isvfamilyid));
        doc_hex(config, "extended_product_id", view_of(c->isvextprodid, sizeof c->isvextprodid));
    }
    return show_line(s, err, "    %-13s product_id %u, security_version %u (measured)", ".oeinfo",
                     c->isvprodid, c->isvsvn);
}

static bool show_place_sigstruct(struct show *s, struct doc *at, const struct enclave *e, size_t index,
                                 struct ens_err *err)
{
    const struct enclave_place *p = &e->places[index];

    if (!p->is_signed) {
        doc_null(s, at, "sigstruct");
        return p->copy == NULL || show_line(s, err, "    %-13s none: not signed yet", "SIGSTRUCT");
    }
    if (s->text != NULL && index > 0 && memcmp(p->css.bytes, e->places[0].css.bytes, SIGSTRUCT_SIZE) == 0)
        return show_line(s, err, "    %-13s the same as in %s", "SIGSTRUCT", e->places[0].copy->name);
    return show_sigstruct(s, s->text == NULL ? doc_object(at, "sigstruct") : NULL, &p->css, true, 4, err);
}

static bool show_place_stream(struct show *s, struct doc *at, const struct enclave *e, size_t index,
                              struct ens_err *err)
{
    const struct enclave_place *p = &e->places[index];

    if (!p->is_measured) {
        doc_null(s, at, "stream");
        return show_line(s, err, "    %-13s not measured: %s", "Enclave",
                         container_why_no_stream(e->container));
    }
    if (s->text == NULL)
        return show_stream_or_problem(s, doc_object(at, "stream"), &p->report, &p->stream_error, err);
    if (p->stream_error.code != ENS_OK)
        return true; /* the judge says it */
    if (index > 0 && memcmp(p->report.mrenclave, e->places[0].report.mrenclave, MRENCLAVE_SIZE) == 0)
        return show_line(s, err, "    Measured from the file: the same as in %s", e->places[0].copy->name);
    return show_line(s, err, "    Measured from the file:") && show_stream(s, NULL, &p->report, 6, err);
}

static bool show_place(struct show *s, struct doc *list, const struct enclave *e, size_t index,
                       struct ens_err *err)
{
    const struct enclave_place *p = &e->places[index];
    struct doc *at = s->text == NULL ? doc_object(list, NULL) : NULL;
    struct findings found = {0};

    if (p->copy == NULL) {
        doc_null(s, at, "name");
        doc_null(s, at, "offset");
        doc_null(s, at, "launch");
        doc_null(s, at, "second_signature");
        doc_null(s, at, "config");
    } else {
        if (s->text == NULL) {
            doc_text(at, "name", p->copy->name);
            doc_int(at, "offset", p->copy->offset);
        }
        if (!show_line(s, err, "  %s at 0x%" PRIx64 ":",
                       p->copy->name[0] != '\0' ? p->copy->name : "SIGSTRUCT", p->copy->offset) ||
            !show_launch(s, at, p->copy, err) || !show_fips(s, at, p, err) ||
            !show_config(s, at, p->copy, err))
            return false;
    }
    return show_place_sigstruct(s, at, e, index, err) && show_place_stream(s, at, e, index, err) &&
           enclave_judge_place(e, index, &found, err) && show_findings(s, at, &found, 4, err);
}

bool show_enclave(struct show *s, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    struct doc *list = NULL;

    if (!enclave_open(path, NULL, ENCLAVE_LOOK, &e, err))
        return false;
    enum container_kind kind = container_kind(e.container);

    if (s->text == NULL) {
        doc_text(s->doc, "kind", kind_key(kind));
        doc_text(s->doc, "not_measured", container_why_no_stream(e.container));
        list = doc_array(s->doc, "places");
    }
    if (!show_line(s, err, "%s: %s", container_kind_name(kind), path))
        return false;
    for (size_t i = 0; i < e.places_len; i++) {
        if (!show_place(s, list, &e, i, err))
            return false;
    }
    return true;
}
