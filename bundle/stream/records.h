/* Records of an SGXS stream: a header of 64 bytes (a tag, the operands of the instruction, zeros), which
 * EEXTEND and UNMEASRD follow with the 256 bytes of a chunk. For the readers sgxs.c and pages.c; what writes
 * records in bundle/ has its own. */
#pragma once

#include <stdint.h>

#define RECORD_SIZE 64
#define TAG_SIZE    8

/* The tags, as the little-endian integer of their eight bytes. */
#define TAG_ECREATE UINT64_C(0x0045544145524345)
#define TAG_UNSIZED                                                                                          \
    UINT64_C(0x0044455a49534e55) /* ECREATE without a size: the enclave has no MRENCLAVE yet */
#define TAG_EADD     UINT64_C(0x0000000044444145)
#define TAG_EEXTEND  UINT64_C(0x00444e4554584545)
#define TAG_UNMEASRD UINT64_C(0x44525341454d4e55)

/* The bytes of a header that the instruction measures; the rest is padding. */
#define USED_ECREATE 20 /* tag, SSAFRAMESIZE, SIZE */
#define USED_EADD    24 /* tag, OFFSET, SECINFO.FLAGS */
#define USED_CHUNK   16 /* tag, OFFSET */

/* SECINFO.FLAGS (Intel SDM, "SECINFO"). */
#define SECINFO_RWX      UINT64_C(0x07)
#define SECINFO_TYPE(f)  ((f) >> 8 & 0xff)
#define SECINFO_TYPE_TCS 1
#define SECINFO_TYPE_REG 2
#define SECINFO_RESERVED (~UINT64_C(0xff3f))
