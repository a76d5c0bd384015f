/* --approval: files, and directories of them. */
#pragma once

#include "signer/ui/options.h"

/* Approvals in one run. */
#define APPROVAL_FILES_MAX 1024

/* Zero-initialise; release with approval_files_free. */
struct approval_files {
    char **paths; /* owned, as are the texts */
    size_t len;
};

/* The files of every --approval in the order given; of a directory the regular files in it that are called
 * *.approval (as a shell's `*`, not those that begin with a dot), sorted by bytes. ENS_NOINPUT if a directory
 * cannot be read, ENS_USAGE for more than APPROVAL_FILES_MAX. */
bool approval_files_list(const struct text_list *approvals, struct approval_files *ret,
                         struct ens_err *err) ENS_MUST_CHECK;
void approval_files_free(struct approval_files *f);
