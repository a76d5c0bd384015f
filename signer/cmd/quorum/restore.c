/* quorum restore: a lost share, from what M others gave of it. The key is never formed. */
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/flow/record.h"
#include "signer/flow/sealing_key.h"
#include "signer/quorum/check.h"
#include "signer/quorum/refresh.h"
#include "signer/quorum/seal.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"

struct restore_options {
    struct sealing_key_options key;
    struct output_options out;
    struct record_options record;
    const char *public;
};

/* One run of quorum restore. */
struct run {
    const struct command_line *line;
    const struct restore_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    struct quorum_public *quorum;
    struct quorum_repair *repair; /* the one that is being read */
    struct quorum_share *share;
    struct sealing_key *key;
    struct output *out;
    struct refresh_restored restored;
    unsigned holder; /* all of them say */
};

static void restore_free(struct run *r)
{
    secret_wipe(&r->restored.pieces.bytes);
    output_closep(&r->out);
    sealing_key_closep(&r->key);
    mem_free(r->share);
    mem_free(r->repair);
    mem_free(r->quorum);
    transcript_closep(&r->transcript);
}

static bool read_repair(struct run *r, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct quorum_repair *p = r->repair;
    const struct quorum_public *q = r->quorum;

    record_file(r->transcript, "repair", path);
    if (!file_read_all(path, QUORUM_FILE_MAX, &file, err) || !quorum_read(buf_view(&file), path, p, err))
        return false;
    if (memcmp(p->quorum, q->id, QUORUM_ID) != 0)
        return ens_fail(err, ENS_DATA, "%s: is of another quorum, or another epoch of it, than %s", path,
                        r->args->public);
    if (p->holder > q->holders || p->from > q->holders || p->from == p->holder)
        return ens_fail(err, ENS_DATA, "%s: from holder %u for holder %u: the quorum has %u", path, p->from,
                        p->holder, q->holders);
    if (r->holder != 0 && p->holder != r->holder)
        return ens_fail(err, ENS_DATA, "%s: is for holder %u, the one before for holder %u", path, p->holder,
                        r->holder);
    r->holder = p->holder;
    return true;
}

static bool take_repair(struct run *r, const char *path, struct ens_err *err)
{
    struct quorum_pieces given = {0};
    const struct quorum_repair *p = r->repair;

    if (!read_repair(r, path, err))
        return false;
    unsigned both = 1U << (p->from - 1) | 1U << (p->holder - 1);
    bool ok = quorum_open(p, path, r->key, &given, err) &&
              (check_pieces(r->quorum, both, &given, &number_openssl, err) || ens_wrap(err, "%s", path)) &&
              (refresh_restore(r->quorum, p->from, p->holder, &given, &r->restored, err) ||
               ens_wrap(err, "%s", path));

    secret_wipe(&given.bytes);
    return ok;
}

static bool write_restored(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    if (!refresh_is_whole(r->quorum, &r->restored, err) ||
        !check_pieces(r->quorum, 1U << (r->holder - 1), &r->restored.pieces, &number_openssl, err))
        return false;
    memcpy(r->share->quorum, r->quorum->id, QUORUM_ID);
    r->share->holder = r->holder;
    r->share->public = *r->quorum;
    if (!seal_pieces(r->share, sealing_key_card(r->key), &r->restored.pieces, err))
        return false;
    return quorum_write(r->share, &text, err) && output_commit(r->out, buf_view(&text), err);
}

static bool restore_walk(struct run *r, struct ens_err *err)
{
    r->repair = mem_alloc(1, sizeof *r->repair, err);
    r->share = mem_alloc(1, sizeof *r->share, err);
    if (r->repair == NULL || r->share == NULL || !quorum_load_public(r->args->public, &r->quorum, err))
        return false;
    quorum_record(r->transcript, r->quorum);
    if (!output_open(r->args->out.output, false, r->args->out.force, &r->out, err) ||
        !sealing_key_open(&r->args->key, &r->key, err))
        return false;
    for (size_t i = 0; i < r->line->operands_len; i++) {
        if (!take_repair(r, r->line->operands[i], err))
            return false;
    }
    if (!write_restored(r, err))
        return false;
    notice_say("%s: the share of holder %u, %s", output_name(r->args->out.output), r->holder,
               r->quorum->holder[r->holder - 1].name);
    if (memcmp(r->share->box.key, r->quorum->holder[r->holder - 1].key, QUORUM_ID) != 0)
        notice_say("It is sealed to another key than the quorum names: quorum check --repaired. Next: a "
                   "refresh that "
                   "names this key.");
    return true;
}

static bool run_restore(const struct command_line *line, struct ens_err *err)
{
    const struct restore_options *args = line->options;
    ENS_CLEANUP(restore_free) struct run r = {.line = line, .args = args};

    if (args->public == NULL)
        return ens_fail(err, ENS_USAGE,
                        "--public: is missing: quorum restore needs the public file of the quorum");
    if (!sealing_key_require(&args->key, err) || !number_lock_memory(err) ||
        !record_open(line, &args->record, &r.transcript, err))
        return false;
    return record_end(r.transcript, &(struct record_end){0}, restore_walk(&r, err), err);
}

#define RESTORE(KIND, member) OPTION(KIND, struct restore_options, member)

static const struct option restore_rows[] = {
    OPTION_TOPIC("Which quorum"),
    {"public", 0, RESTORE(FILE_ONCE, public), "FILE", "the public file of the quorum"},
    {0},
};

const struct command cmd_quorum_restore = {
    .name = "quorum restore",
    .operands = "REPAIR...",
    .summary = "put a lost share together again",
    .examples = "quorum restore --public quorum/quorum.pub \\\n"
                "    --identity bob.identity -o bob.share repairs/*.repair",
    .see_also = "quorum repair, quorum check --repaired",
    .size = sizeof(struct restore_options),
    .groups = {{restore_rows, 0},
               {sealing_key_rows, offsetof(struct restore_options, key)},
               {token_rows, offsetof(struct restore_options, key.token)},
               {output_rows, offsetof(struct restore_options, out)},
               {record_rows, offsetof(struct restore_options, record)}},
    .min = 1,
    .max = QUORUM_HOLDERS_MAX,
    .run = run_restore,
};
