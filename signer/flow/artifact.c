/* Kinds of files. */
#include "signer/flow/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/ceremony/approval.h"
#include "signer/ceremony/armour.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/sigstruct.h"

/* What messages call a kind, and what to do with a file of it that was given in place of another. */
static const struct {
    const char *name, *remedy;
} kinds[] = {
    [ARTIFACT_BUNDLE] = {"a bundle", NULL}, /* fail_enclave has a remedy for these four */
    [ARTIFACT_SGXS] = {"an SGXS stream", NULL},
    [ARTIFACT_ELF] = {"an ELF file", NULL},
    [ARTIFACT_MANIFEST] = {"a Gramine manifest", NULL},
    [ARTIFACT_SIGSTRUCT] = {"a SIGSTRUCT", "run ensign show on it"},
    [ARTIFACT_SIGNDATA] = {"sign-data, which nobody has signed",
                           "sign it, then put the signature into the enclave's file with ensign set-sig"},
    [ARTIFACT_SIGNATURE] = {"a signature", "put it into the enclave's file with ensign set-sig"},
    [ARTIFACT_PUBKEY] = {"a public key", "give it with --pubkey"},
    [ARTIFACT_PRIVATE_KEY] = {"a private key", "keep it off this command: keys stay in the token"},
    [ARTIFACT_APPROVAL] = {"an approval", "give --approval before each, or --approval DIR for all in a "
                                          "directory"},
    [ARTIFACT_TRANSCRIPT] = {"a transcript", "run ensign transcript on it"},
    [ARTIFACT_POLICY] = {"a policy", "give it with --policy"},
    [ARTIFACT_QUORUM] = {"a file of a quorum", "run ensign show on it"},
};

const char *artifact_kind_name(enum artifact_kind kind)
{
    return kinds[kind].name;
}

bool artifact_holds_enclave(enum artifact_kind kind)
{
    return kind == ARTIFACT_BUNDLE || kind == ARTIFACT_SGXS || kind == ARTIFACT_ELF ||
           kind == ARTIFACT_MANIFEST;
}

/* ---- recognising ---- */

static bool has_text(struct view head, const char *text)
{
    return memmem(head.data, head.len, text, strlen(text)) != NULL;
}

/* Is it 256 bytes with the fixed fields of sign-data? */
static bool is_signdata(struct view head)
{
    struct sigstruct css;
    struct ens_err ignored = {0};

    return head.len == SIGNDATA_SIZE && signdata_parse(head, "", &css, &ignored);
}

static enum artifact_kind kind_of_text(struct view head)
{
    if (approval_recognise(head))
        return ARTIFACT_APPROVAL;
    if (view_begins(head, view_of_string("ensign transcript ")))
        return ARTIFACT_TRANSCRIPT;
    if (view_begins(head, view_of_string("policy 1\n")))
        return ARTIFACT_POLICY;
    if (view_begins(head, view_of_string("ensign quorum ")))
        return ARTIFACT_QUORUM;
    if (has_text(head, "PRIVATE KEY-----"))
        return ARTIFACT_PRIVATE_KEY;
    if (has_text(head, "PUBLIC KEY-----") || has_text(head, "-----BEGIN CERTIFICATE-----"))
        return ARTIFACT_PUBKEY;
    return magic_is_manifest(head) ? ARTIFACT_MANIFEST : ARTIFACT_UNKNOWN;
}

/* The kind of a file that begins with `head`: all of the file if that is shorter than ARTIFACT_HEAD_MAX. */
static enum artifact_kind recognise(struct view head)
{
    static const enum artifact_kind of_magic[] = {
        [MAGIC_ZIP] = ARTIFACT_BUNDLE, [MAGIC_SGXS] = ARTIFACT_SGXS, [MAGIC_ELF] = ARTIFACT_ELF};
    enum magic magic = magic_of(head);

    if (head.len == 0)
        return ARTIFACT_UNKNOWN;
    if (magic != MAGIC_NONE)
        return of_magic[magic];
    if (is_signdata(head))
        return ARTIFACT_SIGNDATA;
    if (sigstruct_begins(head))
        return ARTIFACT_SIGSTRUCT;
    enum artifact_kind text = kind_of_text(head);

    return text == ARTIFACT_UNKNOWN && head.len == SIGNATURE_SIZE ? ARTIFACT_SIGNATURE : text;
}

/* ---- opening and reading ---- */

bool artifact_open(const char *path, struct artifact *ret, struct ens_err *err)
{
    ret->path = path;
    if (!file_open(path, &ret->fd, err) ||
        !file_read(ret->fd, path, ret->head, sizeof ret->head, &ret->len, err))
        return false;
    ret->kind = recognise(artifact_head(ret));
    return true;
}

void artifact_close(struct artifact *a)
{
    file_closep(&a->fd);
}

bool artifact_keep(struct artifact *a, int fd, struct ens_err *err)
{
    a->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return a->fd >= 0 || ens_fail_errno(err, ENS_RESOURCE, errno, "%s: cannot be read again", a->path);
}

struct view artifact_head(const struct artifact *a)
{
    return view_of(a->head, a->len);
}

bool artifact_read(const struct artifact *a, size_t max, struct buf *ret, struct ens_err *err)
{
    bool is_all = a->len < sizeof a->head && a->len <= max;

    (void)lseek(a->fd, (off_t)a->len, SEEK_SET); /* a pipe is there, if it was not read */
    return buf_append(ret, artifact_head(a), err) &&
           (is_all || file_read_rest(a->fd, a->path, max, ret, err));
}

bool artifact_read_armour(const struct artifact *a, size_t max, unsigned wishes, struct buf *ret,
                          struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return artifact_read(a, armour_room(max), &file, err) &&
           armour_take(buf_view(&file), a->path, max, wishes, ret, err);
}

/* ---- a wrong kind ---- */

/* "app" of "dir/app.orc": for the names that are proposed. */
static int stem_of(const char *path, const char **ret)
{
    const char *name = path_name(path);
    const char *dot = strrchr(name, '.');

    *ret = name;
    return (int)(dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name));
}

/* What an enclave that is to be signed has to go through first. */
static bool fail_enclave(const char *path, const char *what, const char *wanted, const char *from,
                         struct ens_err *err)
{
    const char *stem = NULL;
    int len = stem_of(path, &stem);
    const char *source = strcmp(from, " --from ") == 0 ? path : "";

    return ens_fail(
        err, ENS_DATA,
        "%s: is %s, not %s: run ensign gen-sign-data%s%s -o %.*s.signdata %s on the build host, then "
        "sign %.*s.signdata",
        path, what, wanted, from, source, len, stem, path, len, stem);
}

static bool fail_kind(const char *path, enum artifact_kind kind, const char *wanted, struct ens_err *err)
{
    const char *name = artifact_kind_name(kind);

    if (artifact_holds_enclave(kind))
        return fail_enclave(path, name, wanted,
                            kind == ARTIFACT_ELF        ? " --from "
                            : kind == ARTIFACT_MANIFEST ? " --libpal FILE"
                                                        : "",
                            err);
    return ens_fail(err, ENS_DATA, "%s: is %s, not %s: %s", path, name, wanted, kinds[kind].remedy);
}

/* Kinds that an enclave's file, or a signed container, may have: what is wrong with such a one was said. */
static bool is_container(enum artifact_kind kind)
{
    return artifact_holds_enclave(kind) || kind == ARTIFACT_SIGSTRUCT;
}

bool artifact_explain(const struct artifact *a, enum artifact_wanted wanted, struct ens_err *err)
{
    enum artifact_kind kind = a->kind;

    if (err->code != ENS_DATA || kind == ARTIFACT_UNKNOWN ||
        (wanted == ARTIFACT_WANT_ENCLAVE && is_container(kind)) ||
        (wanted == ARTIFACT_WANT_SIGNDATA && (kind == ARTIFACT_SIGNDATA || kind == ARTIFACT_SIGSTRUCT)))
        return false;
    return fail_kind(a->path, kind, wanted == ARTIFACT_WANT_ENCLAVE ? "an enclave's file" : "sign-data", err);
}
