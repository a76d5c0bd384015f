/* The review as text. Reads only the bytes that the CPU will read. */
#include "signer/ceremony/review.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/ceremony/words.h"
#include "signer/sgx/bits.h"

/* Columns of the field names. */
#define DATE_LINE_MAX 80
#define NAME_WIDTH    13

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

/* The same for a line: a date in binary is told as the day that is meant. */
static const char *date_line(const struct sigstruct *css, char ret[static DATE_LINE_MAX])
{
    uint32_t value = (uint32_t)sigstruct_get_int(css, CSS_DATE);
    char date[REVIEW_DATE_MAX];
    struct date d;

    if (!date_of_bcd(value, &d) && date_of_binary(value, &d))
        (void)snprintf(ret, DATE_LINE_MAX,
                       "%04u-%02u-%02u (0x%08" PRIx32 ": in binary, as Gramine up to 1.4 wrote it)",
                       d.year % 10000, d.month % 100, d.day % 100, value);
    else
        (void)snprintf(ret, DATE_LINE_MAX, "%s", review_date(css, date));
    return ret;
}

/* ---- fields ---- */

static bool add_line(struct buf *ret, unsigned indent, const char *name, const char *value,
                     struct ens_err *err)
{
    return buf_printf(ret, err, "%*s%-*s %s\n", (int)indent, "", NAME_WIDTH, name, value);
}

static bool add_hex(struct buf *ret, unsigned indent, const char *name, struct view v, struct ens_err *err)
{
    char hex[2 * 32 + 1];

    hex_encode(hex, view_slice(v, 0, v.len < 32 ? v.len : 32));
    return add_line(ret, indent, name, hex, err);
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

/* A value and its mask: the bits by name, and which are enforced. */
static bool add_bits(struct buf *ret, unsigned indent, const struct sigstruct *css, enum css_field value,
                     enum css_field mask, struct ens_err *err)
{
    char names[BITS_TEXT_MAX];
    char text[BITS_TEXT_MAX + 32];
    int width = 2 * css_table[value].size;
    uint64_t v = sigstruct_get_int(css, value);
    uint64_t m = sigstruct_get_int(css, mask);

    (void)snprintf(text, sizeof text, "%0*" PRIx64 "  %s", width, v, bits_text(value, v, names));
    if (!add_line(ret, indent, css_table[value].name, text, err))
        return false;
    uint64_t all = css_table[value].size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * css_table[value].size) - 1;

    uint64_t open = ~m & all & known_bits(value);

    (void)snprintf(text, sizeof text, "%0*" PRIx64 "  %s%s", width, m,
                   open == 0 ? "enforced" : "not enforced: ", open == 0 ? "" : bits_text(value, open, names));
    return add_line(ret, indent, "  mask", text, err);
}

static bool add_kss(struct buf *ret, unsigned indent, const struct sigstruct *css, struct ens_err *err)
{
    struct view family = sigstruct_get(css, CSS_ISVFAMILYID);
    struct view product = sigstruct_get(css, CSS_ISVEXTPRODID);

    if (!view_is_zero(family) && !add_hex(ret, indent, "ISVFAMILYID", family, err))
        return false;
    return view_is_zero(product) || add_hex(ret, indent, "ISVEXTPRODID", product, err);
}

bool review_fields(const struct sigstruct *css, unsigned indent, struct buf *ret, struct ens_err *err)
{
    char date[DATE_LINE_MAX];
    uint64_t swdefined = sigstruct_get_int(css, CSS_SWDEFINED);
    uint64_t vendor = sigstruct_get_int(css, CSS_VENDOR);

    if (!add_hex(ret, indent, "MRENCLAVE", sigstruct_get(css, CSS_ENCLAVEHASH), err) ||
        !buf_printf(ret, err, "%*s%-*s %" PRIu64 "\n", (int)indent, "", NAME_WIDTH, "ISVPRODID",
                    sigstruct_get_int(css, CSS_ISVPRODID)) ||
        !buf_printf(ret, err, "%*s%-*s %" PRIu64 "\n", (int)indent, "", NAME_WIDTH, "ISVSVN",
                    sigstruct_get_int(css, CSS_ISVSVN)) ||
        !add_line(ret, indent, "DATE", date_line(css, date), err))
        return false;
    if (swdefined != 0 &&
        !buf_printf(ret, err, "%*s%-*s %" PRIu64 "\n", (int)indent, "", NAME_WIDTH, "SWDEFINED", swdefined))
        return false;
    if (vendor != 0 &&
        !buf_printf(ret, err, "%*s%-*s 0x%" PRIx64 "\n", (int)indent, "", NAME_WIDTH, "VENDOR", vendor))
        return false;
    if (!add_bits(ret, indent, css, CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK, err) ||
        !add_bits(ret, indent, css, CSS_XFRM, CSS_XFRM_MASK, err) ||
        !add_bits(ret, indent, css, CSS_MISCSELECT, CSS_MISCMASK, err))
        return false;
    bool cet = sigstruct_get_int(css, CSS_CET_ATTRIBUTES) != 0 ||
               sigstruct_get_int(css, CSS_CET_ATTRIBUTES_MASK) != 0;

    if (cet && !add_bits(ret, indent, css, CSS_CET_ATTRIBUTES, CSS_CET_ATTRIBUTES_MASK, err))
        return false;
    return add_kss(ret, indent, css, err);
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
    for (size_t i = 0; i < 8; i++) {
        char group[9];

        hex_encode(group, view_of(hash + 4 * i, 4));
        if (!buf_printf(ret, err, "%s%s%s", i == 0 ? "  " : " ", group, i == 7 ? "\n" : ""))
            return false;
    }
    return true;
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
