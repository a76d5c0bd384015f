/* A worker of resign: behind its wall it has the run as it was planned, and one socket. It answers until the other end
 * is closed, or says what cannot be. */
#include "bundle/orc/bundle.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/cmd/resign/resign.h"
#include "signer/cmd/resign/resign_wire.h"
#include "signer/flow/batch.h"

struct worker {
    struct resign *r;
    int socket;
    size_t group[BATCH_GROUP_MAX]; /* to be committed */
    size_t group_len;
};

/* A result lies beside its file, or, with --out-dir, where its name leads. */
void resign_worker_keep(void *ctx, struct wall *wall)
{
    const struct resign *r = ctx;

    for (size_t i = 0; i < r->len; i++) {
        const struct resign_file *f = &r->files[i];

        if (f->out_path != NULL)
            wall_keep(wall, f->path, WALL_READ);
        wall_keep(wall, f->out_path != NULL ? f->out_path : f->path, WALL_WRITE);
    }
}

/* ---- what is said ---- */

static bool reply(const struct worker *w, const struct resign_message *m)
{
    uint8_t bytes[RESIGN_WIRE_MAX];
    size_t len = 0;

    return resign_wire_write(m, bytes, &len) && workers_say(w->socket, view_of(bytes, len));
}

static bool reply_finding(const struct worker *w, uint64_t file, uint64_t number, const struct finding *found)
{
    uint8_t rule[RESIGN_RULE_SIZE] = {0};
    struct view name = view_of_string(found->rule);
    struct resign_message m = {.type = RESIGN_FINDING, .file = file, .number = number};

    memcpy(rule, name.data, name.len < sizeof rule ? name.len : sizeof rule);
    m.flags = found->severity == SEVERITY_ERROR ? RESIGN_IS_ERROR : 0;
    m.rule = view_of(rule, sizeof rule);
    m.text = view_of_string(found->text);
    return reply(w, &m);
}

static bool reply_enclave(const struct worker *w, uint64_t file, uint64_t number,
                          const struct resign_enclave *x)
{
    const struct findings none = {0};
    const struct findings *found = x->measured != NULL ? x->measured : &none;
    const struct sigstruct *before = resign_present(x->site);
    struct resign_message m = {
        .type = RESIGN_ENCLAVE, .file = file, .number = number, .integer = found->dropped};
    struct signdata want;

    signdata_extract(&x->css, &want);
    if (x->component != NULL) {
        m.flags |= RESIGN_IS_COMPONENT;
        m.text = view_of_string(x->component);
    }
    if (x->has_fields) {
        m.flags |= RESIGN_HAS_FIELDS;
        m.want = view_of(want.bytes, sizeof want.bytes);
    }
    if (before != NULL) {
        m.flags |= RESIGN_IS_SIGNED;
        m.before = view_of(before->bytes, sizeof before->bytes);
    }
    if (x->kept != NULL) {
        m.flags |= RESIGN_IS_KEPT;
        m.kept = view_of(x->kept->bytes, sizeof x->kept->bytes);
    }
    bool ok = reply(w, &m);

    for (size_t i = 0; ok && i < found->len; i++)
        ok = reply_finding(w, file, number, &found->items[i]);
    return ok;
}

/* A notice that is too long loses its end. */
static bool reply_notices(const struct worker *w, uint64_t file, const struct notices *list)
{
    struct resign_message m = {.type = RESIGN_NOTICE, .file = file};
    size_t at = 0;
    bool is_warning = false;

    while (notice_next(list, &at, &is_warning, &m.text)) {
        m.flags = is_warning ? RESIGN_IS_WARNING : 0;
        m.text.len = m.text.len < RESIGN_NOTICE_MAX ? m.text.len : RESIGN_NOTICE_MAX;
        if (!reply(w, &m))
            return false;
    }
    return true;
}

static bool reply_done(const struct worker *w, uint64_t file, const struct ens_err *err)
{
    const struct resign_file *f = &w->r->files[file];
    const struct resign_message m = {.type = RESIGN_DONE,
                                     .file = file,
                                     .number = f->len,
                                     .integer = err->code,
                                     .sum = view_of(f->sum, sizeof f->sum),
                                     .text = view_of_string(err->msg)};

    return reply(w, &m);
}

/* ---- what is done ---- */

static bool answer_prepare(struct worker *w, const struct resign_message *m, struct resign_file *f)
{
    ENS_CLEANUP(notice_free) struct notices notices = {0};
    struct ens_err err = {0};

    memcpy(w->r->signer.key.modulus, m->key.data, sizeof w->r->signer.key.modulus);
    resign_forget(f);
    bool ok = resign_file_prepare(w->r, f, &notices, &err);
    bool said = true;

    for (size_t i = 0; said && i < f->len; i++)
        said = reply_enclave(w, m->file, i, &f->enclaves[i]);
    said = said && reply_notices(w, m->file, &notices) && reply_done(w, m->file, &err);
    if (!ok || (m->flags & RESIGN_LOOK) != 0)
        resign_forget(f);
    return said;
}

static bool answer_finish(const struct worker *w, const struct resign_message *m, struct resign_file *f)
{
    ENS_CLEANUP(notice_free) struct notices notices = {0};
    struct ens_err err = {0};

    if (!f->is_open || m->number >= f->len)
        return false;
    memcpy(f->enclaves[m->number].signature, m->signature.data, SIGNATURE_SIZE);
    if ((m->flags & RESIGN_MORE) != 0)
        return true;
    bool ok = resign_file_finish(w->r, f, &notices, &err);
    bool said = reply_notices(w, m->file, &notices) && reply_done(w, m->file, &err);

    if (!ok)
        resign_forget(f);
    return said;
}

static bool answer_commit(struct worker *w, const struct resign_message *m, const struct resign_file *f)
{
    struct file_out *written[BATCH_GROUP_MAX] = {0};
    struct ens_err errs[BATCH_GROUP_MAX];
    size_t len = w->group_len + 1;
    bool said = true;

    if (f->written == NULL || w->group_len == BATCH_GROUP_MAX)
        return false;
    w->group[w->group_len++] = m->file;
    if ((m->flags & RESIGN_MORE) != 0)
        return true;
    w->group_len = 0;
    for (size_t i = 0; i < len; i++)
        written[i] = w->r->files[w->group[i]].written;
    file_out_commit_all(written, len, errs);
    for (size_t i = 0; said && i < len; i++) {
        said = reply_done(w, w->group[i], &errs[i]);
        resign_forget(&w->r->files[w->group[i]]);
    }
    return said;
}

static bool answer_request(struct worker *w, const struct resign_message *m)
{
    struct resign_file *f = m->file < w->r->len ? &w->r->files[m->file] : NULL;

    switch (f != NULL ? (int)m->type : RESIGN_TYPES) {
    case RESIGN_PREPARE:
        return answer_prepare(w, m, f);
    case RESIGN_FINISH:
        return answer_finish(w, m, f);
    case RESIGN_COMMIT:
        return answer_commit(w, m, f);
    case RESIGN_CLOSE:
        resign_forget(f);
        return true;
    default:
        return false;
    }
}

void resign_worker_serve(void *ctx, int socket)
{
    struct worker w = {.r = ctx, .socket = socket};
    static uint8_t bytes[WORKERS_MESSAGE_MAX]; /* a worker is one thread, and its errors fill the stack */
    struct resign_message m;
    size_t len = 0;

    bundle_before_threads();
    while (workers_hear(socket, bytes, &len) && resign_wire_read(view_of(bytes, len), &m) &&
           answer_request(&w, &m))
        ;
    for (size_t i = 0; i < w.r->len; i++)
        resign_forget(&w.r->files[i]);
}
