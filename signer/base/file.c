/* Reading files, bounded. Writing them is in file_out.c. */
#include "signer/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"

/* What is open without any file of the work: streams, the module, its token. */
#define OTHER_FDS 32

void file_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

size_t file_room(size_t each, size_t max)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return max;
    rlim_t room = limit.rlim_cur > OTHER_FDS ? (limit.rlim_cur - OTHER_FDS) / each : 0;

    if (room >= max)
        return max;
    return room > 0 ? (size_t)room : 1;
}

/* What is no regular file: a descriptor of ensign's own is read as it comes. */
static bool take_special(int fd, const struct stat *st, bool is_own, const char *path, struct ens_err *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (S_ISDIR(st->st_mode))
        return ens_fail(err, ENS_NOINPUT, "%s: is a directory: name a file", path);
    if (!is_own)
        return ens_fail(err, ENS_DATA,
                        "%s: is a %s and no file: let the shell open it, and name it /dev/stdin", path,
                        S_ISFIFO(st->st_mode) ? "named pipe" : "device");
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be waited for", path);
    return true;
}

bool file_open(const char *path, int *ret_fd, struct ens_err *err)
{
    ENS_CLEANUP(path_place_free) struct path_place place = {0};
    ENS_CLEANUP(file_closep) int fd = -1;
    struct stat st;

    if (file_is_stdin(path))
        return file_open_stdin(ret_fd, err);
    if (!path_find(path, ENS_NOINPUT, &place, err) ||
        !path_open_place(&place, path, O_RDONLY, 0, ENS_NOINPUT, &fd, err))
        return false;
    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be examined", path);
    if (!S_ISREG(st.st_mode) && !take_special(fd, &st, place.is_magic, path, err))
        return false;
    *ret_fd = fd;
    fd = -1;
    return true;
}

/* Reads from `*offset` on, or, if that is NULL, from the file's position. */
static bool read_fully(int fd, const char *path, const uint64_t *offset, uint8_t *ret, size_t len,
                       size_t *ret_len, struct ens_err *err)
{
    size_t have = 0;

    while (have < len) {
        ssize_t n = offset != NULL ? pread(fd, ret + have, len - have, (off_t)(*offset + have))
                                   : read(fd, ret + have, len - have);

        if (n == 0)
            break;
        if (n > 0)
            have += (size_t)n;
        else if (errno != EINTR)
            return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be read", path);
        else if (!interrupt_check(err))
            return false;
    }
    *ret_len = have;
    return true;
}

bool file_read(int fd, const char *path, uint8_t *ret, size_t len, size_t *ret_len, struct ens_err *err)
{
    return read_fully(fd, path, NULL, ret, len, ret_len, err);
}

bool file_read_at(int fd, const char *path, uint64_t offset, uint8_t *ret, size_t len, size_t *ret_len,
                  struct ens_err *err)
{
    return read_fully(fd, path, &offset, ret, len, ret_len, err);
}

bool file_read_all(const char *path, size_t max, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(buf_free) struct buf all = {0};
    uint8_t piece[4096];
    size_t len = 0;

    if (!file_open(path, &fd, err))
        return false;
    do {
        if (!file_read(fd, path, piece, sizeof piece, &len, err))
            return false;
        if (len > max - all.len)
            return ens_fail(err, ENS_DATA, "%s: has more than %zu bytes: name the right file", path, max);
        if (!buf_append(&all, view_of(piece, len), err))
            return false;
    } while (len == sizeof piece);
    *ret = all;
    all = (struct buf){0};
    return true;
}

bool file_sha256(int fd, const char *path, uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    size_t len = 0;

    if (piece == NULL || !digest_new(DIGEST_SHA256, &d, err))
        return false;
    do {
        if (!file_read(fd, path, piece, FILE_PIECE, &len, err) || !digest_update(d, view_of(piece, len), err))
            return false;
    } while (len == FILE_PIECE);
    return digest_final(d, ret, err);
}

/* Writes from `*offset` on, or, if that is NULL, at the file's position. */
static bool write_fully(int fd, const char *path, const uint64_t *offset, struct view v, struct ens_err *err)
{
    size_t done = 0;

    while (done < v.len) {
        ssize_t n = offset != NULL ? pwrite(fd, v.data + done, v.len - done, (off_t)(*offset + done))
                                   : write(fd, v.data + done, v.len - done);

        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be written", path);
        else if (!interrupt_check(err))
            return false;
    }
    return true;
}

bool file_write(int fd, const char *path, struct view v, struct ens_err *err)
{
    return write_fully(fd, path, NULL, v, err);
}

bool file_write_at(int fd, const char *path, uint64_t offset, struct view v, struct ens_err *err)
{
    return write_fully(fd, path, &offset, v, err);
}
