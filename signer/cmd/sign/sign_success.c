/* What is said of a success. */
#include "signer/cmd/sign/sign.h"

#include <string.h>

#include "signer/base/hex.h"
#include "signer/ceremony/review.h"
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
