/* The report on two Gramine manifests: the first line answers, then each difference has its lines. */
#include <limits.h>
#include <stdio.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/compare/compare.h"
#include "signer/cmd/compare/compare_rows.h"

/* Differences of a kind in text, and bytes of a value, unless all are asked for. */
#define SHOWN_MAX 20
#define VALUE_MAX 200

static const struct {
    const char *one, *many, *json, *label, *next;
} groups[] = {
    [COMPARE_TRUSTED] =
        {"trusted file", "trusted files", "trusted_file", "Trusted files",
         "the package that owns this file was updated between the two builds; pin it, or build both from "
         "one image."},
    [COMPARE_ENTRYPOINT] =
        {"pinned loader.entrypoint", "pinned loader.entrypoints", "entrypoint", "Entrypoint",
         "another build of Gramine pins its own file there; build both with one release of Gramine."},
    [COMPARE_ALLOWED] = {"allowed file", "allowed files", "allowed_file", "Allowed files",
                         "compare the two templates, and the options that gramine-manifest got."},
    [COMPARE_MOUNT] = {"mount", "mounts", "mount", "Mounts",
                       "compare the two templates, and the options that gramine-manifest got."},
    [COMPARE_KEY] =
        {"key", "keys", "key", "Other keys",
         "compare the two templates, and the releases of Gramine, whose defaults are in the file."},
};

/* How a name differs. */
enum way { CHANGED, ONLY_A, ONLY_B, WAYS };
static const char *const words[] = {"changed", "only in A", "only in B"};
static const char *const json_words[] = {"changed", "only_a", "only_b"};

static enum way way_of(const struct compare_change *c)
{
    return c->a == NULL ? ONLY_B : c->b == NULL ? ONLY_A : CHANGED;
}

struct manifests {
    const struct compare_side *side[2];
    struct compare_rows rows[2];
    struct compare_changes changes;
    size_t count[COMPARE_GROUPS][WAYS];
    bool is_same; /* the bytes */
};

static void manifests_free(struct manifests *m)
{
    compare_rows_free(&m->rows[0]);
    compare_rows_free(&m->rows[1]);
    compare_changes_free(&m->changes);
}

/* ---- the first line ---- */

static const struct compare_change *first_change(const struct manifests *m, int group, int way)
{
    const struct compare_change *c = m->changes.items;

    while ((int)c->group != group || (int)way_of(c) != way)
        c++;
    return c;
}

/* "3 trusted files changed, first file:a; 1 key only in B": of a name that does not fit the end is kept. */
#define SUMMARY_MAX 256
static void first_words(const struct manifests *m, size_t columns, char ret[static SUMMARY_MAX])
{
    const struct compare_change *first = NULL;
    char head[64] = "only order and spelling differ, and are measured too";
    char tail[64] = "";
    size_t len = 0;

    for (int i = 0; i < COMPARE_GROUPS * WAYS; i++) {
        size_t n = m->count[i / WAYS][i % WAYS];
        const char *name = n == 1 ? groups[i / WAYS].one : groups[i / WAYS].many;

        if (n > 0 && first == NULL) {
            first = first_change(m, i / WAYS, i % WAYS);
            (void)snprintf(head, sizeof head, "%zu %s %s%s", n, name, words[i % WAYS],
                           n == 1 ? ": " : ", first ");
        } else if (n > 0) {
            len += (size_t)snprintf(tail + len, len < sizeof tail ? sizeof tail - len : 0, "; %zu %s %s", n,
                                    name, words[i % WAYS]);
        }
    }
    const char *name = first != NULL ? first->name : "";

    if (strlen(head) + strlen(name) + len > columns && len > 0)
        len = (size_t)snprintf(tail, sizeof tail, "; and more");
    size_t room = columns - strlen(head) - len;
    bool is_cut = strlen(name) > room;

    (void)snprintf(ret, SUMMARY_MAX, "%s%s%.100s%s", head, is_cut ? "..." : "",
                   name + (is_cut ? strlen(name) - room + 3 : 0), tail);
}

static void manifest_verdict(struct report *r, const struct manifests *m)
{
    const char *verdict = m->is_same ? "same enclave" : "other enclave";
    char summary[SUMMARY_MAX] = "the manifests are the same bytes";

    if (!m->is_same)
        first_words(m, COMPARE_LINE - strlen(verdict) - 2, summary);
    report_line(r, "%s%s %s", verdict, m->is_same ? ";" : ":", summary);
    report_text(r, "verdict", NULL, verdict);
    report_text(r, "summary", NULL, summary);
    report_bool(r, "same_enclave", m->is_same);
    report_null(r, "same_signer");
    report_bool(r, "same_meaning", m->changes.len == 0);
}

/* ---- the sides ---- */

static void manifest_side(struct report *r, const struct manifests *m, int i)
{
    const struct compare_side *side = m->side[i];
    struct view mrenclave =
        side->site->is_measured ? view_of(enclave_mrenclave(side->site), MRENCLAVE_SIZE) : view_of(NULL, 0);

    report_broken(r, 3, "%s  %s, Gramine manifest%s", i == 0 ? "A" : "B", side->path,
                  mrenclave.data != NULL ? ", measured with libpal.so" : "");
    if (mrenclave.data != NULL && !m->is_same)
        report_line(r, "  %s", hex_for(mrenclave, r->is_grouped).text);
    report_object(r, i == 0 ? "a" : "b", NULL, 0);
    report_text(r, "file", NULL, side->path);
    report_text(r, "format", NULL, "Gramine manifest");
    report_hex(r, "mrenclave", NULL, mrenclave);
    report_bool(r, "measured", mrenclave.data != NULL);
    report_close(r);
}

static void report_mrenclave(struct report *r, const struct manifests *m)
{
    const struct site *site = m->side[0]->site;

    if (!site->is_measured)
        report_note(r, "MRENCLAVE", "%s; not known without --libpal FILE",
                    m->is_same ? "the same with the same libpal.so" : "another one with any libpal.so");
    else if (m->is_same)
        report_hash(r, NULL, "MRENCLAVE of both", view_of(enclave_mrenclave(site), MRENCLAVE_SIZE));
}

/* ---- the differences ---- */

/* A file's hash in groups, any other value up to some length. */
static void value_line(struct report *r, const char *side, const struct compare_change *c, const char *value,
                       bool all)
{
    struct ens_err ignored = {0};
    uint8_t hash[32];

    if (value == NULL)
        report_line(r, "  %s is not there", side);
    else if (c->group <= COMPARE_ENTRYPOINT && hex_decode(value, "", hash, sizeof hash, &ignored))
        report_line(r, "  %s %s", side, hex_for(view_of(hash, sizeof hash), r->is_grouped).text);
    else
        report_broken(r, 4, "  %s %.*s%s", side, all ? INT_MAX : VALUE_MAX, value,
                      !all && strlen(value) > VALUE_MAX ? " ..." : "");
}

/* A name, and its value on either side; of a key with short ones on one line. */
static void change_lines(struct report *r, const struct compare_change *c, bool all)
{
    const char *a = c->a != NULL ? c->a : "not there";
    const char *b = c->b != NULL ? c->b : "not there";

    if (c->group == COMPARE_KEY && strlen(c->name) + strlen(a) + strlen(b) < COMPARE_LINE - 8) {
        report_line(r, "  %s  %s / %s", c->name, a, b);
        return;
    }
    report_broken(r, 4, "  %.*s", all ? INT_MAX : VALUE_MAX,
                  c->name[0] != '\0' ? c->name : "(without a name)");
    value_line(r, "A", c, c->a, all);
    value_line(r, "B", c, c->b, all);
}

static void report_change(struct report *r, const struct compare_change *c)
{
    report_object(r, NULL, NULL, 0);
    report_text(r, "what", NULL, groups[c->group].json);
    report_text(r, "change", NULL, json_words[way_of(c)]);
    report_text(r, "name", NULL, c->name);
    report_text(r, "a", NULL, c->a);
    report_text(r, "b", NULL, c->b);
    report_close(r);
}

static void report_changes(struct report *r, const struct manifests *m, bool all)
{
    size_t shown[COMPARE_GROUPS] = {0};

    report_array(r, "changes", NULL, 0);
    for (size_t i = 0; i < m->changes.len; i++) {
        const struct compare_change *c = &m->changes.items[i];
        const size_t *n = m->count[c->group];
        size_t of_group = n[CHANGED] + n[ONLY_A] + n[ONLY_B];

        report_change(r, c);
        if (shown[c->group]++ == 0)
            report_note(r, groups[c->group].label, "%zu changed, %zu only in A, %zu only in B", n[CHANGED],
                        n[ONLY_A], n[ONLY_B]);
        if (all || shown[c->group] <= SHOWN_MAX) {
            change_lines(r, c, all);
        } else if (shown[c->group] == of_group) {
            report_line(r, "  and %zu more: --all or --json", of_group - SHOWN_MAX);
        }
    }
    report_close(r);
    for (int g = 0; g < COMPARE_GROUPS && m->changes.len > 0; g++) {
        if (shown[g] == 0 && (g == COMPARE_TRUSTED || g == COMPARE_KEY))
            report_note(r, groups[g].label, "none differs");
    }
}

/* ---- the same meaning ---- */

static void report_order(struct report *r, const struct manifests *m)
{
    report_array(r, "other_order", NULL, 0);
    for (int g = 0; g < COMPARE_GROUPS && m->changes.len == 0; g++) {
        if (compare_rows_same_order(&m->rows[0], &m->rows[1], (enum compare_group)g))
            continue;
        report_note(r, "Order", "the %s stand in another order%s", groups[g].many,
                    g == COMPARE_MOUNT ? ", which Gramine follows" : "");
        report_text(r, NULL, NULL, groups[g].json);
    }
    report_close(r);
}

/* The line of `text` that begins at `from`, without its end. */
static struct view line_at(struct view text, size_t from)
{
    struct view rest = view_slice(text, from, text.len - from);
    const uint8_t *end = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;

    return view_slice(rest, 0, end != NULL ? (size_t)(end - rest.data) : rest.len);
}

static void report_first_line(struct report *r, const struct manifests *m)
{
    struct view a = buf_view(&m->side[0]->manifest);
    struct view b = buf_view(&m->side[1]->manifest);
    size_t line = 1;
    size_t from = 0;

    for (size_t i = 0; i < a.len && i < b.len && a.data[i] == b.data[i]; i++) {
        line += a.data[i] == '\n';
        from = a.data[i] == '\n' ? i + 1 : from;
    }
    struct view in_a = line_at(a, from);
    struct view in_b = line_at(b, from);

    report_uint(r, "first_line", NULL, line);
    report_line(r, "Bytes first differ in line %zu, of %zu and %zu bytes:", line, a.len, b.len);
    report_broken(r, 4, "  A %.*s", in_a.len < VALUE_MAX ? (int)in_a.len : VALUE_MAX,
                  (const char *)in_a.data);
    report_broken(r, 4, "  B %.*s", in_b.len < VALUE_MAX ? (int)in_b.len : VALUE_MAX,
                  (const char *)in_b.data);
}

/* ---- one file with two hashes ---- */

static void report_doubts(struct report *r, const struct manifests *m)
{
    report_array(r, "two_hashes", NULL, 0);
    for (int s = 0; s < 2; s++) {
        const struct compare_rows *rows = &m->rows[s];
        size_t shown = 0;

        for (size_t i = 1; i < rows->len && rows->items[i].group == COMPARE_TRUSTED; i++) {
            if (strcmp(rows->items[i - 1].name, rows->items[i].name) != 0 ||
                strcmp(rows->items[i - 1].value, rows->items[i].value) == 0)
                continue;
            report_text(r, NULL, NULL, rows->items[i].name);
            if (shown++ < SHOWN_MAX)
                report_note(r, "Two hashes", "%s has two of %s: Gramine 1.6 and later refuse it",
                            s == 0 ? "A" : "B", rows->items[i].name);
        }
    }
    report_close(r);
}

/* ---- the whole ---- */

static void report_next(struct report *r, const struct manifests *m)
{
    if (m->is_same)
        return;
    report_broken(r, 2, "Next: %s",
                  m->changes.len > 0 ? groups[m->changes.items[0].group].next
                                     : "write both with one release of Gramine on one host: its writers of "
                                       "TOML (toml, tomli_w and their "
                                       "releases) differ in order and spelling.");
}

static bool read_side(const struct compare_side *side, struct compare_rows *ret, struct ens_err *err)
{
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;

    return toml_parse(buf_view(&side->manifest), side->path, TOML_1_0, &t, err) &&
           compare_rows_of(t, side->path, ret, err);
}

bool compare_same_manifest(const struct compare_side *a, const struct compare_side *b)
{
    return view_equal(buf_view(&a->manifest), buf_view(&b->manifest));
}

bool compare_report_manifests(struct report *r, const struct compare_side *a, const struct compare_side *b,
                              bool all, struct ens_err *err)
{
    ENS_CLEANUP(manifests_free)
    struct manifests m = {.side = {a, b}, .is_same = compare_same_manifest(a, b)};

    if (!read_side(a, &m.rows[0], err) || !read_side(b, &m.rows[1], err) ||
        !compare_rows_diff(&m.rows[0], &m.rows[1], &m.changes, err))
        return false;
    for (size_t i = 0; i < m.changes.len; i++)
        m.count[m.changes.items[i].group][way_of(&m.changes.items[i])]++;
    report_kind(r, "compare");
    manifest_verdict(r, &m);
    manifest_side(r, &m, 0);
    manifest_side(r, &m, 1);
    report_mrenclave(r, &m);
    report_changes(r, &m, all);
    report_order(r, &m);
    if (!m.is_same && m.changes.len == 0)
        report_first_line(r, &m);
    else
        report_null(r, "first_line");
    report_doubts(r, &m);
    report_next(r, &m);
    return true;
}
