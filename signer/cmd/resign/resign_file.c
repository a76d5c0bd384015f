/* One file of resign, in a worker: gen-sign-data's stage before the signature, set-sig's after it, through the
 * functions that those use. */
#include <sys/stat.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/cmd/resign/resign.h"
#include "signer/flow/fields.h"
#include "signer/flow/install.h"

/* Lists the enclaves that are asked for, into the file. */
static bool list_enclaves(const struct resign *r, struct resign_file *f, struct ens_err *err)
{
    const struct enclave *e = &f->opened;
    bool all = e->bundle != NULL && r->args->all_components;
    size_t len = all ? e->set.len : 1;

    f->enclaves = mem_alloc(len, sizeof *f->enclaves, err);
    if (f->enclaves == NULL)
        return false;
    for (; f->len < len; f->len++) {
        struct resign_enclave *x = &f->enclaves[f->len];

        x->site = all ? &e->set.items[f->len] : &e->sites[0];
        if (x->site->component == NULL)
            continue;
        x->component = mem_strdup(x->site->component->id, err);
        if (x->component == NULL)
            return false;
    }
    return true;
}

/* ---- fields ---- */

/* Those that it has, where it is signed: that is what signing again means. --from stands before them. */
static bool make_fields(const struct resign *r, const struct resign_file *f, struct resign_enclave *x,
                        struct ens_err *err)
{
    const struct enclave *e = &f->opened;
    const struct sigstruct *start = r->has_from ? &r->from : resign_present(x->site);

    if (start == NULL && e->bundle == NULL)
        return ens_fail(err, ENS_DATA,
                        "it is not signed, and its loader was built for values that only its SDK knows: sign "
                        "it with its SDK's tool and any key first, or give --from FILE");
    x->has_fields = fields_build(&r->args->fields, start, r->today, enclave_mrenclave(x->site), &x->css, err);
    return x->has_fields;
}

/* Hardly any enclave has such dangers, so that room is made only if there are. */
static bool keep_dangers(const struct resign_file *f, struct resign_enclave *x, struct ens_err *err)
{
    struct findings found = {0};

    enclave_let_pass(&f->opened, x->site, &found);
    if (found.len == 0)
        return true;
    x->measured = mem_alloc(1, sizeof found, err);
    if (x->measured != NULL)
        *x->measured = found;
    return x->measured != NULL;
}

static bool prepare_enclave(const struct resign *r, const struct resign_file *f, struct resign_enclave *x,
                            struct ens_err *err)
{
    const struct sigstruct *present = resign_present(x->site);

    if (!make_fields(r, f, x, err) || !keep_dangers(f, x, err))
        return false;
    return !r->args->resume || f->out_path != NULL || present == NULL ||
           resign_done_here(r, f, x, present, err);
}

static bool prepare_enclaves(const struct resign *r, struct resign_file *f, struct notices *ret_notices,
                             struct ens_err *err)
{
    for (size_t i = 0; i < f->len; i++) {
        struct resign_enclave *x = &f->enclaves[i];

        if (prepare_enclave(r, f, x, err))
            continue;
        return x->component != NULL ? ens_wrap(err, "%s: component %s", f->path, x->component)
                                    : ens_wrap(err, "%s", f->path);
    }
    return f->opened.bundle != NULL || install_fits(&f->opened, &f->enclaves[0].css, ret_notices, err);
}

/* ---- the place of the result ---- */

/* What would be refused at the end is refused before a token is asked. */
static bool probe_place(const struct resign *r, const struct resign_file *f, struct ens_err *err)
{
    ENS_CLEANUP(install_free) struct install place = {0};

    return install_open(f->path, container_fd(f->opened.container), f->out_path, r->args->force, &place, err);
}

/* Is nothing to be signed? */
static bool is_all_kept(const struct resign_file *f)
{
    for (size_t i = 0; i < f->len; i++) {
        if (f->enclaves[i].kept == NULL)
            return false;
    }
    return true;
}

/* ---- both stages ---- */

/* Of the whole file: whoever says yes to what was read says it to these bytes. */
static bool sum_file(const struct enclave *e, uint8_t ret[static TIE_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(tie_freep) struct tie *tie = NULL;
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_alloc(1, FILE_PIECE, err);
    uint64_t at = 0;
    size_t len = FILE_PIECE;

    if (piece == NULL || !tie_new(&tie, err))
        return false;
    for (; len == FILE_PIECE; at += len) {
        if (!interrupt_check(err) ||
            !file_read_at(container_fd(e->container), e->path, at, piece, FILE_PIECE, &len, err) ||
            !tie_update(tie, view_of(piece, len), err))
            return false;
    }
    return tie_final(tie, ret, err);
}

bool resign_file_prepare(const struct resign *r, struct resign_file *f, struct notices *ret_notices,
                         struct ens_err *err)
{
    f->is_open = resign_open(r, f->path, &f->opened, ret_notices, err);
    if (!f->is_open || !list_enclaves(r, f, err) || !prepare_enclaves(r, f, ret_notices, err) ||
        (f->out_path != NULL && r->args->resume && !resign_done_there(r, f, err)) ||
        (!is_all_kept(f) && !probe_place(r, f, err)))
        return false;
    return r->args->yes || sum_file(&f->opened, f->sum, err);
}

static bool finish_enclave(const struct resign *r, const struct resign_file *f, struct resign_enclave *x,
                           struct ens_err *err)
{
    return install_finish(&r->signer.key, x->signature, &x->css, err) &&
           install_judge_for(&x->css, f->path, err);
}

static bool finish_opened(const struct resign *r, struct resign_file *f, struct notices *ret_notices,
                          struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct install_item *items = mem_alloc(f->len, sizeof *items, err);
    ENS_CLEANUP(install_free) struct install to = {0};
    size_t len = 0;

    if (items == NULL)
        return false;
    for (size_t i = 0; i < f->len; i++) {
        struct resign_enclave *x = &f->enclaves[i];

        if (x->kept != NULL)
            continue;
        if (!finish_enclave(r, f, x, err))
            return false;
        items[len++] = (struct install_item){x->site, &x->css};
    }
    bool ok =
        install_open(f->path, container_fd(f->opened.container), f->out_path, r->args->force, &to, err) &&
        install_enclave(&to, &f->opened, items, len, ret_notices, err);

    if (ok)
        f->written = ens_take(to.file);
    return ok;
}

bool resign_file_finish(const struct resign *r, struct resign_file *f, struct notices *ret_notices,
                        struct ens_err *err)
{
    bool ok = f->is_open && finish_opened(r, f, ret_notices, err);

    if (f->is_open)
        enclave_free(&f->opened);
    f->is_open = false;
    return ok;
}
