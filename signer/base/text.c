/* Text that came from a file or a token, made safe to print; and the nearest word to a misspelt one. */
#include "signer/base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

char *text_printable(char *ret, size_t cap, const char *text, size_t len)
{
    const unsigned char *in = (const unsigned char *)text;
    size_t out = 0;

    for (size_t i = 0; i < len;) {
        uint32_t point = 0;
        size_t n = text_decode(in + i, len - i, &point);
        bool keep = n > 0 && is_harmless(point);
        size_t width = keep ? n : 1;

        if (out + width + 1 > cap)
            break;
        if (keep)
            memcpy(ret + out, in + i, n);
        else
            ret[out] = '?';
        out += width;
        i += n > 0 ? n : 1;
    }
    ret[out] = '\0';
    return ret;
}

/* Levenshtein distance, for words up to TEXT_WORD_MAX; longer ones are never near. */
#define TEXT_WORD_MAX 31

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[TEXT_WORD_MAX + 1];
    size_t len_a = strlen(a);
    size_t len_b = strlen(b);

    if (len_a > TEXT_WORD_MAX || len_b > TEXT_WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= len_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t add = row[j - 1] + 1;
            size_t drop = row[j] + 1;

            diagonal = row[j];
            row[j] = change < add ? change : add;
            row[j] = row[j] < drop ? row[j] : drop;
        }
    }
    return row[len_b];
}

const char *text_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t best_distance = 1 + strlen(word) / 3;

    for (size_t i = 0; words[i] != NULL; i++) {
        size_t distance = edit_distance(word, words[i]);

        if (distance <= best_distance && (best == NULL || distance < best_distance)) {
            best = words[i];
            best_distance = distance;
        }
    }
    return best;
}
