/* Attaching a SIGSTRUCT to a bundle, or to any other container. */
#include "signer/flow/attach.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/flow/dangers.h"
#include "signer/flow/deliver.h"
#include "signer/sgx/launch.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_fips.h"
#include "signer/sgx/verify.h"
#include "signer/ui/clock.h"

/* ---- the identity list ---- */

/* MRENCLAVE || MRSIGNER of a SIGSTRUCT, as an identity holds them. */
static bool identity_of(const struct sigstruct *css, uint8_t ret[static 64], struct ens_err *err)
{
    struct pubkey key;

    verify_key_of(css, &key);
    memcpy(ret, sigstruct_get(css, CSS_ENCLAVEHASH).data, MRENCLAVE_SIZE);
    return rsa3072_mrsigner(&key, ret + MRENCLAVE_SIZE, err);
}

/* What becomes of one entry: that of the old signature follows the new one, and an all-zero one (some tools
 * write it) says nothing. */
static enum bundle_identity_edit edit_of(const struct args *args, const char *path, const char *id,
                                         const uint8_t *entry, const uint8_t *old, const uint8_t *new)
{
    if (view_is_zero(view_of(entry, 64))) {
        notice_say(args, "%s: component %s: an all-zero identity is dropped.", path, id);
        return BUNDLE_IDENTITY_DROP;
    }
    if (memcmp(entry, new, 64) == 0)
        return BUNDLE_IDENTITY_KEEP;
    if (old != NULL && memcmp(entry, old, 64) == 0) {
        notice_say(args, "%s: component %s: its identity follows the new signature.", path, id);
        return BUNDLE_IDENTITY_SET;
    }
    notice_warn(
        "%s: component %s: an identity of another enclave or signer is kept: readers trust it over the files",
        path, id);
    return BUNDLE_IDENTITY_KEEP;
}

/* Makes the identity list of the component fit its new SIGSTRUCT. */
static bool update_identities(const struct args *args, struct enclave *e, const struct attach_item *item,
                              struct ens_err *err)
{
    const struct enclave_component *component = item->component;
    const struct bundle_component *c = component->meta;
    ENS_CLEANUP(mem_freep)
    enum bundle_identity_edit *edits = mem_alloc(c->identities_len, sizeof *edits, err);
    uint8_t old[64];
    uint8_t new[64];

    if (edits == NULL || !identity_of(item->css, new, err) ||
        (component->is_signed && !identity_of(&component->css, old, err)))
        return false;
    for (size_t i = 0; i < c->identities_len; i++)
        edits[i] =
            edit_of(args, e->path, c->id, c->identities[i].enclave, component->is_signed ? old : NULL, new);
    return bundle_edit_identities(e->bundle, c->id, edits, new, err);
}

/* ---- what is said of a signature that goes in ---- */

bool attach_judge(const struct sigstruct *css, const char *name, struct ens_err *err)
{
    struct findings found = {0};

    if (!verify_sigstruct(view_of(css->bytes, sizeof css->bytes), &found, err))
        return false;
    const struct finding *bad = findings_first(&found, SEVERITY_ERROR);

    if (bad != NULL)
        return ens_fail(err, ENS_DATA, "%s: %s: EINIT refuses it, sign again", name, bad->text);
    return true;
}

bool attach_review(const struct args *args, const struct sigstruct *css, struct ens_err *err)
{
    struct pubkey key;
    uint8_t digest[32];
    uint8_t mrsigner[MRSIGNER_SIZE];
    const struct review review = {
        .css = css, .digest = digest, .mrsigner = mrsigner, .today = clock_danger_day()};

    verify_key_of(css, &key);
    return rsa3072_mrsigner(&key, mrsigner, err) && signdata_digest(css, digest, err) &&
           dangers_review(args, &review, err);
}

/* ---- into a bundle ---- */

/* The components that must hold exactly these SIGSTRUCTs. */
struct attached {
    const struct attach_item *items;
    size_t len;
};

static bool holds_sigstructs(const void *ctx, const struct bundle *b, const struct enclave_set *set,
                             struct ens_err *err)
{
    const struct attached *a = ctx;

    for (size_t i = 0; i < a->len; i++) {
        const struct enclave_component *c = NULL;

        if (!enclave_find(b, set, a->items[i].component->meta->id, &c, err))
            return false;
        if (!c->is_signed || memcmp(c->css.bytes, a->items[i].css->bytes, sizeof c->css.bytes) != 0)
            return ens_fail(err, ENS_BUG, "%s: lacks the SIGSTRUCT", bundle_label(b));
    }
    return true;
}

static bool edit_component(const struct args *args, struct enclave *e, const struct attach_item *item,
                           struct ens_err *err)
{
    struct view css = view_of(item->css->bytes, sizeof item->css->bytes);

    return bundle_set_signature(e->bundle, item->component->meta->id, css, err) &&
           update_identities(args, e, item, err);
}

bool attach_components(const struct args *args, struct enclave *e, const struct attach_item *items,
                       size_t len, struct file_out **ret_written, struct ens_err *err)
{
    ENS_CLEANUP(deliver_free) struct deliver d = {0};
    const struct attached attached = {.items = items, .len = len};

    if (!deliver_open(args, e->path, FILE_OUT_REPLACE, container_fd(e->container), &d, err))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!edit_component(args, e, &items[i], err))
            return false;
    }
    return deliver_bundle(&d, e->bundle, &(struct deliver_check){holds_sigstructs, &attached, &e->set},
                          ret_written, err);
}

/* ---- into another container ---- */

/* What the loader asks for at a place, before and after. */
static bool follow(const struct enclave_place *p, const struct sigstruct *css, struct launch *ret,
                   struct ens_err *err)
{
    const struct launch now = {.attributes = p->copy->attributes,
                               .xfrm = p->copy->xfrm,
                               .miscselect = p->copy->miscselect,
                               .ssaframesize = p->copy->ssaframesize};

    return launch_follow(&p->css, css, &now, ret, err);
}

/* What the new SIGSTRUCT says, and the file around it says otherwise. */
static bool check_config(const struct enclave *e, const struct container_copy *copy,
                         const struct sigstruct *css, struct ens_err *err)
{
    struct findings found = {0};

    enclave_judge_config(container_kind(e->container), copy, css, &found);
    const struct finding *bad = findings_first(&found, SEVERITY_ERROR);

    if (bad != NULL)
        return ens_fail(err, ENS_DATA, "%s: %s: EINIT would refuse the enclave, leave it out", e->path,
                        bad->text);
    for (size_t i = 0; i < found.len; i++)
        notice_warn("%s: %s", e->path, found.items[i].text);
    return true;
}

bool attach_check(const struct enclave *e, const struct sigstruct *css, struct ens_err *err)
{
    struct launch next;
    char name[ENCLAVE_NAME_MAX];

    for (size_t i = 0; i < e->places_len; i++) {
        const struct container_copy *copy = e->places[i].copy;

        if (copy == NULL)
            continue;
        if (copy->has_launch && !follow(&e->places[i], css, &next, err))
            return ens_wrap(err, "%s", enclave_place_name(e, i, name));
        if (!check_config(e, copy, css, err))
            return false;
    }
    return true;
}

/* What the loader is to ask for at one place; all places get the same, since the SIGSTRUCT is the same. */
static bool edit_launch(const struct enclave_place *p, const struct sigstruct *css,
                        struct container_edit *ret, struct ens_err *err)
{
    struct launch next = {0};

    if (p->copy == NULL || !p->copy->has_launch)
        return true;
    if (!follow(p, css, &next, err))
        return false;
    ret->attributes = next.attributes;
    ret->xfrm = next.xfrm;
    ret->miscselect = next.miscselect;
    ret->set_attributes |= next.attributes != p->copy->attributes;
    ret->set_xfrm |= next.xfrm != p->copy->xfrm;
    ret->set_miscselect |= next.miscselect != p->copy->miscselect;
    return true;
}

/* `fips` is room for the block. */
static bool make_edit(const struct enclave *e, const struct sigstruct *css,
                      uint8_t fips[static RSA3072_FIPS_SIZE], struct container_edit *ret, struct ens_err *err)
{
    struct view bytes = view_of(css->bytes, SIGSTRUCT_SIZE);

    *ret = (struct container_edit){.sigstruct = bytes, .fips = view_of(fips, RSA3072_FIPS_SIZE)};
    if (!rsa3072_fips_sign(bytes, fips, err))
        return false;
    for (size_t i = 0; i < e->places_len; i++) {
        if (!edit_launch(&e->places[i], css, ret, err))
            return false;
    }
    return true;
}

/* The new file, opened as a stranger would: every place holds the SIGSTRUCT, and
 * the enclave that was measured. */
static bool check_written(const struct deliver *d, const struct enclave *before, const struct sigstruct *css,
                          struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};

    if (!enclave_open_written(file_out_fd(d->file), d->name, before, &e, err))
        return false;
    for (size_t i = 0; i < e.places_len; i++) {
        struct findings found = {0};

        if (e.places[i].copy == NULL || memcmp(e.places[i].css.bytes, css->bytes, SIGSTRUCT_SIZE) != 0)
            return ens_fail(err, ENS_BUG, "%s: lacks the SIGSTRUCT", d->name);
        if (!enclave_judge_place(&e, i, &found, err))
            return false;
        /* Whether its tables may be signed was judged before (enclave_require), and they have not changed. */
        findings_allow(&found);
        const struct finding *bad = findings_first(&found, SEVERITY_ERROR);

        if (bad != NULL)
            return ens_fail(err, ENS_DATA, "%s: %s", d->name, bad->text);
    }
    return true;
}

static bool attach_to_file(const struct args *args, struct enclave *e, const struct sigstruct *css,
                           struct file_out **ret_written, struct ens_err *err)
{
    ENS_CLEANUP(deliver_free) struct deliver d = {0};
    uint8_t fips[RSA3072_FIPS_SIZE];
    struct container_edit edit;

    if (!deliver_open(args, e->path, FILE_OUT_REPLACE, container_fd(e->container), &d, err) ||
        !make_edit(e, css, fips, &edit, err) || !container_write(e->container, &edit, d.file, err))
        return false;
    if (!check_written(&d, e, css, err))
        return ens_wrap(err, "the new file does not hold, nothing was changed");
    return deliver_commit(&d, ret_written, err);
}

bool attach_sigstruct(const struct args *args, struct enclave *e, const struct sigstruct *css,
                      struct file_out **ret_written, struct ens_err *err)
{
    if (e->bundle != NULL)
        return attach_components(args, e, &(struct attach_item){e->component, css}, 1, ret_written, err);
    return attach_to_file(args, e, css, ret_written, err);
}
