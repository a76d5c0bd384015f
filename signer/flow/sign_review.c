/* What the operator sees who signs. */
#include "signer/flow/sign_review.h"

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
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
                                                 .mrsigner = s->mrsigner,
                                                 .today = today}};
    }
}

/* ---- above the review ---- */

/* What the policy says of the first sign-data; the others passed the same checks. Whoever is asked sees how
 * many lines hold, and what none looks at; a log has each line. */
static bool list_policy(const struct sign_review *s, struct buf *ret, struct ens_err *err)
{
    bool is_log = s->yes || s->dry_run;

    if (s->policy == NULL)
        return true;
    if (is_log &&
        (!buf_printf(ret, err, "Policy:\n") || !policy_render(&s->requests->items[0].outcome, ret, err)))
        return false;
    return policy_unchecked(s->policy)[0] == '\0' ||
           text_line(ret, err, "%s: %s", is_log ? "  no line checks" : "No line of the policy checks",
                     policy_unchecked(s->policy));
}

static bool list_answers(const struct consent *c, const struct requests *requests, struct buf *ret,
                         struct ens_err *err)
{
    for (size_t i = 0; c->approvals.len > 0 && i < requests->len; i++) {
        if (!text_line(ret, err, "Approvals of %s", requests->items[i].path) ||
            !consent_render(c, requests, i, ret, err))
            return false;
    }
    return true;
}

/* Lines that may scroll away. Whoever is asked about many has the names in the summary. */
static bool list_details(const struct sign_review *s, struct buf *ret, struct ens_err *err)
{
    bool is_told = s->requests->len == 1 || s->yes || s->dry_run;

    for (size_t i = 0; i < s->requests->len; i++) {
        if (s->requests->items[i].is_blind && !notice_is_quiet())
            notice_warn("%s: signing blind: what the digest stands for cannot be reviewed",
                        s->requests->items[i].path);
    }
    return list_policy(s, ret, err) && (!is_told || list_answers(s->consent, s->requests, ret, err));
}

/* ---- the summary ---- */

static bool add_request_files(const struct sign_review *s, struct moment *m, struct ens_err *err)
{
    const struct requests *r = s->requests;
    char hash[REVIEW_SHORT_MAX];
    size_t done = r->len - requests_waiting(r);

    if (r->len > 1)
        return moment_line(m, "Files", err, "%zu, to %s/%s", r->len, s->out_dir,
                           done > 0 ? "; some are signed already, and stay" : "");
    return moment_line(m, "File", err, "%s%s", r->items[0].path, done > 0 ? ", signed already" : "") &&
           moment_line(m, "MRENCLAVE", err, "%s",
                       r->items[0].is_blind
                           ? "unknown"
                           : review_short(sigstruct_get(&r->items[0].css, CSS_ENCLAVEHASH).data, hash));
}

/* The policy: its id, and how many of its lines hold. */
static bool add_policy(const struct sign_review *s, struct moment *m, struct ens_err *err)
{
    const char *path = s->policy_path;
    size_t items = s->requests->len;
    char hash[REVIEW_SHORT_MAX];
    size_t lines = 0;
    size_t hold = 0;

    if (s->policy == NULL)
        return moment_line(m, "Policy", err, "none");
    review_short(policy_id(s->policy), hash);
    if (items > 1)
        return moment_line(m, "Policy", err, "%s %s: holds for all %zu", path, hash, items);
    policy_count(s->policy, &s->requests->items[0].outcome, &lines, &hold);
    return moment_line(m, "Policy", err, "%s %s: %zu of %zu lines hold", path, hash, hold, lines);
}

static bool fill_sign_summary(const struct sign_review *s, struct moment *m, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf who = {0};

    return consent_summary(s->consent, &who, err) && add_request_files(s, m, err) &&
           moment_line(m, s->key_label, err, "%s", s->key_text) &&
           moment_line(m, "Approvals", err, "%.*s", (int)who.len, (const char *)who.data) &&
           add_policy(s, m, err);
}

/* ---- all of it ---- */

/* A key that asks for its PIN for every signature says so before. */
static void say_prompts(const struct sign_review *s, size_t open)
{
    if (s->asks_each && open > 1)
        notice_say("The key asks for its PIN for every signature: %zu more times.", open);
}

bool sign_review(const struct sign_review *s, const char **ret_answer, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep)
    struct review_item *items = mem_alloc(s->requests->len, sizeof *items, err);
    ENS_CLEANUP(buf_free) struct buf details = {0};
    size_t open = requests_waiting(s->requests);
    ENS_CLEANUP(moment_free)
    struct moment m = {.asks = !s->yes && !s->dry_run && open > 0,
                       .items = items,
                       .len = s->requests->len,
                       .mrsigner = s->mrsigner,
                       .verb = "Sign",
                       .done = "signed",
                       .answers = "Type yes to sign: ",
                       .open = open,
                       .wants_words = s->policy != NULL && policy_confirm(s->policy) == POLICY_CONFIRM_WORDS};

    if (items == NULL || !list_details(s, &details, err))
        return false;
    m.details = buf_view(&details);
    fill_review_items(s, items);
    if (!fill_sign_summary(s, &m, err))
        return false;
    say_prompts(s, open);
    if (!moment_show(&m, err))
        return false;
    *ret_answer = !m.asks ? NULL : m.wants_words ? "words" : "yes";
    return !m.asks || moment_ask(&m, err);
}

/* ---- policy and approvals ---- */

bool sign_policy_met(const struct policy *p, const struct requests *requests, struct ens_err *err)
{
    for (size_t i = 0; p != NULL && i < requests->len; i++) {
        if (!policy_met(&requests->items[i].outcome, err))
            return ens_wrap(err, "%s", requests->items[i].path);
    }
    return true;
}

bool sign_check_policy(const struct policy *p, bool is_quorum, bool keeps_transcript, bool asks_person,
                       struct requests *requests, struct ens_err *err)
{
    for (size_t i = 0; p != NULL && i < requests->len; i++) {
        struct request *q = &requests->items[i];

        policy_outcome_begin(p, &q->outcome);
        policy_check_fields(p, q->is_blind ? NULL : &q->css, &q->outcome);
        policy_check_items(p, requests->len, &q->outcome);
        if (!is_quorum)
            policy_check_sole_key(p, &q->outcome);
        policy_check_transcript(p, keeps_transcript, &q->outcome);
        policy_check_confirm(p, asks_person, &q->outcome);
    }
    return sign_policy_met(p, requests, err);
}

bool sign_judge_approvals(const struct sign_approvals *a, struct requests *requests, struct consent *ret,
                          struct ens_err *err)
{
    const uint8_t *mrsigner = a->policy != NULL ? policy_mrsigner(a->policy) : NULL;
    ENS_CLEANUP(buf_free) struct buf text = {0};
    uint8_t named[MRSIGNER_SIZE];

    if (a->mrsigner != NULL) {
        if (!hex_decode_groups(a->mrsigner, "--mrsigner", named, sizeof named, err))
            return false;
        mrsigner = named;
    }
    if (!consent_judge(a->named, a->transcript, a->policy, a->past, mrsigner, ret, err))
        return false;
    if (mrsigner != NULL ? !consent_count(ret, mrsigner, requests, err)
                         : !consent_hopeless(ret, requests, err))
        return false;
    if (sign_policy_met(a->policy, requests, err))
        return true;
    struct ens_err ignored = {0};

    /* Why is told, whatever becomes of the telling. */
    if (list_answers(ret, requests, &text, &ignored))
        notice_text(buf_view(&text));
    return false;
}
