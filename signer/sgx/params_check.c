/* The rules of the signed fields: they hold before sign-data is written, and again before it is signed. */
#include <inttypes.h>

#include "signer/sgx/params.h"

static bool is_half(uint64_t value, uint64_t feature)
{
    return (value & feature) != 0 && (value & feature) != feature;
}

static bool check_attributes(const struct sigstruct *css, bool bit32, struct ens_err *err)
{
    uint64_t value = sigstruct_get_int(css, CSS_ATTRIBUTES);

    if ((value & ATTR_INIT) != 0)
        return ens_fail(err, ENS_DATA, "ATTRIBUTES: INIT is set, but it is 0 until EINIT: clear bit 0x1");
    if ((value & ATTR_MODE64BIT) == 0 && !bit32)
        return ens_fail(err, ENS_DATA,
                        "ATTRIBUTES: MODE64BIT is clear: set bit 0x4, or say --32bit for a 32-bit enclave");
    if ((value & ~ATTR_KNOWN) != 0)
        return ens_fail(err, ENS_DATA, "ATTRIBUTES: reserved bits 0x%" PRIx64 " are set: clear them",
                        value & ~ATTR_KNOWN);
    bool has_kss_id = !view_is_zero(sigstruct_get(css, CSS_ISVFAMILYID)) ||
                      !view_is_zero(sigstruct_get(css, CSS_ISVEXTPRODID));

    if (has_kss_id && (value & ATTR_KSS) == 0)
        return ens_fail(err, ENS_DATA,
                        "ISVFAMILYID or ISVEXTPRODID is set without KSS: set bit 0x80 of ATTRIBUTES");
    return true;
}

static bool check_xfrm(const struct sigstruct *css, struct ens_err *err)
{
    uint64_t value = sigstruct_get_int(css, CSS_XFRM);

    if ((value & XFRM_X87_SSE) != XFRM_X87_SSE)
        return ens_fail(err, ENS_DATA,
                        "XFRM: x87 and SSE are not both set: every enclave has them, set bits 0x3");
    if (is_half(value, XFRM_MPX))
        return ens_fail(err, ENS_DATA, "XFRM: half of MPX is set: set both bits of 0x18, or none");
    if (is_half(value, XFRM_AVX512))
        return ens_fail(err, ENS_DATA, "XFRM: a part of AVX-512 is set: set all bits of 0xe0, or none");
    if ((value & XFRM_AVX512) != 0 && (value & XFRM_AVX) == 0)
        return ens_fail(err, ENS_DATA, "XFRM: AVX-512 is set without AVX: set bit 0x4 as well");
    if (is_half(value, XFRM_AMX))
        return ens_fail(err, ENS_DATA, "XFRM: half of AMX is set: set both bits of 0x60000, or none");
    if ((value & ~XFRM_KNOWN) != 0)
        return ens_fail(err, ENS_DATA, "XFRM: reserved bits 0x%" PRIx64 " are set: clear them",
                        value & ~XFRM_KNOWN);
    return true;
}

bool params_check(const struct sigstruct *css, bool bit32, struct ens_err *err)
{
    uint64_t vendor = sigstruct_get_int(css, CSS_VENDOR);

    if (vendor != 0 && vendor != VENDOR_INTEL)
        return ens_fail(err, ENS_DATA, "VENDOR: 0x%" PRIx64 " is refused by EINIT: it must be 0 or 0x8086",
                        vendor);
    if (view_is_zero(sigstruct_get(css, CSS_ENCLAVEHASH)))
        return ens_fail(err, ENS_DATA, "ENCLAVEHASH: is zero: no enclave has that MRENCLAVE");
    return check_attributes(css, bit32, err) && check_xfrm(css, err);
}
