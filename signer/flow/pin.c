/* PIN sources. Of a source no message quotes more than a file that an option names as one: messages are
 * recorded, and somebody may have typed the PIN itself. */
#include "signer/flow/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/base/path.h"
#include "signer/ui/screen.h"

/* A CR would be tried as a part of the PIN, and counted as a wrong one. */
static bool check_line(const struct secret *pin, const char *name, struct ens_err *err)
{
    if (memchr(pin->data, '\n', pin->len) != NULL)
        return ens_fail(err, ENS_DATA, "%s: has more than one line: give a file that holds the PIN only",
                        name);
    if (pin->len > 0 && pin->data[pin->len - 1] == '\r')
        return ens_fail(
            err, ENS_DATA,
            "%s: the line ends with a carriage return, as Windows writes it: take it out; no PIN was "
            "tried",
            name);
    return true;
}

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
    ret->data[len] = '\0';
    ret->len = len;
    return check_line(ret, name, err);
}

static bool read_pin_file(const char *path, const char *name, struct secret *ret, struct ens_err *err)
{
    struct stat st;
    ENS_CLEANUP(file_closep) int fd = -1;

    /* What a URI names is not repeated, not even in an error. */
    if (!path_open(path, O_RDONLY, 0, ENS_NOINPUT, &fd, err))
        return strcmp(name, path) == 0 ? false : ens_fail(err, ENS_NOINPUT, "%s: cannot be opened", name);
    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be examined", name);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_DATA, "%s: is not a regular file: give --pin-source fd:N for a pipe", name);
    if ((st.st_mode & 077) != 0)
        return ens_fail(err, ENS_DATA,
                        "%s: mode %04o lets others read the PIN: chmod 600 it, or where that cannot be, "
                        "open it yourself: --pin-source fd:3 3<FILE",
                        name, (unsigned)(st.st_mode & 07777));
    return file_add_input(fd, err) && read_fd(fd, name, ret, err);
}

/* Descriptors that a shell opens; what is larger may be a PIN. */
#define FD_SHOWN 1024

static bool read_descriptor(const char *number, struct secret *ret, struct ens_err *err)
{
    struct ens_err ignored = {0};
    uint64_t fd = 0;
    char name[32];

    if (!num_parse(number, "fd", INT_MAX, &fd, &ignored))
        return ens_fail(err, ENS_USAGE, "--pin-source: fd: names no descriptor: give fd:N");
    (void)snprintf(name, sizeof name, fd < FD_SHOWN ? "fd:%u" : "--pin-source fd", (unsigned)fd);
    return read_fd((int)fd, name, ret, err);
}

static bool read_source(const char *source, bool from_uri, const char *what, struct secret *ret,
                        struct ens_err *err)
{
    if (source == NULL || strcmp(source, "tty") == 0)
        return screen_read_secret(what, ret, err);
    const char *path = strncmp(source, "file:", 5) == 0 ? source + 5 : source;

    if (strcmp(source, "file:") == 0)
        return ens_fail(err, ENS_USAGE, "--pin-source: file: names no file: give file:PATH");
    if (path != source || source[0] == '/') {
        bool is_told = path != source && !from_uri;

        return read_pin_file(path, is_told ? path : "PIN file", ret, err) || (is_told && ens_hide(err, path));
    }
    if (strncmp(source, "fd:", 3) == 0)
        return read_descriptor(source + 3, ret, err);
    return ens_fail(err, ENS_USAGE, "--pin-source: is not a source: give tty, file:PATH or fd:N");
}

bool pin_read(const char *source, bool from_uri, const char *what, struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};

    if (!secret_alloc(&pin, err) || !read_source(source, from_uri, what, &pin, err))
        return false;
    *ret = pin;
    pin = (struct secret){0};
    return true;
}
