/* The file of a transcript: opened once, judged, locked to the end of the run, and only ever appended to. */
#include "signer/ceremony/transcript_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

/* How often the file may be replaced by another one while this run waits for its lock. */
#define OPEN_ATTEMPTS 16

/* The lock is asked for every 100 ms, for ten seconds. */
#define LOCK_ATTEMPTS 100
#define LOCK_PAUSE_NS 100000000L

/* ---- the lock ---- */

/* One line of proc(5), /proc/locks: "1: FLOCK  ADVISORY  WRITE 812 08:01:1310 0 EOF". A line of one that
 * waits has "->" in it. */
static bool is_holder(const char *line, ino_t inode, int *ret_pid)
{
    unsigned long long found = 0;
    unsigned major = 0;
    unsigned minor = 0;
    char kind[16];
    int pid = 0;

    if (sscanf(line, "%*d: %15s %*s %*s %d %x:%x:%llu", kind, &pid, &major, &minor, &found) != 5 ||
        strcmp(kind, "FLOCK") != 0 || found != inode || pid <= 0)
        return false;
    *ret_pid = pid;
    return true;
}

/* Who has the lock; 0 if the kernel does not say so here. */
static int find_holder(int fd)
{
    char line[256];
    struct stat st;
    FILE *locks = fopen("/proc/locks", "re");
    int pid = 0;

    if (locks == NULL)
        return 0;
    while (pid == 0 && fstat(fd, &st) == 0 && fgets(line, sizeof line, locks) != NULL)
        (void)is_holder(line, st.st_ino, &pid);
    (void)fclose(locks);
    return pid;
}

static bool fail_locked(int fd, const char *path, struct ens_err *err)
{
    int pid = find_holder(fd);

    if (pid == 0)
        return ens_fail(err, ENS_CANTCREAT, "%s: is locked by another process: wait for its end", path);
    return ens_fail(err, ENS_CANTCREAT, "%s: locked by process %d: wait for its end", path, pid);
}

static bool lock(int fd, const char *path, struct ens_err *err)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ens_fail_errno(err, ENS_RESOURCE, errno, "%s: cannot be locked", path);
        if (i == LOCK_ATTEMPTS)
            return fail_locked(fd, path, err);
        (void)nanosleep(&pause, NULL);
        if (!interrupt_check(err))
            return false;
    }
    return true;
}

/* ---- opening ---- */

bool transcript_file_in_place(int fd, const char *path, int64_t size)
{
    struct stat open_st;
    struct stat path_st;

    return fstat(fd, &open_st) == 0 && stat(path, &path_st) == 0 && open_st.st_dev == path_st.st_dev &&
           open_st.st_ino == path_st.st_ino && (size < 0 || open_st.st_size == size);
}

/* Who else could write it would decide what it says. */
static bool judge(int fd, const char *path, struct ens_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be examined", path);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: is no regular file: name a file for the transcript", path);
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

bool transcript_file_open(const char *path, int *ret_fd, bool *ret_made, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    struct stat st;

    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        bool made = lstat(path, &st) != 0 && errno == ENOENT;

        file_closep(&fd);
        fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
        if (fd < 0 && errno == EISDIR)
            return ens_fail(err, ENS_DATA, "%s: is a directory: name a file for the transcript", path);
        if (fd < 0)
            return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be opened to append to it", path);
        if (!judge(fd, path, err) || !lock(fd, path, err))
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
    ENS_CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ENS_CLEANUP(buf_free) struct buf all = {0};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be opened", path);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: not-regular: is no regular file: name a transcript", path);
    if (!transcript_file_read(fd, path, &all, err))
        return false;
    *ret = all;
    all = (struct buf){0};
    return true;
}

/* ---- appending ---- */

bool transcript_sync_directory(const char *path, struct ens_err *err)
{
    char dir[PATH_MAX];

    if (realpath(path, dir) == NULL)
        return ens_fail_errno(err, ENS_IO, errno, "%s: its directory cannot be found", path);
    *strrchr(dir, '/') = '\0';
    ENS_CLEANUP(file_closep) int fd = open(dir[0] != '\0' ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: its directory cannot be flushed to the disk", path);
    return true;
}

bool transcript_file_reserve(int fd, const char *path, size_t size, size_t room, struct ens_err *err)
{
    int rc = 0;

    do
        rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)size, (off_t)room);
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
