/* The difference of two enclaves in words: a line for each run of pages. The one on top
 * is in compare_verdict.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/cmd/compare/compare.h"

/* What a line about pages of this kind says they do. */
const char *compare_kind_words(enum pagediff_kind kind)
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
const char *compare_plural(uint64_t n)
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

/* Fields of a TCS that differ: "OSSA 0x5000 / 0x7000, NSSA 2 / 3". */
static void tcs_detail(const struct pagediff_row *r, char ret[static COMPARE_DETAIL_MAX])
{
    size_t len = 0;

    ret[0] = '\0';
    for (int f = 0; f < TCS_FIELDS && len < COMPARE_DETAIL_MAX; f++) {
        if (r->tcs.a[f] == r->tcs.b[f])
            continue;
        len += (size_t)snprintf(ret + len, COMPARE_DETAIL_MAX - len, "%s%s 0x%" PRIx64 " / 0x%" PRIx64,
                                len > 0 ? ", " : "", pagediff_tcs_field_name((enum pagediff_tcs_field)f),
                                r->tcs.a[f], r->tcs.b[f]);
    }
    if (r->tcs.other > 0 && len < COMPARE_DETAIL_MAX)
        (void)snprintf(ret + len, COMPARE_DETAIL_MAX - len, "%s%" PRIu64 " bytes elsewhere",
                       len > 0 ? ", " : "", r->tcs.other);
}

static void content_detail(const struct pagediff_row *r, char ret[static COMPARE_DETAIL_MAX])
{
    (void)snprintf(ret, COMPARE_DETAIL_MAX,
                   "%" PRIu64 " byte%s in %" PRIu64 " chunk%s, first at 0x%" PRIx64 "%s", r->bytes,
                   compare_plural(r->bytes), r->chunks, compare_plural(r->chunks), r->first_offset,
                   r->chunks_measured == r->chunks ? ""
                   : r->chunks_measured == 0       ? "; not measured, MRENCLAVE does not see it"
                                                   : "; some of the chunks are not measured");
}

/* What a row says after its pages. */
void compare_row_detail(const struct pagediff_row *r, char ret[static COMPARE_DETAIL_MAX])
{
    char fa[FLAGS_MAX];
    char fb[FLAGS_MAX];
    char tcs[COMPARE_DETAIL_MAX];

    ret[0] = '\0';
    switch (r->kind) {
    case PAGEDIFF_SIZE:
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "0x%" PRIx64 " / 0x%" PRIx64 " bytes", r->value_a,
                       r->value_b);
        break;
    case PAGEDIFF_SSAFRAMESIZE:
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "%" PRIu64 " / %" PRIu64 " pages", r->value_a, r->value_b);
        break;
    case PAGEDIFF_SECINFO:
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "%s / %s", flags_text(r->flags_a, fa),
                       flags_text(r->flags_b, fb));
        break;
    case PAGEDIFF_CHUNKS:
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "%u measured and %u not / %u measured and %u not",
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
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "in B from 0x%" PRIx64, r->value_b);
        break;
    case PAGEDIFF_TCS_MOVED:
        tcs_detail(r, tcs);
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "in B at 0x%" PRIx64 "%s%.400s", r->value_b,
                       tcs[0] != '\0' ? "; " : "", tcs);
        break;
    case PAGEDIFF_CHUNK_ORDER:
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "first chunk 0x%" PRIx64 " / 0x%" PRIx64, r->value_a,
                       r->value_b);
        break;
    case PAGEDIFF_PAGE_ORDER:
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "number %" PRIu64 " / %" PRIu64 " of the pages", r->value_a,
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
    char detail[COMPARE_DETAIL_MAX];
    char flags[FLAGS_MAX];
    bool located =
        r->pages > 0 && compare_locate(a, b, r->first_offset != 0 ? r->first_offset : r->from, section);

    compare_row_detail(r, detail);
    if (s->text == NULL) {
        doc_row(list, r, located ? section : "", detail);
        return true;
    }
    if (r->pages == 0)
        return show_line(s, err, "  %s%s%s%s", r->kind == PAGEDIFF_PADDING ? "ECREATE " : "",
                         compare_kind_words(r->kind), detail[0] != '\0' ? ": " : "", detail);
    return show_line(s, err, "  0x%" PRIx64 "..0x%" PRIx64 ", %" PRIu64 " page%s, %s%s%s: %s%s%s", r->from,
                     r->to, r->pages, compare_plural(r->pages),
                     flags_text(r->flags_a != 0 ? r->flags_a : r->flags_b, flags), located ? ", " : "",
                     located ? section : "", compare_kind_words(r->kind), detail[0] != '\0' ? ": " : "",
                     detail);
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
        doc_int(totals, "runs_left_out", d->dropped);
        list = doc_array(s->doc, "pages");
    } else if (!show_line(s, err,
                          "Enclaves (A / B): %" PRIu64 " / %" PRIu64 " pages, of which %" PRIu64 " / %" PRIu64
                          " TCS; %" PRIu64 " page%s differ%s",
                          d->totals.pages_a, d->totals.pages_b, d->totals.threads_a, d->totals.threads_b,
                          d->totals.pages, compare_plural(d->totals.pages),
                          d->totals.pages == 1 ? "s" : "")) {
        return false;
    }
    for (size_t i = 0; i < d->len; i++) {
        if (!show_row(s, list, &d->rows[i], a, b, err))
            return false;
    }
    return d->dropped == 0 || show_line(s, err, "  (and %" PRIu64 " more runs)", d->dropped);
}
