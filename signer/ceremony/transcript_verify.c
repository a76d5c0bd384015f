/* Verifies the chain of a transcript. A record is read line by line to its end; then its own SHA-256 is
 * compared, then its number, then the SHA-256 of the record before it: so the message tells an edited record
 * from one that is in the wrong place. */
#include "signer/ceremony/transcript_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"

#define HASH_TEXT (2 * DIGEST_SIZE)

/* A place in the file, and the record that is being read there. */
struct scan {
    struct view left;  /* what was not read yet */
    struct view start; /* from the first byte of the record to the end of the file */
    size_t line;       /* the line that was read last, from 1 */
    size_t first_line; /* of the record */
    struct transcript_head head;
    struct transcript_record record;
    struct view number; /* what the record says of itself */
    struct view sha256;
};

/* The places of lines in a record. An entry may be the exit status, which is the last of them. */
enum line_kind { LINE_FIRST, LINE_PREVIOUS, LINE_TIME, LINE_ENTRY, LINE_SHA256 };

static bool starts_with(struct view v, const char *text)
{
    return view_equal(view_slice(v, 0, strlen(text)), view_of_string(text));
}

/* ---- lines ---- */

static bool fail_cut(const struct scan *s, const char *name, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA,
                    "%s: record %" PRIu64
                    ": is cut off in line %zu: the records before it hold: keep a copy, "
                    "then truncate -s %zu removes its rest, and the next run goes on from there",
                    name, s->head.records + 1, s->line, s->head.size);
}

/* Takes the next line without its newline. Where there is none any more, the file was cut; the bytes that are
 * left may be zeros, which is what a power cut leaves of bytes that were not written yet. */
static bool take_line(struct scan *s, const char *name, struct view *ret, struct ens_err *err)
{
    const uint8_t *newline = s->left.len > 0 ? memchr(s->left.data, '\n', s->left.len) : NULL;

    s->line++;
    if (newline == NULL)
        return fail_cut(s, name, err);
    size_t len = (size_t)(newline - s->left.data);

    if (len > TRANSCRIPT_LINE_MAX || s->start.len - s->left.len > TRANSCRIPT_RECORD_MAX)
        return ens_fail(err, ENS_DATA,
                        "%s: record %" PRIu64
                        ": line %zu is too long for a record: the file was edited: compare it with a copy",
                        name, s->head.records + 1, s->line);
    *ret = view_slice(s->left, 0, len);
    s->left = view_slice(s->left, len + 1, s->left.len - len - 1);
    return true;
}

/* "key: value" taken apart. */
static bool split(struct view line, struct view *ret_key, struct view *ret_value)
{
    const uint8_t *colon = line.len > 0 ? memchr(line.data, ':', line.len) : NULL;

    if (colon == NULL)
        return false;
    size_t len = (size_t)(colon - line.data);

    if (line.len < len + 2 || colon[1] != ' ')
        return false;
    *ret_key = view_slice(line, 0, len);
    *ret_value = view_slice(line, len + 2, line.len - len - 2);
    return true;
}

static bool is_hex_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_hash(struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        if (!is_hex_digit(v.data[i]))
            return false;
    }
    return v.len == HASH_TEXT;
}

static bool is_decimal(struct view v, size_t max)
{
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] < '0' || v.data[i] > '9')
            return false;
    }
    return v.len > 0 && v.len <= max;
}

static bool is_time(struct view v)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    unsigned part[6] = {0};
    size_t p = 0;

    if (v.len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        bool digit = v.data[i] >= '0' && v.data[i] <= '9';

        if (form[i] == 'd' ? !digit : v.data[i] != (uint8_t)form[i])
            return false;
        if (digit)
            part[p] = part[p] * 10 + (unsigned)(v.data[i] - '0');
        else
            p += p < 5;
    }
    return date_valid((struct date){part[0], part[1], part[2]}) && part[3] < 24 && part[4] < 60 &&
           part[5] < 60;
}

/* Printable, and every backslash begins \\ or \xNN. */
static bool is_value(struct view v)
{
    while (v.len > 0) {
        size_t n = transcript_plain(v);

        if (n == 0)
            return false;
        if (v.data[0] == '\\') {
            bool byte = v.len >= 4 && v.data[1] == 'x' && is_hex_digit(v.data[2]) && is_hex_digit(v.data[3]);

            if (!byte && (v.len < 2 || v.data[1] != '\\'))
                return false;
            n = byte ? 4 : 2;
        }
        v = view_slice(v, n, v.len - n);
    }
    return true;
}

/* ---- records ---- */

/* Takes a line of the frame: its key is fixed. */
static bool frame_line(struct view line, const char *key, struct view *ret_value)
{
    struct view found;

    return split(line, &found, ret_value) && view_equal(found, view_of_string(key));
}

static bool is_first(struct view line, struct view *ret_number)
{
    size_t len = strlen(TRANSCRIPT_FIRST);

    if (!starts_with(line, TRANSCRIPT_FIRST))
        return false;
    *ret_number = view_slice(line, len, line.len - len);
    return is_decimal(*ret_number, 19);
}

/* Does the line have the form of its place? Writes what it says to the record. */
static bool read_line(struct scan *s, struct view line, enum line_kind kind)
{
    struct transcript_record *r = &s->record;
    struct view key;
    struct view value;

    switch (kind) {
    case LINE_FIRST:
        return is_first(line, &s->number);
    case LINE_PREVIOUS:
        return frame_line(line, "previous", &r->previous) && is_hash(r->previous);
    case LINE_TIME:
        return frame_line(line, "time", &r->time) && is_time(r->time);
    case LINE_ENTRY:
        if (frame_line(line, "exit", &value)) {
            r->exit = value;
            return is_decimal(value, 3);
        }
        return split(line, &key, &value) && transcript_key_valid(key) && is_value(value);
    case LINE_SHA256:
        return frame_line(line, "sha256", &s->sha256) && is_hash(s->sha256);
    }
    return false;
}

static bool fail_line(const struct scan *s, const char *name, struct view line, enum line_kind kind,
                      struct ens_err *err)
{
    static const char *const expected[] = {
        [LINE_FIRST] = "the first line of a record",
        [LINE_PREVIOUS] = "the SHA-256 of the record before it",
        [LINE_TIME] = "a time",
        [LINE_ENTRY] = "an entry or an exit status",
        [LINE_SHA256] = "the SHA-256 of the record",
    };
    struct view number;

    if (kind != LINE_FIRST && is_first(line, &number))
        return ens_fail(err, ENS_DATA,
                        "%s: record %" PRIu64 ": has no end: in line %zu the next one begins: lines were "
                        "removed, or it was cut off and extended: compare it with a copy",
                        name, s->head.records + 1, s->line);
    return ens_fail(err, ENS_DATA,
                    "%s: record %" PRIu64 ": line %zu is not %s: the file was edited: compare it with a copy",
                    name, s->head.records + 1, s->line, expected[kind]);
}

static bool next_line(struct scan *s, const char *name, enum line_kind kind, struct ens_err *err)
{
    struct view line;

    return take_line(s, name, &line, err) &&
           (read_line(s, line, kind) || fail_line(s, name, line, kind, err));
}

/* Reads the lines of one record up to its end; `ret_body` is how many bytes its own SHA-256 is of. */
static bool read_lines(struct scan *s, const char *name, size_t *ret_body, struct ens_err *err)
{
    struct view *entries = &s->record.entries;

    if (!next_line(s, name, LINE_FIRST, err) || !next_line(s, name, LINE_PREVIOUS, err) ||
        !next_line(s, name, LINE_TIME, err))
        return false;
    *entries = s->left;
    do {
        entries->len = (size_t)(s->left.data - entries->data);
        if (!next_line(s, name, LINE_ENTRY, err))
            return false;
    } while (s->record.exit.data == NULL);
    *ret_body = s->start.len - s->left.len;
    return next_line(s, name, LINE_SHA256, err);
}

static bool equal_hex(struct view text, const uint8_t hash[static DIGEST_SIZE])
{
    char hex[HASH_TEXT + 1];

    hex_encode(hex, view_of(hash, DIGEST_SIZE));
    return view_equal(text, view_of_string(hex));
}

/* Is the record, whose own hash is right, the one that belongs here? */
static bool check_place(const struct scan *s, const char *name, struct ens_err *err)
{
    char number[24];

    (void)snprintf(number, sizeof number, "%" PRIu64, s->head.records + 1);
    if (!view_equal(s->number, view_of_string(number)))
        return ens_fail(err, ENS_DATA,
                        "%s: record %s: line %zu says record %.*s: records are missing, were inserted or are "
                        "in another order: compare it with a copy",
                        name, number, s->first_line, (int)s->number.len, (const char *)s->number.data);
    if (equal_hex(s->record.previous, s->head.hash))
        return true;
    if (s->head.records == 0)
        return ens_fail(
            err, ENS_DATA,
            "%s: record 1: line %zu names a record before it, and there is none: find the beginning", name,
            s->first_line + 1);
    return ens_fail(err, ENS_DATA,
                    "%s: record %s: line %zu is not the SHA-256 of record %" PRIu64
                    ": one of the two was replaced: compare it with a copy",
                    name, number, s->first_line + 1, s->head.records);
}

static bool read_record(struct scan *s, const char *name, struct ens_err *err)
{
    uint8_t hash[DIGEST_SIZE];
    size_t body = 0;

    s->start = s->left;
    s->first_line = s->line + 1;
    s->record = (struct transcript_record){.number = s->head.records + 1};
    if (!read_lines(s, name, &body, err) ||
        !digest_of(DIGEST_SHA256, view_slice(s->start, 0, body), hash, err))
        return false;
    if (!equal_hex(s->sha256, hash))
        return ens_fail(err, ENS_DATA,
                        "%s: record %" PRIu64
                        ": lines %zu to %zu were edited: their SHA-256 is not the one in "
                        "line %zu: compare it with a copy",
                        name, s->record.number, s->first_line, s->line - 1, s->line);
    if (!check_place(s, name, err))
        return false;
    size_t len = s->start.len - s->left.len;

    if (!digest_of(DIGEST_SHA256, view_slice(s->start, 0, len), s->record.hash, err))
        return false;
    s->head.records++;
    s->head.size += len;
    memcpy(s->head.hash, s->record.hash, sizeof s->head.hash);
    return true;
}

bool transcript_verify(struct view text, const char *name, const struct transcript_sink *sink,
                       struct transcript_head *ret, struct ens_err *err)
{
    struct scan s = {.left = text};
    struct view first = view_of_string(TRANSCRIPT_FIRST);

    /* Said before anything is said of records: the file may be one of another kind. */
    first.len = first.len < text.len ? first.len : text.len;
    if (!view_equal(first, view_slice(text, 0, first.len)))
        return ens_fail(err, ENS_DATA, "%s: is no transcript: line 1 does not begin with '%s1'", name,
                        TRANSCRIPT_FIRST);
    while (s.left.len > 0) {
        if (!read_record(&s, name, err) || (sink != NULL && !sink->put(sink->ctx, &s.record, err)))
            return false;
    }
    *ret = s.head;
    return true;
}

bool transcript_entry(struct view *entries, struct view *ret_key, struct view *ret_value)
{
    const uint8_t *newline = entries->len > 0 ? memchr(entries->data, '\n', entries->len) : NULL;

    if (newline == NULL)
        return false;
    size_t len = (size_t)(newline - entries->data);

    if (!split(view_slice(*entries, 0, len), ret_key, ret_value))
        return false;
    *entries = view_slice(*entries, len + 1, entries->len - len - 1);
    return true;
}
