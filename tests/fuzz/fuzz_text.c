/* Fuzz target: the readers of words (numbers, pairs, dates, hexadecimal, base64) and what makes text
 * printable. What is printable stays as it is; what is read keeps its bounds and has its one spelling where
 * it has one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/base64.h"
#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_printable(const uint8_t *data, size_t size)
{
    char once[256];
    char twice[256];
    size_t cap = size > 0 && data[0] > 0 ? data[0] : 1;

    text_printable(once, cap, (const char *)data, size);
    must(strlen(once) < cap);
    text_printable(twice, sizeof twice, once, strlen(once));
    must(strcmp(once, twice) == 0);
    for (size_t i = 0; once[i] != '\0'; i++)
        must((unsigned char)once[i] >= ' ' && once[i] != 0x7f);
}

static void check_words(const char *word)
{
    struct ens_err err = {0};
    struct date d;
    struct date same;
    uint64_t value = 0;
    uint64_t mask = 0;
    uint8_t bytes[4];
    char text[16];

    must(!num_parse(word, "x", UINT16_MAX, &value, &err) || value <= UINT16_MAX);
    must(!num_parse_pair(word, "x", UINT32_MAX, &value, &mask, &err) ||
         (value <= UINT32_MAX && mask <= UINT32_MAX));
    if (date_parse(word, "x", &d, &err)) {
        must(date_valid(d) && date_of_bcd(date_to_bcd(d), &same) && memcmp(&d, &same, sizeof d) == 0);
        must(date_to_days(date_of_days(date_to_days(d))) == date_to_days(d));
        (void)snprintf(text, sizeof text, "%08x", date_to_bcd(d));
        must(strcmp(text, word) == 0);
    }
    if (hex_decode(word, "x", bytes, sizeof bytes, &err)) {
        hex_encode(text, view_of(bytes, sizeof bytes));
        must(strcasecmp(text, word) == 0);
    }
}

static void check_base64(struct view text)
{
    ENS_CLEANUP(buf_free) struct buf bytes = {0};
    ENS_CLEANUP(buf_free) struct buf again = {0};
    ENS_CLEANUP(buf_free) struct buf of_all = {0};
    struct ens_err err = {0};
    bool yes = false;

    must(base64_decode(text, &bytes, &yes, &err));
    must(yes || bytes.len == 0);
    if (yes)
        must(base64_encode(buf_view(&bytes), &again, &err) && view_equal(buf_view(&again), text));
    bytes.len = 0;
    must(base64_encode(text, &of_all, &err) && base64_decode(buf_view(&of_all), &bytes, &yes, &err));
    must(text.len == 0 || (yes && view_equal(buf_view(&bytes), text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char word[300];
    size_t len = size < sizeof word - 1 ? size : sizeof word - 1;

    if (size > 0)
        memcpy(word, data, len);
    word[len] = '\0';
    check_printable(data, size);
    check_words(word);
    check_base64(view_of(data, size));
    return 0;
}
