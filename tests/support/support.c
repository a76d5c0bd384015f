/* What unit tests share. */
#include "tests/support/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_whole(const char *path, struct buf *ret)
{
    FILE *f = fopen(path, "rb");
    uint8_t piece[4096];
    size_t n = 0;
    struct ens_err err = {0};

    if (f == NULL)
        return false;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0) {
        if (!buf_append(ret, view_of(piece, n), &err))
            fail_msg("%s", err.msg);
    }
    assert_int_equal(ferror(f), 0);
    assert_int_equal(fclose(f), 0);
    return true;
}

struct buf support_vector(const char *name)
{
    struct buf b = {0};
    char path[512];

    (void)snprintf(path, sizeof path, "tests/vectors/%s", name);
    if (!read_whole(path, &b))
        fail_msg("%s: missing", path);
    return b;
}

struct buf support_shared(const char *name)
{
    struct buf b = {0};
    const char *dir = getenv("ENSIGN_SHARED");
    char path[512];

    (void)snprintf(path, sizeof path, "%s/data/%s", dir != NULL ? dir : "../shared", name);
    if (!read_whole(path, &b) && getenv("ENSIGN_REQUIRE_SHARED") != NULL)
        fail_msg("%s: missing, and ENSIGN_REQUIRE_SHARED is set", path);
    return b;
}

char *support_mkdir(void)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = NULL;

    if (asprintf(&dir, "%s/ensign-test-XXXXXX", tmp != NULL ? tmp : "/tmp") < 0 || mkdtemp(dir) == NULL)
        fail_msg("no temporary directory");
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void support_rmdir(char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

bool support_secret(struct view text, struct secret *ret, struct ens_err *err)
{
    if (text.len > SECRET_MAX)
        return ens_fail(err, ENS_DATA, "the secret has more than %d bytes: give a shorter one", SECRET_MAX);
    if (!secret_alloc(ret, err))
        return false;
    if (text.len > 0)
        memcpy(ret->data, text.data, text.len);
    ret->len = text.len;
    return true;
}
