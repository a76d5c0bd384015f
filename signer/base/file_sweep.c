/* Removes the temporary files that a killed process left (file_out.c). */
#include "signer/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/mem.h"

/* ".ensign-" and eight hexadecimal digits. */
static bool is_temporary(const char *name)
{
    static const char prefix[] = ".ensign-";
    size_t len = sizeof prefix - 1;

    return strncmp(name, prefix, len) == 0 && strlen(name) == len + 8 &&
           strspn(name + len, "0123456789abcdef") == 8;
}

/* Removes it where it is a regular file of this user on which no process has its lock. */
static bool sweep_one(int dir_fd, const char *name)
{
    struct stat st;
    struct stat now;
    ENS_CLEANUP(file_closep)
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           flock(fd, LOCK_EX | LOCK_NB) == 0 && fstatat(dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           now.st_dev == st.st_dev && now.st_ino == st.st_ino && unlinkat(dir_fd, name, 0) == 0;
}

static void closedirp(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

bool file_sweep(const char *directory, size_t *ret, struct ens_err *err)
{
    ENS_CLEANUP(closedirp) DIR *dir = opendir(directory);
    size_t swept = 0;

    if (dir == NULL)
        return ens_fail_errno(err, ENS_CANTCREAT, errno, "%s: cannot be opened", directory);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (is_temporary(entry->d_name) && sweep_one(dirfd(dir), entry->d_name))
            swept++;
    }
    *ret = swept;
    return true;
}
