/* An enclave that was opened and measured (enclave.c), judged: what is wrong with each site, and if it can be
 * signed. */
#include "signer/flow/enclave.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/sgx/bits.h"
#include "signer/sgx/launch.h"
#include "signer/sgx/rsa3072_sign.h"

/* ---- judging a site ---- */

static void judge_measurement(const struct site *p, struct findings *ret)
{
    if (!p->is_measured)
        return;
    if (p->stream_error.code != ENS_OK) {
        findings_add(ret, SEVERITY_ERROR, "enclave", "%s", p->stream_error.msg);
        return;
    }
    struct view hash = sigstruct_get(&p->css, CSS_ENCLAVEHASH);

    if (!p->is_signed || view_equal(hash, view_of(p->report.mrenclave, MRENCLAVE_SIZE)))
        return;
    findings_add(ret, SEVERITY_ERROR, "mrenclave", "ENCLAVEHASH is %s, but the file measures to %s",
                 hex_of(hash).text, hex_of(view_of(p->report.mrenclave, MRENCLAVE_SIZE)).text);
}

static void judge_launch(const struct site *p, struct findings *ret)
{
    if (p->is_signed && p->has_launch)
        launch_judge(&p->css, &p->launch, ret);
}

/* What Open Enclave's loader asks for is fixed: MODE64BIT, DEBUG by its caller, KSS by the configuration, and
 * SSA frames of one page. */
static void judge_fixed_launch(const struct sigstruct *css, struct findings *ret)
{
    uint64_t demanded = sigstruct_get_int(css, CSS_ATTRIBUTES) & sigstruct_get_int(css, CSS_ATTRIBUTEMASK);
    uint64_t never = demanded & ~(ATTR_MODE64BIT | ATTR_DEBUG | ATTR_KSS);
    uint64_t xfrm = sigstruct_get_int(css, CSS_XFRM) & sigstruct_get_int(css, CSS_XFRM_MASK);
    char names[BITS_TEXT_MAX];

    if (never != 0)
        findings_add(ret, SEVERITY_ERROR, "launch",
                     "ATTRIBUTES demands %.100s, which Open Enclave's loader never asks for",
                     bits_text(CSS_ATTRIBUTES, never, names));
    if (launch_ssa_pages(xfrm) > 1)
        findings_add(ret, SEVERITY_ERROR, "launch",
                     "XFRM 0x%" PRIx64 " needs SSA frames of %" PRIu32 " pages, Open Enclave's have one",
                     xfrm, launch_ssa_pages(xfrm));
}

/* Open Enclave keeps some values twice: in the SIGSTRUCT, and measured. */
void enclave_judge_config(enum container_kind kind, const struct site *site, const struct sigstruct *css,
                          struct findings *ret)
{
    const struct site_config *c = &site->config;
    uint64_t isvprodid = sigstruct_get_int(css, CSS_ISVPRODID);
    uint64_t isvsvn = sigstruct_get_int(css, CSS_ISVSVN);

    if (!site->has_config)
        return;
    if (isvprodid != c->isvprodid)
        findings_add(ret, SEVERITY_WARNING, "config",
                     "ISVPRODID %" PRIu64
                     " is not product_id %u of .oeinfo, which is measured and stays: reports "
                     "say %" PRIu64,
                     isvprodid, c->isvprodid, isvprodid);
    if (isvsvn != c->isvsvn)
        findings_add(ret, SEVERITY_WARNING, "config",
                     "ISVSVN %" PRIu64
                     " is not security_version %u of .oeinfo, which is measured and stays: reports "
                     "say %" PRIu64,
                     isvsvn, c->isvsvn, isvsvn);
    if (!view_equal(sigstruct_get(css, CSS_ISVFAMILYID), view_of(c->isvfamilyid, 16)) ||
        !view_equal(sigstruct_get(css, CSS_ISVEXTPRODID), view_of(c->isvextprodid, 16)))
        findings_add(ret, SEVERITY_WARNING, "config",
                     "ISVFAMILYID or ISVEXTPRODID is not that of .oeinfo, which is measured and stays");
    if (kind == CONTAINER_OPEN_ENCLAVE || kind == CONTAINER_EGO)
        judge_fixed_launch(css, ret);
}

static bool judge_fips(const struct site *p, struct findings *ret, struct ens_err *err)
{
    bool ok = false;

    if (!p->is_signed || !p->has_fips)
        return true;
    if (!rsa3072_fips_verify(view_of(p->css.bytes, SIGSTRUCT_SIZE), p->fips, &ok, err))
        return false;
    if (!ok)
        findings_add(
            ret, SEVERITY_ERROR, "fips",
            "the second signature (EnableIPPFIPS) does not verify: Intel's loader refuses the enclave");
    return true;
}

/* What the reader of the file found odd about the site. Of a rebuild the metadata are those of the release, which must
 * not do anything that its SDK's tool does not; of the file itself, and no reason, is what begins with "note-". */
static void judge_oddities(const struct enclave *e, size_t index, struct findings *ret)
{
    size_t len = 0;
    const struct container_oddity *list = container_oddities(e->container, &len);

    for (size_t i = 0; i < len; i++) {
        bool is_error = e->sites[index].is_rebuild ? strncmp(list[i].rule, "note-", 5) != 0
                                                   : strcmp(list[i].rule, "patched-code") == 0;

        if (list[i].site == index)
            findings_add(ret, is_error ? SEVERITY_ERROR : SEVERITY_WARNING, list[i].rule, "%s", list[i].text);
    }
}

bool enclave_judge_site(const struct enclave *e, size_t index, struct findings *ret, struct ens_err *err)
{
    const struct site *p = &e->sites[index];
    const struct site *first = &e->sites[0];

    if (memcmp(p->css.bytes, first->css.bytes, SIGSTRUCT_SIZE) != 0)
        findings_add(ret, SEVERITY_ERROR, "copies",
                     "%s holds another SIGSTRUCT than %s: the CPU's features decide which one counts",
                     p->name, first->name);
    judge_oddities(e, index, ret);
    judge_measurement(p, ret);
    judge_launch(p, ret);
    if (p->is_signed)
        enclave_judge_config(container_kind(e->container), p, &p->css, ret);
    return judge_fips(p, ret, err);
}

/* ---- what can be signed ---- */

const uint8_t *enclave_mrenclave(const struct site *site)
{
    return site->is_measured ? site->report.mrenclave : sigstruct_get(&site->css, CSS_ENCLAVEHASH).data;
}

bool enclave_require_stream(const struct enclave *e, const struct site *site, struct ens_err *err)
{
    if (site->stream_error.code == ENS_OK)
        return true;
    *err = site->stream_error;
    return site->component != NULL && ens_wrap(err, "%s: %s", e->path, site->component->sgx_executable);
}

/* Adds the errors that the list does not have yet: the sites of a file say most things alike. */
static void add_errors(const struct findings *from, struct findings *ret)
{
    for (size_t i = 0; i < from->len; i++) {
        const struct finding *f = &from->items[i];
        size_t same = 0;

        while (same < ret->len && strcmp(ret->items[same].text, f->text) != 0)
            same++;
        if (same == ret->len && f->severity == SEVERITY_ERROR)
            findings_add(ret, f->severity, f->rule, "%s", f->text);
    }
}

void enclave_let_pass(const struct enclave *e, const struct site *site, struct findings *ret)
{
    if (site != NULL && site->component != NULL) {
        add_errors(&site->report.problems, ret);
        return;
    }
    for (size_t i = 0; e->sites_len > 0 && e->sites[0].is_measured && i < e->sites_len; i++) {
        struct findings odd = {0};

        judge_oddities(e, i, &odd);
        add_errors(&odd, ret);
        add_errors(&e->sites[i].report.problems, ret);
    }
}

bool enclave_judge_stream(const char *where, const struct sgxs_report *report, bool in_bundle,
                          bool allow_unusual, struct notices *ret, struct ens_err *err)
{
    const struct finding *bad = findings_first(&report->problems, SEVERITY_ERROR);

    if (in_bundle && !report->equal)
        return ens_fail(err, ENS_DATA,
                        "%s: MRENCLAVE is not SHA-256 of the stream (%s): no signature satisfies both "
                        "the CPU and oasis-core, build a canonical stream without unmeasured chunks",
                        where, report->problems.len > 0 ? report->problems.items[0].text : "not canonical");
    if (bad != NULL && !allow_unusual)
        return ens_fail(err, ENS_DATA, "%s: %s: %srebuild the enclave (or --allow-unusual)", where, bad->text,
                        finding_is_danger(bad) ? "" : "no CPU loads it, ");
    for (size_t i = 0; i < report->problems.len; i++) {
        if (!notice_add(ret, NOTICE_WARNING, err, "%s: %s", where, report->problems.items[i].text))
            return false;
    }
    return report->equal || report->unmeasrd_chunks != 0 ||
           notice_add(ret, NOTICE_WARNING, err, "%s: MRENCLAVE is not the file's SHA-256", where);
}

bool enclave_require_whole(const struct enclave *e, struct ens_err *err)
{
    return container_kind(e->container) != CONTAINER_GRAMINE || e->sites->is_measured ||
           ens_fail(err, ENS_USAGE, "%s: is a Gramine manifest: %s", e->path,
                    container_why_no_stream(e->container));
}

void enclave_say_facts(const struct enclave *e)
{
    size_t len = 0;
    const struct container_fact *facts = container_facts(e->container, &len);

    for (size_t i = 0; i < len; i++)
        notice_say("%s: %s: %s.", e->path, facts[i].label, facts[i].text);
}

bool enclave_sigstruct(const struct enclave *e, const struct sigstruct **ret, struct ens_err *err)
{
    for (size_t i = 0; i < e->sites_len; i++) {
        struct findings found = {0};

        if (!e->sites[i].is_signed) {
            if (e->sites[i].component != NULL)
                return ens_fail(err, ENS_DATA, "%s: component %s is not signed: sign it first", e->path,
                                e->sites[i].component->id);
            if (container_kind(e->container) == CONTAINER_SGXS)
                return ens_fail(err, ENS_DATA,
                                "%s: is an SGXS stream, which holds no SIGSTRUCT: give a signed container",
                                e->path);
            return ens_fail(
                err, ENS_DATA, "%s: is not signed, there is no finished SIGSTRUCT: sign it first%s", e->path,
                e->sites[0].has_config ? " (with oesign and any key, which lays out its configuration)" : "");
        }
        if (memcmp(e->sites[i].css.bytes, e->sites[0].css.bytes, SIGSTRUCT_SIZE) != 0)
            return enclave_judge_site(e, i, &found, err) &&
                   ens_fail(err, ENS_DATA, "%s: %s: sign it again with its SDK's tool", e->path,
                            found.items[0].text);
    }
    *ret = &e->sites[0].css;
    return true;
}

/* Tables that change what the file shows are signed only by who says so. */
static bool require_honest(const struct enclave *e, size_t index, const char *name, bool allow_unusual,
                           struct notices *ret, struct ens_err *err)
{
    struct findings found = {0};

    judge_oddities(e, index, &found);
    for (size_t i = 0; i < found.len; i++) {
        if (e->sites[index].is_rebuild && found.items[i].severity == SEVERITY_ERROR)
            return ens_fail(
                err, ENS_DATA,
                "%s: %s: the metadata that it is laid out by are not those of an honest release: do not "
                "approve",
                name, found.items[i].text);
        if (finding_is_danger(&found.items[i]) && !allow_unusual)
            return ens_fail(err, ENS_DATA,
                            "%s: %s: build and sign it again with its SDK (or --allow-unusual)", name,
                            found.items[i].text);
        if (!notice_add(ret, NOTICE_WARNING, err, "%s: %s", name, found.items[i].text))
            return false;
    }
    return true;
}

/* One site of several must measure to the same, and to what its SIGSTRUCT says. */
static bool require_site(const struct enclave *e, size_t index, bool allow_unusual, struct notices *ret,
                         struct ens_err *err)
{
    const struct site *p = &e->sites[index];
    struct findings found = {0};
    char name[ENCLAVE_NAME_MAX];

    if (!enclave_require_stream(e, p, err))
        return false;
    enclave_site_name(e, index, name);
    if (memcmp(p->report.mrenclave, e->sites[0].report.mrenclave, MRENCLAVE_SIZE) != 0)
        return ens_fail(err, ENS_DATA, "%s: measures to another MRENCLAVE than %s: no SIGSTRUCT fits both",
                        name, e->sites[0].name);
    if (p->component == NULL)
        judge_measurement(p, &found);
    for (size_t i = 0; i < found.len; i++) {
        if (strcmp(found.items[i].rule, "mrenclave") == 0)
            return ens_fail(
                err, ENS_DATA,
                "%s: %s: either the file was changed after it was signed, or its SIGSTRUCT is for "
                "another enclave: sign it with its SDK's tool",
                name, found.items[i].text);
    }
    if (!require_honest(e, index, name, allow_unusual, ret, err))
        return false;
    if (p->component != NULL)
        return enclave_judge_stream(p->component->sgx_executable, &p->report, true, allow_unusual, ret,
                                    err) ||
               ens_wrap(err, "%s", e->path);
    return enclave_judge_stream(name, &p->report, false, allow_unusual, ret, err);
}

bool enclave_require(const struct enclave *e, bool allow_unusual, struct notices *ret, struct ens_err *err)
{
    const struct sigstruct *css = NULL;
    const struct site *first = &e->sites[0];

    if (!enclave_require_whole(e, err))
        return false;
    enclave_say_facts(e);
    for (size_t i = 0; i < e->sites_len && first->is_measured; i++) {
        if (!require_site(e, i, allow_unusual, ret, err))
            return false;
    }
    /* All sites must hold the same SIGSTRUCT. */
    return (!first->is_signed && first->is_measured) || enclave_sigstruct(e, &css, err);
}
