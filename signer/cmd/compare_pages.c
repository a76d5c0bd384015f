/* The difference of two enclaves in words: one line on top, then a line for each run of pages. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/cmd/compare.h"

/* What a line about pages of this kind says they do. */
static const char *kind_words(enum pagediff_kind kind)
{
    switch (kind) {
    case PAGEDIFF_SIZE:
        return "another enclave SIZE";
    case PAGEDIFF_SSAFRAMESIZE:
        return "another SSAFRAMESIZE";
    case PAGEDIFF_ONLY_A:
        return "only in A";
    case PAGEDIFF_ONLY_B:
        return "only in B";
    case PAGEDIFF_MOVED:
        return "at another address";
    case PAGEDIFF_SECINFO:
        return "with another type or other permissions";
    case PAGEDIFF_CHUNKS:
        return "with other measured chunks";
    case PAGEDIFF_CONTENT:
        return "with other content";
    case PAGEDIFF_TCS:
        return "of threads (TCS) with other fields";
    case PAGEDIFF_TCS_MOVED:
        return "of threads (TCS) at another address";
    case PAGEDIFF_CHUNK_ORDER:
        return "with the same chunks in another order";
    case PAGEDIFF_CHUNK_REPEAT:
        return "with a chunk that is given twice";
    case PAGEDIFF_PAGE_ORDER:
        return "added in another order";
    case PAGEDIFF_PADDING:
        return "with other padding, which is not measured";
    case PAGEDIFF_KINDS:
        break;
    }
    return "";
}

/* "page" or "pages" */
static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- what a row says after its pages ---- */

#define FLAGS_MAX 40

/* "REG r-x", "TCS" */
static const char *flags_text(uint64_t flags, char ret[static FLAGS_MAX])
{
    static const char *const types[] = {"SECS", "TCS", "REG", "VA", "TRIM", "SS_FIRST", "SS_REST"};
    uint64_t type = flags >> 8 & 0xff;

    if (type == 1 && (flags & 7) == 0)
        (void)snprintf(ret, FLAGS_MAX, "TCS");
    else if (type < sizeof types / sizeof types[0] && (flags & ~UINT64_C(0xff07)) == 0)
        (void)snprintf(ret, FLAGS_MAX, "%s %c%c%c", types[type], (flags & 1) != 0 ? 'r' : '-',
                       (flags & 2) != 0 ? 'w' : '-', (flags & 4) != 0 ? 'x' : '-');
    else
        (void)snprintf(ret, FLAGS_MAX, "SECINFO 0x%" PRIx64, flags);
    return ret;
}

static unsigned bits(uint16_t mask)
{
    return (unsigned)__builtin_popcount(mask);
}

#define DETAIL_MAX 512

/* Fields of a TCS that differ: "OSSA 0x5000 / 0x7000, NSSA 2 / 3". */
static void tcs_detail(const struct pagediff_row *r, char ret[static DETAIL_MAX])
{
    size_t len = 0;

    ret[0] = '\0';
    for (int f = 0; f < TCS_FIELDS && len < DETAIL_MAX; f++) {
        if (r->tcs.a[f] == r->tcs.b[f])
            continue;
        len += (size_t)snprintf(ret + len, DETAIL_MAX - len, "%s%s 0x%" PRIx64 " / 0x%" PRIx64,
                                len > 0 ? ", " : "", pagediff_tcs_field_name((enum pagediff_tcs_field)f),
                                r->tcs.a[f], r->tcs.b[f]);
    }
    if (r->tcs.other > 0 && len < DETAIL_MAX)
        (void)snprintf(ret + len, DETAIL_MAX - len, "%s%" PRIu64 " bytes elsewhere", len > 0 ? ", " : "",
                       r->tcs.other);
}

static void content_detail(const struct pagediff_row *r, char ret[static DETAIL_MAX])
{
    (void)snprintf(ret, DETAIL_MAX, "%" PRIu64 " byte%s in %" PRIu64 " chunk%s, first at 0x%" PRIx64 "%s",
                   r->bytes, plural(r->bytes), r->chunks, plural(r->chunks), r->first_offset,
                   r->chunks_measured == r->chunks ? ""
                   : r->chunks_measured == 0       ? "; not measured, MRENCLAVE does not see it"
                                                   : "; some of the chunks are not measured");
}

/* What a row says after its pages. */
static void row_detail(const struct pagediff_row *r, char ret[static DETAIL_MAX])
{
    char fa[FLAGS_MAX];
    char fb[FLAGS_MAX];
    char tcs[DETAIL_MAX];

    ret[0] = '\0';
    switch (r->kind) {
    case PAGEDIFF_SIZE:
        (void)snprintf(ret, DETAIL_MAX, "0x%" PRIx64 " / 0x%" PRIx64 " bytes", r->value_a, r->value_b);
        break;
    case PAGEDIFF_SSAFRAMESIZE:
        (void)snprintf(ret, DETAIL_MAX, "%" PRIu64 " / %" PRIu64 " pages", r->value_a, r->value_b);
        break;
    case PAGEDIFF_SECINFO:
        (void)snprintf(ret, DETAIL_MAX, "%s / %s", flags_text(r->flags_a, fa), flags_text(r->flags_b, fb));
        break;
    case PAGEDIFF_CHUNKS:
        (void)snprintf(ret, DETAIL_MAX, "%u measured and %u not / %u measured and %u not",
                       bits(r->measured_a), bits(r->unmeasured_a), bits(r->measured_b),
                       bits(r->unmeasured_b));
        break;
    case PAGEDIFF_CONTENT:
        content_detail(r, ret);
        break;
    case PAGEDIFF_TCS:
        tcs_detail(r, ret);
        break;
    case PAGEDIFF_MOVED:
        (void)snprintf(ret, DETAIL_MAX, "in B from 0x%" PRIx64, r->value_b);
        break;
    case PAGEDIFF_TCS_MOVED:
        tcs_detail(r, tcs);
        (void)snprintf(ret, DETAIL_MAX, "in B at 0x%" PRIx64 "%s%.400s", r->value_b,
                       tcs[0] != '\0' ? "; " : "", tcs);
        break;
    case PAGEDIFF_CHUNK_ORDER:
        (void)snprintf(ret, DETAIL_MAX, "first chunk 0x%" PRIx64 " / 0x%" PRIx64, r->value_a, r->value_b);
        break;
    case PAGEDIFF_PAGE_ORDER:
        (void)snprintf(ret, DETAIL_MAX, "number %" PRIu64 " / %" PRIu64 " of the pages", r->value_a,
                       r->value_b);
        break;
    case PAGEDIFF_ONLY_A:
    case PAGEDIFF_ONLY_B:
    case PAGEDIFF_CHUNK_REPEAT:
    case PAGEDIFF_PADDING:
    case PAGEDIFF_KINDS:
        break;
    }
}

/* ---- the first line ---- */

bool compare_locate(const struct compare_side *a, const struct compare_side *b, uint64_t at,
                    char ret[static CONTAINER_NAME_MAX])
{
    return container_locate(a->e.container, at, ret) || container_locate(b->e.container, at, ret);
}

/* The section that all rows of the kind begin in; false where they are several, or none is known. */
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
    char detail[DETAIL_MAX];

    row_detail(first, detail);
    if (pages == 0) {
        (void)snprintf(ret, cap, "%s%s%s%.200s", kind == PAGEDIFF_PADDING ? "ECREATE " : "", kind_words(kind),
                       detail[0] != '\0' ? ": " : "", detail);
        return;
    }
    bool in_one = one_section(d, kind, a, b, section);

    (void)snprintf(ret, cap, "%" PRIu64 " page%s%s%s %s, first at 0x%" PRIx64 "%s%.200s", pages,
                   plural(pages), in_one ? " of " : "", in_one ? section : "", kind_words(kind),
                   first->first_offset != 0 ? first->first_offset : first->from,
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
                   plural(pages), in_one ? " of " : "", in_one ? section : "", d->rows[0].first_offset,
                   d->measured ? "" : ", in chunks that are not measured");
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

/* ---- rows ---- */

/* The stable names of --json. */
static const char *tcs_key(enum pagediff_tcs_field field)
{
    static const char *const keys[TCS_FIELDS] = {
        [TCS_FLAGS] = "flags",     [TCS_OSSA] = "ossa",       [TCS_NSSA] = "nssa",
        [TCS_OENTRY] = "oentry",   [TCS_OFSBASE] = "ofsbase", [TCS_OGSBASE] = "ogsbase",
        [TCS_FSLIMIT] = "fslimit", [TCS_GSLIMIT] = "gslimit",
    };

    return keys[field];
}

static void doc_row(struct doc *list, const struct pagediff_row *r, const char *section, const char *detail)
{
    struct doc *at = doc_object(list, NULL);
    struct doc *tcs = NULL;

    doc_text(at, "kind", pagediff_kind_name(r->kind));
    doc_bool(at, "measured", r->measured);
    doc_mask(at, "from", r->from, 8);
    doc_mask(at, "to", r->to, 8);
    doc_int(at, "pages", r->pages);
    doc_text(at, "section", section[0] != '\0' ? section : NULL);
    doc_mask(at, "flags_a", r->flags_a, 8);
    doc_mask(at, "flags_b", r->flags_b, 8);
    doc_mask(at, "value_a", r->value_a, 8);
    doc_mask(at, "value_b", r->value_b, 8);
    doc_int(at, "bytes", r->bytes);
    doc_int(at, "chunks", r->chunks);
    doc_mask(at, "first_offset", r->first_offset, 8);
    if (r->kind == PAGEDIFF_TCS || r->kind == PAGEDIFF_TCS_MOVED)
        tcs = doc_object(at, "tcs");
    for (int f = 0; f < TCS_FIELDS && tcs != NULL; f++) {
        struct doc *field = doc_object(tcs, tcs_key((enum pagediff_tcs_field)f));

        doc_mask(field, "a", r->tcs.a[f], 8);
        doc_mask(field, "b", r->tcs.b[f], 8);
    }
    doc_text(at, "text", detail);
}

static bool show_row(struct show *s, struct doc *list, const struct pagediff_row *r,
                     const struct compare_side *a, const struct compare_side *b, struct ens_err *err)
{
    char section[CONTAINER_NAME_MAX] = "";
    char detail[DETAIL_MAX];
    char flags[FLAGS_MAX];
    bool located =
        r->pages > 0 && compare_locate(a, b, r->first_offset != 0 ? r->first_offset : r->from, section);

    row_detail(r, detail);
    if (s->text == NULL) {
        doc_row(list, r, located ? section : "", detail);
        return true;
    }
    if (r->pages == 0)
        return show_line(s, err, "  %s%s%s%s", r->kind == PAGEDIFF_PADDING ? "ECREATE " : "",
                         kind_words(r->kind), detail[0] != '\0' ? ": " : "", detail);
    return show_line(s, err, "  0x%" PRIx64 "..0x%" PRIx64 ", %" PRIu64 " page%s, %s%s%s: %s%s%s", r->from,
                     r->to, r->pages, plural(r->pages),
                     flags_text(r->flags_a != 0 ? r->flags_a : r->flags_b, flags), located ? ", " : "",
                     located ? section : "", kind_words(r->kind), detail[0] != '\0' ? ": " : "", detail);
}

bool compare_show_pages(struct show *s, const struct pagediff *d, const struct compare_side *a,
                        const struct compare_side *b, struct ens_err *err)
{
    struct doc *list = NULL;

    if (s->text == NULL) {
        struct doc *totals = doc_object(s->doc, "totals");

        doc_int(totals, "pages", d->totals.pages);
        doc_int(totals, "bytes", d->totals.bytes);
        doc_int(totals, "pages_a", d->totals.pages_a);
        doc_int(totals, "pages_b", d->totals.pages_b);
        doc_int(totals, "threads_a", d->totals.threads_a);
        doc_int(totals, "threads_b", d->totals.threads_b);
        list = doc_array(s->doc, "pages");
    } else if (!show_line(s, err,
                          "Enclaves (A / B): %" PRIu64 " / %" PRIu64 " pages, of which %" PRIu64 " / %" PRIu64
                          " TCS; %" PRIu64 " page%s differ%s",
                          d->totals.pages_a, d->totals.pages_b, d->totals.threads_a, d->totals.threads_b,
                          d->totals.pages, plural(d->totals.pages), d->totals.pages == 1 ? "s" : "")) {
        return false;
    }
    for (size_t i = 0; i < d->len; i++) {
        if (!show_row(s, list, &d->rows[i], a, b, err))
            return false;
    }
    return d->dropped == 0 || show_line(s, err, "  (and %" PRIu64 " more runs)", d->dropped);
}
