/* --approval: files and directories. */
#include "signer/flow/approval_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/mem.h"
#include "signer/ui/notice.h"

#define SUFFIX ".approval"

static void close_directory(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

/* Takes `path` over. */
static bool add_path(struct approval_files *f, char *path, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *owned = path;
    void *block = f->paths;

    if (owned == NULL)
        return false;
    if (f->len == APPROVAL_FILES_MAX)
        return ens_fail(err, ENS_USAGE, "--approval: more than %d approvals: give those of this release",
                        APPROVAL_FILES_MAX);
    if (!mem_grow(&block, f->len + 1, sizeof *f->paths, err))
        return false;
    f->paths = block;
    f->paths[f->len++] = ens_take(owned);
    return true;
}

static bool is_called_so(const char *name)
{
    size_t len = strlen(name);
    size_t end = strlen(SUFFIX);

    return name[0] != '.' && len > end && strcmp(name + len - end, SUFFIX) == 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is not a regular file, as a link that leads nowhere, is left out and named: what a carrier left lying must not
 * stop a room. */
static bool add_entry(struct approval_files *f, const char *dir, const char *name, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *path = NULL;
    struct stat st;

    if (!is_called_so(name))
        return true;
    path = mem_printf(err, "%s/%s", dir, name);
    if (path == NULL)
        return false;
    bool is_there = stat(path, &st) == 0;

    if (is_there ? !S_ISREG(st.st_mode) : errno == ENOENT || errno == ELOOP) {
        notice_warn("%s: is %s: left out", path, is_there ? "not a file" : "a link that leads nowhere");
        return true;
    }
    return add_path(f, ens_take(path), err);
}

static bool add_directory(struct approval_files *f, const char *dir, struct ens_err *err)
{
    ENS_CLEANUP(close_directory) DIR *d = opendir(dir);
    size_t first = f->len;

    if (d == NULL)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: the directory cannot be read", dir);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);

        if (entry == NULL && errno != 0)
            return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: the directory cannot be read", dir);
        if (entry == NULL)
            break;
        if (!add_entry(f, dir, entry->d_name, err))
            return false;
    }
    if (f->len > first)
        qsort(f->paths + first, f->len - first, sizeof *f->paths, compare_paths);
    return true;
}

bool approval_files_list(const struct text_list *approvals, struct approval_files *ret, struct ens_err *err)
{
    ENS_CLEANUP(approval_files_free) struct approval_files f = {0};

    for (size_t i = 0; i < approvals->len; i++) {
        const char *path = approvals->items[i];
        struct stat st;
        bool is_directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

        if (is_directory ? !add_directory(&f, path, err) : !add_path(&f, mem_strdup(path, err), err))
            return false;
    }
    *ret = f;
    f = (struct approval_files){0};
    return true;
}

void approval_files_free(struct approval_files *f)
{
    for (size_t i = 0; i < f->len; i++)
        mem_free(f->paths[i]);
    mem_free(f->paths);
    *f = (struct approval_files){0};
}
