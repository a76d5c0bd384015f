/* Writes an enclave as SGXS records, as if its loader's ECREATE, EADD and EEXTEND were written down. The
 * judge (sgxs.c) shares constants with this and no code. */
#pragma once

#include "bundle/stream/sgxs_read.h"

bool sgxs_write_ecreate(const struct sink *sink, uint32_t ssaframesize, uint64_t size,
                        struct ens_err *err) ENS_MUST_CHECK;

/* The head of a stream whose size is not known yet; sgxs-append will write it to address `size_at` of the image. */
bool sgxs_write_unsized(const struct sink *sink, uint32_t ssaframesize, uint64_t size_at,
                        struct ens_err *err) ENS_MUST_CHECK;

/* A thread control structure (Intel SDM, "TCS"); every other byte of its page is zero. */
struct sgxs_tcs {
    uint64_t ossa, oentry, ofsbase, ogsbase;
    uint32_t nssa, fslimit, gslimit;
};

/* The page of a thread at `offset`, measured whole. */
bool sgxs_write_tcs(const struct sink *sink, uint64_t offset, const struct sgxs_tcs *tcs,
                    struct ens_err *err) ENS_MUST_CHECK;

/* EADD of the page at `offset`, and EEXTEND of its sixteen chunks if `page` (SGXS_PAGE_SIZE bytes) is not
 * NULL. A page without content is not measured beyond its EADD. */
bool sgxs_write_page(const struct sink *sink, uint64_t offset, uint64_t flags, const uint8_t *page,
                     struct ens_err *err) ENS_MUST_CHECK;

/* EADD of `count` pages from `offset` on, none of them measured, in large pieces. */
bool sgxs_write_added(const struct sink *sink, uint64_t offset, uint64_t flags, uint64_t count,
                      struct ens_err *err) ENS_MUST_CHECK;
