/* Where a changed file goes: written beside its place, reopened and checked as a stranger would, and only
 * then put in place, or poured to stdout. */
#pragma once

#include "signer/flow/enclave.h"
#include "signer/ui/notice.h"
#include "signer/ui/opts.h"

struct deliver {
    struct file_out *file;
    const char *name; /* what messages call the new bundle */
    bool to_stdout;
};

/* Prepares the place: --output, or `own` where that is absent, in this mode; --output - is stdout (ENS_USAGE
 * where that is a terminal), and the temporary file then lies beside `own`. Where `own` is replaced, it must
 * still be the file that is open at `own_fd` (-1: nobody read it). Called before the work, so that a wrong
 * place is said first. Borrows all texts; release with deliver_free. */
bool deliver_open(const struct args *args, const char *own, enum file_out_mode own_mode, int own_fd,
                  struct deliver *ret, struct ens_err *err) ENS_MUST_CHECK;
void deliver_free(struct deliver *d);

/* What must hold of the new bundle beyond that it is one: called with it reopened and checked. */
struct deliver_check {
    bool (*holds)(const void *ctx, const struct bundle *b, const struct enclave_set *set,
                  struct ens_err *err);
    const void *ctx;
    const struct enclave_set *known; /* what enclave_check_bundle found in the bundle; NULL: it is new */
};

/* Writes, checks and commits the bundle, as deliver_commit does. What was copied is compared with the old
 * one, what is new is read and measured (enclave_check_written). */
bool deliver_bundle(struct deliver *d, struct bundle *b, const struct deliver_check *check,
                    struct file_out **ret_written, struct ens_err *err) ENS_MUST_CHECK;

/* Puts what was written and checked in place, or pours it to stdout. Where `ret_written` is not NULL the file
 * is not put in place, but handed over to whoever commits several at once (file_out_commit_all). */
bool deliver_commit(struct deliver *d, struct file_out **ret_written, struct ens_err *err) ENS_MUST_CHECK;
