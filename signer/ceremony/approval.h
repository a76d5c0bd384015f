/* Approvals: who said yes to exactly these 256 bytes. An approval is an OpenSSH signature (SSHSIG) over the
 * sign-data in the namespace "ensign-sign-data"; who may approve is in an allowed_signers file,
 * ssh-keygen(1). An approval counts once: for one principal, with one key. A key that is listed for several
 * principals speaks for the first. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/ceremony/sshsig.h"
#include "signer/sgx/sigstruct.h"

#define APPROVAL_PRINCIPAL_MAX 128
#define APPROVAL_TRIES_MAX     16 /* principals of one key that are tried */

/* What became of one approval file. All texts are printable. */
struct approval_row {
    char principal[APPROVAL_PRINCIPAL_MAX]; /* empty: not known */
    char key[SSHSIG_KEY_MAX];               /* SHA256:...; empty: the signature does not fit */
    bool counts;
    char why[SSHSIG_WHY_MAX]; /* why it does not count */
    const char *path;         /* borrowed from the caller */
};

/* Zero-initialise; release with approvals_free. */
struct approvals {
    struct approval_row *rows;
    size_t len;
    size_t counted; /* distinct principals with distinct keys */
};

/* Judges the approval files against the allowed_signers lines `allowed`. What does not count is a row that
 * says why. ENS_NOINPUT where a file cannot be opened, ENS_RESOURCE where ssh-keygen is not installed. */
bool approval_check(const struct sshsig_tool *tool, const struct signdata *data, const char *const *paths,
                    size_t paths_len, struct view allowed, struct approvals *ret,
                    struct ens_err *err) ENS_MUST_CHECK;
void approvals_free(struct approvals *a);

/* Appends the table: who counted, who did not, and why. */
bool approval_render(const struct approvals *a, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Has ssh-keygen sign `data` (sshsig_make tells `ssh_key` and the errors), verifies what it made, and gives
 * it with the fingerprint of its key. ENS_BADSIG where it does not verify. */
bool approval_make(const struct sshsig_tool *tool, const char *ssh_key, const struct signdata *data,
                   struct buf *ret, char ret_key[static SSHSIG_KEY_MAX], struct ens_err *err) ENS_MUST_CHECK;
