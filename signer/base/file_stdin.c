/* Standard input as a file: kept in memory once, so that it can be looked at, measured and read again like
 * any other. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"

/* More than any sign-data, and as much as a large bundle. */
#define STDIN_MAX (1u << 30u)

static int source = -1; /* the descriptor of "-"; -1: "-" is a name like any other */

void file_take_stdin(int fd)
{
    source = fd;
}

bool file_is_stdin(const char *path)
{
    return source >= 0 && strcmp(path, "-") == 0;
}

static bool spool(int to, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    size_t all = 0;
    size_t len = 0;

    if (piece == NULL)
        return false;
    do {
        if (!file_read(source, "-", piece, FILE_PIECE, &len, err) ||
            !file_write(to, "-", view_of(piece, len), err))
            return false;
        all += len;
        if (all > STDIN_MAX)
            return ens_fail(err, ENS_DATA, "-: stdin gives more than %u bytes: name a file", STDIN_MAX);
    } while (len == FILE_PIECE);
    return true;
}

bool file_open_stdin(int *ret_fd, struct ens_err *err)
{
    static int kept = -1;
    ENS_CLEANUP(file_closep) int fd = -1;
    char path[32];

    if (kept < 0) {
        fd = memfd_create("stdin", MFD_CLOEXEC);
        if (fd < 0)
            return ens_fail_errno(err, ENS_RESOURCE, errno, "-: stdin cannot be kept");
        /* Like a file of its own that nobody else can write. */
        if (fchmod(fd, 0600) != 0)
            return ens_fail_errno(err, ENS_RESOURCE, errno, "-: stdin cannot be kept");
        if (!spool(fd, err))
            return false;
        kept = fd;
        fd = -1;
    }
    /* Opened anew, not duplicated: each reader has a position of its own. */
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", kept);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd >= 0 ||
           ens_fail(err, ENS_RESOURCE, "-: stdin cannot be read again without /proc (%s): name a file",
                    strerrordesc_np(errno));
}
