/* What several commands of quorum do. */
#include "signer/cmd/quorum/quorum.h"

#include <stdio.h>
#include <sys/stat.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"
#include "signer/ceremony/words.h"
#include "signer/flow/record.h"
#include "signer/quorum/check.h"
#include "signer/quorum/seal.h"
#include "signer/ui/notice.h"
#include "signer/ui/screen.h"

bool quorum_load_public(const char *path, struct quorum_public **ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(mem_freep) struct quorum_public *q = mem_alloc(1, sizeof *q, err);

    if (q == NULL || !file_read_all(path, QUORUM_FILE_MAX, &file, err) ||
        !quorum_read(buf_view(&file), path, q, err))
        return false;
    if (!check_public(q, err))
        return ens_wrap(err, "%s", path);
    *ret = ens_take(q);
    return true;
}

bool quorum_load_card(const char *path, struct quorum_card *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return file_read_all(path, QUORUM_FILE_MAX, &file, err) && quorum_read(buf_view(&file), path, ret, err);
}

bool quorum_pin(const char *hex, const uint8_t mrsigner[static MRSIGNER_SIZE], struct ens_err *err)
{
    uint8_t want[MRSIGNER_SIZE];

    if (hex == NULL)
        return true;
    if (!hex_decode_groups(hex, "--mrsigner", want, sizeof want, err))
        return false;
    return memcmp(want, mrsigner, sizeof want) == 0 ||
           ens_fail(err, ENS_REFUSED, "quorum: its MRSIGNER is %s, not that of --mrsigner",
                    hex_of(view_of(mrsigner, MRSIGNER_SIZE)).text);
}

static bool ask_person(const struct quorum_question *q, struct ens_err *err)
{
    const struct screen_question question = {.text = q->question,
                                             .yes = q->answer == NULL ? "yes" : NULL,
                                             .words = q->answer,
                                             .again = q->answer == NULL ? NULL : q->question};
    enum screen_answer answer = SCREEN_NO;

    if (q->answer != NULL && !screen_is_there())
        return ens_fail(
            err, ENS_REFUSED,
            "%s: %s: what was shown is to be typed at a terminal, and --yes does not stand for it", q->object,
            q->no);
    if (!screen_require(q->object, q->verb, err))
        return false;
    do {
        bool go_on = true;

        if (!screen_show(
                &(struct screen_text){.top = q->text, .question = strlen(q->question), .size = screen_size()},
                &go_on, err))
            return false;
        answer = SCREEN_NO;
        if (go_on && !screen_ask(&question, &answer, err))
            return false;
    } while (answer == SCREEN_YES && !screen_is_as_shown());
    return answer == SCREEN_YES ||
           ens_fail(err, ENS_REFUSED, "%s: %s: the answer was not yes", q->object, q->no);
}

bool quorum_confirm(const struct quorum_question *q, bool yes, struct transcript *t, struct ens_err *err)
{
    bool asks = !yes || q->answer != NULL;

    if (!asks)
        notice_text(q->text);
    else if (!ask_person(q, err))
        return false;
    record_confirmation(t, !asks, !asks ? NULL : q->answer != NULL ? "words" : "yes");
    return true;
}

bool quorum_add_holder(struct buf *ret, unsigned number, const char *name,
                       const uint8_t key[static QUORUM_ID], struct ens_err *err)
{
    return text_line(ret, err, "Holder %u: %s", number, name) && review_groups(key, ret, err) &&
           review_rows_of_words(key, ret, err);
}

/* A name that stands for this very file, though its directory could not be flushed. */
static bool is_in_place(const struct file_out *out, const char *path)
{
    struct stat made;
    struct stat there;

    return fstat(file_out_fd(out), &made) == 0 && lstat(path, &there) == 0 && made.st_dev == there.st_dev &&
           made.st_ino == there.st_ino;
}

bool quorum_commit(struct file_out *const *outs, char *const *paths, size_t len, struct ens_err *err)
{
    struct ens_err errs[QUORUM_HOLDERS_MAX + 1] = {0};
    const struct ens_err *first = NULL;

    file_out_commit_all(outs, len, errs);
    for (size_t i = 0; i < len; i++) {
        if (errs[i].code != ENS_OK && first == NULL)
            first = &errs[i];
    }
    if (first == NULL)
        return true;
    for (size_t i = 0; i < len; i++) {
        if (is_in_place(outs[i], paths[i]))
            (void)remove(paths[i]);
    }
    *err = *first;
    return ens_wrap(err, "nothing was written");
}

bool quorum_open_box(enum quorum_kind kind, const void *doc, const struct quorum_sealed *box,
                     const char *path, struct sealing_key *key, struct quorum_pieces *ret,
                     struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret file_key = {0};

    return (sealing_key_unwrap(key, box, &file_key, err) &&
            seal_open_box(kind, doc, box, &file_key, ret, err)) ||
           ens_wrap(err, "%s", path);
}

char *quorum_name_and_words(const char *name, const uint8_t key[static QUORUM_ID], struct ens_err *err)
{
    return mem_printf(err, "%s %s %s %s %s", name, words_of(key[0], false), words_of(key[1], true),
                      words_of(key[2], false), words_of(key[3], true));
}

bool quorum_say_id(const struct quorum_public *q, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf words = {0};

    if (!review_rows_of_words(q->id, &words, err))
        return false;
    notice_hash(view_of(q->mrsigner, MRSIGNER_SIZE), "MRSIGNER");
    notice_hash(view_of(q->id, QUORUM_ID), "Quorum id");
    notice_text(buf_view(&words));
    return true;
}

void quorum_record(struct transcript *t, const struct quorum_public *q)
{
    char of[32];
    char epoch[32];

    (void)snprintf(of, sizeof of, "%u of %u", q->threshold, q->holders);
    (void)snprintf(epoch, sizeof epoch, "epoch %u", q->epoch);
    transcript_put(t, "quorum", hex_of(view_of(q->id, QUORUM_ID)).text, of, epoch);
}

bool quorum_record_card(struct transcript *t, unsigned holder, const struct quorum_card *c,
                        struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    uint8_t sum[DIGEST_SIZE];
    char number[16] = "";

    /* A card that was read is written as it was. */
    if (!quorum_write(c, &file, err) || !digest_of(DIGEST_SHA256, buf_view(&file), sum, err))
        return false;
    if (holder > 0)
        (void)snprintf(number, sizeof number, "%u", holder);
    transcript_put(t, "card", number, c->name, hex_of(view_of(sum, sizeof sum)).text);
    return true;
}
