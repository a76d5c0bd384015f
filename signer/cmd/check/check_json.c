/* check --json. */
#include "signer/cmd/check/check.h"

#include <inttypes.h>
#include <stdio.h>

#include "signer/base/hex.h"

static void add_file(struct doc *at, const char *key, const struct policy_file *f)
{
    if (f == NULL) {
        doc_text(at, key, NULL);
        return;
    }
    struct doc *file = doc_object(at, key);

    doc_text(file, "file", f->path);
    doc_hex(file, "sha256", view_of(f->sha256, DIGEST_SIZE));
}

static void add_day(struct doc *at, const char *key, uint32_t bcd)
{
    char day[9];

    (void)snprintf(day, sizeof day, "%08" PRIx32, bcd);
    doc_text(at, key, bcd != 0 ? day : NULL);
}

static void add_people(struct doc *at, const struct policy *p)
{
    const struct people *people = policy_people(p);
    struct doc *list = doc_array(at, "people");
    struct doc *keys = NULL;
    size_t last = PEOPLE_MAX;

    for (size_t i = 0; people != NULL && i < people_keys(people); i++) {
        const struct person_key *k = people_key(people, i);
        const char *name = people_name(people, k->person);

        if (k->person != last) {
            struct doc *person = doc_object(list, NULL);

            doc_text(person, "person", name);
            doc_bool(person, "revoked", revoked_has_person(policy_revoked(p), name));
            keys = doc_array(person, "keys");
        }
        last = k->person;
        struct doc *key = doc_object(keys, NULL);

        doc_text(key, "key", k->fingerprint);
        doc_text(key, "type", k->key.type);
        doc_bool(key, "verify_required", k->verify_required);
        add_day(key, "until", k->until);
        doc_bool(key, "revoked", revoked_has_key(policy_revoked(p), k->fingerprint));
    }
}

void check_json_policy(struct doc *at, const char *path, const struct policy *p, const struct requests *r)
{
    size_t lines = 0;
    size_t hold = 0;
    struct policy_outcome none = {0};

    doc_text(at, "kind", "check");
    doc_int(at, "format", 1);
    policy_outcome_begin(p, &none);
    policy_count(p, r->len > 0 ? &r->items[0].outcome : &none, &lines, &hold);
    /* Of several sign-data the one for which the fewest hold. */
    for (size_t i = 0; i < r->len; i++) {
        size_t these = 0;

        policy_count(p, &r->items[i].outcome, &lines, &these);
        hold = these < hold ? these : hold;
    }
    struct doc *policy = doc_object(at, "policy");

    doc_text(policy, "file", path);
    doc_hex(policy, "id", view_of(policy_id(p), DIGEST_SIZE));
    doc_int(policy, "lines", lines);
    doc_int(policy, "hold", hold);
    doc_text(policy, "not_checked", policy_unchecked(p));
    add_file(policy, "approvers", policy_file(p, POLICY_APPROVERS));
    add_file(policy, "revoked", policy_file(p, POLICY_REVOKED));
    add_people(policy, p);
}

static void add_names(struct doc *at, const char *key, const struct policy *p, const bool *persons)
{
    struct doc *list = doc_array(at, key);

    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        if (persons[i])
            doc_text(list, NULL, people_name(policy_people(p), i));
    }
}

static void add_tally(struct doc *at, const struct policy *p, const struct approval_tally *t)
{
    struct doc *a = doc_object(at, "approvals");

    doc_int(a, "wanted", policy_approvals(p));
    doc_int(a, "count", t->counted);
    doc_int(a, "rebuilt_wanted", policy_rebuilt(p));
    doc_int(a, "rebuilt", t->rebuilt_counted);
    add_names(a, "by", p, t->yes);
    add_names(a, "rejected_by", p, t->no);
}

void check_json_items(struct doc *at, const struct requests *r, const struct consent *c)
{
    struct doc *items = doc_array(at, "items");

    for (size_t i = 0; i < r->len; i++) {
        const struct request *q = &r->items[i];
        struct doc *item = doc_object(items, NULL);

        doc_text(item, "file", q->path);
        doc_hex(item, "digest", view_of(q->digest, DIGEST_SIZE));
        if (q->is_blind)
            doc_text(item, "mrenclave", NULL);
        else
            doc_hex(item, "mrenclave", sigstruct_get(&q->css, CSS_ENCLAVEHASH));
        struct doc *checks = doc_array(item, "checks");

        for (int k = 0; k < POLICY_CHECKS; k++) {
            if (q->outcome.rows[k].result == POLICY_ABSENT)
                continue;
            struct doc *check = doc_object(checks, NULL);

            doc_text(check, "keyword", policy_name((enum policy_check)k));
            doc_text(check, "result", policy_result_name(q->outcome.rows[k].result));
            doc_text(check, "text", q->outcome.rows[k].text);
        }
        if (c->tallies != NULL)
            add_tally(item, c->policy, &c->tallies[i]);
        else
            doc_text(item, "approvals", NULL);
    }
}

void check_json_statement(struct doc *at, const struct approval *a)
{
    const struct statement *s = &a->statement;

    if (a->has_statement)
        doc_hex(at, "id", view_of(a->id, DIGEST_SIZE));
    else
        doc_text(at, "id", NULL);
    doc_text(at, "key", a->key[0] != '\0' ? a->key : NULL);
    doc_text(at, "answer", !a->has_statement ? NULL : s->is_yes ? "yes" : "no");
    struct doc *items = doc_array(at, "items");

    for (size_t i = 0; i < s->items_len; i++) {
        struct doc *item = doc_object(items, NULL);

        doc_hex(item, "digest", view_of(s->items[i].digest, DIGEST_SIZE));
        if (s->items[i].is_rebuilt)
            doc_hex(item, "rebuilt", view_of(s->items[i].rebuilt, DIGEST_SIZE));
        else
            doc_text(item, "rebuilt", NULL);
    }
    if (a->has_statement)
        doc_hex(at, "mrsigner", view_of(s->mrsigner, MRSIGNER_SIZE));
    else
        doc_text(at, "mrsigner", NULL);
    add_day(at, "until", s->until);
    if (s->has_replaces)
        doc_hex(at, "replaces", view_of(s->replaces, DIGEST_SIZE));
    else
        doc_text(at, "replaces", NULL);
    doc_text(at, "note", s->note[0] != '\0' ? s->note : NULL);
}

void check_json_approvals(struct doc *at, const struct consent *c)
{
    struct doc *list = doc_array(at, "approvals");

    for (size_t i = 0; i < c->approvals.len; i++) {
        const struct approval_row *row = &c->approvals.rows[i];
        struct doc *approval = doc_object(list, NULL);

        doc_text(approval, "file", row->path);
        doc_text(approval, "verdict", approval_word(row->verdict));
        doc_text(approval, "person", row->person);
        check_json_statement(approval, &row->approval);
    }
}
