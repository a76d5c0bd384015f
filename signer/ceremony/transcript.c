/* Appends to a transcript: the file is locked for the whole run, its chain is verified first, and the record,
 * collected in memory until then, is added with one write at the end. The text is made in
 * transcript_record.c, the chain verified in transcript_verify.c. */
#include "signer/ceremony/transcript.h"

#include "signer/ceremony/transcript_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

/* How often the file may be replaced by another one while this run waits for its lock. */
#define OPEN_ATTEMPTS 16

struct transcript {
    char *path;
    int fd;
    struct transcript_head head; /* of what is in the file */
    struct buf entries;          /* of the record that is being collected */
    struct ens_err failed;       /* why it cannot be recorded; ENS_OK: it can */
};

void transcript_closep(struct transcript **t)
{
    if (*t == NULL)
        return;
    file_closep(&(*t)->fd);
    buf_free(&(*t)->entries);
    mem_free((*t)->path);
    mem_free(*t);
    *t = NULL;
}

/* ---- opening ---- */

static bool lock(const struct transcript *t, void (*on_wait)(const char *path), struct ens_err *err)
{
    if (flock(t->fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK && on_wait != NULL)
        on_wait(t->path);
    while (flock(t->fd, LOCK_EX) != 0) {
        if (errno != EINTR)
            return ens_fail_errno(err, ENS_RESOURCE, errno, "%s: cannot be locked", t->path);
        if (!interrupt_check(err))
            return false;
    }
    return true;
}

/* Is the open file still the one at the path, and as long as it was when it was verified? */
static bool is_in_place(const struct transcript *t, bool with_size)
{
    struct stat open_st;
    struct stat path_st;

    return fstat(t->fd, &open_st) == 0 && stat(t->path, &path_st) == 0 && open_st.st_dev == path_st.st_dev &&
           open_st.st_ino == path_st.st_ino && (!with_size || open_st.st_size == (off_t)t->head.size);
}

/* Opens and locks. A file that was moved away while this run waited for the lock is left alone. */
static bool open_locked(struct transcript *t, void (*on_wait)(const char *path), struct ens_err *err)
{
    struct stat st;

    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        file_closep(&t->fd);
        t->fd = open(t->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
        if (t->fd < 0 || fstat(t->fd, &st) != 0)
            return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be opened to append to it", t->path);
        if (!S_ISREG(st.st_mode))
            return ens_fail(err, ENS_CANTCREAT, "%s: is no regular file: name a file for the transcript",
                            t->path);
        if (!lock(t, on_wait, err))
            return false;
        if (is_in_place(t, false))
            return true;
    }
    return ens_fail(err, ENS_CANTCREAT, "%s: is replaced again and again: let one program write it", t->path);
}

static bool read_all(const struct transcript *t, struct buf *ret, struct ens_err *err)
{
    uint8_t piece[FILE_PIECE];
    size_t len = 0;

    do {
        if (!file_read(t->fd, t->path, piece, sizeof piece, &len, err))
            return false;
        if (len > TRANSCRIPT_FILE_MAX - TRANSCRIPT_RECORD_MAX - ret->len)
            return ens_fail(err, ENS_DATA,
                            "%s: has more than %u bytes: begin a new transcript, and write the head of this "
                            "one into the minutes",
                            t->path, TRANSCRIPT_FILE_MAX - TRANSCRIPT_RECORD_MAX);
        if (!buf_append(ret, view_of(piece, len), err))
            return false;
    } while (len == sizeof piece);
    return true;
}

bool transcript_open(const char *path, void (*on_wait)(const char *path), struct transcript **ret,
                     struct ens_err *err)
{
    ENS_CLEANUP(transcript_closep) struct transcript *t = mem_alloc(1, sizeof *t, err);
    ENS_CLEANUP(buf_free) struct buf text = {0};

    if (t == NULL)
        return false;
    t->fd = -1;
    t->path = mem_strdup(path, err);
    if (t->path == NULL || !open_locked(t, on_wait, err) || !read_all(t, &text, err) ||
        !transcript_verify(buf_view(&text), path, NULL, &t->head, err))
        return false;
    *ret = ens_take(t);
    return true;
}

/* ---- collecting ---- */

/* vsnprintf into memory of the right size. */
static bool format(struct buf *ret, struct ens_err *err, const char *fmt, va_list args) ENS_PRINTF(3, 0);

static bool format(struct buf *ret, struct ens_err *err, const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, again);

    va_end(again);
    if (len < 0)
        return ens_fail(err, ENS_BUG, "transcript: a value cannot be formatted");
    ret->data = mem_alloc((size_t)len + 1, 1, err);
    if (ret->data == NULL)
        return false;
    ret->len = (size_t)len;
    return vsnprintf((char *)ret->data, ret->len + 1, fmt, args) == len ||
           ens_fail(err, ENS_BUG, "transcript: a value cannot be formatted");
}

static bool add(struct transcript *t, const char *key, struct view value, struct ens_err *err)
{
    if (!transcript_put_entry(key, value, &t->entries, err))
        return false;
    return t->entries.len <= TRANSCRIPT_RECORD_MAX ||
           ens_fail(err, ENS_DATA, "transcript: the record has more than %u bytes: sign fewer files at once",
                    TRANSCRIPT_RECORD_MAX);
}

void transcript_add(struct transcript *t, const char *key, const char *fmt, ...)
{
    ENS_CLEANUP(buf_free) struct buf value = {0};
    va_list args;

    if (t == NULL || t->failed.code != ENS_OK)
        return;
    va_start(args, fmt);
    bool ok = format(&value, &t->failed, fmt, args);

    va_end(args);
    if (ok && !add(t, key, buf_view(&value), &t->failed))
        buf_free(&t->entries);
}

bool transcript_ready(const struct transcript *t, struct ens_err *err)
{
    if (t == NULL || t->failed.code == ENS_OK)
        return true;
    *err = t->failed;
    return ens_wrap(err, "%s", t->path);
}

/* ---- appending ---- */

/* The name of a new file lasts only once its directory is on the disk. */
static bool sync_directory(const struct transcript *t, struct ens_err *err)
{
    char dir[PATH_MAX];

    if (realpath(t->path, dir) == NULL)
        return ens_fail_errno(err, ENS_IO, errno, "%s: its directory cannot be found", t->path);
    *strrchr(dir, '/') = '\0';
    ENS_CLEANUP(file_closep) int fd = open(dir[0] != '\0' ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: its directory cannot be flushed to the disk", t->path);
    return true;
}

/* One write, whatever signal came: also an interrupted run is recorded. */
static bool append(const struct transcript *t, struct view record, struct ens_err *err)
{
    ssize_t n = 0;

    do
        n = write(t->fd, record.data, record.len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: the record cannot be written", t->path);
    if ((size_t)n != record.len)
        return ens_fail(err, ENS_IO, "%s: there is room for %zd of the %zu bytes of the record: make more",
                        t->path, n, record.len);
    if (fsync(t->fd) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: the record cannot be flushed to the disk", t->path);
    return t->head.records > 0 || sync_directory(t, err);
}

/* Takes back what was written of a record, so that the file is as it was. */
static bool undo(const struct transcript *t, struct ens_err *err)
{
    struct stat st;

    if (fstat(t->fd, &st) == 0 && st.st_size == (off_t)t->head.size)
        return false;
    if (ftruncate(t->fd, (off_t)t->head.size) == 0) {
        (void)fsync(t->fd);
        return false;
    }
    return ens_wrap(err, "%s: the file is not as it was: a part of the record may stand after byte %zu",
                    t->path, t->head.size);
}

bool transcript_commit(struct transcript *t, int64_t now, int exit_code, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf record = {0};
    struct transcript_head head = {0};

    if (t == NULL)
        return true;
    if (!transcript_ready(t, err))
        return false;
    if (!transcript_put_record(&t->head, now, buf_view(&t->entries), exit_code, &record, err) ||
        !digest_of(DIGEST_SHA256, buf_view(&record), head.hash, err))
        return ens_wrap(err, "%s", t->path);
    if (!is_in_place(t, true))
        return ens_fail(err, ENS_DATA,
                        "%s: was changed or moved away while this run had its lock: the record is not in it",
                        t->path);
    if (!append(t, buf_view(&record), err))
        return undo(t, err);
    head.records = t->head.records + 1;
    head.size = t->head.size + record.len;
    t->head = head;
    buf_free(&t->entries);
    return true;
}
