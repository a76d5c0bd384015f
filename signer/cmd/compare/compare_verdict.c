/* The first line about two enclaves that are not the same: what differs, in so few words that
 * it can be read aloud. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/cmd/compare/compare.h"

/* The section that all rows of the kind begin in; false if they are several, or none is known. */
static bool one_section(const struct pagediff *d, enum pagediff_kind kind, const struct compare_side *a,
                        const struct compare_side *b, char ret[static CONTAINER_NAME_MAX])
{
    char name[CONTAINER_NAME_MAX];

    ret[0] = '\0';
    for (size_t i = 0; i < d->len; i++) {
        const struct pagediff_row *r = &d->rows[i];

        if (r->kind != kind)
            continue;
        if (!compare_locate(a, b, r->first_offset != 0 ? r->first_offset : r->from, name) ||
            (ret[0] != '\0' && strcmp(ret, name) != 0))
            return false;
        memcpy(ret, name, sizeof name);
    }
    return ret[0] != '\0';
}

static const struct pagediff_row *first_row(const struct pagediff *d, enum pagediff_kind kind)
{
    for (size_t i = 0; i < d->len; i++) {
        if (d->rows[i].kind == kind)
            return &d->rows[i];
    }
    return NULL;
}

/* One kind of difference: "3 pages of .rodata with other content, first at 0x41c20". */
static void phrase(const struct pagediff *d, enum pagediff_kind kind, const struct compare_side *a,
                   const struct compare_side *b, char *ret, size_t cap)
{
    const struct pagediff_row *first = first_row(d, kind);
    uint64_t pages = d->totals.pages_of[kind];
    char section[CONTAINER_NAME_MAX];
    char detail[COMPARE_DETAIL_MAX];

    compare_row_detail(first, detail);
    if (pages == 0) {
        (void)snprintf(ret, cap, "%s%s%s%.200s", kind == PAGEDIFF_PADDING ? "ECREATE " : "",
                       compare_kind_words(kind), detail[0] != '\0' ? ": " : "", detail);
        return;
    }
    bool in_one = one_section(d, kind, a, b, section);

    (void)snprintf(ret, cap, "%" PRIu64 " page%s%s%s %s, first at 0x%" PRIx64 "%s%.200s", pages,
                   compare_plural(pages), in_one ? " of " : "", in_one ? section : "",
                   compare_kind_words(kind), first->first_offset != 0 ? first->first_offset : first->from,
                   d->len == 1 && detail[0] != '\0' ? ": " : "", d->len == 1 ? detail : "");
}

/* Is content all that differs? Then the line is shorter. */
static bool content_only(const struct pagediff *d)
{
    for (size_t i = 0; i < d->len; i++) {
        if (d->rows[i].kind != PAGEDIFF_CONTENT)
            return false;
    }
    return d->len > 0;
}

static void content_phrase(const struct pagediff *d, const struct compare_side *a,
                           const struct compare_side *b, char *ret, size_t cap)
{
    uint64_t pages = d->totals.pages_of[PAGEDIFF_CONTENT];
    char section[CONTAINER_NAME_MAX];
    bool in_one = one_section(d, PAGEDIFF_CONTENT, a, b, section);

    (void)snprintf(ret, cap, "differs in %" PRIu64 " page%s%s%s, first at 0x%" PRIx64 "%s", pages,
                   compare_plural(pages), in_one ? " of " : "", in_one ? section : "",
                   d->rows[0].first_offset, d->measured ? "" : ", in chunks that are not measured");
}

/* By how much the threads moved: all of them by `*ret_all`, or each by `*ret_each` more than the one before,
 * where the first may have stayed. */
static bool threads_moved(const struct pagediff *d, int64_t *ret_all, int64_t *ret_each)
{
    const struct pagediff_row *last = NULL;
    uint64_t moved = d->totals.pages_of[PAGEDIFF_TCS_MOVED];
    int64_t each = 0;
    size_t rows = 0;

    for (size_t i = 0; i < d->len; i++) {
        const struct pagediff_row *r = &d->rows[i];

        if (r->kind != PAGEDIFF_TCS_MOVED)
            continue;
        int64_t more = last == NULL ? 0 : (int64_t)(r->value_b - r->from - (last->value_b - last->from));

        if (rows >= 2 && more != each)
            return false;
        each = more;
        last = r;
        rows++;
    }
    if (last == NULL || (each == 0 ? moved != d->totals.threads_a : moved + 1 < d->totals.threads_a))
        return false;
    *ret_all = (int64_t)(last->value_b - last->from);
    *ret_each = each;
    return true;
}

/* What lies behind differences in many pages where no setting tells: threads that moved, because something
 * before or in each of them has another size. */
static size_t cause(const struct pagediff *d, char *ret, size_t cap)
{
    int64_t all = 0;
    int64_t each = 0;

    ret[0] = '\0';
    if (!threads_moved(d, &all, &each))
        return 0;
    uint64_t by = (uint64_t)(each != 0 ? each : all);
    bool back = by > INT64_MAX;

    (void)snprintf(ret, cap, "%sthreads (TCS) moved by %s0x%" PRIx64 "%s", each != 0 ? "" : "all ",
                   back ? "-" : "", back ? 0 - by : by,
                   each != 0 ? " more each, as with another stack"
                             : ", as with another heap or image before them");
    return strlen(ret);
}

/* More kinds of difference than these are told by their lines. */
#define VERDICT_PHRASES 3

const char *compare_verdict(const struct pagediff *d, const struct compare_side *a,
                            const struct compare_side *b, char ret[static COMPARE_VERDICT_MAX])
{
    if (content_only(d)) {
        content_phrase(d, a, b, ret, COMPARE_VERDICT_MAX);
        return ret;
    }
    char image[COMPARE_IMAGE_MAX];
    size_t len = cause(d, ret, COMPARE_VERDICT_MAX);
    bool said_moved = len > 0;

    if (said_moved)
        len +=
            (size_t)snprintf(ret + len, COMPARE_VERDICT_MAX - len, "%s", compare_image_text(d, a, b, image));

    for (int k = 0, said = 0; k < PAGEDIFF_KINDS && len < COMPARE_VERDICT_MAX; k++) {
        if (first_row(d, (enum pagediff_kind)k) == NULL || (k == PAGEDIFF_TCS_MOVED && said_moved))
            continue;
        if (++said > VERDICT_PHRASES) {
            (void)snprintf(ret + len, COMPARE_VERDICT_MAX - len, "; %" PRIu64 " pages differ",
                           d->totals.pages);
            break;
        }
        if (len > 0)
            len += (size_t)snprintf(ret + len, COMPARE_VERDICT_MAX - len, "; ");
        if (len < COMPARE_VERDICT_MAX) {
            phrase(d, (enum pagediff_kind)k, a, b, ret + len, COMPARE_VERDICT_MAX - len);
            len += strlen(ret + len);
        }
    }
    return ret;
}
