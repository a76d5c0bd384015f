/* SSHSIG: the parser of armour and blob, and the three calls of ssh-keygen. Yes and no are its exit status;
 * its words are only shown. */
#include "signer/ceremony/sshsig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/apart.h"
#include "signer/base/base64.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/process.h"
#include "signer/base/text.h"

#define OUT_MAX       16384
#define CHECK_SECONDS 60
#define FILES_DIR     "/dev/fd"
#define SIG_FILE      "/dev/fd/3"
#define SIGNERS_FILE  "/dev/fd/4"
#define REMEDY        "install openssh-client"
#define LINE_MAX      76 /* digits of base64 in a line */

/* ---- armour ---- */

/* The text between BEGIN and END; false: the frame is another. */
static bool unframe(struct view text, struct view *ret)
{
    size_t begin = strlen(SSHSIG_BEGIN);
    size_t end = strlen(SSHSIG_END);

    if (text.len < begin + end || !view_begins(text, view_of_string(SSHSIG_BEGIN)) ||
        !view_equal(view_slice(text, text.len - end, end), view_of_string(SSHSIG_END)))
        return false;
    *ret = view_slice(text, begin, text.len - begin - end);
    return true;
}

/* The digits without their line ends; lines have 1 to 76 digits. */
static bool join_lines(struct view body, struct buf *ret, bool *ret_yes, struct ens_err *err)
{
    *ret_yes = false;
    while (body.len > 0) {
        const uint8_t *end = memchr(body.data, '\n', body.len);
        size_t len = end != NULL ? (size_t)(end - body.data) : 0;

        if (len == 0 || len > LINE_MAX)
            return true;
        if (!buf_append(ret, view_slice(body, 0, len), err))
            return false;
        body = view_slice(body, len + 1, body.len - len - 1);
    }
    *ret_yes = true;
    return true;
}

static bool dearmour(struct view text, struct buf *ret, bool *ret_yes, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf digits = {0};
    struct view body = {0};

    *ret_yes = unframe(text, &body);
    if (!*ret_yes)
        return true;
    if (!join_lines(body, &digits, ret_yes, err))
        return false;
    return !*ret_yes || base64_decode(buf_view(&digits), ret, ret_yes, err);
}

/* ---- blob ---- */

static bool algorithm_fits(const struct sshsig *s)
{
    if (s->type.is_rsa)
        return view_is(s->algorithm, "rsa-sha2-256") || view_is(s->algorithm, "rsa-sha2-512");
    return view_is(s->algorithm, s->type.type);
}

static enum sshsig_verdict parse_blob(struct sshsig *s)
{
    static const char magic[] = "SSHSIG\0\0\0\1";
    struct view left = buf_view(&s->blob);
    struct view use = {0};
    struct view reserved = {0};
    struct view inner = {0};
    size_t len = sizeof magic - 1;

    if (!view_equal(view_slice(left, 0, len), view_of(magic, len)))
        return SSHSIG_MALFORMED;
    left = view_slice(left, len, left.len - len);
    if (!sshkey_take(&left, &s->key) || !sshkey_take(&left, &use) || !sshkey_take(&left, &reserved) ||
        !sshkey_take(&left, &s->hash) || !sshkey_take(&left, &inner) || left.len > 0)
        return SSHSIG_MALFORMED;
    if (!view_is(use, s->use))
        return SSHSIG_OTHER_USE;
    if (reserved.len > 0 || (!view_is(s->hash, "sha256") && !view_is(s->hash, "sha512")))
        return SSHSIG_MALFORMED;
    enum sshkey_verdict key = sshkey_read(s->key, &s->type);

    if (key != SSHKEY_OK)
        return key == SSHKEY_CERTIFICATE ? SSHSIG_CERTIFICATE : SSHSIG_MALFORMED;
    if (!sshkey_take(&inner, &s->algorithm) || !sshkey_take(&inner, &s->signature) || !algorithm_fits(s))
        return SSHSIG_MALFORMED;
    s->flags = inner;
    return inner.len == (s->type.is_sk ? 5 : 0) ? SSHSIG_OK : SSHSIG_MALFORMED;
}

bool sshsig_parse(struct view text, const char *use, struct sshsig *ret, enum sshsig_verdict *ret_verdict,
                  struct ens_err *err)
{
    ENS_CLEANUP(sshsig_free) struct sshsig s = {.use = use};
    bool yes = false;

    if (!dearmour(text, &s.blob, &yes, err))
        return false;
    *ret_verdict = yes ? parse_blob(&s) : SSHSIG_MALFORMED;
    if (*ret_verdict != SSHSIG_OK)
        return true;
    *ret = s;
    s = (struct sshsig){0};
    return true;
}

void sshsig_free(struct sshsig *s)
{
    buf_free(&s->blob);
    *s = (struct sshsig){0};
}

/* ---- verifying ---- */

/* All but what it reads: signature and signers are its files 3 and 4. */
#define VERIFIES(use)                                                                                        \
    {                                                                                                        \
        "ssh-keygen", "-Y", "verify", "-n", use, "-I", "ensign", "-f", SIGNERS_FILE, "-s", SIG_FILE, NULL    \
    }

static struct process verifier(const struct sshsig_tool *tool, const char *const *argv)
{
    static const char *const env[] = {"LC_ALL=C", NULL};

    return (struct process){.program = tool->program,
                            .argv = argv,
                            .env = env,
                            .remedy = REMEDY,
                            .out_max = OUT_MAX,
                            .seconds = CHECK_SECONDS};
}

void sshsig_verify_apart(const struct sshsig_tool *tool, const char *use)
{
    const char *const argv[] = VERIFIES(use);
    const struct process p = verifier(tool, argv);

    apart_begin(&p);
}

/* A signature that ssh-keygen could not read is not one that is wrong. */
static bool check_files_there(struct ens_err *err)
{
    struct stat st;

    return stat(FILES_DIR, &st) == 0 ||
           ens_fail(err, ENS_RESOURCE, "ssh-keygen: has no %s to read a signature from: mount /proc and /dev",
                    FILES_DIR);
}

bool sshsig_verify(const struct sshsig_tool *tool, struct view data, struct view text, const struct sshsig *s,
                   bool *ret_yes, struct ens_err *err)
{
    const char *const argv[] = VERIFIES(s->use);
    struct process p = verifier(tool, argv);
    ENS_CLEANUP(buf_free) struct buf line = {0};
    int status = 0;

    if (!buf_printf(&line, err, "ensign namespaces=\"%s\" %s ", s->use, s->type.type) ||
        !base64_encode(s->key, &line, err) || !buf_append(&line, view_of_string("\n"), err))
        return false;
    const struct view files[] = {text, buf_view(&line)};

    p.input = data;
    p.files = files;
    p.files_len = 2;
    if (!apart_run(&p, &status, err))
        return false;
    *ret_yes = status == 0;
    return *ret_yes || check_files_there(err);
}

#define RSA_BITS_MIN 2048

/* ---- making one ---- */

static bool check_readable(const char *key, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;

    /* ssh-keygen would wait for ever for a pipe that nobody writes to. */
    return file_open(key, &fd, err) || ens_wrap(err, "the SSH key");
}

/* The last thing it said, for a person to read. */
static void last_words(struct view words, char ret[static SSHSIG_COMMENT_MAX])
{
    while (words.len > 0 && (words.data[words.len - 1] == '\n' || words.data[words.len - 1] == '\r'))
        words.len--;
    const uint8_t *before = words.len > 0 ? memrchr(words.data, '\n', words.len) : NULL;
    size_t at = before != NULL ? (size_t)(before - words.data) + 1 : 0;
    struct view line = view_slice(words, at, words.len - at);

    (void)text_printable(ret, SSHSIG_COMMENT_MAX, line.len > 0 ? (const char *)line.data : "no reason given",
                         line.len > 0 ? line.len : strlen("no reason given"));
}

/* "256 SHA256:... COMMENT (ED25519)" */
static bool read_signer(const char *line, struct sshsig_signer *ret)
{
    const char *key = strchr(line, ' ');
    const char *end = strrchr(line, ' ');
    size_t len = SSHKEY_FINGERPRINT_SIZE - 1;

    if (key == NULL || strncmp(key + 1, "SHA256:", 7) != 0 || strlen(key + 1) < len + 1 ||
        key[1 + len] != ' ')
        return false;
    memcpy(ret->fingerprint, key + 1, len);
    ret->fingerprint[len] = '\0';
    const char *comment = key + 1 + len + 1;

    if (strncmp(comment, "no comment ", 11) == 0)
        end = comment;

    (void)text_printable(ret->comment, sizeof ret->comment, comment,
                         end > comment ? (size_t)(end - comment) : 0);
    return true;
}

/* "1024 SHA256:... (RSA)": no approvers file takes it. */
static bool check_key_size(const char *key, const char *line, struct ens_err *err)
{
    const char *type = strrchr(line, '(');
    unsigned bits = 0;

    for (const char *at = line; *at >= '0' && *at <= '9' && bits < RSA_BITS_MIN; at++)
        bits = 10 * bits + (unsigned)(*at - '0');
    return type == NULL || strncmp(type, "(RSA)", 5) != 0 || bits >= RSA_BITS_MIN ||
           ens_fail(err, ENS_DATA,
                    "%s: is an RSA key of %u bits: approvers have RSA keys of %d bits or more: "
                    "give a larger one, or an Ed25519 key",
                    key, bits, RSA_BITS_MIN);
}

bool sshsig_look(const struct sshsig_tool *tool, const char *key, struct sshsig_signer *ret,
                 struct ens_err *err)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    const char *const argv[] = {"ssh-keygen", "-l", "-E", "sha256", "-f", key, NULL};
    const struct process p = {.program = tool->program,
                              .argv = argv,
                              .env = tool->env,
                              .remedy = REMEDY,
                              .out_max = OUT_MAX,
                              .seconds = CHECK_SECONDS};
    char why[SSHSIG_COMMENT_MAX];

    if (!check_readable(key, err) || !process_run(&p, &r, err) || !buf_append(&r.out, view_of("\0", 1), err))
        return false;
    char *line = (char *)r.out.data;

    line[strcspn(line, "\n")] = '\0';
    if (r.status == 0 && read_signer(line, ret))
        return check_key_size(key, line, err);
    last_words(buf_view(&r.words), why);
    return ens_fail(
        err, ENS_DATA,
        "%s: ssh-keygen finds no key in it (%s): give an OpenSSH private key, or the .pub file of a "
        "key in ssh-agent",
        key, why);
}

/* The one use of the file system: ssh-keygen asks for the PIN of a FIDO key only if its standard input is
 * the terminal, so the data has to be a file, and the signature is then one beside it. */
struct workplace {
    char *dir;
    char *data;
    char *sig;
};

static void workplace_free(struct workplace *w)
{
    if (w->sig != NULL)
        (void)unlink(w->sig);
    if (w->data != NULL)
        (void)unlink(w->data);
    if (w->dir != NULL)
        (void)rmdir(w->dir);
    mem_free(w->sig);
    mem_free(w->data);
    mem_free(w->dir);
    *w = (struct workplace){0};
}

/* Whoever can rename in a directory can put another statement in the place of the one that was reviewed. */
static bool is_safe(const char *dir, struct ens_err *err)
{
    struct stat st;

    if (stat(dir, &st) != 0)
        return ens_fail_errno(err, ENS_CANTCREAT, errno,
                              "%s: no private directory can be made in it: set TMPDIR", dir);
    return ((st.st_uid == 0 || st.st_uid == geteuid()) &&
            ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (st.st_mode & S_ISVTX) != 0)) ||
           ens_fail(err, ENS_CANTCREAT,
                    "%s: others could exchange what is signed in it (owner %u, mode %04o): set TMPDIR to a "
                    "directory of your own",
                    dir, (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777));
}

static bool workplace_make(const char *tmpdir, struct view data, struct workplace *ret, struct ens_err *err)
{
    ENS_CLEANUP(workplace_free) struct workplace w = {0};
    ENS_CLEANUP(mem_freep) char *name = mem_printf(err, "%s/ensign-XXXXXX", tmpdir);

    if (name == NULL || !is_safe(tmpdir, err))
        return false;
    if (mkdtemp(name) == NULL)
        return ens_fail_errno(err, ENS_CANTCREAT, errno,
                              "%s: no private directory can be made in it: set TMPDIR", tmpdir);
    w.dir = ens_take(name);
    w.data = mem_printf(err, "%s/statement", w.dir);
    w.sig = w.data == NULL ? NULL : mem_printf(err, "%s.sig", w.data);
    if (w.sig == NULL || !file_write_atomic(w.data, FILE_OUT_NEW, data, err))
        return false;
    *ret = w;
    w = (struct workplace){0};
    return true;
}

bool sshsig_make(const struct sshsig_tool *tool, const char *key, struct view data, struct buf *ret,
                 struct ens_err *err)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    ENS_CLEANUP(workplace_free) struct workplace w = {0};
    char why[SSHSIG_COMMENT_MAX];

    if (!check_readable(key, err) || !workplace_make(tool->tmpdir, data, &w, err))
        return false;
    const char *const argv[] = {"ssh-keygen",     "-q", "-Y", "sign", "-n",
                                SSHSIG_NAMESPACE, "-f", key,  w.data, NULL};
    const struct process p = {.program = tool->program,
                              .argv = argv,
                              .env = tool->env,
                              .remedy = REMEDY,
                              .terminal = tool->terminal,
                              .words = tool->words,
                              .out_max = OUT_MAX};

    if (!process_run(&p, &r, err))
        return false;
    if (r.status == 0)
        return file_read_all(w.sig, SSHSIG_TEXT_MAX, ret, err);
    last_words(buf_view(&r.words), why);
    return ens_fail(
        err, ENS_REFUSED,
        "%s: ssh-keygen made no signature (%s): give an OpenSSH private key, or the .pub file of a "
        "key in ssh-agent",
        key, why);
}
