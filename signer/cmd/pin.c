/* PIN sources, and questions at the terminal. */
#include "signer/cmd/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"

static int open_terminal(void)
{
    return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool pin_has_terminal(void)
{
    ENS_CLEANUP(file_closep) int fd = open_terminal();

    return fd >= 0;
}

/* Reads bytes up to the end or a newline, which is dropped; more than `cap` is ENS_DATA. At the end of input
 * at a terminal the cursor still stands behind the question: a newline is written. */
static bool read_line(int fd, const char *name, char *ret, size_t cap, size_t *ret_len, struct ens_err *err)
{
    size_t have = 0;

    for (;;) {
        char c = 0;
        ssize_t n = read(fd, &c, 1);

        if (n == 0 && !file_write(fd, name, view_of_string("\n"), err))
            return false;
        if (n == 0 || (n == 1 && c == '\n'))
            break;
        if (n < 0 && errno == EINTR && !interrupt_check(err))
            return false;
        if (n < 0 && errno != EINTR)
            return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be read", name);
        if (n < 0)
            continue;
        if (have == cap)
            return ens_fail(err, ENS_DATA, "%s: the line has more than %zu bytes: give a shorter one", name,
                            cap);
        ret[have++] = c;
    }
    *ret_len = have;
    return true;
}

/* Reads a line at the terminal with echo switched off; the terminal is restored on every path. */
static bool read_unechoed(int fd, struct secret *ret, struct ens_err *err)
{
    struct termios before;

    if (tcgetattr(fd, &before) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "/dev/tty: is no terminal: give --pin-source");
    struct termios silent = before;

    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "/dev/tty: echo cannot be switched off");
    bool ok = read_line(fd, "/dev/tty", ret->data, SECRET_MAX, &ret->len, err);

    (void)tcsetattr(fd, TCSAFLUSH, &before);
    return file_write(fd, "/dev/tty", view_of_string("\n"), err) && ok;
}

static bool read_terminal(const char *what, struct secret *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = open_terminal();

    if (fd < 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno,
                              "PIN: there is no terminal to ask at: give --pin-source");
    return file_write(fd, "/dev/tty", view_of_string(what), err) &&
           file_write(fd, "/dev/tty", view_of_string(": "), err) && read_unechoed(fd, ret, err);
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
        return read_terminal(what, ret, err);
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

bool pin_ask_line(const char *question, char *ret, size_t cap, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = open_terminal();
    size_t len = 0;

    if (fd < 0)
        return ens_fail(err, ENS_REFUSED,
                        "there is no terminal to ask at: give --yes to go on without asking");
    if (!file_write(fd, "/dev/tty", view_of_string(question), err))
        return false;
    bool ok = read_line(fd, "/dev/tty", ret, cap - 1, &len, err);

    ret[len] = '\0';
    /* Interrupted: what is said of it begins a line of its own. */
    return (ok || file_write(fd, "/dev/tty", view_of_string("\n"), err)) && ok;
}
