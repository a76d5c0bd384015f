/* quorum destroy: a share that must not come back, once those of the next epoch are in use. Its bytes are overwritten,
 * flushed and unlinked. That is all that can be done to a file, and little on flash; with --key the sealing key goes
 * first, and with it every copy. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/key_destroy.h"
#include "signer/flow/record.h"
#include "signer/flow/sealing_key.h"
#include "signer/ui/notice.h"
#include "signer/ui/screen.h"

struct destroy_options {
    struct sealing_key_options key; /* --key alone */
    struct record_options record;
    const char *share;
    bool yes;
};

/* One run of quorum destroy. */
struct run {
    const struct destroy_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    struct path_place place;       /* of the share */
    int fd;
    struct buf text;
    struct sealing_key *key;    /* NULL: only the file goes */
    struct quorum_share *share; /* with a key: the file */
    bool is_gone;
};

static void destroy_free(struct run *r)
{
    path_place_free(&r->place);
    file_closep(&r->fd);
    sealing_key_closep(&r->key);
    mem_freep(&r->share);
    buf_free(&r->text);
    transcript_closep(&r->transcript);
}

/* Kinds of files whose content is secret, sealed or not: new share minus delta is the old share. */
static bool is_secret(struct view text)
{
    static const char *const heads[] = {"ensign quorum share 1\n", "ensign quorum delta 1\n",
                                        "ensign quorum repair 1\n", "ensign quorum identity 1\n"};

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (view_begins(text, view_of_string(heads[i])))
            return true;
    }
    return false;
}

static bool open_share(struct run *r, struct ens_err *err)
{
    const char *path = r->args->share;
    struct stat st;

    if (!path_find(path, ENS_NOINPUT, &r->place, err) ||
        !path_open_place(&r->place, path, O_RDWR, 0, ENS_NOINPUT, &r->fd, err))
        return false;
    if (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: is not a regular file", path);
    if (!file_read_rest(r->fd, path, QUORUM_FILE_MAX, &r->text, err))
        return false;
    if (!is_secret(buf_view(&r->text)))
        return ens_fail(err, ENS_DATA,
                        "%s: is not a share, delta, repair or identity of a quorum: rm removes it", path);
    if (st.st_nlink > 1)
        notice_warn("%s: the file has %lu names: the other ones stay, with nothing in it", path,
                    (unsigned long)st.st_nlink);
    return true;
}

/* ---- the key ---- */

/* It must be the one that the share is sealed to. */
static bool open_key(struct run *r, struct ens_err *err)
{
    const char *path = r->args->share;

    r->share = mem_alloc(1, sizeof *r->share, err);
    if (r->share == NULL || !quorum_read(buf_view(&r->text), path, r->share, err) ||
        !sealing_key_open(&r->args->key, &r->key, err))
        return false;
    const struct quorum_card *card = sealing_key_card(r->key);

    if (memcmp(card->key, r->share->box.key, QUORUM_ID) != 0)
        return ens_fail(err, ENS_BADKEY, "%s: is sealed to %s, and the key is %s: nothing was destroyed",
                        path, hex_of(view_of(r->share->box.key, QUORUM_ID)).text,
                        hex_of(view_of(card->key, QUORUM_ID)).text);
    record_token(r->transcript, sealing_key_token(r->key));
    transcript_put(r->transcript, "destroys", hex_of(view_of(card->key, QUORUM_ID)).text,
                   r->share->public.holder[r->share->holder - 1].name);
    return true;
}

static bool confirm_key(const struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf about = {0};
    const struct quorum_card *card = sealing_key_card(r->key);
    const char *name = r->share->public.holder[r->share->holder - 1].name;

    if (!text_line(&about, err, "Destroy the sealing key of holder %u, %s?", r->share->holder, name) ||
        !text_line(&about, err, "  Token     %s", sealing_key_token(r->key)->token->label) ||
        !text_line(&about, err, "  Fingerprint") || !review_groups(card->key, &about, err) ||
        !review_rows_of_words(card->key, &about, err) ||
        !text_line(&about, err, "Nothing that is sealed to it opens again: %s, its copies, deltas.",
                   r->args->share) ||
        !text_line(&about, err,
                   "Do it when all words of the new quorum agreed and one signature was made.") ||
        !key_destroy_ask(buf_view(&about), name, err))
        return false;
    record_confirmation(r->transcript, false, "name");
    return true;
}

/* ---- the file ---- */

static bool confirm_file(const struct run *r, struct ens_err *err)
{
    static const struct screen_question question = {.text = "Destroy it? Type yes to destroy: ",
                                                    .yes = "yes"};
    enum screen_answer answer = SCREEN_NO;

    if (r->args->yes) {
        record_confirmation(r->transcript, true, NULL);
        return true;
    }
    if (!screen_require(r->args->share, "destroy it", err))
        return false;
    notice_say("%s: is overwritten and removed. Do this when the words of the new quorum agreed and one "
               "signature was made with the new shares.",
               r->args->share);
    if (!screen_ask(&question, &answer, err))
        return false;
    if (answer != SCREEN_YES)
        return ens_fail(err, ENS_REFUSED, "%s: not destroyed: the answer was not yes", r->args->share);
    record_confirmation(r->transcript, false, "yes");
    return true;
}

static bool overwrite(struct run *r, struct ens_err *err)
{
    static const uint8_t zeros[QUORUM_FILE_MAX];
    const char *path = r->args->share;

    if (!file_write_at(r->fd, path, 0, view_of(zeros, r->text.len), err))
        return false;
    if (fsync(r->fd) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be flushed", path);
    return true;
}

/* The name goes also if the bytes cannot be overwritten; that is then the error. */
static bool remove_share(struct run *r, struct ens_err *err)
{
    const char *path = r->args->share;
    bool is_overwritten = overwrite(r, err);

    r->is_gone = unlinkat(r->place.dir_fd, r->place.name, 0) == 0;
    if (!r->is_gone)
        return is_overwritten
                   ? ens_fail_errno(err, ENS_IO, errno, "%s: was overwritten, but not removed", path)
                   : ens_wrap(err, "neither overwritten nor removed");
    ENS_CLEANUP(file_closep) int dir_fd = openat(r->place.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return is_overwritten && dir_fd >= 0 && file_sync_directory(dir_fd, path, err);
}

static bool destroy_walk(struct run *r, struct ens_err *err)
{
    bool has_key = r->args->key.token.key != NULL;

    if (!open_share(r, err))
        return false;
    record_file(r->transcript, "share", r->args->share);
    if ((has_key && !open_key(r, err)) || !(has_key ? confirm_key(r, err) : confirm_file(r, err)) ||
        !record_intent(r->transcript, NULL, 0, err) ||
        (has_key && !key_destroy(sealing_key_token(r->key), r->transcript, err)) || !remove_share(r, err))
        return false;
    if (has_key)
        notice_say("The sealing key is destroyed; read back: both halves are gone.");
    notice_say(
        "%s: overwritten and removed. Flash, snapshots and copies may still hold it: only the end of the key "
        "that it is sealed to is certain.",
        r->args->share);
    return true;
}

static bool run_destroy(const struct command_line *line, struct ens_err *err)
{
    const struct destroy_options *args = line->options;
    ENS_CLEANUP(destroy_free) struct run r = {.args = args, .fd = -1, .place = {.dir_fd = AT_FDCWD}};

    if (args->share == NULL)
        return ens_fail(err, ENS_USAGE, "--share: is missing: name the file that is destroyed");
    if (!sealing_key_usage(&args->key, err) ||
        (args->key.token.key != NULL && !key_destroy_usage(args->key.token.key, err)) ||
        !record_open(line, &args->record, &r.transcript, err))
        return false;
    bool ok = destroy_walk(&r, err);

    if (r.is_gone)
        transcript_put(r.transcript, "removed", args->share);
    return record_end(r.transcript, &(struct record_end){0}, ok, err);
}

#define DESTROY(KIND, member) OPTION(KIND, struct destroy_options, member)

static const struct option destroy_rows[] = {
    OPTION_TOPIC("What goes"),
    {"share", 0, DESTROY(FILE_ONCE, share), "FILE", "the share, delta, repair or identity that goes"},
    {"key", 0, DESTROY(URI_SAID, key.token.key), "URI",
     "its sealing key goes, too: the holder's name is typed"},
    {"yes", 0, DESTROY(FLAG, yes), NULL, "do not ask for confirmation"},
    {0},
};

const struct command cmd_quorum_destroy = {
    .name = "quorum destroy",
    .operands = "",
    .summary = "overwrite and remove a share, and end its sealing key",
    .examples = "quorum destroy --share alice.share --transcript room.log",
    .see_also = "destroy-key (a key in a token)",
    .size = sizeof(struct destroy_options),
    .groups = {{destroy_rows, 0},
               {token_rows, offsetof(struct destroy_options, key.token)},
               {record_rows, offsetof(struct destroy_options, record)}},
    .run = run_destroy,
};
