/* The pages of an SGXS stream: the records that make one page (EADD, and the EEXTEND and UNMEASRD after it)
 * are put together and handed on one page at a time; and an index of them, small enough to be kept for every
 * page. pagediff.h compares two indices. */
#pragma once

#include "bundle/stream/sgxs_read.h"

#define PAGES_MAX       (1u << 24u) /* pages of one stream: 64 GiB */
#define PAGE_GIVEN_KEPT 16          /* chunks whose order is kept to be shown */

/* Pours one SGXS stream into a sink, in pieces of any size, as often as it is asked to and the same each
 * time. A sink that returns false ends the pour, which then returns false as well. */
struct page_source {
    bool (*pour)(void *ctx, const struct sink *sink, struct ens_err *err);
    void *ctx;
    const char *label; /* what messages call the stream */
};

/* ECREATE. */
struct page_ecreate {
    uint32_t ssaframesize; /* pages */
    uint64_t size;         /* bytes */
    uint64_t padding;      /* as page.padding */
};

/* One page. Two pages are made by the same records, but for the address, where everything but `offset`,
 * `number` and `moved` is equal, and they are measured alike where `flags`, `measured`, `measured_order` and
 * the measured part of the content are. The digests are SHA-256, shortened. */
struct page {
    uint64_t offset;         /* EADD OFFSET */
    uint64_t flags;          /* SECINFO.FLAGS */
    uint8_t content[16];     /* SHA-256 of the 4096 bytes; zero if they are zero */
    uint64_t measured_order; /* of the EEXTENDs, with copies that a later one replaced; 0: ascending */
    uint64_t order;          /* of all chunks */
    uint64_t padding;        /* unmeasured bytes of the records' headers; 0 if they are zero */
    uint16_t measured;       /* bit n: the n-th 256 bytes come by EEXTEND */
    uint16_t unmeasured;     /* bit n: by UNMEASRD */
    uint32_t number : 30;    /* of EADD in the stream, from 0 */
    uint32_t repeated : 1;   /* a chunk is given more than once */
    uint32_t moved : 1;      /* for pagediff.c */
};

/* What is not kept. A chunk that is not given is zero; of a chunk that is given more than once the last
 * EEXTEND counts, else the last UNMEASRD. */
struct page_bytes {
    uint8_t data[SGXS_PAGE_SIZE];
    uint8_t given[PAGE_GIVEN_KEPT]; /* the first chunks in the order of the stream: number,
                                       plus 16 where measured */
    size_t given_len;
};

/* Gets each page, without its `content`. `enough`, once set by take, ends the pour with success. */
struct page_taker {
    bool (*take)(void *ctx, const struct page *page, const struct page_bytes *bytes, struct ens_err *err);
    void *ctx;
    bool enough;
};

/* Hands the pages of a stream to `taker`, in the order of the stream. ENS_DATA as sgxs_finish, or with more
 * than PAGES_MAX pages; what take and pour give. */
bool pages_pour(const struct page_source *source, struct page_taker *taker, struct page_ecreate *ret,
                struct ens_err *err) ENS_MUST_CHECK;

/* The index. */
struct pages {
    struct page *items; /* by offset, pages with the same offset in the order of the stream */
    size_t len;
    size_t cap;
    bool in_order; /* the stream is in the order of offsets */
    struct page_ecreate ecreate;
};

/* Page type TCS, of SECINFO.FLAGS. */
bool pages_is_tcs(const struct page *p);

/* The address of the n-th chunk of a page. */
uint64_t pages_chunk_address(const struct page *p, unsigned n);
