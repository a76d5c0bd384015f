/* The review as JSON; of people in text as well. */
#include "signer/flow/consent_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/flow/approval_report.h"
#include "signer/ui/clock.h"

static void report_file(struct report *r, const char *key, const struct policy_file *f)
{
    if (f == NULL) {
        report_null(r, key);
        return;
    }
    report_object(r, key, NULL, 0);
    report_text(r, "file", NULL, f->path);
    report_hex(r, "sha256", NULL, view_of(f->sha256, DIGEST_SIZE));
    report_close(r);
}

/* ---- people ---- */

/* In text a key is revoked if its person is. */
static void report_key(struct report *r, const struct person_key *k, const struct revoked *gone,
                       bool has_text, bool is_person_revoked)
{
    bool is_revoked = revoked_has_key(gone, k->fingerprint);
    char until[16] = "";

    if (k->until != 0)
        (void)snprintf(until, sizeof until, "%08" PRIx32, k->until);
    if (has_text)
        report_line(r, "  %s %s%s%s%s%s", k->fingerprint, k->key.type,
                    k->verify_required ? " verify-required" : "", k->until != 0 ? " until=" : "", until,
                    is_revoked || is_person_revoked ? " REVOKED" : "");
    report_object(r, NULL, NULL, 0);
    report_text(r, "key", NULL, k->fingerprint);
    report_text(r, "type", NULL, k->key.type);
    report_bool(r, "verify_required", k->verify_required);
    report_text(r, "until", NULL, k->until != 0 ? until : NULL);
    report_bool(r, "revoked", is_revoked);
    report_close(r);
}

static void report_people(struct report *r, const struct policy *p, bool has_text)
{
    const struct people *people = policy_people(p);
    size_t len = people != NULL ? people_keys(people) : 0;

    report_array(r, "people", NULL, 0);
    for (size_t i = 0; i < len;) {
        size_t person = people_key(people, i)->person;
        const char *name = people_name(people, person);
        bool is_revoked = revoked_has_person(policy_revoked(p), name);

        if (has_text)
            report_line(r, "person %s", name);
        report_object(r, NULL, NULL, 0);
        report_text(r, "person", NULL, name);
        report_bool(r, "revoked", is_revoked);
        report_array(r, "keys", NULL, 0);
        for (; i < len && people_key(people, i)->person == person; i++)
            report_key(r, people_key(people, i), policy_revoked(p), has_text, is_revoked);
        report_close(r);
        report_close(r);
    }
    report_close(r);
}

void consent_report_policy(struct report *r, const char *path, const struct policy *p,
                           const struct requests *requests)
{
    size_t lines = 0;
    size_t hold = 0;
    struct policy_outcome none = {0};

    report_kind(r, "review");
    if (p == NULL) {
        report_null(r, "policy");
        return;
    }
    policy_outcome_begin(p, &none);
    policy_count(p, requests->len > 0 ? &requests->items[0].outcome : &none, &lines, &hold);
    /* Of several sign-data the one for which the fewest hold. */
    for (size_t i = 0; i < requests->len; i++) {
        size_t these = 0;

        policy_count(p, &requests->items[i].outcome, &lines, &these);
        hold = these < hold ? these : hold;
    }
    report_object(r, "policy", NULL, 0);
    report_text(r, "file", NULL, path);
    report_hex(r, "id", NULL, view_of(policy_id(p), DIGEST_SIZE));
    report_uint(r, "lines", NULL, lines);
    report_uint(r, "hold", NULL, hold);
    report_text(r, "not_checked", NULL, policy_unchecked(p));
    report_file(r, "approvers", policy_file(p, POLICY_APPROVERS));
    report_file(r, "revoked", policy_file(p, POLICY_REVOKED));
    report_people(r, p, requests->len == 0);
    report_close(r);
}

/* ---- items ---- */

static void report_names(struct report *r, const char *key, const struct policy *p, const bool *persons)
{
    report_array(r, key, NULL, 0);
    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        if (persons[i])
            report_text(r, NULL, NULL, people_name(policy_people(p), i));
    }
    report_close(r);
}

static void report_tally(struct report *r, const struct policy *p, const struct approval_tally *t)
{
    report_object(r, "approvals", NULL, 0);
    report_uint(r, "wanted", NULL, policy_approvals(p));
    report_uint(r, "count", NULL, t->counted);
    report_uint(r, "rebuilt_wanted", NULL, policy_rebuilt(p));
    report_uint(r, "rebuilt", NULL, t->rebuilt_counted);
    report_names(r, "by", p, t->yes);
    report_names(r, "rejected_by", p, t->no);
    report_close(r);
}

static void report_checks(struct report *r, const struct policy_outcome *outcome)
{
    report_array(r, "checks", NULL, 0);
    for (int k = 0; k < POLICY_CHECKS; k++) {
        if (outcome->rows[k].result == POLICY_ABSENT)
            continue;
        report_object(r, NULL, NULL, 0);
        report_text(r, "keyword", NULL, policy_name((enum policy_check)k));
        report_text(r, "result", NULL, policy_result_name(outcome->rows[k].result));
        report_text(r, "text", NULL, outcome->rows[k].text);
        report_close(r);
    }
    report_close(r);
}

void consent_report_found(const struct request *q, const uint8_t *mrsigner, struct findings *ret)
{
    review_dangers(&(struct review){.css = q->is_blind ? NULL : &q->css,
                                    .digest = q->digest,
                                    .mrsigner = mrsigner,
                                    .today = clock_danger_day()},
                   ret);
}

static void report_dangers(struct report *r, const struct request *q, const uint8_t *mrsigner)
{
    struct findings found = {0};

    consent_report_found(q, mrsigner, &found);
    review_danger_report(&found, r);
}

void consent_report_item(struct report *r, const struct request *q, size_t index, const struct consent *c,
                         const uint8_t *mrsigner)
{
    report_text(r, "file", NULL, q->path);
    report_hex(r, "digest", NULL, view_of(q->digest, DIGEST_SIZE));
    report_hex(r, "mrenclave", NULL,
               q->is_blind ? view_of(NULL, 0) : sigstruct_get(&q->css, CSS_ENCLAVEHASH));
    review_item_facts(q->is_blind ? NULL : &q->css, r);
    report_dangers(r, q, mrsigner);
    report_checks(r, &q->outcome);
    if (c->tallies != NULL)
        report_tally(r, c->policy, &c->tallies[index]);
    else
        report_null(r, "approvals");
}

bool consent_report_set(struct report *r, const struct requests *requests, struct ens_err *err)
{
    size_t len = requests->len;
    ENS_CLEANUP(buf_free) struct buf lines = {0};
    ENS_CLEANUP(mem_freep) struct review_item *items = mem_alloc(len, sizeof *items, err);
    uint8_t digest[DIGEST_SIZE];

    if (items == NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        items[i].review.digest = requests->items[i].digest;
    if (len > 1 && (!review_table_set(&(struct review_table){.items = items, .len = len}, &lines, err) ||
                    !review_set_digest(items, len, digest, err)))
        return false;
    report_lines(r, buf_view(&lines));
    report_hex(r, "set_digest", NULL, len > 1 ? view_of(digest, sizeof digest) : view_of(NULL, 0));
    return true;
}

void consent_report_approvals(struct report *r, const struct consent *c)
{
    report_array(r, "approvals", NULL, 0);
    for (size_t i = 0; i < c->approvals.len; i++) {
        const struct approval_row *row = &c->approvals.rows[i];

        report_object(r, NULL, NULL, 0);
        report_text(r, "file", NULL, row->path);
        report_text(r, "verdict", NULL, approval_word(row->verdict));
        report_text(r, "person", NULL, row->person);
        approval_report(&row->approval, r);
        report_close(r);
    }
    report_close(r);
}
