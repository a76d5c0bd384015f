/* What stands in a record between its beginning and its end: what is to be signed, by which rules, with which
 * key, and who said yes. */
#include "signer/flow/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/flow/child_env.h"
#include "signer/flow/consent.h"
#include "signer/ui/clock.h"
#include "signer/ui/screen.h"

/* ---- what is to be signed ---- */

/* "NAME=VALUE", an integer as it is read: its bytes are little-endian in the structure. */
#define FIELD_TEXT 128 /* "NAME=", 64 digits */
static void format_field(const struct sigstruct *css, enum css_field field, char ret[static FIELD_TEXT])
{
    uint8_t bytes[32] = {0};
    struct view v = sigstruct_get(css, field);
    char hex[2 * sizeof bytes + 1];

    if (css_table[field].kind == CSS_INTEGER) {
        bytes_reverse(bytes, v.data, v.len);
        v.data = bytes;
    }
    hex_encode(hex, v);
    (void)snprintf(ret, FIELD_TEXT, "%s=%s", css_table[field].name, hex);
}

void record_fields(struct transcript *t, size_t item, const struct sigstruct *css)
{
    char values[CSS_FIELDS][FIELD_TEXT];
    const char *words[CSS_FIELDS + 1];
    char number[24];
    size_t len = 1;

    (void)snprintf(number, sizeof number, "%zu", item);
    words[0] = number;
    for (int f = 0; f < CSS_FIELDS; f++) {
        if (!css_table[f].is_signed || css_table[f].kind == CSS_RESERVED || css_table[f].kind == CSS_FIXED)
            continue;
        format_field(css, (enum css_field)f, values[f]);
        words[len++] = values[f];
    }
    transcript_words(t, "fields", words, len, false);
}

void record_requests(struct transcript *t, const struct requests *r)
{
    for (size_t i = 0; t != NULL && i < r->len; i++) {
        if (!r->items[i].is_blind)
            record_fields(t, i + 1, &r->items[i].css);
    }
}

bool record_items(const struct requests *r, const char *output, bool dry_run, struct transcript_item **ret,
                  struct ens_err *err)
{
    struct transcript_item *items = mem_alloc(r->len, sizeof *items, err);

    if (items == NULL)
        return false;
    for (size_t i = 0; i < r->len; i++) {
        const struct request *q = &r->items[i];

        items[i] = (struct transcript_item){.what = q->is_blind ? "digest" : "sign-data",
                                            .file = q->path,
                                            .output = dry_run               ? ""
                                                      : q->out_path != NULL ? q->out_path
                                                      : output != NULL      ? output
                                                                            : "-"};
        memcpy(items[i].digest, q->digest, sizeof items[i].digest);
    }
    *ret = items;
    return true;
}

void record_results(const struct requests *r, struct transcript_result *ret)
{
    struct ens_err why = {0};

    for (size_t i = 0; i < r->len; i++) {
        const struct request *q = &r->items[i];

        ret[i].end = q->is_done      ? TRANSCRIPT_KEPT
                     : q->is_written ? TRANSCRIPT_WRITTEN
                     : q->is_signed  ? TRANSCRIPT_UNWRITTEN
                     : q->is_tried   ? TRANSCRIPT_FAILED
                                     : TRANSCRIPT_NOT_TRIED;
        /* A digest fails for lack of memory only: then it is not known what was written. */
        if ((q->is_done || q->is_signed) &&
            !digest_of(DIGEST_SHA256, view_of(q->signature, sizeof q->signature), ret[i].sha256, &why))
            ret[i].end = TRANSCRIPT_FAILED;
    }
}

/* ---- by which rules ---- */

/* Says the row the same of every request? */
static bool is_common(const struct requests *r, int check)
{
    for (size_t i = 1; i < r->len; i++) {
        if (r->items[i].outcome.rows[check].result != r->items[0].outcome.rows[check].result ||
            strcmp(r->items[i].outcome.rows[check].text, r->items[0].outcome.rows[check].text) != 0)
            return false;
    }
    return true;
}

static void record_check(struct transcript *t, const char *item, int check, const struct policy_outcome *o)
{
    const char *const words[] = {item, policy_name((enum policy_check)check),
                                 policy_result_name(o->rows[check].result), o->rows[check].text};

    if (o->rows[check].result != POLICY_ABSENT)
        transcript_words(t, "check", words, 4, true);
}

void record_policy_files(struct transcript *t, const char *path, const struct policy *p, size_t lines,
                         size_t hold)
{
    static const enum policy_check files[] = {POLICY_APPROVERS, POLICY_REVOKED};
    const struct hex id = hex_of(view_of(policy_id(p), DIGEST_SIZE));
    char counts[2][24];

    (void)snprintf(counts[0], sizeof counts[0], "%zu", lines);
    (void)snprintf(counts[1], sizeof counts[1], "%zu", hold);
    transcript_put(t, "policy", path, id.text, counts[0], counts[1]);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const struct policy_file *f = policy_file(p, files[i]);

        if (f == NULL)
            continue;
        const struct hex sha256 = hex_of(view_of(f->sha256, sizeof f->sha256));

        transcript_put(t, policy_name(files[i]), f->path, sha256.text);
    }
}

/* How many lines there are, and how many hold for every item. */
static void count_policy_lines(const struct policy *p, const struct requests *r, size_t *ret_lines,
                               size_t *ret_hold)
{
    for (size_t i = 0; i < r->len; i++) {
        size_t own = 0;

        policy_count(p, &r->items[i].outcome, ret_lines, &own);
        *ret_hold = i == 0 || own < *ret_hold ? own : *ret_hold;
    }
}

static void record_policy(struct transcript *t, const char *path, const struct policy *p,
                          const struct requests *r)
{
    char number[24];
    size_t lines = 0;
    size_t hold = 0;

    if (t == NULL || p == NULL)
        return;
    count_policy_lines(p, r, &lines, &hold);
    record_policy_files(t, path, p, lines, hold);
    for (int c = 0; c < POLICY_CHECKS; c++) {
        bool common = r->len > 1 && is_common(r, c);

        for (size_t i = 0; i < (common ? 1 : r->len); i++) {
            (void)snprintf(number, sizeof number, "%zu", i + 1);
            record_check(t, common ? "" : number, c, &r->items[i].outcome);
        }
    }
}

/* ---- what the people say ---- */

static void record_rejection(struct transcript *t, const struct approval_row *row, const struct request *q)
{
    const struct hex digest = hex_of(view_of(q->digest, DIGEST_SIZE));
    const struct hex mrsigner = hex_of(view_of(row->approval.statement.mrsigner, MRSIGNER_SIZE));
    const struct hex id = hex_of(view_of(row->approval.id, DIGEST_SIZE));

    transcript_put(t, "rejection", digest.text, mrsigner.text, row->person, id.text, row->approval.key);
}

static void record_approvals(struct transcript *t, const struct consent *c, const struct requests *r)
{
    if (t != NULL && c->approvals.len > 0)
        record_file(t, "ssh-keygen", child_env_ssh_keygen);
    for (size_t i = 0; i < c->approvals.len; i++) {
        const struct approval_row *row = &c->approvals.rows[i];
        char id[2 * DIGEST_SIZE + 1] = "";

        if (row->approval.has_statement)
            hex_encode(id, view_of(row->approval.id, DIGEST_SIZE));
        transcript_put(t, "approval", row->path, approval_word(row->verdict), row->person, id,
                       row->approval.key);
        for (size_t j = 0; row->verdict == APPROVAL_NO && j < r->len; j++) {
            if (statement_find(&row->approval.statement, r->items[j].digest) != NULL &&
                !approval_is_replaced(&c->approvals, row, r->items[j].digest))
                record_rejection(t, row, &r->items[j]);
        }
    }
}

void record_rules(struct transcript *t, const char *path, const struct policy *p, const struct consent *c,
                  const struct requests *r, bool *is_recorded)
{
    if (!*is_recorded) {
        record_policy(t, path, p, r);
        record_approvals(t, c, r);
    }
    *is_recorded = true;
}

/* ---- with which key ---- */

static const char *pin_kind(const struct token_session *s)
{
    if (s->token->pin_pad)
        return "pinpad";
    if (s->pin_source == NULL || strcmp(s->pin_source, "tty") == 0)
        return "tty";
    return strncmp(s->pin_source, "fd:", 3) == 0 ? "fd" : "file";
}

/* The claims that hold, by the names of ensign(5); one that the token says nothing of has a '?'. */
static void record_claims(struct transcript *t, const struct hsm_key *key)
{
    const struct {
        const char *yes, *unknown;
        enum hsm_claim claim, wanted;
    } claims[] = {
        {"sensitive", "sensitive?", key->sensitive, HSM_YES},
        {"always-sensitive", "always-sensitive?", key->always_sensitive, HSM_YES},
        {"not-extractable", "not-extractable?", key->extractable, HSM_NO},
        {"never-extractable", "never-extractable?", key->never_extractable, HSM_YES},
        {"local", "local?", key->local, HSM_YES},
        {"no-decrypt", "no-decrypt?", key->decrypt, HSM_NO},
        {"always-authenticate", "always-authenticate?", key->always_authenticate, HSM_YES},
    };
    const char *words[sizeof claims / sizeof claims[0] + 1] = {""};
    size_t len = 0;

    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        if (claims[i].claim == claims[i].wanted)
            words[len++] = claims[i].yes;
        else if (claims[i].claim == HSM_UNKNOWN)
            words[len++] = claims[i].unknown;
    }
    transcript_words(t, "claims", words, len > 0 ? len : 1, false);
}

/* The process of the module: what holds around it, and what code it was given besides. */
static void record_process(struct transcript *t, const struct token_session *s)
{
    static const char *const variables[] = {"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"};
    const char *words[sizeof variables / sizeof variables[0]];
    const char *walls = hsm_walls(s->hsm);
    char sessions[16];
    size_t len = 0;

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if (getenv(variables[i]) != NULL)
            words[len++] = variables[i];
    }
    transcript_put(t, "walls", s->is_unconfined ? "unconfined" : walls[0] != '\0' ? walls : "none");
    if (len > 0)
        transcript_words(t, "loader", words, len, false);
    (void)snprintf(sessions, sizeof sessions, "%u", s->more_len + 1);
    if (s->more_len > 0)
        transcript_put(t, "sessions", sessions);
}

void record_token(struct transcript *t, const struct token_session *s)
{
    if (t == NULL)
        return;
    record_file(t, "module", s->module);
    record_process(t, s);
    transcript_put(t, "pin-source", pin_kind(s));
    transcript_put(t, "token", s->token->serial, s->token->model, s->token->manufacturer, s->token->label);
}

void record_key(struct transcript *t, const struct hsm_key *key, const uint8_t mrsigner[static MRSIGNER_SIZE])
{
    const struct hex hex = hex_of(view_of(mrsigner, MRSIGNER_SIZE));

    if (t == NULL)
        return;
    transcript_put(t, "key", hex.text, key->id_hex, key->label);
    record_claims(t, key);
}

/* ---- who said yes ---- */

void record_dangers(struct transcript *t, const struct requests *r,
                    const uint8_t mrsigner[static MRSIGNER_SIZE])
{
    const char *words[FINDINGS_MAX] = {"none"};
    size_t len = 0;

    for (size_t i = 0; t != NULL && i < r->len; i++) {
        const struct request *q = &r->items[i];
        struct findings found = {0};

        review_dangers(&(struct review){.css = q->is_blind ? NULL : &q->css,
                                        .digest = q->digest,
                                        .mrsigner = mrsigner,
                                        .today = clock_danger_day()},
                       &found);
        for (size_t k = 0; k < found.len && len < FINDINGS_MAX; k++) {
            size_t n = 0;

            while (n < len && strcmp(words[n], found.items[k].rule) != 0)
                n++;
            if (n == len)
                words[len++] = found.items[k].rule;
        }
    }
    transcript_words(t, "dangers", words, len > 0 ? len : 1, false);
}

void record_confirmation(struct transcript *t, bool yes, const char *answer)
{
    struct screen_size size = {0};
    char columns[16];
    char rows[16];

    if (answer == NULL) {
        if (yes)
            transcript_put(t, "confirmation", "option", "--yes");
        return;
    }
    transcript_put(t, "confirmation", "terminal", answer);
    size = screen_size();
    (void)snprintf(columns, sizeof columns, "%u", size.columns);
    (void)snprintf(rows, sizeof rows, "%u", size.rows);
    transcript_put(t, "review", columns, rows);
}
