/* show for an approval: what it says, and whether its signature verifies. Whose key it is, is for the room to
 * know: check tells it with the policy. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/show/show.h"
#include "signer/ceremony/approval.h"
#include "signer/flow/child_env.h"

static bool show_hash(struct show *s, const char *label, const uint8_t *hash, const char *behind,
                      struct ens_err *err)
{
    char hex[2 * DIGEST_SIZE + 1];

    hex_encode(hex, view_of(hash, DIGEST_SIZE));
    return show_line(s, err, "  %-13s %s%s", label, hex, behind);
}

static bool show_items(struct show *s, const struct statement *st, struct ens_err *err)
{
    for (size_t i = 0; i < st->items_len; i++) {
        const struct statement_item *item = &st->items[i];

        if (!show_hash(s, "Sign-data", item->digest, item->is_rebuilt ? "" : "  not rebuilt", err) ||
            (item->is_rebuilt && !show_hash(s, "  rebuilt", item->rebuilt, "", err)))
            return false;
    }
    return true;
}

static bool show_answer(struct show *s, const struct statement *st, struct ens_err *err)
{
    struct date d = {0};

    if (!st->is_yes)
        return show_line(s, err, "  %-13s NO", "Answer");
    return date_of_bcd(st->until, &d) &&
           show_line(s, err, "  %-13s yes, until %04u-%02u-%02u", "Answer", d.year, d.month, d.day);
}

static bool show_text(struct show *s, const char *path, const struct approval *a, const char *signature,
                      struct ens_err *err)
{
    const struct statement *st = &a->statement;

    return show_line(s, err, "Approval: %s", path) && show_answer(s, st, err) &&
           show_line(s, err, "  %-13s %s", "Key", st->by) &&
           show_hash(s, "MRSIGNER", st->mrsigner, "", err) &&
           (!st->has_replaces || show_hash(s, "Replaces", st->replaces, "", err)) &&
           (st->note[0] == '\0' || show_line(s, err, "  %-13s \"%s\"", "Note", st->note)) &&
           show_items(s, st, err) && show_hash(s, "Id", a->id, "", err) &&
           show_line(s, err, "  %-13s %s", "Signature", signature);
}

/* A statement that waits for its signature, as who signs by hand has it. */
static bool read_unsigned(struct view file, const char *path, struct approval *ret, struct ens_err *err)
{
    if (!statement_parse(file, path, &ret->statement, err) || !statement_id(file, ret->id, err))
        return false;
    ret->has_statement = true;
    return true;
}

static bool read_signed(struct view file, const char *path, struct approval *ret, bool *ret_yes,
                        struct ens_err *err)
{
    static const struct sshsig_tool tool = {.program = child_env_ssh_keygen};
    enum approval_verdict verdict = APPROVAL_STATEMENT;

    if (!approval_read(file, ret, &verdict, err))
        return false;
    if (verdict == APPROVAL_YES)
        return sshsig_verify(&tool, ret->signed_text, ret->signature_text, &ret->signature, ret_yes, err);
    return ens_fail(err, ENS_DATA, "%s: counts for nobody [%s]%s%s: have it made again", path,
                    approval_word(verdict), ret->why[0] != '\0' ? ": " : "", ret->why);
}

static void add_day(struct doc *at, const char *key, uint32_t bcd)
{
    char day[9];

    (void)snprintf(day, sizeof day, "%08" PRIx32, bcd);
    doc_text(at, key, bcd != 0 ? day : NULL);
}

static void add_statement(struct doc *at, const struct approval *a)
{
    const struct statement *s = &a->statement;

    if (a->has_statement)
        doc_hex(at, "id", view_of(a->id, DIGEST_SIZE));
    else
        doc_text(at, "id", NULL);
    doc_text(at, "key", a->key[0] != '\0' ? a->key : NULL);
    doc_text(at, "answer", !a->has_statement ? NULL : s->is_yes ? "yes" : "no");
    struct doc *items = doc_array(at, "items");

    for (size_t i = 0; i < s->items_len; i++) {
        struct doc *item = doc_object(items, NULL);

        doc_hex(item, "digest", view_of(s->items[i].digest, DIGEST_SIZE));
        if (s->items[i].is_rebuilt)
            doc_hex(item, "rebuilt", view_of(s->items[i].rebuilt, DIGEST_SIZE));
        else
            doc_text(item, "rebuilt", NULL);
    }
    if (a->has_statement)
        doc_hex(at, "mrsigner", view_of(s->mrsigner, MRSIGNER_SIZE));
    else
        doc_text(at, "mrsigner", NULL);
    add_day(at, "until", s->until);
    if (s->has_replaces)
        doc_hex(at, "replaces", view_of(s->replaces, DIGEST_SIZE));
    else
        doc_text(at, "replaces", NULL);
    doc_text(at, "note", s->note[0] != '\0' ? s->note : NULL);
}

bool show_approval(struct show *s, const char *path, struct view file, struct ens_err *err)
{
    ENS_CLEANUP(approval_free) struct approval a = {0};
    bool verifies = false;

    bool is_signed = approval_split(file) < file.len;

    if (is_signed ? !read_signed(file, path, &a, &verifies, err) : !read_unsigned(file, path, &a, err))
        return false;
    if (s->text != NULL)
        return show_text(s, path, &a,
                         !is_signed ? "none: it is a statement that nobody signed"
                         : verifies ? "verifies under this key"
                                    : "INVALID: it counts for nobody",
                         err);
    doc_text(s->doc, "kind", is_signed ? "approval" : "statement");
    doc_bool(s->doc, "valid", verifies);
    add_statement(s->doc, &a);
    return true;
}
