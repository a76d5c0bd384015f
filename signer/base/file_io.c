/* Reading and writing an open file to the end. */
#include <errno.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"

void file_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static bool fail_io(const char *path, const char *what, struct ens_err *err)
{
    return ens_fail_errno(err, ENS_IO, errno, "%s%s%s", path != NULL ? path : "", path != NULL ? ": " : "",
                          what);
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
            return fail_io(path, "cannot be read", err);
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
            return fail_io(path, "cannot be written", err);
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
