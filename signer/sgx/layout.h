/* SIGSTRUCT, field by field (Intel SDM volume 3D, table "Layout of Enclave Signature Structure"): the one
 * table over which ensign builds, parses, judges, compares and prints. No offset is written elsewhere.
 * Integers are little-endian. The signed bytes are 0..127 and 900..1027, in that order: the sign-data. */
#pragma once

#include <assert.h>
#include <stdint.h>

#define SIGSTRUCT_SIZE 1808
#define FIPS_SIZE      772 /* of Intel's second signature: MODULUS[384], EXPONENT[4], SIGNATURE[384] */
#define SIGNDATA_SIZE  256

/* The kind of a field: it decides how the value is printed, and which values are allowed. */
enum css_kind {
    CSS_FIXED,    /* one constant value */
    CSS_RESERVED, /* zero */
    CSS_INTEGER,  /* little-endian integer */
    CSS_BYTES,    /* opaque bytes */
    CSS_BIGNUM,   /* little-endian number of 3072 bits */
};

/*   id, name, offset, size, signed, kind, meaning */
#define CSS_TABLE(F)                                                                                         \
    F(HEADER, "HEADER", 0, 16, 1, CSS_FIXED, "06000000e10000000000010000000000")                             \
    F(VENDOR, "VENDOR", 16, 4, 1, CSS_INTEGER, "0, or 0x8086 for Intel")                                     \
    F(DATE, "DATE", 20, 4, 1, CSS_INTEGER, "BCD yyyymmdd; the CPU does not look")                            \
    F(HEADER2, "HEADER2", 24, 16, 1, CSS_FIXED, "01010000600000006000000001000000")                          \
    F(SWDEFINED, "SWDEFINED", 40, 4, 1, CSS_INTEGER, "free for software")                                    \
    F(RESERVED1, "reserved1", 44, 84, 1, CSS_RESERVED, "0")                                                  \
    F(MODULUS, "MODULUS", 128, 384, 0, CSS_BIGNUM, "the signer's RSA modulus")                               \
    F(EXPONENT, "EXPONENT", 512, 4, 0, CSS_INTEGER, "3")                                                     \
    F(SIGNATURE, "SIGNATURE", 516, 384, 0, CSS_BIGNUM, "RSASSA-PKCS1-v1_5 with SHA-256 over the sign-data")  \
    F(MISCSELECT, "MISCSELECT", 900, 4, 1, CSS_INTEGER, "SSA frame extensions that the enclave demands")     \
    F(MISCMASK, "MISCMASK", 904, 4, 1, CSS_INTEGER, "bits of MISCSELECT that are enforced")                  \
    F(CET_ATTRIBUTES, "CET_ATTRIBUTES", 908, 1, 1, CSS_INTEGER, "control-flow enforcement; 0 without CET")   \
    F(CET_ATTRIBUTES_MASK, "CET_ATTRIBUTES_MASK", 909, 1, 1, CSS_INTEGER, "bits of CET_ATTRIBUTES enforced") \
    F(RESERVED2, "reserved2", 910, 2, 1, CSS_RESERVED, "0")                                                  \
    F(ISVFAMILYID, "ISVFAMILYID", 912, 16, 1, CSS_BYTES, "product family; 0 without KSS")                    \
    F(ATTRIBUTES, "ATTRIBUTES", 928, 8, 1, CSS_INTEGER, "enclave attributes")                                \
    F(XFRM, "XFRM", 936, 8, 1, CSS_INTEGER, "processor state that the enclave uses (XCR0 bits)")             \
    F(ATTRIBUTEMASK, "ATTRIBUTEMASK", 944, 8, 1, CSS_INTEGER, "bits of ATTRIBUTES that are enforced")        \
    F(XFRM_MASK, "XFRM_MASK", 952, 8, 1, CSS_INTEGER, "bits of XFRM that are enforced")                      \
    F(ENCLAVEHASH, "ENCLAVEHASH", 960, 32, 1, CSS_BYTES, "MRENCLAVE of the enclave")                         \
    F(RESERVED3, "reserved3", 992, 16, 1, CSS_RESERVED, "0")                                                 \
    F(ISVEXTPRODID, "ISVEXTPRODID", 1008, 16, 1, CSS_BYTES, "extended product id; 0 without KSS")            \
    F(ISVPRODID, "ISVPRODID", 1024, 2, 1, CSS_INTEGER, "product id")                                         \
    F(ISVSVN, "ISVSVN", 1026, 2, 1, CSS_INTEGER, "security version number")                                  \
    F(RESERVED4, "reserved4", 1028, 12, 0, CSS_RESERVED, "0; checked by EINIT although not signed")          \
    F(Q1, "Q1", 1040, 384, 0, CSS_BIGNUM, "floor(SIGNATURE^2 / MODULUS)")                                    \
    F(Q2, "Q2", 1424, 384, 0, CSS_BIGNUM, "floor((SIGNATURE^3 - Q1 * SIGNATURE * MODULUS) / MODULUS)")

#define CSS_ID(id, name, offset, size, is_signed, kind, meaning) CSS_##id,
enum css_field { CSS_TABLE(CSS_ID) CSS_FIELDS };
#undef CSS_ID

/* The table leaves no byte out and names none twice: a struct of these arrays has the same offsets. */
#define CSS_MEMBER(id, name, offset, size, is_signed, kind, meaning) uint8_t id[size];
struct css_layout_proof {
    CSS_TABLE(CSS_MEMBER)
};
#undef CSS_MEMBER
#define CSS_PROOF(id, name, offset, size, is_signed, kind, meaning)                                          \
    static_assert(__builtin_offsetof(struct css_layout_proof, id) == (offset), name " is out of place");
CSS_TABLE(CSS_PROOF)
#undef CSS_PROOF
#define CSS_SIGNED_SIZE(id, name, offset, size, is_signed, kind, meaning) +((is_signed) ? (size) : 0)
static_assert(sizeof(struct css_layout_proof) == SIGSTRUCT_SIZE, "SIGSTRUCT has 1808 bytes");
static_assert((0 CSS_TABLE(CSS_SIGNED_SIZE)) == SIGNDATA_SIZE, "256 bytes of SIGSTRUCT are signed");
#undef CSS_SIGNED_SIZE

struct css_row {
    const char *name;
    uint16_t offset;
    uint16_t size;
    uint8_t is_signed;
    enum css_kind kind;
    const char *meaning;
};

/* The table as data, indexed by enum css_field (sigstruct.c). */
extern const struct css_row css_table[CSS_FIELDS];

/* ATTRIBUTES bits (Intel SDM volume 3D, "ATTRIBUTES"). */
#define ATTR_INIT          UINT64_C(0x001)
#define ATTR_DEBUG         UINT64_C(0x002)
#define ATTR_MODE64BIT     UINT64_C(0x004)
#define ATTR_PROVISIONKEY  UINT64_C(0x010)
#define ATTR_EINITTOKENKEY UINT64_C(0x020)
#define ATTR_CET           UINT64_C(0x040)
#define ATTR_KSS           UINT64_C(0x080)
#define ATTR_AEXNOTIFY     UINT64_C(0x400)
#define ATTR_KNOWN                                                                                           \
    (ATTR_INIT | ATTR_DEBUG | ATTR_MODE64BIT | ATTR_PROVISIONKEY | ATTR_EINITTOKENKEY | ATTR_CET |           \
     ATTR_KSS | ATTR_AEXNOTIFY)

/* XFRM bits (Intel SDM volume 1, XCR0), in the groups that are enabled together. */
#define XFRM_X87_SSE    UINT64_C(0x3)
#define XFRM_AVX        UINT64_C(0x4)
#define XFRM_MPX        UINT64_C(0x18)           /* BNDREGS, BNDCSR */
#define XFRM_AVX512     UINT64_C(0xe0)           /* opmask, ZMM_Hi256, Hi16_ZMM */
#define XFRM_INTEL_OPEN (XFRM_AVX | XFRM_AVX512) /* what the Intel SDK leaves to the host */
#define XFRM_PKRU       UINT64_C(0x200)
#define XFRM_AMX        UINT64_C(0x60000)   /* XTILECFG, XTILEDATA */
#define XFRM_BIT_63     (UINT64_C(1) << 63) /* XCR0 cannot have it */
#define XFRM_KNOWN      UINT64_C(0xe1aff)   /* bits 0 to 7, 9, 11, 12, 17, 18, 19; PT (8) is not in XCR0 */

#define MISC_KNOWN 0x3u  /* EXINFO, CPINFO */
#define CET_KNOWN  0x3fu /* CET_ATTRIBUTES bits 0 to 5 */

#define VENDOR_INTEL 0x8086u
