/* show of what a SIGSTRUCT says, wherever it lies: the verdict and the dangers, then the fields and the signer. */
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/show/show.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"
#include "signer/ui/clock.h"

void show_begin(struct report *r, const char *heading, const char *kind, const char *path, const char *more)
{
    report_kind(r, kind);
    report_note(r, heading, "%s%s", path, more);
    report_text(r, "file", NULL, path);
}

/* ---- the judge ---- */

static bool is_told(const struct findings *list, const char *text)
{
    for (size_t i = 0; i < list->len; i++) {
        if (strcmp(list->items[i].text, text) == 0)
            return true;
    }
    return false;
}

/* A danger whose name and field say all of it. */
static bool is_in_fields(const char *rule)
{
    static const char *const rules[] = {"debug", "debug-open", "provisionkey", "einittokenkey"};

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i], rule) == 0)
            return true;
    }
    return false;
}

void show_add(const struct findings *from, struct findings *ret)
{
    for (size_t i = 0; i < from->len; i++) {
        if (!is_told(ret, from->items[i].text))
            findings_add(ret, from->items[i].severity, from->items[i].rule, "%s", from->items[i].text);
    }
    ret->dropped += from->dropped;
}

/* The dangers of what was measured; what else was found of it is an error or a warning. */
static void add_measured(const struct findings *from, struct findings *ret)
{
    for (size_t i = 0; i < from->len; i++) {
        if (finding_is_danger(&from->items[i]))
            findings_add(ret, from->items[i].severity, from->items[i].rule, "%s", from->items[i].text);
    }
}

bool show_judge(const struct sigstruct *css, bool has_signature, struct show_judged *ret, struct ens_err *err)
{
    struct findings measured = {0};
    struct findings found = {0};
    struct pubkey key;
    struct review review = {.css = css, .bit32 = has_signature, .today = clock_danger_day()};

    add_measured(&ret->found, &measured);
    review.measured = &measured;
    if (has_signature) {
        verify_key_of(css, &key);
        if (!verify_sigstruct(view_of(css->bytes, sizeof css->bytes), &found, err) ||
            !rsa3072_mrsigner(&key, ret->mrsigner, err))
            return false;
        review.mrsigner = ret->mrsigner;
    } else {
        verify_signed_fields(css, &found);
    }
    review_dangers(&review, &ret->dangers);
    show_add(&found, &ret->found);
    return true;
}

void show_judge_stream(struct show_judged *ret)
{
    add_measured(&ret->found, &ret->dangers);
}

/* ---- the first lines ---- */

static bool says_severe(const struct findings *list, const char *text)
{
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i].severity == SEVERITY_ERROR && strcmp(list->items[i].text, text) == 0)
            return true;
    }
    return false;
}

/* A sentence of its own has a danger that --allow-unusual lifts; that of the others is in the fields below. */
static void say_sentences(struct report *r, const struct show_judged *j)
{
    for (size_t i = 0; i < j->dangers.len; i++) {
        const struct finding *d = &j->dangers.items[i];

        if (d->severity == SEVERITY_ERROR && !says_severe(&j->found, d->text))
            report_line(r, "! %s", d->text);
    }
    for (size_t i = 0; i < j->found.len; i++) {
        const struct finding *f = &j->found.items[i];

        if (f->severity == SEVERITY_ERROR)
            report_line(r, "error: %s", f->text);
        else if (!is_in_fields(f->rule) && !says_severe(&j->dangers, f->text))
            report_line(r, "warning: %s", f->text);
    }
    if (j->found.dropped > 0)
        report_line(r, "(and %zu more)", j->found.dropped);
}

bool show_dangers(struct report *r, const struct show_judged *j, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf names = {0};

    if (!review_danger_names(&j->dangers, &names, err))
        return false;
    if (j->dangers.len == 0)
        report_note(r, "Dangers", "none");
    else
        report_note(r, "Dangers", "%zu: %.*s", j->dangers.len, (int)names.len, (const char *)names.data);
    review_danger_report(&j->dangers, r);
    say_sentences(r, j);
    return true;
}

void show_verdict(struct report *r, bool is_signed, enum show_measured measured, const struct findings *found)
{
    size_t errors = findings_count(found, SEVERITY_ERROR) + found->dropped;

    if (!is_signed)
        report_text(r, "verdict", "Verdict", "not signed yet");
    else if (errors > 0)
        report_field(r, "verdict", "Verdict", "does not hold: %zu error%s", errors, errors == 1 ? "" : "s");
    else if (measured == SHOW_MEASURED)
        report_text(r, "verdict", "Verdict",
                    "signature verifies, and MRENCLAVE is what the file measures to");
    else
        report_text(r, "verdict", "Verdict", "signature verifies; MRENCLAVE is not measured here");
}

static void add_texts(struct report *r, const char *key, const struct findings *found, enum severity severity)
{
    report_array(r, key, NULL, 0);
    for (size_t i = 0; i < found->len; i++) {
        if (found->items[i].severity == severity)
            report_text(r, NULL, NULL, found->items[i].text);
    }
    report_close(r);
}

void show_valid(struct report *r, const struct findings *found)
{
    report_bool(r, "valid", findings_count(found, SEVERITY_ERROR) == 0);
    show_findings(r, found);
}

void show_findings(struct report *r, const struct findings *found)
{
    add_texts(r, "errors", found, SEVERITY_ERROR);
    add_texts(r, "warnings", found, SEVERITY_WARNING);
}

/* ---- what it says ---- */

/* Without what stands in brackets behind the owner. */
void show_owner(struct report *r, const char *label, const uint8_t mrsigner[static MRSIGNER_SIZE])
{
    const char *owner = known_key_owner(mrsigner);
    int len = owner != NULL ? (int)strcspn(owner, "(") : 0;

    if (owner == NULL)
        return;

    while (len > 0 && owner[len - 1] == ' ')
        len--;
    report_note(r, label, "%.*s: everybody can sign with this key", len, owner);
}

void show_signer(struct report *r, const uint8_t mrsigner[static MRSIGNER_SIZE])
{
    struct view hash = view_of(mrsigner, MRSIGNER_SIZE);

    if (r->is_grouped && known_key_owner(mrsigner) != NULL) {
        show_owner(r, "MRSIGNER", mrsigner);
        report_line(r, "  %s", hex_for(hash, true).text);
    } else {
        report_hash(r, "mrsigner", "MRSIGNER", hash);
        show_owner(r, "", mrsigner);
    }
    report_text(r, "known_public_key", NULL, known_key_owner(mrsigner));
}

void show_sigstruct(struct report *r, const struct sigstruct *css, const uint8_t *mrsigner)
{
    report_hash(r, "mrenclave", "MRENCLAVE", sigstruct_get(css, CSS_ENCLAVEHASH));
    if (mrsigner != NULL)
        show_signer(r, mrsigner);
    review_fields(css, r);
}
