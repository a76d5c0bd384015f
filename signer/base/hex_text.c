/* Hexadecimal text: values as arguments and for people, and what they write. */
#include <string.h>

#include "signer/base/hex.h"

struct hex hex_of(struct view v)
{
    struct hex hex = {{0}};

    hex_encode(hex.text, view_of(v.data, v.len < HEX_OF_MAX ? v.len : HEX_OF_MAX));
    return hex;
}

struct hex_groups hex_for(struct view v, bool grouped)
{
    const struct hex hex = hex_of(v);
    struct hex_groups groups = {{0}};
    size_t len = 0;

    for (size_t i = 0; hex.text[i] != '\0'; i++) {
        if (grouped && i > 0 && i % 8 == 0)
            groups.text[len++] = ' ';
        groups.text[len++] = hex.text[i];
    }
    return groups;
}

bool hex_decode(const char *text, const char *what, uint8_t *ret, size_t len, struct ens_err *err)
{
    if (strlen(text) != 2 * len)
        return ens_fail(err, ENS_USAGE, "%s: %zu hexadecimal digits are given: give exactly %zu", what,
                        strlen(text), 2 * len);
    for (size_t i = 0; i < 2 * len; i++) {
        if (hex_digit(text[i]) < 0)
            return ens_fail(err, ENS_USAGE,
                            "%s: '%.1s' is not a hexadecimal digit: give exactly %zu of 0-9 a-f", what,
                            text + i, 2 * len);
    }
    for (size_t i = 0; i < len; i++)
        ret[i] = (uint8_t)((unsigned)hex_digit(text[2 * i]) << 4 | (unsigned)hex_digit(text[2 * i + 1]));
    return true;
}

bool hex_decode_groups(const char *text, const char *what, uint8_t *ret, size_t len, struct ens_err *err)
{
    char digits[2 * HEX_OF_MAX + 1] = "";
    size_t count = 0;

    if (len > HEX_OF_MAX || strlen(text) != 2 * len + len / 4 - 1)
        return hex_decode(text, what, ret, len, err);
    for (size_t i = 0; text[i] != '\0'; i++) {
        bool is_gap = i % 9 == 8;

        if (is_gap != (text[i] == ' '))
            return hex_decode(text, what, ret, len, err);
        if (!is_gap)
            digits[count++] = text[i];
    }
    digits[count] = '\0';
    return hex_decode(digits, what, ret, len, err);
}
