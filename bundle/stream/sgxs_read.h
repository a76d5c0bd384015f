/* The one reader of SGXS records, under the judge (sgxs.c) and the page index (pages.c): the caller feeds
 * pieces of any size and takes records until there is none. A record comes whole, with its chunk: from the
 * piece without copying, or put together if it began in an earlier piece.
 *
 * A record is a header of 64 bytes (a tag, the operands of the instruction, zeros); after EEXTEND and
 * UNMEASRD come the 256 bytes of a chunk. The reader knows tags and lengths and never fails; its caller
 * decides what an unknown tag means. sgxs_write.c writes records by the same constants. */
#pragma once

#include "signer/base/bytes.h"

#define SGXS_HEADER_SIZE 64
#define SGXS_TAG_SIZE    8
#define SGXS_CHUNK_SIZE  256
#define SGXS_PAGE_SIZE   4096
#define SGXS_PAGE_CHUNKS (SGXS_PAGE_SIZE / SGXS_CHUNK_SIZE)

/* The tags, as the little-endian integer of their eight bytes. UNSIZED is ECREATE without a size. */
#define SGXS_ECREATE  UINT64_C(0x0045544145524345)
#define SGXS_UNSIZED  UINT64_C(0x0044455a49534e55)
#define SGXS_EADD     UINT64_C(0x0000000044444145)
#define SGXS_EEXTEND  UINT64_C(0x00444e4554584545)
#define SGXS_UNMEASRD UINT64_C(0x44525341454d4e55)

/* The bytes of a header that the instruction measures; the rest is padding. */
#define SGXS_USED_ECREATE 20 /* tag, SSAFRAMESIZE, SIZE */
#define SGXS_USED_EADD    24 /* tag, OFFSET, SECINFO.FLAGS */
#define SGXS_USED_CHUNK   16 /* tag, OFFSET */

/* SECINFO.FLAGS (Intel SDM, "SECINFO"): permissions, and the two page types that EADD takes. */
#define SECINFO_R        UINT64_C(0x001)
#define SECINFO_W        UINT64_C(0x002)
#define SECINFO_X        UINT64_C(0x004)
#define SECINFO_RWX      UINT64_C(0x007)
#define SECINFO_TCS      UINT64_C(0x100)
#define SECINFO_REG      UINT64_C(0x200)
#define SECINFO_TYPE(f)  ((f)&UINT64_C(0xff00))
#define SECINFO_RESERVED (~UINT64_C(0xff3f))

/* The pointers live until the next sgxs_next or sgxs_feed. */
struct sgxs_record {
    uint64_t tag;          /* perhaps none of the five */
    uint64_t at;           /* offset in the stream */
    const uint8_t *header; /* SGXS_HEADER_SIZE bytes */
    const uint8_t *chunk;  /* SGXS_CHUNK_SIZE bytes; NULL: a record without chunk */
    size_t len;            /* of both */
    bool joined;           /* it began in an earlier piece, so that `header` is not in this one */
};

/* Zero-initialise. */
struct sgxs_reader {
    struct view piece; /* the rest of it, not read yet */
    uint64_t at;       /* of the next record */
    size_t have_len;
    bool given; /* `have` is the record that was given last */
    uint8_t have[SGXS_HEADER_SIZE + SGXS_CHUNK_SIZE];
};

/* The next piece of the stream, borrowed; all records of the one before were taken. */
void sgxs_feed(struct sgxs_reader *r, struct view piece);

/* The next whole record; false: feed more. */
bool sgxs_next(struct sgxs_reader *r, struct sgxs_record *ret);

/* What was fed and is not a whole record yet. At the end of the stream: a record that is cut. */
struct view sgxs_rest(const struct sgxs_reader *r);
