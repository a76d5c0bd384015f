/* What a file is, by its content: for whoever was given another one than they can use. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/err.h"

enum kind {
    KIND_UNKNOWN,
    KIND_BUNDLE,
    KIND_SGXS,
    KIND_ELF,
    KIND_SIGSTRUCT, /* signed or not */
    KIND_SIGNDATA,
    KIND_SIGNATURE, /* 384 bytes that are nothing else */
    KIND_PUBKEY,
    KIND_PRIVATE_KEY,
    KIND_APPROVAL,
    KIND_TRANSCRIPT,
    KIND_POLICY,
};

/* `head`: the first bytes of the file, all of it where it is shorter than ENCLAVE_HEAD_MAX. */
enum kind kind_of(struct view head);

enum kind_wanted { KIND_WANT_SIGNDATA, KIND_WANT_ENCLAVE };

/* Called with the error that a file is not what was wanted: replaces it by "PATH: is KIND, not WANTED: what
 * to run", where the file is of another kind and that is known. Returns false always. */
bool kind_explain(const char *path, enum kind_wanted wanted, struct ens_err *err);
