/* show for the files of a ceremony: policy, approvers and revoked as they will be read, with the id that
 * people compare; and what is inside armour. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"
#include "signer/ceremony/hand.h"
#include "signer/ceremony/policy.h"
#include "signer/cmd/show/show.h"

#define LABEL_WIDTH 13
#define VALUE_WIDTH 64 /* beside a label of that width: one list entry of 64 digits */

/* What every JSON document of a ceremony begins with. */
static void begin_doc(struct show *s, const char *kind, const char *path)
{
    if (s->text != NULL)
        return;
    doc_text(s->doc, "kind", kind);
    doc_int(s->doc, "format", 1);
    doc_text(s->doc, "file", path);
}

static bool show_sum(struct show *s, struct doc *at, const char *label, const char *key,
                     const uint8_t sum[static DIGEST_SIZE], struct ens_err *err)
{
    char hex[2 * DIGEST_SIZE + 1];

    hex_encode(hex, view_of(sum, DIGEST_SIZE));
    if (s->text == NULL)
        doc_text(at, key, hex);
    return show_line(s, err, "  %-13s %s", label, hex);
}

/* ---- people ---- */

static bool show_key(struct show *s, struct doc *keys, const struct people *p, const struct person_key *k,
                     const struct revoked *gone, struct ens_err *err)
{
    bool is_revoked =
        revoked_has_key(gone, k->fingerprint) || revoked_has_person(gone, people_name(p, k->person));
    char until[16] = "";

    if (k->until != 0)
        (void)snprintf(until, sizeof until, "%04" PRIx32 "-%02" PRIx32 "-%02" PRIx32, k->until >> 16,
                       k->until >> 8 & 0xff, k->until & 0xff);
    if (s->text == NULL) {
        struct doc *at = doc_object(keys, NULL);

        doc_text(at, "fingerprint", k->fingerprint);
        doc_text(at, "type", k->key.type);
        doc_bool(at, "verify_required", k->verify_required);
        doc_text(at, "until", until[0] != '\0' ? until : NULL);
        doc_bool(at, "revoked", is_revoked);
    }
    return show_line(s, err, "    %s %s%s%s%s%s", k->fingerprint, k->key.type,
                     k->verify_required ? ", verify-required" : "", until[0] != '\0' ? ", until " : "", until,
                     is_revoked ? ", REVOKED" : "");
}

static bool show_people(struct show *s, struct doc *at, const struct people *p, const struct revoked *gone,
                        struct ens_err *err)
{
    struct doc *persons = s->text == NULL ? doc_array(at, "persons") : NULL;
    struct doc *keys = NULL;
    size_t last = people_len(p);

    for (size_t i = 0; i < people_keys(p); i++) {
        const struct person_key *k = people_key(p, i);

        if (k->person != last && !show_line(s, err, "  %s", people_name(p, k->person)))
            return false;
        if (k->person != last && s->text == NULL) {
            struct doc *person = doc_object(persons, NULL);

            doc_text(person, "name", people_name(p, k->person));
            keys = doc_array(person, "keys");
        }
        last = k->person;
        if (!show_key(s, keys, p, k, gone, err))
            return false;
    }
    return true;
}

static bool show_gone(struct show *s, struct doc *at, const struct revoked *r, struct ens_err *err)
{
    struct doc *entries = s->text == NULL ? doc_array(at, "entries") : NULL;

    for (size_t i = 0; i < revoked_len(r); i++) {
        const char *keyword = NULL;
        const char *value = NULL;

        revoked_entry(r, i, &keyword, &value);
        if (s->text == NULL) {
            struct doc *entry = doc_object(entries, NULL);

            doc_text(entry, "kind", keyword);
            doc_text(entry, "value", value);
        }
        if (!show_line(s, err, "  %-13s %s", keyword, value))
            return false;
    }
    return true;
}

/* ---- policy ---- */

/* A long value is broken at its blanks. */
static bool show_value(struct show *s, const char *name, const char *value, struct ens_err *err)
{
    size_t left = strlen(value);
    size_t wide = strlen(name) > LABEL_WIDTH ? strlen(name) - LABEL_WIDTH : 0;

    while (left > VALUE_WIDTH - wide) {
        size_t len = VALUE_WIDTH - wide;

        while (len > 0 && value[len] != ' ')
            len--;
        if (len == 0)
            break;
        if (!show_line(s, err, "  %-13s %.*s", name, (int)len, value))
            return false;
        name = "";
        wide = 0;
        value += len + 1;
        left -= len + 1;
    }
    return show_line(s, err, "  %-13s %s", name, value);
}

static bool show_lines(struct show *s, const struct policy *p, struct ens_err *err)
{
    struct doc *lines = s->text == NULL ? doc_object(s->doc, "lines") : NULL;
    const char *unchecked = policy_unchecked(p);

    for (int c = 0; c < POLICY_KEYWORDS; c++) {
        ENS_CLEANUP(buf_free) struct buf value = {0};
        const char *name = policy_name((enum policy_check)c);

        if (!policy_has(p, (enum policy_check)c))
            continue;
        if (!policy_value(p, (enum policy_check)c, &value, err) || !buf_append(&value, view_of("", 1), err))
            return false;
        if (s->text == NULL)
            doc_text(lines, name, (const char *)value.data);
        if (!show_value(s, name, (const char *)value.data, err))
            return false;
    }
    if (s->text == NULL)
        doc_text(s->doc, "unchecked", unchecked);
    return unchecked[0] == '\0' || show_value(s, "no line checks", unchecked, err);
}

static bool show_policy_files(struct show *s, const struct policy *p, struct ens_err *err)
{
    static const enum policy_check checks[] = {POLICY_APPROVERS, POLICY_REVOKED};

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        const struct policy_file *f = policy_file(p, checks[i]);

        if (f == NULL)
            continue;
        struct doc *at = s->text == NULL ? doc_object(s->doc, policy_name(checks[i])) : NULL;

        if (s->text == NULL)
            doc_text(at, "file", f->path);
        if (!show_line(s, err, "%s: %s", checks[i] == POLICY_APPROVERS ? "Approvers" : "Revoked", f->path) ||
            !show_sum(s, at, "SHA-256", "sha256", f->sha256, err) ||
            !(checks[i] == POLICY_APPROVERS ? show_people(s, at, policy_people(p), policy_revoked(p), err)
                                            : show_gone(s, at, policy_revoked(p), err)))
            return false;
    }
    return true;
}

static bool show_policy(struct show *s, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(policy_freep) struct policy *p = NULL;

    if (!policy_open(path, &p, err) || !show_line(s, err, "Policy: %s", path))
        return false;
    begin_doc(s, "policy", path);
    return show_sum(s, s->doc, "id", "id", policy_id(p), err) && show_lines(s, p, err) &&
           show_policy_files(s, p, err);
}

/* ---- people files by themselves ---- */

static bool show_approvers(struct show *s, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(people_freep) struct people *p = NULL;
    uint8_t sum[DIGEST_SIZE];

    if (!hand_read(path, &file, err) || !people_parse(buf_view(&file), path, &p, err) ||
        !digest_of(DIGEST_SHA256, buf_view(&file), sum, err) || !show_line(s, err, "Approvers: %s", path))
        return false;
    begin_doc(s, "approvers", path);
    return show_sum(s, s->doc, "SHA-256", "sha256", sum, err) && show_people(s, s->doc, p, NULL, err);
}

static bool show_revoked(struct show *s, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(revoked_freep) struct revoked *r = NULL;
    uint8_t sum[DIGEST_SIZE];

    if (!hand_read(path, &file, err) || !revoked_parse(buf_view(&file), path, &r, err) ||
        !digest_of(DIGEST_SHA256, buf_view(&file), sum, err) || !show_line(s, err, "Revoked: %s", path))
        return false;
    begin_doc(s, "revoked", path);
    return show_sum(s, s->doc, "SHA-256", "sha256", sum, err) && show_gone(s, s->doc, r, err);
}

/* ---- armour ---- */

/* The armour is whole, whatever became of what is inside. */
static bool show_inside(struct show *s, const char *path, struct view bytes, struct ens_err *err)
{
    struct ens_err why = {0};
    uint8_t sum[DIGEST_SIZE];

    if (show_bytes(s, path, bytes, &why))
        return true;
    if (why.code != ENS_DATA) {
        *err = why;
        return false;
    }
    if (s->text == NULL)
        doc_text(s->doc, "problem", why.msg);
    return digest_of(DIGEST_SHA256, bytes, sum, err) && show_sum(s, s->doc, "SHA-256", "sha256", sum, err) &&
           show_line(s, err, "  warning: %s", why.msg);
}

static bool show_armour(struct show *s, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(buf_free) struct buf inside = {0};
    enum armour_kind kind = ARMOUR_KINDS;

    if (!file_read_all(path, ARMOUR_TEXT_MAX, &file, err))
        return ens_wrap(err, "too-large");
    if (!armour_decode(buf_view(&file), path, ARMOUR_EVERY, &kind, &inside, err) ||
        !show_line(s, err, "Armour: %s, %zu bytes", armour_name(kind), inside.len))
        return false;
    if (s->text == NULL) {
        doc_text(s->doc, "armour", armour_name(kind));
        doc_int(s->doc, "size", inside.len);
    }
    return show_inside(s, path, buf_view(&inside), err);
}

bool show_ceremony(struct show *s, const char *path, struct view head, bool *ret_is, struct ens_err *err)
{
    *ret_is = true;
    if (hand_is(head, "policy"))
        return show_policy(s, path, err);
    if (hand_is(head, "approvers"))
        return show_approvers(s, path, err);
    if (hand_is(head, "revoked"))
        return show_revoked(s, path, err);
    if (armour_is(head))
        return show_armour(s, path, err);
    *ret_is = false;
    return true;
}
