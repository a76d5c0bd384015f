/* The values that a loader asks for, and the SIGSTRUCT. */
#include "signer/sgx/launch.h"

#include <inttypes.h>

#include "signer/sgx/layout.h"

#define PAGE_SIZE 4096
/* GPR area of an SSA frame (Intel SDM volume 3D, "GPRSGX Region"): at the end of its last page. */
#define GPR_SIZE 184

/* End of each feature's state in the XSAVE area, standard format (CPUID leaf 0DH); PKRU's eight bytes are
 * counted as 64, as Intel's tools do. */
static uint32_t xsave_size(uint64_t xfrm)
{
    static const struct {
        uint64_t feature;
        uint32_t end;
    } areas[] = {
        {XFRM_AMX, 11008}, {XFRM_PKRU, 2752}, {XFRM_AVX512, 2688}, {XFRM_MPX, 1088}, {XFRM_AVX, 832},
    };

    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++) {
        if ((xfrm & areas[i].feature) != 0)
            return areas[i].end;
    }
    return 576; /* legacy region and XSAVE header */
}

uint32_t launch_ssa_pages(uint64_t xfrm)
{
    return (xsave_size(xfrm) + GPR_SIZE + PAGE_SIZE - 1) / PAGE_SIZE;
}

static bool changed(const struct sigstruct *old, const struct sigstruct *new, enum css_field field)
{
    return sigstruct_get_int(old, field) != sigstruct_get_int(new, field);
}

/* AEXNOTIFY is in the flags of every TCS as well, which are measured (Intel SDM volume 3D, "TCS"). */
static bool follow_attributes(uint64_t now, uint64_t wanted, uint64_t *ret, struct ens_err *err)
{
    if (((now ^ wanted) & ATTR_AEXNOTIFY) != 0)
        return ens_fail(
            err, ENS_DATA,
            "ATTRIBUTES: AEXNOTIFY cannot change in a finished enclave, its TCS pages are measured: "
            "build the enclave again");
    *ret = wanted;
    return true;
}

/* Everything that the SIGSTRUCT allows, as Intel's signing tool writes it; the loader takes of it what the
 * CPU has. */
static bool follow_xfrm(const struct sigstruct *css, uint32_t ssaframesize, uint64_t *ret,
                        struct ens_err *err)
{
    uint64_t mask = sigstruct_get_int(css, CSS_XFRM_MASK);
    uint64_t wanted = ~mask | (sigstruct_get_int(css, CSS_XFRM) & mask);

    if (launch_ssa_pages(wanted) > ssaframesize)
        return ens_fail(err, ENS_DATA,
                        "XFRM: 0x%" PRIx64 " needs SSA frames of %" PRIu32
                        " pages, the enclave was built with %" PRIu32
                        ", which is measured: demand less in XFRM and its mask, or build the enclave again",
                        wanted, launch_ssa_pages(wanted), ssaframesize);
    *ret = wanted;
    return true;
}

bool launch_follow(const struct sigstruct *old, const struct sigstruct *new, const struct launch *now,
                   struct launch *ret, struct ens_err *err)
{
    struct launch next = *now;

    if (changed(old, new, CSS_ATTRIBUTES) &&
        !follow_attributes(now->attributes, sigstruct_get_int(new, CSS_ATTRIBUTES), &next.attributes, err))
        return false;
    if ((changed(old, new, CSS_XFRM) || changed(old, new, CSS_XFRM_MASK)) &&
        !follow_xfrm(new, now->ssaframesize, &next.xfrm, err))
        return false;
    if (changed(old, new, CSS_MISCSELECT))
        next.miscselect = (uint32_t)sigstruct_get_int(new, CSS_MISCSELECT);
    *ret = next;
    return true;
}

static void judge_value(const struct sigstruct *css, enum css_field field, enum css_field mask,
                        uint64_t asked, struct findings *ret)
{
    uint64_t enforced = sigstruct_get_int(css, mask);
    uint64_t wanted = sigstruct_get_int(css, field);

    if (((asked ^ wanted) & enforced) != 0)
        findings_add(ret, SEVERITY_ERROR, "launch",
                     "the loader asks for %s 0x%" PRIx64 ", but the SIGSTRUCT demands 0x%" PRIx64
                     " in 0x%" PRIx64,
                     css_table[field].name, asked, wanted & enforced, enforced);
}

void launch_judge(const struct sigstruct *css, const struct launch *launch, struct findings *ret)
{
    uint64_t mask = sigstruct_get_int(css, CSS_ATTRIBUTEMASK);

    /* The loader sets or clears DEBUG by what its caller says. */
    judge_value(css, CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK,
                (launch->attributes & ~ATTR_DEBUG) |
                    (sigstruct_get_int(css, CSS_ATTRIBUTES) & mask & ATTR_DEBUG),
                ret);
    /* It clears the features that the CPU lacks, so that only what is demanded can be missing. */
    uint64_t missing =
        sigstruct_get_int(css, CSS_XFRM) & sigstruct_get_int(css, CSS_XFRM_MASK) & ~launch->xfrm;
    uint64_t forbidden =
        ~sigstruct_get_int(css, CSS_XFRM) & sigstruct_get_int(css, CSS_XFRM_MASK) & launch->xfrm;

    if (missing != 0)
        findings_add(ret, SEVERITY_ERROR, "launch",
                     "the loader does not ask for XFRM 0x%" PRIx64 ", which the SIGSTRUCT demands", missing);
    if (forbidden != 0)
        findings_add(ret, SEVERITY_ERROR, "launch",
                     "the loader asks for XFRM 0x%" PRIx64 ", which the SIGSTRUCT forbids", forbidden);
    /* It asks for what the SIGSTRUCT says as well, so that only too much can be asked for. */
    judge_value(css, CSS_MISCSELECT, CSS_MISCMASK,
                launch->miscselect | sigstruct_get_int(css, CSS_MISCSELECT), ret);
    if (launch_ssa_pages(launch->xfrm) > launch->ssaframesize)
        findings_add(ret, SEVERITY_WARNING, "ssaframesize",
                     "SSA frames of %" PRIu32 " pages do not hold the state of XFRM 0x%" PRIx64
                     ": a CPU with all of it refuses the enclave",
                     launch->ssaframesize, launch->xfrm);
}
