/* Which bytes of a stream's pages the CPU measures, and which pages it gets more than once. EADD measures the
 * address, type and permissions of a page; its content is measured by EEXTEND alone, 256 bytes at a time
 * (Intel SDM, "EADD", "EEXTEND"). What no EEXTEND covers, the host chooses. Only for sgxs.c. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/sgx/findings.h"

#define COVER_RUNS_MAX (1u << 22) /* pieces in which the pages come: 64 MiB of memory */

/* Pages of one kind: the first one, its measured chunks, and how many there are. */
struct cover_pages {
    uint64_t first;
    unsigned chunks;
    uint64_t count;
};

/* Zero-initialise; release with cover_free. */
struct cover {
    struct cover_run *runs; /* pages one after the other, in the order of the stream */
    size_t runs_len, runs_cap;
    bool open;         /* a page has begun */
    uint64_t page;     /* its offset */
    uint64_t flags;    /* its SECINFO.FLAGS */
    uint32_t measured; /* its chunks, one bit each */
    uint32_t given;    /* the same: by EEXTEND or UNMEASRD */
    uint64_t left_out; /* chunks of all pages that no EEXTEND covers */
    struct cover_pages code, tcs, data;
};

void cover_free(struct cover *c);

/* A page begins; the last one is complete. ENS_DATA above COVER_RUNS_MAX. */
bool cover_page(struct cover *c, uint64_t offset, uint64_t flags, struct ens_err *err) ENS_MUST_CHECK;
/* Chunk `n`, 0 to 15, of the page. Says whether the page had it already. */
bool cover_chunk(struct cover *c, unsigned n, bool measured);
/* The stream ends: adds what is found, and counts the chunks that no EEXTEND covers. */
void cover_end(struct cover *c, uint64_t *ret_left_out, struct findings *ret);
