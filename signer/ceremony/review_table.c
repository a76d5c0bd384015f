/* Many sign-data as one table: a line each, what all have in common once, and one value to read aloud. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"
#include "signer/sgx/bits.h"

/* Columns of a file's name. */
#define NAME_COLUMNS 18

/* Narrow fields that have a column each; if more differ, they stand on a line of their own. */
#define COLUMNS_MAX 2

/* ---- what differs ---- */

/* The fields that a table tells apart, besides MRENCLAVE. */
static const struct column {
    enum css_field field;
    enum css_field mask; /* the field itself: it has none */
    const char *name;
    int width; /* 0: too wide for a column */
} columns[] = {
    {CSS_ISVPRODID, CSS_ISVPRODID, "PRODID", 6},
    {CSS_ISVSVN, CSS_ISVSVN, "ISVSVN", 6},
    {CSS_DATE, CSS_DATE, "DATE", 10},
    {CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK, "ATTRIBUTES", 0},
    {CSS_XFRM, CSS_XFRM_MASK, "XFRM", 0},
    {CSS_MISCSELECT, CSS_MISCMASK, "MISCSELECT", 0},
    {CSS_CET_ATTRIBUTES, CSS_CET_ATTRIBUTES_MASK, "CET_ATTRIBUTES", 0},
    {CSS_SWDEFINED, CSS_SWDEFINED, "SWDEFINED", 0},
    {CSS_VENDOR, CSS_VENDOR, "VENDOR", 0},
    {CSS_ISVFAMILYID, CSS_ISVFAMILYID, "ISVFAMILYID", 0},
    {CSS_ISVEXTPRODID, CSS_ISVEXTPRODID, "ISVEXTPRODID", 0},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static const struct sigstruct *first_of(const struct review_table *t)
{
    for (size_t i = 0; i < t->len; i++) {
        if (t->items[i].review.css != NULL)
            return t->items[i].review.css;
    }
    return NULL;
}

static bool same_field(const struct sigstruct *a, const struct sigstruct *b, const struct column *c)
{
    return view_equal(sigstruct_get(a, c->field), sigstruct_get(b, c->field)) &&
           view_equal(sigstruct_get(a, c->mask), sigstruct_get(b, c->mask));
}

/* True if an item has another value. A blind digest has none. */
static bool varies(const struct review_table *t, const struct column *c)
{
    const struct sigstruct *first = first_of(t);

    for (size_t i = 0; i < t->len; i++) {
        const struct sigstruct *css = t->items[i].review.css;

        if (css == NULL || !same_field(css, first, c))
            return true;
    }
    return false;
}

/* Only DEBUG of the mask differs: that is a danger, and has its mark. */
static bool is_marked(const struct review_table *t, const struct column *c)
{
    const struct sigstruct *first = first_of(t);

    for (size_t i = 0; i < t->len; i++) {
        const struct sigstruct *css = t->items[i].review.css;

        if (css == NULL || c->field != CSS_ATTRIBUTES ||
            !view_equal(sigstruct_get(css, c->field), sigstruct_get(first, c->field)) ||
            ((sigstruct_get_int(css, c->mask) ^ sigstruct_get_int(first, c->mask)) & ~ATTR_DEBUG) != 0)
            return false;
    }
    return true;
}

/* Where each field stands. */
struct layout {
    const struct sigstruct *first; /* of an item that has fields; NULL: none has */
    bool varies[COLUMNS];
    bool column[COLUMNS]; /* a column of the table */
    bool below[COLUMNS];  /* a line below the item */
};

/* resign always shows the product, and the version that changes. */
static void lay_out(const struct review_table *t, struct layout *ret)
{
    size_t narrow = 0;

    *ret = (struct layout){.first = first_of(t)};
    for (size_t i = 0; ret->first != NULL && i < COLUMNS; i++) {
        ret->varies[i] = varies(t, &columns[i]);
        narrow += columns[i].width > 0 && ret->varies[i];
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        const struct column *c = &columns[i];
        bool is_shown = t->resigns && c->field == CSS_ISVSVN;

        ret->column[i] =
            t->resigns ? c->field == CSS_ISVPRODID : ret->varies[i] && c->width > 0 && narrow <= COLUMNS_MAX;
        ret->below[i] = ret->varies[i] && !ret->column[i] && !is_shown && !is_marked(t, c);
    }
}

/* ---- values ---- */

static bool is_usual_mask(const struct sigstruct *css, const struct column *c)
{
    uint64_t open = ~sigstruct_get_int(css, c->mask);
    uint64_t all =
        css_table[c->mask].size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * css_table[c->mask].size) - 1;

    if (c->field == CSS_ATTRIBUTES)
        open &= ~ATTR_DEBUG;
    if (c->field == CSS_XFRM)
        open &= ~XFRM_X87_SSE;
    return (open & all) == 0;
}

/* A field as text: bits by name, and the mask if it is not the usual one. */
static bool add_value(const struct sigstruct *css, const struct column *c, struct buf *ret,
                      struct ens_err *err)
{
    char text[BITS_TEXT_MAX];

    if (c->field == CSS_DATE)
        return buf_printf(ret, err, "%s", review_date(css, text));
    if (c->field == CSS_ISVFAMILYID || c->field == CSS_ISVEXTPRODID)
        return buf_printf(ret, err, "%s", hex_of(sigstruct_get(css, c->field)).text);
    if (c->mask == c->field)
        return buf_printf(ret, err, "%" PRIu64, sigstruct_get_int(css, c->field));
    if (!buf_printf(ret, err, "%s", bits_text(c->field, sigstruct_get_int(css, c->field), text)))
        return false;
    return is_usual_mask(css, c) ||
           buf_printf(ret, err, ", mask %0*" PRIx64, 2 * (int)css_table[c->mask].size,
                      sigstruct_get_int(css, c->mask));
}

static const char *debug_text(const struct sigstruct *css)
{
    bool is_on = (sigstruct_get_int(css, CSS_ATTRIBUTES) & ATTR_DEBUG) != 0;
    bool is_enforced = (sigstruct_get_int(css, CSS_ATTRIBUTEMASK) & ATTR_DEBUG) != 0;

    return is_on ? ", DEBUG ON" : is_enforced ? ", DEBUG off, enforced" : ", DEBUG off, NOT enforced";
}

/* Fields that are zero, as they nearly always are, need no word. */
static bool is_silent(const struct sigstruct *css, const struct column *c)
{
    bool is_rare = c->field != CSS_ISVPRODID && c->field != CSS_ISVSVN && c->field != CSS_DATE &&
                   c->field != CSS_ATTRIBUTES && c->field != CSS_XFRM;

    return is_rare && view_is_zero(sigstruct_get(css, c->field)) &&
           (c->mask == c->field || c->field == CSS_CET_ATTRIBUTES ? view_is_zero(sigstruct_get(css, c->mask))
                                                                  : is_usual_mask(css, c));
}

/* ---- above the table ---- */

static bool add_common(const struct review_table *t, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf line = {0};
    struct layout l;

    lay_out(t, &l);
    for (size_t i = 0; l.first != NULL && i < COLUMNS; i++) {
        const struct column *c = &columns[i];

        if (l.column[i] || l.below[i] || is_silent(l.first, c) || (t->resigns && c->field == CSS_ISVSVN))
            continue;
        if (!buf_printf(&line, err, "%s%s ", line.len > 0 ? "   " : "  ", c->name) ||
            !add_value(l.first, c, &line, err) ||
            (c->field == CSS_ATTRIBUTES && !l.varies[i] &&
             !buf_printf(&line, err, "%s", debug_text(l.first))))
            return false;
    }
    return line.len == 0 || text_line(ret, err, "%.*s", (int)line.len, (const char *)line.data);
}

bool review_table_top(const struct review_table *t, struct buf *ret, struct ens_err *err)
{
    bool is_apart = t->resigns && t->files != t->len;

    if (!(is_apart ? buf_printf(ret, err, "%zu enclaves in %zu file%s, all with\n", t->len, t->files,
                                t->files == 1 ? "" : "s")
                   : buf_printf(ret, err, "%zu %s, all with\n", t->len, t->resigns ? "files" : "sign-data")))
        return false;
    if (t->mrsigner != NULL && t->grouped &&
        (!buf_printf(ret, err, "  MRSIGNER\n") || !review_groups(t->mrsigner, ret, err)))
        return false;
    if (t->mrsigner != NULL && !t->grouped &&
        !buf_printf(ret, err, "  %-12s%s\n", "MRSIGNER", hex_of(view_of(t->mrsigner, 32)).text))
        return false;
    return add_common(t, ret, err);
}

/* A person sees the ends of a hash, and compares the one over all; a log has it whole. */
static int hash_columns(const struct review_table *t)
{
    return t->grouped ? 14 : 64;
}

static bool add_hash_cell(const struct review_table *t, const uint8_t hash[static 32], struct buf *ret,
                          struct ens_err *err)
{
    const struct hex hex = hex_of(view_of(hash, 32));

    return t->grouped ? buf_printf(ret, err, "%.8s..%s", hex.text, hex.text + 60)
                      : buf_printf(ret, err, "%s", hex.text);
}

bool review_table_header(const struct review_table *t, struct buf *ret, struct ens_err *err)
{
    struct layout l;

    lay_out(t, &l);
    if (!buf_printf(ret, err, "    # %-*s %-*s", NAME_COLUMNS, "file", hash_columns(t), "MRENCLAVE"))
        return false;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (l.column[i] && !buf_printf(ret, err, "  %-*s", columns[i].width, columns[i].name))
            return false;
    }
    return buf_printf(ret, err, t->resigns ? "  ISVSVN       signer now\n" : "  SHA-256 to be signed\n");
}

/* ---- an item ---- */

/* A name that fits its column, its middle left out; half a character is none. */
static void shorten(const char *name, char ret[static NAME_COLUMNS + 1])
{
    char part[NAME_COLUMNS + 1];
    size_t len = strlen(name);

    if (len > NAME_COLUMNS)
        (void)snprintf(part, sizeof part, "%.3s..%s", name, name + len - (NAME_COLUMNS - 5));
    else
        memcpy(part, name, len + 1);
    text_printable(ret, NAME_COLUMNS + 1, part, strlen(part));
}

struct short_name {
    char text[NAME_COLUMNS + 1];
};

/* Names that fit cannot be mistaken for one another. */
static bool looks_like_another(const struct review_table *t, const struct short_name *names, size_t index)
{
    for (size_t i = 0; strlen(t->items[index].name) > NAME_COLUMNS && i < t->len; i++) {
        if (i != index && strcmp(names[index].text, names[i].text) == 0)
            return true;
    }
    return false;
}

/* The end of an item's line: the first danger, in few words. */
static bool add_remark(const struct review_table *t, const struct review_item *x,
                       const struct findings *dangers, struct buf *ret, struct ens_err *err)
{
    /* In resign's table the column says that it falls. */
    bool is_said = t->resigns && dangers->len == 1 && strcmp(dangers->items[0].rule, "isvsvn-falls") == 0;
    const struct finding *first = dangers->len > 0 && !is_said ? &dangers->items[0] : NULL;
    char name[REVIEW_NAME_MAX];

    if (x->is_done && !buf_printf(ret, err, "  signed already"))
        return false;
    if (first == NULL)
        return true;
    if (strcmp(first->rule, "debug-open") == 0)
        (void)snprintf(name, sizeof name, "DEBUG open");
    else if (strcmp(first->rule, "isvsvn-falls") == 0)
        (void)snprintf(name, sizeof name, "ISVSVN falls %" PRIu64 " to %" PRIu64,
                       sigstruct_get_int(x->review.before, CSS_ISVSVN),
                       sigstruct_get_int(x->review.css, CSS_ISVSVN));
    else
        review_danger_name(first, name);
    return buf_printf(ret, err, "  %s", name) &&
           (dangers->len == 1 || buf_printf(ret, err, " +%zu", dangers->len - 1));
}

static bool add_change(const struct review_item *x, struct buf *ret, struct ens_err *err)
{
    uint64_t to = sigstruct_get_int(x->review.css, CSS_ISVSVN);

    if (x->review.before == NULL)
        return buf_printf(ret, err, "  %3s -> %-5" PRIu64 "nobody", "", to);
    return buf_printf(ret, err, "  %3" PRIu64 " -> %-5" PRIu64 "%s",
                      sigstruct_get_int(x->review.before, CSS_ISVSVN), to,
                      x->same_signer ? "the same" : "another key");
}

/* Its name, in full on a line of its own if the short one does not tell it from another. */
static bool add_name(const struct review_table *t, const struct short_name *names, size_t index,
                     bool is_dangerous, struct buf *ret, struct ens_err *err)
{
    char mark[24];

    (void)snprintf(mark, sizeof mark, "%s%zu", is_dangerous ? "! " : "", index + 1);
    if (!looks_like_another(t, names, index))
        return buf_printf(ret, err, "%5s %-*s ", mark, NAME_COLUMNS, names[index].text);
    return text_line(ret, err, "%5s %s", mark, t->items[index].name) &&
           buf_printf(ret, err, "%5s %-*s ", "", NAME_COLUMNS, "");
}

static bool add_columns(const struct layout *l, const struct sigstruct *css, struct buf *ret,
                        struct ens_err *err)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        ENS_CLEANUP(buf_free) struct buf value = {0};

        if (l->column[i] &&
            (!(css != NULL ? add_value(css, &columns[i], &value, err) : buf_printf(&value, err, "?")) ||
             !buf_printf(ret, err, "  %*.*s", columns[i].width, (int)value.len, (const char *)value.data)))
            return false;
    }
    return true;
}

/* The values of an item, without what stands below it. */
static bool add_value_cells(const struct review_table *t, const struct layout *l, const struct review_item *x,
                            const struct findings *dangers, struct buf *ret, struct ens_err *err)
{
    const struct sigstruct *css = x->review.css;

    if (!(css != NULL ? add_hash_cell(t, sigstruct_get(css, CSS_ENCLAVEHASH).data, ret, err)
                      : buf_printf(ret, err, "%-*s", hash_columns(t), "unknown")) ||
        !add_columns(l, css, ret, err))
        return false;
    if (!(t->resigns && css != NULL
              ? add_change(x, ret, err)
              : buf_printf(ret, err, "  ") && add_hash_cell(t, x->review.digest, ret, err)))
        return false;
    return add_remark(t, x, dangers, ret, err) && buf_printf(ret, err, "\n");
}

/* The fields that have no column. */
static bool add_below(const struct layout *l, const struct review_item *x, struct buf *ret,
                      struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf line = {0};

    for (size_t i = 0; x->review.css != NULL && i < COLUMNS; i++) {
        if (l->below[i] &&
            (!buf_printf(&line, err, "%s%s ", line.len > 0 ? "   " : "      ", columns[i].name) ||
             !add_value(x->review.css, &columns[i], &line, err)))
            return false;
    }
    return line.len == 0 || text_line(ret, err, "%.*s", (int)line.len, (const char *)line.data);
}

static bool add_table_row(const struct review_table *t, const struct layout *l,
                          const struct short_name *names, size_t index, bool with_danger, struct buf *ret,
                          struct ens_err *err)
{
    static const struct findings none;
    struct findings dangers = {0};

    review_dangers(&t->items[index].review, &dangers);
    return add_name(t, names, index, dangers.len > 0, ret, err) &&
           add_value_cells(t, l, &t->items[index], with_danger ? &dangers : &none, ret, err) &&
           add_below(l, &t->items[index], ret, err);
}

/* The items from `first` up to `end`; their names are told from those of all. */
static bool add_table_rows(const struct review_table *t, size_t first, size_t end, bool with_danger,
                           struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct short_name *names = mem_alloc(t->len, sizeof *names, err);
    struct layout l;
    bool ok = names != NULL;

    lay_out(t, &l);
    for (size_t i = 0; ok && i < t->len; i++)
        shorten(t->items[i].name, names[i].text);
    for (size_t i = first; ok && i < end; i++)
        ok = add_table_row(t, &l, names, i, with_danger, ret, err);
    return ok;
}

bool review_table_row(const struct review_table *t, size_t index, bool with_danger, struct buf *ret,
                      struct ens_err *err)
{
    return add_table_rows(t, index, index + 1, with_danger, ret, err);
}

bool review_table_rows(const struct review_table *t, struct buf *ret, struct ens_err *err)
{
    return add_table_rows(t, 0, t->len, true, ret, err);
}
