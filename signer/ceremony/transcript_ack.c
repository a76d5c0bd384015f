/* An intent that says no end, and the tail of a record that was not written to its end: what is said of them,
 * and what an acknowledgement records. */
#include "signer/ceremony/transcript_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"

#define NOTE_KEY "note"

/* Word `i` of a value as bytes, terminated; release with mem_free. */
static char *word_text(struct view value, size_t i, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct view word = {0};

    while (transcript_word(&value, &word)) {
        if (i-- > 0)
            continue;
        if (!transcript_unescape(word, &text, err))
            return NULL;
        return mem_strndup((const char *)text.data, text.len, err);
    }
    return mem_strdup("", err);
}

/* ---- the refusal ---- */

/* Word `i` of the first entry of this key, or `otherwise` if there is none or it is empty. */
static char *entry_text(struct view entries, const char *key, size_t i, const char *otherwise,
                        struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *text = NULL;
    struct view value = {0};

    if (transcript_find(entries, key, &value)) {
        text = word_text(value, i, err);
        if (text == NULL || text[0] != '\0')
            return ens_take(text);
    }
    return mem_strdup(otherwise, err);
}

bool transcript_fail_open(const struct transcript_sum *sum, const char *path, enum ens_code code,
                          struct ens_err *err)
{
    struct view made = {0};
    bool makes = transcript_find(sum->open_entries, "creates", &made);
    const char *from = makes ? "creates" : "item";
    char others[32] = "";
    ENS_CLEANUP(mem_freep) char *verb = entry_text(sum->open_entries, "command", 0, "do something", err);
    ENS_CLEANUP(mem_freep) char *what = NULL;
    ENS_CLEANUP(mem_freep) char *where = NULL;

    if (verb == NULL)
        return false;
    what = entry_text(sum->open_entries, from, makes ? 1 : 3, "what it names", err);
    if (what == NULL)
        return false;
    where = makes ? mem_printf(err, "key %s on its token", what)
                  : entry_text(sum->open_entries, from, 4, "what it did", err);
    if (where == NULL)
        return false;
    if (sum->open_items > 1)
        (void)snprintf(others, sizeof others, " and %" PRIu32 " more", sum->open_items - 1);
    return ens_fail(err, code,
                    "%s: record %" PRIu64
                    " began to %s %.80s%s and says no end: look for %.80s%s, then run again "
                    "with --acknowledge %" PRIu64 " --note '...'",
                    path, sum->open, verb, what, others,
                    strcmp(where, "-") == 0 ? "what went to stdout" : where, others, sum->open);
}

bool transcript_refuse(const struct transcript_break *b, struct ens_err *err)
{
    if (b->tail.len == 0)
        return transcript_fail_open(b->sum, b->path, ENS_REFUSED, err);
    return ens_fail(
        err, ENS_DATA,
        "%s: cut: record %" PRIu64 ", from byte %zu on, was not written to its end: run again with "
        "--acknowledge %" PRIu64 " --note '...', which moves these %zu bytes to %s.torn-%" PRIu64,
        b->path, b->sum->records + 1, b->sum->size, b->sum->open, b->tail.len, b->path, b->sum->records + 1);
}

/* ---- what is found ---- */

/* Where the output of an item is now: from the directory in which the intent was made. */
static char *output_path(struct view entries, struct view item, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *output = word_text(item, 4, err);
    ENS_CLEANUP(mem_freep) char *directory = NULL;
    struct view value = {0};

    if (output == NULL || output[0] == '/' || output[0] == '\0' || strcmp(output, "-") == 0 ||
        !transcript_find(entries, "directory", &value))
        return ens_take(output);
    directory = word_text(value, 0, err);
    return directory != NULL ? mem_printf(err, "%s/%s", directory, output) : NULL;
}

/* Stands no regular file there? Not if that cannot be told: it may be a signature. */
static bool is_absent(const char *path)
{
    struct stat st;

    if (path[0] == '\0' || strcmp(path, "-") == 0)
        return true;
    return stat(path, &st) == 0 ? !S_ISREG(st.st_mode) : errno == ENOENT || errno == ENOTDIR;
}

/* SHA-256 of a regular file as hexadecimal text, or "absent". */
static bool look(const char *path, char ret[static 2 * DIGEST_SIZE + 1], struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    uint8_t hash[DIGEST_SIZE];

    (void)snprintf(ret, 2 * DIGEST_SIZE + 1, "absent");
    if (is_absent(path))
        return true;
    if (!path_open(path, O_RDONLY, 0, ENS_NOINPUT, &fd, err) || !file_sha256(fd, path, hash, err))
        return false;
    hex_encode(ret, view_of(hash, sizeof hash));
    return true;
}

static bool put_found(struct view entries, struct view item, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *path = output_path(entries, item, err);
    char found[2 * DIGEST_SIZE + 1];
    struct view words[2] = {0};

    if (path == NULL || !look(path, found, err))
        return false;
    (void)transcript_word(&item, &words[0]);
    words[1] = view_of_string(found);
    return transcript_put_entry("found", words, 2, ret, err);
}

bool transcript_ack_entries(const struct transcript_break *b, const char *note, struct buf *ret,
                            struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct view *words = NULL;
    struct view left = b->sum->open_entries;
    struct view key;
    struct view value;
    char number[24] = "";
    size_t len = 0;

    if (b->sum->open != 0)
        (void)snprintf(number, sizeof number, "%" PRIu64, b->sum->open);
    if (!transcript_put_entry("intent", &(struct view){(const uint8_t *)number, strlen(number)}, 1, ret, err))
        return false;
    while (b->sum->open != 0 && transcript_entry(&left, &key, &value)) {
        if (view_equal(key, view_of_string("item")) && !put_found(b->sum->open_entries, value, ret, err))
            return false;
    }
    return transcript_split(note, &words, &len, err) && transcript_put_entry(NOTE_KEY, words, len, ret, err);
}

/* ---- the tail ---- */

/* A file that an earlier try made is taken if it holds the same. */
static bool is_saved(const char *path, struct view tail)
{
    ENS_CLEANUP(buf_free) struct buf have = {0};
    struct ens_err why = {0};

    return file_read_all(path, TRANSCRIPT_FILE_MAX, &have, &why) && view_equal(buf_view(&have), tail);
}

static bool save(const char *path, struct view tail, struct ens_err *err)
{
    ENS_CLEANUP(file_closep)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0 && errno == EEXIST)
        return is_saved(path, tail) ||
               ens_fail(err, ENS_CANTCREAT, "%s: exists, and is not the end of the transcript: move it away",
                        path);
    if (fd < 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be made", path);
    if (file_write(fd, path, tail, err) &&
        (fsync(fd) == 0 || ens_fail_errno(err, ENS_IO, errno, "%s: cannot be flushed to the disk", path)) &&
        transcript_sync_directory(path, err))
        return true;
    (void)unlink(path);
    return false;
}

bool transcript_save_tail(const struct transcript_break *b, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *path = mem_printf(err, "%s.torn-%" PRIu64, b->path, b->sum->records + 1);
    uint8_t hash[DIGEST_SIZE];
    char bytes[24];
    char hex[2 * DIGEST_SIZE + 1];

    if (path == NULL || !save(path, b->tail, err) || !digest_of(DIGEST_SHA256, b->tail, hash, err))
        return false;
    hex_encode(hex, view_of(hash, sizeof hash));
    (void)snprintf(bytes, sizeof bytes, "%zu", b->tail.len);
    const struct view words[] = {view_of_string(bytes), view_of_string(hex), view_of_string(path)};

    return transcript_put_entry("torn", words, 3, ret, err);
}
