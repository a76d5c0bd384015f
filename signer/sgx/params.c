/* The signer's values: options to fields. */
#include "signer/sgx/params.h"

#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/base/num.h"

#define DEFAULT_ATTRIBUTES      ATTR_MODE64BIT
#define DEFAULT_ATTRIBUTES_OPEN ATTR_DEBUG /* not enforced: orc's default, which every review warns of */
#define DEFAULT_XFRM            XFRM_X87_SSE
#define DEFAULT_XFRM_OPEN       XFRM_X87_SSE

bool params_any(const struct params *p)
{
    return p->date != NULL || p->swdefined != NULL || p->isvprodid != NULL || p->isvsvn != NULL ||
           p->miscselect != NULL || p->attributes != NULL || p->xfrm != NULL || p->cet_attributes != NULL ||
           p->isvfamilyid != NULL || p->isvextprodid != NULL || p->bit32 || p->debug || p->forbid_debug;
}

static void put_defaults(struct sigstruct *css)
{
    sigstruct_init(css);
    sigstruct_put_int(css, CSS_MISCMASK, UINT32_MAX);
    sigstruct_put_int(css, CSS_ATTRIBUTES, DEFAULT_ATTRIBUTES);
    sigstruct_put_int(css, CSS_ATTRIBUTEMASK, ~DEFAULT_ATTRIBUTES_OPEN);
    sigstruct_put_int(css, CSS_XFRM, DEFAULT_XFRM);
    sigstruct_put_int(css, CSS_XFRM_MASK, ~DEFAULT_XFRM_OPEN);
}

static bool put_number(struct sigstruct *css, enum css_field field, const char *text, const char *option,
                       struct ens_err *err)
{
    uint64_t max = css_table[field].size == 8 ? UINT64_MAX : (1ull << 8 * css_table[field].size) - 1;
    uint64_t value = 0;

    if (text == NULL)
        return true;
    if (!num_parse(text, option, max, &value, err))
        return false;
    sigstruct_put_int(css, field, value);
    return true;
}

/* V/M: the field gets V, its mask gets the inverse of M. */
static bool put_pair(struct sigstruct *css, enum css_field field, enum css_field mask, const char *text,
                     const char *option, struct ens_err *err)
{
    uint64_t max = css_table[field].size == 8 ? UINT64_MAX : (1ull << 8 * css_table[field].size) - 1;
    uint64_t value = 0;
    uint64_t open = 0;

    if (text == NULL)
        return true;
    if (!num_parse_pair(text, option, max, &value, &open, err))
        return false;
    sigstruct_put_int(css, field, value);
    sigstruct_put_int(css, mask, ~open & max);
    return true;
}

static bool put_hex16(struct sigstruct *css, enum css_field field, const char *text, const char *option,
                      struct ens_err *err)
{
    uint8_t bytes[16];

    if (text == NULL)
        return true;
    if (!hex_decode(text, option, bytes, sizeof bytes, err))
        return false;
    sigstruct_put(css, field, view_of(bytes, sizeof bytes));
    return true;
}

/* --32bit, --debug and --forbid-debug work on what --attributes left, as in orc. */
static void put_attribute_switches(struct sigstruct *css, const struct params *p)
{
    uint64_t value = sigstruct_get_int(css, CSS_ATTRIBUTES);
    uint64_t mask = sigstruct_get_int(css, CSS_ATTRIBUTEMASK);

    if (p->bit32) {
        value &= ~ATTR_MODE64BIT;
        mask |= ATTR_MODE64BIT;
    }
    if (p->debug) {
        value |= ATTR_DEBUG;
        mask &= ~ATTR_DEBUG;
    }
    if (p->forbid_debug) {
        value &= ~ATTR_DEBUG;
        mask |= ATTR_DEBUG;
    }
    sigstruct_put_int(css, CSS_ATTRIBUTES, value);
    sigstruct_put_int(css, CSS_ATTRIBUTEMASK, mask);
}

static bool put_date(struct sigstruct *css, const struct params *p, const struct sigstruct *from,
                     uint32_t today, struct ens_err *err)
{
    struct date d;

    if (p->date == NULL) {
        if (from == NULL)
            sigstruct_put_int(css, CSS_DATE, today);
        return true;
    }
    if (!date_parse(p->date, "--date", &d, err))
        return false;
    sigstruct_put_int(css, CSS_DATE, date_to_bcd(d));
    return true;
}

bool params_build(const struct params *p, const struct sigstruct *from, uint32_t today, struct sigstruct *ret,
                  struct ens_err *err)
{
    struct sigstruct css;

    if (p->debug && p->forbid_debug)
        return ens_fail(err, ENS_USAGE, "--debug and --forbid-debug contradict each other: give one");
    if (from != NULL)
        css = *from;
    else
        put_defaults(&css);
    if (!put_date(&css, p, from, today, err) ||
        !put_number(&css, CSS_SWDEFINED, p->swdefined, "--swdefined", err) ||
        !put_number(&css, CSS_ISVPRODID, p->isvprodid, "--isvprodid", err) ||
        !put_number(&css, CSS_ISVSVN, p->isvsvn, "--isvsvn", err) ||
        !put_pair(&css, CSS_MISCSELECT, CSS_MISCMASK, p->miscselect, "--miscselect", err) ||
        !put_pair(&css, CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK, p->attributes, "--attributes", err) ||
        !put_pair(&css, CSS_XFRM, CSS_XFRM_MASK, p->xfrm, "--xfrm", err) ||
        !put_pair(&css, CSS_CET_ATTRIBUTES, CSS_CET_ATTRIBUTES_MASK, p->cet_attributes, "--cet-attributes",
                  err) ||
        !put_hex16(&css, CSS_ISVFAMILYID, p->isvfamilyid, "--isvfamilyid", err) ||
        !put_hex16(&css, CSS_ISVEXTPRODID, p->isvextprodid, "--isvextprodid", err))
        return false;
    put_attribute_switches(&css, p);
    *ret = css;
    return true;
}
