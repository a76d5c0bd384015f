/* quorum check: does a public file hold together, and does a share belong to it? Every holder asks before the dealer's
 * machine is switched off, with the own key on the own machine, and reads the words aloud. */
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/cmd/quorum/share.h"
#include "signer/flow/record.h"
#include "signer/flow/sealing_key.h"
#include "signer/quorum/check.h"
#include "signer/quorum/number.h"
#include "signer/ui/output.h"
#include "signer/ui/report.h"

struct check_options {
    struct sealing_key_options key;
    struct record_options record;
    const char *public;
    bool repaired;
};

/* One run of quorum check. */
struct run {
    const char *path;
    const struct check_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    struct sealing_key *key;       /* NULL: none is given */
    struct own_share share;        /* `file` NULL: it is a public file */
    struct quorum_public *quorum;  /* that of the share, or `own` */
    struct quorum_public *own;
    struct report report;
};

static void release_check(struct run *r)
{
    report_free(&r->report);
    sealing_key_closep(&r->key);
    share_free(&r->share);
    mem_free(r->own);
    transcript_closep(&r->transcript);
}

/* What is well formed and does not fit is an answer, and no error. */
static bool fail_no(struct ens_err *err)
{
    if (err->code == ENS_DATA)
        err->code = ENS_NO;
    return false;
}

static bool read_public(struct run *r, struct view file, struct ens_err *err)
{
    if (sealing_key_is_given(&r->args->key))
        return ens_fail(err, ENS_USAGE, "%s: is no share, and a key opens nothing else: name the share",
                        r->path);
    r->own = mem_alloc(1, sizeof *r->own, err);
    if (r->own == NULL || !quorum_read(file, r->path, r->own, err))
        return false;
    r->quorum = r->own;
    quorum_record(r->transcript, r->own);
    return check_public(r->own, err) || (ens_wrap(err, "%s", r->path), fail_no(err));
}

static bool read_checked(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    enum quorum_kind kind = QUORUM_KINDS;

    if (!file_read_all(r->path, QUORUM_FILE_MAX, &file, err))
        return false;
    if (!quorum_recognise(buf_view(&file), &kind) || kind != QUORUM_SHARE)
        return read_public(r, buf_view(&file), err);
    if (!share_load(r->path, r->transcript, &r->share, err)) {
        struct ens_err ignored = {0};

        return r->share.file != NULL && quorum_read(buf_view(&file), r->path, r->share.file, &ignored)
                   ? fail_no(err)
                   : false;
    }
    r->quorum = &r->share.file->public;
    return true;
}

/* --public: the same bytes, for the id is a hash over all of them. */
static bool compare_public(const struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(mem_freep) struct quorum_public *other = mem_alloc(1, sizeof *other, err);
    const char *path = r->args->public;

    if (path == NULL)
        return true;
    if (other == NULL || !file_read_all(path, QUORUM_FILE_MAX, &file, err) ||
        !quorum_read(buf_view(&file), path, other, err))
        return false;
    return memcmp(other->id, r->quorum->id, QUORUM_ID) == 0 ||
           ens_fail(err, ENS_NO, "%s: belongs to another quorum, or another epoch of it, than %s", r->path,
                    path);
}

static bool open_own(struct run *r, struct ens_err *err)
{
    if (!sealing_key_is_given(&r->args->key))
        return true;
    if (!sealing_key_open(&r->args->key, &r->key, err) || !share_fits(&r->share, r->key, err))
        return false;
    bool ok = share_open(&r->share, r->key, err);

    secret_wipe(&r->share.pieces.bytes);
    return ok || fail_no(err);
}

static bool print_words(struct report *r, const char *key, const char *label, const uint8_t hash[static 32],
                        struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf words = {0};

    report_hash(r, key, label, view_of(hash, 32));
    if (!review_rows_of_words(hash, &words, err))
        return false;
    report_lines(r, buf_view(&words));
    return true;
}

static bool print_checked(struct run *r, struct ens_err *err)
{
    const struct quorum_public *q = r->quorum;

    report_begin(&r->report, REPORT_TEXT, 12);
    report_field(&r->report, NULL, "Quorum", "%u of %u, epoch %u", q->threshold, q->holders, q->epoch);
    if (r->share.file != NULL)
        report_field(&r->report, NULL, "Holder", "%u, %s", r->share.file->holder,
                     share_holder(&r->share)->name);
    report_hash(&r->report, NULL, "MRSIGNER", view_of(q->mrsigner, MRSIGNER_SIZE));
    if (!print_words(&r->report, NULL, "Quorum id", q->id, err) ||
        (r->key != NULL && !print_words(&r->report, NULL, "Your key", sealing_key_card(r->key)->key, err)))
        return false;
    return report_print(&r->report, err);
}

/* After a repair onto another card that is so; --repaired says that there was one. */
static bool check_sealed_to(const struct run *r, struct ens_err *err)
{
    return r->share.file == NULL || share_is_named(&r->share) || r->args->repaired ||
           ens_fail(err, ENS_NO,
                    "%s: is sealed to another key: --repaired if it was repaired onto a new card", r->path);
}

static bool check_walk(struct run *r, struct ens_err *err)
{
    return output_stdout_is_open(err) && read_checked(r, err) && compare_public(r, err) && open_own(r, err) &&
           print_checked(r, err) && check_sealed_to(r, err);
}

static bool run_quorum_check(const struct command_line *line, struct ens_err *err)
{
    const struct check_options *args = line->options;
    ENS_CLEANUP(release_check) struct run r = {.path = line->operands[0], .args = args};

    if (!sealing_key_usage(&args->key, err) ||
        (sealing_key_is_given(&args->key) && !number_lock_memory(err)) ||
        !record_open(line, &args->record, &r.transcript, err))
        return false;
    return record_end(r.transcript, &(struct record_end){0}, check_walk(&r, err), err);
}

#define CHECK(KIND, member) OPTION(KIND, struct check_options, member)

static const struct option check_rows[] = {
    OPTION_TOPIC("What it must belong to"),
    {"public", 0, CHECK(FILE_ONCE, public), "FILE", "the public file that the share must belong to"},
    {"repaired", 0, CHECK(FLAG, repaired), NULL, "the share may be sealed to another key: it was repaired"},
    {0},
};

const struct command cmd_quorum_check = {
    .name = "quorum check",
    .operands = "SHARE|PUBLIC",
    .summary = "check a share, or the public file of a quorum",
    .examples = "quorum check quorum/quorum.pub\n"
                "quorum check --public quorum/quorum.pub \\\n"
                "    --identity alice.identity alice.share",
    .see_also = "quorum deal, quorum repair; show (without opening what is sealed)",
    .size = sizeof(struct check_options),
    .groups = {{check_rows, 0},
               {sealing_key_rows, offsetof(struct check_options, key)},
               {token_rows, offsetof(struct check_options, key.token)},
               {record_rows, offsetof(struct check_options, record)}},
    .min = 1,
    .max = 1,
    .prints = "the quorum",
    .run = run_quorum_check,
};
