/* show for an approval: what it says, and whether its signature verifies. Whose key it is, is for the room to
 * know: check tells it with the policy. */
#include "signer/base/date.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/approval_report.h"
#include "signer/flow/child_env.h"

static struct view view_of_hash(const uint8_t *hash)
{
    return view_of(hash, DIGEST_SIZE);
}

static void show_items(struct report *r, const struct statement *st)
{
    char hex[2 * DIGEST_SIZE + 1];

    for (size_t i = 0; i < st->items_len; i++) {
        const struct statement_item *item = &st->items[i];

        hex_encode(hex, view_of_hash(item->digest));
        if (r->is_grouped)
            report_hash(r, NULL, item->is_rebuilt ? "Sign-data" : "Sign-data, not rebuilt",
                        view_of_hash(item->digest));
        else
            report_note(r, "Sign-data", "%s%s", hex, item->is_rebuilt ? "" : "  not rebuilt");
        if (item->is_rebuilt)
            report_hash(r, NULL, "  rebuilt", view_of_hash(item->rebuilt));
    }
}

/* In the order of people; JSON has that of the statement. */
static void show_text(struct report *r, const char *path, const struct approval *a, const char *signature)
{
    const struct statement *st = &a->statement;
    struct date d = {0};

    report_line(r, "Approval: %s", path);
    r->indent = 2;
    r->label_width = 14;
    (void)date_of_bcd(st->until, &d);
    if (st->is_yes)
        report_note(r, "Answer", "yes, until %04u-%02u-%02u", d.year, d.month, d.day);
    else
        report_note(r, "Answer", "NO");
    report_note(r, "Key", "%s", st->by);
    report_hash(r, NULL, "MRSIGNER", view_of_hash(st->mrsigner));
    if (st->has_replaces)
        report_hash(r, NULL, "Replaces", view_of_hash(st->replaces));
    if (st->note[0] != '\0')
        report_note(r, "Note", "\"%s\"", st->note);
    show_items(r, st);
    report_hash(r, NULL, "Id", view_of_hash(a->id));
    report_note(r, "Signature", "%s", signature);
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

/* A FIDO key says how it was used; sign counts no yes of one that was not touched. */
static const char *say_signature(const struct approval *a)
{
    bool is_touched = a->signature.type.is_sk && (a->signature.flags.data[0] & SSHSIG_TOUCHED) != 0;

    if (!a->signature.type.is_sk)
        return "verifies under this key";
    if (!is_touched)
        return a->statement.is_yes ? "verifies, but the FIDO key was not touched: a yes does not count"
                                   : "verifies under this FIDO key, not touched";
    return (a->signature.flags.data[0] & SSHSIG_VERIFIED) != 0
               ? "verifies under this FIDO key, touched, with PIN or finger"
               : "verifies under this FIDO key, touched, without PIN or finger";
}

bool show_approval(struct report *r, const char *path, struct view file, struct ens_err *err)
{
    ENS_CLEANUP(approval_free) struct approval a = {0};
    bool verifies = false;
    bool is_signed = approval_split(file) < file.len;

    if (is_signed ? !read_signed(file, path, &a, &verifies, err) : !read_unsigned(file, path, &a, err))
        return false;
    show_text(r, path, &a,
              !is_signed ? "none: it is a statement that nobody signed"
              : verifies ? say_signature(&a)
                         : "INVALID: it counts for nobody");
    report_kind(r, is_signed ? "approval" : "statement");
    report_text(r, "file", NULL, path);
    report_bool(r, "valid", verifies);
    if (is_signed && a.signature.type.is_sk) {
        report_bool(r, "touched", (a.signature.flags.data[0] & SSHSIG_TOUCHED) != 0);
        report_bool(r, "user_verified", (a.signature.flags.data[0] & SSHSIG_VERIFIED) != 0);
    }
    approval_report(&a, r);
    return true;
}
