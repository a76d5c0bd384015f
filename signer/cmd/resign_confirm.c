/* What resign asks its operator without --yes: the review of everything that it would sign, and one question.
 */
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/request.h"
#include "signer/cmd/resign.h"
#include "signer/cmd/screen.h"

size_t resign_count(const struct resign *r, bool waiting)
{
    size_t n = 0;

    for (size_t i = 0; i < r->len; i++)
        n += waiting ? resign_file_waiting(&r->files[i]) : r->files[i].len;
    return n;
}

/* One line of the table; its name is its own, as that of a component is made here. */
static bool add_request(const struct resign_file *f, const struct resign_enclave *x, struct requests *to,
                        struct ens_err *err)
{
    struct request *q = &to->items[to->len];

    q->out_path = x->component != NULL ? mem_printf(err, "%s, component %s", f->path, x->component)
                                       : mem_strdup(f->path, err);
    if (q->out_path == NULL)
        return false;
    q->path = q->out_path;
    q->css = x->css;
    memcpy(q->digest, x->digest, sizeof q->digest);
    to->len++;
    return true;
}

static bool list_requests(const struct resign *r, struct requests *ret, struct ens_err *err)
{
    ret->items = mem_alloc(resign_count(r, true), sizeof *ret->items, err);
    if (ret->items == NULL)
        return false;
    for (size_t i = 0; i < r->len; i++) {
        for (size_t k = 0; k < r->files[i].len; k++) {
            const struct resign_enclave *x = &r->files[i].enclaves[k];

            if (x->status == RESIGN_NOT_DONE && !add_request(&r->files[i], x, ret, err))
                return false;
        }
    }
    return true;
}

static bool show(const struct resign *r, const struct requests *list, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf table = {0};
    const struct request *first = &list->items[0];
    const struct review one = {.css = &first->css, .digest = first->digest, .mrsigner = r->signer.mrsigner};

    if (list->len == 1)
        return notice_review(r->args, &one, err);
    if (!requests_render(list, r->signer.mrsigner, &table, err))
        return false;
    notice_text(r->args, buf_view(&table));
    return true;
}

static bool ask(const struct resign *r, size_t n, struct ens_err *err)
{
    char question[80];
    const struct screen_question q = {.text = question, .yes = "yes"};

    if (r->signer.selected->always_authenticate == HSM_YES && n > 1)
        notice_say(r->args, "The key asks for its PIN for every signature: %zu more times.", n);
    if (n == 1)
        (void)snprintf(question, sizeof question, "Sign this? Type yes to sign: ");
    else
        (void)snprintf(question, sizeof question, "Sign these %zu? Type yes to sign: ", n);
    return screen_confirm(&q, r->args->operands[0], "not signed", err);
}

bool resign_confirm(const struct resign *r, struct ens_err *err)
{
    ENS_CLEANUP(requests_free) struct requests list = {0};
    size_t n = resign_count(r, true);

    if (r->args->yes || n == 0)
        return true;
    if (n > REQUESTS_MAX)
        return ens_fail(err, ENS_REFUSED,
                        "%zu enclaves are more than a person can look at: give at most %d, or --yes", n,
                        REQUESTS_MAX);
    return list_requests(r, &list, err) && show(r, &list, err) && ask(r, n, err);
}
