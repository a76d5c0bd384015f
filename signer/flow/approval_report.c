/* The members of an approval, in the order of ensign(1). */
#include "signer/flow/approval_report.h"

#include <inttypes.h>

static struct view hash_or_none(bool is_there, const uint8_t *hash)
{
    return view_of(is_there ? hash : NULL, is_there ? DIGEST_SIZE : 0);
}

void approval_report(const struct approval *a, struct report *r)
{
    const struct statement *s = &a->statement;

    report_hex(r, "id", NULL, hash_or_none(a->has_statement, a->id));
    report_text(r, "key", NULL, a->key[0] != '\0' ? a->key : NULL);
    report_text(r, "answer", NULL, !a->has_statement ? NULL : s->is_yes ? "yes" : "no");
    report_array(r, "items", NULL, 0);
    for (size_t i = 0; i < s->items_len; i++) {
        const struct statement_item *item = &s->items[i];

        report_object(r, NULL, NULL, 0);
        report_hex(r, "digest", NULL, view_of(item->digest, DIGEST_SIZE));
        report_hex(r, "rebuilt", NULL, hash_or_none(item->is_rebuilt, item->rebuilt));
        report_close(r);
    }
    report_close(r);
    report_hex(r, "mrsigner", NULL, hash_or_none(a->has_statement, s->mrsigner));
    if (s->until != 0)
        report_field(r, "until", NULL, "%08" PRIx32, s->until);
    else
        report_null(r, "until");
    report_hex(r, "replaces", NULL, hash_or_none(s->has_replaces, s->replaces));
    report_text(r, "note", NULL, s->note[0] != '\0' ? s->note : NULL);
}
