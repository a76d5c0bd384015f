/* What is said of a success. */
#include "signer/cmd/sign/sign.h"

#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/flow/consent_report.h"
#include "signer/ui/notice.h"

static void say_dry_run(const struct requests *requests, const char *label)
{
    size_t left = requests_waiting(requests);

    if (requests->len == 1)
        notice_say("dry run: %s would be signed by %s; nothing was signed.", requests->items[0].path, label);
    else if (left == requests->len)
        notice_say("dry run: %zu sign-data would be signed by %s; nothing was signed.", left, label);
    else
        notice_say(
            "dry run: %zu sign-data would be signed by %s, and %zu are signed already; nothing was signed.",
            left, label, requests->len - left);
}

static void say_many(const char *dir, size_t len, const char *label, size_t was_there)
{
    const char *plural = len - was_there == 1 ? "" : "s";

    if (was_there > 0)
        notice_say("%s/: %zu signature%s by %s, verified. %zu %s signed already, and stay%s.", dir,
                   len - was_there, plural, label, was_there, was_there == 1 ? "was" : "were",
                   was_there == 1 ? "s" : "");
    else
        notice_say("%s/: %zu signature%s by %s, verified.", dir, len, plural, label);
}

/* The head, and what comes next. */
static void say_next(const char *transcript, const char *name, const uint8_t *head)
{
    if (head == NULL) {
        notice_say("Next: carry %s to the build host.", name);
        return;
    }
    notice_say("Head of %s: %s.", transcript, hex_for(view_of(head, 32), notice_is_watched()).text);
    notice_say("Next: write the head into the minutes, carry %s to the build host.", name);
}

void sign_success(const struct sign_options *args, const struct requests *requests,
                  const struct signing_key *signer, size_t was_there, const uint8_t *head)
{
    const struct request *first = &requests->items[0];
    const char *name = first->out_path != NULL ? first->out_path : output_name(args->out.output);
    const char *label = signer->selected->label;
    char mrsigner[REVIEW_SHORT_MAX];

    if (args->dry_run) {
        say_dry_run(requests, label);
        return;
    }
    review_short(signer->mrsigner, mrsigner);
    if (requests->len > 1)
        say_many(args->out_dir, requests->len, label, was_there);
    else if (was_there > 0)
        notice_say("%s: was signed already by %s (MRSIGNER %s), and verifies.", name, label, mrsigner);
    else
        notice_say("%s: %d bytes, signed by %s (MRSIGNER %s), verified.", name, SIGNATURE_SIZE, label,
                   mrsigner);
    say_next(args->record.transcript, requests->len > 1 ? args->out_dir : name, head);
}

/* ---- the document ---- */

/* "signed", "kept": it was there; null and no signature: a rehearsal. */
static bool report_signature(const struct sign_document *d, const struct request *q, struct report *j,
                             struct ens_err *err)
{
    const char *output = q->out_path != NULL ? q->out_path : d->args->out.output;
    bool is_signed = q->is_done || q->is_signed;
    uint8_t sha256[DIGEST_SIZE];

    if (!digest_of(DIGEST_SHA256, view_of(q->signature, sizeof q->signature), sha256, err))
        return false;
    report_text(j, "status", NULL, q->is_signed ? "signed" : q->is_done ? "kept" : NULL);
    report_text(j, "output", NULL, is_signed ? output : NULL);
    report_hex(j, "signature_sha256", NULL, view_of(is_signed ? sha256 : NULL, is_signed ? DIGEST_SIZE : 0));
    return true;
}

static bool report_items(const struct sign_document *d, struct report *j, struct ens_err *err)
{
    bool ok = true;

    report_array(j, "items", NULL, 0);
    for (size_t i = 0; ok && i < d->requests->len; i++) {
        const struct request *q = &d->requests->items[i];

        report_object(j, NULL, NULL, 0);
        consent_report_item(j, q, i, d->consent, d->signer->mrsigner);
        ok = report_signature(d, q, j, err);
        report_close(j);
    }
    report_close(j);
    return ok;
}

bool sign_print(const struct sign_document *d, struct ens_err *err)
{
    const struct sign_options *args = d->args;
    ENS_CLEANUP(report_free) struct report j = {0};

    if (!args->json)
        return true;
    report_begin(&j, REPORT_JSON, 0);
    consent_report_policy(&j, args->policy, d->policy, d->requests);
    report_object(&j, "key", NULL, 0);
    signing_key_report(d->signer->selected, d->signer->token.token, &j);
    report_close(&j);
    report_hex(&j, "mrsigner", NULL, view_of(d->signer->mrsigner, MRSIGNER_SIZE));
    if (!report_items(d, &j, err) || !consent_report_set(&j, d->requests, err))
        return false;
    consent_report_approvals(&j, d->consent);
    report_text(&j, "answer", NULL, d->answer == NULL && args->yes && !args->dry_run ? "--yes" : d->answer);
    report_bool(&j, "dry_run", args->dry_run);
    report_text(&j, "pubkey", NULL, args->dry_run ? NULL : args->pubkey);
    report_text(&j, "transcript", NULL, args->record.transcript);
    report_hex(&j, "head", NULL, view_of(d->head, d->head != NULL ? DIGEST_SIZE : 0));
    return report_print(&j, err);
}
