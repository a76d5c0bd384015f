/* Names of bits. */
#include "signer/sgx/bits.h"

#include <stdio.h>
#include <string.h>

static const char *const attributes[64] = {
    [0] = "INIT",          [1] = "DEBUG", [2] = "MODE64BIT", [4] = "PROVISIONKEY",
    [5] = "EINITTOKENKEY", [6] = "CET",   [7] = "KSS",       [10] = "AEXNOTIFY",
};
static const char *const xfrm[64] = {
    [0] = "x87",      [1] = "SSE",       [2] = "AVX",  [3] = "BNDREGS",   [4] = "BNDCSR",
    [5] = "opmask",   [6] = "ZMM_Hi256", [8] = "PT",   [9] = "PKRU",      [11] = "CET_U",
    [7] = "Hi16_ZMM", [12] = "CET_S",    [19] = "APX", [17] = "XTILECFG", [18] = "XTILEDATA",
};
static const char *const misc[64] = {[0] = "EXINFO", [1] = "CPINFO"};
static const char *const cet[64] = {
    [0] = "SH_STK_EN", [1] = "WR_SHSTK_EN", [2] = "ENDBR_EN",
    [3] = "LEG_IW_EN", [4] = "NO_TRACK_EN", [5] = "SUPPRESS_DIS",
};

const char *bits_name(enum css_field field, unsigned bit)
{
    if (bit > 63)
        return NULL;
    if (field == CSS_ATTRIBUTES)
        return attributes[bit];
    if (field == CSS_XFRM)
        return xfrm[bit];
    if (field == CSS_MISCSELECT)
        return misc[bit];
    return field == CSS_CET_ATTRIBUTES ? cet[bit] : NULL;
}

const char *bits_text(enum css_field field, uint64_t value, char ret[static BITS_TEXT_MAX])
{
    size_t len = 0;

    (void)snprintf(ret, BITS_TEXT_MAX, "%s", value == 0 ? "none" : "");
    for (unsigned bit = 0; bit < 64 && len < BITS_TEXT_MAX; bit++) {
        const char *name = bits_name(field, bit);

        if ((value >> bit & 1) == 0)
            continue;
        const char *gap = len > 0 ? " " : "";
        int n = name != NULL ? snprintf(ret + len, BITS_TEXT_MAX - len, "%s%s", gap, name)
                             : snprintf(ret + len, BITS_TEXT_MAX - len, "%sbit%u", gap, bit);

        len += n > 0 ? (size_t)n : 0;
    }
    return ret;
}
