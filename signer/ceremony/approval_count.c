/* Approvals: counted for one sign-data, by persons. */
#include <inttypes.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/ceremony/approval.h"

/* The text of a row that counts, or NULL. */
static const struct statement_item *says(const struct approval_row *row, const uint8_t *digest)
{
    bool counts = row->verdict == APPROVAL_YES || row->verdict == APPROVAL_NO;

    return counts ? statement_find(&row->approval.statement, digest) : NULL;
}

/* Did the same person take this statement back, in a later one about the same sign-data and the same key?
 * Also if it is not known yet which key will sign: a no that is for it must not be lost. */
static bool is_replaced(const struct approvals *a, const char *person, const uint8_t *id,
                        const uint8_t *mrsigner, const uint8_t *digest)
{
    for (size_t i = 0; i < a->len; i++) {
        const struct approval_row *row = &a->rows[i];

        if (row->approval.statement.has_replaces && says(row, digest) != NULL &&
            strcmp(row->person, person) == 0 &&
            memcmp(row->approval.statement.mrsigner, mrsigner, MRSIGNER_SIZE) == 0 &&
            memcmp(row->approval.statement.replaces, id, DIGEST_SIZE) == 0)
            return true;
    }
    return false;
}

bool approval_is_replaced(const struct approvals *a, const struct approval_row *row,
                          const uint8_t digest[static DIGEST_SIZE])
{
    return is_replaced(a, row->person, row->approval.id, row->approval.statement.mrsigner, digest);
}

static void count_row(const struct approvals *a, const struct approval_row *row, const uint8_t *digest,
                      struct approval_tally *ret)
{
    const struct statement_item *item = says(row, digest);

    if (item == NULL || approval_is_replaced(a, row, digest))
        return;
    if (row->verdict == APPROVAL_NO) {
        ret->no[row->person_index] = true;
        ret->no_record[row->person_index] = 0;
        return;
    }
    ret->yes[row->person_index] = true;
    ret->rebuilt[row->person_index] = ret->rebuilt[row->person_index] || item->is_rebuilt;
}

/* Is it about this sign-data under this key (NULL: it is not known yet)? */
static bool is_about(const struct transcript_rejection *past, const uint8_t *digest, const uint8_t *mrsigner)
{
    char hex[2 * DIGEST_SIZE + 1];
    char key[2 * MRSIGNER_SIZE + 1];

    hex_encode(hex, view_of(digest, DIGEST_SIZE));
    hex_encode(key, view_of(mrsigner, mrsigner != NULL ? MRSIGNER_SIZE : 0));
    return strcmp(past->digest, hex) == 0 && (mrsigner == NULL || strcmp(past->mrsigner, key) == 0);
}

bool approval_no_past(const struct transcript_rejections *past, const uint8_t digest[static DIGEST_SIZE],
                      const uint8_t *mrsigner, struct ens_err *err)
{
    for (size_t i = 0; past != NULL && i < past->len; i++) {
        if (is_about(&past->items[i], digest, mrsigner))
            return ens_fail(err, ENS_REFUSED,
                            "rejected by %s (record %" PRIu64 " of the transcript), and no policy here says "
                            "whose answers count: nothing was signed",
                            past->items[i].person, past->items[i].record);
    }
    return true;
}

/* A no on record stands until its author takes it back, or it, its key or its author is revoked. */
static void count_past(const struct approvals *a, const struct approval_ground *g,
                       const struct transcript_rejection *past, const uint8_t *digest,
                       struct approval_tally *ret)
{
    const struct revoked *revoked = policy_revoked(g->policy);
    uint8_t id[DIGEST_SIZE];
    uint8_t past_key[MRSIGNER_SIZE];
    struct ens_err ignored = {0};
    size_t person = 0;

    if (!is_about(past, digest, g->mrsigner) ||
        !people_find_name(policy_people(g->policy), past->person, &person) ||
        revoked_has_person(revoked, past->person) || revoked_has_statement(revoked, past->id) ||
        revoked_has_key(revoked, past->key))
        return;
    if (hex_decode(past->id, "", id, sizeof id, &ignored) &&
        hex_decode(past->mrsigner, "", past_key, sizeof past_key, &ignored) &&
        is_replaced(a, past->person, id, past_key, digest))
        return;
    if (!ret->no[person])
        ret->no_record[person] = past->record;
    ret->no[person] = true;
}

void approval_count(const struct approvals *a, const struct approval_ground *g,
                    const struct transcript_rejections *past, const uint8_t digest[static DIGEST_SIZE],
                    struct approval_tally *ret)
{
    *ret = (struct approval_tally){0};
    for (size_t i = 0; past != NULL && i < past->len; i++)
        count_past(a, g, &past->items[i], digest, ret);
    for (size_t i = 0; i < a->len; i++)
        count_row(a, &a->rows[i], digest, ret);
    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        ret->counted += ret->yes[i];
        ret->rebuilt_counted += ret->yes[i] && ret->rebuilt[i];
        ret->rejected += ret->no[i];
    }
}

bool approval_names(const struct policy *p, const bool persons[static PEOPLE_MAX], const uint64_t *records,
                    struct buf *ret, struct ens_err *err)
{
    const char *gap = "";

    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        if (!persons[i])
            continue;
        if (!buf_printf(ret, err, "%s%s", gap, people_name(policy_people(p), i)))
            return false;
        if (records != NULL && records[i] != 0 && !buf_printf(ret, err, " (record %" PRIu64 ")", records[i]))
            return false;
        gap = ", ";
    }
    return true;
}
