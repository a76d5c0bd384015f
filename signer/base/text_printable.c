/* Text that came from a file or a token, made safe to print. Needs nothing else of base: errors are made printable
 * here. */
#include <string.h>

#include "signer/base/text.h"

size_t text_decode(const uint8_t *s, size_t len, uint32_t *ret_point)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    uint32_t point = need <= 1 ? s[0] : s[0] & (0x7fu >> need);

    if (need == 0 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3fu);
    }
    if (point < smallest[need] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *ret_point = point;
    return need;
}

/* Controls, bidirectional marks, line separators and other invisible characters can make a terminal
 * show something else than what was signed. */
static bool is_harmless(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7f && point < 0xa0))
        return false;
    if (point >= 0x200b && point <= 0x200f)
        return false;
    if ((point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f))
        return false;
    return point != 0xfeff && point != 0xad && point != 0x61c && (point < 0xe0000 || point > 0xe0fff);
}

/* Copies whole characters for as long as `ret` has room, each that is not harmless as '?'. Returns how many bytes of
 * `text` they were, and *ret_len of `ret`. */
static size_t copy_printable(char *ret, size_t cap, struct view text, bool keep_newlines, size_t *ret_len)
{
    size_t at = 0;

    *ret_len = 0;
    while (at < text.len) {
        uint32_t point = 0;
        size_t n = text_decode(text.data + at, text.len - at, &point);
        bool keep = n > 0 && (is_harmless(point) || (keep_newlines && point == '\n'));
        size_t width = keep ? n : 1;

        if (*ret_len + width > cap)
            break;
        memcpy(ret + *ret_len, keep ? (const char *)text.data + at : "?", width);
        *ret_len += width;
        at += n > 0 ? n : 1;
    }
    return at;
}

char *text_printable(char *ret, size_t cap, const char *text, size_t len)
{
    size_t out = 0;

    (void)copy_printable(ret, cap - 1, (struct view){.data = (const uint8_t *)text, .len = len}, false, &out);
    ret[out] = '\0';
    return ret;
}

size_t text_lines(char *ret, size_t cap, struct view text, size_t *ret_len)
{
    return copy_printable(ret, cap, text, true, ret_len);
}
