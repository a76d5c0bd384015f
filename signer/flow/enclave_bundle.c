/* Every file of a bundle, checked and measured in one pass over its bytes; of a bundle that was just written,
 * those that were copied are compared instead. */
#include "signer/flow/enclave.h"

#include <pthread.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/parallel.h"
#include "signer/sgx/verify.h"
#include "signer/ui/progress.h"

/* Bytes of a file for which a thread of its own pays. */
#define LARGE_FILE (256u << 10)

/* What is done with the files of a bundle. Several threads check files; each writes what it finds only into
 * the fields of `set` that are about its own file. */
struct checking {
    const struct bundle *b;
    const struct bundle *from;       /* the bundle that it was written from, or NULL */
    const struct enclave_set *known; /* what was found in that one */
    struct enclave_set set;
    pthread_mutex_t lock; /* of `progress` */
    struct progress progress;
};

static void checking_free(struct checking *c)
{
    enclave_set_free(&c->set);
}

static void add_progress(struct checking *c, uint64_t bytes)
{
    (void)pthread_mutex_lock(&c->lock);
    progress_add(&c->progress, bytes);
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- one file of a bundle, poured into what it is for ---- */

/* A file may be a stream, a SIGSTRUCT, both for different components of a hostile bundle, or neither. */
struct pour {
    struct sgxs *sgxs; /* NULL: it is not a component's stream */
    struct buf css;    /* up to one byte more than a SIGSTRUCT */
    bool is_css;
    struct checking *checking;
};

static void pour_free(struct pour *p)
{
    sgxs_freep(&p->sgxs);
    buf_free(&p->css);
}

static bool pour_put(void *ctx, struct view piece, struct ens_err *err)
{
    struct pour *p = ctx;

    add_progress(p->checking, piece.len);
    if (!interrupt_check(err))
        return false;
    if (p->sgxs != NULL && !sgxs_put(p->sgxs, piece, err))
        return false;
    if (!p->is_css || p->css.len > SIGSTRUCT_SIZE)
        return true;
    size_t room = SIGSTRUCT_SIZE + 1 - p->css.len;

    return buf_append(&p->css, view_slice(piece, 0, piece.len < room ? piece.len : room), err);
}

static bool is_name(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

/* Gives the SIGSTRUCT to the components that name the file as their signature. */
static bool hand_out_css(const struct pour *p, const char *name, struct enclave_set *set, struct ens_err *err)
{
    for (size_t i = 0; i < set->len; i++) {
        struct site *c = &set->items[i];

        if (!is_name(c->component->sgx_signature, name))
            continue;
        if (!sigstruct_parse(buf_view(&p->css), name, &c->css, err)) {
            err->own = p->css.len == SIGSTRUCT_SIZE; /* oasis-core does not look at HEADER */
            return false;
        }
        c->has_place = c->is_signed = true;
    }
    return true;
}

/* Gives the measurement to the components that name the file as their stream. */
static bool hand_out_report(const struct pour *p, const char *name, struct enclave_set *set,
                            struct ens_err *err)
{
    struct sgxs_report report = {0};
    struct ens_err stream_error = {0};

    if (!sgxs_finish(p->sgxs, &report, &stream_error) && stream_error.code != ENS_DATA) {
        *err = stream_error;
        return false;
    }
    for (size_t i = 0; i < set->len; i++) {
        if (!is_name(set->items[i].component->sgx_executable, name))
            continue;
        set->items[i].report = report;
        set->items[i].stream_error = stream_error;
    }
    return true;
}

static bool read_file(struct checking *c, const struct bundle_file *f, bool is_stream, bool is_css,
                      struct ens_err *err)
{
    ENS_CLEANUP(pour_free) struct pour p = {.is_css = is_css, .checking = c};
    const struct sink sink = {.put = pour_put, .ctx = &p};

    if (is_stream && !sgxs_new(&p.sgxs, err))
        return false;
    if (!bundle_stream(c->b, f->name, &sink, err))
        return false;
    if (is_stream && !hand_out_report(&p, f->name, &c->set, err))
        return false;
    return !is_css || hand_out_css(&p, f->name, &c->set, err) || ens_wrap(err, "%s", bundle_label(c->b));
}

/* Takes what is known of the stream over to the components that name it; false: nothing is. */
static bool take_over(struct checking *c, const char *name)
{
    const struct site *found = NULL;

    for (size_t i = 0; i < c->known->len; i++) {
        if (is_name(c->known->items[i].component->sgx_executable, name))
            found = &c->known->items[i];
    }
    for (size_t i = 0; found != NULL && i < c->set.len; i++) {
        if (!is_name(c->set.items[i].component->sgx_executable, name))
            continue;
        c->set.items[i].report = found->report;
        c->set.items[i].stream_error = found->stream_error;
    }
    return found != NULL;
}

/* A file that was copied is compared, and read only if it says something that is not known yet. */
static bool check_file(struct checking *c, const struct bundle_file *f, struct ens_err *err)
{
    bool is_stream = false;
    bool is_css = false;
    bool copied = false;

    for (size_t i = 0; i < c->set.len; i++) {
        is_stream = is_stream || is_name(c->set.items[i].component->sgx_executable, f->name);
        is_css = is_css || is_name(c->set.items[i].component->sgx_signature, f->name);
    }
    if (c->from != NULL && !bundle_compare_copy(c->b, c->from, f->name, &copied, err))
        return false;
    if (!copied || is_css || (is_stream && !take_over(c, f->name)))
        return read_file(c, f, is_stream, is_css, err);
    add_progress(c, f->size);
    return true;
}

/* ---- what oasis-core refuses ---- */

/* A day of the year 0, which Go knows: as leap a year as 4. */
static bool is_year_0(const struct sigstruct *css)
{
    uint64_t date = sigstruct_get_int(css, CSS_DATE);
    struct date d;

    return date >> 16 == 0 && date_of_bcd((uint32_t)date | 0x00040000, &d);
}

static bool check_signature(const struct site *c, struct ens_err *err)
{
    struct findings found = {0};

    if (!c->is_signed)
        return true;
    if (!verify_sigstruct(view_of(c->css.bytes, SIGSTRUCT_SIZE), &found, err))
        return false;
    for (size_t i = 0; i < found.len; i++) {
        if (!verify_is_core_rule(found.items[i].rule))
            continue;
        (void)ens_fail(err, ENS_DATA, "component %s: %s: %s: sign it again", c->component->id,
                       c->component->sgx_signature, found.items[i].text);
        err->own = strcmp(found.items[i].rule, "date") == 0 && is_year_0(&c->css);
        return false;
    }
    if (!view_equal(sigstruct_get(&c->css, CSS_ENCLAVEHASH), view_of(c->report.sha256, 32)))
        return ens_fail(err, ENS_DATA, "component %s: %s: ENCLAVEHASH is not SHA-256 of %s: sign it again",
                        c->component->id, c->component->sgx_signature, c->component->sgx_executable);
    return true;
}

/* Lists the SGX components of the manifest; nothing is read yet. */
static bool list_components(const struct bundle_info *info, struct enclave_set *ret, struct ens_err *err)
{
    ret->items = mem_alloc(info->components_len, sizeof *ret->items, err);
    if (ret->items == NULL)
        return false;
    for (size_t i = 0; i < info->components_len; i++) {
        if (info->components[i].tee == BUNDLE_TEE_SGX)
            ret->items[ret->len++] = (struct site){.component = &info->components[i], .is_measured = true};
    }
    return true;
}

/* ---- all of them ---- */

static bool check_item(void *ctx, size_t index, struct ens_err *err)
{
    struct checking *c = ctx;
    struct bundle_file f = bundle_file_at(c->b, index);

    return check_file(c, &f, err);
}

/* As many files at once as there are large ones: a thread costs more than a small file. */
static size_t count_threads(const struct checking *c)
{
    size_t large = 0;
    size_t processors = parallel_processors();

    for (size_t i = 0; i < bundle_files_len(c->b); i++)
        large += bundle_file_at(c->b, i).size >= LARGE_FILE;
    return large < processors ? large : processors;
}

static bool check_all(struct checking *c, struct ens_err *err)
{
    if (!list_components(bundle_info(c->b), &c->set, err))
        return false;
    for (size_t i = 0; i < bundle_files_len(c->b); i++)
        c->progress.total += bundle_file_at(c->b, i).size;
    if (!parallel_each(bundle_files_len(c->b), count_threads(c), check_item, c, err))
        return false;
    progress_end(&c->progress);
    for (size_t i = 0; i < c->set.len; i++) {
        if (!check_signature(&c->set.items[i], err))
            return ens_wrap(err, "%s", bundle_label(c->b));
    }
    return true;
}

bool enclave_check_written(const struct bundle *b, const struct bundle *from, const struct enclave_set *known,
                           struct enclave_set *ret, struct ens_err *err)
{
    ENS_CLEANUP(checking_free)
    struct checking c = {.b = b,
                         .from = known != NULL ? from : NULL,
                         .known = known,
                         .lock = PTHREAD_MUTEX_INITIALIZER,
                         .progress = {.what = "checking"}};

    if (!check_all(&c, err))
        return false;
    *ret = c.set;
    c.set = (struct enclave_set){0};
    return true;
}

bool enclave_check_bundle(const struct bundle *b, struct enclave_set *ret, struct ens_err *err)
{
    return enclave_check_written(b, NULL, NULL, ret, err);
}

void enclave_set_free(struct enclave_set *set)
{
    mem_free(set->items);
    *set = (struct enclave_set){0};
}

const struct site *enclave_find(const struct enclave_set *set, const char *id)
{
    for (size_t i = 0; i < set->len; i++) {
        if (strcmp(set->items[i].component->id, id) == 0)
            return &set->items[i];
    }
    return NULL;
}
