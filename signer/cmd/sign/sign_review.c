/* What sign's operator sees. */
#include "signer/cmd/sign/sign.h"

#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/flow/moment.h"
#include "signer/ui/clock.h"
#include "signer/ui/notice.h"

static void fill_review_items(const struct sign_review *s, struct review_item *ret)
{
    uint32_t today = clock_danger_day();

    for (size_t i = 0; i < s->requests->len; i++) {
        const struct request *q = &s->requests->items[i];

        ret[i] = (struct review_item){.name = q->path,
                                      .is_done = q->is_done,
                                      .review = {.css = q->is_blind ? NULL : &q->css,
                                                 .digest = q->digest,
                                                 .mrsigner = s->signer->mrsigner,
                                                 .today = today}};
    }
}

/* ---- the summary ---- */

static bool add_request_files(const struct sign_review *s, struct moment *m, struct ens_err *err)
{
    const struct requests *r = s->requests;
    char hash[REVIEW_SHORT_MAX];
    size_t done = r->len - requests_waiting(r);

    if (r->len > 1)
        return moment_line(m, "Files", err, "%zu, to %s/%s", r->len, s->args->out_dir,
                           done > 0 ? "; some are signed already, and stay" : "");
    return moment_line(m, "File", err, "%s%s", r->items[0].path, done > 0 ? ", signed already" : "") &&
           moment_line(m, "MRENCLAVE", err, "%s",
                       r->items[0].is_blind
                           ? "unknown"
                           : review_short(sigstruct_get(&r->items[0].css, CSS_ENCLAVEHASH).data, hash));
}

static bool add_key(const struct sign_review *s, struct moment *m, struct ens_err *err)
{
    const struct hsm_token *t = s->signer->token.token;

    return moment_line(m, "Key", err, "%s, token %s, serial %s", s->signer->selected->label, t->label,
                       t->serial);
}

static bool fill_sign_summary(const struct sign_review *s, struct moment *m, struct ens_err *err)
{
    return add_request_files(s, m, err) && add_key(s, m, err) &&
           moment_line(m, "Approvals", err, "%.*s", (int)s->consent.len, (const char *)s->consent.data) &&
           moment_policy(m, s->policy, s->args->policy, &s->requests->items[0].outcome, s->requests->len,
                         err);
}

/* ---- all of it ---- */

/* A key that asks for its PIN for every signature says so before. */
static void say_prompts(const struct sign_review *s, size_t open)
{
    if (s->signer->selected->always_authenticate == HSM_YES && open > 1)
        notice_say("The key asks for its PIN for every signature: %zu more times.", open);
}

bool sign_review(const struct sign_review *s, const char **ret_answer, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep)
    struct review_item *items = mem_alloc(s->requests->len, sizeof *items, err);
    size_t open = requests_waiting(s->requests);
    ENS_CLEANUP(moment_free)
    struct moment m = {.asks = !s->args->yes && !s->args->dry_run && open > 0,
                       .items = items,
                       .len = s->requests->len,
                       .mrsigner = s->signer->mrsigner,
                       .verb = "Sign",
                       .done = "signed",
                       .answers = "Type yes to sign: ",
                       .open = open,
                       .wants_words = s->policy != NULL && policy_confirm(s->policy) == POLICY_CONFIRM_WORDS,
                       .details = s->details};

    if (items == NULL)
        return false;
    fill_review_items(s, items);
    if (!fill_sign_summary(s, &m, err))
        return false;
    say_prompts(s, open);
    if (!moment_show(&m, err))
        return false;
    *ret_answer = !m.asks ? NULL : m.wants_words ? "words" : "yes";
    return !m.asks || moment_ask(&m, err);
}
