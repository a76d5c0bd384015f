/* The two forms of a report. JSON is written as it comes, and a stack knows which brackets are open: that
 * takes no library, and the signing host needs none. */
#include "signer/ui/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ui/notice.h"

#define HEX_MAX 384 /* bytes: a modulus */

/* Indent of what goes on in the next row, further in than its line. */
#define CONTINUED 4

static bool is_text(const struct report *r)
{
    return r->form == REPORT_TEXT;
}

static void emit_view(struct report *r, struct view v)
{
    if (r->err.code == ENS_OK)
        (void)!buf_append(&r->out, v, &r->err);
}

static void emit(struct report *r, const char *text)
{
    emit_view(r, view_of_string(text));
}

static void emit_format(struct report *r, const char *fmt, ...) ENS_PRINTF(2, 3);

static void emit_format(struct report *r, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (r->err.code == ENS_OK)
        (void)!buf_vprintf(&r->out, &r->err, fmt, args);
    va_end(args);
}

/* ---- JSON ---- */

/* RFC 8259, section 7: beyond the BMP a surrogate pair. What is not UTF-8 becomes U+FFFD. Returns how many
 * bytes of `text` it took. */
static size_t emit_escape(struct report *r, struct view text)
{
    uint32_t point = 0xfffd;
    size_t n = text_decode(text.data, text.len, &point);

    if (point == '"' || point == '\\')
        emit_format(r, "\\%c", (char)point);
    else if (point < 0x10000)
        emit_format(r, "\\u%04" PRIx32, point);
    else
        emit_format(r, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((point - 0x10000) >> 10),
                    0xdc00 + (point & 0x3ff));
    return n > 0 ? n : 1;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void emit_string(struct report *r, struct view text)
{
    emit(r, "\"");
    for (size_t at = 0; at < text.len;) {
        size_t from = at;

        while (at < text.len && is_plain(text.data[at]))
            at++;
        emit_view(r, view_slice(text, from, at - from));
        if (at < text.len)
            at += emit_escape(r, view_slice(text, at, text.len - at));
    }
    emit(r, "\"");
}

/* A new line and its indent; in JSON Lines a blank. */
static void emit_gap(struct report *r, bool comma)
{
    emit(r, comma ? "," : "");
    if (r->form == REPORT_JSON)
        emit_format(r, "\n%*s", (int)(2 * r->depth), "");
    else if (comma)
        emit(r, " ");
}

/* Writes what stands before the value of a member or element; false if there is none. */
static bool emit_key(struct report *r, const char *key)
{
    if (is_text(r) || r->depth == 0 || (key == NULL && !r->levels[r->depth - 1].is_array))
        return false;
    emit_gap(r, r->levels[r->depth - 1].has_members);
    r->levels[r->depth - 1].has_members = true;
    if (key != NULL) {
        emit_string(r, view_of_string(key));
        emit(r, ": ");
    }
    return true;
}

static void emit_value(struct report *r, const char *key, const char *value)
{
    if (emit_key(r, key))
        emit(r, value);
}

static void emit_text(struct report *r, const char *key, struct view text)
{
    if (emit_key(r, key))
        emit_string(r, text);
}

static void enter(struct report *r, bool is_array, unsigned indent)
{
    if (r->depth == REPORT_DEPTH_MAX) {
        if (r->err.code == ENS_OK)
            (void)ens_fail(&r->err, ENS_BUG, "a report is too deep");
        return;
    }
    if (!is_text(r))
        emit(r, is_array ? "[" : "{");
    r->levels[r->depth].is_array = is_array;
    r->levels[r->depth].has_members = false;
    r->levels[r->depth].indent = indent;
    r->indent += indent;
    r->depth++;
}

/* An object that is in JSON without a key is in nothing but an array. */
static void open_level(struct report *r, bool is_array, const char *key, const char *heading, unsigned indent)
{
    if (heading != NULL)
        report_line(r, "%s", heading);
    (void)emit_key(r, key);
    enter(r, is_array, indent);
}

void report_object(struct report *r, const char *key, const char *heading, unsigned indent)
{
    open_level(r, false, key, heading, indent);
}

void report_array(struct report *r, const char *key, const char *heading, unsigned indent)
{
    open_level(r, true, key, heading, indent);
}

void report_close(struct report *r)
{
    if (r->depth == 0)
        return;
    r->depth--;
    r->indent -= r->levels[r->depth].indent;
    if (is_text(r))
        return;
    if (r->levels[r->depth].has_members)
        emit_gap(r, false);
    emit(r, r->levels[r->depth].is_array ? "]" : "}");
}

/* ---- facts ---- */

void report_text(struct report *r, const char *key, const char *label, const char *text)
{
    if (text == NULL) {
        report_null(r, key);
        return;
    }
    if (label != NULL)
        report_note(r, label, "%s", text);
    emit_text(r, key, view_of_string(text));
}

void report_hex(struct report *r, const char *key, const char *label, struct view v)
{
    char hex[2 * HEX_MAX + 1];

    hex_encode(hex, view_slice(v, 0, v.len <= HEX_MAX ? v.len : HEX_MAX));
    report_text(r, key, label, v.data != NULL ? hex : NULL);
}

void report_hash(struct report *r, const char *key, const char *label, struct view hash)
{
    bool is_apart = r->is_grouped && label != NULL && hash.data != NULL;

    if (is_apart) {
        report_line(r, "%s", label);
        report_line(r, "  %s", hex_for(hash, true).text);
    }
    report_hex(r, key, is_apart ? NULL : label, hash);
}

void report_uint(struct report *r, const char *key, const char *label, uint64_t value)
{
    if (label != NULL)
        report_note(r, label, "%" PRIu64, value);
    if (emit_key(r, key))
        emit_format(r, "%" PRIu64, value);
}

void report_mask(struct report *r, const char *key, const char *label, uint64_t value, size_t size,
                 const char *words)
{
    int digits = (int)(2 * size);

    if (label != NULL)
        report_note(r, label, "%0*" PRIx64 "  %s", digits, value, words);
    report_field(r, key, NULL, "%0*" PRIx64, digits, value);
}

void report_field(struct report *r, const char *key, const char *label, const char *fmt, ...)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    va_list args;

    va_start(args, fmt);
    bool ok = r->err.code == ENS_OK && buf_vprintf(&text, &r->err, fmt, args);
    va_end(args);
    if (ok && label != NULL)
        report_note(r, label, "%.*s", (int)text.len, (const char *)text.data);
    if (ok)
        emit_text(r, key, buf_view(&text));
}

/* The words on as many lines as it takes; no item is broken. */
static void list_lines(struct report *r, const char *label, const struct report_item *items, size_t len)
{
    ENS_CLEANUP(buf_free) struct buf line = {0};
    int hang = (int)strlen(label) + 2;
    bool ok = true;

    for (size_t i = 0; ok && i < len; i++) {
        const char *words = items[i].words;

        if (line.len > 0 && r->columns > 0 && r->indent + line.len + strlen(words) + 3 > r->columns) {
            report_line(r, "%.*s,", (int)line.len, (const char *)line.data);
            line.len = 0;
            ok = buf_printf(&line, &r->err, "%*s%s", hang, "", words);
        } else {
            ok = buf_printf(&line, &r->err, "%s%s%s", line.len == 0 ? label : "", line.len == 0 ? ": " : ", ",
                            words);
        }
    }
    if (line.len > 0)
        report_line(r, "%.*s", (int)line.len, (const char *)line.data);
}

void report_list(struct report *r, const char *key, const char *label, const struct report_item *items,
                 size_t len)
{
    report_array(r, key, NULL, 0);
    for (size_t i = 0; i < len; i++)
        report_text(r, NULL, NULL, items[i].name);
    report_close(r);
    bool is_exact = r->is_exact;

    r->is_exact = true;
    if (is_text(r) && label != NULL && r->err.code == ENS_OK)
        list_lines(r, label, items, len);
    r->is_exact = is_exact;
}

void report_bool(struct report *r, const char *key, bool value)
{
    emit_value(r, key, value ? "true" : "false");
}

void report_null(struct report *r, const char *key)
{
    emit_value(r, key, "null");
}

/* ---- text ---- */

/* `label` NULL: the line begins with its text. An empty line has no indent. What continues a line begins in
 * column `hang`. */
static void emit_line(struct report *r, const char *label, unsigned hang, const char *fmt, va_list args)
    ENS_PRINTF(4, 0);

static void emit_line(struct report *r, const char *label, unsigned hang, const char *fmt, va_list args)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(buf_free) struct buf line = {0};

    if (!is_text(r) || r->err.code != ENS_OK || !buf_vprintf(&text, &r->err, fmt, args))
        return;
    int indent = label == NULL && text.len == 0 ? 0 : (int)r->indent;
    int width = label != NULL ? (int)r->label_width - 1 : 0;

    if (text_line(&line, &r->err, "%*s%-*s%s%.*s", indent, "", width, label != NULL ? label : "",
                  label != NULL ? " " : "", (int)text.len, (const char *)text.data))
        (void)!text_wrap(buf_view(&line), r->is_exact ? 0 : r->columns, hang, &r->out, &r->err);
}

void report_line(struct report *r, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    emit_line(r, NULL, r->indent + CONTINUED, fmt, args);
    va_end(args);
}

void report_broken(struct report *r, unsigned hang, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    emit_line(r, NULL, hang, fmt, args);
    va_end(args);
}

void report_note(struct report *r, const char *label, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    emit_line(r, label, r->indent + r->label_width, fmt, args);
    va_end(args);
}

void report_lines(struct report *r, struct view lines)
{
    if (is_text(r) && r->err.code == ENS_OK)
        (void)!text_wrap(lines, r->columns, CONTINUED, &r->out, &r->err);
}

/* ---- the whole ---- */

void report_begin(struct report *r, enum report_form form, unsigned label_width)
{
    bool is_watched = form == REPORT_TEXT && notice_result_is_watched();

    *r = (struct report){.form = form,
                         .label_width = label_width,
                         .is_grouped = is_watched,
                         .columns = is_watched ? notice_result_columns() : 0};
    enter(r, false, 0);
}

void report_kind(struct report *r, const char *kind)
{
    report_text(r, "kind", NULL, kind);
    report_uint(r, "format", NULL, 1);
}

void report_free(struct report *r)
{
    buf_free(&r->out);
}

bool report_print(struct report *r, struct ens_err *err)
{
    while (r->depth > 0)
        report_close(r);
    if (!is_text(r))
        emit(r, "\n");
    if (r->err.code != ENS_OK) {
        *err = r->err;
        return false;
    }
    if (!notice_result(buf_view(&r->out), err))
        return false;
    r->out.len = 0;
    if (r->form == REPORT_JSON_LINES)
        enter(r, false, 0);
    return true;
}
