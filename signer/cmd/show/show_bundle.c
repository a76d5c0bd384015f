/* show of a bundle: first every line that `orc show` prints, in its order and words (digests sorted), with
 * what orc does not say after each component. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/enclave.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

static const char *tee_name(enum bundle_tee tee)
{
    return tee == BUNDLE_TEE_SGX ? "sgx" : tee == BUNDLE_TEE_TDX ? "tdx" : "none";
}

/* ---- text, as orc prints it ---- */

/* orc's lines of a SIGSTRUCT: "Build date" as Go prints a time. */
static bool orc_sigstruct(struct show *s, const struct sigstruct *css, struct ens_err *err)
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
    if (!show_line(s, err, "  SGXS SIGSTRUCT:") ||
        !show_line(s, err, "    Build date:       %04u-%02u-%02u 00:00:00 +0000 UTC", d.year, d.month,
                   d.day) ||
        !show_line(s, err, "    MiscSelect:       %08" PRIX64, sigstruct_get_int(css, CSS_MISCSELECT)) ||
        !show_line(s, err, "    MiscSelect mask:  %08" PRIX64, sigstruct_get_int(css, CSS_MISCMASK)) ||
        !show_line(s, err, "    Attributes flags: %016" PRIX64, attributes))
        return false;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((attributes & flags[i].bit) != 0 && !show_line(s, err, "      - %s", flags[i].name))
            return false;
    }
    return show_line(s, err, "    Attributes XFRM:  %016" PRIX64, sigstruct_get_int(css, CSS_XFRM)) &&
           show_line(s, err, "    Attributes mask:  %016" PRIX64 " %016" PRIX64,
                     sigstruct_get_int(css, CSS_ATTRIBUTEMASK), sigstruct_get_int(css, CSS_XFRM_MASK));
}

static bool orc_signature(struct show *s, const struct enclave_component *c, struct ens_err *err)
{
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];
    char hex[2 * 32 + 1];

    if (!c->is_signed)
        return show_line(s, err, "  SGXS signature: [UNSIGNED]");
    if (!show_line(s, err, "  SGXS signature: %s", c->meta->sgx_signature) || !orc_sigstruct(s, &c->css, err))
        return false;
    hex_encode(hex, sigstruct_get(&c->css, CSS_ENCLAVEHASH));
    if (!show_line(s, err, "    MRENCLAVE:        %s", hex))
        return false;
    verify_key_of(&c->css, &key);
    if (!rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    hex_encode(hex, view_of(mrsigner, sizeof mrsigner));
    return show_line(s, err, "    MRSIGNER:         %s", hex) &&
           show_line(s, err, "    ISV product ID:   %" PRIu64, sigstruct_get_int(&c->css, CSS_ISVPRODID)) &&
           show_line(s, err, "    ISV SVN:          %" PRIu64, sigstruct_get_int(&c->css, CSS_ISVSVN));
}

static bool orc_tdx(struct show *s, const struct bundle_tdx *t, struct ens_err *err)
{
    if (!show_line(s, err, "  Firmware:       %s", t->firmware))
        return false;
    if (t->kernel != NULL) {
        if (!show_line(s, err, "  Kernel:         %s", t->kernel) ||
            (t->initrd != NULL && !show_line(s, err, "  InitRD:         %s", t->initrd)) ||
            (t->kernel_options_len > 0 && !show_line(s, err, "  Extra kernel options:")))
            return false;
        for (size_t i = 0; i < t->kernel_options_len; i++) {
            if (!show_line(s, err, "    %s", t->kernel_options[i]))
                return false;
        }
    }
    if (t->stage2_image != NULL && !show_line(s, err, "  Stage 2:        %s", t->stage2_image))
        return false;
    return show_line(s, err, "  Resources:") && show_line(s, err, "    CPUs:    %u", t->cpus) &&
           show_line(s, err, "    Memory:  %" PRIu64 " MiB", t->memory);
}

/* What orc does not say of an SGX component. */
static bool beyond_orc(struct show *s, const struct enclave_component *c, struct ens_err *err)
{
    if (c->stream_error.code != ENS_OK)
        return show_line(s, err, "  warning: %s is no SGXS stream: %s", c->meta->sgx_executable,
                         c->stream_error.msg);
    if (!c->report.equal &&
        !show_line(s, err, "  warning: the CPU measures another MRENCLAVE than SHA-256 of the stream"))
        return false;
    if (!show_line(s, err, "  Stream as the CPU loads it:") || !show_stream(s, s->doc, &c->report, 4, err))
        return false;
    return !c->is_signed || (show_line(s, err, "  Signature as the CPU checks it:") &&
                             show_sigstruct(s, s->doc, &c->css, true, 4, err));
}

/* The component's id as orc prints it, and what runs. */
static bool orc_component(struct show *s, const struct bundle *b, const struct bundle_component *meta,
                          struct ens_err *err)
{
    const char *old = meta->executable;

    if (meta->name != NULL ? !show_line(s, err, "- %s (%s)", meta->kind, meta->name)
                           : !show_line(s, err, "- %s%s", meta->kind, meta->legacy ? " [legacy]" : ""))
        return false;
    if (old != NULL && !show_line(s, err, "  Executable:     %s", old))
        return false;
    return old == NULL || bundle_has_file(b, old) ||
           show_line(s, err,
                     "  warning: executable names %s, which is not in the bundle: readers run that of elf",
                     old);
}

static bool text_component(struct show *s, const struct bundle *b, const struct bundle_component *meta,
                           const struct enclave_component *c, struct ens_err *err)
{
    char hex[2 * 32 + 1];

    if (!orc_component(s, b, meta, err))
        return false;
    if (!show_line(s, err, "  TEE kind:       %s", tee_name(meta->tee)))
        return false;
    if (meta->tee == BUNDLE_TEE_TDX)
        return orc_tdx(s, &meta->tdx, err);
    if (c == NULL)
        return true;
    hex_encode(hex, view_of(c->report.sha256, sizeof c->report.sha256));
    return show_line(s, err, "  SGXS:           %s", meta->sgx_executable) &&
           show_line(s, err, "  SGXS MRENCLAVE: %s", hex) && orc_signature(s, c, err) &&
           beyond_orc(s, c, err);
}

/* ---- JSON ---- */

static void doc_version(struct doc *at, const char *key, struct bundle_version v)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%u.%u.%u", v.major, v.minor, v.patch);
    doc_text(at, key, text);
}

static void doc_tdx(struct doc *at, const struct bundle_tdx *t)
{
    doc_text(at, "firmware", t->firmware);
    doc_text(at, "kernel", t->kernel);
    doc_text(at, "initrd", t->initrd);
    doc_text(at, "stage2_image", t->stage2_image);
    doc_int(at, "memory", t->memory);
    doc_int(at, "cpus", t->cpus);
}

static bool doc_sgx(struct show *s, struct doc *at, const struct enclave_component *c, struct ens_err *err)
{
    doc_text(at, "executable", c->meta->sgx_executable);
    doc_text(at, "signature", c->meta->sgx_signature);
    doc_hex(at, "stream_sha256", view_of(c->report.sha256, sizeof c->report.sha256));
    if (!show_stream_or_problem(s, doc_object(at, "stream"), &c->report, &c->stream_error, err))
        return false;
    if (c->is_signed)
        return show_sigstruct(s, doc_object(at, "sigstruct"), &c->css, true, 0, err);
    doc_text(at, "sigstruct", NULL);
    return true;
}

static bool doc_component(struct show *s, struct doc *list, const struct bundle_component *meta,
                          const struct enclave_component *c, struct ens_err *err)
{
    struct doc *at = doc_object(list, NULL);

    doc_text(at, "id", meta->id);
    doc_text(at, "kind", meta->kind);
    doc_version(at, "version", meta->version);
    doc_text(at, "executable", meta->executable);
    doc_text(at, "elf_executable", meta->elf_executable);
    doc_text(at, "tee", tee_name(meta->tee));
    doc_bool(at, "disabled", meta->disabled);
    doc_bool(at, "legacy", meta->legacy);
    if (meta->tee == BUNDLE_TEE_TDX)
        doc_tdx(doc_object(at, "tdx"), &meta->tdx);
    return c == NULL || doc_sgx(s, doc_object(at, "sgx"), c, err);
}

/* ---- both ---- */

static bool show_manifest_hash(struct show *s, const struct bundle *b, struct ens_err *err)
{
    uint8_t hash[32];
    char hex[2 * 32 + 1];

    if (!bundle_manifest_hash(b, hash, err))
        return false;
    hex_encode(hex, view_of(hash, sizeof hash));
    if (s->text == NULL)
        doc_text(s->doc, "manifest_hash", hex);
    return show_line(s, err, "Manifest hash:  %s", hex);
}

static bool show_head(struct show *s, const char *path, const struct bundle_info *info, struct ens_err *err)
{
    char id[2 * 32 + 1];

    hex_encode(id, view_of(info->id, sizeof info->id));
    if (s->text == NULL) {
        doc_text(s->doc, "kind", "bundle");
        doc_text(s->doc, "name", info->name);
        doc_text(s->doc, "runtime_id", id);
        doc_version(s->doc, "version", info->version);
        return true;
    }
    return show_line(s, err, "Bundle:         %s", path) &&
           show_line(s, err, "Name:           %s", info->name != NULL ? info->name : "") &&
           show_line(s, err, "Runtime ID:     %s", id) &&
           show_line(s, err, "Version:        %u.%u.%u", info->version.major, info->version.minor,
                     info->version.patch) &&
           show_line(s, err, "Components:");
}

static bool show_components(struct show *s, const struct bundle *b, const struct enclave_set *set,
                            struct ens_err *err)
{
    const struct bundle_info *info = bundle_info(b);
    struct doc *list = s->text == NULL ? doc_array(s->doc, "components") : NULL;
    size_t sgx = 0;

    for (size_t i = 0; i < info->components_len; i++) {
        const struct bundle_component *meta = &info->components[i];
        /* `set` holds the SGX components in the same order. */
        const struct enclave_component *c = meta->tee == BUNDLE_TEE_SGX ? &set->items[sgx++] : NULL;

        if (s->text == NULL ? !doc_component(s, list, meta, c, err) : !text_component(s, b, meta, c, err))
            return false;
    }
    return true;
}

/* As orc, with those that have no file, which follow once more as warnings; by name. */
static bool text_digests(struct show *s, const struct bundle *b, struct ens_err *err)
{
    char hex[2 * 32 + 1];

    if (!show_line(s, err, "Digests:"))
        return false;
    for (size_t i = 0; i < bundle_digests_len(b); i++) {
        struct bundle_digest d = bundle_digest_at(b, i);

        hex_encode(hex, view_of(d.digest, sizeof d.digest));
        if (!show_line(s, err, "  %s => %s", d.name, hex))
            return false;
    }
    for (size_t i = 0; i < bundle_digests_len(b); i++) {
        struct bundle_digest d = bundle_digest_at(b, i);

        if (!d.has_file && !show_line(s, err, "warning: digest of %s, which is not in the bundle", d.name))
            return false;
    }
    return true;
}

static void doc_digests(struct show *s, const struct bundle *b)
{
    struct doc *digests = doc_object(s->doc, "digests");
    struct doc *orphans = doc_array(s->doc, "orphan_digests");
    char hex[2 * 32 + 1];

    for (size_t i = 0; i < bundle_digests_len(b); i++) {
        struct bundle_digest d = bundle_digest_at(b, i);

        hex_encode(hex, view_of(d.digest, sizeof d.digest));
        if (d.has_file)
            doc_text(digests, d.name, hex);
        else
            doc_text(orphans, NULL, d.name);
    }
}

static bool show_digests(struct show *s, const struct bundle *b, struct ens_err *err)
{
    if (s->text != NULL)
        return text_digests(s, b, err);
    doc_digests(s, b);
    return true;
}

bool show_bundle(struct show *s, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};

    if (!bundle_open(path, &b, err) || !enclave_check_bundle(b, &set, err))
        return false;
    return show_head(s, path, bundle_info(b), err) && show_components(s, b, &set, err) &&
           show_digests(s, b, err) && show_manifest_hash(s, b, err);
}
