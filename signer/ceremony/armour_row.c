/* One line of armour: its number, its digits, its check. */
#include "signer/ceremony/armour_internal.h"

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

/* ---- reading: one line ---- */

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
            return ens_fail(err, ENS_DATA, "alphabet: '%c' is no digit of base32: A to Z and 2 to 7 are",
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

    if (!read_number(armour_next_word(&line), number, err))
        return false;
    struct view data = line;
    struct view last = {0};

    for (; line.len > 0; words++)
        last = armour_next_word(&line);
    if (words < 3 || last.len != 2)
        return ens_fail(err, ENS_DATA, "line: is a number, data and two check digits at the end");
    for (; words > 2; words--) {
        if (!take_digits(armour_next_word(&data), values, &len, err))
            return false;
    }
    if (!take_digits(last, check, &check_len, err) || !decode_digits(values, len, is_last, ret, err))
        return false;
    ret->check = (unsigned)check[0] << 5 | check[1];
    return true;
}
