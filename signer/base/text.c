/* Lines and rows of text, and words. */
#include "signer/base/text.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "signer/base/mem.h"

bool text_line(struct buf *ret, struct ens_err *err, const char *fmt, ...)
{
    ENS_CLEANUP(buf_free) struct buf raw = {0};
    va_list args;

    va_start(args, fmt);
    bool ok = buf_vprintf(&raw, err, fmt, args);
    va_end(args);
    ENS_CLEANUP(mem_freep) char *line = ok ? mem_room(raw.len + 1, err) : NULL;

    if (line == NULL)
        return false;
    text_printable(line, raw.len + 1, (const char *)raw.data, raw.len);
    return buf_append(ret, view_of_string(line), err) && buf_append(ret, view_of_string("\n"), err);
}

/* Columns that a character may take: outside of ASCII a terminal decides, and none takes more than two. */
static size_t width_of(uint32_t point)
{
    return point < 0x80 ? 1 : 2;
}

/* How many bytes of the line (no newline) go on a row of so many columns, where words may be cut: then no
 * terminal breaks it once more. */
static size_t filling(struct view line, unsigned columns)
{
    size_t at = 0;
    size_t width = 0;
    size_t blank = 0; /* where the row may end */

    while (at < line.len) {
        uint32_t point = '?';
        size_t n = text_decode(line.data + at, line.len - at, &point);

        if (line.data[at] == ' ' && at > 0 && line.data[at - 1] != ' ')
            blank = at;
        width += width_of(point);
        if (width > columns && at > 0)
            return blank > 0 ? blank : at;
        at += n > 0 ? n : 1;
    }
    return line.len;
}

/* How many bytes of the line (no newline) go on a row of so many columns: up to the last blank that leaves
 * something before it, or, if the first word is too long, up to its end. */
static size_t fitting(struct view line, unsigned columns)
{
    size_t at = 0;
    size_t width = 0;
    size_t blank = 0; /* where the row may end */
    size_t begin = 0;

    while (begin < line.len && line.data[begin] == ' ')
        begin++;
    while (at < line.len) {
        uint32_t point = 0;
        size_t n = text_decode(line.data + at, line.len - at, &point);

        if (at > begin && line.data[at] == ' ' && line.data[at - 1] != ' ')
            blank = at;
        if (width == columns && blank > 0)
            return blank;
        /* Beyond the edge a word ends where it ends. */
        if (width >= columns && line.data[at] == ' ' && at > begin)
            return at;
        width++;
        at += n > 0 ? n : 1;
    }
    return line.len;
}

/* The layout of a row. */
typedef size_t row_fn(struct view line, unsigned columns);

static bool wrap_line(struct view line, unsigned columns, unsigned indent, row_fn *row, struct buf *ret,
                      struct ens_err *err)
{
    size_t n = row(line, columns);

    if (!buf_append(ret, view_slice(line, 0, n), err))
        return false;
    while (n < line.len) {
        line = view_slice(line, n, line.len - n);
        while (line.len > 0 && line.data[0] == ' ')
            line = view_slice(line, 1, line.len - 1);
        if (line.len == 0)
            break;
        n = row(line, columns > indent ? columns - indent : 1);
        if (!buf_printf(ret, err, "\n%*s", (int)indent, "") || !buf_append(ret, view_slice(line, 0, n), err))
            return false;
    }
    return true;
}

static bool wrap_lines(struct view text, unsigned columns, unsigned indent, row_fn *row, struct buf *ret,
                       struct ens_err *err)
{
    while (columns > 0 && text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        size_t took = end != NULL ? len + 1 : len;

        if (!wrap_line(view_slice(text, 0, len), columns, indent, row, ret, err) ||
            (end != NULL && !buf_append(ret, view_of_string("\n"), err)))
            return false;
        text = view_slice(text, took, text.len - took);
    }
    return buf_append(ret, text, err);
}

/* A deep indent that would leave less than this for words is a plain one instead. */
#define WORDS_MIN     16
#define NARROW_INDENT 4

bool text_wrap(struct view text, unsigned columns, unsigned indent, struct buf *ret, struct ens_err *err)
{
    bool is_deep = columns < indent + WORDS_MIN && indent > NARROW_INDENT;

    return wrap_lines(text, columns, is_deep ? NARROW_INDENT : indent, fitting, ret, err);
}

bool text_fold(struct view text, unsigned columns, unsigned indent, struct buf *ret, struct ens_err *err)
{
    return wrap_lines(text, columns, indent, filling, ret, err);
}

bool text_same_words(const char *a, const char *b)
{
    for (;;) {
        a += strspn(a, " \t");
        b += strspn(b, " \t");
        size_t len = strcspn(a, " \t");

        if (len != strcspn(b, " \t") || strncasecmp(a, b, len) != 0)
            return false;
        if (len == 0)
            return true;
        a += len;
        b += len;
    }
}
