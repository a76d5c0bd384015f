/* One sign-data in full, and the summary below it: the screens of ensign(7), 80 columns wide. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"
#include "signer/sgx/bits.h"
#include "signer/sgx/layout.h"

/* Columns of labels, and of a hash behind one. */
#define LABEL 12

#define PHRASE_MAX (BITS_TEXT_MAX + 64)

/* ---- a value and its mask ---- */

static uint64_t all_bits(enum css_field field)
{
    return css_table[field].size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * css_table[field].size) - 1;
}

/* Bits that have names; for others the digits of the mask are shorter. */
static bool are_named(enum css_field field, uint64_t bits)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((bits >> bit & 1) != 0 && bits_name(field, bit) == NULL)
            return false;
    }
    return true;
}

/* The bits that the mask leaves open, in words; no two masks have the same. */
static const char *mask_phrase(const struct sigstruct *css, enum css_field value, enum css_field mask,
                               char ret[static PHRASE_MAX])
{
    uint64_t open = ~sigstruct_get_int(css, mask) & all_bits(mask);
    bool is_plain = sigstruct_get_int(css, value) == XFRM_X87_SSE;
    char names[BITS_TEXT_MAX];

    if (open == 0)
        (void)snprintf(ret, PHRASE_MAX, "every bit enforced");
    else if (value == CSS_XFRM && open == XFRM_X87_SSE)
        (void)snprintf(ret, PHRASE_MAX, "other features off%s", is_plain ? ", as usual" : "");
    else if (value == CSS_XFRM && open == XFRM_INTEL_OPEN)
        (void)snprintf(ret, PHRASE_MAX, "AVX and AVX-512 left to the host, as usual");
    else if (are_named(value, open))
        (void)snprintf(ret, PHRASE_MAX, "not enforced: %s", bits_text(value, open, names));
    else
        (void)snprintf(ret, PHRASE_MAX, "enforced by the mask %0*" PRIx64, 2 * (int)css_table[mask].size,
                       sigstruct_get_int(css, mask));
    return ret;
}

/* The columns of digits, names and mask. */
static bool add_bit_words(const struct sigstruct *css, enum css_field value, enum css_field mask,
                          struct buf *ret, struct ens_err *err)
{
    char digits[24];
    char names[BITS_TEXT_MAX];
    char phrase[PHRASE_MAX];
    uint64_t v = sigstruct_get_int(css, value);

    (void)snprintf(digits, sizeof digits, "%0*" PRIx64, 2 * (int)css_table[value].size, v);
    return text_line(ret, err, "  %-*s%s%-16s  %-12s  %s", LABEL, css_table[value].name,
                     strlen(css_table[value].name) >= LABEL ? " " : "", digits, bits_text(value, v, names),
                     mask_phrase(css, value, mask, phrase));
}

/* ---- the fields ---- */

static bool add_hash_line(const char *label, const uint8_t hash[static 32], const struct review_form *form,
                          const char *note, struct buf *ret, struct ens_err *err)
{
    char hex[2 * 32 + 1];

    if (!form->grouped) {
        hex_encode(hex, view_of(hash, 32));
        return text_line(ret, err, "  %-*s%s%s%s", LABEL, label, hex, note != NULL ? "  " : "",
                         note != NULL ? note : "");
    }
    return (note != NULL ? text_line(ret, err, "  %-40s%s", label, note)
                         : text_line(ret, err, "  %s", label)) &&
           review_groups(hash, ret, err);
}

static bool add_id(const char *label, struct view id, struct buf *ret, struct ens_err *err)
{
    if (view_is_zero(id))
        return true;
    return text_line(ret, err, "  %-*s %s", LABEL, label, hex_of(view_slice(id, 0, 16)).text);
}

/* Fields that hardly anybody sets. */
static bool add_rare(const struct sigstruct *css, struct buf *ret, struct ens_err *err)
{
    uint64_t swdefined = sigstruct_get_int(css, CSS_SWDEFINED);
    uint64_t vendor = sigstruct_get_int(css, CSS_VENDOR);
    bool cet = sigstruct_get_int(css, CSS_CET_ATTRIBUTES) != 0 ||
               sigstruct_get_int(css, CSS_CET_ATTRIBUTES_MASK) != 0;

    return (!cet || add_bit_words(css, CSS_CET_ATTRIBUTES, CSS_CET_ATTRIBUTES_MASK, ret, err)) &&
           (swdefined == 0 || text_line(ret, err, "  %-*s%" PRIu64, LABEL, "SWDEFINED", swdefined)) &&
           (vendor == 0 || text_line(ret, err, "  %-*s0x%" PRIx64, LABEL, "VENDOR", vendor)) &&
           add_id("ISVFAMILYID", sigstruct_get(css, CSS_ISVFAMILYID), ret, err) &&
           add_id("ISVEXTPRODID", sigstruct_get(css, CSS_ISVEXTPRODID), ret, err);
}

static bool add_field_lines(const struct review *r, struct buf *ret, struct ens_err *err)
{
    const struct sigstruct *css = r->css;
    char date[REVIEW_DATE_MAX];

    return text_line(ret, err, "  %-*s%-12" PRIu64 "ISVSVN %-13" PRIu64 "DATE %s", LABEL, "ISVPRODID",
                     sigstruct_get_int(css, CSS_ISVPRODID), sigstruct_get_int(css, CSS_ISVSVN),
                     review_date(css, date)) &&
           add_bit_words(css, CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK, ret, err) &&
           add_bit_words(css, CSS_XFRM, CSS_XFRM_MASK, ret, err) &&
           add_bit_words(css, CSS_MISCSELECT, CSS_MISCMASK, ret, err) &&
           text_line(ret, err, "  %-*s%s", LABEL, "DEBUG", review_debug(css)->words) &&
           add_rare(css, ret, err);
}

static bool add_danger_lines(const struct review *r, struct buf *ret, struct ens_err *err)
{
    struct findings found = {0};

    review_dangers(r, &found);
    for (size_t i = 0; i < found.len; i++) {
        if (!text_line(ret, err, "! %s", found.items[i].text))
            return false;
    }
    return true;
}

bool review_render(const struct review *r, const struct review_form *form, struct buf *ret,
                   struct ens_err *err)
{
    const char *when = r->css != NULL && !sigstruct_is_unsigned(r->css) ? "are" : "will be";

    if (!add_danger_lines(r, ret, err) ||
        !text_line(ret, err, "%s that %s %s",
                   r->css != NULL ? "Review of the 256 bytes" : "A digest, of unknown bytes,", when,
                   form->verb))
        return false;
    if (r->css != NULL &&
        !add_hash_line("MRENCLAVE", sigstruct_get(r->css, CSS_ENCLAVEHASH).data, form, form->note, ret, err))
        return false;
    if (r->mrsigner != NULL && !form->no_mrsigner &&
        !add_hash_line("MRSIGNER", r->mrsigner, form, NULL, ret, err))
        return false;
    return (r->css == NULL || add_field_lines(r, ret, err)) && buf_printf(ret, err, "  ") &&
           review_digest(r->digest, ret, err);
}

/* ---- the summary ---- */

bool review_rule(struct buf *ret, struct ens_err *err)
{
    static const char dashes[] =
        "----------------------------------------------------------------------------";

    return buf_printf(ret, err, "%s\n", dashes);
}

bool review_summary_line(const char *label, struct view value, unsigned columns, struct buf *ret,
                         struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf line = {0};

    return text_line(&line, err, "%-*s%.*s", LABEL, label, (int)value.len, (const char *)value.data) &&
           text_fold(buf_view(&line), columns, LABEL, ret, err);
}
