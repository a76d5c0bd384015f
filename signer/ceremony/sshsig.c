/* ssh-keygen as approvals need it. Yes and no are its exit status; its words, which LC_ALL=C keeps in one
 * language, only decide how a no is explained. */
#include "signer/ceremony/sshsig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/process.h"
#include "signer/base/text.h"

#define OUT_MAX         16384
#define CHECK_SECONDS   60
#define SIG_FILE        "/dev/fd/3"
#define ALLOWED_FILE    "/dev/fd/4"
#define REMEDY          "install openssh-client"
#define FINGERPRINT     "SHA256:"
#define FINGERPRINT_B64 43

/* ---- its words ---- */

static bool starts_with(struct view v, const char *text)
{
    return v.len >= strlen(text) && memcmp(v.data, text, strlen(text)) == 0;
}

static bool mentions(struct view v, const char *text)
{
    return memmem(v.data, v.len, text, strlen(text)) != NULL;
}

/* Takes the first line off `text`; lines end with a newline or a carriage return. */
static struct view take_line(struct view *text)
{
    size_t len = 0;

    while (len < text->len && text->data[len] != '\n' && text->data[len] != '\r')
        len++;
    struct view line = view_slice(*text, 0, len);

    *text = view_slice(*text, len < text->len ? len + 1 : len, text->len - (len < text->len ? len + 1 : len));
    return line;
}

/* The first line that mentions `text`, or the empty view. */
static struct view find_line(struct view words, const char *text)
{
    while (words.len > 0) {
        struct view line = take_line(&words);

        if (mentions(line, text))
            return line;
    }
    return view_of(NULL, 0);
}

static struct view last_line(struct view words)
{
    struct view last = view_of(NULL, 0);

    while (words.len > 0) {
        struct view line = take_line(&words);

        if (line.len > 0)
            last = line;
    }
    return last;
}

/* "prefix: line", printable, with the approvers file by a name that a person knows. */
static void explain(char ret[static SSHSIG_WHY_MAX], const char *prefix, struct view line)
{
    char raw[512];
    char text[512];
    const char *place = "";

    if (starts_with(line, ALLOWED_FILE ":")) {
        place = "approvers file, line ";
        line = view_slice(line, strlen(ALLOWED_FILE ":"), line.len - strlen(ALLOWED_FILE ":"));
    }
    (void)snprintf(raw, sizeof raw, "%s%s%s%.*s", prefix, line.len > 0 ? ": " : "", place,
                   (int)(line.len < 256 ? line.len : 256), line.len > 0 ? (const char *)line.data : "");
    text_printable(text, sizeof text, raw, strlen(raw));
    text_printable(ret, SSHSIG_WHY_MAX, text, strlen(text));
}

/* The fingerprint at the end of 'Good "..." signature [for P] with T key F'. Read from the end: a principal
 * may be called anything. */
static bool read_fingerprint(struct view out, char ret[static SSHSIG_KEY_MAX])
{
    static const char before[] = " key " FINGERPRINT;
    size_t len = strlen(before) + FINGERPRINT_B64;
    struct view line = take_line(&out);

    if (!starts_with(line, "Good ") || out.len > 0 || line.len < len)
        return false;
    struct view end = view_slice(line, line.len - len, len);

    if (!starts_with(end, before))
        return false;
    (void)snprintf(ret, SSHSIG_KEY_MAX, FINGERPRINT "%.*s", FINGERPRINT_B64,
                   (const char *)end.data + strlen(before));
    return true;
}

/* ---- the questions ---- */

/* `files` are the signature and, where it is asked for, the allowed_signers file. */
static bool ask(const struct sshsig_tool *tool, const char *const *argv, struct view data,
                const struct view *files, size_t files_len, struct process_result *ret, struct ens_err *err)
{
    const struct process p = {.program = tool->program,
                              .argv = argv,
                              .env = tool->env,
                              .remedy = REMEDY,
                              .input = data,
                              .files = files,
                              .files_len = files_len,
                              .out_max = OUT_MAX,
                              .seconds = CHECK_SECONDS};

    return process_run(&p, ret, err);
}

static void explain_misfit(struct view words, char ret_why[static SSHSIG_WHY_MAX])
{
    if (mentions(words, "namespace does not match"))
        explain(ret_why, "made for another purpose: its namespace is not " SSHSIG_NAMESPACE,
                view_of(NULL, 0));
    else if (mentions(words, "incorrect signature"))
        explain(ret_why, "does not fit these bytes: over other sign-data, or changed", view_of(NULL, 0));
    else if (mentions(words, "parse signature") || mentions(words, "invalid format"))
        explain(ret_why, "not an approval", take_line(&words));
    else
        explain(ret_why, "ssh-keygen refuses it", take_line(&words));
}

bool sshsig_fits(const struct sshsig_tool *tool, struct view data, struct view sig, bool *ret_yes,
                 char ret_key[static SSHSIG_KEY_MAX], char ret_why[static SSHSIG_WHY_MAX],
                 struct ens_err *err)
{
    static const char *const argv[] = {"ssh-keygen",     "-Y", "check-novalidate", "-n",
                                       SSHSIG_NAMESPACE, "-s", SIG_FILE,           NULL};
    ENS_CLEANUP(process_result_free) struct process_result r = {0};

    if (!ask(tool, argv, data, &sig, 1, &r, err))
        return false;
    if (r.status != 0) {
        explain_misfit(buf_view(&r.words), ret_why);
        *ret_yes = false;
        return true;
    }
    struct view out = buf_view(&r.out);

    *ret_yes = read_fingerprint(out, ret_key);
    if (!*ret_yes)
        explain(ret_why, "ssh-keygen names no key", take_line(&out));
    return true;
}

/* No principal: not listed, or listed and not valid today. A line that cannot be read may be the reason. */
static void explain_stranger(struct view words, char ret_why[static SSHSIG_WHY_MAX])
{
    struct view expired = find_line(words, "key has expired");
    struct view early = find_line(words, "key is not yet valid");
    struct view broken = find_line(words, ALLOWED_FILE ":");

    if (expired.len > 0)
        explain(ret_why, "expired", expired);
    else if (early.len > 0)
        explain(ret_why, "not yet valid", early);
    else
        explain(ret_why, "unknown signer: the key is not in the approvers file", broken);
}

bool sshsig_principals(const struct sshsig_tool *tool, struct view sig, struct view allowed, bool *ret_yes,
                       struct buf *ret_lines, char ret_why[static SSHSIG_WHY_MAX], struct ens_err *err)
{
    static const char *const argv[] = {"ssh-keygen", "-Y", "find-principals", "-s",
                                       SIG_FILE,     "-f", ALLOWED_FILE,      NULL};
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    const struct view files[] = {sig, allowed};

    if (!ask(tool, argv, view_of(NULL, 0), files, 2, &r, err))
        return false;
    *ret_yes = r.status == 0 && r.out.len > 0;
    if (!*ret_yes) {
        explain_stranger(buf_view(&r.words), ret_why);
        return true;
    }
    *ret_lines = r.out;
    r.out = (struct buf){0};
    return true;
}

bool sshsig_is_by(const struct sshsig_tool *tool, struct view data, struct view sig, struct view allowed,
                  const char *principal, const char *key, bool *ret_yes, char ret_why[static SSHSIG_WHY_MAX],
                  struct ens_err *err)
{
    const char *const argv[] = {"ssh-keygen",     "-Y", "verify", "-f", ALLOWED_FILE, "-n",
                                SSHSIG_NAMESPACE, "-s", SIG_FILE, "-I", principal,    NULL};
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    const struct view files[] = {sig, allowed};
    char got[SSHSIG_KEY_MAX];

    if (!ask(tool, argv, data, files, 2, &r, err))
        return false;
    *ret_yes = r.status == 0 && read_fingerprint(buf_view(&r.out), got) && strcmp(got, key) == 0;
    if (!*ret_yes) {
        struct view words = buf_view(&r.words);

        explain(ret_why, "not valid for this principal", take_line(&words));
    }
    return true;
}

/* ---- making one ---- */

/* The one use of the file system: ssh-keygen asks for the PIN of a FIDO key only where its standard input is
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

static bool workplace_make(const char *tmpdir, struct view data, struct workplace *ret, struct ens_err *err)
{
    ENS_CLEANUP(workplace_free) struct workplace w = {0};
    ENS_CLEANUP(mem_freep) char *name = mem_printf(err, "%s/ensign-XXXXXX", tmpdir);

    if (name == NULL)
        return false;
    if (mkdtemp(name) == NULL)
        return ens_fail_errno(err, ENS_CANTCREAT, errno,
                              "%s: no private directory can be made in it: set TMPDIR", tmpdir);
    w.dir = ens_take(name);
    w.data = mem_printf(err, "%s/sign-data", w.dir);
    w.sig = w.data == NULL ? NULL : mem_printf(err, "%s.sig", w.data);
    if (w.sig == NULL || !file_write_atomic(w.data, FILE_OUT_NEW, data, err))
        return false;
    *ret = w;
    w = (struct workplace){0};
    return true;
}

/* The reason is what was wrong with the key file, else the last line; what comes before it is advice. */
static struct view find_reason(struct view words)
{
    static const char prompt[] = "Enter passphrase: ";
    struct view reason = find_line(words, "Load key");

    if (reason.len == 0)
        reason = find_line(words, "are too open");
    if (reason.len == 0)
        reason = last_line(words);
    /* Without a terminal a question that nobody answers stands before it. */
    if (starts_with(reason, prompt))
        reason = view_slice(reason, strlen(prompt), reason.len - strlen(prompt));
    return reason.len > 0 ? reason : view_of_string("no reason given");
}

static bool fail_unmade(const char *key, struct view words, struct ens_err *err)
{
    struct view reason = find_reason(words);
    bool is_no_key = mentions(reason, "load public key") || mentions(reason, "invalid format") ||
                     mentions(reason, "error in libcrypto");

    return ens_fail(err, is_no_key ? ENS_DATA : ENS_REFUSED,
                    "%s: ssh-keygen made no signature (%.*s): give an OpenSSH private key, or the .pub file "
                    "of a key in ssh-agent",
                    key, (int)(reason.len < 200 ? reason.len : 200), (const char *)reason.data);
}

bool sshsig_make(const struct sshsig_tool *tool, const char *key, struct view data, struct buf *ret,
                 struct ens_err *err)
{
    ENS_CLEANUP(process_result_free) struct process_result r = {0};
    ENS_CLEANUP(workplace_free) struct workplace w = {0};

    if (access(key, R_OK) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: the SSH key cannot be read", key);
    if (!workplace_make(tool->tmpdir, data, &w, err))
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
    if (r.status != 0)
        return fail_unmade(key, buf_view(&r.words), err);
    return file_read_all(w.sig, SSHSIG_FILE_MAX, ret, err);
}
