/* Opening and reading files, bounded. Writing them is in file_out.c. */
#include "signer/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "signer/base/mem.h"
#include "signer/base/path.h"

/* What is open without any file of the work: streams, the module, its token. */
#define OTHER_FDS 32

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

/* Opens a file that is not a regular one: a descriptor of ensign's own is read as it comes. */
static bool take_special(int fd, const struct stat *st, bool is_own, const char *path, struct ens_err *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (S_ISDIR(st->st_mode))
        return ens_fail(err, ENS_NOINPUT, "%s: is a directory: name a file", path);
    if (!is_own)
        return ens_fail(err, ENS_DATA,
                        "%s: is a %s, not a file: let the shell open it, and name it /dev/stdin", path,
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
    fd = path_take_held(path);
    if (fd < 0 && (!path_find(path, ENS_NOINPUT, &place, err) ||
                   !path_open_place(&place, path, O_RDONLY, 0, ENS_NOINPUT, &fd, err)))
        return false;
    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be examined", path);
    if (!S_ISREG(st.st_mode) && !take_special(fd, &st, place.is_magic, path, err))
        return false;
    if (!file_add_input(fd, err))
        return false;
    *ret_fd = fd;
    fd = -1;
    return true;
}

bool file_read_rest(int fd, const char *path, size_t max, struct buf *ret, struct ens_err *err)
{
    uint8_t piece[4096];
    size_t len = 0;

    do {
        if (!file_read(fd, path, piece, sizeof piece, &len, err))
            return false;
        if (ret->len > max || len > max - ret->len)
            return ens_fail(err, ENS_DATA, "%s: has more than %zu bytes: name the right file", path, max);
        if (!buf_append(ret, view_of(piece, len), err))
            return false;
    } while (len == sizeof piece);
    return true;
}

bool file_read_all(const char *path, size_t max, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(buf_free) struct buf all = {0};

    if (!file_open(path, &fd, err) || !file_read_rest(fd, path, max, &all, err))
        return false;
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
