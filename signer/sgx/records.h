/* Records of an SGXS stream: a header of 64 bytes (a tag, the operands of the instruction, zeros), which EEXTEND
 * and UNMEASRD follow with the 256 bytes of a chunk. For the readers sgxs.c and pages.c; what writes records in
 * bundle/ has its own. */
#pragma once

#define RECORD_SIZE 64
#define TAG_SIZE    8

/* The tags, as the little-endian integer of their eight bytes. */
#define TAG_ECREATE  0x0045544145524345ull
#define TAG_UNSIZED  0x0044455a49534e55ull /* ECREATE without a size: the enclave has no MRENCLAVE yet */
#define TAG_EADD     0x0000000044444145ull
#define TAG_EEXTEND  0x00444e4554584545ull
#define TAG_UNMEASRD 0x44525341454d4e55ull

/* The bytes of a header that the instruction measures; the rest is padding. */
#define USED_ECREATE 20 /* tag, SSAFRAMESIZE, SIZE */
#define USED_EADD    24 /* tag, OFFSET, SECINFO.FLAGS */
#define USED_CHUNK   16 /* tag, OFFSET */

/* SECINFO.FLAGS (Intel SDM, "SECINFO"). */
#define SECINFO_RWX      0x07ull
#define SECINFO_TYPE(f)  ((f) >> 8 & 0xff)
#define SECINFO_TYPE_TCS 1
#define SECINFO_TYPE_REG 2
#define SECINFO_RESERVED (~0xff3full)
