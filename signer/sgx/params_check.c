/* The rules of the signed fields: they hold before sign-data is written, and again before it is signed. */
#include <inttypes.h>
#include <string.h>

#include "signer/sgx/params.h"

static bool is_half(uint64_t value, uint64_t feature)
{
    return (value & feature) != 0 && (value & feature) != feature;
}

static void judge_attributes_alone(const struct sigstruct *css, bool bit32, struct findings *ret)
{
    uint64_t value = sigstruct_get_int(css, CSS_ATTRIBUTES);
    bool has_kss_id = !view_is_zero(sigstruct_get(css, CSS_ISVFAMILYID)) ||
                      !view_is_zero(sigstruct_get(css, CSS_ISVEXTPRODID));
    bool is_enforced = (sigstruct_get_int(css, CSS_ATTRIBUTEMASK) & ATTR_KSS) != 0;

    if ((value & ATTR_INIT) != 0)
        findings_add(ret, SEVERITY_ERROR, "init", "ATTRIBUTES: INIT is set, but it is 0 until EINIT");
    if ((value & ATTR_MODE64BIT) == 0 && !bit32)
        findings_add(ret, SEVERITY_ERROR, "mode64bit", "ATTRIBUTES: MODE64BIT is clear");
    if ((value & ~ATTR_KNOWN) != 0)
        findings_add(ret, SEVERITY_ERROR, "attributes-reserved",
                     "ATTRIBUTES: reserved bits 0x%" PRIx64 " are set", value & ~ATTR_KNOWN);
    if (has_kss_id && (value & ATTR_KSS) == 0)
        findings_add(ret, SEVERITY_ERROR, is_enforced ? "kss" : "kss-open",
                     "ISVFAMILYID or ISVEXTPRODID is set without KSS");
}

static void judge_xfrm_alone(const struct sigstruct *css, struct findings *ret)
{
    uint64_t value = sigstruct_get_int(css, CSS_XFRM);
    uint64_t reserved = value & ~XFRM_KNOWN;

    if ((value & XFRM_X87_SSE) != XFRM_X87_SSE)
        findings_add(ret, SEVERITY_ERROR, "xfrm-sse", "XFRM: x87 and SSE are not both set");
    if (is_half(value, XFRM_MPX))
        findings_add(ret, SEVERITY_ERROR, "xfrm-mpx", "XFRM: half of MPX is set");
    if (is_half(value, XFRM_AVX512))
        findings_add(ret, SEVERITY_ERROR, "xfrm-avx512", "XFRM: a part of AVX-512 is set");
    if ((value & XFRM_AVX512) != 0 && (value & XFRM_AVX) == 0)
        findings_add(ret, SEVERITY_ERROR, "xfrm-avx", "XFRM: AVX-512 is set without AVX");
    if (is_half(value, XFRM_AMX))
        findings_add(ret, SEVERITY_ERROR, "xfrm-amx", "XFRM: half of AMX is set");
    if (reserved != 0)
        findings_add(ret, SEVERITY_ERROR, reserved == XFRM_BIT_63 ? "xfrm-63" : "xfrm-reserved",
                     "XFRM: reserved bits 0x%" PRIx64 " are set", reserved);
}

void params_judge(const struct sigstruct *css, bool bit32, struct findings *ret)
{
    uint64_t vendor = sigstruct_get_int(css, CSS_VENDOR);

    if (vendor != 0 && vendor != VENDOR_INTEL)
        findings_add(ret, SEVERITY_ERROR, "vendor", "VENDOR: 0x%" PRIx64 " is refused by EINIT", vendor);
    if (view_is_zero(sigstruct_get(css, CSS_ENCLAVEHASH)))
        findings_add(ret, SEVERITY_ERROR, "enclavehash", "ENCLAVEHASH: is zero");
    judge_attributes_alone(css, bit32, ret);
    judge_xfrm_alone(css, ret);
}

bool params_check(const struct sigstruct *css, bool bit32, struct ens_err *err)
{
    static const struct {
        const char *rule, *remedy;
    } remedies[] = {
        {"vendor", "it must be 0 or 0x8086"},
        {"enclavehash", "no enclave has that MRENCLAVE"},
        {"init", "clear bit 0x1"},
        {"mode64bit", "set bit 0x4, or, for a 32-bit enclave, give gen-sign-data --32bit"},
        {"kss", "set bit 0x80 of ATTRIBUTES"},
        {"kss-open", "set bit 0x80 of ATTRIBUTES"},
        {"xfrm-sse", "every enclave has them, set bits 0x3"},
        {"xfrm-mpx", "set both bits of 0x18, or none"},
        {"xfrm-avx512", "set all bits of 0xe0, or none"},
        {"xfrm-avx", "set bit 0x4 as well"},
        {"xfrm-amx", "set both bits of 0x60000, or none"},
    };
    struct findings found = {0};
    const char *remedy = "clear them";

    params_judge(css, bit32, &found);
    if (found.len == 0)
        return true;
    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
        if (strcmp(found.items[0].rule, remedies[i].rule) == 0)
            remedy = remedies[i].remedy;
    }
    return ens_fail(err, ENS_DATA, "%s: %s", found.items[0].text, remedy);
}
