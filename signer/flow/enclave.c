/* An enclave in any container: opened, and measured at every site. What is wrong with it is
 * said in enclave_judge.c. */
#include "signer/flow/enclave.h"

#include <stdio.h>
#include <string.h>

#include "bundle/open.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/ui/progress.h"

void enclave_allow_large(bool is_allowed)
{
    if (is_allowed)
        container_allow_large();
}

/* ---- measuring ---- */

struct measuring {
    struct sgxs *sgxs;
    struct progress progress;
};

static bool measure_piece(void *ctx, struct view piece, struct ens_err *err)
{
    struct measuring *m = ctx;

    progress_add(&m->progress, piece.len);
    return interrupt_check(err) && sgxs_put(m->sgxs, piece, err);
}

/* Gramine adds its pages from the top down, and a heap that is executable and not measured, of which its container tells;
 * of a page that two segments share, both are libpal.so's. */
static void expect_gramine(struct findings *found)
{
    size_t kept = 0;

    for (size_t i = 0; i < found->len; i++) {
        struct finding *f = &found->items[i];

        if (strcmp(f->rule, "page-twice") == 0)
            f->severity = SEVERITY_WARNING;
        if (strcmp(f->rule, "page-order") != 0 && strcmp(f->rule, "unmeasured-code") != 0)
            found->items[kept++] = *f;
    }
    found->len = kept;
    found->dropped = 0;
}

/* Measures one enclave of the container. */
static bool measure(struct container *c, size_t index, struct sgxs_report *ret, struct ens_err *err)
{
    ENS_CLEANUP(sgxs_freep) struct sgxs *s = NULL;

    if (!sgxs_new(&s, err))
        return false;
    struct measuring m = {
        .sgxs = s, .progress = {.what = "measuring", .name = container_label(c), .total = container_size(c)}};

    if (!container_stream(c, index, &(struct sink){.put = measure_piece, .ctx = &m}, err))
        return false;
    progress_end(&m.progress);
    if (!sgxs_finish(s, ret, err))
        return ens_wrap(err, "%s", container_label(c));
    if (container_kind(c) == CONTAINER_GRAMINE)
        expect_gramine(&ret->problems);
    return true;
}

bool enclave_measure_stream(int fd, const char *path, struct sgxs_report *ret, struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = NULL;

    if (!container_open_fd(fd, path, NULL, NULL, &c, err))
        return false;
    if (container_kind(c) != CONTAINER_SGXS)
        return ens_fail(err, ENS_DATA,
                        "%s: is not an SGXS stream, which must begin with ECREATE: give the stream", path);
    return measure(c, 0, ret, err);
}

/* ---- opening ---- */

/* Measures what belongs to the site; a stream that is broken is the judge's business. */
static bool measure_site(struct container *c, size_t index, struct ens_err *err)
{
    struct site *site = container_site(c, index);

    site->is_measured = true;
    for (size_t i = 0; i < index; i++) {
        if (!container_same_stream(c, i, index))
            continue;
        site->report = container_site(c, i)->report;
        site->stream_error = container_site(c, i)->stream_error;
        return true;
    }
    if (measure(c, index, &site->report, &site->stream_error) || site->stream_error.code == ENS_DATA)
        return true;
    *err = site->stream_error;
    return false;
}

static bool read_sites(struct enclave *e, struct ens_err *err)
{
    bool measures = e->use != ENCLAVE_FIELDS && container_why_no_stream(e->container) == NULL;
    char name[ENCLAVE_NAME_MAX];

    e->sites = container_site(e->container, 0);
    e->sites_len = container_sites_len(e->container);
    for (size_t i = 0; i < e->sites_len; i++) {
        struct site *site = container_site(e->container, i);
        struct sigstruct css = site->css;

        if (!view_is_zero(view_of(css.bytes, sizeof css.bytes))) {
            if (!sigstruct_parse(view_of(css.bytes, sizeof css.bytes), enclave_site_name(e, i, name),
                                 &site->css, err))
                return false;
            site->is_signed = !sigstruct_is_unsigned(&css);
        }
        if (measures && !measure_site(e->container, i, err))
            return false;
    }
    return true;
}

/* A bundle is read as a whole, so that its component was measured on the way: of the container, which read the manifest
 * and this component's SIGSTRUCT, only the choice of the component counts. */
static bool read_bundle(struct enclave *e, struct ens_err *err)
{
    if (!enclave_check_bundle(e->bundle, &e->set, err))
        return false;
    e->sites = enclave_find(&e->set, container_site(e->container, 0)->component->id);
    e->sites_len = 1;
    return true;
}

/* Takes `*c`. */
static bool open_container(const char *path, enum enclave_use use, struct container **c, struct enclave *ret,
                           struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {.path = path, .use = use, .container = ens_take(*c)};

    if (use != ENCLAVE_FIELDS)
        e.bundle = container_bundle(e.container);
    if (e.bundle != NULL ? !read_bundle(&e, err) : !read_sites(&e, err))
        return false;
    *ret = e;
    e = (struct enclave){0};
    return true;
}

bool enclave_open(struct artifact *a, const char *id, const struct container_beside *beside,
                  enum enclave_use use, struct enclave *ret, struct ens_err *err)
{
    struct container *c = NULL;

    return container_take(&a->fd, a->path, id, beside, use == ENCLAVE_CHANGE, &c, err)
               ? open_container(a->path, use, &c, ret, err)
               : artifact_explain(a, ARTIFACT_WANT_ENCLAVE, err);
}

/* ---- what was written ---- */

/* It lays out the enclaves that were measured before. */
static bool compare_written(struct enclave *e, int fd, const char *label, const struct enclave *before,
                            struct ens_err *err)
{
    bool same = false;

    if (!container_same_reads(before->container, fd, label, &same, err))
        return false;
    if (!same)
        return ens_fail(
            err, ENS_DATA,
            "%s: its enclave is not the one that was measured: the file was changed meanwhile, or "
            "the disk is bad: run the command again",
            label);
    for (size_t i = 0; i < e->sites_len; i++) {
        container_site(e->container, i)->is_measured = before->sites[i].is_measured;
        container_site(e->container, i)->report = before->sites[i].report;
    }
    return true;
}

static bool has_measured(const struct enclave *e)
{
    for (size_t i = 0; i < e->sites_len; i++) {
        if (e->sites[i].is_measured)
            return true;
    }
    return false;
}

bool enclave_open_written(int fd, const char *label, const struct enclave *before, struct enclave *ret,
                          struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    struct container *c = NULL;

    if (!container_open_fd(fd, label, NULL, NULL, &c, err) ||
        !open_container(label, ENCLAVE_FIELDS, &c, &e, err))
        return false;
    if (e.sites_len != before->sites_len)
        return ens_fail(err, ENS_BUG, "%s: has %zu SIGSTRUCTs, not %zu", label, e.sites_len,
                        before->sites_len);
    if (has_measured(before) && !compare_written(&e, fd, label, before, err))
        return false;
    *ret = e;
    e = (struct enclave){0};
    return true;
}

void enclave_free(struct enclave *e)
{
    enclave_set_free(&e->set);
    container_closep(&e->container);
}

const char *enclave_site_name(const struct enclave *e, size_t index, char ret[static ENCLAVE_NAME_MAX])
{
    const char *name = e->sites[index].name;

    if (name[0] != '\0')
        (void)snprintf(ret, ENCLAVE_NAME_MAX, "%.400s, %s", e->path, name);
    else
        (void)snprintf(ret, ENCLAVE_NAME_MAX, "%.500s", e->path);
    return ret;
}
