/* The nearest word to a misspelt one. */
#include "signer/base/text.h"

#include <string.h>

#define TEXT_WORD_MAX      31
#define TEXT_BEGINNING_MIN 3

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters are changed, added, dropped or exchanged with their neighbour, for words up to TEXT_WORD_MAX; longer
 * ones are never near. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][TEXT_WORD_MAX + 1] = {0};
    size_t len_a = strlen(a);
    size_t len_b = strlen(b);

    if (len_a > TEXT_WORD_MAX || len_b > TEXT_WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= len_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        const size_t *above = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];

        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);

            row[j] = least(change, least(row[j - 1], above[j]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[len_a % 3][len_b];
}

/* The one word that begins with this one; NULL: none, or several. */
static const char *only_beginning(const char *word, const char *const *words)
{
    const char *found = NULL;
    size_t len = strlen(word);

    for (size_t i = 0; words[i] != NULL && len >= TEXT_BEGINNING_MIN; i++) {
        if (strncmp(word, words[i], len) != 0)
            continue;
        if (found != NULL)
            return NULL;
        found = words[i];
    }
    return found;
}

const char *text_nearest(const char *word, const char *const *words)
{
    const char *best = only_beginning(word, words);
    size_t len = strlen(word);
    size_t best_distance = len < 6 ? 1 : len / 3;

    if (best != NULL)
        return best;
    for (size_t i = 0; words[i] != NULL; i++) {
        size_t distance = edit_distance(word, words[i]);

        if (distance <= best_distance && (best == NULL || distance < best_distance)) {
            best = words[i];
            best_distance = distance;
        }
    }
    return best;
}
