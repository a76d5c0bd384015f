/* Writes an enclave as SGXS records, as if its loader's ECREATE, EADD and EEXTEND were written down. The
 * reader is bundle/stream/sgxs.c, which shares nothing with this. */
#pragma once

#include "signer/base/bytes.h"

#define RECORDS_PAGE 4096

/* SECINFO.FLAGS of the two page types that EADD takes (Intel SDM, "SECINFO"); permissions are or-ed in. */
#define RECORDS_R   0x001ull
#define RECORDS_W   0x002ull
#define RECORDS_X   0x004ull
#define RECORDS_TCS 0x100ull
#define RECORDS_REG 0x200ull

bool records_ecreate(const struct sink *sink, uint32_t ssaframesize, uint64_t size,
                     struct ens_err *err) ENS_MUST_CHECK;

/* EADD of the page at `offset`, and EEXTEND of its sixteen chunks where `page` is not NULL: RECORDS_PAGE
 * bytes. A page without content is not measured beyond its EADD. */
bool records_page(const struct sink *sink, uint64_t offset, uint64_t flags, const uint8_t *page,
                  struct ens_err *err) ENS_MUST_CHECK;
