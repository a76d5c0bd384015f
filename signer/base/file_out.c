/* Output that appears complete or not at all: a temporary file in the directory of the target, fsync,
 * rename, fsync of the directory. Others cannot open it before it is finished, and so cannot lock it. A kill
 * at any point leaves the old file, or the new one, and at worst a stray temporary file named
 * .ensign-XXXXXXXX, which file_sweep can tell from one in use by its lock. */
#include "signer/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/interrupt.h"
#include "signer/base/lock.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"

/* Attempts at a random name that nobody uses yet. */
#define FILE_OUT_ATTEMPTS 16

struct file_out {
    char *path;    /* as the user named it, for messages */
    char *name;    /* in the directory `dir_fd`, after symbolic links */
    char temp[24]; /* name of the temporary file in that directory; empty: none to remove */
    int dir_fd;
    int fd;
    enum file_out_mode mode;
    mode_t new_mode;  /* of a new file */
    bool exists;      /* something regular stands at the target, and `st` describes it */
    bool is_expected; /* and it must be that */
    struct stat st;
};

/* True for the error of a call that the file system does not have. */
static bool is_unsupported(int reason)
{
    return reason == ENOSYS || reason == ENOTSUP;
}

/* Guards what new_file_mode asks: it must set the mask to read it. */
static pthread_mutex_t umask_lock = PTHREAD_MUTEX_INITIALIZER;

/* The mode of a new file: what the umask leaves of 0666. */
static mode_t new_file_mode(void)
{
    (void)pthread_mutex_lock(&umask_lock);
    mode_t mask = umask(077);

    (void)umask(mask);
    (void)pthread_mutex_unlock(&umask_lock);
    return 0666 & ~mask;
}

/* Where the output goes, after its links, and its directory, open for fsync. */
static bool open_directory(struct file_out *out, struct ens_err *err)
{
    ENS_CLEANUP(path_place_free) struct path_place place = {0};

    if (out->path[0] == '\0' || out->path[strlen(out->path) - 1] == '/')
        return ens_fail(err, ENS_CANTCREAT, "%s: is not a file name: name the output file", out->path);
    if (!path_find(out->path, ENS_CANTCREAT, &place, err))
        return false;
    out->dir_fd = openat(place.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->dir_fd < 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: its directory cannot be opened", out->path);
    /* The place keeps its name: without it its directory would not be closed. */
    out->name = mem_strdup(place.name, err);
    return out->name != NULL;
}

static bool check_apart(const struct file_out *out, const struct stat *st, struct ens_err *err)
{
    return out->mode != FILE_OUT_REPLACE || !file_is_input(st) ||
           ens_fail(err, ENS_USAGE, "%s: is a file that this run reads: name another output", out->path);
}

static bool keeps(const struct file_out *out)
{
    return out->mode == FILE_OUT_NEW || out->mode == FILE_OUT_NEVER;
}

static bool fail_exists(const struct file_out *out, struct ens_err *err)
{
    return ens_fail(err, ENS_CANTCREAT, "%s: exists already: name another file%s", out->path,
                    out->mode == FILE_OUT_NEW ? ", or give --force" : "");
}

/* Looks at what stands at the target, and refuses what must not be replaced. */
static bool examine_target(struct file_out *out, struct ens_err *err)
{
    if (fstatat(out->dir_fd, out->name, &out->st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return true;
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be examined", out->path);
    }
    if (!S_ISREG(out->st.st_mode))
        return ens_fail(err, ENS_CANTCREAT, "%s: is not a regular file: name a file, or - for stdout",
                        out->path);
    if (keeps(out))
        return fail_exists(out, err);
    out->exists = true;
    return check_apart(out, &out->st, err);
}

/* Says that a process is at the temporary file, for as long as it lives. `*ret_ok` false if a sweep took
 * the file before that; a file system without locks cannot be swept either. */
static bool hold_temp(int fd, const char *path, bool *ret_ok, struct ens_err *err)
{
    struct stat st;
    bool held = false;

    if (!lock_take(fd, path, NULL, &held, err))
        return false;
    *ret_ok = fstat(fd, &st) != 0 || st.st_nlink > 0;
    return true;
}

/* Private until it is finished: nobody else can open it, and take the lock first. */
static bool create_temp(struct file_out *out, struct ens_err *err)
{
    for (int i = 0; i < FILE_OUT_ATTEMPTS; i++) {
        uint32_t random = 0;
        bool held = false;

        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            return ens_fail_errno(err, ENS_RESOURCE, errno, "no random bytes for a file name");
        (void)snprintf(out->temp, sizeof out->temp, ".ensign-%08x", random);
        out->fd = openat(out->dir_fd, out->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (out->fd < 0 && errno != EEXIST)
            break;
        if (out->fd >= 0 && !hold_temp(out->fd, out->path, &held, err))
            return false;
        if (held)
            return true;
        file_closep(&out->fd);
    }
    out->temp[0] = '\0';
    return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be created", out->path);
}

static bool keep_owner(struct file_out *out, struct ens_err *err)
{
    struct stat now;

    if (!out->exists)
        return true;
    if (fstat(out->fd, &now) != 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: its new file cannot be examined", out->path);
    if ((now.st_uid != out->st.st_uid || now.st_gid != out->st.st_gid) &&
        fchown(out->fd, out->st.st_uid, out->st.st_gid) != 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno,
                              "%s: its owner cannot be kept: run as its owner, or write to a new file",
                              out->path);
    return true;
}

/* Gives the finished file its mode. Some file systems have one mode for all files: there a new
 * file stays as it was created. */
static bool set_mode(struct file_out *out, struct ens_err *err)
{
    mode_t mode = out->exists ? out->st.st_mode & 07777 : out->new_mode;
    struct stat now;

    if (fstat(out->fd, &now) == 0 && (now.st_mode & 07777) == mode)
        return true;
    if (fchmod(out->fd, mode) == 0 || (!out->exists && (errno == EPERM || is_unsupported(errno))))
        return true;
    return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: its mode cannot be %s", out->path,
                          out->exists ? "kept" : "set");
}

bool file_out_open(const char *path, enum file_out_mode mode, struct file_out **ret, struct ens_err *err)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = mem_alloc(1, sizeof *out, err);

    if (out == NULL)
        return false;
    out->dir_fd = -1;
    out->fd = -1;
    out->mode = mode;
    out->path = mem_strdup(path, err);
    out->new_mode = new_file_mode();
    if (out->path == NULL || !open_directory(out, err) || !examine_target(out, err))
        return false;
    if (faccessat(out->dir_fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be created", path);
    *ret = ens_take(out);
    return true;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool fail_expected(const struct file_out *out, struct ens_err *err)
{
    return ens_fail(
        err, ENS_DATA,
        "%s: was changed or replaced while it was worked on, and is left as it is: run the command again",
        out->path);
}

bool file_out_expect(struct file_out *out, int fd, struct ens_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !out->exists || !is_unchanged(&st, &out->st))
        return fail_expected(out, err);
    out->is_expected = true;
    return true;
}

bool file_out_create(struct file_out *out, struct ens_err *err)
{
    if (out->fd >= 0)
        return true;
    if (create_temp(out, err) && keep_owner(out, err))
        return true;
    /* A file of another owner is not the output: it goes, and asking again fails again. */
    if (out->temp[0] != '\0')
        (void)unlinkat(out->dir_fd, out->temp, 0);
    out->temp[0] = '\0';
    file_closep(&out->fd);
    return false;
}

int file_out_fd(const struct file_out *out)
{
    return out->fd;
}

bool file_out_write(struct file_out *out, struct view v, struct ens_err *err)
{
    return file_out_create(out, err) && file_write(out->fd, out->path, v, err);
}

/* Gives the file its name where nothing has that. Some file systems cannot rename without replacing: there a
 * second name is made, and the first removed. */
static int rename_new(const struct file_out *out)
{
    if (renameat2(out->dir_fd, out->temp, out->dir_fd, out->name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && !is_unsupported(errno))
        return errno;
    if (linkat(out->dir_fd, out->temp, out->dir_fd, out->name, 0) == 0) {
        (void)unlinkat(out->dir_fd, out->temp, 0);
        return 0;
    }
    /* EPERM: "the file system does not support the creation of hard links" (link(2)). */
    return errno == EPERM || is_unsupported(errno) ? ENOTSUP : errno;
}

static int rename_over(const struct file_out *out)
{
    return renameat2(out->dir_fd, out->temp, out->dir_fd, out->name, 0) == 0 ? 0 : errno;
}

/* Puts the temporary file in place; what stands there in the meantime is kept if the mode says so. */
static bool put_in_place(struct file_out *out, struct ens_err *err)
{
    struct stat now;

    bool is_there = fstatat(out->dir_fd, out->name, &now, AT_SYMLINK_NOFOLLOW) == 0;

    if (out->is_expected && (!is_there || !is_unchanged(&now, &out->st)))
        return fail_expected(out, err);
    /* It may have been opened since. */
    if (is_there && !check_apart(out, &now, err))
        return false;
    int reason = keeps(out) ? rename_new(out) : rename_over(out);

    if (reason == 0) {
        out->temp[0] = '\0';
        return true;
    }
    if (reason == EEXIST)
        return fail_exists(out, err);
    if (reason == ENOTSUP)
        return ens_fail(
            err, ENS_CANTCREAT,
            "%s: its file system has neither renaming that keeps what is there nor hard links, and "
            "nothing was put in place: give --force, or name a file on another file system",
            out->path);
    return ens_fail_errno(err, ENS_CANTCREAT, reason, "%s: cannot be put in place", out->path);
}

/* The first step: what was written, to disk. */
static bool sync_file(struct file_out *out, struct ens_err *err)
{
    if (!file_out_create(out, err) || !set_mode(out, err))
        return false;
    if (fsync(out->fd) == 0)
        return true;
    if (errno == EINVAL || is_unsupported(errno))
        return ens_fail(err, ENS_IO,
                        "%s: its file system cannot flush a file to the disk, and nothing was put in place: "
                        "name a file on another file system",
                        out->path);
    return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be written to disk", out->path);
}

bool file_sync_directory(int dir_fd, const char *path, struct ens_err *err)
{
    if (fsync(dir_fd) == 0 || errno == EINVAL || errno == EBADF || is_unsupported(errno))
        return true;
    return ens_fail_errno(err, ENS_IO, errno,
                          "%s: is in place, but its directory cannot be written to disk: run sync, and look "
                          "whether it is still there",
                          path);
}

/* Are they in one directory? Where that cannot be told, no. */
static bool is_beside(const struct file_out *a, const struct file_out *b)
{
    struct stat x;
    struct stat y;

    return fstat(a->dir_fd, &x) == 0 && fstat(b->dir_fd, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

/* Is there one before `at` whose directory was written, and is that of `at`? */
static bool is_directory_synced(struct file_out *const *outs, size_t at, const struct ens_err *errs)
{
    for (size_t i = 0; i < at; i++) {
        if (outs[i] != NULL && errs[i].code == ENS_OK && is_beside(outs[i], outs[at]))
            return true;
    }
    return false;
}

/* Step by step for all of them, and not file by file: what lies together is then written once. */
void file_out_commit_all(struct file_out *const *outs, size_t len, struct ens_err *ret_errs)
{
    for (size_t i = 0; i < len; i++) {
        ret_errs[i] = (struct ens_err){0};
        /* Only to have the disk begin: what it says of errors is said again by fsync. */
        if (len > 1 && outs[i] != NULL && outs[i]->fd >= 0)
            (void)sync_file_range(outs[i]->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    for (size_t i = 0; i < len; i++) {
        if (outs[i] != NULL)
            (void)sync_file(outs[i], &ret_errs[i]);
    }
    for (size_t i = 0; i < len; i++) {
        if (outs[i] != NULL && ret_errs[i].code == ENS_OK)
            (void)put_in_place(outs[i], &ret_errs[i]);
    }
    for (size_t i = 0; i < len; i++) {
        bool ok = outs[i] == NULL || ret_errs[i].code != ENS_OK || is_directory_synced(outs, i, ret_errs) ||
                  file_sync_directory(outs[i]->dir_fd, outs[i]->path, &ret_errs[i]);

        (void)ok;
    }
}

bool file_out_commit(struct file_out *out, struct ens_err *err)
{
    struct ens_err why = {0};

    if (!interrupt_check(err))
        return false;
    file_out_commit_all(&out, 1, &why);
    if (why.code != ENS_OK)
        *err = why;
    return why.code == ENS_OK;
}

void file_out_closep(struct file_out **out)
{
    if (*out == NULL)
        return;
    if ((*out)->temp[0] != '\0')
        (void)unlinkat((*out)->dir_fd, (*out)->temp, 0);
    file_closep(&(*out)->fd);
    file_closep(&(*out)->dir_fd);
    mem_free((*out)->path);
    mem_free((*out)->name);
    mem_free(*out);
    *out = NULL;
}

bool file_write_atomic(const char *path, enum file_out_mode mode, struct view v, struct ens_err *err)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;

    return file_out_open(path, mode, &out, err) && file_out_write(out, v, err) && file_out_commit(out, err);
}
