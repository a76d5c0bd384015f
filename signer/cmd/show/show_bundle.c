/* show of a bundle: first every line that `orc show` prints, in its order and words (digests sorted), then
 * what orc does not say. */
#include <inttypes.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/enclave.h"
#include "signer/sgx/bits.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

/* Columns of orc's labels. */
#define ORC_LABEL 16

/* ---- what orc prints of a component ---- */

/* orc's lines of a SIGSTRUCT: "Build date" as Go prints a time. */
static void orc_sigstruct(struct report *r, const struct sigstruct *css)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } flags[] = {{ATTR_INIT, "init"},
                 {ATTR_DEBUG, "DEBUG"},
                 {ATTR_MODE64BIT, "64-bit mode"},
                 {ATTR_PROVISIONKEY, "provision key"},
                 {ATTR_EINITTOKENKEY, "enclave init token key"}};
    uint64_t attributes = sigstruct_get_int(css, CSS_ATTRIBUTES);
    struct date d = {0};

    (void)date_of_bcd((uint32_t)sigstruct_get_int(css, CSS_DATE), &d);
    report_line(r, "SGXS SIGSTRUCT:");
    report_line(r, "  Build date:       %04u-%02u-%02u 00:00:00 +0000 UTC", d.year, d.month, d.day);
    report_line(r, "  MiscSelect:       %08" PRIX64, sigstruct_get_int(css, CSS_MISCSELECT));
    report_line(r, "  MiscSelect mask:  %08" PRIX64, sigstruct_get_int(css, CSS_MISCMASK));
    report_line(r, "  Attributes flags: %016" PRIX64, attributes);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((attributes & flags[i].bit) != 0)
            report_line(r, "    - %s", flags[i].name);
    }
    report_line(r, "  Attributes XFRM:  %016" PRIX64, sigstruct_get_int(css, CSS_XFRM));
    report_line(r, "  Attributes mask:  %016" PRIX64 " %016" PRIX64,
                sigstruct_get_int(css, CSS_ATTRIBUTEMASK), sigstruct_get_int(css, CSS_XFRM_MASK));
}

static bool orc_signature(struct report *r, const struct site *c, struct ens_err *err)
{
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];
    char hex[2 * 32 + 1];

    if (!c->is_signed) {
        report_line(r, "SGXS signature: [UNSIGNED]");
        return true;
    }
    verify_key_of(&c->css, &key);
    if (!rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    report_note(r, "SGXS signature:", "%s", c->component->sgx_signature);
    orc_sigstruct(r, &c->css);
    hex_encode(hex, sigstruct_get(&c->css, CSS_ENCLAVEHASH));
    report_line(r, "  MRENCLAVE:        %s", hex);
    hex_encode(hex, view_of(mrsigner, sizeof mrsigner));
    report_line(r, "  MRSIGNER:         %s", hex);
    report_line(r, "  ISV product ID:   %" PRIu64, sigstruct_get_int(&c->css, CSS_ISVPRODID));
    report_line(r, "  ISV SVN:          %" PRIu64, sigstruct_get_int(&c->css, CSS_ISVSVN));
    return true;
}

/* ---- components ---- */

static void show_tdx(struct report *r, const struct bundle_tdx *t)
{
    bool has_kernel = t->kernel != NULL;

    report_object(r, "tdx", NULL, 0);
    report_text(r, "firmware", "Firmware:", t->firmware);
    report_text(r, "kernel", "Kernel:", t->kernel);
    report_text(r, "initrd", has_kernel ? "InitRD:" : NULL, t->initrd);
    if (has_kernel && t->kernel_options_len > 0)
        report_line(r, "Extra kernel options:");
    for (size_t i = 0; has_kernel && i < t->kernel_options_len; i++)
        report_line(r, "  %s", t->kernel_options[i]);
    report_text(r, "stage2_image", "Stage 2:", t->stage2_image);
    report_line(r, "Resources:");
    report_line(r, "  CPUs:    %u", t->cpus);
    report_line(r, "  Memory:  %" PRIu64 " MiB", t->memory);
    report_uint(r, "memory", NULL, t->memory);
    report_uint(r, "cpus", NULL, t->cpus);
    report_close(r);
}

/* What orc does not say is below its lines in text, and here in JSON. */
static bool show_judged_signature(struct report *r, const struct site *c, struct ens_err *err)
{
    struct show_judged judged = {0};

    if (!c->is_signed) {
        report_null(r, "sigstruct");
        return true;
    }
    if (!show_judge(&c->css, true, &judged, err))
        return false;
    report_object(r, "sigstruct", NULL, 0);
    show_sigstruct(r, &c->css, judged.mrsigner);
    show_valid(r, &judged.found);
    report_close(r);
    return true;
}

static bool show_sgx(struct report *r, const struct site *c, struct ens_err *err)
{
    struct view sha256 = view_of(c->report.sha256, sizeof c->report.sha256);

    report_object(r, "sgx", NULL, 0);
    report_text(r, "executable", "SGXS:", c->component->sgx_executable);
    report_text(r, "signature", NULL, c->component->sgx_signature);
    report_hex(r, "stream_sha256", "SGXS MRENCLAVE:", sha256);
    if (!orc_signature(r, c, err))
        return false;
    if (r->form != REPORT_TEXT) {
        show_stream_or_problem(r, &c->report, &c->stream_error, false);
        if (!show_judged_signature(r, c, err))
            return false;
    }
    report_close(r);
    return true;
}

static void show_version(struct report *r, const char *label, struct bundle_version v)
{
    report_field(r, "version", label, "%u.%u.%u", v.major, v.minor, v.patch);
}

/* The component's id as orc prints it, and what runs. */
static void show_component(struct report *r, const struct bundle_component *meta)
{
    const char *tee = meta->tee == BUNDLE_TEE_SGX ? "sgx" : meta->tee == BUNDLE_TEE_TDX ? "tdx" : "none";

    report_text(r, "id", NULL, meta->id);
    report_text(r, "kind", NULL, meta->kind);
    show_version(r, NULL, meta->version);
    report_text(r, "executable", "Executable:", meta->executable);
    report_text(r, "elf_executable", NULL, meta->elf_executable);
    report_text(r, "tee", "TEE kind:", tee);
    report_bool(r, "disabled", meta->disabled);
    report_bool(r, "legacy", meta->legacy);
    if (meta->tee == BUNDLE_TEE_TDX)
        show_tdx(r, &meta->tdx);
}

static bool show_components(struct report *r, const struct enclave_set *set, const struct bundle_info *info,
                            struct ens_err *err)
{
    size_t sgx = 0;

    report_array(r, "components", "Components:", 0);
    for (size_t i = 0; i < info->components_len; i++) {
        const struct bundle_component *meta = &info->components[i];

        if (meta->name != NULL)
            report_line(r, "- %s (%s)", meta->kind, meta->name);
        else
            report_line(r, "- %s%s", meta->kind, meta->legacy ? " [legacy]" : "");
        report_object(r, NULL, NULL, 2);
        show_component(r, meta);
        /* `set` holds the SGX components in the same order. */
        if (meta->tee == BUNDLE_TEE_SGX && !show_sgx(r, &set->items[sgx++], err))
            return false;
        report_close(r);
    }
    report_close(r);
    return true;
}

/* As orc, with those that have no file, which follow once more as warnings; by name. */
static void show_digests(struct report *r, const struct bundle *b)
{
    report_object(r, "digests", "Digests:", 2);
    for (size_t i = 0; i < bundle_digests_len(b); i++) {
        struct bundle_digest d = bundle_digest_at(b, i);
        char hex[2 * 32 + 1];

        hex_encode(hex, view_of(d.digest, sizeof d.digest));
        report_line(r, "%s => %s", d.name, hex);
        if (d.has_file)
            report_text(r, d.name, NULL, hex);
    }
    report_close(r);
}

/* ---- what orc does not say ---- */

static const char *verdict_of(const struct site *c, const struct findings *found)
{
    if (!c->is_signed)
        return "not signed yet";
    if (c->stream_error.code != ENS_OK)
        return "not judged: its enclave cannot be measured";
    return findings_first(found, SEVERITY_ERROR) != NULL
               ? "does not verify"
               : "verifies: signature, MRENCLAVE and all rules of the CPU";
}

static void say_id(struct report *r, const struct sigstruct *css, enum css_field field)
{
    struct view id = sigstruct_get(css, field);

    if (!view_is_zero(id))
        report_note(r, css_table[field].name, "%s", hex_of(id).text);
}

/* Fields that orc does not print. */
static void say_fields(struct report *r, const struct sigstruct *css)
{
    uint64_t cet = sigstruct_get_int(css, CSS_CET_ATTRIBUTES);
    bool has_cet = cet != 0 || sigstruct_get_int(css, CSS_CET_ATTRIBUTES_MASK) != 0;
    bool has_kss = (sigstruct_get_int(css, CSS_ATTRIBUTES) & ATTR_KSS) != 0 ||
                   !view_is_zero(sigstruct_get(css, CSS_ISVFAMILYID)) ||
                   !view_is_zero(sigstruct_get(css, CSS_ISVEXTPRODID));
    char names[BITS_TEXT_MAX];

    report_note(r, "DEBUG", "%s", review_debug(css)->words);
    if (!has_cet && !has_kss) {
        report_note(r, "KSS, CET", "not used");
        return;
    }
    report_note(r, "KSS", "%s", has_kss ? "used" : "not used");
    say_id(r, css, CSS_ISVFAMILYID);
    say_id(r, css, CSS_ISVEXTPRODID);
    report_note(r, "CET", "%s", has_cet ? bits_text(CSS_CET_ATTRIBUTES, cet, names) : "not used");
}

static void say_measured(struct report *r, const struct site *c)
{
    const char *stream = c->component->sgx_executable;

    if (c->stream_error.code != ENS_OK) {
        report_line(r, "warning: %s is not an SGXS stream: %s", stream, c->stream_error.msg);
        return;
    }
    if (c->report.equal) {
        report_note(r, "MRENCLAVE", "measured from %s: the same", stream);
    } else {
        report_note(r, "MRENCLAVE", "measured from %s: another one:", stream);
        report_line(r, "  %s", hex_for(view_of(c->report.mrenclave, MRENCLAVE_SIZE), r->is_grouped).text);
        report_line(r, "warning: the CPU measures another MRENCLAVE than SHA-256 of the stream");
    }
    show_enclave_line(r, &c->report);
}

static bool show_verdict_of(struct report *r, const struct site *c, struct ens_err *err)
{
    struct show_judged judged = {0};

    if (c->stream_error.code == ENS_OK)
        show_add(&c->report.problems, &judged.found);
    if (!c->is_signed)
        show_judge_stream(&judged);
    else if (!show_judge(&c->css, true, &judged, err))
        return false;
    report_object(r, NULL, NULL, 0);
    report_text(r, "component", NULL, c->component->id);
    report_text(r, "verdict", c->component->id, verdict_of(c, &judged.found));
    say_measured(r, c);
    if (c->is_signed) {
        show_owner(r, "MRSIGNER", judged.mrsigner);
        say_fields(r, &c->css);
    }
    if (!show_dangers(r, &judged, err))
        return false;
    report_close(r);
    return true;
}

static bool show_verdicts(struct report *r, const struct enclave_set *set, struct ens_err *err)
{
    report_array(r, "verdicts", set->len > 0 ? "Verdict" : NULL, 2);
    for (size_t i = 0; i < set->len; i++) {
        if (!show_verdict_of(r, &set->items[i], err))
            return false;
    }
    report_close(r);
    return true;
}

/* What the manifest names, and the bundle does not have. */
static void show_missing(struct report *r, const struct bundle *b)
{
    const struct bundle_info *info = bundle_info(b);

    for (size_t i = 0; i < info->components_len; i++) {
        const char *old = info->components[i].executable;

        if (old != NULL && !bundle_has_file(b, old))
            report_line(
                r, "warning: executable names %s, which is not in the bundle: readers run that of elf", old);
    }
    report_array(r, "orphan_digests", NULL, 0);
    for (size_t i = 0; i < bundle_digests_len(b); i++) {
        struct bundle_digest d = bundle_digest_at(b, i);

        if (d.has_file)
            continue;
        report_text(r, NULL, NULL, d.name);
        report_line(r, "warning: digest of %s, which is not in the bundle", d.name);
    }
    report_close(r);
}

/* ---- the bundle ---- */

static bool show_orc(struct report *r, const char *path, const struct bundle *b,
                     const struct enclave_set *set, struct ens_err *err)
{
    const struct bundle_info *info = bundle_info(b);

    r->label_width = ORC_LABEL;
    r->is_exact = true;
    report_note(r, "Bundle:", "%s", path);
    report_text(r, "name", NULL, info->name);
    report_note(r, "Name:", "%s", info->name != NULL ? info->name : "");
    report_hex(r, "runtime_id", "Runtime ID:", view_of(info->id, sizeof info->id));
    show_version(r, "Version:", info->version);
    if (!show_components(r, set, info, err))
        return false;
    show_digests(r, b);
    r->is_exact = false;
    return true;
}

bool show_bundle(struct report *r, const struct artifact *a, struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};
    uint8_t hash[32];

    if (!bundle_open_fd(a->fd, a->path, &b, err) || !enclave_check_bundle(b, &set, err) ||
        !bundle_manifest_hash(b, hash, err))
        return false;
    report_kind(r, "bundle");
    report_text(r, "file", NULL, a->path);
    if (!show_orc(r, a->path, b, &set, err))
        return false;
    report_hash(r, "manifest_hash", "Manifest hash:", view_of(hash, sizeof hash));
    if (!show_verdicts(r, &set, err))
        return false;
    show_missing(r, b);
    return true;
}
