/* Armour: each line is judged by itself (armour_frame.c), then all by their checks. */
#include "signer/ceremony/armour.h"

#include <stdio.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/ceremony/armour_internal.h"

#define GROUP     8
#define LINES_MAX 9999 /* numbers have four digits at most */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* Bytes that a kind has; 0: any. */
static const size_t sizes[ARMOUR_KINDS] = {
    [ARMOUR_SIGN_DATA] = 256, [ARMOUR_DIGEST] = 32, [ARMOUR_SIGNATURE] = 384};

/* ---- the check ---- */

/* CRC-10, polynomial x^10 + x^9 + x^5 + x^4 + x + 1, high bit first. */
static unsigned crc10(unsigned crc, struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        crc ^= (unsigned)v.data[i] << 2;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc << 1 ^ ((crc & 0x200) != 0 ? 0x233 : 0)) & 0x3ff;
    }
    return crc;
}

/* Over kind, zero, number, whether it is the last line, and the line's bytes: so that a line belongs to one
 * kind and one place, and a lost end is found. */
static unsigned check_of(enum armour_kind kind, size_t number, bool is_last, struct view bytes)
{
    const char *name = armour_name(kind);
    const uint8_t place[] = {(uint8_t)(number >> 8), (uint8_t)number, is_last};
    unsigned crc = crc10(0x3ff, view_of(name, strlen(name) + 1));

    return crc10(crc10(crc, view_of(place, sizeof place)), bytes);
}

/* ---- writing ---- */

/* Writes the digits of up to 30 bytes, unused bits zero; gives their number. */
static size_t put_digits(struct view bytes, char ret[static ARMOUR_LINE_DIGITS])
{
    unsigned bits = 0;
    unsigned have = 0;
    size_t len = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        bits = (bits << 8 | bytes.data[i]) & 0xfff;
        for (have += 8; have >= 5; have -= 5)
            ret[len++] = digits[bits >> (have - 5) & 31];
    }
    if (have > 0)
        ret[len++] = digits[bits << (5 - have) & 31];
    return len;
}

static bool put_armour_line(enum armour_kind kind, size_t number, bool is_last, struct view bytes,
                            struct buf *ret, struct ens_err *err)
{
    char text[ARMOUR_LINE_DIGITS];
    char line[ARMOUR_LINE_DIGITS + ARMOUR_LINE_DIGITS / GROUP + 16];
    size_t len = put_digits(bytes, text);
    unsigned check = check_of(kind, number, is_last, bytes);
    int at = snprintf(line, sizeof line, "%zu", number);

    for (size_t i = 0; i < len; i++) {
        if (i % GROUP == 0)
            line[at++] = ' ';
        line[at++] = text[i];
    }
    at += snprintf(line + at, sizeof line - (size_t)at, " %c%c\n", digits[check >> 5], digits[check & 31]);
    return buf_append(ret, view_of(line, (size_t)at), err);
}

bool armour_encode(enum armour_kind kind, struct view bytes, bool is_bare, struct buf *ret,
                   struct ens_err *err)
{
    if (bytes.len == 0 || bytes.len > ARMOUR_BYTES_MAX)
        return ens_fail(err, ENS_DATA, "%zu bytes cannot be armoured: 1 to %d can", bytes.len,
                        ARMOUR_BYTES_MAX);
    if (!is_bare && !buf_printf(ret, err, "-----BEGIN ENSIGN %s-----\n", armour_name(kind)))
        return false;
    for (size_t at = 0, number = 1; at < bytes.len; at += ARMOUR_LINE_BYTES, number++) {
        bool is_last = bytes.len - at <= ARMOUR_LINE_BYTES;

        if (!put_armour_line(kind, number, is_last,
                             view_slice(bytes, at, is_last ? bytes.len - at : ARMOUR_LINE_BYTES), ret, err))
            return false;
    }
    return is_bare || buf_printf(ret, err, "-----END ENSIGN %s-----\n", armour_name(kind));
}

/* ---- reading: all lines ---- */

/* Does each line fit the kind? `ret_at` is the first that does not, and whether it would
 * fit if more followed. */
static bool fits(enum armour_kind kind, const struct armour_row *rows, size_t len, size_t *ret_at,
                 bool *ret_is_cut)
{
    for (size_t i = 0; i < len; i++) {
        struct view bytes = view_of(rows[i].bytes, rows[i].len);

        if (rows[i].check == check_of(kind, i + 1, i + 1 == len, bytes))
            continue;
        *ret_at = i + 1;
        *ret_is_cut = i + 1 == len && rows[i].check == check_of(kind, i + 1, false, bytes);
        return false;
    }
    return true;
}

static bool find_kind_of_check(const struct armour_row *rows, size_t len, unsigned wishes,
                               enum armour_kind *ret, struct ens_err *err)
{
    bool is_one = (wishes & (wishes - 1)) == 0;
    bool is_cut = false;
    size_t at = 0;
    int found = 0;

    for (int k = 0; k < ARMOUR_KINDS; k++) {
        if ((wishes & ARMOUR_ONLY(k)) == 0 || !fits((enum armour_kind)k, rows, len, &at, &is_cut))
            continue;
        *ret = (enum armour_kind)k;
        found++;
    }
    if (found == 1)
        return true;
    if (found > 1)
        return ens_fail(err, ENS_DATA, "kind: the checks fit several kinds: give the frame");
    if (!is_one)
        return ens_fail(err, ENS_DATA, "check: the checks fit no kind: give the frame, or compare the lines");
    return is_cut
               ? ens_fail(err, ENS_DATA, "line %zu: lines-missing: more lines must follow: is it whole?", at)
               : ens_fail(err, ENS_DATA, "line %zu: check: something in this line is wrong: compare it", at);
}

static bool read_rows(const struct armour_frame *f, struct armour_row *rows, struct ens_err *err)
{
    struct view left = f->lines;

    for (size_t i = 0; i < f->len; i++) {
        if (!armour_read_row(armour_next_line(&left), i + 1, i + 1 == f->len, &rows[i], err))
            return ens_wrap(err, "line %zu", i + 1);
    }
    return true;
}

static bool decode_rows(struct view text, unsigned wishes, enum armour_kind *ret_kind, struct buf *ret,
                        struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct armour_row *rows = NULL;
    ENS_CLEANUP(buf_free) struct buf all = {0};
    struct armour_frame f = {0};

    if (!armour_read_frame(text, wishes, &f, err))
        return false;
    if (f.len == 0)
        return ens_fail(err, ENS_DATA, "empty: there is nothing in the frame");
    /* One more than the largest number: that line's number is then wrong. */
    f.len = f.len > LINES_MAX + 1 ? LINES_MAX + 1 : f.len;
    rows = mem_alloc(f.len, sizeof *rows, err);
    if (rows == NULL || !read_rows(&f, rows, err) || !find_kind_of_check(rows, f.len, f.kinds, ret_kind, err))
        return false;
    for (size_t i = 0; i < f.len; i++) {
        if (!buf_append(&all, view_of(rows[i].bytes, rows[i].len), err))
            return false;
    }
    if (sizes[*ret_kind] != 0 && all.len != sizes[*ret_kind])
        return ens_fail(err, ENS_DATA, "size: has %zu bytes, and %s has %zu", all.len, armour_name(*ret_kind),
                        sizes[*ret_kind]);
    if (all.len > ARMOUR_BYTES_MAX)
        return ens_fail(err, ENS_DATA, "too-large: has more than %d bytes", ARMOUR_BYTES_MAX);
    return buf_append(ret, buf_view(&all), err);
}

/* The first byte that text cannot hold; the length of `text` if it has none. */
static size_t find_stranger(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c != '\t' && c != '\n' && c != '\r' && (c < 0x20 || c > 0x7e))
            return i;
    }
    return text.len;
}

bool armour_decode(struct view text, const char *name, unsigned wishes, enum armour_kind *ret_kind,
                   struct buf *ret, struct ens_err *err)
{
    enum armour_kind kind = ARMOUR_KINDS;
    size_t at = find_stranger(text);

    if (text.len > ARMOUR_TEXT_MAX)
        return ens_fail(err, ENS_DATA, "%s: too-large: has more than %d bytes", name, ARMOUR_TEXT_MAX);
    if (at < text.len)
        return ens_fail(err, ENS_DATA, "%s: not-ascii: holds the byte %02x: type it as plain ASCII", name,
                        text.data[at]);
    if (!decode_rows(text, wishes, &kind, ret, err))
        return ens_wrap(err, "%s", name);
    *ret_kind = kind;
    return true;
}

/* Bytes that begin with "1 " by chance are none: without a frame all of them must be text. */
bool armour_is(struct view head)
{
    struct view left = head;
    struct view first = armour_next_line(&left);

    return armour_is_meant(first) || (armour_is_bare_line(first) && find_stranger(head) == head.len);
}

bool armour_take(struct view file, const char *name, size_t max, unsigned wishes, struct buf *ret,
                 struct ens_err *err)
{
    enum armour_kind kind = ARMOUR_KINDS;

    if (armour_is(file))
        return armour_decode(file, name, wishes, &kind, ret, err);
    if (file.len > max)
        return ens_fail(err, ENS_DATA, "%s: has more than %zu bytes: name the right file", name, max);
    return buf_append(ret, file, err);
}

size_t armour_room(size_t max)
{
    return ARMOUR_TEXT_MAX > max ? ARMOUR_TEXT_MAX : max;
}

bool armour_read(const char *path, size_t max, unsigned wishes, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return file_read_all(path, armour_room(max), &file, err) &&
           armour_take(buf_view(&file), path, max, wishes, ret, err);
}
