/* The walk of path_resolution(7), component by component over descriptors, so that what was looked at is what
 * is used. Nothing above a component can be exchanged meanwhile, and the last step is with O_NOFOLLOW. */
#include "signer/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"

const char *path_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* As many as the kernel follows. */
#define LINKS_MAX 40

struct walk {
    const char *path; /* for messages */
    enum ens_code code;
    int dir_fd; /* AT_FDCWD: the current directory */
    char *rest; /* what is still to be walked; owned */
    int links;
};

static void close_dir(int *fd)
{
    if (*fd != AT_FDCWD)
        file_closep(fd);
    *fd = AT_FDCWD;
}

static void walk_free(struct walk *w)
{
    close_dir(&w->dir_fd);
    mem_free(w->rest);
}

void path_place_free(struct path_place *place)
{
    if (place->name != NULL)
        close_dir(&place->dir_fd);
    mem_freep(&place->name);
}

/* Behind the wall the kernel keeps a process from what is open in another one, by /proc as well. */
static bool fail_open(const char *path, enum ens_code code, int reason, const char *fact, struct ens_err *err)
{
    static const char others[] = "/proc/";

    if (reason != EACCES || strncmp(path, others, sizeof others - 1) != 0)
        return ens_fail_errno(err, code, reason, "%s: %s", path, fact);
    return ens_fail(err, code,
                    "%s: %s (%s): ensign reads nothing through another process: name the file itself", path,
                    fact, strerrordesc_np(reason));
}

static bool fail_walk(const struct walk *w, int reason, struct ens_err *err)
{
    return fail_open(w->path, w->code, reason, "cannot be opened", err);
}

static bool fail_above(const struct walk *w, int reason, struct ens_err *err)
{
    return fail_open(w->path, w->code, reason, "its directory cannot be opened", err);
}

/* Goes on from `fd`, which is handed over. */
static void step_into(struct walk *w, int fd)
{
    close_dir(&w->dir_fd);
    w->dir_fd = fd;
}

/* Where what is to be walked begins with a slash, the walk begins again at the root. */
static bool enter_root(struct walk *w, struct ens_err *err)
{
    if (w->rest[0] != '/')
        return true;
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail_walk(w, errno, err);
    step_into(w, fd);
    return true;
}

/* True if a link of this owner in the present directory may be followed. */
static bool may_follow(const struct walk *w, const struct stat *link, struct ens_err *err)
{
    struct stat dir;

    if (fstatat(w->dir_fd, "", &dir, AT_EMPTY_PATH) != 0)
        return fail_walk(w, errno, err);
    if ((dir.st_mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH) || link->st_uid == geteuid() ||
        link->st_uid == dir.st_uid)
        return true;
    return ens_fail(
        err, w->code,
        "%s: a symbolic link of user %u in a directory that everybody may write to: name the file "
        "that is meant",
        w->path, (unsigned)link->st_uid);
}

/* Puts the text of the link `fd` before what is still to be walked (`after`). */
static bool read_link(struct walk *w, int fd, const char *after, struct ens_err *err)
{
    char text[PATH_MAX];
    ssize_t len = readlinkat(fd, "", text, sizeof text);

    if (len < 0)
        return fail_walk(w, errno, err);
    if (++w->links > LINKS_MAX)
        return ens_fail(err, w->code, "%s: too many symbolic links: name the target", w->path);
    if (len == 0 || (size_t)len == sizeof text)
        return fail_walk(w, len == 0 ? ENOENT : ENAMETOOLONG, err);
    char *next = mem_printf(err, "%.*s%s%s", (int)len, text, after[0] != '\0' ? "/" : "", after);

    if (next == NULL)
        return false;
    mem_free(w->rest);
    w->rest = next;
    return enter_root(w, err);
}

static bool is_of_the_kernel(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* The walk ends at `name`, of `len` bytes. */
static bool arrive(struct walk *w, const char *name, size_t len, bool is_magic, struct path_place *ret,
                   struct ens_err *err)
{
    char *copy = len == 0 ? mem_strdup(".", err) : mem_strndup(name, len, err);

    if (copy == NULL)
        return false;
    *ret = (struct path_place){w->dir_fd, copy, is_magic};
    w->dir_fd = AT_FDCWD;
    return true;
}

/* One component; `*ret_done` where it was the last. */
static bool step(struct walk *w, struct path_place *ret, bool *ret_done, struct ens_err *err)
{
    char name[NAME_MAX + 1];
    char *start = w->rest + strspn(w->rest, "/");
    size_t len = strcspn(start, "/");
    const char *after = start + len;
    bool is_last = after[strspn(after, "/")] == '\0';
    struct stat st;

    if (len > NAME_MAX)
        return fail_walk(w, ENAMETOOLONG, err);
    memcpy(name, start, len);
    name[len] = '\0';
    /* "a/" is the directory a, and "/" and "a/.." end at one as well. */
    *ret_done = is_last && (len == 0 || after[0] == '\0');
    if (len == 0)
        return arrive(w, name, 0, false, ret, err);
    ENS_CLEANUP(file_closep) int fd = openat(w->dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 && *ret_done && errno == ENOENT)
        return arrive(w, name, len, false, ret, err);
    if (fd < 0 || fstat(fd, &st) != 0)
        return is_last ? fail_walk(w, errno, err) : fail_above(w, errno, err);
    if (S_ISLNK(st.st_mode) && !is_of_the_kernel(fd)) {
        ENS_CLEANUP(mem_freep) char *rest = mem_strdup(after + strspn(after, "/"), err);
        bool is_dir = after[0] == '/' && rest != NULL && rest[0] == '\0';

        *ret_done = false;
        return rest != NULL && may_follow(w, &st, err) && read_link(w, fd, is_dir ? "." : rest, err);
    }
    if (*ret_done)
        return arrive(w, name, len, S_ISLNK(st.st_mode), ret, err);
    int next = openat(w->dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (next < 0)
        return fail_above(w, errno, err);
    step_into(w, next);
    memmove(w->rest, after + 1, strlen(after + 1) + 1);
    return true;
}

bool path_find(const char *path, enum ens_code code, struct path_place *ret, struct ens_err *err)
{
    ENS_CLEANUP(walk_free)
    struct walk w = {.path = path, .code = code, .dir_fd = AT_FDCWD, .rest = mem_strdup(path, err)};
    bool done = false;

    if (w.rest == NULL)
        return false;
    if (path[0] == '\0')
        return fail_walk(&w, ENOENT, err);
    if (!enter_root(&w, err))
        return false;
    while (!done) {
        if (!step(&w, ret, &done, err))
            return false;
    }
    return true;
}

bool path_is_same(const char *a, const char *b)
{
    ENS_CLEANUP(path_place_free) struct path_place x = {0};
    ENS_CLEANUP(path_place_free) struct path_place y = {0};
    struct ens_err ignored = {0};
    struct stat in_x;
    struct stat in_y;

    return path_find(a, ENS_IO, &x, &ignored) && path_find(b, ENS_IO, &y, &ignored) &&
           strcmp(x.name, y.name) == 0 && fstatat(x.dir_fd, "", &in_x, AT_EMPTY_PATH) == 0 &&
           fstatat(y.dir_fd, "", &in_y, AT_EMPTY_PATH) == 0 && in_x.st_dev == in_y.st_dev &&
           in_x.st_ino == in_y.st_ino;
}

bool path_open_place(const struct path_place *place, const char *path, int flags, mode_t mode,
                     enum ens_code code, int *ret_fd, struct ens_err *err)
{
    int fd = openat(place->dir_fd, place->name,
                    flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (place->is_magic ? 0 : O_NOFOLLOW), mode);

    if (fd < 0)
        return fail_open(path, code, errno, "cannot be opened", err);
    *ret_fd = fd;
    return true;
}

static struct {
    const char *path;
    int fd;
} held;

void path_hold(const char *path, int fd)
{
    held.path = path;
    held.fd = fd;
}

int path_take_held(const char *path)
{
    if (held.path == NULL || strcmp(held.path, path) != 0)
        return -1;
    held.path = NULL;
    return held.fd;
}

bool path_open(const char *path, int flags, mode_t mode, enum ens_code code, int *ret_fd, struct ens_err *err)
{
    ENS_CLEANUP(path_place_free) struct path_place place = {0};
    int fd = path_take_held(path);

    if (fd >= 0) {
        *ret_fd = fd;
        return true;
    }
    return path_find(path, code, &place, err) &&
           path_open_place(&place, path, flags, mode, code, ret_fd, err);
}
