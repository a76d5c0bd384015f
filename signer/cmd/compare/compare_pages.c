/* One row of the difference of two enclaves: its words, and its members of JSON. */
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
        return "with other padding, not measured";
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

uint64_t compare_row_address(const struct pagediff_row *r)
{
    return r->first_offset != 0 ? r->first_offset : r->from;
}

bool compare_locate(const struct compare_side *a, const struct compare_side *b, uint64_t at,
                    char ret[static CONTAINER_NAME_MAX])
{
    return container_locate(a->e.container, at, ret) || container_locate(b->e.container, at, ret);
}

struct compare_flags compare_flags_of(uint64_t flags)
{
    static const char *const types[] = {"SECS", "TCS", "REG", "VA", "TRIM", "SS_FIRST", "SS_REST"};
    uint64_t type = flags >> 8 & 0xff;
    struct compare_flags ret = {0};

    if (type >= sizeof types / sizeof types[0] || (flags & ~(SECINFO_TYPE(flags) | SECINFO_RWX)) != 0) {
        (void)snprintf(ret.type, sizeof ret.type, "SECINFO 0x%" PRIx64, flags);
        return ret;
    }
    (void)snprintf(ret.type, sizeof ret.type, "%s", types[type]);
    if (SECINFO_TYPE(flags) != SECINFO_TCS || (flags & SECINFO_RWX) != 0)
        (void)snprintf(ret.permissions, sizeof ret.permissions, "%c%c%c",
                       (flags & SECINFO_R) != 0 ? 'r' : '-', (flags & SECINFO_W) != 0 ? 'w' : '-',
                       (flags & SECINFO_X) != 0 ? 'x' : '-');
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
    (void)snprintf(ret, COMPARE_DETAIL_MAX, "%" PRIu64 " byte%s at 0x%" PRIx64 "%s", r->bytes,
                   compare_plural(r->bytes), r->first_offset,
                   r->chunks_measured == r->chunks ? ""
                   : r->chunks_measured == 0       ? "; not measured"
                                                   : "; in part not measured");
}

void compare_row_detail(const struct pagediff_row *r, char ret[static COMPARE_DETAIL_MAX])
{
    const struct compare_flags fa = compare_flags_of(r->flags_a);
    const struct compare_flags fb = compare_flags_of(r->flags_b);
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
        (void)snprintf(ret, COMPARE_DETAIL_MAX, "%s%s%s / %s%s%s", fa.type,
                       fa.permissions[0] != '\0' ? " " : "", fa.permissions, fb.type,
                       fb.permissions[0] != '\0' ? " " : "", fb.permissions);
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

static void report_tcs(struct report *r, const struct pagediff_row *row)
{
    report_object(r, "tcs", NULL, 0);
    for (int f = 0; f < TCS_FIELDS; f++) {
        report_object(r, tcs_key((enum pagediff_tcs_field)f), NULL, 0);
        report_mask(r, "a", NULL, row->tcs.a[f], 8, NULL);
        report_mask(r, "b", NULL, row->tcs.b[f], 8, NULL);
        report_close(r);
    }
    report_close(r);
}

/* The members of JSON. */
static void report_row_values(struct report *r, const struct pagediff_row *row, const char *section,
                              const char *detail)
{
    report_object(r, NULL, NULL, 0);
    report_text(r, "kind", NULL, pagediff_kind_name(row->kind));
    report_bool(r, "measured", row->measured);
    report_mask(r, "from", NULL, row->from, 8, NULL);
    report_mask(r, "to", NULL, row->to, 8, NULL);
    report_uint(r, "pages", NULL, row->pages);
    report_text(r, "section", NULL, section[0] != '\0' ? section : NULL);
    report_mask(r, "flags_a", NULL, row->flags_a, 8, NULL);
    report_mask(r, "flags_b", NULL, row->flags_b, 8, NULL);
    report_mask(r, "value_a", NULL, row->value_a, 8, NULL);
    report_mask(r, "value_b", NULL, row->value_b, 8, NULL);
    report_uint(r, "bytes", NULL, row->bytes);
    report_uint(r, "chunks", NULL, row->chunks);
    report_mask(r, "first_offset", NULL, row->first_offset, 8, NULL);
    if (row->kind == PAGEDIFF_TCS || row->kind == PAGEDIFF_TCS_MOVED)
        report_tcs(r, row);
    report_text(r, "text", NULL, detail);
    report_close(r);
}

void compare_report_rows(struct report *r, const struct pagediff *d, const struct compare_side *a,
                         const struct compare_side *b)
{
    report_array(r, "pages", NULL, 0);
    for (size_t i = 0; d != NULL && i < d->len; i++) {
        char section[CONTAINER_NAME_MAX] = "";
        char detail[COMPARE_DETAIL_MAX];

        if (d->rows[i].pages > 0)
            (void)compare_locate(a, b, compare_row_address(&d->rows[i]), section);
        compare_row_detail(&d->rows[i], detail);
        report_row_values(r, &d->rows[i], section, detail);
    }
    report_close(r);
}
