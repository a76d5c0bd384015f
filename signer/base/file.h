/* Files: bounded reading, and output that appears complete or not at all. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "signer/base/bytes.h"
#include "signer/base/digest.h"

/* Size of the pieces in which streams are read. */
#define FILE_PIECE 65536

/* For ENS_CLEANUP on a file descriptor; -1 is fine. */
void file_closep(int *fd);

/* Returns how many things of which each keeps `each` descriptors open this process may have at a time (RLIMIT_NOFILE,
 * less what is open without them): 1 to `max`. */
size_t file_room(size_t each, size_t max);

/* Opens a regular file for reading, without following the links of others (path.h), and without waiting for
 * whatever stands there. A pipe or a device counts only as a descriptor that ensign was given (/dev/stdin,
 * <(...)). ENS_NOINPUT naming `path` (also for a directory), ENS_DATA for a pipe or a device. */
bool file_open(const char *path, int *ret_fd, struct ens_err *err) ENS_MUST_CHECK;

/* From now on the path "-" is what comes from `fd`, which stays the caller's. Called once,
 * before any file is opened. */
void file_take_stdin(int fd);
/* True for the path "-". */
bool file_is_stdin(const char *path);
/* What file_open does then: what comes is read to its end and kept in memory the first time. ENS_DATA if
 * it has more than a gigabyte. */
bool file_open_stdin(int *ret_fd, struct ens_err *err) ENS_MUST_CHECK;

/* From now on files that are opened to be read are remembered, and no output replaces one. Called once, before
 * any file is opened. */
void file_watch_inputs(void);
/* Remembers a regular file that is read otherwise than with file_open: by descriptor, or, if another library or
 * program opens it, by name. What cannot be examined is left to whoever opens it. ENS_RESOURCE. */
bool file_add_input(int fd, struct ens_err *err) ENS_MUST_CHECK;
bool file_add_input_named(const char *path, struct ens_err *err) ENS_MUST_CHECK;
/* How often the file was opened, and taking back what came after that: an output was only looked at, however
 * often it was opened for it. */
size_t file_input_times(const char *path);
void file_drop_input(const char *path, size_t times);
/* True if the file is one that is read. */
bool file_is_input(const struct stat *st);

/* Reads until `len` bytes are there or the file ends; restarts after EINTR unless ensign was interrupted.
 * ENS_IO naming `path`. */
bool file_read(int fd, const char *path, uint8_t *ret, size_t len, size_t *ret_len,
               struct ens_err *err) ENS_MUST_CHECK;

/* The same from `offset` on, without moving the file's position; the file must be seekable.
 * `path` NULL: the caller puts the name in front. */
bool file_read_at(int fd, const char *path, uint64_t offset, uint8_t *ret, size_t len, size_t *ret_len,
                  struct ens_err *err) ENS_MUST_CHECK;

/* Appends what is left of an open file to `ret`, which may hold its beginning, and then at most `max` bytes; a larger
 * file is ENS_DATA. */
bool file_read_rest(int fd, const char *path, size_t max, struct buf *ret,
                    struct ens_err *err) ENS_MUST_CHECK;

/* Reads a whole file of at most `max` bytes into `ret`; a larger one is ENS_DATA. */
bool file_read_all(const char *path, size_t max, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The SHA-256 of an open file from its position to its end. ENS_IO naming `path`. */
bool file_sha256(int fd, const char *path, uint8_t ret[static DIGEST_SIZE],
                 struct ens_err *err) ENS_MUST_CHECK;

/* Writes all of `v`; ENS_IO naming `path`. */
bool file_write(int fd, const char *path, struct view v, struct ens_err *err) ENS_MUST_CHECK;

/* Overwrites bytes of an open file from `offset` on. `path` as in file_read_at. */
bool file_write_at(int fd, const char *path, uint64_t offset, struct view v,
                   struct ens_err *err) ENS_MUST_CHECK;

/* The rule for a file that already has the name of an output. */
enum file_out_mode {
    FILE_OUT_NEW,      /* nothing: an existing file is kept, ENS_CANTCREAT; --force is the remedy */
    FILE_OUT_NEVER,    /* the same for a command that replaces nothing: another name is the remedy */
    FILE_OUT_REPLACE,  /* anything regular: it is replaced, and its mode and owner are kept; no file that the
                       * run reads (ENS_USAGE) */
    FILE_OUT_IN_PLACE, /* the same, and it may be the file that was read */
};

struct file_out;

/* Prepares an output at `path` (a symbolic link is followed to its target, unless it is another user's:
 * path.h): what stands there may be replaced, and its directory can be written to. Nothing is created yet. */
bool file_out_open(const char *path, enum file_out_mode mode, struct file_out **ret,
                   struct ens_err *err) ENS_MUST_CHECK;

/* Creates the temporary file beside the target, where that was not done yet; file_out_write does it as well.
 * It is private (0600) and locked until it has its mode, right before the rename.
 * Until file_out_commit nothing is seen at the target; else file_out_closep removes the temporary file. */
bool file_out_create(struct file_out *out, struct ens_err *err) ENS_MUST_CHECK;

/* Requires that the target is the file that is open at `fd`, as it is now, and still when it is
 * replaced: what somebody else put there meanwhile is kept. ENS_DATA. */
bool file_out_expect(struct file_out *out, int fd, struct ens_err *err) ENS_MUST_CHECK;

/* The open temporary file, readable and writable; owned by `out`; -1 before it was created. */
int file_out_fd(const struct file_out *out);

bool file_out_write(struct file_out *out, struct view v, struct ens_err *err) ENS_MUST_CHECK;

/* fsync, rename over the target, fsync of the directory. An error after the rename says that
 * the file is in place. */
bool file_out_commit(struct file_out *out, struct ens_err *err) ENS_MUST_CHECK;

/* The same for those of `outs` that are not NULL, where the disk has less to do than for one after the other:
 * each directory is written once. `ret_errs[i]` says what became of each (ENS_OK: it is there, or
 * there was none). An interruption does not stop it: what was paid for is kept. */
void file_out_commit_all(struct file_out *const *outs, size_t len, struct ens_err *ret_errs);

void file_out_closep(struct file_out **out);

/* The three in one, for an output that is already in memory. */
bool file_write_atomic(const char *path, enum file_out_mode mode, struct view v,
                       struct ens_err *err) ENS_MUST_CHECK;

/* Has the disk write an open directory, after a name in it became that of `path`. A file system that cannot
 * flush directories is taken as it is. ENS_IO: the name may be lost if the host crashes now. */
bool file_sync_directory(int dir_fd, const char *path, struct ens_err *err) ENS_MUST_CHECK;

/* Removes the temporary files that killed processes left in `directory`: those of this user on which nobody
 * has the lock that file_out_create takes. Gives their number. ENS_CANTCREAT: cannot read the directory. */
bool file_sweep(const char *directory, size_t *ret, struct ens_err *err) ENS_MUST_CHECK;
