/* What sign is asked to sign: reading, checking, and the table of a batch. */
#include "signer/flow/request.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/ceremony/armour.h"
#include "signer/flow/artifact.h"
#include "signer/sgx/params.h"

#define DIGEST_FILE_SIZE 32

static bool read_blind(const struct requests_wanted *w, const struct buf *file, struct request *ret,
                       struct ens_err *err)
{
    if (!w->blind)
        return ens_fail(err, ENS_REFUSED,
                        "%s: is a bare digest, of which nothing can be reviewed: give the sign-data "
                        "(gen-sign-data), or --blind to sign it unseen",
                        ret->path);
    ret->is_blind = true;
    memcpy(ret->digest, file->data, sizeof ret->digest);
    return true;
}

/* A SIGSTRUCT that waits for its signature holds the same 256 bytes. */
static bool read_unsigned_sigstruct(const struct buf *file, struct request *ret, struct ens_err *err)
{
    struct sigstruct css;
    struct signdata data;

    if (!sigstruct_parse(buf_view(file), ret->path, &css, err))
        return false;
    if (!sigstruct_is_unsigned(&css))
        return ens_fail(err, ENS_DATA,
                        "%s: is a signed SIGSTRUCT: extract --sign-data gives what to sign again", ret->path);
    signdata_extract(&css, &data);
    return signdata_parse(view_of(data.bytes, sizeof data.bytes), ret->path, &ret->css, err);
}

static bool read_one(const struct requests_wanted *w, struct request *ret, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(buf_free) struct buf file = {0};

    if (!artifact_open(ret->path, &a, err))
        return false;
    if (!artifact_read_armour(&a, SIGSTRUCT_SIZE, ARMOUR_ONLY(ARMOUR_SIGN_DATA) | ARMOUR_ONLY(ARMOUR_DIGEST),
                              &file, err))
        return artifact_explain(&a, ARTIFACT_WANT_SIGNDATA, err);
    if (file.len == DIGEST_FILE_SIZE)
        return read_blind(w, &file, ret, err);
    if (file.len == SIGSTRUCT_SIZE ? !read_unsigned_sigstruct(&file, ret, err)
                                   : !signdata_parse(buf_view(&file), ret->path, &ret->css, err))
        return artifact_explain(&a, ARTIFACT_WANT_SIGNDATA, err);
    signdata_extract(&ret->css, &ret->data);
    if (!signdata_digest(&ret->css, ret->digest, err))
        return false;
    /* The rules of gen-sign-data, now on the bytes that will be signed. */
    return w->allow_unusual || params_check(&ret->css, false, err) ||
           ens_wrap(err, "%s: refused without --allow-unusual", ret->path);
}

/* ---- names of signatures ---- */

/* DIR/NAME.SUFFIX, where NAME is the file's own name without .signdata. */
static bool name_output(const char *dir, const char *result, struct request *r, struct ens_err *err)
{
    static const char suffix[] = ".signdata";
    const char *name = path_name(r->path);
    size_t len = strlen(name);
    size_t cut = sizeof suffix - 1;

    if (len > cut && strcmp(name + len - cut, suffix) == 0)
        len -= cut;
    r->out_path = mem_printf(err, "%s/%.*s.%s", dir, (int)len, name, result);
    return r->out_path != NULL;
}

/* --force replaces what is there, but not what is to be signed. */
static bool check_not_input(const struct requests *r, size_t index, struct ens_err *err)
{
    struct stat out;
    struct stat in;

    if (stat(r->items[index].out_path, &out) != 0)
        return true;
    for (size_t i = 0; i < r->len; i++) {
        if (stat(r->items[i].path, &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return ens_fail(err, ENS_USAGE,
                            "%s: is to be signed, and would be replaced by a signature: rename it",
                            r->items[i].path);
    }
    return true;
}

bool requests_name(const struct requests_wanted *w, const char *suffix, struct requests *r,
                   struct ens_err *err)
{
    for (size_t i = 0; i < r->len; i++) {
        if (!name_output(w->out_dir, suffix, &r->items[i], err) || !check_not_input(r, i, err))
            return false;
        if (w->beside != NULL && path_is_same(w->beside, r->items[i].out_path))
            return ens_fail(err, ENS_USAGE, "%s: the signature of %s goes there: name another file",
                            w->beside, r->items[i].path);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(r->items[j].out_path, r->items[i].out_path) == 0)
                return ens_fail(err, ENS_USAGE,
                                "%s: its signature would have the name of that of %s: rename one",
                                r->items[i].path, r->items[j].path);
        }
    }
    return true;
}

/* ---- all ---- */

bool requests_read(const struct requests_wanted *w, struct requests *ret, struct ens_err *err)
{
    ENS_CLEANUP(requests_free) struct requests r = {0};

    if (w->len > REQUESTS_MAX)
        return ens_fail(err, ENS_USAGE, "%zu sign-data are given: at most %d go through one run", w->len,
                        REQUESTS_MAX);
    r.items = mem_alloc(w->len, sizeof *r.items, err);
    if (r.items == NULL)
        return false;
    for (; r.len < w->len; r.len++) {
        r.items[r.len].path = w->paths[r.len];
        if (!read_one(w, &r.items[r.len], err))
            return false;
    }
    if (w->out_dir != NULL && !requests_name(w, "sig", &r, err))
        return false;
    *ret = r;
    r = (struct requests){0};
    return true;
}

void requests_free(struct requests *r)
{
    /* The one that was being read has no name yet. */
    for (size_t i = 0; i < r->len; i++)
        mem_free(r->items[i].out_path);
    mem_free(r->items);
    *r = (struct requests){0};
}

struct view request_message(const struct request *r)
{
    return r->is_blind ? view_of(NULL, 0) : view_of(r->data.bytes, sizeof r->data.bytes);
}

bool requests_any_blind(const struct requests *r)
{
    for (size_t i = 0; i < r->len; i++) {
        if (r->items[i].is_blind)
            return true;
    }
    return false;
}

size_t requests_waiting(const struct requests *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->len; i++)
        n += !r->items[i].is_done;
    return n;
}
