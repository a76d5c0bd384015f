/* Without --yes resign asks its operator: the review of everything that it would sign, and one question. */
#include <inttypes.h>

#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/resign/resign.h"
#include "signer/flow/moment.h"
#include "signer/flow/request.h"

size_t resign_count(const struct resign *r, bool waiting)
{
    size_t n = 0;

    for (size_t i = 0; i < r->len; i++)
        n += waiting ? resign_waiting(&r->files[i]) : r->files[i].len;
    return n;
}

void resign_review(const struct resign *r, const struct resign_enclave *x, struct review *ret)
{
    *ret = (struct review){.css = &x->css,
                           .digest = x->digest,
                           .mrsigner = r->signer.mrsigner,
                           .bit32 = r->args->fields.params.bit32,
                           .today = r->day,
                           .before = x->has_before ? &x->before : NULL,
                           .measured = x->measured};
}

/* The items of the screen, and their names, which are made here: a file, or a component of one. */
struct waiting {
    struct review_item *items;
    char **names;
    size_t len;
};

static void waiting_free(struct waiting *w)
{
    for (size_t i = 0; i < w->len; i++)
        mem_free(w->names[i]);
    mem_free(w->names);
    mem_free(w->items);
}

static bool add_waiting(const struct resign *r, const struct resign_file *f, const struct resign_enclave *x,
                        struct waiting *to, struct ens_err *err)
{
    char *name =
        x->component != NULL ? mem_printf(err, "%s %s", f->path, x->component) : mem_strdup(f->path, err);

    if (name == NULL)
        return false;
    to->names[to->len] = name;
    to->items[to->len].name = name;
    to->items[to->len].same_signer = x->same_signer;
    resign_review(r, x, &to->items[to->len].review);
    to->len++;
    return true;
}

static size_t count_files(const struct resign *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->len; i++)
        n += resign_waiting(&r->files[i]) > 0;
    return n;
}

static bool list_waiting(const struct resign *r, struct waiting *ret, struct ens_err *err)
{
    size_t n = resign_count(r, true);

    ret->items = mem_alloc(n, sizeof *ret->items, err);
    ret->names = ret->items != NULL ? mem_alloc(n, sizeof *ret->names, err) : NULL;
    if (ret->names == NULL)
        return false;
    for (size_t i = 0; i < r->len; i++) {
        for (size_t k = 0; k < r->files[i].len; k++) {
            const struct resign_enclave *x = &r->files[i].enclaves[k];

            if (x->status == RESIGN_NOT_DONE && !add_waiting(r, &r->files[i], x, ret, err))
                return false;
        }
    }
    return true;
}

/* ---- the summary ---- */

static bool add_files(const struct resign *r, const struct waiting *w, struct moment *m, struct ens_err *err)
{
    const char *where = r->args->out_dir != NULL ? "copies to " : "in place";
    const char *dir = r->args->out_dir != NULL ? r->args->out_dir : "";
    const char *slash = r->args->out_dir != NULL ? "/" : "";
    const struct review *first = &w->items[0].review;
    char hash[REVIEW_SHORT_MAX];

    if (w->len > 1)
        return moment_line(m, "Files", err, "%zu, %s%s%s", m->files, where, dir, slash);
    if (!moment_line(m, "File", err, "%s, %s%s%s", w->items[0].name, where, dir, slash))
        return false;
    review_short(sigstruct_get(first->css, CSS_ENCLAVEHASH).data, hash);
    if (first->before == NULL)
        return moment_line(m, "MRENCLAVE", err, "%s, not signed yet", hash);
    return moment_line(m, "MRENCLAVE", err, "%s, ISVSVN %" PRIu64 " -> %" PRIu64 ", signer now: %s", hash,
                       sigstruct_get_int(first->before, CSS_ISVSVN),
                       sigstruct_get_int(first->css, CSS_ISVSVN),
                       w->items[0].same_signer ? "the same" : "another key");
}

/* resign takes no approvals: a policy that asks for them is refused before. */
static bool fill_summary(const struct resign *r, const struct waiting *w, struct moment *m,
                         struct ens_err *err)
{
    const struct hsm_token *t = r->signer.token.token;
    char hash[REVIEW_SHORT_MAX];

    if (!add_files(r, w, m, err) ||
        !moment_line(m, "Key", err, "%s, token %s, serial %s", r->signer.selected->label, t->label,
                     t->serial) ||
        !moment_line(m, "Approvals", err, "none: resign never takes approvals"))
        return false;
    if (r->policy == NULL)
        return moment_line(m, "Policy", err, "none");
    review_short(policy_id(r->policy), hash);
    return w->len > 1
               ? moment_line(m, "Policy", err, "%s %s: holds for all %zu", r->args->policy, hash, w->len)
               : moment_line(m, "Policy", err, "%s %s: holds", r->args->policy, hash);
}

static bool wants_words(const struct resign *r)
{
    return r->policy != NULL && policy_confirm(r->policy) == POLICY_CONFIRM_WORDS;
}

const char *resign_answer(const struct resign *r)
{
    return wants_words(r) ? "words" : "yes";
}

static bool ask_operator(const struct resign *r, const struct waiting *w, struct ens_err *err)
{
    ENS_CLEANUP(moment_free)
    struct moment m = {.asks = true,
                       .items = w->items,
                       .len = w->len,
                       .mrsigner = r->signer.mrsigner,
                       .resigns = true,
                       .files = count_files(r),
                       .verb = "Sign",
                       .done = "signed",
                       .answers = "Type yes to sign: ",
                       .open = w->len,
                       .wants_words = wants_words(r)};

    if (!fill_summary(r, w, &m, err))
        return false;
    if (r->signer.selected->always_authenticate == HSM_YES && w->len > 1)
        notice_say("The key asks for its PIN for every signature: %zu more times.", w->len);
    return moment_show(&m, err) && moment_ask(&m, err);
}

bool resign_confirm(const struct resign *r, struct ens_err *err)
{
    ENS_CLEANUP(waiting_free) struct waiting w = {0};
    size_t n = resign_count(r, true);

    if (r->args->yes || n == 0)
        return true;
    if (n > REQUESTS_MAX)
        return ens_fail(err, ENS_REFUSED,
                        "%zu enclaves are more than a person can look at: give at most %d, or --yes", n,
                        REQUESTS_MAX);
    return list_waiting(r, &w, err) && ask_operator(r, &w, err);
}
