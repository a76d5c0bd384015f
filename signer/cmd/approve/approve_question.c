/* approve's question: what the reviewer sees, and the answer. */
#include "signer/cmd/approve/approve.h"

#include "signer/base/date.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/flow/dangers.h"
#include "signer/flow/moment.h"
#include "signer/ui/clock.h"

static bool add_what(const struct approve *r, struct moment *m, struct ens_err *err)
{
    const struct request *q = &r->requests.items[0];
    char mrenclave[REVIEW_SHORT_MAX];

    if (r->requests.len > 1)
        return moment_line(m, "Files", err, "%zu, %s", r->requests.len,
                           r->rebuilds.len > 0 ? "all rebuilt by you" : "NOT rebuilt by you");
    review_short(sigstruct_get(&q->css, CSS_ENCLAVEHASH).data, mrenclave);
    return moment_line(m, "File", err, "%s", q->path) &&
           (r->build != NULL
                ? moment_line(m, "MRENCLAVE", err, "%s, as rebuilt from %s", mrenclave, r->build->path)
                : moment_line(m, "MRENCLAVE", err, "%s, NOT rebuilt by you", mrenclave));
}

/* What stands right above the question. */
static bool summarise(const struct approve *r, struct moment *m, struct ens_err *err)
{
    const struct statement *s = &r->statement;
    char mrsigner[REVIEW_SHORT_MAX];
    struct date d = {0};

    review_short(s->mrsigner, mrsigner);
    if (!add_what(r, m, err) ||
        !moment_line(m, "Signer", err, "MRSIGNER %s, from %s", mrsigner,
                     r->args->pubkey != NULL ? r->args->pubkey : "--mrsigner") ||
        !moment_line(m, "You", err, "%s%s%s", r->signer.comment, r->signer.comment[0] != '\0' ? ", " : "",
                     s->by))
        return false;
    if (!s->is_yes)
        return moment_line(m, "Answer", err, "no, without an end");
    return date_of_bcd(s->until, &d) &&
           moment_line(m, "Valid", err, "until %04u-%02u-%02u", d.year, d.month, d.day);
}

static void fill_review(const struct approve *r, struct review_item *ret)
{
    uint32_t today = clock_danger_day();

    for (size_t i = 0; i < r->requests.len; i++) {
        const struct request *q = &r->requests.items[i];

        ret[i] = (struct review_item){
            .name = q->path,
            .review = {
                .css = &q->css, .digest = q->digest, .mrsigner = r->statement.mrsigner, .today = today}};
    }
}

/* Shows it, and asks, unless --yes answers. */
static bool show_question(const struct approve *r, enum screen_answer *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep)
    struct review_item *items = mem_alloc(r->requests.len, sizeof *items, err);
    ENS_CLEANUP(mem_freep) char *note = NULL;
    bool yes = r->statement.is_yes;
    ENS_CLEANUP(moment_free)
    struct moment m = {.asks = !r->args->yes,
                       .items = items,
                       .len = r->requests.len,
                       .open = r->requests.len,
                       .mrsigner = r->requests.len > 1 ? r->statement.mrsigner : NULL,
                       .verb = yes ? "Approve" : "Reject",
                       .done = yes ? "approved" : "rejected",
                       .answers = yes ? "Type yes to approve, or no to reject: " : "Type yes to reject: "};

    if (items == NULL)
        return false;
    fill_review(r, items);
    if (r->build != NULL && r->requests.len == 1) {
        note = mem_printf(err, "the same in your build of %s", r->build->path);
        if (note == NULL)
            return false;
        m.note = note;
    }
    *ret = SCREEN_YES;
    return summarise(r, &m, err) && moment_show(&m, err) && (!m.asks || moment_answer(&m, ret, err));
}

static bool fail_answer(const struct approve *r, enum screen_answer answer, struct ens_err *err)
{
    return ens_fail(err, ENS_REFUSED, "%s: nothing was written: the answer was %s", r->line->operands[0],
                    answer == SCREEN_NO ? "no" : "not yes");
}

/* A no to the question may be one for the room. */
static bool confirm_rejection(struct approve *r, struct ens_err *err)
{
    static const struct screen_question question = {.text = "Write a rejection? Type yes: ", .yes = "yes"};
    enum screen_answer answer = SCREEN_UNCLEAR;

    if (!screen_ask(&question, &answer, err))
        return false;
    r->statement.is_yes = false;
    r->statement.until = 0;
    return answer == SCREEN_YES || fail_answer(r, answer, err);
}

bool approve_confirm(struct approve *r, struct ens_err *err)
{
    enum screen_answer answer = SCREEN_NO;

    if (!show_question(r, &answer, err))
        return false;
    if (answer == SCREEN_NO && r->statement.is_yes)
        return confirm_rejection(r, err);
    return answer == SCREEN_YES || fail_answer(r, answer, err);
}
