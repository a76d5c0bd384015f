/* Opens a file that holds an enclave or its SIGSTRUCT, of whichever kind: see container/container.h. */
#pragma once

#include "bundle/container/container.h"

/* True if container_open knows the file, by its first bytes. */
bool container_recognise(struct view head);

/* Names the first SGX component of a bundle, whatever its id is; every other kind takes it as NULL. */
extern const char container_any[];

/* Opens the file, finds the SIGSTRUCTs in it. `component` names the component of a bundle (NULL: ronl where
 * that is SGX, else the only SGX one) and is NULL for every other kind (ENS_USAGE). An ELF file without what
 * its SDK's signing tool lays out is ENS_DATA, and the message says which tool that is.
 * Release with container_closep. */
bool container_open(const char *path, const char *component, struct container **ret,
                    struct ens_err *err) ENS_MUST_CHECK;
/* The same of a file that container_write will change: container_same_reads can be asked. */
bool container_open_change(const char *path, const char *component, struct container **ret,
                           struct ens_err *err) ENS_MUST_CHECK;
/* The same over an open, seekable file (one that was just written); `fd` stays the caller's. */
bool container_open_fd(int fd, const char *label, const char *component, struct container **ret,
                       struct ens_err *err) ENS_MUST_CHECK;

/* "Intel SDK ELF", for people; owned by the program. */
const char *container_kind_name(enum container_kind kind);
