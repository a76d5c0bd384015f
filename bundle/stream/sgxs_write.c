/* SGXS records: the tag, the operands of the instruction, zeros up to 64 bytes; EEXTEND is followed by the
 * 256 bytes that it measures. */
#include "bundle/stream/sgxs_write.h"

#include <string.h>

#define RECORD_SIZE 64
#define CHUNK_SIZE  256
#define CHUNKS      (RECORDS_PAGE / CHUNK_SIZE)

static void put_record(uint8_t *ret, const uint8_t record[static RECORD_SIZE], uint64_t offset)
{
    memcpy(ret, record, RECORD_SIZE);
    bytes_put_le64(ret + 8, offset);
}

bool records_ecreate(const struct sink *sink, uint32_t ssaframesize, uint64_t size, struct ens_err *err)
{
    uint8_t record[RECORD_SIZE] = "ECREATE";

    bytes_put_le(record + 8, 4, ssaframesize);
    bytes_put_le(record + 12, 8, size);
    return sink->put(sink->ctx, view_of(record, sizeof record), err);
}

bool records_page(const struct sink *sink, uint64_t offset, uint64_t flags, const uint8_t *page,
                  struct ens_err *err)
{
    static const uint8_t eadd[RECORD_SIZE] = "EADD";
    static const uint8_t eextend[RECORD_SIZE] = "EEXTEND";
    uint8_t records[RECORD_SIZE + CHUNKS * (RECORD_SIZE + CHUNK_SIZE)];
    uint8_t *at = records + RECORD_SIZE;

    put_record(records, eadd, offset);
    bytes_put_le64(records + 16, flags);
    for (size_t i = 0; page != NULL && i < CHUNKS; i++) {
        put_record(at, eextend, offset + i * CHUNK_SIZE);
        memcpy(at + RECORD_SIZE, page + i * CHUNK_SIZE, CHUNK_SIZE);
        at += RECORD_SIZE + CHUNK_SIZE;
    }
    return sink->put(sink->ctx, view_of(records, (size_t)(at - records)), err);
}
