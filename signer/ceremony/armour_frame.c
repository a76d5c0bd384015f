/* Armour's frame, and its lines: cut without being copied, and each decoded: its number, its digits, its check. */
#include <stdio.h>

#include "signer/ceremony/armour_internal.h"

static const char begin[] = "-----BEGIN ENSIGN ";
static const char end[] = "-----END";
static const char dashes[] = "-----";

static const char *const names[ARMOUR_KINDS] = {
    [ARMOUR_SIGN_DATA] = "SIGN-DATA",   [ARMOUR_DIGEST] = "DIGEST",     [ARMOUR_SIGNATURE] = "SIGNATURE",
    [ARMOUR_PUBLIC_KEY] = "PUBLIC KEY", [ARMOUR_APPROVAL] = "APPROVAL", [ARMOUR_PARTIAL] = "PARTIAL",
};

const char *armour_name(enum armour_kind kind)
{
    return names[kind];
}

/* ---- reading: lines and words ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

/* Takes the next line that is not blank off the front, without blanks and carriage returns around it; an
 * empty view at the end. */
struct view armour_next_line(struct view *left)
{
    while (left->len > 0) {
        const uint8_t *newline = memchr(left->data, '\n', left->len);
        size_t len = newline != NULL ? (size_t)(newline - left->data) : left->len;
        struct view line = view_slice(*left, 0, len);

        *left = view_slice(*left, len + (newline != NULL), left->len - len - (newline != NULL));
        while (line.len > 0 && (is_blank(line.data[0]) || line.data[0] == '\r'))
            line = view_slice(line, 1, line.len - 1);
        while (line.len > 0 && (is_blank(line.data[line.len - 1]) || line.data[line.len - 1] == '\r'))
            line.len--;
        if (line.len > 0)
            return line;
    }
    return view_of(NULL, 0);
}

static struct view take_word(struct view *left)
{
    size_t len = 0;
    struct view word;

    while (len < left->len && !is_blank(left->data[len]))
        len++;
    word = view_slice(*left, 0, len);
    while (len < left->len && is_blank(left->data[len]))
        len++;
    *left = view_slice(*left, len, left->len - len);
    return word;
}

/* In whatever case. */
static bool begins_as(struct view line, const char *with)
{
    size_t len = strlen(with);

    if (line.len < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (upper(line.data[i]) != (uint8_t)with[i])
            return false;
    }
    return true;
}

static bool equals(struct view line, const char *text)
{
    return line.len == strlen(text) && begins_as(line, text);
}

/* ---- reading: the frame ---- */

static bool is_begin(struct view line)
{
    return begins_as(line, begin) && line.len >= sizeof begin - 1 + sizeof dashes - 1 &&
           equals(view_slice(line, line.len - (sizeof dashes - 1), sizeof dashes - 1), dashes);
}

bool armour_is_meant(struct view line)
{
    for (; line.len > 0; line = view_slice(line, 1, line.len - 1)) {
        if (begins_as(line, "BEGIN ENSIGN "))
            return true;
    }
    return false;
}

bool armour_is_bare_line(struct view line)
{
    return line.len >= 2 && (line.data[0] == '1' || upper(line.data[0]) == 'I') && line.data[1] == ' ';
}

static bool read_kind(struct view line, unsigned wishes, enum armour_kind *ret, struct ens_err *err)
{
    size_t around = sizeof begin - 1 + sizeof dashes - 1;
    struct view name = view_slice(line, sizeof begin - 1, line.len - around);
    enum armour_kind kind = ARMOUR_SIGN_DATA;

    while (kind < ARMOUR_KINDS && !equals(name, armour_name(kind)))
        kind++;
    if (kind == ARMOUR_KINDS)
        return ens_fail(err, ENS_DATA, "kind: '%.*s' is not a kind that is known", (int)name.len,
                        (const char *)name.data);
    *ret = kind;
    return (wishes & ARMOUR_ONLY(kind)) != 0 ||
           ens_fail(err, ENS_DATA, "kind: is %s, which is not wanted here: name the right file",
                    armour_name(kind));
}

/* Finds the END of a frame whose BEGIN was taken off `left`. */
static bool find_end_line(struct view left, enum armour_kind kind, struct armour_frame *ret,
                          struct ens_err *err)
{
    char wanted[64];

    (void)snprintf(wanted, sizeof wanted, "%s ENSIGN %s%s", end, armour_name(kind), dashes);
    ret->kinds = ARMOUR_ONLY(kind);
    ret->lines = left;
    for (ret->len = 0;; ret->len++) {
        const uint8_t *at = left.data;
        struct view line = armour_next_line(&left);

        if (line.len == 0)
            return ens_fail(err, ENS_DATA, "no-end: the line %s is missing: is it whole?", wanted);
        if (!begins_as(line, end))
            continue;
        if (!equals(line, wanted))
            return ens_fail(err, ENS_DATA, "kind: the last line must be %s", wanted);
        ret->lines.len = (size_t)(at - ret->lines.data);
        return armour_next_line(&left).len == 0 ||
               ens_fail(err, ENS_DATA, "after-end: nothing may stand behind %s", wanted);
    }
}

bool armour_read_frame(struct view text, unsigned wishes, struct armour_frame *ret, struct ens_err *err)
{
    struct view left = text;
    struct view first = armour_next_line(&left);
    enum armour_kind kind = ARMOUR_KINDS;

    if (first.len == 0)
        return ens_fail(err, ENS_DATA, "empty: there is nothing in it: name the right file");
    if (is_begin(first))
        return read_kind(first, wishes, &kind, err) && find_end_line(left, kind, ret, err);
    if (!armour_is_bare_line(first))
        return ens_fail(err, ENS_DATA, "no-header: the first line must be %sKIND%s", begin, dashes);
    *ret = (struct armour_frame){.kinds = wishes, .lines = text};
    while (armour_next_line(&text).len > 0)
        ret->len++;
    return true;
}

/* ---- one line ---- */

/* O, I, L and B stand for digits in a number. */
static uint8_t number_digit(uint8_t c)
{
    c = upper(c);
    return c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c == 'B' ? '8' : c;
}

static bool read_number(struct view word, size_t wanted, struct ens_err *err)
{
    size_t value = 0;
    bool is_number = word.len >= 1 && word.len <= 4 && number_digit(word.data[0]) != '0';

    for (size_t i = 0; is_number && i < word.len; i++) {
        uint8_t c = number_digit(word.data[i]);

        is_number = c >= '0' && c <= '9';
        value = value * 10 + (size_t)(c - '0');
    }
    if (!is_number)
        return ens_fail(err, ENS_DATA, "line-number: a line begins with its number, without zeros");
    return value == wanted ||
           ens_fail(err, ENS_DATA, "line-order: line %zu stands where line %zu should", value, wanted);
}

/* 0, 1 and 8 stand for letters in data; -1: no digit. */
static int digit_value(uint8_t c)
{
    c = upper(c);
    c = c == '0' ? 'O' : c == '1' ? 'I' : c == '8' ? 'B' : c;
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* The values of the digits of a word behind `len` others; only the first ARMOUR_LINE_DIGITS + 1 are kept,
 * which is enough to see that there are too many. */
static bool take_digits(struct view word, uint8_t ret[static ARMOUR_LINE_DIGITS + 1], size_t *len,
                        struct ens_err *err)
{
    for (size_t i = 0; i < word.len; i++) {
        int value = digit_value(word.data[i]);

        if (value < 0)
            return ens_fail(err, ENS_DATA, "alphabet: '%c' is not a digit of base32: A to Z and 2 to 7 are",
                            word.data[i]);
        if (*len <= ARMOUR_LINE_DIGITS)
            ret[(*len)++] = (uint8_t)value;
    }
    return true;
}

static bool decode_digits(const uint8_t *values, size_t len, bool is_last, struct armour_row *ret,
                          struct ens_err *err)
{
    unsigned bits = 0;
    unsigned have = 0;

    ret->len = 0;
    if (len > ARMOUR_LINE_DIGITS || (!is_last && len != ARMOUR_LINE_DIGITS))
        return ens_fail(err, ENS_DATA, "line-length: has %s than %d digits",
                        len > ARMOUR_LINE_DIGITS ? "more" : "fewer", ARMOUR_LINE_DIGITS);
    /* Whole bytes leave at most four bits over. */
    if (len * 5 % 8 > 4 || len == 0)
        return ens_fail(err, ENS_DATA, "line-length: %zu digits are no whole number of bytes", len);
    for (size_t i = 0; i < len; i++) {
        bits = (bits << 5 | values[i]) & 0xfff;
        have += 5;
        if (have >= 8) {
            have -= 8;
            ret->bytes[ret->len++] = (uint8_t)(bits >> have);
        }
    }
    return (bits & ((1U << have) - 1)) == 0 ||
           ens_fail(err, ENS_DATA, "unused-bits: the last digit of the data is not as it is written");
}

bool armour_read_row(struct view line, size_t number, bool is_last, struct armour_row *ret,
                     struct ens_err *err)
{
    uint8_t values[ARMOUR_LINE_DIGITS + 1];
    uint8_t check[ARMOUR_LINE_DIGITS + 1];
    size_t len = 0;
    size_t check_len = 0;
    size_t words = 1;

    if (!read_number(take_word(&line), number, err))
        return false;
    struct view data = line;
    struct view last = {0};

    for (; line.len > 0; words++)
        last = take_word(&line);
    if (words < 3 || last.len != 2)
        return ens_fail(err, ENS_DATA, "line: is a number, data and two check digits at the end");
    for (; words > 2; words--) {
        if (!take_digits(take_word(&data), values, &len, err))
            return false;
    }
    if (!take_digits(last, check, &check_len, err) || !decode_digits(values, len, is_last, ret, err))
        return false;
    ret->check = (unsigned)check[0] << 5 | check[1];
    return true;
}
