/* resign --resume: what an earlier run did. It is believed by its bytes alone: the signature verifies under
 * the key of this run, over the fields that this run would sign, in a file that holds as a whole. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/mem.h"
#include "signer/cmd/resign/resign.h"
#include "signer/flow/install.h"
#include "signer/sgx/verify.h"

bool resign_done_same(const struct resign *r, const struct sigstruct *want, const struct sigstruct *have,
                      bool date_is_free)
{
    struct sigstruct fields = *want;
    struct signdata a;
    struct signdata b;
    struct pubkey key;

    verify_key_of(have, &key);
    if (memcmp(key.modulus, r->signer.key.modulus, sizeof key.modulus) != 0)
        return false;
    if (date_is_free)
        sigstruct_put(&fields, CSS_DATE, sigstruct_get(have, CSS_DATE));
    signdata_extract(&fields, &a);
    signdata_extract(have, &b);
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool resign_done_any_day(const struct resign *r, const struct resign_file *f, bool is_signed)
{
    return f->out_path != NULL && r->today_is_free && !r->has_from && !is_signed;
}

static bool set_kept(struct resign_enclave *x, const struct sigstruct *css, struct ens_err *err)
{
    x->kept = mem_alloc(1, sizeof *x->kept, err);
    if (x->kept != NULL)
        *x->kept = *css;
    return x->kept != NULL;
}

/* Does the SIGSTRUCT verify, and all that stands around it? */
static bool holds(const struct enclave *e, const struct sigstruct *css, bool *ret, struct ens_err *err)
{
    struct ens_err why = {0};
    bool good = install_judge(css, e->path, &why);

    if (!good && why.code != ENS_DATA) {
        *err = why;
        return false;
    }
    for (size_t i = 0; good && i < e->sites_len; i++) {
        struct findings found = {0};

        if (!enclave_judge_site(e, i, &found, err))
            return false;
        good = findings_count(&found, SEVERITY_ERROR) == 0;
    }
    *ret = good;
    return true;
}

bool resign_done_here(const struct resign *r, const struct resign_file *f, struct resign_enclave *want,
                      const struct sigstruct *present, struct ens_err *err)
{
    bool good = resign_done_same(r, &want->css, present, false);

    if (good && !holds(&f->opened, present, &good, err))
        return false;
    return !good || set_kept(want, present, err);
}

/* ---- the output of an earlier run ---- */

static bool is_asked_for(const struct resign_file *f, const char *id)
{
    for (size_t i = 0; i < f->len; i++) {
        if (f->enclaves[i].component != NULL && strcmp(f->enclaves[i].component, id) == 0)
            return true;
    }
    return false;
}

/* Is the file `name` the SIGSTRUCT of an enclave that is signed here? Those differ. */
static bool is_signature(const struct resign_file *f, const struct enclave_set *set, const char *name)
{
    for (size_t i = 0; i < set->len; i++) {
        const struct bundle_component *c = set->items[i].component;

        if (c->sgx_signature != NULL && strcmp(c->sgx_signature, name) == 0 && is_asked_for(f, c->id))
            return true;
    }
    return false;
}

static bool next_file(const struct resign_file *f, const struct enclave *e, size_t *at,
                      struct bundle_file *ret)
{
    while (*at < bundle_files_len(e->bundle)) {
        *ret = bundle_file_at(e->bundle, (*at)++);
        if (!is_signature(f, &e->set, ret->name))
            return true;
    }
    return false;
}

/* The same runtime, and the same files but for those signatures? Files are listed by name in both. */
static bool same_bundle(const struct resign_file *f, const struct enclave *b)
{
    const struct enclave *a = &f->opened;
    const struct bundle_info *x = bundle_info(a->bundle);
    const struct bundle_info *y = bundle_info(b->bundle);
    struct bundle_file p = {0};
    struct bundle_file q = {0};
    size_t i = 0;
    size_t j = 0;

    if (memcmp(x->id, y->id, sizeof x->id) != 0 || x->version.major != y->version.major ||
        x->version.minor != y->version.minor || x->version.patch != y->version.patch ||
        x->components_len != y->components_len || (x->name == NULL) != (y->name == NULL) ||
        (x->name != NULL && strcmp(x->name, y->name) != 0))
        return false;
    for (;;) {
        bool more = next_file(f, a, &i, &p);

        if (more != next_file(f, b, &j, &q))
            return false;
        if (!more)
            return true;
        if (strcmp(p.name, q.name) != 0 || memcmp(p.digest, q.digest, sizeof p.digest) != 0)
            return false;
    }
}

/* The SIGSTRUCT of the enclave `x` in the output. */
static const struct sigstruct *present_there(const struct enclave *out, const struct resign_enclave *x)
{
    const struct site *p = &out->sites[0];

    if (out->bundle != NULL)
        p = x->component != NULL ? enclave_find(&out->set, x->component) : NULL;
    return p != NULL ? resign_present(p) : NULL;
}

/* What is kept is what is said of it: its DATE may be another one. */
static bool adopt(struct resign_file *f, const struct enclave *out, struct ens_err *err)
{
    for (size_t i = 0; i < f->len; i++) {
        struct resign_enclave *x = &f->enclaves[i];

        mem_free(x->kept);
        if (!set_kept(x, present_there(out, x), err))
            return false;
    }
    return true;
}

/* Is the output what this run would write? DATE is free where it would come from the clock alone. */
static bool is_output(const struct resign *r, const struct resign_file *f, const struct enclave *out,
                      bool *ret, struct ens_err *err)
{
    const struct enclave *in = &f->opened;
    bool same = container_kind(in->container) == container_kind(out->container) &&
                (in->bundle != NULL ? same_bundle(f, out)
                                    : container_size(in->container) == container_size(out->container));

    for (size_t i = 0; same && i < f->len; i++) {
        const struct resign_enclave *x = &f->enclaves[i];
        const struct sigstruct *css = present_there(out, x);
        bool any_day = resign_done_any_day(r, f, resign_present(x->site) != NULL);

        same = css != NULL && resign_done_same(r, &x->css, css, any_day);
        if (same && !holds(out, css, &same, err))
            return false;
    }
    *ret = same;
    return true;
}

bool resign_done_there(const struct resign *r, struct resign_file *f, struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave out = {0};
    ENS_CLEANUP(notice_free) struct notices ignored = {0}; /* they are those of the input */
    struct ens_err why = {0};
    struct stat st;
    bool done = false;

    if (lstat(f->out_path, &st) != 0 && errno == ENOENT)
        return true;
    size_t times = file_input_times(f->out_path);
    bool is_open = resign_open(r, f->out_path, &out, &ignored, &why);

    file_drop_input(f->out_path, times);
    if (is_open) {
        if (!is_output(r, f, &out, &done, err) || (done && !adopt(f, &out, err)))
            return false;
    } else if (why.code == ENS_INTERRUPTED || why.code == ENS_RESOURCE) {
        *err = why;
        return false;
    }
    if (!done && !r->args->force)
        return ens_fail(err, ENS_CANTCREAT,
                        "%s: exists, and is not %s signed by this key over these fields: remove it, or give "
                        "--force",
                        f->out_path, f->path);
    return true;
}
