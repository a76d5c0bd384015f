/* SGXS streams (Fortanix): the records ECREATE, EADD, EEXTEND, UNMEASRD that build an enclave, checked and
 * measured in one pass and constant memory. MRENCLAVE is what the CPU computes: the SHA-256 of the measured
 * records with their padding zeroed. It equals SHA-256 of the file exactly when every record is
 * measured and every padding byte is zero; oasis-core assumes that it always does. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/pubkey.h"
#include "signer/sgx/findings.h"

struct sgxs_report {
    uint8_t mrenclave[MRENCLAVE_SIZE]; /* as the CPU measures */
    uint8_t sha256[32];                /* of the stream as a file */
    bool equal;                        /* the two are the same */
    uint32_t ssaframesize;             /* ECREATE, in pages */
    uint64_t size;                     /* ECREATE, bytes of address space */
    uint64_t pages;                    /* EADD records */
    uint64_t tcs;                      /* those with page type TCS: threads */
    uint64_t measured_chunks;          /* EEXTEND records, 256 bytes each */
    uint64_t unmeasured_chunks;        /* of the pages, that no EEXTEND covers: the host chooses them */
    uint64_t unmeasrd_chunks;          /* UNMEASRD records */
    /* SEVERITY_ERROR: no CPU can load this, or what it loads is not what was measured (finding_is_danger).
     * SEVERITY_WARNING: not canonical. */
    struct findings problems;
};

struct sgxs;

/* Starts a stream; release with sgxs_freep. */
bool sgxs_new(struct sgxs **ret, struct ens_err *err) ENS_MUST_CHECK;
void sgxs_freep(struct sgxs **s);

/* Takes the next piece, of any length; fails only if OpenSSL does. What breaks the structure is kept for
 * sgxs_finish, so that the SHA-256 of the file is known in any case. */
bool sgxs_put(struct sgxs *s, struct view piece, struct ens_err *err) ENS_MUST_CHECK;

/* Ends the stream. ENS_DATA, with the offset, where it is not an SGXS stream: empty, cut inside a record, an
 * unknown tag, no ECREATE first, a second one, UNSIZED, a chunk outside the page it follows, pages in more
 * than COVER_RUNS_MAX pieces (cover.h). `ret->sha256` is set then too; everything else only on success. */
bool sgxs_finish(struct sgxs *s, struct sgxs_report *ret, struct ens_err *err) ENS_MUST_CHECK;
