/* quorum sign: one holder makes the partial of each sign-data. The order is always: sign-data, policy, approvals, share
 * and what it says of the quorum, sealing key, review, confirmation, opening, partials, wiping, writing. */
#include <string.h>
#include <sys/stat.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/cmd/quorum/share.h"
#include "signer/flow/record.h"
#include "signer/flow/sign_review.h"
#include "signer/quorum/prove.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"
#include "signer/ui/screen.h"

struct quorum_sign_options {
    struct sealing_key_options key;
    struct record_options record;
    struct output_options out; /* of one sign-data */
    const char *out_dir;       /* of many */
    const char *share, *mrsigner, *policy;
    struct text_list approvals;
    bool allow_unusual, dry_run, yes;
};

/* One run of quorum sign. */
struct run {
    const struct command_line *line;
    const struct quorum_sign_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    struct requests requests;
    bool is_read, is_recorded;
    struct transcript_item *items; /* of `requests`, once they are named */
    struct policy *policy;         /* NULL: none is given */
    struct consent consent;
    struct own_share share;
    struct sealing_key *key;
    struct output *out;   /* of one sign-data */
    struct buf *partials; /* one for each sign-data, as text */
    struct transcript_result *results;
};

static void quorum_sign_free(struct run *r)
{
    for (size_t i = 0; r->partials != NULL && i < r->requests.len; i++)
        buf_free(&r->partials[i]);
    mem_free(r->partials);
    mem_free(r->results);
    mem_free(r->items);
    output_closep(&r->out);
    sealing_key_closep(&r->key);
    share_free(&r->share);
    consent_free(&r->consent);
    policy_freep(&r->policy);
    requests_free(&r->requests);
    transcript_closep(&r->transcript);
}

/* ---- what is to be signed, and by which rules ---- */

static struct requests_wanted wanted_of(const struct run *r)
{
    return (struct requests_wanted){.paths = r->line->operands,
                                    .len = r->line->operands_len,
                                    .blind = true, /* refused below, with another status */
                                    .allow_unusual = r->args->allow_unusual};
}

static bool read_sign_data(struct run *r, struct ens_err *err)
{
    const struct requests_wanted wanted = wanted_of(r);

    if (!requests_read(&wanted, &r->requests, err))
        return false;
    for (size_t i = 0; i < r->requests.len; i++) {
        if (r->requests.items[i].is_blind)
            return ens_fail(err, ENS_DATA,
                            "%s: is a bare digest, of which nothing can be reviewed: give the sign-data",
                            r->requests.items[i].path);
    }
    record_requests(r->transcript, &r->requests);
    r->results = mem_alloc(r->requests.len, sizeof *r->results, err);
    r->partials = mem_alloc(r->requests.len, sizeof *r->partials, err);
    return r->results != NULL && r->partials != NULL;
}

static bool judge_rules(struct run *r, struct ens_err *err)
{
    const struct quorum_sign_options *a = r->args;
    struct sign_approvals approvals = {.named = &a->approvals,
                                       .mrsigner = a->mrsigner,
                                       .transcript = a->record.transcript,
                                       .past = transcript_rejections(r->transcript)};

    if (!consent_policy(a->policy, &r->policy, err) ||
        !sign_check_policy(r->policy, true, a->record.transcript != NULL, !a->yes, &r->requests, err))
        return false;
    approvals.policy = r->policy;
    return sign_judge_approvals(&approvals, &r->requests, &r->consent, err);
}

/* ---- the share, and what the policy says of its quorum ---- */

static bool check_quorum(struct run *r, struct ens_err *err)
{
    const struct quorum_public *q = &r->share.file->public;

    if (!consent_count(&r->consent, q->mrsigner, &r->requests, err))
        return false;
    for (size_t i = 0; r->policy != NULL && i < r->requests.len; i++) {
        struct policy_outcome *o = &r->requests.items[i].outcome;

        policy_check_mrsigner(r->policy, q->mrsigner, o);
        policy_check_quorum(r->policy, q->id, q->threshold, r->args->key.identity == NULL, o);
    }
    return sign_policy_met(r->policy, &r->requests, err);
}

static bool load_share(struct run *r, struct ens_err *err)
{
    if (!share_load(r->args->share, r->transcript, &r->share, err) ||
        !quorum_pin(r->args->mrsigner, r->share.file->public.mrsigner, err) || !check_quorum(r, err))
        return false;
    (void)share_is_named(&r->share);
    record_dangers(r->transcript, &r->requests, r->share.file->public.mrsigner);
    return true;
}

/* ---- where the partials go ---- */

static bool name_partials(struct run *r, struct ens_err *err)
{
    struct requests_wanted wanted = wanted_of(r);
    ENS_CLEANUP(mem_freep) char *suffix = mem_printf(err, "%u.partial", r->share.file->holder);

    wanted.out_dir = r->args->out_dir;
    if (suffix == NULL || (wanted.out_dir != NULL && !requests_name(&wanted, suffix, &r->requests, err)) ||
        !record_items(&r->requests, r->args->out.output, r->args->dry_run, &r->items, err))
        return false;
    r->is_read = true;
    for (size_t i = 0; i < r->requests.len; i++) {
        r->items[i].what = "partial";
        if (!record_apart(r->transcript, r->requests.items[i].out_path, err))
            return false;
    }
    return true;
}

/* What cannot be written is said before anything is opened. */
static bool prepare_partials(struct run *r, struct ens_err *err)
{
    const struct quorum_sign_options *a = r->args;
    enum file_out_mode mode = a->out.force ? FILE_OUT_REPLACE : FILE_OUT_NEW;
    size_t swept = 0;

    if (!name_partials(r, err) ||
        (!a->yes && !a->dry_run && !screen_require(r->line->operands[0], "sign", err)))
        return false;
    for (size_t i = 0; a->out_dir != NULL && i < r->requests.len; i++) {
        ENS_CLEANUP(file_out_closep) struct file_out *probe = NULL;

        if (!file_out_open(r->requests.items[i].out_path, mode, &probe, err))
            return false;
    }
    if (a->out_dir != NULL)
        return a->dry_run || file_sweep(a->out_dir, &swept, err);
    return (a->dry_run && a->out.output == NULL) ||
           output_open(a->out.output, false, a->out.force, &r->out, err);
}

/* ---- sealing key, review and confirmation ---- */

static bool open_holder_key(struct run *r, struct ens_err *err)
{
    if (!number_lock_memory(err) || !sealing_key_open(&r->args->key, &r->key, err))
        return false;
    if (sealing_key_token(r->key) != NULL)
        record_token(r->transcript, sealing_key_token(r->key));
    return share_fits(&r->share, r->key, err);
}

static bool review_partials(struct run *r, struct ens_err *err)
{
    const struct quorum_public *q = &r->share.file->public;
    ENS_CLEANUP(mem_freep)
    char *text = mem_printf(err, "makes the partial of holder %u, for %u of %u; it cannot be taken back: %s",
                            r->share.file->holder, q->threshold, q->holders, share_holder(&r->share)->name);
    const struct sign_review s = {.requests = &r->requests,
                                  .policy = r->policy,
                                  .policy_path = r->args->policy,
                                  .consent = &r->consent,
                                  .mrsigner = q->mrsigner,
                                  .out_dir = r->args->out_dir,
                                  .key_label = "Share",
                                  .key_text = text,
                                  .yes = r->args->yes,
                                  .dry_run = r->args->dry_run};
    const char *answer = NULL;

    if (text == NULL || !sign_review(&s, &answer, err))
        return false;
    record_confirmation(r->transcript, r->args->yes, answer);
    return true;
}

/* ---- partials ---- */

static bool sign_with_share(struct run *r, size_t index, struct quorum_partial *p, struct ens_err *err)
{
    const struct own_share *s = &r->share;

    r->results[index].end = TRANSCRIPT_FAILED;
    if (!interrupt_check(err) ||
        !prove_partial(&s->file->public, s->file->holder, &s->pieces, r->requests.items[index].digest,
                       &number_openssl, p, err) ||
        !quorum_write(p, &r->partials[index], err) ||
        !digest_of(DIGEST_SHA256, buf_view(&r->partials[index]), r->results[index].sha256, err))
        return false;
    r->results[index].end = TRANSCRIPT_UNWRITTEN;
    return true;
}

/* All of them, and the pieces are gone before the first is written. */
static bool sign_all_of_them(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct quorum_partial *p = mem_alloc(1, sizeof *p, err);
    bool ok = p != NULL && share_open(&r->share, r->key, err);

    for (size_t i = 0; ok && i < r->requests.len; i++)
        ok = sign_with_share(r, i, p, err) || ens_wrap(err, "%s", r->requests.items[i].path);
    secret_wipe(&r->share.pieces.bytes);
    return ok;
}

static bool write_partials(struct run *r, struct ens_err *err)
{
    enum file_out_mode mode = r->args->out.force ? FILE_OUT_REPLACE : FILE_OUT_NEW;

    for (size_t i = 0; i < r->requests.len; i++) {
        const char *path = r->requests.items[i].out_path;
        struct view text = buf_view(&r->partials[i]);

        if (path != NULL ? !file_write_atomic(path, mode, text, err) : !output_commit(r->out, text, err))
            return false;
        r->results[i].end = TRANSCRIPT_WRITTEN;
    }
    return true;
}

static void say_partials(const struct run *r)
{
    const char *name = r->requests.len > 1        ? r->args->out_dir
                       : r->args->out_dir != NULL ? r->requests.items[0].out_path
                                                  : output_name(r->args->out.output);

    if (r->args->dry_run)
        notice_say("dry run: %zu partial%s would be made of holder %u; nothing was.", r->requests.len,
                   r->requests.len == 1 ? "" : "s", r->share.file->holder);
    else
        notice_say("%s: %zu partial%s of holder %u. Next: carry %s to whoever runs quorum combine.", name,
                   r->requests.len, r->requests.len == 1 ? "" : "s", r->share.file->holder,
                   r->requests.len == 1 ? "it" : "them");
}

/* ---- the walk ---- */

static bool quorum_sign_walk(struct run *r, struct ens_err *err)
{
    if (!read_sign_data(r, err) || !judge_rules(r, err) || !load_share(r, err) || !prepare_partials(r, err) ||
        !open_holder_key(r, err) || !review_partials(r, err))
        return false;
    if (r->args->dry_run)
        return true;
    record_rules(r->transcript, r->args->policy, r->policy, &r->consent, &r->requests, &r->is_recorded);
    return record_intent(r->transcript, r->items, r->requests.len, err) && sign_all_of_them(r, err) &&
           write_partials(r, err);
}

/* However it ended, there is a record. */
static bool end_quorum_sign(struct run *r, bool ok, struct ens_err *err)
{
    struct record_end last = {.items = r->items,
                              .results = r->results,
                              .len = r->is_read && r->results != NULL ? r->requests.len : 0};

    if (r->transcript != NULL && r->results != NULL)
        record_rules(r->transcript, r->args->policy, r->policy, &r->consent, &r->requests, &r->is_recorded);
    /* A partial is what a call of a token is to sign. */
    for (size_t i = 0; i < last.len; i++) {
        last.started += r->results[i].end != TRANSCRIPT_NOT_TRIED;
        last.completed +=
            r->results[i].end == TRANSCRIPT_WRITTEN || r->results[i].end == TRANSCRIPT_UNWRITTEN;
    }
    return record_end(r->transcript, &last, ok, err);
}

static bool run_quorum_sign(const struct command_line *line, struct ens_err *err)
{
    const struct quorum_sign_options *args = line->options;
    ENS_CLEANUP(quorum_sign_free) struct run r = {.line = line, .args = args};

    if (args->share == NULL)
        return ens_fail(err, ENS_USAGE, "--share: is missing: quorum sign needs the share of its holder");
    if (line->operands_len > 1 && args->out_dir == NULL)
        return ens_fail(err, ENS_USAGE, "%zu sign-data are given: give --out-dir DIR for their partials",
                        line->operands_len);
    if (args->out_dir != NULL && args->out.output != NULL)
        return ens_fail(err, ENS_USAGE, "--output names one partial and --out-dir many: give one of them");
    if (!sealing_key_require(&args->key, err) || !record_open(line, &args->record, &r.transcript, err) ||
        !end_quorum_sign(&r, quorum_sign_walk(&r, err), err))
        return false;
    say_partials(&r);
    return true;
}

#define SIGN(KIND, member) OPTION(KIND, struct quorum_sign_options, member)

static const struct option quorum_sign_rows[] = {
    OPTION_TOPIC("Who signs, with which share"),
    {"share", 0, SIGN(FILE_ONCE, share), "FILE", "the share of this holder"},
    {"mrsigner", 0, SIGN(ONCE, mrsigner), "HEX", "only for the quorum that has this MRSIGNER"},
    OPTION_TOPIC("What may be signed"),
    {"policy", 0, SIGN(FILE_ONCE, policy), "FILE", "sign only what this policy allows"},
    {"approval", 0, SIGN(FILES, approvals), "FILE",
     "an approval that the policy counts, or a directory of them; may be given several times"},
    {"dry-run", 0, SIGN(FLAG, dry_run), NULL, "do everything but open the share"},
    {"yes", 0, SIGN(FLAG, yes), NULL, "do not ask for confirmation"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-unusual", 0, SIGN(FLAG, allow_unusual), NULL, "sign fields that are refused as unusual"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"out-dir", 0, SIGN(OUT_DIR, out_dir), "DIR", "write NAME.I.partial for each sign-data into DIR"},
    {0},
};

const struct command cmd_quorum_sign = {
    .name = "quorum sign",
    .operands = "SIGN-DATA...",
    .summary = "make one holder's partial of the sign-data",
    .examples = "quorum sign --share alice.share --identity alice.identity \\\n"
                "    -o alice.partial app.signdata",
    .see_also = "quorum combine (which takes the partials), check, approve",
    .size = sizeof(struct quorum_sign_options),
    .groups = {{quorum_sign_rows, 0},
               {sealing_key_rows, offsetof(struct quorum_sign_options, key)},
               {token_rows, offsetof(struct quorum_sign_options, key.token)},
               {record_rows, offsetof(struct quorum_sign_options, record)},
               {output_rows, offsetof(struct quorum_sign_options, out)}},
    .min = 1,
    .max = SIZE_MAX,
    .run = run_quorum_sign,
};
