/* Which field differs: by comparison where both sign-data are there, by search where only the digest is. */
#include "signer/sgx/diagnose_fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/digest.h"
#include "signer/base/hex.h"

static bool has_digest(const struct sigstruct *css, struct view digest, struct ens_err *err)
{
    uint8_t h[32];

    return signdata_digest(css, h, err) && view_equal(view_of(h, sizeof h), digest);
}

bool diagnose_find_date(struct sigstruct *css, const uint8_t digest[static 32], bool *ret_found,
                        struct ens_err *err)
{
    const int64_t first = date_to_days((struct date){.year = 1970, .month = 1, .day = 1});
    const int64_t last = date_to_days((struct date){.year = 2099, .month = 12, .day = 31});
    struct sigstruct tried = *css;
    struct date from = {0};
    uint8_t h[32];

    uint32_t date = (uint32_t)sigstruct_get_int(css, CSS_DATE);
    bool is_bcd = date_of_bcd(date, &from);
    bool is_binary = !is_bcd && date_of_binary(date, &from);
    int64_t top = is_bcd || is_binary ? date_to_days(from) : last;

    *ret_found = false;
    if (top < first || top > last)
        top = last;
    /* Down to the first day, then from the last one. */
    for (int64_t n = 0, days = top; n <= last - first && !*ret_found;
         n++, days = days > first ? days - 1 : last) {
        sigstruct_put_int(&tried, CSS_DATE,
                          is_binary ? date_to_binary(date_of_days(days)) : date_to_bcd(date_of_days(days)));
        if (!signdata_digest(&tried, h, err))
            return false;
        *ret_found = memcmp(h, digest, sizeof h) == 0;
    }
    if (*ret_found)
        *css = tried;
    return true;
}

const char *diagnose_value(const struct sigstruct *css, enum css_field field,
                           char ret[static DIAGNOSE_VALUE_MAX])
{
    struct view v = sigstruct_get(css, field);
    uint64_t value = v.len <= 8 ? sigstruct_get_int(css, field) : 0;

    if (field == CSS_DATE)
        (void)snprintf(ret, DIAGNOSE_VALUE_MAX, "%08" PRIx64, value);
    else if (field == CSS_ISVSVN || field == CSS_ISVPRODID || field == CSS_SWDEFINED)
        (void)snprintf(ret, DIAGNOSE_VALUE_MAX, "%" PRIu64, value);
    else if (v.len <= 8)
        (void)snprintf(ret, DIAGNOSE_VALUE_MAX, "0x%" PRIx64, value);
    else
        hex_encode(ret, view_slice(v, 0, v.len < 32 ? v.len : 32));
    return ret;
}

/* "ISVSVN is 6 there and 7 here" */
static void describe(const struct sigstruct *there, const struct sigstruct *here, enum css_field field,
                     char *ret)
{
    char a[DIAGNOSE_VALUE_MAX];
    char b[DIAGNOSE_VALUE_MAX];

    (void)snprintf(ret, DIAGNOSE_TEXT_MAX, "%s is %s there and %s here", css_table[field].name,
                   diagnose_value(there, field, a), diagnose_value(here, field, b));
}

bool diagnose_differ(const struct sigstruct *a, const struct sigstruct *b, char ret[static DIAGNOSE_TEXT_MAX])
{
    for (int f = 0; f < CSS_FIELDS; f++) {
        enum css_field field = (enum css_field)f;

        if (!css_table[f].is_signed || view_equal(sigstruct_get(a, field), sigstruct_get(b, field)))
            continue;
        describe(a, b, field, ret);
        return true;
    }
    return false;
}

/* Tries the values 0..max for one field. */
static bool find_integer(const struct sigstruct *css, enum css_field field, uint64_t max, struct view digest,
                         char *ret)
{
    struct ens_err ignored = {0};
    struct sigstruct tried = *css;

    for (uint64_t value = 0; value <= max; value++) {
        sigstruct_put_int(&tried, field, value);
        if (has_digest(&tried, digest, &ignored)) {
            describe(&tried, css, field, ret);
            return true;
        }
    }
    return false;
}

/* Tries the four states of one attribute bit: 0 or 1, enforced or open. */
static bool find_attribute(const struct sigstruct *css, uint64_t bit, struct view digest, char *ret)
{
    struct ens_err ignored = {0};

    for (int state = 0; state < 4; state++) {
        struct sigstruct tried = *css;
        uint64_t value = sigstruct_get_int(css, CSS_ATTRIBUTES) & ~bit;
        uint64_t mask = sigstruct_get_int(css, CSS_ATTRIBUTEMASK) & ~bit;

        sigstruct_put_int(&tried, CSS_ATTRIBUTES, value | ((state & 1) != 0 ? bit : 0));
        sigstruct_put_int(&tried, CSS_ATTRIBUTEMASK, mask | ((state & 2) != 0 ? bit : 0));
        if (has_digest(&tried, digest, &ignored))
            return diagnose_differ(&tried, css, ret);
    }
    return false;
}

bool diagnose_find_field(const struct sigstruct *css, struct view signed_digest,
                         char ret[static DIAGNOSE_TEXT_MAX])
{
    struct ens_err ignored = {0};
    struct sigstruct dated = *css;
    bool found = false;

    if (diagnose_find_date(&dated, signed_digest.data, &found, &ignored) && found) {
        describe(&dated, css, CSS_DATE, ret);
        return true;
    }
    return find_integer(css, CSS_ISVSVN, UINT16_MAX, signed_digest, ret) ||
           find_integer(css, CSS_ISVPRODID, UINT16_MAX, signed_digest, ret) ||
           find_integer(css, CSS_SWDEFINED, UINT16_MAX, signed_digest, ret) ||
           find_attribute(css, ATTR_DEBUG, signed_digest, ret) ||
           find_attribute(css, ATTR_MODE64BIT, signed_digest, ret) ||
           find_attribute(css, ATTR_KSS, signed_digest, ret) ||
           find_attribute(css, ATTR_PROVISIONKEY, signed_digest, ret);
}
