/* A first look at a manifest's text. A manifest is written again with the fields that nobody here knows,
 * and numbers among them must not change: JSON's are decimal and of any length, the tree holds 64-bit
 * integers and doubles, so a number that would come out with another value is refused. */
#include "bundle/orc/manifest_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number without what does not count: 0.DIGITS * 10^exponent, no zero at either end. */
struct decimal {
    bool negative;
    char digits[MANIFEST_NUMBER_MAX];
    size_t len;
    long exponent;
};

/* Beyond this an exponent says only "far too large" or "far too small". */
#define EXPONENT_MAX 1000000

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static long parse_exponent(const char *s)
{
    bool negative = *s == '-';
    long value = 0;

    if (*s == '-' || *s == '+')
        s++;
    for (; is_digit(*s); s++)
        value = value < EXPONENT_MAX ? value * 10 + (*s - '0') : value;
    return negative ? -value : value;
}

/* `s` is a JSON number shorter than MANIFEST_NUMBER_MAX. */
static struct decimal decimal_of(const char *s)
{
    struct decimal d = {.negative = *s == '-'};
    bool point = false;

    for (s += d.negative ? 1 : 0; is_digit(*s) || *s == '.'; s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        if (*s != '0' || d.len > 0)
            d.digits[d.len++] = *s;
        if (!point && d.len > 0)
            d.exponent++;
        else if (point && d.len == 0)
            d.exponent--;
    }
    if (*s == 'e' || *s == 'E')
        d.exponent += parse_exponent(s + 1);
    while (d.len > 0 && d.digits[d.len - 1] == '0')
        d.len--;
    if (d.len == 0)
        d.exponent = 0;
    return d;
}

static bool decimal_equal(const struct decimal *a, const struct decimal *b)
{
    return a->negative == b->negative && a->len == b->len && a->exponent == b->exponent &&
           memcmp(a->digits, b->digits, a->len) == 0;
}

void manifest_scan_real(double value, char ret[static MANIFEST_NUMBER_MAX])
{
    int len = 0;

    /* 17 significant digits always give a double back (IEEE 754, 5.12.2). */
    for (int precision = 15; precision <= 17; precision++) {
        len = snprintf(ret, MANIFEST_NUMBER_MAX, "%.*g", precision, value);
        if (strtod(ret, NULL) == value)
            break;
    }
    if (strcspn(ret, ".e") == (size_t)len)
        (void)snprintf(ret + len, MANIFEST_NUMBER_MAX - (size_t)len, ".0");
}

/* Would the number be written with the value that it has now? */
static bool is_kept(const char *number)
{
    char written[MANIFEST_NUMBER_MAX];

    if (strpbrk(number, ".eE") == NULL)
        return strcmp(number, "-0") != 0;
    manifest_scan_real(strtod(number, NULL), written);
    struct decimal before = decimal_of(number);
    struct decimal after = decimal_of(written);

    return decimal_equal(&before, &after);
}

/* Takes the number that begins at `text[at]`; its end goes to `*ret_end`. */
static bool scan_number(struct view text, size_t at, size_t *ret_end, struct ens_err *err)
{
    char number[MANIFEST_NUMBER_MAX];
    size_t end = at;

    while (end < text.len && text.data[end] != '\0' && strchr("+-.0123456789eE", text.data[end]) != NULL)
        end++;
    if (end - at >= sizeof number)
        return ens_fail_own(err,
                            "byte %zu: a number has %zu characters, more than the limit of %d: shorten it",
                            at, end - at, MANIFEST_NUMBER_MAX - 1);
    memcpy(number, text.data + at, end - at);
    number[end - at] = '\0';
    if (!is_kept(number))
        return ens_fail_own(err,
                            "byte %zu: the number %s is outside of what a double holds exactly: write fewer "
                            "digits, or a text",
                            at, number);
    *ret_end = end;
    return true;
}

/* The index behind the string that begins at `text[at]`, or the end of the text. */
static size_t skip_string(struct view text, size_t at)
{
    for (at++; at < text.len && text.data[at] != '"'; at++) {
        if (text.data[at] == '\\')
            at++;
    }
    return at < text.len ? at + 1 : text.len;
}

struct scan {
    size_t depth;
    size_t values;
};

static bool count_structure(struct scan *s, uint8_t c, struct ens_err *err)
{
    if (c == '{' || c == '[')
        s->depth++;
    else if ((c == '}' || c == ']') && s->depth > 0)
        s->depth--;
    if (c == '{' || c == '[' || c == ',')
        s->values++;
    if (s->depth > MANIFEST_DEPTH_MAX)
        return ens_fail_own(err, "is nested deeper than the limit of %d: rebuild the bundle",
                            MANIFEST_DEPTH_MAX);
    if (s->values > MANIFEST_VALUES_MAX)
        return ens_fail_own(err, "has more values than the limit of %d: make a smaller bundle",
                            MANIFEST_VALUES_MAX);
    return true;
}

bool manifest_scan(struct view text, struct ens_err *err)
{
    struct scan s = {0};

    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        return ens_fail(err, ENS_DATA, "begins with a byte order mark: write it as UTF-8 without one");
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.data[i];

        if (c == '"') {
            i = skip_string(text, i);
        } else if (c == '-' || is_digit((char)c)) {
            if (!scan_number(text, i, &i, err))
                return false;
        } else {
            if (!count_structure(&s, c, err))
                return false;
            i++;
        }
    }
    return true;
}
