/* The signed fields, from options and --from. */
#include "signer/flow/fields.h"

#include <string.h>

#include "bundle/open.h"
#include "signer/base/date.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"
#include "signer/sgx/params.h"
#include "signer/sgx/verify.h"
#include "signer/ui/clock.h"

#define FIELDS(KIND, member) OPTION(KIND, struct fields_options, member)

/* As orc 0.3.0 has them; M is the inverse mask. */
const struct option fields_rows[] = {
    OPTION_TOPIC("What goes into the SIGSTRUCT"),
    {"date", 0, FIELDS(MAYBE, params.date), "YYYYMMDD", "DATE (default: SOURCE_DATE_EPOCH, else today, UTC)"},
    {"swdefined", 's', FIELDS(TEXT, params.swdefined), "N", "SWDEFINED (0)"},
    {"isvprodid", 'p', FIELDS(TEXT, params.isvprodid), "N", "ISVPRODID (0)"},
    {"isvsvn", 'v', FIELDS(TEXT, params.isvsvn), "N", "ISVSVN (0)"},
    {"miscselect", 'm', FIELDS(TEXT, params.miscselect), "V/M", "MISCSELECT and inverse MISCMASK (0/0)"},
    {"attributes", 'a', FIELDS(TEXT, params.attributes), "V/M",
     "ATTRIBUTES and inverse ATTRIBUTEMASK (0x4/0x2)"},
    {"xfrm", 'x', FIELDS(TEXT, params.xfrm), "V/M", "XFRM and inverse XFRM_MASK (0x3/0x3)"},
    {"32bit", 0, FIELDS(FLAG, params.bit32), NULL, "a 32-bit enclave: MODE64BIT clear and enforced"},
    {"debug", 'd', FIELDS(FLAG, params.debug), NULL, "set DEBUG, not enforced"},
    {"forbid-debug", 0, FIELDS(FLAG, params.forbid_debug), NULL, "DEBUG clear and enforced by the mask"},
    {"isvfamilyid", 0, FIELDS(TEXT, params.isvfamilyid), "HEX32",
     "ISVFAMILYID (needs KSS, 0x80, in the attributes)"},
    {"isvextprodid", 0, FIELDS(TEXT, params.isvextprodid), "HEX32", "ISVEXTPRODID (needs KSS)"},
    {"cet-attributes", 0, FIELDS(TEXT, params.cet_attributes), "V/M",
     "CET_ATTRIBUTES and its inverse mask (0/0xff)"},
    {"from", 0, FIELDS(FILE, from), "FILE", "start from the fields of a signed container or sign-data"},
    OPTION_TOPIC(TOPIC_COMPONENT),
    {"component", 0, FIELDS(TEXT, component), "ID", "component of a bundle: ronl (default) or rofl.NAME"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-unusual", 0, FIELDS(FLAG, params.allow_unusual), NULL, "sign fields that are refused as unusual"},
    {"allow-large", 0, FIELDS(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    {0},
};

/* What is wrong with the file around its SIGSTRUCT: whoever takes the fields should know. */
static bool warn_of_sites(const struct enclave *e, struct notices *ret, struct ens_err *err)
{
    char name[ENCLAVE_NAME_MAX];

    for (size_t i = 0; i < e->sites_len; i++) {
        struct findings found = {0};

        if (!enclave_judge_site(e, i, &found, err))
            return false;
        enclave_site_name(e, i, name);
        for (size_t f = 0; f < found.len; f++) {
            if (!notice_add(ret, NOTICE_WARNING, err, "%s: %s", name, found.items[f].text))
                return false;
        }
    }
    return true;
}

/* Measuring takes as long as the enclave is large, and the fields are the same. */
static bool css_of_enclave(struct artifact *a, const char *component, bool is_measured, struct sigstruct *ret,
                           struct notices *ret_notices, struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    const struct sigstruct *css = NULL;

    if (!enclave_open(a, component, NULL, ENCLAVE_FIELDS, &e, err) || !enclave_sigstruct(&e, &css, err) ||
        !warn_of_sites(&e, ret_notices, err))
        return false;
    if (container_streams_len(e.container) > 0 && !is_measured &&
        !notice_add(ret_notices, NOTICE_SAID, err,
                    "%s: its SIGSTRUCT is taken as it is; the enclave in the file was not measured, which "
                    "ensign verify does.",
                    a->path))
        return false;
    *ret = *css;
    return true;
}

/* Sign-data, or the SIGSTRUCT of any container, also one that waits for its signature. */
static bool read_signed_fields(struct artifact *a, const char *component, bool is_measured,
                               struct sigstruct *ret, struct notices *ret_notices, struct ens_err *err)
{
    struct view v = artifact_head(a);

    if (armour_is(v))
        return fields_in_signdata(a, ret, err);
    if (v.len == SIGNDATA_SIZE)
        return signdata_parse(v, a->path, ret, err);
    if (v.len != SIGSTRUCT_SIZE && magic_mistake(v) != NULL)
        return ens_fail(err, ENS_DATA, "%s: is not a container, but %s", a->path, magic_mistake(v)) ||
               artifact_explain(a, ARTIFACT_WANT_ENCLAVE, err);
    if (artifact_holds_enclave(a->kind) || (a->kind == ARTIFACT_SIGSTRUCT && v.len != SIGSTRUCT_SIZE))
        return css_of_enclave(a, component, is_measured, ret, ret_notices, err);
    return sigstruct_parse(v, a->path, ret, err) || artifact_explain(a, ARTIFACT_WANT_ENCLAVE, err);
}

/* Are the fields those that somebody signed, as far as anybody did? */
static bool check_hold(const struct sigstruct *css, bool *ret, struct ens_err *err)
{
    *ret = true;
    return sigstruct_is_unsigned(css) || verify_signature(css, ret, err);
}

bool fields_of_container(const char *path, const char *component, struct sigstruct *ret,
                         struct notices *ret_notices, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    bool holds = false;

    if (!artifact_open(path, &a, err) || !read_signed_fields(&a, component, false, ret, ret_notices, err) ||
        !check_hold(ret, &holds, err))
        return false;
    return holds ||
           notice_add(ret_notices, NOTICE_WARNING, err,
                      "%s: the RSA signature of its SIGSTRUCT does not verify: EINIT refuses it", path);
}

bool fields_check_signed(const struct sigstruct *css, const char *path, struct ens_err *err)
{
    bool holds = false;

    if (!check_hold(css, &holds, err))
        return false;
    return holds || ens_fail(err, ENS_DATA,
                             "%s: the RSA signature of its SIGSTRUCT does not verify: a field may have been "
                             "changed after it was signed, get the file again",
                             path);
}

bool fields_in_signdata(const struct artifact *a, struct sigstruct *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return artifact_read_armour(a, SIGSTRUCT_SIZE, ARMOUR_ONLY(ARMOUR_SIGN_DATA), &file, err) &&
           signdata_parse(buf_view(&file), a->path, ret, err);
}

bool fields_of_from(const struct fields_options *o, struct artifact *measured, struct sigstruct *ret,
                    struct notices *ret_notices, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact other = ARTIFACT_NONE;
    bool is_measured = strcmp(o->from, measured->path) == 0;
    struct artifact *a = is_measured && measured->fd >= 0 ? measured : &other;
    struct sigstruct css;
    struct signdata data;

    if ((a == &other && !artifact_open(o->from, a, err)) ||
        !read_signed_fields(a, o->component, is_measured, &css, ret_notices, err) ||
        !fields_check_signed(&css, o->from, err))
        return ens_wrap(err, "--from");
    signdata_extract(&css, &data);
    return signdata_parse(view_of(data.bytes, sizeof data.bytes), o->from, ret, err) ||
           ens_wrap(err, "--from");
}

bool fields_check_from(const struct fields_options *o, const struct enclave *e, struct ens_err *err)
{
    enum container_kind kind = container_kind(e->container);

    if (o->from != NULL || kind == CONTAINER_ORC || !e->sites->has_place)
        return true;
    return ens_fail(err, ENS_USAGE,
                    "%s: %s: its fields were chosen when it was signed: give --from FILE (the same file, for "
                    "example), and options for what is to change",
                    e->path, container_kind_name(kind));
}

bool fields_build(const struct fields_options *o, const struct sigstruct *from, uint32_t today,
                  const uint8_t mrenclave[static MRENCLAVE_SIZE], struct sigstruct *ret, struct ens_err *err)
{
    struct sigstruct start;
    struct sigstruct css;
    struct signdata data;

    if (from != NULL) {
        signdata_extract(from, &data);
        if (!signdata_parse(view_of(data.bytes, sizeof data.bytes), "its SIGSTRUCT", &start, err))
            return false;
    }
    if (!params_build(&o->params, from != NULL ? &start : NULL, today, &css, err))
        return false;
    sigstruct_put(&css, CSS_ENCLAVEHASH, view_of(mrenclave, MRENCLAVE_SIZE));
    if (!o->params.allow_unusual && !params_check(&css, o->params.bit32, err))
        return ens_wrap(err, "refused without --allow-unusual");
    *ret = css;
    return true;
}

/* DATE has its form there from now on. */
static void put_binary_date(struct sigstruct *css)
{
    struct date d;

    if (date_of_bcd((uint32_t)sigstruct_get_int(css, CSS_DATE), &d))
        sigstruct_put_int(css, CSS_DATE, date_to_binary(d));
}

/* What the author wrote, with the date `today`. */
static void fields_of_site(const struct site_fields *f, uint32_t today, struct sigstruct *ret)
{
    sigstruct_init(ret);
    sigstruct_put_int(ret, CSS_DATE, today);
    sigstruct_put_int(ret, CSS_MISCSELECT, f->miscselect);
    sigstruct_put_int(ret, CSS_MISCMASK, UINT32_MAX);
    sigstruct_put_int(ret, CSS_ATTRIBUTES, f->attributes);
    sigstruct_put_int(ret, CSS_ATTRIBUTEMASK, UINT64_MAX);
    sigstruct_put_int(ret, CSS_XFRM, f->xfrm);
    sigstruct_put_int(ret, CSS_XFRM_MASK, f->xfrm_mask);
    sigstruct_put_int(ret, CSS_ISVPRODID, f->isvprodid);
    sigstruct_put_int(ret, CSS_ISVSVN, f->isvsvn);
}

bool fields_of_options(const struct fields_options *o, struct artifact *measured, const struct site *site,
                       const uint8_t mrenclave[static MRENCLAVE_SIZE], struct sigstruct *ret,
                       struct sigstruct *ret_from, struct notices *ret_notices, struct ens_err *err)
{
    bool is_written = site != NULL && site->has_fields && o->from == NULL;
    struct sigstruct written;
    uint32_t day = 0;

    if (!clock_today(&day, err) ||
        (o->from != NULL && !fields_of_from(o, measured, ret_from, ret_notices, err)))
        return false;
    if (!is_written)
        return fields_build(o, o->from != NULL ? ret_from : NULL, day, mrenclave, ret, err);
    fields_of_site(&site->fields, day, &written);
    if (!fields_build(o, &written, day, mrenclave, ret, err))
        return false;
    if (site->fields.has_binary_date)
        put_binary_date(ret);
    return true;
}
