/* Approvals: each file is read once and judged by three questions to ssh-keygen: does it fit these bytes,
 * whose key is it, and is it valid for that principal. Then they are counted. */
#include "signer/ceremony/approval.h"

#include <stdio.h>
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

/* What every approval of one check is held against. */
struct ground {
    const struct sshsig_tool *tool;
    struct view data;
    struct view allowed;
};

static void set_why(struct approval_row *row, const char *text)
{
    text_printable(row->why, sizeof row->why, text, strlen(text));
}

/* ---- whose it is ---- */

/* A name that is cut or altered when it is shown could pass for another one: it is none. */
static bool name_principal(struct view name, char ret[static APPROVAL_PRINCIPAL_MAX])
{
    if (name.len == 0 || name.len >= APPROVAL_PRINCIPAL_MAX || memchr(name.data, '\0', name.len) != NULL)
        return false;
    text_printable(ret, APPROVAL_PRINCIPAL_MAX, (const char *)name.data, name.len);
    return view_equal(view_of_string(ret), name);
}

/* The first of the principals, a line each, for whom the signature is valid. */
static bool find_principal(const struct ground *g, struct view sig, struct view lines,
                           struct approval_row *row, struct ens_err *err)
{
    size_t tries = 0;

    for (size_t at = 0; at < lines.len && tries < APPROVAL_TRIES_MAX; tries++) {
        const uint8_t *end = memchr(lines.data + at, '\n', lines.len - at);
        size_t len = end != NULL ? (size_t)(end - lines.data) - at : lines.len - at;
        struct view name = view_slice(lines, at, len);
        bool yes = false;

        at += len + 1;
        if (!name_principal(name, row->principal)) {
            set_why(row, "the principal's name is too long or cannot be printed: change the approvers file");
            return true;
        }
        if (!sshsig_is_by(g->tool, g->data, sig, g->allowed, row->principal, row->key, &yes, row->why, err))
            return false;
        row->counts = yes;
        if (yes)
            return true;
    }
    return true;
}

static bool judge_signature(const struct ground *g, struct view sig, struct approval_row *row,
                            struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf lines = {0};
    bool yes = false;

    if (!sshsig_fits(g->tool, g->data, sig, &yes, row->key, row->why, err))
        return false;
    if (!yes)
        return true;
    if (!sshsig_principals(g->tool, sig, g->allowed, &yes, &lines, row->why, err))
        return false;
    return !yes || find_principal(g, sig, buf_view(&lines), row, err);
}

/* A file of another size is no approval; one that cannot be read is an error. */
static bool judge_file(const struct ground *g, struct approval_row *row, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf sig = {0};
    struct ens_err reason = {0};

    if (!file_read_all(row->path, SSHSIG_FILE_MAX, &sig, &reason)) {
        if (reason.code == ENS_DATA) {
            set_why(row, "not an approval: the file is too large");
            return true;
        }
        *err = reason;
        return false;
    }
    return judge_signature(g, buf_view(&sig), row, err);
}

/* ---- counting ---- */

/* A row counts only if neither its principal nor its key has counted before. */
static void count_row(const struct approvals *a, struct approval_row *row)
{
    for (const struct approval_row *other = a->rows; other < row && row->counts; other++) {
        bool same_key = other->counts && strcmp(other->key, row->key) == 0;
        bool same_principal = other->counts && strcmp(other->principal, row->principal) == 0;

        row->counts = !same_key && !same_principal;
        if (same_key)
            set_why(row, "the same key again");
        else if (same_principal)
            set_why(row, "the same principal again");
    }
}

bool approval_check(const struct sshsig_tool *tool, const struct signdata *data, const char *const *paths,
                    size_t paths_len, struct view allowed, struct approvals *ret, struct ens_err *err)
{
    ENS_CLEANUP(approvals_free) struct approvals a = {0};
    const struct ground g = {
        .tool = tool, .data = view_of(data->bytes, sizeof data->bytes), .allowed = allowed};

    a.rows = mem_alloc(paths_len, sizeof *a.rows, err);
    if (a.rows == NULL)
        return false;
    for (; a.len < paths_len; a.len++) {
        struct approval_row *row = &a.rows[a.len];

        row->path = paths[a.len];
        if (!judge_file(&g, row, err))
            return false;
        count_row(&a, row);
        a.counted += row->counts ? 1 : 0;
    }
    *ret = a;
    a = (struct approvals){0};
    return true;
}

void approvals_free(struct approvals *a)
{
    mem_free(a->rows);
    *a = (struct approvals){0};
}

/* ---- the table ---- */

static bool render_row(const struct approval_row *row, struct buf *ret, struct ens_err *err)
{
    char path[256];

    text_printable(path, sizeof path, row->path, strlen(row->path));
    if (!buf_printf(ret, err, "  %s %s\n", row->counts ? "counts  " : "does not", path))
        return false;
    if (row->principal[0] != '\0' && !buf_printf(ret, err, "           by %s\n", row->principal))
        return false;
    if (row->key[0] != '\0' && !buf_printf(ret, err, "           key %s\n", row->key))
        return false;
    return row->counts || buf_printf(ret, err, "           because %s\n", row->why);
}

bool approval_render(const struct approvals *a, struct buf *ret, struct ens_err *err)
{
    if (!buf_printf(ret, err, "Approvals: %zu of %zu count\n", a->counted, a->len))
        return false;
    for (size_t i = 0; i < a->len; i++) {
        if (!render_row(&a->rows[i], ret, err))
            return false;
    }
    return true;
}

/* ---- making one ---- */

bool approval_make(const struct sshsig_tool *tool, const char *ssh_key, const struct signdata *data,
                   struct buf *ret, char ret_key[static SSHSIG_KEY_MAX], struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf sig = {0};
    struct view bytes = view_of(data->bytes, sizeof data->bytes);
    char why[SSHSIG_WHY_MAX];
    bool yes = false;

    if (!sshsig_make(tool, ssh_key, bytes, &sig, err) ||
        !sshsig_fits(tool, bytes, buf_view(&sig), &yes, ret_key, why, err))
        return false;
    if (!yes)
        return ens_fail(err, ENS_BADSIG, "%s: what ssh-keygen made does not verify (%s): nothing was written",
                        ssh_key, why);
    return buf_append(ret, buf_view(&sig), err);
}
