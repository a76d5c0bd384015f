/* Each function cuts the part that it knows off the front, and says whether it was there. */
#include "signer/base/toml_word.h"

#include "signer/base/date.h"

#define DECIMAL "0123456789"

static bool cut_one(struct view *v, const char *set)
{
    bool is = v->len > 0 && v->data[0] != '\0' && strchr(set, v->data[0]) != NULL;

    if (is)
        *v = view_slice(*v, 1, v->len - 1);
    return is;
}

/* Digits, "_" between two of them. */
static bool cut_digits(struct view *v, const char *set)
{
    struct view behind;

    do {
        if (!cut_one(v, set))
            return false;
        while (cut_one(v, set)) {
        }
        behind = *v;
    } while (cut_one(&behind, "_") && (*v = behind, true));
    return true;
}

/* Digits without a zero in front. */
static bool cut_decimal(struct view *v)
{
    struct view behind = *v;

    return cut_digits(v, DECIMAL) && !(cut_one(&behind, "0") && cut_one(&behind, DECIMAL "_"));
}

/* ---- numbers ---- */

static bool is_float(struct view v)
{
    (void)cut_one(&v, "+-");
    if (view_is(v, "inf") || view_is(v, "nan"))
        return true;
    if (!cut_decimal(&v))
        return false;
    bool has_point = cut_one(&v, ".");

    if (has_point && !cut_digits(&v, DECIMAL))
        return false;
    bool has_exponent = cut_one(&v, "eE");

    (void)(has_exponent && cut_one(&v, "+-"));
    return (has_exponent ? cut_digits(&v, DECIMAL) : has_point) && v.len == 0;
}

/* The value of digits, "_" among them; false if it is above `max`. */
static bool value_of(struct view digits, uint64_t base, uint64_t max, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int c = digits.data[i];
        uint64_t digit = (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);

        if (c == '_')
            continue;
        if (*ret > (max - digit) / base)
            return false;
        *ret = *ret * base + digit;
    }
    return true;
}

static bool is_integer(struct view v, int64_t *ret)
{
    static const struct {
        const char *prefix, *digits;
        uint64_t base;
    } forms[] = {{"0x", DECIMAL "ABCDEFabcdef", 16}, {"0o", "01234567", 8}, {"0b", "01", 2}};
    bool is_negative = view_begins(v, view_of_string("-"));
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (view_begins(v, view_of_string(forms[i].prefix))) {
            struct view digits = view_slice(v, 2, v.len - 2);
            struct view left = digits;
            bool ok = cut_digits(&left, forms[i].digits) && left.len == 0 &&
                      value_of(digits, forms[i].base, INT64_MAX, &value);

            *ret = (int64_t)value;
            return ok;
        }
    }
    (void)cut_one(&v, "+-");
    struct view digits = v;

    if (!cut_decimal(&v) || v.len > 0 || !value_of(digits, 10, (uint64_t)INT64_MAX + is_negative, &value))
        return false;
    *ret = (int64_t)(is_negative ? 0 - value : value);
    return true;
}

/* ---- dates ---- */

/* Cuts what has the form "dddd-dd-dd" off, d for a digit, and gives its numbers. */
static bool cut_form(struct view *v, const char *form, unsigned ret[static 3])
{
    unsigned *number = ret;

    *number = 0;
    for (; *form != '\0'; form++) {
        unsigned digit = v->len > 0 ? v->data[0] - (unsigned)'0' : 0;

        if (!cut_one(v, *form == 'd' ? DECIMAL : *form == '-' ? "-" : ":"))
            return false;
        if (*form == 'd')
            *number = *number * 10 + digit;
        else
            *++number = 0;
    }
    return true;
}

static bool cut_time(struct view *v, bool no_seconds)
{
    unsigned part[3] = {0};
    struct view minutes = *v;

    if (!cut_form(v, "dd:dd:dd", part)) {
        *v = minutes;
        if (!no_seconds || !cut_form(v, "dd:dd", part))
            return false;
        part[2] = 0;
    } else if (cut_one(v, ".")) {
        if (!cut_one(v, DECIMAL))
            return false;
        while (cut_one(v, DECIMAL)) {
        }
    }
    return part[0] < 24 && part[1] < 60 && part[2] < 60;
}

/* A day, a time, or both; behind both the distance from UTC. */
static bool is_date(struct view v, bool no_seconds)
{
    unsigned part[3] = {0};

    if (v.len > 2 && v.data[2] == ':')
        return cut_time(&v, no_seconds) && v.len == 0;
    if (!cut_form(&v, "dddd-dd-dd", part) ||
        !date_valid((struct date){.year = part[0], .month = part[1], .day = part[2]}))
        return false;
    if (v.len == 0)
        return true;
    if (!cut_one(&v, "Tt ") || !cut_time(&v, no_seconds))
        return false;
    if (!cut_one(&v, "+-"))
        return (void)cut_one(&v, "Zz"), v.len == 0;
    return cut_form(&v, "dd:dd", part) && part[0] < 24 && part[1] < 60 && v.len == 0;
}

bool toml_word(struct view text, bool no_seconds, struct toml_value *ret)
{
    bool is_true = view_is(text, "true");

    ret->number = is_true;
    if (is_true || view_is(text, "false"))
        ret->type = TOML_BOOLEAN;
    else if (is_integer(text, &ret->number))
        ret->type = TOML_INTEGER;
    else if (is_float(text))
        ret->type = TOML_FLOAT;
    else if (is_date(text, no_seconds))
        ret->type = TOML_DATE;
    else
        return false;
    return true;
}
