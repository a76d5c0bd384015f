/* show for the files of a ceremony: policy, approvers and revoked as they will be read, with the id that
 * people compare. */
#include <inttypes.h>
#include <stdio.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/ceremony/hand.h"
#include "signer/ceremony/policy.h"
#include "signer/cmd/show/show.h"

#define LABEL_WIDTH 13
#define VALUE_WIDTH 64 /* beside a label of that width: one list entry of 64 digits */

/* These files have lines of their own: what is said of them is indented below their names. */
static void begin_hand(struct report *r, const char *heading, const char *kind, const char *path)
{
    report_kind(r, kind);
    report_line(r, "%s: %s", heading, path);
    report_text(r, "file", NULL, path);
    r->indent = 2;
    r->label_width = LABEL_WIDTH + 1;
}

static void show_sum(struct report *r, const uint8_t sum[static DIGEST_SIZE])
{
    report_hash(r, "sha256", "SHA-256", view_of(sum, DIGEST_SIZE));
}

/* ---- people ---- */

static void show_key(struct report *r, const struct person_key *k, bool is_revoked)
{
    char until[16] = "";

    if (k->until != 0)
        (void)snprintf(until, sizeof until, "%04" PRIx32 "-%02" PRIx32 "-%02" PRIx32, k->until >> 16,
                       k->until >> 8 & 0xff, k->until & 0xff);
    report_line(r, "%s %s%s%s%s%s", k->fingerprint, k->key.type,
                k->verify_required ? ", verify-required" : "", k->until != 0 ? ", until " : "", until,
                is_revoked ? ", REVOKED" : "");
    report_object(r, NULL, NULL, 0);
    report_text(r, "fingerprint", NULL, k->fingerprint);
    report_text(r, "type", NULL, k->key.type);
    report_bool(r, "verify_required", k->verify_required);
    report_text(r, "until", NULL, k->until != 0 ? until : NULL);
    report_bool(r, "revoked", is_revoked);
    report_close(r);
}

static void show_people(struct report *r, const struct people *p, const struct revoked *gone)
{
    report_array(r, "persons", NULL, 0);
    for (size_t i = 0; i < people_keys(p);) {
        size_t person = people_key(p, i)->person;
        const char *name = people_name(p, person);

        report_object(r, NULL, name, 2);
        report_text(r, "name", NULL, name);
        report_array(r, "keys", NULL, 0);
        for (; i < people_keys(p) && people_key(p, i)->person == person; i++)
            show_key(r, people_key(p, i),
                     revoked_has_key(gone, people_key(p, i)->fingerprint) || revoked_has_person(gone, name));
        report_close(r);
        report_close(r);
    }
    report_close(r);
}

static void show_gone(struct report *r, const struct revoked *gone)
{
    report_array(r, "entries", NULL, 0);
    for (size_t i = 0; i < revoked_len(gone); i++) {
        const char *keyword = NULL;
        const char *value = NULL;

        revoked_entry(gone, i, &keyword, &value);
        report_note(r, keyword, "%s", value);
        report_object(r, NULL, NULL, 0);
        report_text(r, "kind", NULL, keyword);
        report_text(r, "value", NULL, value);
        report_close(r);
    }
    report_close(r);
}

/* ---- policy ---- */

/* A long value is broken at its blanks. */
static void show_value(struct report *r, const char *name, const char *value)
{
    size_t left = strlen(value);
    size_t wide = strlen(name) > LABEL_WIDTH ? strlen(name) - LABEL_WIDTH : 0;

    while (left > VALUE_WIDTH - wide) {
        size_t len = VALUE_WIDTH - wide;

        while (len > 0 && value[len] != ' ')
            len--;
        if (len == 0)
            break;
        report_note(r, name, "%.*s", (int)len, value);
        name = "";
        wide = 0;
        value += len + 1;
        left -= len + 1;
    }
    report_note(r, name, "%s", value);
}

static bool show_lines(struct report *r, const struct policy *p, struct ens_err *err)
{
    const char *unchecked = policy_unchecked(p);

    report_object(r, "lines", NULL, 0);
    for (int c = 0; c < POLICY_KEYWORDS; c++) {
        ENS_CLEANUP(buf_free) struct buf value = {0};
        const char *name = policy_name((enum policy_check)c);

        if (!policy_has(p, (enum policy_check)c))
            continue;
        if (!policy_value(p, (enum policy_check)c, &value, err) || !buf_append(&value, view_of("", 1), err))
            return false;
        report_text(r, name, NULL, (const char *)value.data);
        show_value(r, name, (const char *)value.data);
    }
    report_close(r);
    report_text(r, "unchecked", NULL, unchecked);
    if (unchecked[0] != '\0')
        show_value(r, "no line checks", unchecked);
    return true;
}

static void show_policy_file(struct report *r, const struct policy *p, enum policy_check check)
{
    const struct policy_file *f = policy_file(p, check);

    if (f == NULL)
        return;
    r->indent = 0;
    report_line(r, "%s: %s", check == POLICY_APPROVERS ? "Approvers" : "Revoked", f->path);
    report_object(r, policy_name(check), NULL, 2);
    report_text(r, "file", NULL, f->path);
    show_sum(r, f->sha256);
    if (check == POLICY_APPROVERS)
        show_people(r, policy_people(p), policy_revoked(p));
    else
        show_gone(r, policy_revoked(p));
    report_close(r);
}

static bool show_policy(struct report *r, const struct artifact *a, struct ens_err *err)
{
    ENS_CLEANUP(policy_freep) struct policy *p = NULL;

    if (!policy_open_fd(a->fd, a->path, &p, err))
        return false;
    begin_hand(r, "Policy", "policy", a->path);
    report_hash(r, "id", "id", view_of(policy_id(p), DIGEST_SIZE));
    if (!show_lines(r, p, err))
        return false;
    show_policy_file(r, p, POLICY_APPROVERS);
    show_policy_file(r, p, POLICY_REVOKED);
    return true;
}

/* ---- people files by themselves ---- */

static bool show_approvers(struct report *r, const struct artifact *a, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(people_freep) struct people *p = NULL;
    uint8_t sum[DIGEST_SIZE];

    if (!hand_read_fd(a->fd, a->path, &file, err) || !people_parse(buf_view(&file), a->path, &p, err) ||
        !digest_of(DIGEST_SHA256, buf_view(&file), sum, err))
        return false;
    begin_hand(r, "Approvers", "approvers", a->path);
    show_sum(r, sum);
    show_people(r, p, NULL);
    return true;
}

static bool show_revoked(struct report *r, const struct artifact *a, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(revoked_freep) struct revoked *gone = NULL;
    uint8_t sum[DIGEST_SIZE];

    if (!hand_read_fd(a->fd, a->path, &file, err) || !revoked_parse(buf_view(&file), a->path, &gone, err) ||
        !digest_of(DIGEST_SHA256, buf_view(&file), sum, err))
        return false;
    begin_hand(r, "Revoked", "revoked", a->path);
    show_sum(r, sum);
    show_gone(r, gone);
    return true;
}

bool show_ceremony(struct report *r, const struct artifact *a, bool *ret_is, struct ens_err *err)
{
    struct view head = artifact_head(a);

    *ret_is = true;
    if (hand_is(head, "policy"))
        return show_policy(r, a, err);
    if (hand_is(head, "approvers"))
        return show_approvers(r, a, err);
    if (hand_is(head, "revoked"))
        return show_revoked(r, a, err);
    *ret_is = false;
    return true;
}
