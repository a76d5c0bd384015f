/* The first line about two enclaves that are not the same: what differs, in so few words that it can be read aloud. Each
 * wording has several lengths; the fullest that fits is taken, and the lines below say the rest. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/cmd/compare/compare.h"

/* From the fullest wording to the shortest, which always fits. */
enum length { FULL, NO_PLACE, NO_DETAIL, FEW_ADDRESSES, NO_ADDRESS, ONE_KIND, SHORTEST, LENGTHS };

/* Longer than any line: what does not fit is seen. */
struct wording {
    char text[1024];
    size_t len;
};

static void wording_add(struct wording *w, const char *fmt, ...) ENS_PRINTF(2, 3);

static void wording_add(struct wording *w, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(w->text + w->len, sizeof w->text - w->len, fmt, args);
    va_end(args);
    if (n > 0)
        w->len = (size_t)n < sizeof w->text - w->len ? w->len + (size_t)n : sizeof w->text - 1;
}

static const struct pagediff_row *first_row(const struct pagediff *d, enum pagediff_kind kind)
{
    for (size_t i = 0; i < d->len; i++) {
        if (d->rows[i].kind == kind)
            return &d->rows[i];
    }
    return NULL;
}

/* ---- only content ---- */

static bool content_only(const struct pagediff *d)
{
    for (size_t i = 0; i < d->len; i++) {
        if (d->rows[i].kind != PAGEDIFF_CONTENT)
            return false;
    }
    return d->len > 0;
}

/* What the pages hold, by their permissions. */
static const char *use_of(uint64_t flags)
{
    return (flags & SECINFO_X) != 0 ? "code" : (flags & SECINFO_W) != 0 ? "data" : "read-only data";
}

static void say_content(struct wording *w, const struct pagediff *d, const struct compare_side *a,
                        const struct compare_side *b, enum length length)
{
    const struct pagediff_totals *t = &d->totals;
    const struct pagediff_row *first = &d->rows[0];
    char section[CONTAINER_NAME_MAX];

    wording_add(w, "%" PRIu64 " of %" PRIu64 " pages differ%s, %" PRIu64 " byte%s", t->pages, t->pages_a,
                t->pages == 1 ? "s" : "", t->bytes, compare_plural(t->bytes));
    if (length <= FEW_ADDRESSES)
        wording_add(w, ", %sat 0x%" PRIx64, t->bytes == 1 ? "" : "first ", first->first_offset);
    if (length < FEW_ADDRESSES)
        wording_add(w, " in %s",
                    compare_locate(a, b, first->first_offset, section) ? section : use_of(first->flags_a));
    if (!d->measured)
        wording_add(w, ", not measured");
}

/* ---- the image beside a cause ---- */

#define IMAGE_MAX 128

/* Other bytes or permissions of a page that has one type on both sides: layout alone changes none. */
static bool at_one_place(const struct pagediff_row *r)
{
    return r->kind == PAGEDIFF_CONTENT ||
           (r->kind == PAGEDIFF_SECINFO && SECINFO_TYPE(r->flags_a ^ r->flags_b) == 0);
}

/* Where the layouts part: below it lies what another heap, stack or number of threads does not move. */
static uint64_t parting(const struct pagediff *d)
{
    uint64_t lowest = UINT64_MAX;

    for (size_t i = 0; i < d->len; i++) {
        const struct pagediff_row *r = &d->rows[i];

        if (r->pages > 0 && !at_one_place(r) && r->kind != PAGEDIFF_PADDING && r->from < lowest)
            lowest = r->from;
    }
    return lowest;
}

/* Is it the image itself that differs? .oeinfo holds the settings, and differs with them. */
static bool in_image(const struct pagediff_row *r, uint64_t layout, const struct compare_side *a,
                     const struct compare_side *b)
{
    char section[CONTAINER_NAME_MAX];

    if (r->pages == 0 || r->kind == PAGEDIFF_PADDING)
        return false;
    if (compare_locate(a, b, compare_row_address(r), section))
        return strcmp(section, ".oeinfo") != 0;
    return at_one_place(r) && r->from < layout;
}

/* The difference of the images beside a cause, so that a cause, which moves heap and threads only, never hides it: ", also
 * in .rodata at 0x41c20"; "" if there is none. */
static const char *image_text(const struct pagediff *d, const struct compare_side *a,
                              const struct compare_side *b, char ret[static IMAGE_MAX])
{
    const struct pagediff_row *first = NULL;
    char section[CONTAINER_NAME_MAX] = "";
    char other[CONTAINER_NAME_MAX];
    uint64_t layout = parting(d);
    bool in_one = true;

    ret[0] = '\0';
    for (size_t i = 0; i < d->len; i++) {
        const struct pagediff_row *r = &d->rows[i];
        uint64_t at = compare_row_address(r);

        if (!in_image(r, layout, a, b))
            continue;
        bool located = compare_locate(a, b, at, other);

        in_one = in_one && located && (first == NULL || strcmp(section, other) == 0);
        if (located)
            memcpy(section, other, sizeof section);
        if (first == NULL || at < (compare_row_address(first)))
            first = r;
    }
    if (first != NULL)
        (void)snprintf(ret, IMAGE_MAX, ", also in %s at 0x%" PRIx64, in_one ? section : "the image",
                       compare_row_address(first));
    return ret;
}

/* ---- a setting ---- */

/* The difference of the image beside a cause is never left out. */
static const char *say_image(const char *image, enum length length)
{
    return image[0] == '\0' || length < NO_ADDRESS ? image : ", also in the image";
}

static void say_causes(struct wording *w, const struct compare_causes *causes, const struct pagediff *d,
                       const struct compare_side *a, const struct compare_side *b, enum length length)
{
    char text[COMPARE_CAUSE_MAX];
    char image[IMAGE_MAX];

    image_text(d, a, b, image);
    if (length == SHORTEST) {
        wording_add(w, "%zu other settings%s", causes->len, say_image(image, length));
        return;
    }
    for (size_t i = 0; i < causes->len; i++) {
        const struct compare_cause *c = &causes->items[i];

        if (length <= NO_DETAIL)
            wording_add(w, "%s%s", i > 0 ? ", " : "", compare_cause_text(c, text));
        else
            wording_add(w, "%s%s (%" PRIu64 " / %" PRIu64 ")", i > 0 ? ", " : "another ", c->name, c->a,
                        c->b);
    }
    if (length == FULL || length == FEW_ADDRESSES)
        wording_add(w, ": %" PRIu64 " page%s", d->totals.pages,
                    d->totals.pages == 1 ? " differs" : "s differ");
    wording_add(w, "%s", say_image(image, length));
}

/* ---- anything else ---- */

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

const char *compare_threads_moved(const struct pagediff *d, char ret[static COMPARE_LINE + 1])
{
    int64_t all = 0;
    int64_t each = 0;

    ret[0] = '\0';
    if (!threads_moved(d, &all, &each))
        return ret;
    uint64_t by = (uint64_t)(each != 0 ? each : all);
    bool back = by > INT64_MAX;

    (void)snprintf(ret, COMPARE_LINE + 1, "%sthreads (TCS) moved by %s0x%" PRIx64 "%s",
                   each != 0 ? "" : "all ", back ? "-" : "", back ? 0 - by : by,
                   each != 0 ? " more each, as with another stack" : ", as with another heap or image");
    return ret;
}

/* One kind of difference: "3 pages with other content, first at 0x41c20". */
static void say_kind(struct wording *w, const struct pagediff *d, enum pagediff_kind kind, enum length length)
{
    const struct pagediff_row *first = first_row(d, kind);
    uint64_t pages = d->totals.pages_of[kind];
    char detail[COMPARE_DETAIL_MAX] = "";
    bool has_address = length <= NO_DETAIL ? length != NO_PLACE || d->len > 1
                                           : length == FEW_ADDRESSES && kind == PAGEDIFF_CONTENT;

    if (length <= NO_PLACE && (d->len == 1 || pages == 0))
        compare_row_detail(first, detail);
    if (pages == 0)
        wording_add(w, "%s", kind == PAGEDIFF_PADDING ? "ECREATE " : "");
    else
        wording_add(w, "%" PRIu64 " page%s ", pages, compare_plural(pages));
    wording_add(w, "%s", compare_kind_words(kind));
    if (pages > 0 && has_address)
        wording_add(w, "%sat 0x%" PRIx64,
                    length == FEW_ADDRESSES         ? " "
                    : pages > 1 || first->bytes > 1 ? ", first "
                                                    : ", ",
                    compare_row_address(first));
    wording_add(w, "%s%s", detail[0] != '\0' ? ": " : "", detail);
}

/* More kinds of difference than these are told by their lines. */
#define PHRASES 3

/* The kinds behind the first one, by their names. */
static void say_other_kinds(struct wording *w, const struct pagediff *d, int first)
{
    const char *before = "; also ";

    for (int k = first + 1; k < PAGEDIFF_KINDS; k++) {
        if (first_row(d, (enum pagediff_kind)k) == NULL)
            continue;
        wording_add(w, "%s%s", before, pagediff_kind_name((enum pagediff_kind)k));
        before = ", ";
    }
}

static void say_kinds(struct wording *w, const struct pagediff *d, enum length length)
{
    size_t kinds = 0;

    for (int k = 0; k < PAGEDIFF_KINDS; k++) {
        if (first_row(d, (enum pagediff_kind)k) == NULL || ++kinds > PHRASES || length == SHORTEST)
            continue;
        wording_add(w, "%s", w->len > 0 ? "; " : "");
        say_kind(w, d, (enum pagediff_kind)k, length);
        if (length == ONE_KIND) {
            say_other_kinds(w, d, k);
            return;
        }
    }
    if (length == SHORTEST)
        wording_add(w, "%" PRIu64 " pages differ in %zu ways", d->totals.pages, kinds);
    else if (kinds > PHRASES)
        wording_add(w, "; %" PRIu64 " pages differ", d->totals.pages);
}

/* Threads that moved lie behind the other differences. */
static void say_moved(struct wording *w, const char *moved, const struct pagediff *d,
                      const struct compare_side *a, const struct compare_side *b, enum length length)
{
    char image[IMAGE_MAX];

    image_text(d, a, b, image);
    wording_add(w, "%.*s", length < ONE_KIND ? COMPARE_LINE : (int)strcspn(moved, ","), moved);
    if (length == FULL)
        wording_add(w, ": %" PRIu64 " pages differ", d->totals.pages);
    wording_add(w, "%s", say_image(image, length));
}

const char *compare_summary(const struct pagediff *d, const struct compare_side *a,
                            const struct compare_side *b, size_t columns, char ret[static COMPARE_LINE + 1])
{
    struct compare_causes causes;
    char moved[COMPARE_LINE + 1];

    compare_find_causes(d, a, b, &causes);
    compare_threads_moved(d, moved);
    for (int length = FULL; length < LENGTHS; length++) {
        struct wording w = {.len = 0};

        if (causes.len > 0)
            say_causes(&w, &causes, d, a, b, (enum length)length);
        else if (content_only(d))
            say_content(&w, d, a, b, (enum length)length);
        else if (moved[0] != '\0')
            say_moved(&w, moved, d, a, b, (enum length)length);
        else
            say_kinds(&w, d, (enum length)length);
        (void)snprintf(ret, COMPARE_LINE + 1, "%.*s", (int)columns, w.text);
        if (w.len <= columns)
            break;
    }
    return ret;
}
