/* Opens a file that holds an enclave or its SIGSTRUCT, of whichever kind: see container/container.h. */
#pragma once

#include "bundle/container/container.h"

/* Names the first SGX component of a bundle, whatever its id is; every other kind takes it as NULL. */
extern const char container_any[];

/* Takes over the open, seekable file `*fd` (-1 then; not if it fails), which messages call `label`, and finds the
 * SIGSTRUCTs in it. `component` names the component of a bundle (NULL: ronl where that is SGX, else the only SGX
 * one) and is NULL for every other kind (ENS_USAGE). `beside` (NULL: nothing) is borrowed with its files until the
 * container is closed. If `remembers`, container_write will change the file, and
 * container_same_reads can be asked. An ELF file without what its SDK's signing tool lays out is ENS_DATA, and
 * the message says which tool that is. Release with container_closep. */
bool container_take(int *fd, const char *label, const char *component, const struct container_beside *beside,
                    bool remembers, struct container **ret, struct ens_err *err) ENS_MUST_CHECK;
/* The same, to look at; `fd` stays the caller's. */
bool container_open_fd(int fd, const char *label, const char *component,
                       const struct container_beside *beside, struct container **ret,
                       struct ens_err *err) ENS_MUST_CHECK;

/* `*ret`: it is an ELF file that no SDK's tool has laid out, and that is an enclave only together with its release
 * (container_beside). A file that is damaged is not. Fails if it cannot be read. */
bool container_is_bare(int fd, const char *label, bool *ret, struct ens_err *err) ENS_MUST_CHECK;

/* "Intel SDK ELF", for people; owned by the program. */
const char *container_kind_name(enum container_kind kind);
