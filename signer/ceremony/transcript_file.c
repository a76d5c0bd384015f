/* The file of a transcript: opened once, judged, locked to the end of the run, and only ever appended to. */
#include "signer/ceremony/transcript_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/lock.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"

/* The file may be replaced by another one so often while this run waits for its lock. */
#define OPEN_ATTEMPTS 16

/* ---- opening ---- */

bool transcript_file_in_place(int fd, const char *path, int64_t size)
{
    struct stat open_st;
    struct stat path_st;

    return fstat(fd, &open_st) == 0 && stat(path, &path_st) == 0 && open_st.st_dev == path_st.st_dev &&
           open_st.st_ino == path_st.st_ino && (size < 0 || open_st.st_size == size);
}

/* Refuses a file that others can write: they would decide what it says. */
static bool judge_transcript_file(int fd, const char *path, struct ens_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be examined", path);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: is not a regular file: name a file for the transcript", path);
    if (st.st_nlink != 1)
        return ens_fail(err, ENS_DATA, "%s: has %lu names: a transcript has one: remove the others", path,
                        (unsigned long)st.st_nlink);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return ens_fail(err, ENS_DATA, "%s: belongs to user %lu: it must be this user's or root's", path,
                        (unsigned long)st.st_uid);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return ens_fail(err, ENS_DATA, "%s: others can write it (mode %04o): chmod go-w, and verify it", path,
                        (unsigned)(st.st_mode & 07777));
    return true;
}

/* A lock that cannot be had is no reason to wait for ever, and one that the file system
 * does not have is none. */
static bool lock(int fd, const char *path, struct ens_err *err)
{
    bool held = false;

    if (!lock_take(fd, path, NULL, &held, err))
        return false;
    return held ||
           ens_fail(err, ENS_RESOURCE, "%s: its file system has no locks: name a file on another one", path);
}

bool transcript_file_open(const char *path, int *ret_fd, bool *ret_made, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    struct stat st;

    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        bool made = lstat(path, &st) != 0 && errno == ENOENT;

        file_closep(&fd);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return ens_fail(err, ENS_DATA, "%s: is a directory: name a file for the transcript", path);
        if (!path_open(path, O_RDWR | O_APPEND | O_CREAT, 0600, ENS_CANTCREAT, &fd, err))
            return false;
        if (!judge_transcript_file(fd, path, err) || !lock(fd, path, err))
            return false;
        /* One that was moved away while this run waited for the lock is left alone. */
        if (transcript_file_in_place(fd, path, -1)) {
            *ret_made = made;
            *ret_fd = fd;
            fd = -1;
            return true;
        }
    }
    return ens_fail(err, ENS_CANTCREAT, "%s: is replaced again and again: let one program write it", path);
}

/* ---- reading ---- */

bool transcript_file_read(int fd, const char *path, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    size_t len = 0;

    if (piece == NULL)
        return false;
    do {
        if (!file_read(fd, path, piece, FILE_PIECE, &len, err))
            return false;
        if (len > TRANSCRIPT_FILE_MAX - ret->len)
            return ens_fail(err, ENS_DATA, "%s: too-large: has more than %u bytes: name the right file", path,
                            TRANSCRIPT_FILE_MAX);
        if (!buf_append(ret, view_of(piece, len), err))
            return false;
    } while (len == FILE_PIECE);
    return true;
}

bool transcript_read(const char *path, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(buf_free) struct buf all = {0};
    struct stat st;

    if (!(file_is_stdin(path) ? file_open_stdin(&fd, err)
                              : path_open(path, O_RDONLY, 0, ENS_NOINPUT, &fd, err)))
        return false;
    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be opened", path);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: not-regular: is not a regular file: name a transcript", path);
    if (!transcript_file_read(fd, path, &all, err))
        return false;
    *ret = all;
    all = (struct buf){0};
    return true;
}

/* ---- appending ---- */

bool transcript_sync_directory(const char *path, struct ens_err *err)
{
    ENS_CLEANUP(path_place_free) struct path_place place = {0};

    if (!path_find(path, ENS_IO, &place, err))
        return false;
    ENS_CLEANUP(file_closep) int fd = openat(place.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: its directory cannot be opened", path);
    return file_sync_directory(fd, path, err);
}

/* What a process may write (ulimit -f) is not asked by fallocate. */
static int fallocate_room(int fd, size_t size, size_t room)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        size + room > limit.rlim_cur) {
        errno = EFBIG;
        return -1;
    }
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)size, (off_t)room);
}

bool transcript_file_reserve(int fd, const char *path, size_t size, size_t room, struct ens_err *err)
{
    int rc = 0;

    do
        rc = fallocate_room(fd, size, room);
    while (rc != 0 && errno == EINTR);
    if (rc == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
        return true;
    return ens_fail_errno(
        err, ENS_IO, errno,
        "%s: there is no room for the %zu bytes of this run's records, so nothing was done: "
        "make room",
        path, room);
}

/* One write, whatever signal came: also an interrupted run is recorded. */
static bool write_whole(int fd, const char *path, struct view v, struct ens_err *err)
{
    ssize_t n = 0;

    do
        n = write(fd, v.data, v.len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: the record cannot be written", path);
    if ((size_t)n != v.len)
        return ens_fail(err, ENS_IO, "%s: there is room for %zd of the %zu bytes of the record: make more",
                        path, n, v.len);
    /* A flush that failed is never repeated: the next one would say that all is well. */
    return fsync(fd) == 0 ||
           ens_fail_errno(err, ENS_IO, errno, "%s: the record cannot be flushed to the disk", path);
}

/* Takes back what was written of a record, so that the file is as it was. */
static bool undo(int fd, const char *path, size_t size, struct ens_err *err)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && st.st_size == (off_t)size)
        return false;
    if (ftruncate(fd, (off_t)size) == 0) {
        (void)fsync(fd);
        return false;
    }
    return ens_wrap(err, "%s: the file is not as it was: a part of the record may stand after byte %zu", path,
                    size);
}

bool transcript_file_append(int fd, const char *path, size_t size, struct view v, struct ens_err *err)
{
    if (!transcript_file_in_place(fd, path, (int64_t)size))
        return ens_fail(err, ENS_DATA,
                        "%s: was changed or moved away while this run had its lock: the record is not in it",
                        path);
    if (!write_whole(fd, path, v, err) || (size == 0 && !transcript_sync_directory(path, err)))
        return undo(fd, path, size, err);
    return true;
}
