/* PIN sources. */
#include "signer/cmd/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/cmd/screen.h"

/* Reads all of `fd`; one trailing newline is dropped, and nothing else may follow it. */
static bool read_fd(int fd, const char *name, struct secret *ret, struct ens_err *err)
{
    size_t len = 0;

    /* One byte more than fits, the place of the terminator, shows that it is too long. */
    if (!file_read(fd, name, (uint8_t *)ret->data, SECRET_MAX + 1, &len, err))
        return false;
    if (len > SECRET_MAX)
        return ens_fail(err, ENS_DATA, "%s: has more than %d bytes: give a file that holds the PIN only",
                        name, SECRET_MAX);
    if (len > 0 && ret->data[len - 1] == '\n')
        len--;
    if (memchr(ret->data, '\n', len) != NULL)
        return ens_fail(err, ENS_DATA, "%s: has more than one line: give a file that holds the PIN only",
                        name);
    ret->data[len] = '\0';
    ret->len = len;
    return true;
}

static bool read_file(const char *path, struct secret *ret, struct ens_err *err)
{
    struct stat st;
    ENS_CLEANUP(file_closep) int fd = -1;

    if (!file_open(path, &fd, err))
        return false;
    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be examined", path);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: is not a regular file: give --pin-source fd:N for a pipe", path);
    if ((st.st_mode & 077) != 0)
        return ens_fail(err, ENS_DATA, "%s: mode %04o lets others read the PIN: chmod 600 it", path,
                        (unsigned)(st.st_mode & 07777));
    return read_fd(fd, path, ret, err);
}

static bool read_source(const char *source, const char *what, struct secret *ret, struct ens_err *err)
{
    uint64_t fd = 0;

    if (source == NULL || strcmp(source, "tty") == 0)
        return screen_read_secret(what, ret, err);
    if (strcmp(source, "file:") == 0)
        return ens_fail(err, ENS_USAGE, "--pin-source: file: names no file: give file:PATH");
    if (strncmp(source, "file:", 5) == 0)
        return read_file(source + 5, ret, err);
    /* Not quoted: somebody may have typed the PIN itself. */
    if (strncmp(source, "fd:", 3) != 0)
        return ens_fail(err, ENS_USAGE, "--pin-source: is no source: give tty, file:PATH or fd:N");
    return num_parse(source + 3, "--pin-source fd", INT_MAX, &fd, err) && read_fd((int)fd, source, ret, err);
}

bool pin_read(const char *source, const char *what, struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};

    if (!secret_alloc(&pin, err) || !read_source(source, what, &pin, err))
        return false;
    *ret = pin;
    pin = (struct secret){0};
    return true;
}
