/* A finished SIGSTRUCT, or a new component, goes into a file: written beside its place, reopened and checked
 * as a stranger would, and only then put in place, alone or several together, or poured to stdout. Says
 * nothing. */
#pragma once

#include "signer/base/file.h"
#include "signer/base/pubkey.h"
#include "signer/flow/enclave.h"

/* ---- the SIGSTRUCT ---- */

/* Puts key, signature, Q1 and Q2 into `css`. The signature has been verified under `key`; ENS_BUG if Q1 and
 * Q2 then do not fit. */
bool install_finish(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                    struct sigstruct *css, struct ens_err *err) ENS_MUST_CHECK;

/* Refuses a finished SIGSTRUCT that EINIT refuses, from its 1808 bytes alone; messages call it `name`.
 * ENS_DATA. */
bool install_judge(const struct sigstruct *css, const char *name, struct ens_err *err) ENS_MUST_CHECK;

/* The same of one that goes into the file at `path`. */
bool install_judge_for(const struct sigstruct *css, const char *path, struct ens_err *err) ENS_MUST_CHECK;

/* Can the file that `e` loaded take this SIGSTRUCT and keep its MRENCLAVE? ENS_DATA names the field that
 * cannot change. Adds a warning to `ret` if the file then says two things. */
bool install_fits(const struct enclave *e, const struct sigstruct *css, struct notices *ret,
                  struct ens_err *err) ENS_MUST_CHECK;

/* ---- the place ---- */

/* One result in the making. */
struct install {
    struct file_out *file;
    const char *name; /* what messages call the result */
    bool to_stdout;
};

/* Prepares the place. `own` is the file that is changed, which must still be the one that is open at `fd`, or
 * the name that a new one has by itself (`fd` -1). `output` says where the result goes: NULL to `own`, "-" to
 * stdout (the temporary file lies beside `own`), else into a new file. An existing one goes only if `force`.
 * Called before the work, so that a wrong place is said first. ENS_USAGE: stdout is a terminal;
 * ENS_CANTCREAT. Borrows all texts. Release with install_free; without install_commit nothing appears. */
bool install_open(const char *own, int fd, const char *output, bool force, struct install *ret,
                  struct ens_err *err) ENS_MUST_CHECK;
void install_free(struct install *i);

/* Puts what was written and checked in place, or pours it to stdout. Who commits several at once takes `file`
 * instead (file_out_commit_all). */
bool install_commit(struct install *i, struct ens_err *err) ENS_MUST_CHECK;

/* ---- writing ---- */

/* What must hold of the new bundle beyond that it is one: called with it reopened and checked. */
struct install_check {
    bool (*holds)(const void *ctx, const struct bundle *b, const struct enclave_set *set,
                  struct ens_err *err);
    const void *ctx;
    const struct enclave_set *known; /* what enclave_check_bundle found in the bundle; NULL: it is new */
};

/* Writes and checks the bundle. What was copied is compared with the old one, what is new is read and
 * measured (enclave_check_written). */
bool install_bundle(const struct install *i, struct bundle *b, const struct install_check *check,
                    struct ens_err *err) ENS_MUST_CHECK;

/* A finished SIGSTRUCT, and where it belongs. */
struct install_item {
    const struct site *site; /* of the enclave; if it is not a bundle, any */
    const struct sigstruct *css;
};

/* Writes the file that `e` loaded with the SIGSTRUCTs in it, and checks it: into components of a bundle,
 * whose identity lists follow, or one into every site of another file, whose unmeasured values follow. Adds
 * what becomes of identities to `ret_notices`, also if it fails then. */
bool install_enclave(const struct install *i, struct enclave *e, const struct install_item *items, size_t len,
                     struct notices *ret_notices, struct ens_err *err) ENS_MUST_CHECK;
