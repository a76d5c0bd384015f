/* What workers are asked, and what becomes of what they say. A worker reads what strangers wrote, and may be theirs by
 * now: nothing that it says is believed that this process can find out. The fields of a SIGSTRUCT are built here once
 * more from the options, and must be the same 256 bytes; MRENCLAVE is its word. What it says is kept must verify.
 * Policy and refusals are asked here. What does not fit ends the worker, and fails the one file. */
#include <string.h>

#include "bundle/orc/bundle.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/ceremony/approval.h"
#include "signer/cmd/resign/resign.h"
#include "signer/cmd/resign/resign_wire.h"
#include "signer/flow/batch.h"
#include "signer/flow/fields.h"
#include "signer/flow/install.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

/* Notices for one file: every enclave of a bundle may have some. */
#define NOTICES_MAX (4 * BUNDLE_COMPONENTS_MAX)

/* One conversation. */
struct talk {
    const struct resign *r;
    unsigned worker;
    struct resign_file *f;
    uint64_t file;
    struct notices notices;
    size_t notices_len;
    struct ens_err refused; /* what this process says of the file; code ENS_OK: nothing */
};

/* Dangers of one enclave, with the names of their rules. */
struct dangers {
    struct findings found; /* first: it is what the enclave points to */
    char rules[FINDINGS_MAX][RESIGN_RULE_SIZE];
};

static void talk_free(struct talk *t)
{
    notice_free(&t->notices);
}

/* ---- to the worker ---- */

static bool tell_worker(const struct talk *t, const struct resign_message *m, struct ens_err *err)
{
    uint8_t bytes[RESIGN_WIRE_MAX];
    size_t len = 0;

    if (!resign_wire_write(m, bytes, &len))
        return ens_fail(err, ENS_BUG, "a request does not fit into a message");
    return workers_send(t->r->workers, t->worker, view_of(bytes, len), err);
}

/* ---- what it says of an enclave ---- */

static bool judge_fields(const struct resign *r, const struct sigstruct *css, struct ens_err *err)
{
    struct policy_outcome outcome = {0};

    if (r->policy == NULL)
        return true;
    policy_check_fields(r->policy, css, &outcome);
    return policy_met(&outcome, err);
}

/* Policy and refusals, of what would be signed, and of what is kept: its DATE may be another one than that of this
 * run. */
static bool judge_enclave(const struct resign *r, const struct resign_file *f, const struct resign_enclave *x,
                          const struct sigstruct *want, struct ens_err *err)
{
    bool is_kept = x->status == RESIGN_SKIPPED;
    uint8_t digest[DIGEST_SIZE];

    if (!judge_fields(r, want, err) || !signdata_digest(want, digest, err) ||
        ((!is_kept || f->out_path != NULL) && !approval_no_past(r->past, digest, r->signer.mrsigner, err)))
        return x->component != NULL ? ens_wrap(err, "%s: component %s", f->path, x->component)
                                    : ens_wrap(err, "%s", f->path);
    return !is_kept || f->out_path == NULL || judge_fields(r, &x->css, err) ||
           ens_wrap(err, "%s, which is there already", f->out_path);
}

/* It is as this process builds it, but for MRENCLAVE. */
static bool take_want(const struct resign *r, const struct resign_message *m, const struct resign_enclave *x,
                      struct sigstruct *ret)
{
    const struct sigstruct *start = x->has_before ? &x->before : NULL;
    struct sigstruct own;
    struct ens_err ignored = {0};

    return signdata_parse(m->want, "sign-data", ret, &ignored) &&
           fields_build(&r->args->fields, r->has_from ? &r->from : start, r->today,
                        sigstruct_get(ret, CSS_ENCLAVEHASH).data, &own, &ignored) &&
           memcmp(own.bytes, ret->bytes, sizeof own.bytes) == 0;
}

/* It is by this key, over those fields, and verifies. */
static bool take_kept(const struct resign *r, const struct resign_file *f, const struct resign_message *m,
                      const struct sigstruct *want, struct sigstruct *ret)
{
    bool is_signed = (m->flags & RESIGN_IS_SIGNED) != 0;
    struct ens_err ignored = {0};

    return r->args->resume && sigstruct_parse(m->kept, f->path, ret, &ignored) &&
           resign_done_same(r, want, ret, resign_done_any_day(r, f, is_signed)) &&
           install_judge(ret, f->path, &ignored);
}

/* What it is signed with now, by whomever; a file that nobody signed is held against --from. Fields are taken from what
 * verifies only. */
static bool take_before(const struct resign *r, const struct resign_message *m, struct resign_enclave *x)
{
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];
    bool holds = false;
    struct ens_err ignored = {0};

    x->has_before = (m->flags & RESIGN_IS_SIGNED) != 0 || r->has_from;
    if ((m->flags & RESIGN_IS_SIGNED) == 0) {
        x->before = r->from;
        return true;
    }
    memcpy(x->before.bytes, m->before.data, sizeof x->before.bytes);
    verify_key_of(&x->before, &key);
    if (!rsa3072_mrsigner(&key, mrsigner, &ignored) || !verify_signature(&x->before, &holds, &ignored))
        return false;
    x->same_signer = holds && memcmp(mrsigner, r->signer.mrsigner, sizeof mrsigner) == 0;
    return holds || r->has_from;
}

static bool take_component(const struct resign *r, const struct resign_message *m, struct resign_enclave *x)
{
    struct ens_err ignored = {0};

    if ((m->flags & RESIGN_IS_COMPONENT) == 0)
        return m->number == 0;
    x->component = mem_strndup((const char *)m->text.data, m->text.len, &ignored);
    return x->component != NULL && bundle_check_component_id(x->component, &ignored) &&
           (m->number == 0 || r->args->all_components);
}

static bool take_fields(struct talk *t, const struct resign_message *m, struct resign_enclave *x)
{
    struct sigstruct want;

    if (!take_want(t->r, m, x, &want))
        return false;
    x->css = want;
    if ((m->flags & RESIGN_IS_KEPT) != 0) {
        if (!take_kept(t->r, t->f, m, &want, &x->css))
            return false;
        x->status = RESIGN_SKIPPED;
    }
    /* What follows an enclave that is refused is not looked at. */
    if (t->refused.code != ENS_OK)
        return true;
    x->has_fields = signdata_digest(&x->css, x->digest, &t->refused);
    if (x->has_fields)
        (void)judge_enclave(t->r, t->f, x, &want, &t->refused);
    return true;
}

/* False: it cannot be. */
static bool take_enclave(struct talk *t, const struct resign_message *m)
{
    struct resign_file *f = t->f;
    void *list = f->enclaves;
    struct ens_err ignored = {0};

    if (m->number != f->len || f->len >= BUNDLE_COMPONENTS_MAX ||
        !mem_grow(&list, f->len + 1, sizeof *f->enclaves, &ignored))
        return false;
    f->enclaves = list;
    struct resign_enclave *x = &f->enclaves[f->len++];

    *x = (struct resign_enclave){0};
    if (!take_component(t->r, m, x) || !take_before(t->r, m, x))
        return false;
    return (m->flags & RESIGN_HAS_FIELDS) != 0 ? take_fields(t, m, x) : (m->flags & RESIGN_IS_KEPT) == 0;
}

/* Follows its enclave. */
static bool take_finding(const struct talk *t, const struct resign_message *m)
{
    struct resign_file *f = t->f;
    struct resign_enclave *x = f->len > 0 && m->number == f->len - 1 ? &f->enclaves[m->number] : NULL;
    struct ens_err ignored = {0};

    if (x == NULL || !t->r->args->fields.params.allow_unusual)
        return false;
    if (x->measured == NULL)
        x->measured = mem_alloc(1, sizeof(struct dangers), &ignored);
    struct dangers *d = (struct dangers *)x->measured;

    if (d == NULL || d->found.len == FINDINGS_MAX)
        return false;
    memcpy(d->rules[d->found.len], m->rule.data, m->rule.len);
    findings_add(&d->found, (m->flags & RESIGN_IS_ERROR) != 0 ? SEVERITY_ERROR : SEVERITY_WARNING,
                 d->rules[d->found.len], "%.*s", (int)m->text.len, (const char *)m->text.data);
    return true;
}

/* ---- from the worker ---- */

/* Is it an error that a worker can have? An interruption is one of this process as well. */
static bool is_error(uint64_t code)
{
    static const enum ens_code codes[] = {ENS_USAGE,    ENS_DATA,      ENS_NOINPUT, ENS_BUG,
                                          ENS_RESOURCE, ENS_CANTCREAT, ENS_IO};
    struct ens_err why = {0};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (code == codes[i])
            return true;
    }
    return code == ENS_INTERRUPTED && !interrupt_check(&why);
}

static bool take_message(struct talk *t, const struct resign_message *m, bool prepares)
{
    struct ens_err ignored = {0};

    switch (m->file == t->file ? (int)m->type : RESIGN_TYPES) {
    case RESIGN_ENCLAVE:
        return prepares && take_enclave(t, m);
    case RESIGN_FINDING:
        return prepares && take_finding(t, m);
    case RESIGN_NOTICE:
        return t->notices_len++ < NOTICES_MAX &&
               notice_add(&t->notices, m->flags == RESIGN_IS_WARNING ? NOTICE_WARNING : NOTICE_SAID, &ignored,
                          "%.*s", (int)m->text.len, (const char *)m->text.data);
    case RESIGN_DONE:
        if (m->integer != ENS_OK)
            return is_error(m->integer);
        return !prepares || (t->f->len > 0 && m->number == t->f->len);
    default:
        return false;
    }
}

/* Listens until the worker is done with the file, and gives the error that it has. */
static bool hear_out(struct talk *t, bool prepares, uint8_t ret_sum[static TIE_SIZE], struct ens_err *err)
{
    uint8_t bytes[WORKERS_MESSAGE_MAX];
    struct resign_message m = {0};
    size_t len = 0;

    while (m.type != RESIGN_DONE) {
        if (!workers_receive(t->r->workers, t->worker, bytes, &len, err))
            return ens_wrap(err, "%s", t->f->path);
        if (!resign_wire_read(view_of(bytes, len), &m) || !take_message(t, &m, prepares)) {
            (void)workers_fail(t->r->workers, t->worker, err);
            return ens_wrap(err, "%s", t->f->path);
        }
    }
    if (m.integer != ENS_OK)
        return ens_fail(err, (enum ens_code)m.integer, "%.*s", (int)m.text.len, (const char *)m.text.data);
    memcpy(ret_sum, m.sum.data, TIE_SIZE);
    return true;
}

static struct talk talk_of(const struct resign *r, unsigned worker, struct resign_file *f)
{
    return (struct talk){.r = r, .worker = worker, .f = f, .file = (uint64_t)(f - r->files)};
}

/* ---- to prepare ---- */

static bool is_same_component(const struct resign_enclave *a, const struct resign_enclave *b)
{
    if (a->component == NULL || b->component == NULL)
        return a->component == b->component;
    return strcmp(a->component, b->component) == 0;
}

/* The enclaves that the operator said yes to, `before`, are these; what they are signed with now, too. */
static bool is_as_confirmed(const struct resign_file *f, const struct resign_enclave *before, size_t len)
{
    bool same = f->len == len;

    for (size_t i = 0; same && i < len; i++) {
        const struct resign_enclave *x = &f->enclaves[i];

        same = is_same_component(&before[i], x) && before[i].status == x->status &&
               before[i].has_before == x->has_before &&
               memcmp(before[i].before.bytes, x->before.bytes, sizeof x->before.bytes) == 0 &&
               memcmp(before[i].digest, x->digest, sizeof x->digest) == 0;
    }
    return same;
}

static bool ask_prepare(struct talk *t, bool looks, uint8_t ret_sum[static TIE_SIZE], struct ens_err *err)
{
    const struct resign_message m = {.type = RESIGN_PREPARE,
                                     .file = t->file,
                                     .flags = looks ? RESIGN_LOOK : 0,
                                     .key = view_of(t->r->signer.key.modulus, SIGNATURE_SIZE)};

    if (!tell_worker(t, &m, err))
        return ens_wrap(err, "%s", t->f->path);
    bool ok = hear_out(t, true, ret_sum, err);

    t->f->process = workers_process(t->r->workers, t->worker);
    if (t->refused.code != ENS_OK)
        *err = t->refused;
    return ok && t->refused.code == ENS_OK;
}

static bool is_there(const struct resign *r, unsigned worker, const struct resign_file *f)
{
    return f->process != 0 && f->process == workers_process(r->workers, worker);
}

/* A worker that has the file open gives it up. */
static void close_there(const struct talk *t)
{
    const struct resign_message m = {.type = RESIGN_CLOSE, .file = t->file};
    struct ens_err ignored = {0};

    if (is_there(t->r, t->worker, t->f))
        (void)tell_worker(t, &m, &ignored);
    t->f->process = 0;
}

bool resign_ask_prepare(const struct resign *r, unsigned worker, struct resign_file *f, bool looks,
                        struct ens_err *err)
{
    ENS_CLEANUP(talk_free) struct talk t = talk_of(r, worker, f);
    struct resign_enclave *before = f->enclaves;
    size_t before_len = f->len;
    uint8_t sum[TIE_SIZE] = {0};

    f->enclaves = NULL;
    f->len = 0;
    bool ok = ask_prepare(&t, looks, sum, err);

    /* They were said when the file was prepared for the first time. */
    if (!f->is_confirmed)
        notice_all(&t.notices);
    if (ok && f->is_confirmed &&
        (!is_as_confirmed(f, before, before_len) || memcmp(sum, f->sum, sizeof sum) != 0))
        ok =
            ens_fail(err, ENS_DATA, "%s: has changed since it was confirmed: run the command again", f->path);
    memcpy(f->sum, sum, sizeof sum);
    resign_enclaves_free(before, before_len);
    if (looks)
        f->process = 0;
    else if (!ok || resign_waiting(f) == 0)
        close_there(&t);
    return ok;
}

/* ---- to finish ---- */

/* The process that had it ended at another file: another one reads it, and must find what was signed. */
static bool prepare_again(const struct resign *r, unsigned worker, struct resign_file *f, struct ens_err *err)
{
    ENS_CLEANUP(talk_free) struct talk t = talk_of(r, worker, f);
    struct resign_enclave *before = f->enclaves;
    size_t before_len = f->len;
    uint8_t sum[TIE_SIZE] = {0};

    f->enclaves = NULL;
    f->len = 0;
    bool ok = ask_prepare(&t, false, sum, err);

    if (ok && (!is_as_confirmed(f, before, before_len) || memcmp(sum, f->sum, sizeof sum) != 0))
        ok = ens_fail(err, ENS_DATA, "%s: has changed since it was signed: run the command again", f->path);
    resign_enclaves_free(f->enclaves, f->len);
    f->enclaves = before;
    f->len = before_len;
    return ok;
}

static bool ask_finish(struct talk *t, struct ens_err *err)
{
    const struct resign_file *f = t->f;
    size_t left = resign_waiting(f);

    for (size_t i = 0; i < f->len; i++) {
        if (f->enclaves[i].status != RESIGN_NOT_DONE)
            continue;
        const struct resign_message m = {.type = RESIGN_FINISH,
                                         .file = t->file,
                                         .number = i,
                                         .flags = --left > 0 ? RESIGN_MORE : 0,
                                         .signature = view_of(f->enclaves[i].signature, SIGNATURE_SIZE)};

        if (!tell_worker(t, &m, err))
            return ens_wrap(err, "%s", f->path);
    }
    uint8_t ignored[TIE_SIZE];

    return hear_out(t, false, ignored, err);
}

bool resign_ask_finish(const struct resign *r, unsigned worker, struct resign_file *f, struct ens_err *err)
{
    ENS_CLEANUP(talk_free) struct talk t = talk_of(r, worker, f);
    bool ok = (is_there(r, worker, f) || prepare_again(r, worker, f, err)) && ask_finish(&t, err);

    /* Of what becomes of identities only warnings are said: the report has a line for the file. */
    notice_warnings(&t.notices);
    if (!ok)
        close_there(&t);
    return ok;
}

/* ---- to commit ---- */

static bool ask_commit(const struct resign *r, unsigned worker, struct resign_file *f, bool more,
                       struct ens_err *err)
{
    const struct talk t = talk_of(r, worker, f);
    const struct resign_message m = {.type = RESIGN_COMMIT, .file = t.file, .flags = more ? RESIGN_MORE : 0};

    if (!is_there(r, worker, f))
        return ens_fail(err, ENS_BUG, "%s: the process that wrote it ended: repeat with --resume", f->path);
    return tell_worker(&t, &m, err) || ens_wrap(err, "%s", f->path);
}

void resign_ask_commit(const struct resign *r, unsigned worker, struct resign_file *const *files, size_t len,
                       struct ens_err *ret_errs)
{
    struct resign_file *group[BATCH_GROUP_MAX];
    struct ens_err *errs[BATCH_GROUP_MAX];
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        ret_errs[i] = (struct ens_err){0};
        if (!is_there(r, worker, files[i]) && !resign_ask_finish(r, worker, files[i], &ret_errs[i]))
            continue;
        group[n] = files[i];
        errs[n++] = &ret_errs[i];
    }
    for (size_t i = 0; i < n; i++)
        (void)(errs[i]->code == ENS_OK && ask_commit(r, worker, group[i], i + 1 < n, errs[i]));
    for (size_t i = 0; i < n; i++) {
        struct talk t = talk_of(r, worker, group[i]);
        uint8_t ignored[TIE_SIZE];

        if (errs[i]->code == ENS_OK)
            (void)hear_out(&t, false, ignored, errs[i]);
        group[i]->process = 0;
    }
}
