/* What sign leaves in a transcript. */
#include "signer/cmd/record.h"

#include <inttypes.h>
#include <stdio.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/clock.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/consent.h"

static void put_text(struct transcript *t, const char *key, const char *value)
{
    if (value != NULL)
        transcript_add(t, key, "%s", value);
}

static void put_option(struct transcript *t, const char *name, const char *value)
{
    if (value != NULL)
        transcript_add(t, "option", "--%s %s", name, value);
}

/* Of a URI, what may be recorded: not its query, which may hold a PIN. */
static void put_uri(struct transcript *t, const char *name, const char *uri)
{
    ENS_CLEANUP(mem_freep) char *shown = NULL;
    struct ens_err why = {0};

    if (uri != NULL && hsm_uri_shown(uri, &shown, &why))
        put_option(t, name, shown);
}

static void put_flag(struct transcript *t, const char *name, bool is_set)
{
    if (is_set)
        transcript_add(t, "option", "--%s", name);
}

void record_command(struct transcript *t, const struct args *args)
{
    transcript_add(t, "command", "ensign sign");
    transcript_add(t, "version", "%s", ENSIGN_VERSION);
    put_uri(t, "key", args->key);
    put_option(t, "module", args->module);
    put_option(t, "module-args", args->module_args);
    put_option(t, "mrsigner", args->mrsigner);
    put_option(t, "mechanism", args->mechanism);
    put_option(t, "policy", args->policy);
    put_option(t, "hsm-timeout", args->hsm_timeout);
    put_option(t, "pubkey", args->pubkey);
    put_option(t, "output", args->output);
    put_option(t, "out-dir", args->out_dir);
    for (size_t i = 0; i < args->approvals.len; i++)
        put_option(t, "approval", args->approvals.items[i]);
    for (size_t i = 0; i < args->operands_len; i++)
        transcript_add(t, "operand", "%s", args->operands[i]);
    put_flag(t, "blind", args->blind);
    put_flag(t, "yes", args->yes);
    put_flag(t, "dry-run", args->dry_run);
    put_flag(t, "force", args->force);
    put_flag(t, "allow-unusual", args->params.allow_unusual);
    put_flag(t, "allow-final-try", args->allow_final_try);
}

void record_requests(struct transcript *t, const struct requests *r)
{
    for (size_t i = 0; i < r->len; i++) {
        const struct request *q = &r->items[i];
        char digest[2 * 32 + 1];
        char mrenclave[2 * MRENCLAVE_SIZE + 1];
        char date[REVIEW_DATE_MAX];

        hex_encode(digest, view_of(q->digest, sizeof q->digest));
        transcript_add(t, "input", "%s SHA-256 %s%s", q->path, digest, q->is_blind ? " blind" : "");
        if (q->is_blind)
            continue;
        hex_encode(mrenclave, sigstruct_get(&q->css, CSS_ENCLAVEHASH));
        transcript_add(t, "fields",
                       "MRENCLAVE %s ISVPRODID %" PRIu64 " ISVSVN %" PRIu64 " DATE %s ATTRIBUTES %016" PRIx64
                       " mask %016" PRIx64 " XFRM %016" PRIx64 " mask %016" PRIx64,
                       mrenclave, sigstruct_get_int(&q->css, CSS_ISVPRODID),
                       sigstruct_get_int(&q->css, CSS_ISVSVN), review_date(&q->css, date),
                       sigstruct_get_int(&q->css, CSS_ATTRIBUTES),
                       sigstruct_get_int(&q->css, CSS_ATTRIBUTEMASK), sigstruct_get_int(&q->css, CSS_XFRM),
                       sigstruct_get_int(&q->css, CSS_XFRM_MASK));
    }
}

void record_policy(struct transcript *t, const char *path, const struct policy *p)
{
    char hex[2 * 32 + 1];

    hex_encode(hex, view_of(policy_id(p), 32));
    transcript_add(t, "policy", "%s id %s", path, hex);
    for (int c = POLICY_APPROVERS; c <= POLICY_REVOKED; c++) {
        const struct policy_file *f = policy_file(p, (enum policy_check)c);

        if (f == NULL)
            continue;
        hex_encode(hex, view_of(f->sha256, sizeof f->sha256));
        transcript_add(t, policy_name((enum policy_check)c), "%s SHA-256 %s", f->path, hex);
    }
}

void record_outcome(struct transcript *t, const struct request *r)
{
    for (int c = 0; c < POLICY_CHECKS; c++) {
        if (r->outcome.rows[c].result != POLICY_ABSENT)
            transcript_add(t, "check", "%s: %s: %s: %s", r->path, policy_name((enum policy_check)c),
                           policy_result_name(r->outcome.rows[c].result), r->outcome.rows[c].text);
    }
}

/* ---- the people ---- */

static const char *or_none(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : "-";
}

static void record_rejection(struct transcript *t, const struct approval_row *row, const struct request *q)
{
    char digest[2 * DIGEST_SIZE + 1];
    char mrsigner[2 * MRSIGNER_SIZE + 1];
    char id[2 * DIGEST_SIZE + 1];

    hex_encode(digest, view_of(q->digest, DIGEST_SIZE));
    hex_encode(mrsigner, view_of(row->approval.statement.mrsigner, MRSIGNER_SIZE));
    hex_encode(id, view_of(row->approval.id, DIGEST_SIZE));
    transcript_add(t, "rejection", "%s %s %s %s %s", digest, mrsigner, row->person, id, row->approval.key);
}

void record_approvals(struct transcript *t, const struct consent *c, const struct requests *r)
{
    for (size_t i = 0; i < c->approvals.len; i++) {
        const struct approval_row *row = &c->approvals.rows[i];
        char id[2 * DIGEST_SIZE + 1] = "-";

        if (row->approval.has_statement)
            hex_encode(id, view_of(row->approval.id, DIGEST_SIZE));
        transcript_add(t, "approval", "%s %s %s %s %s", row->path, approval_word(row->verdict),
                       or_none(row->person), id, or_none(row->approval.key));
        for (size_t j = 0; row->verdict == APPROVAL_NO && j < r->len; j++) {
            if (statement_find(&row->approval.statement, r->items[j].digest) != NULL &&
                !approval_is_replaced(&c->approvals, row, r->items[j].digest))
                record_rejection(t, row, &r->items[j]);
        }
    }
}

/* ---- the token ---- */

static bool digest_file(const char *path, uint8_t ret[static 32], struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(digest_freep) struct digest *d = NULL;
    uint8_t piece[4096];
    size_t len = 0;

    if (!file_open(path, &fd, err) || !digest_new(DIGEST_SHA256, &d, err))
        return false;
    do {
        if (!file_read(fd, path, piece, sizeof piece, &len, err) ||
            !digest_update(d, view_of(piece, len), err))
            return false;
    } while (len == sizeof piece);
    return digest_final(d, ret, err);
}

/* A module that the dynamic linker finds under a bare name cannot be opened by that name. */
void record_file(struct transcript *t, const char *key, const char *path)
{
    struct ens_err why = {0};
    uint8_t digest[32];
    char hex[2 * 32 + 1];

    if (t == NULL)
        return;
    if (!digest_file(path, digest, &why)) {
        transcript_add(t, key, "%s SHA-256 unknown: %s", path, why.msg);
        return;
    }
    hex_encode(hex, view_of(digest, sizeof digest));
    transcript_add(t, key, "%s SHA-256 %s", path, hex);
}

static const char *claim(enum hsm_claim c)
{
    return c == HSM_YES ? "yes" : c == HSM_NO ? "no" : "unknown";
}

void record_token(struct transcript *t, const struct token_session *s, const struct hsm_key *key,
                  const uint8_t mrsigner[static MRSIGNER_SIZE])
{
    char hex[2 * MRSIGNER_SIZE + 1];

    if (t == NULL)
        return;
    hex_encode(hex, view_of(mrsigner, MRSIGNER_SIZE));
    record_file(t, "module", s->module);
    transcript_add(t, "token", "label %s serial %s model %s manufacturer %s", s->token->label,
                   s->token->serial, s->token->model, s->token->manufacturer);
    transcript_add(t, "key", "%s id %s MRSIGNER %s", key->uri, key->id_hex, hex);
    transcript_add(
        t, "claims",
        "the token claims: sensitive %s, always-sensitive %s, extractable %s, never-extractable %s, local "
        "%s, decrypt %s, always-authenticate %s",
        claim(key->sensitive), claim(key->always_sensitive), claim(key->extractable),
        claim(key->never_extractable), claim(key->local), claim(key->decrypt),
        claim(key->always_authenticate));
}

void record_signature(struct transcript *t, const struct request *r, bool was_there)
{
    struct ens_err why = {0};
    uint8_t digest[32];
    char hex[2 * 32 + 1];

    if (was_there) {
        transcript_add(t, "signature", "%s was there already, verifies, and was kept", r->out_path);
        return;
    }
    if (!digest_of(DIGEST_SHA256, view_of(r->signature, sizeof r->signature), digest, &why))
        return;
    hex_encode(hex, view_of(digest, sizeof digest));
    transcript_add(t, "signature", "over %s SHA-256 %s", r->path, hex);
}

bool record_end(struct transcript *t, bool ok, struct ens_err *err)
{
    struct ens_err why = {0};

    if (t == NULL)
        return ok;
    if (!ok)
        put_text(t, "error", err->msg);
    if (transcript_commit(t, clock_now(), ok ? ENS_OK : (int)err->code, &why))
        return ok;
    /* The first error stands; a run that was fine but left no record is not fine. */
    if (ok)
        *err = why;
    else
        notice_warn("%s", why.msg);
    return false;
}
