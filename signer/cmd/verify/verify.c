/* verify: is this what it should be, and which consumer would refuse it? Says every reason, not the first;
 * exit status 0 or 1. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/ceremony/policy.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/verify/demands.h"
#include "signer/flow/artifact.h"
#include "signer/flow/beside.h"
#include "signer/flow/enclave.h"
#include "signer/flow/signer_name.h"

struct verify_options {
    struct beside_options beside;
    const char *mrenclave, *mrsigner, *pubkey;
    const char *min_isvsvn, *isvprodid;
    const char *policy, *profile, *component;
    bool forbid_debug, allow_public_key, allow_unusual, allow_large, json;
};

static bool read_demands(const struct verify_options *args, struct demands *ret, struct ens_err *err)
{
    ret->has_mrenclave = args->mrenclave != NULL;
    ret->has_mrsigner = args->mrsigner != NULL || args->pubkey != NULL;
    ret->has_isvprodid = args->isvprodid != NULL;
    ret->has_min_isvsvn = args->min_isvsvn != NULL;
    ret->forbid_debug = args->forbid_debug;
    ret->allow_public_key = args->allow_public_key;
    ret->allow_unusual = args->allow_unusual;
    return profile_parse(args->profile, &ret->profile, err) &&
           (args->mrenclave == NULL ||
            hex_decode_groups(args->mrenclave, "--mrenclave", ret->mrenclave, sizeof ret->mrenclave, err)) &&
           (!ret->has_mrsigner || signer_name_read(args->pubkey, args->mrsigner, ret->mrsigner, err)) &&
           (args->min_isvsvn == NULL ||
            num_parse(args->min_isvsvn, "--min-isvsvn", UINT16_MAX, &ret->min_isvsvn, err)) &&
           (args->isvprodid == NULL ||
            num_parse(args->isvprodid, "--isvprodid", UINT16_MAX, &ret->isvprodid, err)) &&
           (args->policy == NULL || policy_read(args->policy, &ret->policy, err));
}

/* ---- files ---- */

/* A component that is not signed has no signer that could be the demanded one. */
static bool check_components(const struct verify_options *args, const struct demands *d, const char *path,
                             const struct enclave_set *set, struct verdict *v, struct ens_err *err)
{
    bool demands_signer = demands_need_sigstruct(d);

    for (size_t i = 0; i < set->len; i++) {
        const struct site *c = &set->items[i];

        if (!verdict_about(v, c->component->id, c->is_signed,
                           d->profile == PROFILE_CPU ? VERDICT_MEASURED : VERDICT_HASHED, err) ||
            !(c->is_signed
                  ? demands_check(d, c->component->id, &c->css, v, err)
                  : demands_check_mrenclave(d, c->component->id, view_of(c->report.mrenclave, 32), v, err)))
            return false;
        if (!c->is_signed && demands_signer && d->profile != PROFILE_CPU && d->profile != PROFILE_REGISTRY &&
            !verdict_no(v, c->component->id, "unsigned", err, "the component is not signed"))
            return false;
    }
    if (set->len == 0 &&
        (demands_signer || d->has_mrenclave || args->component != NULL || d->profile == PROFILE_CPU))
        return verdict_no(v, args->component != NULL ? args->component : path, "component", err,
                          "there is no such SGX component in the bundle");
    return true;
}

/* Only the CPU's rules are about what the stream lays out: the other profiles let
 * its dangers pass, and say so. */
static bool judge_dangers(const struct demands *d, struct enclave_set *set, struct verdict *v,
                          struct ens_err *err)
{
    for (size_t i = 0; i < set->len; i++) {
        struct findings *found = &set->items[i].report.problems;

        if (d->profile == PROFILE_CPU) {
            if (d->allow_unusual)
                findings_allow(found);
            continue;
        }

        for (size_t f = 0; f < found->len; f++) {
            if (finding_is_danger(&found->items[f]) &&
                !verdict_warn(v, set->items[i].component->id, found->items[f].rule, err, "%s",
                              found->items[f].text))
                return false;
        }
    }
    return true;
}

/* With --component the other components are not looked at, by the profile neither. */
static void narrow(const char *component, struct enclave_set *set)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->len; i++) {
        if (component == NULL || strcmp(component, set->items[i].component->id) == 0)
            set->items[kept++] = set->items[i];
    }
    set->len = kept;
}

/* Is the bundle opened by oasis-core? */
static bool asks_core(const struct demands *d)
{
    return d->profile == PROFILE_CORE || d->profile == PROFILE_REGISTRY;
}

static bool open_checked(const struct artifact *a, bool as_core, struct bundle **ret,
                         struct enclave_set *ret_set, struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;

    if (!(as_core ? bundle_open_as_core : bundle_open_fd)(a->fd, a->path, &b, err) ||
        !enclave_check_bundle(b, ret_set, err))
        return false;
    *ret = ens_take(b);
    return true;
}

/* A bundle that ensign refuses by a rule of its own, `why`: what does oasis-core say? `*ret` stays NULL if
 * it does not open it, or if that is not known. */
static bool open_as_core(const struct demands *d, const struct artifact *a, const struct ens_err *why,
                         struct bundle **ret, struct enclave_set *ret_set, struct verdict *v,
                         struct ens_err *err)
{
    struct ens_err core = {.code = ENS_DATA, .own = true};

    if (asks_core(d) && open_checked(a, true, ret, ret_set, &core))
        return verdict_warn(v, a->path, "own", err,
                            "oasis-core opens it; ensign does not, and signs nothing in it: %s", why->msg);
    if (core.code != ENS_DATA) {
        *err = core;
        return false;
    }
    if (!core.own)
        return verdict_no(v, a->path, "open", err, "%s", core.msg);
    v->undecided = true;
    return verdict_no(v, a->path, "own", err, "%s", why->msg);
}

/* A bundle that does not open is refused by every consumer, for the reason that opening gave, unless the rule
 * is ensign's alone. */
static bool check_bundle(const struct verify_options *args, const struct demands *d, const struct artifact *a,
                         struct verdict *v, struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};
    struct ens_err why = {0};

    if (!open_checked(a, false, &b, &set, &why)) {
        if (why.code != ENS_DATA) {
            *err = why;
            return false;
        }
        if (!why.own || d->profile == PROFILE_CPU)
            return verdict_no(v, a->path, "open", err, "%s", why.msg);
        if (!open_as_core(d, a, &why, &b, &set, v, err))
            return false;
    }
    if (b == NULL)
        return true;
    narrow(args->component, &set);
    return check_components(args, d, a->path, &set, v, err) && judge_dangers(d, &set, v, err) &&
           profile_bundle(d->profile, a->path, b, &set, v, err);
}

/* What was found of the enclave itself, of which --allow-unusual lifts a part, if `may_allow`. */
static bool check_findings(const struct demands *d, const char *object, const struct findings *found,
                           bool may_allow, struct verdict *v, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct findings *copy = mem_alloc(1, sizeof *copy, err);

    if (copy == NULL)
        return false;
    *copy = *found;
    if (d->allow_unusual && may_allow)
        findings_allow(copy);
    return verdict_findings(v, object, copy, err);
}

/* Has the file no place for a SIGSTRUCT? */
static bool has_no_place(const struct enclave *e)
{
    return e->bundle == NULL && !e->sites->has_place;
}

/* A rebuild is what the release says, unless another value is demanded. */
static bool check_rebuild(const struct demands *d, const char *name, const struct site *p, struct verdict *v,
                          struct ens_err *err)
{
    struct view want = sigstruct_get(&p->release, CSS_ENCLAVEHASH);
    struct view have = view_of(p->report.mrenclave, MRENCLAVE_SIZE);

    return !p->is_rebuild || d->has_mrenclave || p->stream_error.code != ENS_OK || view_equal(have, want) ||
           verdict_no(v, name, "mrenclave", err, "measures to MRENCLAVE %s, but the release is for %s",
                      hex_of(have).text, hex_of(want).text);
}

/* One place of a SIGSTRUCT, with the enclave that belongs to it. */
static bool verify_place(const struct demands *d, const struct enclave *e, size_t index, struct verdict *v,
                         struct ens_err *err)
{
    const struct site *p = &e->sites[index];
    struct findings found = {0};
    char name[ENCLAVE_NAME_MAX];

    enclave_site_name(e, index, name);
    enum verdict_mrenclave how = p->is_rebuild && !d->has_mrenclave ? VERDICT_REBUILT
                                 : p->is_measured                   ? VERDICT_MEASURED
                                                                    : VERDICT_UNMEASURED;

    if (!verdict_about(v, name, p->is_signed, how, err))
        return false;
    if (!p->is_signed) {
        /* Of a bare stream, what becomes one, and a rebuild, nothing else can be expected. */
        if ((!has_no_place(e) || demands_need_sigstruct(d)) &&
            !verdict_no(v, name, "unsigned", err, "the enclave is not signed"))
            return false;
        if (p->is_measured && p->stream_error.code == ENS_OK &&
            !demands_check_mrenclave(d, name, view_of(p->report.mrenclave, MRENCLAVE_SIZE), v, err))
            return false;
    } else if ((index == 0 || memcmp(p->css.bytes, e->sites[0].css.bytes, SIGSTRUCT_SIZE) != 0) &&
               !demands_check(d, name, &p->css, v, err)) {
        return false;
    }
    if (!p->is_measured && container_kind(e->container) != CONTAINER_SIGSTRUCT &&
        !verdict_warn(v, name, "unmeasured", err, "MRENCLAVE was not measured: %s",
                      container_why_no_stream(e->container)))
        return false;
    return check_rebuild(d, name, p, v, err) && check_findings(d, name, &p->report.problems, true, v, err) &&
           enclave_judge_site(e, index, &found, err) &&
           check_findings(d, name, &found, !p->is_rebuild, v, err);
}

/* Can it be a file of a bundle? */
static bool is_of_bundle(enum container_kind kind)
{
    return kind == CONTAINER_ORC || kind == CONTAINER_SGXS || kind == CONTAINER_SIGSTRUCT;
}

static bool check_enclave(const struct verify_options *args, const struct demands *d, struct artifact *a,
                          struct verdict *v, struct ens_err *err)
{
    ENS_CLEANUP(beside_close) struct beside beside = BESIDE_NONE;
    ENS_CLEANUP(enclave_free) struct enclave e = {0};

    if (!beside_open(&args->beside, &beside, err) ||
        !enclave_open(a, args->component, &beside.container, ENCLAVE_LOOK, &e, err))
        return false;
    if (!enclave_require_whole(&e, err))
        return false;
    enclave_say_facts(&e);
    if (d->profile == PROFILE_REGISTRY || d->profile == PROFILE_ROFL_SCHEDULER ||
        (d->profile == PROFILE_CORE && !is_of_bundle(container_kind(e.container))))
        return ens_fail(
            err, ENS_DATA,
            "%s: is not a bundle, and its profile is about bundles: give the bundle, or --profile cpu",
            e.path);
    if (has_no_place(&e) && !e.sites->is_rebuild && !e.sites->is_signed && !d->has_mrenclave &&
        !demands_need_sigstruct(d))
        return ens_fail(
            err, ENS_DATA,
            "%s: is %s, which is never signed: give --mrenclave to compare it with, its --sigstruct, or a "
            "signed file",
            e.path, artifact_kind_name(a->kind));
    for (size_t i = 0; i < e.sites_len; i++) {
        if (!verify_place(d, &e, i, v, err))
            return false;
    }
    return true;
}

/* Something may stand before the archive, and oasis-core finds it nevertheless. */
static bool is_bundle_to_core(const struct demands *d, const struct artifact *a)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    struct ens_err ignored = {0};

    return asks_core(d) && bundle_open_as_core(a->fd, a->path, &b, &ignored);
}

static bool verify_file(const struct verify_options *args, const char *path, const struct demands *d,
                        struct verdict *v, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;

    if (!artifact_open(path, &a, err) ||
        !beside_check_layout(&args->beside, a.kind == ARTIFACT_ELF, path, err))
        return false;
    if (a.kind != ARTIFACT_BUNDLE && !is_bundle_to_core(d, &a))
        return check_enclave(args, d, &a, v, err);
    return beside_check_none(&args->beside, path, err) && check_bundle(args, d, &a, v, err);
}

static bool print_verdict(const struct verify_options *args, const struct demands *d, const struct verdict *v,
                          struct ens_err *err)
{
    ENS_CLEANUP(report_free) struct report r;
    const char *profile = args->profile != NULL ? args->profile : "cpu";

    report_begin(&r, args->json ? REPORT_JSON : REPORT_TEXT, 0);
    report_kind(&r, "verify");
    report_text(&r, "file", NULL, v->file);
    report_text(&r, "profile", NULL, profile);
    report_bool(&r, "verified", v->refusals == 0);
    report_bool(&r, "undecided", v->undecided);
    verdict_report_objects(v, &r);
    verdict_report_array(v, true, true, &r);
    demands_report(d, v, &r);
    verdict_report_array(v, false, true, &r);
    if (v->undecided)
        report_line(&r, "undecided (%s): ensign itself refuses it", profile);
    else if (v->refusals > 0)
        report_line(&r, "refused (%s): %zu reason%s", profile, v->refusals, v->refusals == 1 ? "" : "s");
    return report_print(&r, err);
}

static bool run_verify(const struct command_line *line, struct ens_err *err)
{
    const struct verify_options *args = line->options;
    ENS_CLEANUP(verdict_free) struct verdict v = {.file = line->operands[0]};
    ENS_CLEANUP(demands_free) struct demands d = {0};

    enclave_allow_large(args->allow_large);
    if (!read_demands(args, &d, err) || !verify_file(args, v.file, &d, &v, err) ||
        !print_verdict(args, &d, &v, err))
        return false;
    if (v.refusals > 0)
        err->code = ENS_NO;
    return v.refusals == 0;
}

#define VERIFY(KIND, member) OPTION(KIND, struct verify_options, member)

static const struct option verify_rows[] = {
    OPTION_TOPIC("Who must have signed it"),
    {"pubkey", 0, VERIFY(FILE_ONCE, pubkey), "FILE", "this key (PEM or certificate)"},
    {"mrsigner", 0, VERIFY(ONCE, mrsigner), "HEX", "the key with this MRSIGNER"},
    OPTION_TOPIC("What it must be"),
    {"mrenclave", 0, VERIFY(ONCE, mrenclave), "HEX", "exactly this enclave"},
    {"isvprodid", 'p', VERIFY(TEXT, isvprodid), "N", "this product (ISVPRODID)"},
    {"min-isvsvn", 0, VERIFY(ONCE, min_isvsvn), "N", "this security version (ISVSVN), or a later one"},
    {"forbid-debug", 0, VERIFY(FLAG, forbid_debug), NULL, "DEBUG clear and enforced by the mask"},
    {"policy", 0, VERIFY(FILE_ONCE, policy), "FILE", "the lines of this policy about fields and signer"},
    OPTION_TOPIC("Who will read it"),
    {"profile", 0, VERIFY(TEXT, profile), "NAME", "cpu (default), core, registry or rofl-scheduler"},
    {"component", 0, VERIFY(TEXT, component), "ID", "one component of a bundle (default: all)"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-public-key", 0, VERIFY(FLAG, allow_public_key), NULL,
     "accept a signing key whose private half is published"},
    {"allow-unusual", 0, VERIFY(FLAG, allow_unusual), NULL, "accept code that is not measured"},
    {"allow-large", 0, VERIFY(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    OPTION_TOPIC(TOPIC_BESIDE),
    {"sigstruct", 0, VERIFY(FILE_ONCE, beside.sigstruct), "FILE",
     "the SIGSTRUCT of a manifest or a stream, which hold none"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, VERIFY(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_verify = {
    .name = "verify",
    .operands = "FILE",
    .summary = "does it hold? say yes, or every reason why not",
    .host = COMMAND_EVERYONE,
    .examples = "verify --pubkey release.pem --min-isvsvn 7 --forbid-debug release.orc\n"
                "verify --mrenclave \"$(ensign show --json app.sgxs |\n"
                "    jq -r .mrenclave)\" release.orc",
    .see_also = "compare (two files), check (policy and approvals before signing)",
    .size = sizeof(struct verify_options),
    .groups = {{verify_rows, 0},
               {beside_rows, offsetof(struct verify_options, beside)},
               {edp_rows, offsetof(struct verify_options, beside.edp)},
               {edp_debug_rows, offsetof(struct verify_options, beside.edp)},
               {beside_layout_rows, offsetof(struct verify_options, beside)}},
    .min = 1,
    .max = 1,
    .run = run_verify,
};
