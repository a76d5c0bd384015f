/* The ranges of pages that differ, and their table. Rows that differ in the same way are one range, across small gaps too:
 * a heap in pieces is one line. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/cmd/compare/compare.h"

/* Pages of a gap that joins: what lies between two stacks. */
#define GAP_MAX 32

/* Rows of the table. */
#define TABLE_MAX 20

/* Of so few ranges the bytes are shown, of the first ones. */
#define SAMPLE_RANGES 3
#define SAMPLES_MAX   2

/* Columns of a section's name on a terminal. */
#define SECTION_COLUMNS 6

struct range {
    struct pagediff_row row; /* the first, with the sums and the end of all */
    uint64_t rows;
    char section[CONTAINER_NAME_MAX];
    bool is_shown;
};

struct ranges {
    struct range *items;
    size_t len;
};

static void ranges_free(struct ranges *list)
{
    mem_free(list->items);
}

/* ---- joining ---- */

static bool joins(const struct range *last, const struct pagediff_row *row, const char *section)
{
    const struct pagediff_row *r = &last->row;

    if (r->kind != row->kind || r->pages == 0 || row->pages == 0 || r->measured != row->measured ||
        r->flags_a != row->flags_a || r->flags_b != row->flags_b || row->from < r->to ||
        row->from - r->to > GAP_MAX * SGXS_PAGE_SIZE || strcmp(last->section, section) != 0)
        return false;
    if (row->kind == PAGEDIFF_MOVED)
        return row->value_b - row->from == r->value_b - r->from;
    return row->kind == PAGEDIFF_ONLY_A || row->kind == PAGEDIFF_ONLY_B || row->kind == PAGEDIFF_SECINFO ||
           row->kind == PAGEDIFF_CONTENT;
}

static void join(struct range *last, const struct pagediff_row *row)
{
    last->row.to = row->to;
    last->row.pages += row->pages;
    last->row.bytes += row->bytes;
    last->row.chunks += row->chunks;
    last->row.chunks_measured += row->chunks_measured;
    last->rows++;
}

static bool find_ranges(const struct pagediff *d, const struct compare_side *a, const struct compare_side *b,
                        bool all, struct ranges *ret, struct ens_err *err)
{
    ret->items = mem_alloc(d->len + 1, sizeof *ret->items, err);
    for (size_t i = 0; ret->items != NULL && i < d->len; i++) {
        const struct pagediff_row *row = &d->rows[i];
        char section[CONTAINER_NAME_MAX] = "";

        if (row->pages > 0)
            (void)compare_locate(a, b, compare_row_address(row), section);
        if (!all && ret->len > 0 && joins(&ret->items[ret->len - 1], row, section)) {
            join(&ret->items[ret->len - 1], row);
            continue;
        }
        struct range *range = &ret->items[ret->len++];

        *range = (struct range){.row = *row, .rows = 1};
        memcpy(range->section, section, sizeof section);
    }
    return ret->items != NULL;
}

/* The first of each kind, then what there is room for; `all`: every one. Returns how many are not shown. */
static size_t choose_rows(struct ranges *list, bool all)
{
    size_t shown = 0;

    for (size_t i = 0; i < list->len; i++) {
        list->items[i].is_shown = all || i == 0 || list->items[i].row.kind != list->items[i - 1].row.kind;
        shown += list->items[i].is_shown;
    }
    for (size_t i = 0; i < list->len && shown < TABLE_MAX; i++) {
        shown += !list->items[i].is_shown;
        list->items[i].is_shown = true;
    }
    return list->len - shown;
}

/* ---- words ---- */

/* The words of a kind behind the pages that the table counts: "of threads (TCS) with other fields" is "other fields". */
static const char *words_alone(enum pagediff_kind kind)
{
    static const char *const before[] = {"of threads (TCS) ", "with "};
    const char *words = compare_kind_words(kind);

    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        words += strncmp(words, before[i], strlen(before[i])) == 0 ? strlen(before[i]) : 0;
    return words;
}

/* What differs in a range: "other content: 1 byte at 0x1411". */
static void range_text(const struct range *range, const char *layout, char ret[static COMPARE_DETAIL_MAX])
{
    char detail[COMPARE_DETAIL_MAX];
    char count[40] = "";

    compare_row_detail(&range->row, detail);
    if (range->row.kind == PAGEDIFF_ONLY_A || range->row.kind == PAGEDIFF_ONLY_B)
        (void)snprintf(detail, sizeof detail, "%s",
                       range->section[0] == '\0' && (range->row.flags_a | range->row.flags_b) ==
                                                        (SECINFO_REG | SECINFO_R | SECINFO_W)
                           ? layout
                           : "");
    if (range->rows > 1)
        (void)snprintf(count, sizeof count, "%" PRIu64 " ranges, ", range->rows);
    (void)snprintf(ret, COMPARE_DETAIL_MAX, "%s%s%s%.400s", count, words_alone(range->row.kind),
                   detail[0] != '\0' ? ": " : "", detail);
}

/* The writable pages of a side that chose another heap or stack. */
static const char *layout_words(const struct pagediff *d, const struct compare_side *a,
                                const struct compare_side *b)
{
    struct compare_causes causes;

    compare_find_causes(d, a, b, &causes);
    for (size_t i = 0; i < causes.len; i++) {
        if (strcmp(causes.items[i].name, "heap") == 0 || strcmp(causes.items[i].name, "stack") == 0)
            return "heap and stacks";
    }
    return "";
}

/* ---- the table ---- */

struct columns {
    int address, kind, section;
};

static struct compare_flags range_flags(const struct range *range)
{
    return compare_flags_of(range->row.flags_a != 0 ? range->row.flags_a : range->row.flags_b);
}

/* "REG r-x .text" */
#define KIND_MAX (CONTAINER_NAME_MAX + 48)
static const char *range_kind(const struct range *range, int section, char ret[static KIND_MAX])
{
    const struct compare_flags flags = range_flags(range);

    (void)snprintf(ret, KIND_MAX, "%s%s%s%s%.*s", flags.type, flags.permissions[0] != '\0' ? " " : "",
                   flags.permissions, range->section[0] != '\0' ? " " : "", section, range->section);
    return ret;
}

static struct columns find_columns(const struct ranges *list, const struct report *r)
{
    struct columns ret = {
        .address = 8, .kind = 8, .section = r->columns > 0 ? SECTION_COLUMNS : CONTAINER_NAME_MAX};
    char text[KIND_MAX];

    for (size_t i = 0; i < list->len; i++) {
        const struct range *range = &list->items[i];

        if (!range->is_shown || range->row.pages == 0)
            continue;
        int address = snprintf(text, sizeof text, "0x%" PRIx64, range->row.to);
        int kind = (int)strlen(range_kind(range, ret.section, text));

        ret.address = address > ret.address ? address : ret.address;
        ret.kind = kind > ret.kind ? kind : ret.kind;
    }
    return ret;
}

static void table_row(struct report *r, const struct columns *c, const struct range *range, const char *what)
{
    unsigned hang = (unsigned)(2 + c->address + 2 + c->address + 2 + 5 + 2 + c->kind + 2);
    char from[24] = "ECREATE";
    char to[24] = "";
    char pages[24] = "";
    char kind[KIND_MAX] = "";

    if (range->row.pages > 0) {
        (void)snprintf(from, sizeof from, "0x%" PRIx64, range->row.from);
        (void)snprintf(to, sizeof to, "0x%" PRIx64, range->row.to);
        (void)snprintf(pages, sizeof pages, "%" PRIu64, range->row.pages);
        range_kind(range, c->section, kind);
    }
    report_broken(r, hang, "  %-*s  %-*s  %5s  %-*s  %s", c->address, from, c->address, to, pages, c->kind,
                  kind, what);
}

static void report_range(struct report *r, const struct range *range, const char *what)
{
    const struct compare_flags flags = range_flags(range);
    bool has_pages = range->row.pages > 0;

    report_object(r, NULL, NULL, 0);
    report_mask(r, "from", NULL, range->row.from, 8, NULL);
    report_mask(r, "to", NULL, range->row.to, 8, NULL);
    report_uint(r, "pages", NULL, range->row.pages);
    report_uint(r, "runs", NULL, range->rows);
    report_text(r, "type", NULL, has_pages ? flags.type : NULL);
    report_text(r, "permissions", NULL, has_pages && flags.permissions[0] != '\0' ? flags.permissions : NULL);
    report_text(r, "section", NULL, range->section[0] != '\0' ? range->section : NULL);
    report_text(r, "kind", NULL, pagediff_kind_name(range->row.kind));
    report_uint(r, "bytes", NULL, range->row.bytes);
    report_mask(r, "first", NULL, compare_row_address(&range->row), 8, NULL);
    report_text(r, "text", NULL, what);
    report_close(r);
}

/* ---- bytes ---- */

static void sample_line(struct report *r, const char *address, const char *side, const uint8_t *bytes)
{
    struct view sample = view_of(bytes, PAGEDIFF_SAMPLE);
    char hex[2 * PAGEDIFF_SAMPLE + 1];
    char text[PAGEDIFF_SAMPLE + 1];

    hex_encode(hex, sample);
    for (size_t i = 0; i < PAGEDIFF_SAMPLE; i++)
        text[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '.';
    text[PAGEDIFF_SAMPLE] = '\0';
    report_hex(r, side[0] == 'A' ? "a" : "b", NULL, sample);
    report_line(r, "  %-8s  %s %.8s %.8s %.8s %.8s |%s|", address, side, hex, hex + 8, hex + 16, hex + 24,
                text);
}

static void report_samples(struct report *r, const struct ranges *list)
{
    size_t samples = 0;

    report_array(r, "samples", NULL, 0);
    for (size_t i = 0; list->len <= SAMPLE_RANGES && i < list->len && samples < SAMPLES_MAX; i++) {
        const struct pagediff_row *row = &list->items[i].row;
        char address[24];

        if (row->kind != PAGEDIFF_CONTENT)
            continue;
        samples++;
        (void)snprintf(address, sizeof address, "0x%" PRIx64, row->sample);
        report_object(r, NULL, NULL, 0);
        report_mask(r, "at", NULL, row->sample, 8, NULL);
        sample_line(r, address, "A", row->sample_a);
        sample_line(r, "", "B", row->sample_b);
        report_close(r);
    }
    report_close(r);
}

/* An address of the enclave is that of the ELF file, if the file names its section. */
static void suggest(struct report *r, const struct ranges *list)
{
    for (size_t i = 0; i < list->len && list->len <= SAMPLE_RANGES; i++) {
        const struct range *range = &list->items[i];

        if (range->row.kind != PAGEDIFF_CONTENT || range->section[0] == '\0')
            continue;
        report_broken(
            r, 2, "Next: objdump -s --start-address=0x%" PRIx64 " --stop-address=0x%" PRIx64 " both files",
            range->row.sample, range->row.sample + 2 * PAGEDIFF_SAMPLE);
        return;
    }
}

static void report_table(struct report *r, const struct ranges *list, size_t left, const char *layout)
{
    struct columns c = find_columns(list, r);
    char what[COMPARE_DETAIL_MAX];

    if (list->len > 0)
        report_line(r, "  %-*s  %-*s  PAGES  %-*s  WHAT", c.address, "FROM", c.address, "TO", c.kind, "KIND");
    report_array(r, "ranges", NULL, 0);
    for (size_t i = 0; i < list->len; i++) {
        range_text(&list->items[i], layout, what);
        report_range(r, &list->items[i], what);
        if (list->items[i].is_shown)
            table_row(r, &c, &list->items[i], what);
    }
    report_close(r);
    if (left > 0)
        report_line(r, "  and %zu more row%s: --all or --json", left, compare_plural(left));
}

bool compare_report_ranges(struct report *r, const struct pagediff *d, const struct compare_side *a,
                           const struct compare_side *b, bool all, struct ens_err *err)
{
    static const struct pagediff none;
    ENS_CLEANUP(ranges_free) struct ranges list = {0};

    if (d == NULL)
        d = &none;
    if (!find_ranges(d, a, b, all, &list, err))
        return false;
    report_table(r, &list, choose_rows(&list, all), d->len > 0 ? layout_words(d, a, b) : "");
    if (d->dropped > 0)
        report_line(r, "  (and %" PRIu64 " more runs)", d->dropped);
    report_samples(r, &list);
    suggest(r, &list);
    return true;
}
