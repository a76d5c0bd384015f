/* Where ensign-token is. Never by PATH or another variable of the environment. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/helper.h"
#include "signer/base/mem.h"

#ifndef ENSIGN_LIBEXECDIR /* for checkers that read the sources by themselves */
#define ENSIGN_LIBEXECDIR "/usr/local/libexec"
#endif
#ifndef ENSIGN_TOKEN_BESIDE /* programs of the tests stand in directories of their own */
#define ENSIGN_TOKEN_BESIDE "ensign-token"
#endif

#define PATH_ROOM 4096

/* Can nobody but root and `owner` change it? A group of one person's own is that person. */
static bool is_guarded(const struct stat *st, uid_t owner)
{
    bool group_is_own = st->st_gid == st->st_uid;

    return (st->st_uid == 0 || st->st_uid == owner) && (st->st_mode & S_IWOTH) == 0 &&
           ((st->st_mode & S_IWGRP) == 0 || group_is_own);
}

/* Is there one that may be started? */
static bool is_program(const char *path, uid_t owner)
{
    char directory[PATH_ROOM];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    struct stat st;

    if (len == 0 || len >= sizeof directory || stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
        !is_guarded(&st, owner))
        return false;
    memcpy(directory, path, len);
    directory[len] = '\0';
    return stat(directory, &st) == 0 && is_guarded(&st, owner);
}

bool helper_path(char **ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *beside = NULL;
    char self[PATH_ROOM];
    struct stat own;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    if (len > 0 && stat("/proc/self/exe", &own) == 0) {
        self[len] = '\0';
        char *slash = strrchr(self, '/');

        if (slash != NULL)
            slash[1] = '\0';
        beside = mem_printf(err, "%s%s", self, ENSIGN_TOKEN_BESIDE);
        if (beside == NULL)
            return false;
        if (is_program(beside, own.st_uid)) {
            *ret = ens_take(beside);
            return true;
        }
    }
    *ret = mem_strdup(ENSIGN_LIBEXECDIR "/ensign/ensign-token", err);
    return *ret != NULL;
}
