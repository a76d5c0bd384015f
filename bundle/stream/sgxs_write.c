#include "bundle/stream/sgxs_write.h"

#include <string.h>

#define BATCH 128 /* records in a piece */

#define TCS_OSSA    16
#define TCS_NSSA    28
#define TCS_OENTRY  32
#define TCS_OFSBASE 48
#define TCS_OGSBASE 56
#define TCS_FSLIMIT 64
#define TCS_GSLIMIT 68

static void put_header(uint8_t ret[static SGXS_HEADER_SIZE], uint64_t tag, uint64_t offset)
{
    memset(ret, 0, SGXS_HEADER_SIZE);
    bytes_put_le64(ret, tag);
    bytes_put_le64(ret + SGXS_TAG_SIZE, offset);
}

static bool put_first(const struct sink *sink, uint64_t tag, uint32_t ssaframesize, uint64_t size,
                      struct ens_err *err)
{
    uint8_t header[SGXS_HEADER_SIZE] = {0};

    bytes_put_le64(header, tag);
    bytes_put_le(header + 8, 4, ssaframesize);
    bytes_put_le(header + 12, 8, size);
    return sink->put(sink->ctx, view_of(header, sizeof header), err);
}

bool sgxs_write_ecreate(const struct sink *sink, uint32_t ssaframesize, uint64_t size, struct ens_err *err)
{
    return put_first(sink, SGXS_ECREATE, ssaframesize, size, err);
}

bool sgxs_write_unsized(const struct sink *sink, uint32_t ssaframesize, uint64_t size_at, struct ens_err *err)
{
    return put_first(sink, SGXS_UNSIZED, ssaframesize, size_at, err);
}

bool sgxs_write_page(const struct sink *sink, uint64_t offset, uint64_t flags, const uint8_t *page,
                     struct ens_err *err)
{
    uint8_t records[SGXS_HEADER_SIZE + SGXS_PAGE_CHUNKS * (SGXS_HEADER_SIZE + SGXS_CHUNK_SIZE)];
    uint8_t *at = records + SGXS_HEADER_SIZE;

    put_header(records, SGXS_EADD, offset);
    bytes_put_le64(records + 16, flags);
    for (size_t i = 0; page != NULL && i < SGXS_PAGE_CHUNKS; i++) {
        put_header(at, SGXS_EEXTEND, offset + i * SGXS_CHUNK_SIZE);
        memcpy(at + SGXS_HEADER_SIZE, page + i * SGXS_CHUNK_SIZE, SGXS_CHUNK_SIZE);
        at += SGXS_HEADER_SIZE + SGXS_CHUNK_SIZE;
    }
    return sink->put(sink->ctx, view_of(records, (size_t)(at - records)), err);
}

bool sgxs_write_tcs(const struct sink *sink, uint64_t offset, const struct sgxs_tcs *tcs, struct ens_err *err)
{
    uint8_t page[SGXS_PAGE_SIZE] = {0};

    bytes_put_le(page + TCS_OSSA, 8, tcs->ossa);
    bytes_put_le(page + TCS_NSSA, 4, tcs->nssa);
    bytes_put_le(page + TCS_OENTRY, 8, tcs->oentry);
    bytes_put_le(page + TCS_OFSBASE, 8, tcs->ofsbase);
    bytes_put_le(page + TCS_OGSBASE, 8, tcs->ogsbase);
    bytes_put_le(page + TCS_FSLIMIT, 4, tcs->fslimit);
    bytes_put_le(page + TCS_GSLIMIT, 4, tcs->gslimit);
    return sgxs_write_page(sink, offset, SECINFO_TCS, page, err);
}

bool sgxs_write_added(const struct sink *sink, uint64_t offset, uint64_t flags, uint64_t count,
                      struct ens_err *err)
{
    uint8_t records[BATCH * SGXS_HEADER_SIZE];

    while (count > 0) {
        size_t len = count < BATCH ? (size_t)count : BATCH;

        for (size_t i = 0; i < len; i++, offset += SGXS_PAGE_SIZE) {
            put_header(records + i * SGXS_HEADER_SIZE, SGXS_EADD, offset);
            bytes_put_le64(records + i * SGXS_HEADER_SIZE + 16, flags);
        }
        if (!sink->put(sink->ctx, view_of(records, len * SGXS_HEADER_SIZE), err))
            return false;
        count -= len;
    }
    return true;
}
