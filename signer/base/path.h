/* Opening by name without following the links of others: in a sticky directory that everybody may write to
 * (/tmp), a symbolic link counts only if it belongs to this user, or to the owner of the directory. That
 * is what the kernel demands with fs.protected_symlinks of the last component; here it holds for every
 * component, on every host. */
#pragma once

#include <sys/types.h>

#include "signer/base/err.h"

/* Where a path leads after its symbolic links: `name` in the directory `dir_fd` (AT_FDCWD: the current one).
 * Zero-initialise `name`; release with path_place_free. */
struct path_place {
    int dir_fd;
    char *name;    /* never a link, unless `is_magic`; owned */
    bool is_magic; /* a link of the kernel (/proc/self/fd/N, as /dev/stdin and <(...)): to be followed */
};

/* The last component of a path; in it. */
const char *path_name(const char *path);

/* Walks there. What `name` is called may be absent. A link that must not be followed, a component that is
 * missing or no directory: `code`, naming `path`. */
bool path_find(const char *path, enum ens_code code, struct path_place *ret,
               struct ens_err *err) ENS_MUST_CHECK;
void path_place_free(struct path_place *place);

/* Do both lead to one place, whether something is there or not? False if one leads nowhere. */
bool path_is_same(const char *a, const char *b);

/* open(2) of what path_find found for `path`, with O_CLOEXEC, O_NOCTTY and O_NONBLOCK: no name blocks,
 * whoever made it a pipe without a writer. `code` naming `path`. */
bool path_open_place(const struct path_place *place, const char *path, int flags, mode_t mode,
                     enum ens_code code, int *ret_fd, struct ens_err *err) ENS_MUST_CHECK;

/* Hands over a descriptor that was opened before its time: whoever opens exactly `path` next, to read it, gets this one, so
 * that a file is opened once. One at a time; `path` is borrowed until then. */
void path_hold(const char *path, int fd);
/* That descriptor, handed over; -1: none is held for `path`. */
int path_take_held(const char *path);

/* Both; or what is held. */
bool path_open(const char *path, int flags, mode_t mode, enum ens_code code, int *ret_fd,
               struct ens_err *err) ENS_MUST_CHECK;
