/* An enclave on the build host: a bundle's component or a bare SGXS stream, with everything about it checked.
 */
#pragma once

#include "bundle/bundle.h"
#include "signer/sgx/sgxs.h"
#include "signer/sgx/sigstruct.h"

/* One SGX component of a bundle, as its bytes say. */
struct enclave_component {
    const struct bundle_component *meta;
    struct sgxs_report report;   /* only `sha256` is set where `stream_error` is */
    struct ens_err stream_error; /* code ENS_OK: the stream is well-formed */
    bool is_signed;
    struct sigstruct css; /* where `is_signed` */
};

/* All SGX components of a bundle, in the order of the manifest. */
struct enclave_set {
    struct enclave_component *items;
    size_t len;
};

/* Reads every file of the bundle once: lengths, CRC and digests hold, streams are measured, and every
 * SIGSTRUCT is one that oasis-core accepts (RSA, Q1, Q2, a calendar DATE) over SHA-256 of its stream.
 * ENS_DATA. Release with enclave_set_free. */
bool enclave_check_bundle(struct bundle *b, struct enclave_set *ret, struct ens_err *err) ENS_MUST_CHECK;
void enclave_set_free(struct enclave_set *set);

struct enclave {
    const char *path;
    struct bundle *bundle; /* NULL: a bare stream */
    struct enclave_set set;
    const struct enclave_component *component; /* of `set`; NULL: a bare stream */
    struct sgxs_report report;
};

/* Opens and checks `path`, and measures the component `id` (NULL: ronl where it is SGX, else the only SGX
 * component). ENS_DATA where it is no SGXS stream, or in a bundle where MRENCLAVE is not SHA-256 of the
 * stream. Warns of what is not canonical; refuses what no CPU can load unless `allow_unusual`. */
bool enclave_load(const char *path, const char *id, bool allow_unusual, struct enclave *ret,
                  struct ens_err *err) ENS_MUST_CHECK;
void enclave_free(struct enclave *e);

/* The SGX component `id` of the bundle (NULL as in enclave_load), with what enclave_check_bundle found. */
bool enclave_find(const struct bundle *b, const struct enclave_set *set, const char *id,
                  const struct enclave_component **ret, struct ens_err *err) ENS_MUST_CHECK;

/* Streams the file through the structure check and both digests. */
bool enclave_measure_stream(const char *path, struct sgxs_report *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Says what is odd about a stream that is to be signed, or goes into a bundle; `where` names it. ENS_DATA: no
 * CPU can load it (unless `allow_unusual`), or, in a bundle, MRENCLAVE is not SHA-256 of the stream. */
bool enclave_judge_stream(const char *where, const struct sgxs_report *report, bool in_bundle,
                          bool allow_unusual, struct ens_err *err) ENS_MUST_CHECK;

/* The first bytes of a file, for recognising it by content. */
#define ENCLAVE_HEAD_MAX 4096
bool enclave_read_head(const char *path, uint8_t ret[static ENCLAVE_HEAD_MAX], size_t *ret_len,
                       struct ens_err *err) ENS_MUST_CHECK;
