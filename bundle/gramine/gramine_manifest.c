/* What an expanded manifest says of the enclave and of its SIGSTRUCT, by the rules of one release. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bundle/gramine/gramine.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/base/toml.h"

#define SIZE_MAX_BYTES  (UINT64_C(1) << 47) /* what a process can address */
#define THREADS_DEFAULT 4
#define VERSION_LAST    9 /* 1.9 */

/* The release is 1.`minor`. */
struct reading {
    const char *label;
    const struct toml_value *sgx; /* the table */
    unsigned minor;
};

/* ---- values ---- */

static bool fail_value(const struct reading *r, const char *key, const char *rule, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "%s: sgx.%s: %s: correct the template, and expand it again", r->label, key,
                    rule);
}

static bool get_flag(const struct reading *r, const char *key, bool *ret, struct ens_err *err)
{
    const struct toml_value *v = toml_get(r->sgx, key);

    *ret = v != NULL && v->number != 0;
    return v == NULL || v->type == TOML_BOOLEAN || fail_value(r, key, "is not true or false", err);
}

static bool get_number(const struct reading *r, const char *key, uint64_t max, uint64_t *ret,
                       struct ens_err *err)
{
    const struct toml_value *v = toml_get(r->sgx, key);

    if (v == NULL)
        return true;
    if (v->type != TOML_INTEGER || v->number < 0 || (uint64_t)v->number > max)
        return fail_value(r, key, "is not a number in its range", err);
    *ret = (uint64_t)v->number;
    return true;
}

/* A text such as "256M", "0x1000_0000" or "1G", as Gramine's signer reads it. */
static bool parse_size(struct view text, uint64_t *ret)
{
    static const char units[] = "KMG";
    struct ens_err ignored = {0};
    char digits[32];
    size_t len = 0;
    unsigned shift = 0;
    const char *unit =
        text.len > 0 && text.data[text.len - 1] != '\0' ? strchr(units, text.data[text.len - 1]) : NULL;

    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '_' && i > 0 && i + 1 < text.len && text.data[i - 1] != '_')
            continue;
        if (len + 1 == sizeof digits)
            return false;
        digits[len++] = (char)text.data[i];
    }
    digits[len] = '\0';
    if (!num_parse(digits, "", UINT64_MAX >> shift, ret, &ignored))
        return false;
    *ret <<= shift;
    return true;
}

static bool get_size(const struct reading *r, bool edmm, uint64_t *ret, struct ens_err *err)
{
    const struct toml_value *v = toml_get(r->sgx, "enclave_size");

    *ret = UINT64_C(1) << (edmm && r->minor >= 5 ? 40 : 28);
    if (v != NULL && (v->type != TOML_STRING || !parse_size(v->text, ret)))
        return fail_value(r, "enclave_size", "is not a size such as \"256M\"", err);
    if (*ret == 0 || (*ret & (*ret - 1)) != 0)
        return fail_value(r, "enclave_size", "is not a power of two, which Gramine's loader demands", err);
    return *ret <= SIZE_MAX_BYTES || fail_value(r, "enclave_size", "is larger than any enclave", err);
}

/* ---- the release ---- */

/* "1.3" or "1.3.1" of a release that is known. */
static bool parse_release(const char *text, unsigned *ret, struct ens_err *err)
{
    size_t patch = strlen(text) > 3 && text[3] == '.' ? strspn(text + 4, "0123456789") : 0;

    if (strncmp(text, "1.", 2) != 0 || text[2] < '0' || text[2] > '0' + VERSION_LAST ||
        (text[3] != '\0' && (patch == 0 || text[4 + patch] != '\0')))
        return ens_fail(
            err, ENS_USAGE,
            "--gramine: '%s' is not a release whose rules are known: give 1.0, 1.1, 1.2, 1.3, 1.4, "
            "1.5, 1.6, 1.7, 1.8 or 1.9, or a patch release of one",
            text);
    *ret = (unsigned)(text[2] - '0');
    return true;
}

/* The signers wrote defaults into the file, each those of its release. */
static const char *guess_release(struct reading *r)
{
    bool has_features = toml_get(r->sgx, "cpu_features") != NULL || toml_get(r->sgx, "use_exinfo") != NULL;

    if (has_features || toml_get(r->sgx, "nonpie_binary") == NULL) {
        r->minor = has_features ? 7 : 5;
        return has_features ? "sgx.cpu_features" : "no sgx.nonpie_binary";
    }
    if (toml_get(r->sgx, "require_exinfo") != NULL ||
        (toml_get(r->sgx, "support_exinfo") == NULL && toml_get(r->sgx, "max_threads") != NULL)) {
        r->minor = 4;
        return "sgx.nonpie_binary, and keys of 1.4";
    }
    r->minor = toml_get(r->sgx, "require_amx") != NULL ? 3 : 0;
    return r->minor > 0 ? "sgx.nonpie_binary" : "sgx.nonpie_binary, and no sgx.require_amx";
}

static const char *class_of(unsigned minor)
{
    return minor < 4 ? "1.0 to 1.3" : minor < 5 ? "1.4" : "1.5 and later";
}

static bool find_rules(struct reading *r, const char *version, struct gramine_settings *ret,
                       struct ens_err *err)
{
    if (version != NULL && !parse_release(version, &r->minor, err))
        return false;
    const char *why = version == NULL ? guess_release(r) : NULL;

    (void)snprintf(ret->rules, sizeof ret->rules, "rules of %s (%s%.20s)", class_of(r->minor),
                   why != NULL ? why : "--gramine ", why != NULL ? "" : version);
    return true;
}

/* ---- the SIGSTRUCT ---- */

static const struct {
    const char *require, *feature;
    uint64_t bits;
} features[] = {
    /* In this order: what avx512 disables contains AVX. */
    {"require_avx", "cpu_features.avx", 0x4},     {"require_avx512", "cpu_features.avx512", 0xe4},
    {"require_amx", "cpu_features.amx", 0x60000}, {"require_mpx", "cpu_features.mpx", 0x18},
    {"require_pkru", "cpu_features.pkru", 0x200},
};

#define FEATURES (sizeof features / sizeof features[0])

/* Up to 1.5, and in 1.6 and 1.7 if the manifest has such a key. */
static bool requires(const struct reading *r)
{
    bool any = false;

    for (size_t i = 0; i < FEATURES; i++)
        any |= toml_get(r->sgx, features[i].require) != NULL;
    return r->minor < 6 || (r->minor < 8 && any && toml_get(r->sgx, "cpu_features") == NULL);
}

static bool read_feature(const struct reading *r, size_t i, struct site_fields *f, struct ens_err *err)
{
    const struct toml_value *v = toml_get(r->sgx, features[i].feature);
    struct view word = v != NULL ? v->text : view_of_string(i < 3 ? "unspecified" : "disabled");
    bool is_required = view_is(word, "required");
    bool is_disabled = view_is(word, "disabled");

    if ((v != NULL && v->type != TOML_STRING) ||
        !(is_required || is_disabled || view_is(word, "unspecified")))
        return fail_value(r, features[i].feature, "is not \"required\", \"disabled\" or \"unspecified\"",
                          err);
    if (is_required)
        f->xfrm |= features[i].bits;
    if (is_disabled)
        f->xfrm &= ~features[i].bits;
    if (is_required || is_disabled)
        f->xfrm_mask |= features[i].bits;
    return true;
}

static bool read_xfrm(const struct reading *r, struct site_fields *f, struct ens_err *err)
{
    bool is_old = requires(r);
    bool is_set = false;

    f->xfrm = 3;
    f->xfrm_mask = r->minor < 1 ? UINT64_C(0xffffffffffffff1b) : UINT64_C(0xfffffffffff9ff1b);
    for (size_t i = 0; i < FEATURES; i++) {
        if (is_old ? !get_flag(r, features[i].require, &is_set, err) : !read_feature(r, i, f, err))
            return false;
        if (is_old && is_set && (r->minor >= 1 || features[i].bits != 0x60000))
            f->xfrm |= features[i].bits;
    }
    return true;
}

static bool read_all_fields(const struct reading *r, struct site_fields *f, struct ens_err *err)
{
    /* 1.6 and 1.7 take the old name as well. */
    const char *exinfo[] = {r->minor < 4   ? "support_exinfo"
                            : r->minor < 8 ? "require_exinfo"
                                           : "use_exinfo",
                            r->minor < 6 ? NULL : "use_exinfo"};
    uint64_t isvprodid = 0;
    uint64_t isvsvn = 0;
    bool is_set = false;

    for (size_t i = 0; i < 2 && exinfo[i] != NULL; i++) {
        if (!get_flag(r, exinfo[i], &is_set, err))
            return false;
        f->miscselect |= is_set ? 1 : 0;
    }
    if (!get_number(r, "isvprodid", UINT16_MAX, &isvprodid, err) ||
        !get_number(r, "isvsvn", UINT16_MAX, &isvsvn, err) || !get_flag(r, "debug", &is_set, err))
        return false;
    f->isvprodid = (uint16_t)isvprodid;
    f->isvsvn = (uint16_t)isvsvn;
    f->attributes = is_set ? 0x6 : 0x4;
    f->has_binary_date = r->minor < 5;
    return read_xfrm(r, f, err);
}

/* ---- is it expanded? ---- */

static bool fail_unexpanded(const char *label, const char *what, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "%s: %s: give the .manifest.sgx that gramine-sgx-sign writes", label,
                    what);
}

static bool has_hash(const struct toml_value *file)
{
    const struct toml_value *hash = file->type == TOML_TABLE ? toml_get(file, "sha256") : NULL;
    uint8_t bytes[32];
    char text[2 * sizeof bytes + 1];
    struct ens_err ignored = {0};

    if (hash == NULL || hash->type != TOML_STRING || hash->text.len != sizeof text - 1)
        return false;
    memcpy(text, hash->text.data, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    return hex_decode(text, "", bytes, sizeof bytes, &ignored);
}

static bool check_expanded(const struct reading *r, const struct toml_value *root, struct ens_err *err)
{
    const struct toml_value *files = toml_get(r->sgx, "trusted_files");
    const struct toml_value *entry = toml_get(root, "loader.entrypoint");

    if (files != NULL && files->type != TOML_ARRAY)
        return fail_unexpanded(r->label, "sgx.trusted_files is no list: the manifest is not expanded", err);
    for (const struct toml_value *f = toml_first(files); f != NULL; f = toml_next(f)) {
        if (!has_hash(f))
            return fail_unexpanded(r->label, "a trusted file has no sha256: the manifest is not expanded",
                                   err);
    }
    return entry == NULL || entry->type != TOML_TABLE || has_hash(entry) ||
           fail_unexpanded(r->label, "loader.entrypoint has no sha256: the manifest is not expanded", err);
}

bool gramine_read(struct view text, const char *label, const char *version, struct gramine_settings *ret,
                  struct ens_err *err)
{
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;
    struct gramine_settings s = {.threads = THREADS_DEFAULT};
    struct reading r = {.label = label};
    bool is_pie = false;

    if (memmem(text.data, text.len, "{{", 2) != NULL || memmem(text.data, text.len, "{%", 2) != NULL)
        return fail_unexpanded(label, "holds {{ or {%: it is a template", err);
    if (!toml_parse(text, label, TOML_1_0, &t, err))
        return false;
    r.sgx = toml_get(toml_root(t), "sgx");
    if (r.sgx == NULL || r.sgx->type != TOML_TABLE)
        return ens_fail(err, ENS_DATA, "%s: has no table sgx: give the manifest of an SGX enclave", label);
    if (!find_rules(&r, version, &s, err) || !check_expanded(&r, toml_root(t), err) ||
        !get_flag(&r, "nonpie_binary", &is_pie, err) || !get_flag(&r, "edmm_enable", &s.edmm, err))
        return false;
    s.edmm &= r.minor >= 4;
    s.is_high = r.minor < 5 && !is_pie;
    if ((r.minor < 5 && !get_number(&r, "thread_num", UINT32_MAX, &s.threads, err)) ||
        (r.minor >= 4 && !get_number(&r, "max_threads", UINT32_MAX, &s.threads, err)) ||
        !get_size(&r, s.edmm, &s.size, err) || !read_all_fields(&r, &s.fields, err))
        return false;
    if (s.threads == 0)
        return fail_value(&r, r.minor < 4 ? "thread_num" : "max_threads", "is 0, and one thread is needed",
                          err);
    *ret = s;
    return true;
}
