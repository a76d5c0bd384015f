/* The review as text. Reads only the bytes that the CPU will read. */
#include "signer/ceremony/review.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/ceremony/words.h"
#include "signer/sgx/bits.h"

const char *review_date(const struct sigstruct *css, char ret[static REVIEW_DATE_MAX])
{
    uint32_t bcd = (uint32_t)sigstruct_get_int(css, CSS_DATE);
    struct date d;

    if (date_of_bcd(bcd, &d))
        (void)snprintf(ret, REVIEW_DATE_MAX, "%04u-%02u-%02u", d.year % 10000, d.month % 100, d.day % 100);
    else
        (void)snprintf(ret, REVIEW_DATE_MAX, "%08" PRIx32, bcd);
    return ret;
}

const struct review_debug *review_debug(const struct sigstruct *css)
{
    static const struct review_debug phrases[2][2] = {
        {{"off, NOT enforced", "off-not-enforced"}, {"off, enforced", "off-enforced"}},
        {{"ON, not enforced", "on-not-enforced"}, {"ON, enforced", "on-enforced"}}};
    bool is_on = (sigstruct_get_int(css, CSS_ATTRIBUTES) & ATTR_DEBUG) != 0;
    bool is_enforced = (sigstruct_get_int(css, CSS_ATTRIBUTEMASK) & ATTR_DEBUG) != 0;

    return &phrases[is_on][is_enforced];
}

/* ---- fields ---- */

/* In text a date in binary is told as the day that is meant. */
static void report_date(struct report *r, const struct sigstruct *css)
{
    uint32_t value = (uint32_t)sigstruct_get_int(css, CSS_DATE);
    char date[REVIEW_DATE_MAX];
    struct date d;
    bool is_binary = !date_of_bcd(value, &d) && date_of_binary(value, &d);

    report_text(r, "date", is_binary ? NULL : "DATE", review_date(css, date));
    if (!is_binary) {
        report_null(r, "date_in_binary");
        return;
    }
    (void)snprintf(date, sizeof date, "%04u-%02u-%02u", d.year % 10000, d.month % 100, d.day % 100);
    report_text(r, "date_in_binary", NULL, date);
    report_note(r, "DATE", "%s (0x%08" PRIx32 ": in binary, as Gramine up to 1.4 wrote it)", date, value);
}

/* The bits that have a meaning; open ones among the others are not worth a word. */
static uint64_t known_bits(enum css_field value)
{
    if (value == CSS_ATTRIBUTES)
        return ATTR_KNOWN;
    if (value == CSS_XFRM)
        return XFRM_KNOWN;
    return value == CSS_MISCSELECT ? MISC_KNOWN : CET_KNOWN;
}

/* The bits that the mask leaves open, in words; "as usual" behind what no reviewer needs to think about. */
static const char *open_words(enum css_field field, uint64_t value, uint64_t open,
                              char ret[static BITS_TEXT_MAX + 32])
{
    char names[BITS_TEXT_MAX];
    bool is_usual = field == CSS_XFRM && value == XFRM_X87_SSE;

    if (open == 0)
        (void)snprintf(ret, BITS_TEXT_MAX + 32, "enforced");
    else if (is_usual && open == XFRM_X87_SSE)
        (void)snprintf(ret, BITS_TEXT_MAX + 32, "x87 and SSE left to the host, as usual");
    else if (is_usual && open == XFRM_INTEL_OPEN)
        (void)snprintf(ret, BITS_TEXT_MAX + 32, "AVX and AVX-512 left to the host, as usual");
    else
        (void)snprintf(ret, BITS_TEXT_MAX + 32, "not enforced: %s", bits_text(field, open, names));
    return ret;
}

/* A value and its mask: the bits by name, and which are enforced. */
static void report_bits(struct report *r, const char *key, const char *mask_key, const struct sigstruct *css,
                        enum css_field value, enum css_field mask, bool has_text)
{
    char names[BITS_TEXT_MAX];
    char text[BITS_TEXT_MAX + 32];
    size_t size = css_table[value].size;
    uint64_t v = sigstruct_get_int(css, value);
    uint64_t m = sigstruct_get_int(css, mask);
    uint64_t all = size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
    uint64_t open = ~m & all & known_bits(value);

    report_mask(r, key, has_text ? css_table[value].name : NULL, v, size, bits_text(value, v, names));
    report_mask(r, mask_key, has_text ? "  mask" : NULL, m, size, open_words(value, v, open, text));
}

void review_fields(const struct sigstruct *css, struct report *r)
{
    uint64_t swdefined = sigstruct_get_int(css, CSS_SWDEFINED);
    uint64_t vendor = sigstruct_get_int(css, CSS_VENDOR);
    struct view family = sigstruct_get(css, CSS_ISVFAMILYID);
    struct view product = sigstruct_get(css, CSS_ISVEXTPRODID);
    bool has_cet = sigstruct_get_int(css, CSS_CET_ATTRIBUTES) != 0 ||
                   sigstruct_get_int(css, CSS_CET_ATTRIBUTES_MASK) != 0;

    report_uint(r, "isvprodid", "ISVPRODID", sigstruct_get_int(css, CSS_ISVPRODID));
    report_uint(r, "isvsvn", "ISVSVN", sigstruct_get_int(css, CSS_ISVSVN));
    report_date(r, css);
    if (swdefined != 0)
        report_note(r, "SWDEFINED", "%" PRIu64, swdefined);
    if (vendor != 0)
        report_note(r, "VENDOR", "0x%" PRIx64, vendor);
    report_bits(r, "attributes", "attributes_mask", css, CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK, true);
    report_bits(r, "xfrm", "xfrm_mask", css, CSS_XFRM, CSS_XFRM_MASK, true);
    report_bits(r, "miscselect", "miscselect_mask", css, CSS_MISCSELECT, CSS_MISCMASK, true);
    report_bits(r, "cet_attributes", "cet_attributes_mask", css, CSS_CET_ATTRIBUTES, CSS_CET_ATTRIBUTES_MASK,
                has_cet);
    report_text(r, "debug", NULL, review_debug(css)->key);
    report_mask(r, "swdefined", NULL, swdefined, 4, NULL);
    report_mask(r, "vendor", NULL, vendor, 4, NULL);
    report_hex(r, "isvfamilyid", view_is_zero(family) ? NULL : "ISVFAMILYID", family);
    report_hex(r, "isvextprodid", view_is_zero(product) ? NULL : "ISVEXTPRODID", product);
}

void review_item_facts(const struct sigstruct *css, struct report *r)
{
    char date[REVIEW_DATE_MAX];

    if (css == NULL) {
        report_null(r, "isvprodid");
        report_null(r, "isvsvn");
        report_null(r, "date");
        report_null(r, "debug");
        return;
    }
    report_uint(r, "isvprodid", NULL, sigstruct_get_int(css, CSS_ISVPRODID));
    report_uint(r, "isvsvn", NULL, sigstruct_get_int(css, CSS_ISVSVN));
    report_text(r, "date", NULL, review_date(css, date));
    report_text(r, "debug", NULL, review_debug(css)->key);
}

/* ---- hashes ---- */

const char *review_short(const uint8_t hash[static 32], char ret[static REVIEW_SHORT_MAX])
{
    char head[9];
    char tail[9];

    hex_encode(head, view_of(hash, 4));
    hex_encode(tail, view_of(hash + 28, 4));
    (void)snprintf(ret, REVIEW_SHORT_MAX, "%s ... %s", head, tail);
    return ret;
}

bool review_groups(const uint8_t hash[static 32], struct buf *ret, struct ens_err *err)
{
    return buf_printf(ret, err, "  %s\n", hex_for(view_of(hash, 32), true).text);
}

bool review_rows_of_words(const uint8_t hash[static 32], struct buf *ret, struct ens_err *err)
{
    for (size_t i = 0; i < 32; i++) {
        if ((i % 8 == 0 && !buf_printf(ret, err, "  %zu", i / 8 + 1)) ||
            !buf_printf(ret, err, " %s%s", words_of(hash[i], i % 2 != 0), i % 8 == 7 ? "\n" : ""))
            return false;
    }
    return true;
}

const char *review_first_words(const uint8_t hash[static 32], char ret[static REVIEW_WORDS_MAX])
{
    (void)snprintf(ret, REVIEW_WORDS_MAX, "%s %s %s %s", words_of(hash[0], false), words_of(hash[8], false),
                   words_of(hash[16], false), words_of(hash[24], false));
    return ret;
}

bool review_digest(const uint8_t digest[static 32], struct buf *ret, struct ens_err *err)
{
    return buf_printf(ret, err, "SHA-256 to be signed\n") && review_groups(digest, ret, err) &&
           review_rows_of_words(digest, ret, err);
}
