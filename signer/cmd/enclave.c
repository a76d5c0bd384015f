/* An enclave in any container: measured at every place of its SIGSTRUCT, and judged. */
#include "signer/cmd/enclave.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/progress.h"
#include "signer/sgx/bits.h"
#include "signer/sgx/launch.h"
#include "signer/sgx/rsa3072_fips.h"

static_assert(CONTAINER_SIGSTRUCT_SIZE == SIGSTRUCT_SIZE, "a container's copy is a SIGSTRUCT");
static_assert(CONTAINER_FIPS_SIZE == RSA3072_FIPS_SIZE, "a container's FIPS block is one");

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

bool enclave_measure(struct container *c, size_t index, struct sgxs_report *ret, struct ens_err *err)
{
    ENS_CLEANUP(sgxs_freep) struct sgxs *s = NULL;
    struct measuring m = {.progress = {.what = "measuring"}};
    const struct sink sink = {.put = measure_piece, .ctx = &m};

    m.progress.total = container_size(c);
    if (!sgxs_new(&s, err))
        return false;
    m.sgxs = s;
    if (!container_stream(c, index, &sink, err))
        return false;
    progress_end(&m.progress);
    return sgxs_finish(s, ret, err) || ens_wrap(err, "%s", container_label(c));
}

bool enclave_measure_stream(const char *path, struct sgxs_report *ret, struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = NULL;

    if (!container_open(path, NULL, &c, err))
        return false;
    if (container_kind(c) != CONTAINER_SGXS)
        return ens_fail(err, ENS_DATA,
                        "%s: is no SGXS stream, which must begin with ECREATE: give the stream", path);
    return enclave_measure(c, 0, ret, err);
}

bool enclave_read_head(const char *path, uint8_t ret[static ENCLAVE_HEAD_MAX], size_t *ret_len,
                       struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;

    return file_open(path, &fd, err) && file_read(fd, path, ret, ENCLAVE_HEAD_MAX, ret_len, err);
}

/* ---- opening ---- */

/* Measures what belongs to the place; a stream that is broken is the judge's business. */
static bool measure_place(struct enclave *e, size_t index, struct enclave_place *place, struct ens_err *err)
{
    if (index >= container_streams_len(e->container))
        return true;
    place->is_measured = true;
    if (index > 0 && container_same_stream(e->container, 0, index)) {
        place->report = e->places[0].report;
        place->stream_error = e->places[0].stream_error;
        return true;
    }
    if (enclave_measure(e->container, index, &place->report, &place->stream_error) ||
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
    if (!enclave_check_bundle(e->bundle, &e->set, err) ||
        !enclave_find(e->bundle, &e->set, container_component(e->container)->id, &e->component, err))
        return false;
    e->places_len = 1;
    e->places = mem_alloc(1, sizeof *e->places, err);
    if (e->places == NULL)
        return false;
    if (e->component->is_signed)
        e->places[0].copy = container_copy_at(e->container, 0);
    e->places[0].is_signed = e->component->is_signed;
    e->places[0].css = e->component->css;
    e->places[0].is_measured = true;
    e->places[0].report = e->component->report;
    e->places[0].stream_error = e->component->stream_error;
    if (e->component->stream_error.code != ENS_OK)
        ens_wrap(&e->places[0].stream_error, "%s: %s", e->path, e->component->meta->sgx_executable);
    return true;
}

/* Takes `*c`. */
static bool open_container(const char *path, struct container **c, struct enclave *ret, struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {.path = path, .container = ens_take(*c)};

    e.bundle = container_bundle(e.container);
    if (e.bundle != NULL ? !read_bundle(&e, err) : !read_places(&e, err))
        return false;
    *ret = e;
    e = (struct enclave){0};
    return true;
}

bool enclave_open(const char *path, const char *id, struct enclave *ret, struct ens_err *err)
{
    struct container *c = NULL;

    return container_open(path, id, &c, err) && open_container(path, &c, ret, err);
}

bool enclave_open_fd(int fd, const char *label, const char *id, struct enclave *ret, struct ens_err *err)
{
    struct container *c = NULL;

    return container_open_fd(fd, label, id, &c, err) && open_container(label, &c, ret, err);
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

/* ---- judging a place ---- */

static void judge_measurement(const struct enclave_place *p, struct findings *ret)
{
    char want[2 * MRENCLAVE_SIZE + 1];
    char have[2 * MRENCLAVE_SIZE + 1];

    if (!p->is_measured)
        return;
    if (p->stream_error.code != ENS_OK) {
        findings_add(ret, SEVERITY_ERROR, "enclave", "%s", p->stream_error.msg);
        return;
    }
    struct view hash = sigstruct_get(&p->css, CSS_ENCLAVEHASH);

    if (!p->is_signed || view_equal(hash, view_of(p->report.mrenclave, MRENCLAVE_SIZE)))
        return;
    hex_encode(want, hash);
    hex_encode(have, view_of(p->report.mrenclave, MRENCLAVE_SIZE));
    findings_add(ret, SEVERITY_ERROR, "mrenclave", "ENCLAVEHASH is %s, but the file measures to %s", want,
                 have);
}

static void judge_launch(const struct enclave_place *p, struct findings *ret)
{
    const struct container_copy *c = p->copy;

    if (c == NULL || !p->is_signed || !c->has_launch)
        return;
    launch_judge(&p->css,
                 &(struct launch){.attributes = c->attributes,
                                  .xfrm = c->xfrm,
                                  .miscselect = c->miscselect,
                                  .ssaframesize = c->ssaframesize},
                 ret);
}

/* What Open Enclave's loader asks for is fixed: MODE64BIT, DEBUG by its caller, KSS by the configuration, and
 * SSA frames of one page. */
static void judge_fixed_launch(const struct sigstruct *css, struct findings *ret)
{
    uint64_t demanded = sigstruct_get_int(css, CSS_ATTRIBUTES) & sigstruct_get_int(css, CSS_ATTRIBUTEMASK);
    uint64_t never = demanded & ~(ATTR_MODE64BIT | ATTR_DEBUG | ATTR_KSS);
    uint64_t xfrm = sigstruct_get_int(css, CSS_XFRM) & sigstruct_get_int(css, CSS_XFRM_MASK);
    char names[BITS_TEXT_MAX];

    if (never != 0)
        findings_add(ret, SEVERITY_ERROR, "launch",
                     "ATTRIBUTES demands %.100s, which Open Enclave's loader never asks for",
                     bits_text(CSS_ATTRIBUTES, never, names));
    if (launch_ssa_pages(xfrm) > 1)
        findings_add(ret, SEVERITY_ERROR, "launch",
                     "XFRM 0x%" PRIx64 " needs SSA frames of %" PRIu32 " pages, Open Enclave's have one",
                     xfrm, launch_ssa_pages(xfrm));
}

/* Open Enclave keeps some values twice: in the SIGSTRUCT, and measured. */
void enclave_judge_config(enum container_kind kind, const struct container_copy *c,
                          const struct sigstruct *css, struct findings *ret)
{
    uint64_t isvprodid = sigstruct_get_int(css, CSS_ISVPRODID);
    uint64_t isvsvn = sigstruct_get_int(css, CSS_ISVSVN);

    if (!c->has_config)
        return;
    if (isvprodid != c->isvprodid)
        findings_add(ret, SEVERITY_WARNING, "config",
                     "ISVPRODID %" PRIu64
                     " is not product_id %u of .oeinfo, which is measured and stays: reports "
                     "say %" PRIu64,
                     isvprodid, c->isvprodid, isvprodid);
    if (isvsvn != c->isvsvn)
        findings_add(ret, SEVERITY_WARNING, "config",
                     "ISVSVN %" PRIu64
                     " is not security_version %u of .oeinfo, which is measured and stays: reports "
                     "say %" PRIu64,
                     isvsvn, c->isvsvn, isvsvn);
    if (!view_equal(sigstruct_get(css, CSS_ISVFAMILYID), view_of(c->isvfamilyid, 16)) ||
        !view_equal(sigstruct_get(css, CSS_ISVEXTPRODID), view_of(c->isvextprodid, 16)))
        findings_add(ret, SEVERITY_WARNING, "config",
                     "ISVFAMILYID or ISVEXTPRODID is not that of .oeinfo, which is measured and stays");
    if (kind == CONTAINER_OPEN_ENCLAVE)
        judge_fixed_launch(css, ret);
}

static bool judge_fips(const struct enclave_place *p, struct findings *ret, struct ens_err *err)
{
    bool ok = false;

    if (p->copy == NULL || !p->is_signed || !p->copy->has_fips)
        return true;
    if (!rsa3072_fips_verify(view_of(p->css.bytes, SIGSTRUCT_SIZE), p->copy->fips, &ok, err))
        return false;
    if (!ok)
        findings_add(
            ret, SEVERITY_ERROR, "fips",
            "the second signature (EnableIPPFIPS) does not verify: Intel's loader refuses the enclave");
    return true;
}

bool enclave_judge_place(const struct enclave *e, size_t index, struct findings *ret, struct ens_err *err)
{
    const struct enclave_place *p = &e->places[index];
    const struct enclave_place *first = &e->places[0];

    if (p->copy != NULL && first->copy != NULL &&
        memcmp(p->copy->sigstruct, first->copy->sigstruct, SIGSTRUCT_SIZE) != 0)
        findings_add(ret, SEVERITY_ERROR, "copies",
                     "%s holds another SIGSTRUCT than %s: the CPU's features decide which one counts",
                     p->copy->name, first->copy->name);
    judge_measurement(p, ret);
    judge_launch(p, ret);
    if (p->copy != NULL && p->is_signed)
        enclave_judge_config(container_kind(e->container), p->copy, &p->css, ret);
    return judge_fips(p, ret, err);
}

/* ---- what can be signed ---- */

bool enclave_judge_stream(const char *where, const struct sgxs_report *report, bool in_bundle,
                          bool allow_unusual, struct ens_err *err)
{
    const struct finding *bad = findings_first(&report->problems, SEVERITY_ERROR);

    if (in_bundle && !report->equal)
        return ens_fail(err, ENS_DATA,
                        "%s: MRENCLAVE is not SHA-256 of the stream (%s): no signature satisfies both "
                        "the CPU and oasis-core, build a canonical stream without unmeasured chunks",
                        where, report->problems.len > 0 ? report->problems.items[0].text : "not canonical");
    if (bad != NULL && !allow_unusual)
        return ens_fail(err, ENS_DATA, "%s: %s: no CPU loads it, rebuild the enclave (or --allow-unusual)",
                        where, bad->text);
    for (size_t i = 0; i < report->problems.len; i++)
        notice_warn("%s: %s", where, report->problems.items[i].text);
    if (!report->equal && report->unmeasured_chunks == 0)
        notice_warn("%s: MRENCLAVE is not the file's SHA-256", where);
    return true;
}

bool enclave_sigstruct(const struct enclave *e, const struct sigstruct **ret, struct ens_err *err)
{
    for (size_t i = 0; i < e->places_len; i++) {
        struct findings found = {0};

        if (!e->places[i].is_signed) {
            if (e->component != NULL)
                return ens_fail(err, ENS_DATA, "%s: component %s is not signed: sign it first", e->path,
                                e->component->meta->id);
            if (container_kind(e->container) == CONTAINER_SGXS)
                return ens_fail(err, ENS_DATA,
                                "%s: is an SGXS stream, which holds no SIGSTRUCT: give a signed container",
                                e->path);
            return ens_fail(err, ENS_DATA,
                            "%s: is not signed, there is no finished SIGSTRUCT: sign it first%s", e->path,
                            e->places[0].copy != NULL && e->places[0].copy->has_config
                                ? " (with oesign and any key, which lays out its configuration)"
                                : "");
        }
        if (memcmp(e->places[i].css.bytes, e->places[0].css.bytes, SIGSTRUCT_SIZE) != 0)
            return enclave_judge_place(e, i, &found, err) &&
                   ens_fail(err, ENS_DATA, "%s: %s: sign it again with its SDK's tool", e->path,
                            found.items[0].text);
    }
    *ret = &e->places[0].css;
    return true;
}

/* One place of several must measure to the same, and to what its SIGSTRUCT says. */
static bool require_place(const struct enclave *e, size_t index, bool allow_unusual, struct ens_err *err)
{
    const struct enclave_place *p = &e->places[index];
    struct findings found = {0};
    char name[ENCLAVE_NAME_MAX];

    if (p->stream_error.code != ENS_OK) {
        *err = p->stream_error;
        return false;
    }
    enclave_place_name(e, index, name);
    if (memcmp(p->report.mrenclave, e->places[0].report.mrenclave, MRENCLAVE_SIZE) != 0)
        return ens_fail(err, ENS_DATA, "%s: measures to another MRENCLAVE than %s: no SIGSTRUCT fits both",
                        name, e->places[0].copy != NULL ? e->places[0].copy->name : "the first place");
    if (e->component == NULL)
        judge_measurement(p, &found);
    for (size_t i = 0; i < found.len; i++) {
        if (strcmp(found.items[i].rule, "mrenclave") == 0)
            return ens_fail(err, ENS_DATA,
                            "%s: %s: it was changed after it was signed, sign it with its SDK's tool", name,
                            found.items[i].text);
    }
    if (e->component != NULL)
        return enclave_judge_stream(e->component->meta->sgx_executable, &p->report, true, allow_unusual,
                                    err) ||
               ens_wrap(err, "%s", e->path);
    return enclave_judge_stream(name, &p->report, false, allow_unusual, err);
}

bool enclave_require(struct enclave *e, bool allow_unusual, struct ens_err *err)
{
    const struct sigstruct *css = NULL;
    const struct enclave_place *first = &e->places[0];

    for (size_t i = 0; i < e->places_len && first->is_measured; i++) {
        if (!require_place(e, i, allow_unusual, err))
            return false;
    }
    /* Where there is a SIGSTRUCT, there is one. */
    if ((first->is_signed || !first->is_measured) && !enclave_sigstruct(e, &css, err))
        return false;
    e->is_measured = first->is_measured;
    memcpy(e->mrenclave, e->is_measured ? first->report.mrenclave : sigstruct_get(css, CSS_ENCLAVEHASH).data,
           MRENCLAVE_SIZE);
    return true;
}

bool enclave_load(const char *path, const char *id, bool allow_unusual, struct enclave *ret,
                  struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};

    if (!enclave_open(path, id, &e, err) || !enclave_require(&e, allow_unusual, err))
        return false;
    *ret = e;
    e = (struct enclave){0};
    return true;
}
