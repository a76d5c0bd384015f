/* An enclave in any container: opened, and measured at every place of its SIGSTRUCT. What is wrong with it is
 * said in enclave_judge.c. */
#include "signer/flow/enclave.h"

#include <stdio.h>
#include <string.h>

#include "bundle/open.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/sgx/rsa3072_sign.h"
#include "signer/ui/progress.h"

static_assert(CONTAINER_SIGSTRUCT_SIZE == SIGSTRUCT_SIZE, "a container's copy is a SIGSTRUCT");
static_assert(CONTAINER_FIPS_SIZE == RSA3072_FIPS_SIZE, "a container's FIPS block is one");

void enclave_allow_large(void)
{
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
    return sgxs_finish(s, ret, err) || ens_wrap(err, "%s", container_label(c));
}

bool enclave_measure_stream(int fd, const char *path, struct sgxs_report *ret, struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = NULL;

    if (!container_open_fd(fd, path, NULL, &c, err))
        return false;
    if (container_kind(c) != CONTAINER_SGXS)
        return ens_fail(err, ENS_DATA,
                        "%s: is not an SGXS stream, which must begin with ECREATE: give the stream", path);
    return measure(c, 0, ret, err);
}

/* ---- opening ---- */

/* Measures what belongs to the place; a stream that is broken is the judge's business. */
static bool measure_place(struct enclave *e, size_t index, struct enclave_place *place, struct ens_err *err)
{
    if (e->use == ENCLAVE_FIELDS || index >= container_streams_len(e->container))
        return true;
    place->is_measured = true;
    for (size_t i = 0; i < index; i++) {
        if (!container_same_stream(e->container, i, index))
            continue;
        place->report = e->places[i].report;
        place->stream_error = e->places[i].stream_error;
        return true;
    }
    if (measure(e->container, index, &place->report, &place->stream_error) ||
        place->stream_error.code == ENS_DATA)
        return true;
    *err = place->stream_error;
    return false;
}

static bool read_place(struct enclave *e, size_t index, struct ens_err *err)
{
    struct enclave_place *place = &e->places[index];
    char name[ENCLAVE_NAME_MAX];

    if (index < container_copies_len(e->container))
        place->copy = container_copy_at(e->container, index);
    if (place->copy != NULL && !view_is_zero(view_of(place->copy->sigstruct, SIGSTRUCT_SIZE))) {
        if (!sigstruct_parse(view_of(place->copy->sigstruct, SIGSTRUCT_SIZE),
                             enclave_place_name(e, index, name), &place->css, err))
            return false;
        place->is_signed = !sigstruct_is_unsigned(&place->css);
    }
    return measure_place(e, index, place, err);
}

static bool read_places(struct enclave *e, struct ens_err *err)
{
    size_t copies = container_copies_len(e->container);
    size_t streams = container_streams_len(e->container);

    e->places_len = copies > streams ? copies : streams;
    e->places = mem_alloc(e->places_len, sizeof *e->places, err);
    if (e->places == NULL)
        return false;
    for (size_t i = 0; i < e->places_len; i++) {
        if (!read_place(e, i, err))
            return false;
    }
    return true;
}

/* A bundle is read as a whole, so that its component was measured on the way. */
static bool read_bundle(struct enclave *e, struct ens_err *err)
{
    if (!enclave_check_bundle(e->bundle, &e->set, err))
        return false;
    e->places = mem_alloc(1, sizeof *e->places, err);
    if (e->places == NULL)
        return false;
    e->places_len = 1;
    e->places[0] = *enclave_find(&e->set, container_component(e->container)->id);
    if (e->places[0].is_signed)
        e->places[0].copy = container_copy_at(e->container, 0);
    if (e->places[0].stream_error.code != ENS_OK)
        ens_wrap(&e->places[0].stream_error, "%s: %s", e->path, e->places[0].meta->sgx_executable);
    return true;
}

/* Takes `*c`. */
static bool open_container(const char *path, enum enclave_use use, struct container **c, struct enclave *ret,
                           struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {.path = path, .use = use, .container = ens_take(*c)};

    if (use != ENCLAVE_FIELDS)
        e.bundle = container_bundle(e.container);
    if (e.bundle != NULL ? !read_bundle(&e, err) : !read_places(&e, err))
        return false;
    *ret = e;
    e = (struct enclave){0};
    return true;
}

bool enclave_open(struct artifact *a, const char *id, enum enclave_use use, struct enclave *ret,
                  struct ens_err *err)
{
    struct container *c = NULL;

    return container_take(&a->fd, a->path, id, use == ENCLAVE_CHANGE, &c, err)
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
    for (size_t i = 0; i < e->places_len; i++) {
        e->places[i].is_measured = before->places[i].is_measured;
        e->places[i].report = before->places[i].report;
    }
    return true;
}

static bool has_measured(const struct enclave *e)
{
    for (size_t i = 0; i < e->places_len; i++) {
        if (e->places[i].is_measured)
            return true;
    }
    return false;
}

bool enclave_open_written(int fd, const char *label, const struct enclave *before, struct enclave *ret,
                          struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    struct container *c = NULL;

    if (!container_open_fd(fd, label, NULL, &c, err) || !open_container(label, ENCLAVE_FIELDS, &c, &e, err))
        return false;
    if (e.places_len != before->places_len)
        return ens_fail(err, ENS_BUG, "%s: has %zu SIGSTRUCTs, not %zu", label, e.places_len,
                        before->places_len);
    if (has_measured(before) && !compare_written(&e, fd, label, before, err))
        return false;
    *ret = e;
    e = (struct enclave){0};
    return true;
}

void enclave_free(struct enclave *e)
{
    enclave_set_free(&e->set);
    mem_free(e->places);
    container_closep(&e->container);
}

const char *enclave_place_name(const struct enclave *e, size_t index, char ret[static ENCLAVE_NAME_MAX])
{
    const struct container_copy *copy =
        index < container_copies_len(e->container) ? container_copy_at(e->container, index) : NULL;

    if (copy != NULL && copy->name[0] != '\0')
        (void)snprintf(ret, ENCLAVE_NAME_MAX, "%.400s, %s", e->path, copy->name);
    else
        (void)snprintf(ret, ENCLAVE_NAME_MAX, "%.500s", e->path);
    return ret;
}
