/* One SIGSTRUCT against the demands. */
#include "signer/cmd/verify/demands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

void demands_free(struct demands *d)
{
    policy_freep(&d->policy);
}

bool demands_need_sigstruct(const struct demands *d)
{
    return d->has_mrsigner || d->policy != NULL || d->has_isvprodid || d->min_isvsvn > 0 || d->forbid_debug;
}

/* ---- checks ---- */

bool demands_check_mrenclave(const struct demands *d, const char *object, struct view mrenclave,
                             struct verdict *v, struct ens_err *err)
{
    return !d->has_mrenclave || view_equal(mrenclave, view_of(d->mrenclave, MRENCLAVE_SIZE)) ||
           verdict_no(v, object, "mrenclave", err, "MRENCLAVE is %s, not %s", hex_of(mrenclave).text,
                      hex_of(view_of(d->mrenclave, MRENCLAVE_SIZE)).text);
}

static bool check_signer(const struct demands *d, const char *object, const struct sigstruct *css,
                         struct verdict *v, struct ens_err *err)
{
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];

    verify_key_of(css, &key);
    if (!rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    if (d->has_mrsigner && memcmp(mrsigner, d->mrsigner, MRSIGNER_SIZE) != 0 &&
        !verdict_no(v, object, "mrsigner", err, "MRSIGNER is %s, not %s",
                    hex_of(view_of(mrsigner, MRSIGNER_SIZE)).text,
                    hex_of(view_of(d->mrsigner, MRSIGNER_SIZE)).text))
        return false;
    const char *owner = known_key_owner(mrsigner);

    if (owner == NULL)
        return true;
    return d->allow_public_key
               ? verdict_warn(v, object, "public-key", err, "everybody can sign with this key: %s", owner)
               : verdict_no(v, object, "public-key", err, "everybody can sign with this key: %s", owner);
}

static bool check_values(const struct demands *d, const char *object, const struct sigstruct *css,
                         struct verdict *v, struct ens_err *err)
{
    uint64_t isvsvn = sigstruct_get_int(css, CSS_ISVSVN);
    uint64_t isvprodid = sigstruct_get_int(css, CSS_ISVPRODID);
    bool debug_forbidden = (sigstruct_get_int(css, CSS_ATTRIBUTES) & ATTR_DEBUG) == 0 &&
                           (sigstruct_get_int(css, CSS_ATTRIBUTEMASK) & ATTR_DEBUG) != 0;

    if (isvsvn < d->min_isvsvn && !verdict_no(v, object, "min-isvsvn", err,
                                              "ISVSVN is %" PRIu64 ", below %" PRIu64, isvsvn, d->min_isvsvn))
        return false;
    if (d->has_isvprodid && isvprodid != d->isvprodid &&
        !verdict_no(v, object, "isvprodid", err, "ISVPRODID is %" PRIu64 ", not %" PRIu64, isvprodid,
                    d->isvprodid))
        return false;
    return !d->forbid_debug || debug_forbidden ||
           verdict_no(v, object, "forbid-debug", err, "the enclave may be started in debug mode");
}

/* The lines of the policy that a finished SIGSTRUCT can meet or not; the others are about the signing. */
static bool check_policy(const struct demands *d, const char *object, const struct sigstruct *css,
                         struct verdict *v, struct ens_err *err)
{
    struct policy_outcome outcome = {0};
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (d->policy == NULL)
        return true;
    verify_key_of(css, &key);
    if (!rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    policy_check_fields(d->policy, css, &outcome);
    policy_check_mrsigner(d->policy, mrsigner, &outcome);
    for (int i = 0; i < POLICY_CHECKS; i++) {
        const char *name = policy_name((enum policy_check)i);

        if (outcome.rows[i].result == POLICY_FAILS &&
            !verdict_no(v, object, name, err, "policy: %s: %s", name, outcome.rows[i].text))
            return false;
    }
    return true;
}

bool demands_check(const struct demands *d, const char *object, const struct sigstruct *css,
                   struct verdict *v, struct ens_err *err)
{
    return profile_sigstruct(d->profile, object, css, v, err) &&
           demands_check_mrenclave(d, object, sigstruct_get(css, CSS_ENCLAVEHASH), v, err) &&
           check_signer(d, object, css, v, err) && check_values(d, object, css, v, err) &&
           check_policy(d, object, css, v, err);
}

/* ---- what was checked ---- */

/* The two lists, in one order. */
struct checks {
    struct report_item done[12], left[12];
    size_t done_len, left_len;
};

static void add_check(struct checks *c, bool is_done, const char *name, const char *done, const char *left)
{
    if (is_done)
        c->done[c->done_len++] = (struct report_item){name, done};
    else if (left != NULL)
        c->left[c->left_len++] = (struct report_item){name, left};
}

/* A line that allows every value checks none. */
static bool policy_demands(const struct policy *p, enum policy_check line)
{
    ENS_CLEANUP(buf_free) struct buf value = {0};
    struct ens_err ignored = {0};

    return p != NULL && policy_has(p, line) && policy_value(p, line, &value, &ignored) &&
           !view_equal(buf_view(&value), view_of_string("allow"));
}

/* A field that an option demands, or a line of the policy. */
static void add_field(struct checks *c, const struct demands *d, bool is_demanded, enum policy_check line,
                      const char *name, const char *done, const char *left)
{
    add_check(c, is_demanded || policy_demands(d->policy, line), name, done, left);
}

/* What holds of every object that is signed: the weakest of them. */
static enum verdict_mrenclave measured(const struct verdict *v, bool *ret_is_signed)
{
    enum verdict_mrenclave ret = VERDICT_MEASURED;

    *ret_is_signed = false;
    for (size_t i = 0; i < v->objects_len; i++) {
        if (v->objects[i].mrenclave == VERDICT_REBUILT)
            return VERDICT_MEASURED;
        if (v->objects[i].is_signed && v->objects[i].mrenclave < ret)
            ret = v->objects[i].mrenclave;
        *ret_is_signed |= v->objects[i].is_signed;
    }
    return *ret_is_signed ? ret : VERDICT_UNMEASURED;
}

void demands_report(const struct demands *d, const struct verdict *v, struct report *r)
{
    static const struct report_item rules[] = {
        [PROFILE_CPU] = {"cpu-rules", "CPU rules"},
        [PROFILE_CORE] = {"core-rules", "rules of oasis-core"},
        [PROFILE_REGISTRY] = {"registry-rules", "rules of the registry"},
        [PROFILE_ROFL_SCHEDULER] = {"rofl-scheduler-rules", "rules of the ROFL scheduler"},
    };
    struct checks c = {0};
    char isvsvn[32] = "ISVSVN";
    char isvprodid[32] = "ISVPRODID";
    bool is_signed = false;
    enum verdict_mrenclave how = measured(v, &is_signed);

    if (d->has_min_isvsvn)
        (void)snprintf(isvsvn, sizeof isvsvn, "ISVSVN >= %" PRIu64, d->min_isvsvn);
    if (d->has_isvprodid)
        (void)snprintf(isvprodid, sizeof isvprodid, "ISVPRODID %" PRIu64, d->isvprodid);
    add_check(&c, is_signed, "signature", "signature", "signature");
    add_check(&c, is_signed, "q1", "Q1", NULL);
    add_check(&c, is_signed, "q2", "Q2", NULL);
    add_check(&c, true, rules[d->profile].name, rules[d->profile].words, NULL);
    add_check(&c, how == VERDICT_HASHED, "stream-hash", "MRENCLAVE (hash of the stream)", NULL);
    add_check(&c, how == VERDICT_MEASURED, "measured", "MRENCLAVE (measured)", "MRENCLAVE by measuring");
    add_field(&c, d, d->has_isvprodid, POLICY_ISVPRODID, "isvprodid", isvprodid, "ISVPRODID");
    add_field(&c, d, d->has_mrenclave, POLICY_MRENCLAVE, "mrenclave", "MRENCLAVE as you gave it",
              "MRENCLAVE against a value of yours");
    add_field(&c, d, d->has_mrsigner, POLICY_MRSIGNER, "mrsigner", "signer", "signer");
    add_field(&c, d, d->has_min_isvsvn, POLICY_ISVSVN, "min-isvsvn", isvsvn, "ISVSVN");
    add_field(&c, d, d->forbid_debug, POLICY_DEBUG, "forbid-debug", "DEBUG", "DEBUG");
    add_check(&c, d->policy != NULL, "policy", "policy (its lines about fields)", NULL);
    report_list(r, "checked", v->refusals == 0 ? "  checked" : NULL, c.done, c.done_len);
    report_list(r, "not_checked", v->refusals == 0 ? "  not checked" : NULL, c.left, c.left_len);
}
