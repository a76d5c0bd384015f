/* quorum apply: a holder's new share, from the old one and the deltas of all contributors. The old share stays until the
 * words of all holders agree. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/base/text.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/cmd/quorum/share.h"
#include "signer/flow/record.h"
#include "signer/quorum/check.h"
#include "signer/quorum/refresh.h"
#include "signer/ui/notice.h"

struct apply_options {
    struct sealing_key_options key;
    struct record_options record;
    const char *share, *delta_key, *delta_identity, *next, *output, *public_out;
    bool yes;
};

/* One run of quorum apply. */
struct run {
    const struct command_line *line;
    const struct apply_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    struct own_share share;        /* old, and then new */
    struct quorum_delta *deltas;   /* one for each operand */
    struct quorum_card to;         /* what the new share is sealed to */
    struct sealing_key *key;
    struct sealing_key *delta_key; /* NULL: the same */
    struct file_out *outs[2];      /* the share, and the public file */
};

static void apply_free(struct run *r)
{
    file_out_closep(&r->outs[0]);
    file_out_closep(&r->outs[1]);
    sealing_key_closep(&r->delta_key);
    sealing_key_closep(&r->key);
    share_free(&r->share);
    mem_free(r->deltas);
    transcript_closep(&r->transcript);
}

/* ---- the deltas, as far as they say themselves ---- */

static bool check_fits(const struct run *r, size_t index, struct ens_err *err)
{
    const struct quorum_public *q = &r->share.file->public;
    const struct quorum_delta *d = &r->deltas[index];

    if (memcmp(d->quorum, q->id, QUORUM_ID) != 0)
        return ens_fail(err, ENS_DATA, "is for another quorum, or another epoch of this one");
    if (d->holder != r->share.file->holder)
        return ens_fail(err, ENS_DATA, "is for holder %u, and this share is of holder %u", d->holder,
                        r->share.file->holder);
    if (d->holders != q->holders || d->count != q->count || d->box.pieces != quorum_pieces_of_one(q))
        return ens_fail(err, ENS_DATA, "has another number of holders or pieces than the quorum");
    if (memcmp(d->list, r->deltas[0].list, sizeof d->list) != 0)
        return ens_fail(err, ENS_DATA,
                        "names other holders or keys than %s: all contributors give the same --next",
                        r->line->operands[0]);
    for (size_t i = 0; i < index; i++) {
        if (memcmp(d->serial, r->deltas[i].serial, QUORUM_SERIAL) == 0)
            return ens_fail(err, ENS_DATA, "has the serial of %s: a delta counts once", r->line->operands[i]);
    }
    return true;
}

static bool read_deltas(struct run *r, struct ens_err *err)
{
    size_t len = r->line->operands_len;
    unsigned epoch = r->share.file->public.epoch;

    if (len > QUORUM_EPOCH_MAX - epoch)
        return ens_fail(err, ENS_DATA, "epoch: %u and %zu deltas would pass %d: deal the key again", epoch,
                        len, QUORUM_EPOCH_MAX);
    r->deltas = mem_alloc(len, sizeof *r->deltas, err);
    if (r->deltas == NULL)
        return false;
    for (size_t i = 0; i < len; i++) {
        ENS_CLEANUP(buf_free) struct buf file = {0};
        const char *path = r->line->operands[i];
        uint8_t sum[DIGEST_SIZE];

        if (!file_read_all(path, QUORUM_FILE_MAX, &file, err) ||
            !quorum_read(buf_view(&file), path, &r->deltas[i], err) ||
            !digest_of(DIGEST_SHA256, buf_view(&file), sum, err))
            return false;
        if (!check_fits(r, i, err))
            return ens_wrap(err, "%s", path);
        const struct hex hash = hex_of(view_of(sum, sizeof sum));
        const struct hex serial = hex_of(view_of(r->deltas[i].serial, QUORUM_SERIAL));

        transcript_put(r->transcript, "delta", path, serial.text, hash.text);
    }
    return true;
}

/* ---- keys ---- */

static bool open_keys(struct run *r, struct ens_err *err)
{
    const struct apply_options *a = r->args;
    struct sealing_key_options other = a->key;

    if (!number_lock_memory(err) || !sealing_key_open(&a->key, &r->key, err) ||
        !share_fits(&r->share, r->key, err))
        return false;
    if (sealing_key_token(r->key) != NULL)
        record_token(r->transcript, sealing_key_token(r->key));
    other.token.key = a->delta_key;
    other.identity = a->delta_identity;
    if (sealing_key_is_given(&other) && !sealing_key_open(&other, &r->delta_key, err))
        return false;
    if (a->next != NULL)
        return true;
    r->to = *sealing_key_card(r->key);
    r->to.oaep = r->share.file->box.oaep;
    return true;
}

static bool check_target(const struct run *r, struct ens_err *err)
{
    unsigned holder = r->share.file->holder;

    return memcmp(r->to.key, r->deltas[0].list[holder - 1].key, QUORUM_ID) == 0 ||
           ens_fail(err, ENS_DATA,
                    "the deltas name another key for you: somebody gave the contributors another card (%s; "
                    "yours is "
                    "%s)",
                    hex_of(view_of(r->deltas[0].list[holder - 1].key, QUORUM_ID)).text,
                    hex_of(view_of(r->to.key, QUORUM_ID)).text);
}

/* ---- review ---- */

static bool review_apply(struct run *r, struct ens_err *err)
{
    const struct quorum_public *q = &r->share.file->public;
    const struct quorum_holder *list = r->deltas[0].list;
    ENS_CLEANUP(buf_free) struct buf text = {0};
    unsigned changes = 0;

    if (!text_line(&text, err, "Adds %zu delta%s to the share of holder %u, %u of %u, epoch %u: %s",
                   r->line->operands_len, r->line->operands_len == 1 ? "" : "s", r->share.file->holder,
                   q->threshold, q->holders, q->epoch, share_holder(&r->share)->name))
        return false;
    for (unsigned i = 0; i < q->holders; i++) {
        if (memcmp(&list[i], &q->holder[i], sizeof list[i]) == 0)
            continue;
        changes++;
        if (!quorum_add_holder(&text, i + 1, q->holder[i].name, q->holder[i].key, err) ||
            !text_line(&text, err, "becomes") ||
            !quorum_add_holder(&text, i + 1, list[i].name, list[i].key, err))
            return false;
    }
    if (changes == 0 && !text_line(&text, err, "No name and no key changes."))
        return false;
    return quorum_confirm(&(struct quorum_question){.text = buf_view(&text),
                                                    .object = r->args->share,
                                                    .verb = "apply",
                                                    .question = "Apply them? Type yes to apply: ",
                                                    .no = "nothing was applied"},
                          r->args->yes, r->transcript, err);
}

/* ---- the new share ---- */

static bool add_delta(struct run *r, size_t index, struct ens_err *err)
{
    const struct quorum_delta *d = &r->deltas[index];
    struct own_share *s = &r->share;
    ENS_CLEANUP(secret_wipe) struct secret file_key = {0};
    struct quorum_pieces numbers = {0};
    bool ok = interrupt_check(err) &&
              sealing_key_unwrap(r->delta_key != NULL ? r->delta_key : r->key, &d->box, &file_key, err) &&
              seal_open(d, &file_key, &numbers, err) &&
              check_delta(&s->file->public, d, &numbers, &number_openssl, err) &&
              refresh_apply(d, &numbers, &s->file->public, &s->pieces, err);

    secret_wipe(&numbers.bytes);
    return ok || ens_wrap(err, "%s", r->line->operands[index]);
}

static bool make_share(struct run *r, struct ens_err *err)
{
    struct quorum_share *file = r->share.file;

    if (!share_open(&r->share, r->key, err))
        return false;
    for (size_t i = 0; i < r->line->operands_len; i++) {
        if (!add_delta(r, i, err))
            return false;
    }
    bool ok = quorum_set_id(&file->public, err) && check_public(&file->public, err) &&
              check_pieces(&file->public, 1U << (file->holder - 1), &r->share.pieces, &number_openssl, err);

    memcpy(file->quorum, file->public.id, sizeof file->quorum);
    ok = ok && seal_pieces(file, &r->to, &r->share.pieces, err);
    secret_wipe(&r->share.pieces.bytes);
    return ok;
}

static bool write_new(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf share = {0};
    ENS_CLEANUP(buf_free) struct buf public = {0};
    char *paths[] = {(char *)(uintptr_t)r->args->output, (char *)(uintptr_t)r->args->public_out};

    return quorum_write(r->share.file, &share, err) && quorum_write(&r->share.file->public, &public, err) &&
           file_out_write(r->outs[0], buf_view(&share), err) &&
           file_out_write(r->outs[1], buf_view(&public), err) && quorum_commit(r->outs, paths, 2, err);
}

static bool apply_walk(struct run *r, struct ens_err *err)
{
    const struct apply_options *a = r->args;

    (void)umask(077);
    if (!share_load(a->share, r->transcript, &r->share, err) || !read_deltas(r, err) ||
        (a->next != NULL && (!quorum_load_card(a->next, &r->to, err) || !check_target(r, err))) ||
        !file_out_open(a->output, FILE_OUT_NEVER, &r->outs[0], err) ||
        !file_out_open(a->public_out, FILE_OUT_NEVER, &r->outs[1], err) || !open_keys(r, err) ||
        !check_target(r, err) || !review_apply(r, err) || !record_intent(r->transcript, NULL, 0, err) ||
        !make_share(r, err) || !write_new(r, err))
        return false;
    quorum_record(r->transcript, &r->share.file->public);
    notice_say("%s: the new share of holder %u, epoch %u. Next: compare the words with all holders, make one "
               "signature "
               "with the new shares, and only then quorum destroy %s and the deltas.",
               a->output, r->share.file->holder, r->share.file->public.epoch, a->share);
    return quorum_say_id(&r->share.file->public, err);
}

static bool run_apply(const struct command_line *line, struct ens_err *err)
{
    const struct apply_options *a = line->options;
    ENS_CLEANUP(apply_free) struct run r = {.line = line, .args = a};
    const char *missing = a->share == NULL        ? "--share"
                          : a->output == NULL     ? "--output"
                          : a->public_out == NULL ? "--public-out"
                                                  : NULL;
    struct sealing_key_options other = a->key;

    if (missing != NULL)
        return ens_fail(err, ENS_USAGE,
                        "%s: is missing: quorum apply needs --share FILE, -o SHARE and --public-out FILE",
                        missing);
    if (strcmp(a->output, "-") == 0 || strcmp(a->public_out, "-") == 0)
        return ens_fail(err, ENS_USAGE, "-: the share and its public file go to files: name them");
    if (path_is_same(a->output, a->share) || path_is_same(a->public_out, a->share))
        return ens_fail(err, ENS_USAGE,
                        "--share: stays until the words of all holders agree: name other results");
    other.token.key = a->delta_key;
    other.identity = a->delta_identity;
    if (!sealing_key_require(&a->key, err) || !sealing_key_usage(&other, err) ||
        !record_open(line, &a->record, &r.transcript, err))
        return false;
    return record_end(r.transcript, &(struct record_end){0}, apply_walk(&r, err), err);
}

#define APPLY(KIND, member) OPTION(KIND, struct apply_options, member)

static const struct option apply_rows[] = {
    OPTION_TOPIC("Whose share it is"),
    {"share", 0, APPLY(FILE_ONCE, share), "FILE", "the share until now, which stays"},
    {"next", 0, APPLY(FILE_ONCE, next), "CARD", "seal the new share to this card"},
    {"yes", 0, APPLY(FLAG, yes), NULL, "do not ask for confirmation"},
    OPTION_TOPIC("Which key opens the deltas"),
    {"delta-key", 0, APPLY(URI_SAID, delta_key), "URI",
     "the key that the deltas are sealed to, if it is another"},
    {"delta-identity", 0, APPLY(FILE_ONCE, delta_identity), "FILE", "the same in a file"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"output", 'o', APPLY(OUTPUT, output), "FILE", "the new share"},
    {"public-out", 0, APPLY(BESIDE_ONCE, public_out), "FILE", "the new public file"},
    {0},
};

const struct command cmd_quorum_apply = {
    .name = "quorum apply",
    .operands = "DELTA...",
    .summary = "make the new share of a refresh",
    .examples = "quorum apply --share alice.share --identity alice.identity \\\n"
                "    -o next.share --public-out next.pub deltas/1.delta",
    .see_also = "quorum refresh, quorum destroy (for the share until now)",
    .size = sizeof(struct apply_options),
    .groups = {{apply_rows, 0},
               {sealing_key_rows, offsetof(struct apply_options, key)},
               {token_rows, offsetof(struct apply_options, key.token)},
               {record_rows, offsetof(struct apply_options, record)}},
    .min = 1,
    .max = QUORUM_EPOCH_MAX,
    .run = run_apply,
};
