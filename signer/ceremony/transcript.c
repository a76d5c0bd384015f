/* Appends to a transcript: the file is locked for the whole run, its chain is verified first; entries are
 * collected in memory and added as one record with one write. The file itself is in transcript_file.c, the
 * text in transcript_words.c, the chain in transcript_verify.c, what is left of killed
 * runs in transcript_ack.c. */
#include "signer/ceremony/transcript.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/transcript_internal.h"

/* Room of an outcome besides its results: entries, an error, the frame. */
#define OUTCOME_ROOM (16u * 1024)

/* "result: 4096 unwritten ", 64 digits, newline. */
#define RESULT_ROOM 96u

#define ID_SIZE 16 /* random bytes in a begin */

struct transcript {
    char *path;
    int fd;
    bool made; /* by this run */
    struct transcript_sum sum;
    struct transcript_rejections rejections;
    bool has_intent;       /* of this run, and open */
    bool is_full;          /* an intent could not be made: nothing was done, and nothing more is added */
    uint32_t items;        /* of that intent */
    struct buf entries;    /* of the record that is being collected */
    struct ens_err failed; /* why it cannot be recorded; ENS_OK: it can */
};

/* An empty file that this run made is not a transcript that anybody asked for. One that it wrote to was emptied
 * by somebody, and stays. */
static void remove_empty(const struct transcript *t)
{
    struct stat st;

    if (t->made && t->sum.size == 0 && fstat(t->fd, &st) == 0 && st.st_size == 0 &&
        transcript_file_in_place(t->fd, t->path, 0))
        (void)unlink(t->path);
}

void transcript_closep(struct transcript **t)
{
    if (*t == NULL)
        return;
    if ((*t)->fd >= 0)
        remove_empty(*t);
    file_closep(&(*t)->fd);
    transcript_rejections_free(&(*t)->rejections);
    buf_free(&(*t)->entries);
    mem_free((*t)->path);
    mem_free(*t);
    *t = NULL;
}

const struct transcript_rejections *transcript_rejections(const struct transcript *t)
{
    return t != NULL ? &t->rejections : NULL;
}

bool transcript_has_intent(const struct transcript *t)
{
    return t != NULL && t->has_intent;
}

bool transcript_is(const struct transcript *t, const char *path)
{
    return t != NULL && transcript_file_in_place(t->fd, path, -1);
}

const uint8_t *transcript_head(const struct transcript *t)
{
    return t->sum.head;
}

/* ---- appending ---- */

/* A new file begins with a record that gives it a name of its own. */
static bool put_begin(struct transcript_sum *sum, int64_t now, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf entries = {0};
    uint8_t id[ID_SIZE];
    char hex[2 * ID_SIZE + 1];

    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "transcript: the system gives no random bytes");
    hex_encode(hex, view_of(id, sizeof id));
    const struct view name = view_of_string(hex);
    const struct view none = view_of_string("");

    return transcript_put_entry("id", &name, 1, &entries, err) &&
           transcript_put_entry("continues", &none, 1, &entries, err) &&
           transcript_put_record(sum, now, TRANSCRIPT_BEGIN, buf_view(&entries), -1, ret, err);
}

/* Appends the record, and before the first one the begin. */
static bool make_record(const struct transcript *t, int64_t now, enum transcript_kind kind,
                        struct view entries, int exit_code, struct transcript_sum *ret_sum, struct buf *ret,
                        struct ens_err *err)
{
    *ret_sum = t->sum;
    if ((t->sum.records == 0 && !put_begin(ret_sum, now, ret, err)) ||
        !transcript_put_record(ret_sum, now, kind, entries, exit_code, ret, err))
        return ens_wrap(err, "%s", t->path);
    return true;
}

static bool append_record(struct transcript *t, int64_t now, enum transcript_kind kind, struct view entries,
                          int exit_code, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct transcript_sum sum;

    if (!make_record(t, now, kind, entries, exit_code, &sum, &text, err) ||
        !transcript_file_append(t->fd, t->path, t->sum.size, buf_view(&text), err))
        return false;
    t->sum = sum;
    return true;
}

/* ---- opening ---- */

/* Cuts the tail off: it is saved by now. A file that can only be appended to stays as it is. */
static bool cut_tail(const struct transcript *t, struct ens_err *err)
{
    if (ftruncate(t->fd, (off_t)t->sum.size) != 0)
        return ens_fail_errno(err, ENS_DATA, errno, "%s: cut: its end cannot be taken off: chattr -a",
                              t->path);
    return fsync(t->fd) == 0 ||
           ens_fail_errno(err, ENS_IO, errno, "%s: cannot be flushed to the disk", t->path);
}

static bool is_collected(const struct transcript *t, struct ens_err *err)
{
    if (t->failed.code == ENS_OK)
        return true;
    *err = t->failed;
    return ens_wrap(err, "%s", t->path);
}

/* Appends what the operator found out, after which the chain can go on. */
static bool acknowledge(struct transcript *t, const struct transcript_break *b,
                        const struct transcript_ack *ack, struct ens_err *err)
{
    if (ack->describe != NULL)
        ack->describe(t, ack->ctx);
    if (!is_collected(t, err) || !transcript_ack_entries(b, ack->note, &t->entries, err) ||
        (b->tail.len > 0 && (!transcript_save_tail(b, &t->entries, err) || !cut_tail(t, err))) ||
        !append_record(t, ack->now, TRANSCRIPT_ACK, buf_view(&t->entries), 0, err))
        return false;
    t->sum.open = 0;
    t->sum.is_cut = false;
    buf_free(&t->entries);
    return true;
}

/* Verifies, and goes on or not. */
static bool verify(struct transcript *t, struct view text, const struct transcript_ack *ack,
                   struct ens_err *err)
{
    struct transcript_collector c = {.list = &t->rejections};
    const struct transcript_sink sink = {.put = transcript_collect, .ctx = &c};
    struct ens_err why = {0};

    if (!transcript_verify(text, t->path, &sink, &t->sum, &why) && !t->sum.is_cut) {
        *err = why;
        return false;
    }
    const struct transcript_break b = {
        .sum = &t->sum, .path = t->path, .tail = view_slice(text, t->sum.size, text.len - t->sum.size)};
    bool broken = b.tail.len > 0 || t->sum.open != 0;

    if (broken && (!ack->given || ack->number != t->sum.open))
        return transcript_refuse(&b, err);
    if (broken)
        return acknowledge(t, &b, ack, err);
    if (ack->given)
        return ens_fail(err, ENS_REFUSED,
                        "%s: --acknowledge %llu: no record is open and none is cut: leave it out", t->path,
                        (unsigned long long)ack->number);
    return true;
}

bool transcript_open(const char *path, const struct transcript_ack *ack, struct transcript **ret,
                     struct ens_err *err)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = mem_alloc(1, sizeof *t, err);
    ENS_CLEANUP(buf_free) struct buf text = {0};

    if (t == NULL)
        return false;
    t->fd = -1;
    t->path = mem_strdup(path, err);
    if (t->path == NULL || !transcript_file_open(path, &t->fd, &t->made, err) ||
        !transcript_file_read(t->fd, path, &text, err) || !verify(t, buf_view(&text), ack, err))
        return false;
    /* The entries of an open intent lie in the text. */
    t->sum.open_entries = view_of(NULL, 0);
    if (t->sum.size > TRANSCRIPT_FILE_MAX - TRANSCRIPT_RECORD_MAX)
        return ens_fail(
            err, ENS_DATA,
            "%s: is full: begin a new transcript, and write the head of this one into the minutes", path);
    *ret = ens_take(t);
    return true;
}

/* ---- collecting ---- */

static void add_words(struct transcript *t, const char *key, const struct view *words, size_t len)
{
    if (!transcript_put_entry(key, words, len, &t->entries, &t->failed))
        return;
    if (t->entries.len > TRANSCRIPT_RECORD_MAX)
        (void)ens_fail(&t->failed, ENS_DATA,
                       "transcript: the record has more than %u bytes: sign fewer files at once",
                       TRANSCRIPT_RECORD_MAX);
}

void transcript_words(struct transcript *t, const char *key, const char *const *words, size_t len,
                      bool free_text)
{
    ENS_CLEANUP(mem_freep) struct view *last = NULL;
    ENS_CLEANUP(mem_freep) struct view *all = NULL;
    size_t last_len = 0;

    if (t == NULL || t->failed.code != ENS_OK)
        return;
    if (len > 0 && free_text && !transcript_split(words[len - 1], &last, &last_len, &t->failed))
        return;
    all = mem_alloc(len + last_len, sizeof *all, &t->failed);
    if (all == NULL)
        return;
    for (size_t i = 0; i < len; i++)
        all[i] = view_of_string(words[i] != NULL ? words[i] : "");
    for (size_t i = 0; i < last_len; i++)
        all[len - 1 + i] = last[i];
    add_words(t, key, all, last != NULL ? len - 1 + last_len : len);
}

void transcript_text(struct transcript *t, const char *key, const char *text)
{
    if (text != NULL)
        transcript_words(t, key, &text, 1, true);
}

void transcript_items(struct transcript *t, const struct transcript_item *items, size_t len)
{
    for (size_t i = 0; t != NULL && i < len; i++) {
        const struct hex digest = hex_of(view_of(items[i].digest, sizeof items[i].digest));
        char number[24];

        (void)snprintf(number, sizeof number, "%zu", i + 1);
        transcript_put(t, "item", number, items[i].what, digest.text, items[i].file, items[i].output);
    }
}

bool transcript_holds(const struct transcript *t, struct ens_err *err)
{
    return t == NULL || is_collected(t, err);
}

/* ---- the records ---- */

bool transcript_intent(struct transcript *t, int64_t now, const struct transcript_item *items, size_t len,
                       struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct transcript_sum sum;
    char number[24];

    if (t == NULL)
        return true;
    if (t->has_intent || len > TRANSCRIPT_ITEMS_MAX)
        return ens_fail(err, ENS_BUG, "transcript: an intent over an open one, or of too many items");
    (void)snprintf(number, sizeof number, "%zu", len);
    transcript_put(t, "items", number);
    transcript_items(t, items, len);
    if (!is_collected(t, err) ||
        !make_record(t, now, TRANSCRIPT_INTENT, buf_view(&t->entries), -1, &sum, &text, err))
        return false;
    size_t room = text.len + len * RESULT_ROOM + OUTCOME_ROOM;

    if (t->sum.size + room > TRANSCRIPT_FILE_MAX)
        return ens_fail(err, ENS_DATA, "%s: is full: begin a new transcript", t->path);
    t->is_full = !transcript_file_reserve(t->fd, t->path, t->sum.size, room, err) ||
                 !transcript_file_append(t->fd, t->path, t->sum.size, buf_view(&text), err);
    if (t->is_full)
        return false;
    t->sum = sum;
    t->has_intent = true;
    t->items = (uint32_t)len;
    buf_free(&t->entries);
    return true;
}

static void put_result(struct transcript *t, size_t i, const struct transcript_result *r)
{
    static const char *const names[] = {[TRANSCRIPT_NOT_TRIED] = "not-tried",
                                        [TRANSCRIPT_FAILED] = "failed",
                                        [TRANSCRIPT_WRITTEN] = "written",
                                        [TRANSCRIPT_UNWRITTEN] = "unwritten",
                                        [TRANSCRIPT_KEPT] = "kept"};
    const struct hex hex = hex_of(view_of(r->sha256, sizeof r->sha256));
    char number[24];

    (void)snprintf(number, sizeof number, "%zu", i + 1);
    if (r->end == TRANSCRIPT_NOT_TRIED || r->end == TRANSCRIPT_FAILED) {
        transcript_put(t, "result", number, names[r->end]);
        return;
    }
    transcript_put(t, "result", number, names[r->end], hex.text);
}

/* Whatever cannot be recorded of an end, that there is one can. */
static void forget_entries(struct transcript *t)
{
    struct ens_err why = t->failed;

    if (why.code == ENS_OK)
        return;
    buf_free(&t->entries);
    t->failed = (struct ens_err){0};
    transcript_text(t, "error", why.msg);
}

bool transcript_outcome(struct transcript *t, int64_t now, const struct transcript_result *results,
                        uint64_t started, uint64_t completed, int exit_code, struct ens_err *err)
{
    char intent[24];
    char calls[2][24];

    if (t == NULL)
        return true;
    if (!t->has_intent)
        return ens_fail(err, ENS_BUG, "transcript: an outcome without an intent");
    forget_entries(t);
    (void)snprintf(intent, sizeof intent, "%llu", (unsigned long long)t->sum.records);
    (void)snprintf(calls[0], sizeof calls[0], "%llu", (unsigned long long)started);
    (void)snprintf(calls[1], sizeof calls[1], "%llu", (unsigned long long)completed);
    transcript_put(t, "intent", intent);
    transcript_put(t, "calls", calls[0], calls[1]);
    for (size_t i = 0; i < t->items; i++)
        put_result(t, i, &results[i]);
    if (!is_collected(t, err) ||
        !append_record(t, now, TRANSCRIPT_OUTCOME, buf_view(&t->entries), exit_code, err))
        return false;
    t->has_intent = false;
    buf_free(&t->entries);
    return true;
}

bool transcript_run(struct transcript *t, int64_t now, int exit_code, struct ens_err *err)
{
    if (t == NULL || t->is_full)
        return true;
    struct ens_err why = t->failed;

    /* All the same it ended. */
    forget_entries(t);
    exit_code = exit_code == ENS_OK ? (int)why.code : exit_code;
    if (!is_collected(t, err) ||
        !append_record(t, now, TRANSCRIPT_RUN, buf_view(&t->entries), exit_code, err))
        return false;
    buf_free(&t->entries);
    if (why.code == ENS_OK)
        return true;
    *err = why;
    return ens_wrap(err, "%s", t->path);
}
