/* The judge of a SIGSTRUCT, in the order of EINIT. Shares with the building side only the table of
 * layout.h and the arithmetic of rsa3072. */
#include "signer/sgx/verify.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/hex.h"
#include "signer/sgx/bits.h"
#include "signer/sgx/rsa3072.h"

/* A value and its mask: which bits must be 1, which must be 0, and which are open. */
struct demand {
    uint64_t ones;
    uint64_t zeros;
};

static struct demand demand_of(const struct sigstruct *css, enum css_field value, enum css_field mask)
{
    uint64_t v = sigstruct_get_int(css, value);
    uint64_t m = sigstruct_get_int(css, mask);

    return (struct demand){.ones = v & m, .zeros = ~v & m};
}

static void judge_fixed(const struct sigstruct *css, struct findings *ret)
{
    for (int f = 0; f < CSS_FIELDS; f++) {
        struct view v = sigstruct_get(css, (enum css_field)f);
        char hex[33] = "";

        if (sigstruct_is_as_fixed(css, (enum css_field)f))
            continue;
        if (css_table[f].kind == CSS_RESERVED) {
            findings_add(ret, SEVERITY_ERROR, "reserved", "%s is not zero", css_table[f].name);
            continue;
        }
        hex_encode(hex, view_slice(v, 0, 16));
        findings_add(ret, SEVERITY_ERROR, "header", "%s is %s", css_table[f].name, hex);
    }
    uint64_t vendor = sigstruct_get_int(css, CSS_VENDOR);

    if (vendor != 0 && vendor != VENDOR_INTEL)
        findings_add(ret, SEVERITY_ERROR, "vendor", "VENDOR is 0x%" PRIx64, vendor);
}

static void judge_debug(struct demand attributes, struct findings *ret)
{
    if ((attributes.ones & ATTR_DEBUG) != 0)
        findings_add(ret, SEVERITY_WARNING, "debug", "DEBUG is demanded: a debug-only enclave");
    else if ((attributes.zeros & ATTR_DEBUG) == 0)
        findings_add(ret, SEVERITY_WARNING, "debug-open",
                     "DEBUG is not enforced: the enclave may be started in debug mode");
}

static void judge_attributes(const struct sigstruct *css, struct findings *ret)
{
    struct demand attributes = demand_of(css, CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK);
    uint64_t unused = sigstruct_get_int(css, CSS_ATTRIBUTES) & ~sigstruct_get_int(css, CSS_ATTRIBUTEMASK);
    char names[BITS_TEXT_MAX];

    if ((attributes.ones & ATTR_INIT) != 0)
        findings_add(ret, SEVERITY_ERROR, "init", "INIT is demanded, but SECS.ATTRIBUTES.INIT is 0 at EINIT");
    judge_debug(attributes, ret);
    if (unused != 0)
        findings_add(ret, SEVERITY_WARNING, "attributes-open",
                     "ATTRIBUTES bits outside the mask mean nothing: %.120s",
                     bits_text(CSS_ATTRIBUTES, unused, names));
    if ((attributes.ones & ATTR_MODE64BIT) == 0)
        findings_add(ret, SEVERITY_WARNING, "mode64bit", "MODE64BIT is not demanded");
    if ((attributes.ones & ~ATTR_KNOWN) != 0)
        findings_add(ret, SEVERITY_WARNING, "attributes-reserved",
                     "reserved ATTRIBUTES bits are demanded: 0x%" PRIx64, attributes.ones & ~ATTR_KNOWN);
    if ((attributes.ones & ATTR_EINITTOKENKEY) != 0)
        findings_add(ret, SEVERITY_WARNING, "einittokenkey",
                     "EINITTOKENKEY: only a signer in IA32_SGXLEPUBKEYHASH may use it");
}

static void judge_kss(const struct sigstruct *css, struct findings *ret)
{
    struct demand attributes = demand_of(css, CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK);

    if (view_is_zero(sigstruct_get(css, CSS_ISVFAMILYID)) &&
        view_is_zero(sigstruct_get(css, CSS_ISVEXTPRODID)))
        return;
    if ((attributes.zeros & ATTR_KSS) != 0)
        findings_add(ret, SEVERITY_ERROR, "kss", "ISVFAMILYID/ISVEXTPRODID set, but KSS is demanded to be 0");
    else if ((attributes.ones & ATTR_KSS) == 0)
        findings_add(ret, SEVERITY_WARNING, "kss-open",
                     "ISVFAMILYID/ISVEXTPRODID set, but KSS is not demanded");
}

/* Is one bit of the feature demanded to be 1 and another to be 0? XCR0 has all of them or none. */
static bool demands_half(struct demand xfrm, uint64_t feature)
{
    return (xfrm.ones & feature) != 0 && (xfrm.zeros & feature) != 0;
}

static void judge_xfrm(const struct sigstruct *css, struct findings *ret)
{
    struct demand xfrm = demand_of(css, CSS_XFRM, CSS_XFRM_MASK);

    if ((xfrm.zeros & XFRM_X87_SSE) != 0)
        findings_add(ret, SEVERITY_ERROR, "xfrm-sse", "XFRM demands x87/SSE to be 0, which no SECS can have");
    if (demands_half(xfrm, XFRM_MPX))
        findings_add(ret, SEVERITY_ERROR, "xfrm-mpx", "XFRM demands half of MPX (bits 3 and 4)");
    if (demands_half(xfrm, XFRM_AVX512))
        findings_add(ret, SEVERITY_ERROR, "xfrm-avx512", "XFRM demands a part of AVX-512 (bits 5, 6 and 7)");
    if ((xfrm.ones & XFRM_AVX512) != 0 && (xfrm.zeros & XFRM_AVX) != 0)
        findings_add(ret, SEVERITY_ERROR, "xfrm-avx", "XFRM demands AVX-512 without AVX");
    if (demands_half(xfrm, XFRM_AMX))
        findings_add(ret, SEVERITY_ERROR, "xfrm-amx", "XFRM demands half of AMX (bits 17 and 18)");
    if ((xfrm.ones & XFRM_BIT_63) != 0)
        findings_add(ret, SEVERITY_ERROR, "xfrm-63", "XFRM demands bit 63, which XCR0 cannot have");
    uint64_t reserved = xfrm.ones & ~XFRM_KNOWN & ~XFRM_BIT_63;

    if (reserved != 0)
        findings_add(ret, SEVERITY_WARNING, "xfrm-reserved", "reserved XFRM bits are demanded: 0x%" PRIx64,
                     reserved);
}

static void judge_misc_and_cet(const struct sigstruct *css, struct findings *ret)
{
    struct demand misc = demand_of(css, CSS_MISCSELECT, CSS_MISCMASK);
    uint64_t cet = sigstruct_get_int(css, CSS_CET_ATTRIBUTES);

    if ((misc.ones & ~(uint64_t)MISC_KNOWN) != 0)
        findings_add(ret, SEVERITY_WARNING, "miscselect-reserved",
                     "reserved MISCSELECT bits are demanded: 0x%" PRIx64, misc.ones & ~(uint64_t)MISC_KNOWN);
    if (cet != 0 && (sigstruct_get_int(css, CSS_ATTRIBUTES) & ATTR_CET) == 0)
        findings_add(ret, SEVERITY_WARNING, "cet",
                     "CET_ATTRIBUTES set without ATTRIBUTES.CET (reserved before CET)");
    if ((cet & ~(uint64_t)CET_KNOWN) != 0)
        findings_add(ret, SEVERITY_WARNING, "cet-reserved",
                     "reserved CET_ATTRIBUTES bits are set: 0x%" PRIx64, cet & ~(uint64_t)CET_KNOWN);
}

static void judge_date(const struct sigstruct *css, struct findings *ret)
{
    uint32_t bcd = (uint32_t)sigstruct_get_int(css, CSS_DATE);
    struct date d;

    if (!date_of_bcd(bcd, &d))
        findings_add(ret, SEVERITY_WARNING, "date", "DATE %08" PRIx32 " is no date (the CPU does not look)",
                     bcd);
}

void verify_signed_fields(const struct sigstruct *css, struct findings *ret)
{
    judge_kss(css, ret);
    judge_attributes(css, ret);
    judge_xfrm(css, ret);
    judge_misc_and_cet(css, ret);
    judge_date(css, ret);
}

void verify_key_of(const struct sigstruct *css, struct pubkey *ret)
{
    bytes_reverse(ret->modulus, sigstruct_get(css, CSS_MODULUS).data, PUBKEY_SIZE);
}

static unsigned count_bits(const uint8_t *big_endian, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (big_endian[i] != 0)
            return (unsigned)(8 * (len - i)) - (unsigned)(__builtin_clz(big_endian[i]) - 24);
    }
    return 0;
}

/* Compares a stored little-endian quotient with the computed big-endian one. */
static bool is_quotient(const struct sigstruct *css, enum css_field field, const uint8_t *want)
{
    uint8_t stored[SIGNATURE_SIZE];

    bytes_reverse(stored, sigstruct_get(css, field).data, sizeof stored);
    return memcmp(stored, want, sizeof stored) == 0;
}

static bool judge_arithmetic(const struct sigstruct *css, const struct pubkey *key, struct findings *ret,
                             struct ens_err *err)
{
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t digest[32];
    uint8_t want[SIGNATURE_SIZE];
    uint8_t got[SIGNATURE_SIZE];
    uint8_t q1[SIGNATURE_SIZE];
    uint8_t q2[SIGNATURE_SIZE];
    bool fit = false;

    bytes_reverse(signature, sigstruct_get(css, CSS_SIGNATURE).data, sizeof signature);
    if (!signdata_digest(css, digest, err) || !rsa3072_recover(key, signature, got, err) ||
        !rsa3072_q1q2(key, signature, q1, q2, &fit, err))
        return false;
    rsa3072_encode(digest, want);
    if (memcmp(signature, key->modulus, sizeof signature) >= 0)
        findings_add(ret, SEVERITY_ERROR, "signature-range", "SIGNATURE is not below MODULUS");
    if (memcmp(want, got, sizeof want) != 0)
        findings_add(ret, SEVERITY_ERROR, "signature", "the RSA signature does not verify");
    if (!fit || !is_quotient(css, CSS_Q1, q1))
        findings_add(ret, SEVERITY_ERROR, "q1", "Q1 is wrong");
    if (!fit || !is_quotient(css, CSS_Q2, q2))
        findings_add(ret, SEVERITY_ERROR, "q2", "Q2 is wrong");
    return true;
}

static bool judge_rsa(const struct sigstruct *css, struct findings *ret, struct ens_err *err)
{
    struct pubkey key;
    uint64_t exponent = sigstruct_get_int(css, CSS_EXPONENT);

    verify_key_of(css, &key);
    unsigned bits = count_bits(key.modulus, PUBKEY_SIZE);

    if (exponent != PUBKEY_EXPONENT)
        findings_add(ret, SEVERITY_ERROR, "exponent", "EXPONENT is %" PRIu64, exponent);
    if (bits != PUBKEY_BITS)
        findings_add(ret, SEVERITY_ERROR, "modulus-bits", "the modulus has %u bits", bits);
    if (bits == 0)
        return true;
    if ((key.modulus[PUBKEY_SIZE - 1] & 1) == 0)
        findings_add(ret, SEVERITY_ERROR, "modulus-even", "the modulus is even");
    return judge_arithmetic(css, &key, ret, err);
}

bool verify_signature(const struct sigstruct *css, bool *ret, struct ens_err *err)
{
    struct pubkey key;
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t digest[32];

    verify_key_of(css, &key);
    bytes_reverse(signature, sigstruct_get(css, CSS_SIGNATURE).data, sizeof signature);
    *ret = false;
    return count_bits(key.modulus, PUBKEY_SIZE) == 0 ||
           (signdata_digest(css, digest, err) && rsa3072_verify(&key, digest, signature, ret, err));
}

bool verify_sigstruct(struct view bytes, struct findings *ret, struct ens_err *err)
{
    struct sigstruct css;

    if (bytes.len != SIGSTRUCT_SIZE) {
        findings_add(ret, SEVERITY_ERROR, "size", "a SIGSTRUCT is %d bytes, not %zu", SIGSTRUCT_SIZE,
                     bytes.len);
        return true;
    }
    memcpy(css.bytes, bytes.data, SIGSTRUCT_SIZE);
    judge_fixed(&css, ret);
    if (!judge_rsa(&css, ret, err))
        return false;
    verify_signed_fields(&css, ret);
    return true;
}

bool verify_is_core_rule(const char *rule)
{
    static const char *const rules[] = {
        "modulus-bits", "modulus-even", "exponent", "signature-range", "signature", "q1", "q2", "date", NULL};

    for (size_t i = 0; rules[i] != NULL; i++) {
        if (strcmp(rules[i], rule) == 0)
            return true;
    }
    return false;
}
