/* The nearest word to a misspelt one. */
#include "signer/base/text.h"

#include <string.h>

#define TEXT_WORD_MAX 31

/* Levenshtein distance, for words up to TEXT_WORD_MAX; longer ones are never near. */
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
