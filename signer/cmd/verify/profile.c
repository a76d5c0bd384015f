/* The consumers' own rules. */
#include "signer/cmd/verify/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/path.h"
#include "signer/sgx/verify.h"

/* oasis-core, runtime.max_bundle_size: the whole file must be strictly smaller. */
#define REGISTRY_SIZE_MAX (20ull << 20)

/* The ROFL scheduler's limits: the manifest, one file, all files. */
#define SCHEDULER_MANIFEST_MAX (16ull << 10)
#define SCHEDULER_FILE_MAX     (128ull << 20)
#define SCHEDULER_TOTAL_MAX    (128ull << 20)

bool profile_parse(const char *name, enum profile *ret, struct ens_err *err)
{
    static const char *const names[] = {"cpu", "core", "registry", "rofl-scheduler"};

    *ret = PROFILE_CPU;
    if (name == NULL)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret = (enum profile)i;
            return true;
        }
    }
    return ens_fail(err, ENS_USAGE, "--profile: '%s' is unknown: give core, registry, rofl-scheduler or cpu",
                    name);
}

/* oasis-core refuses what it checks, a date that is none included, and does not look at
 * the rest: that is a warning. */
static bool core_sigstruct(const char *object, const struct findings *found, struct verdict *v,
                           struct ens_err *err)
{
    for (size_t i = 0; i < found->len; i++) {
        const struct finding *f = &found->items[i];
        bool ok = verify_is_core_rule(f->rule)
                      ? verdict_no(v, object, f->rule, err, "%s", f->text)
                      : verdict_warn(v, object, f->rule, err, "%s%s", f->text,
                                     f->severity == SEVERITY_ERROR
                                         ? " (the CPU refuses it, oasis-core does not look)"
                                         : "");

        if (!ok)
            return false;
    }
    return true;
}

bool profile_sigstruct(enum profile p, const char *object, const struct sigstruct *css, struct verdict *v,
                       struct ens_err *err)
{
    struct findings found = {0};

    if (!verify_sigstruct(view_of(css->bytes, sizeof css->bytes), &found, err))
        return false;
    return p == PROFILE_CPU ? verdict_findings(v, object, &found, err)
                            : core_sigstruct(object, &found, v, err);
}

/* ---- bundles ---- */

/* An enclave whose stream is not as the CPU loads it. */
static bool cpu_streams(const struct enclave_set *set, struct verdict *v, struct ens_err *err)
{
    for (size_t i = 0; i < set->len; i++) {
        const struct site *c = &set->items[i];

        if (c->stream_error.code != ENS_OK) {
            if (!verdict_no(v, c->component->id, "sgxs", err, "%s: %s", c->component->sgx_executable,
                            c->stream_error.msg))
                return false;
            continue;
        }
        if (!verdict_findings(v, c->component->id, &c->report.problems, err))
            return false;
        if (c->is_signed &&
            !view_equal(sigstruct_get(&c->css, CSS_ENCLAVEHASH), view_of(c->report.mrenclave, 32)) &&
            !verdict_no(v, c->component->id, "mrenclave", err, "ENCLAVEHASH is not what the CPU measures"))
            return false;
    }
    return true;
}

static bool all_signed(const struct enclave_set *set, struct verdict *v, struct ens_err *err)
{
    for (size_t i = 0; i < set->len; i++) {
        if (!set->items[i].is_signed &&
            !verdict_no(v, set->items[i].component->id, "unsigned", err, "the component is not signed"))
            return false;
    }
    return true;
}

static bool registry(const char *path, struct bundle *b, struct verdict *v, struct ens_err *err)
{
    uint8_t hash[32];
    char want[2 * 32 + sizeof ".orc"];

    if (bundle_size(b) >= REGISTRY_SIZE_MAX &&
        !verdict_no(v, path, "size", err, "has %" PRIu64 " bytes: the registry takes less than %llu",
                    bundle_size(b), REGISTRY_SIZE_MAX))
        return false;
    if (!bundle_manifest_hash(b, hash, err))
        return false;
    hex_encode(want, view_of(hash, sizeof hash));
    memcpy(want + 64, ".orc", sizeof ".orc");
    return strcmp(path_name(path), want) == 0 ||
           verdict_warn(v, path, "name", err, "the recommended file name is %s", want);
}

struct scheduler {
    struct verdict *v;
    const char *path;
};

static bool scheduler_reason(void *ctx, const char *text, struct ens_err *err)
{
    struct scheduler *s = ctx;

    return verdict_no(s->v, s->path, "manifest", err, "%s", text);
}

static bool rofl_scheduler(const char *path, struct bundle *b, struct verdict *v, struct ens_err *err)
{
    struct scheduler s = {.v = v, .path = path};
    const struct bundle_reasons reasons = {.add = scheduler_reason, .ctx = &s};
    uint64_t total = 0;

    if (bundle_manifest_size(b) > SCHEDULER_MANIFEST_MAX &&
        !verdict_no(v, path, "manifest-size", err,
                    "the manifest has %" PRIu64 " bytes: the scheduler takes %llu", bundle_manifest_size(b),
                    SCHEDULER_MANIFEST_MAX))
        return false;
    for (size_t i = 0; i < bundle_files_len(b); i++) {
        struct bundle_file f = bundle_file_at(b, i);

        total += f.size;
        if (f.size > SCHEDULER_FILE_MAX &&
            !verdict_no(v, f.name, "file-size", err, "has %" PRIu64 " bytes: the scheduler takes %llu",
                        f.size, SCHEDULER_FILE_MAX))
            return false;
    }
    if (total > SCHEDULER_TOTAL_MAX &&
        !verdict_no(v, path, "total-size", err, "its files have %" PRIu64 " bytes: the scheduler takes %llu",
                    total, SCHEDULER_TOTAL_MAX))
        return false;
    return bundle_scheduler_check(b, &reasons, err);
}

bool profile_bundle(enum profile p, const char *path, struct bundle *b, const struct enclave_set *set,
                    struct verdict *v, struct ens_err *err)
{
    switch (p) {
    case PROFILE_CPU:
        return all_signed(set, v, err) && cpu_streams(set, v, err);
    case PROFILE_CORE:
        return true;
    case PROFILE_REGISTRY:
        return all_signed(set, v, err) && registry(path, b, v, err);
    case PROFILE_ROFL_SCHEDULER:
        return rofl_scheduler(path, b, v, err);
    }
    return ens_fail(err, ENS_BUG, "a profile has no rules");
}
