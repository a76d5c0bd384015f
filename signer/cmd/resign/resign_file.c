/* One file of resign: gen-sign-data's stage before the signature, set-sig's after it, through the functions
 * that those use. Runs in a worker; the file is its own meanwhile. */
#include <string.h>
#include <sys/stat.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/ceremony/approval.h"
#include "signer/cmd/resign/resign.h"
#include "signer/flow/fields.h"
#include "signer/flow/install.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

void resign_file_close(struct resign_file *f)
{
    if (f->is_open)
        enclave_free(&f->opened);
    f->is_open = false;
    for (size_t i = 0; i < f->len; i++)
        f->enclaves[i].site = NULL;
}

static void free_enclaves(struct resign_enclave *list, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        mem_free(list[i].component);
        mem_free(list[i].measured);
    }
    mem_free(list);
}

void resign_file_free(struct resign_file *f)
{
    resign_file_close(f);
    file_out_closep(&f->written);
    free_enclaves(f->enclaves, f->len);
    mem_free(f->out_path);
    *f = (struct resign_file){0};
}

size_t resign_file_waiting(const struct resign_file *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->len; i++)
        n += f->enclaves[i].status == RESIGN_NOT_DONE;
    return n;
}

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
    if (!fields_build(&r->args->fields, start, r->today, enclave_mrenclave(x->site), &x->css, err) ||
        !signdata_digest(&x->css, x->digest, err))
        return false;
    x->has_fields = true;
    return true;
}

static bool check_enclave_policy(const struct resign *r, const struct resign_enclave *x, struct ens_err *err)
{
    struct policy_outcome outcome = {0};

    if (r->policy == NULL)
        return true;
    policy_check_fields(r->policy, &x->css, &outcome);
    return policy_met(&outcome, err);
}

/* What it is signed with now, by whomever; a file that nobody signed is held against --from. */
static bool keep_before(const struct resign *r, const struct sigstruct *present, struct resign_enclave *x,
                        struct ens_err *err)
{
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];

    x->has_before = present != NULL || r->has_from;
    if (present == NULL && r->has_from)
        x->before = r->from;
    if (present == NULL)
        return true;
    x->before = *present;
    verify_key_of(present, &key);
    if (!rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    x->same_signer = memcmp(mrsigner, r->signer.mrsigner, sizeof mrsigner) == 0;
    return true;
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
    bool done = false;

    if (!make_fields(r, f, x, err) || !check_enclave_policy(r, x, err) || !keep_before(r, present, x, err) ||
        !keep_dangers(f, x, err))
        return false;
    if (r->args->resume && f->out_path == NULL && present != NULL &&
        !resign_done_here(r, f, x, present, &done, err))
        return false;
    if (!done)
        return approval_no_past(r->past, x->digest, r->signer.mrsigner, err);
    /* What is kept is what is said of it. */
    x->status = RESIGN_SKIPPED;
    x->css = *present;
    return signdata_digest(&x->css, x->digest, err);
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

static bool look_at_output(const struct resign *r, struct resign_file *f, struct ens_err *err)
{
    bool done = false;

    if (f->out_path == NULL || !r->args->resume)
        return true;
    if (!resign_done_there(r, f, &done, err))
        return false;
    /* Its DATE may be another one than that of this run: the policy is asked of what is kept. */
    for (size_t i = 0; done && i < f->len; i++) {
        if (!check_enclave_policy(r, &f->enclaves[i], err))
            return ens_wrap(err, "%s, which is there already", f->out_path);
        f->enclaves[i].status = RESIGN_SKIPPED;
    }
    return true;
}

/* ---- both stages ---- */

static bool is_same_component(const struct resign_enclave *a, const struct resign_enclave *b)
{
    if (a->component == NULL || b->component == NULL)
        return a->component == b->component;
    return strcmp(a->component, b->component) == 0;
}

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

static bool is_same_before(const struct resign_enclave *a, const struct resign_enclave *b)
{
    return a->has_before == b->has_before &&
           memcmp(a->before.bytes, b->before.bytes, sizeof a->before.bytes) == 0;
}

/* The enclaves that the operator said yes to, `before`, are these. */
static bool is_as_confirmed(const struct resign_file *f, const struct resign_enclave *before, size_t len)
{
    bool same = f->len == len;

    for (size_t i = 0; same && i < len; i++)
        same = is_same_component(&before[i], &f->enclaves[i]) && before[i].status == f->enclaves[i].status &&
               is_same_before(&before[i], &f->enclaves[i]) &&
               memcmp(before[i].digest, f->enclaves[i].digest, sizeof before[i].digest) == 0;
    return same;
}

static bool prepare_opened(const struct resign *r, struct resign_file *f, struct notices *ret_notices,
                           struct ens_err *err)
{
    if (!list_enclaves(r, f, err) || !prepare_enclaves(r, f, ret_notices, err) || !look_at_output(r, f, err))
        return false;
    return resign_file_waiting(f) == 0 || probe_place(r, f, err);
}

bool resign_file_prepare(const struct resign *r, struct resign_file *f, struct ens_err *err)
{
    struct resign_enclave *before = f->enclaves;
    size_t before_len = f->len;
    uint8_t sum[TIE_SIZE];
    ENS_CLEANUP(notice_free) struct notices notices = {0};
    bool ok = resign_open(r, f->path, &f->opened, &notices, err);

    f->enclaves = NULL;
    f->len = 0;
    f->is_open = ok;
    memcpy(sum, f->sum, sizeof sum);
    ok = ok && prepare_opened(r, f, &notices, err) && (r->args->yes || sum_file(&f->opened, f->sum, err));
    /* They were said when the file was prepared for the first time. */
    if (!f->is_confirmed)
        notice_all(&notices);
    if (ok && f->is_confirmed &&
        (!is_as_confirmed(f, before, before_len) || memcmp(sum, f->sum, sizeof sum) != 0))
        ok =
            ens_fail(err, ENS_DATA, "%s: has changed since it was confirmed: run the command again", f->path);
    free_enclaves(before, before_len);
    if (!ok || resign_file_waiting(f) == 0)
        resign_file_close(f);
    return ok;
}

static bool finish_enclave(const struct resign *r, const struct resign_file *f, struct resign_enclave *x,
                           struct ens_err *err)
{
    return install_finish(&r->signer.key, x->signature, &x->css, err) &&
           install_judge_for(&x->css, f->path, err);
}

/* Of what becomes of identities only warnings are said: the report has a line for the file. */
static bool finish_opened(const struct resign *r, struct resign_file *f, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct install_item *items = mem_alloc(f->len, sizeof *items, err);
    ENS_CLEANUP(install_free) struct install to = {0};
    struct notices notices = {0};
    size_t len = 0;

    if (items == NULL)
        return false;
    for (size_t i = 0; i < f->len; i++) {
        struct resign_enclave *x = &f->enclaves[i];

        if (x->status == RESIGN_SKIPPED)
            continue;
        if (!finish_enclave(r, f, x, err))
            return false;
        items[len++] = (struct install_item){x->site, &x->css};
    }
    bool ok =
        install_open(f->path, container_fd(f->opened.container), f->out_path, r->args->force, &to, err) &&
        install_enclave(&to, &f->opened, items, len, &notices, err);

    notice_warnings(&notices);
    if (ok)
        f->written = ens_take(to.file);
    return ok;
}

bool resign_file_finish(const struct resign *r, struct resign_file *f, struct ens_err *err)
{
    bool ok = finish_opened(r, f, err);

    resign_file_close(f);
    return ok;
}
