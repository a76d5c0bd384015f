/* The block below the table of many sign-data: those with dangers again, and one digest over all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"

/* Items with dangers that the summary names. */
#define NAMED_MAX 4

/* Different dangers of many items that are told in full. */
#define SENTENCES_MAX 16

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

bool review_set_digest(const struct review_item *items, size_t len, uint8_t ret[static 32],
                       struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *all = mem_alloc(len, 32, err);

    if (all == NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        memcpy(all + 32 * i, items[i].review.digest, 32);
    qsort(all, len, 32, by_bytes);
    return digest_of(DIGEST_SHA256, view_of(all, 32 * len), ret, err);
}

bool review_table_set(const struct review_table *t, struct buf *ret, struct ens_err *err)
{
    uint8_t digest[32];

    return review_set_digest(t->items, t->len, digest, err) &&
           buf_printf(ret, err, "  All %zu together\n", t->len) && review_groups(digest, ret, err) &&
           review_rows_of_words(digest, ret, err);
}

/* ---- items with dangers ---- */

static bool has_danger(const struct review_item *x, const char *text)
{
    struct findings found = {0};

    review_dangers(&x->review, &found);
    for (size_t i = 0; i < found.len; i++) {
        if (strcmp(found.items[i].text, text) == 0)
            return true;
    }
    return false;
}

/* Few: each with its line of the table, and its sentences. */
static bool add_each(const struct review_table *t, struct buf *ret, struct ens_err *err)
{
    for (size_t i = 0; i < t->len; i++) {
        struct findings found = {0};

        review_dangers(&t->items[i].review, &found);
        if (found.len > 0 && !review_table_row(t, i, false, ret, err))
            return false;
        for (size_t k = 0; k < found.len; k++) {
            if (!text_line(ret, err, "      %s", found.items[k].text))
                return false;
        }
    }
    return true;
}

/* "  ! 26 of 31: DATE 2099-12-31 is in the future: 6, 7, 8": the numbers are those of the table. */
static bool add_sentence(const struct review_table *t, const char *text, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf numbers = {0};
    size_t n = 0;

    for (size_t i = 0; i < t->len; i++) {
        if (!has_danger(&t->items[i], text))
            continue;
        if (!buf_printf(&numbers, err, "%s%zu", n > 0 ? ", " : "", i + 1))
            return false;
        n++;
    }
    if (n == t->len)
        return text_line(ret, err, "  ! all %zu: %s", n, text);
    return text_line(ret, err, "  ! %zu of %zu: %s: %.*s", n, t->len, text, (int)numbers.len,
                     (const char *)numbers.data);
}

/* Many: each sentence once. */
static bool add_sentences(const struct review_table *t, struct buf *ret, struct ens_err *err)
{
    size_t sentences = 0;

    for (size_t i = 0; i < t->len; i++) {
        struct findings found = {0};

        review_dangers(&t->items[i].review, &found);
        for (size_t k = 0; k < found.len; k++) {
            bool is_said = false;

            for (size_t j = 0; j < i && !is_said; j++)
                is_said = has_danger(&t->items[j], found.items[k].text);
            if (!is_said && ++sentences > SENTENCES_MAX)
                return text_line(ret, err, "  ! and others: the table marks each item");
            if (!is_said && !add_sentence(t, found.items[k].text, ret, err))
                return false;
        }
    }
    return true;
}

bool review_table_dangers(const struct review_table *t, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf names = {0};
    size_t count = 0;

    if (!review_dangerous(t->items, t->len, &names, &count, err))
        return false;
    return count == 0 || (text_line(ret, err, "Items with dangers: %zu of %zu", count, t->len) &&
                          (count <= NAMED_MAX ? add_each(t, ret, err) : add_sentences(t, ret, err)));
}

bool review_dangerous(const struct review_item *items, size_t len, struct buf *ret, size_t *ret_count,
                      struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf names = {0};

    *ret_count = 0;
    for (size_t i = 0; i < len; i++) {
        struct findings found = {0};

        review_dangers(&items[i].review, &found);
        if (found.len == 0)
            continue;
        if (++*ret_count > NAMED_MAX)
            continue;
        if (!buf_printf(&names, err, "%s%s (", *ret_count > 1 ? ", " : "", items[i].name) ||
            !review_danger_names(&found, &names, err) || !buf_printf(&names, err, ")"))
            return false;
    }
    if (*ret_count == 0)
        return buf_printf(ret, err, "none");
    if (!buf_printf(ret, err, "%zu of %zu: ", *ret_count, len) || !buf_append(ret, buf_view(&names), err))
        return false;
    return *ret_count <= NAMED_MAX || buf_printf(ret, err, " and %zu more", *ret_count - NAMED_MAX);
}
