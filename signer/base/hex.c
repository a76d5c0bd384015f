/* Hexadecimal digits. */
#include "signer/base/hex.h"

void hex_encode(char *ret, struct view v)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < v.len; i++) {
        ret[2 * i] = digits[v.data[i] >> 4];
        ret[2 * i + 1] = digits[v.data[i] & 15];
    }
    ret[2 * v.len] = '\0';
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
