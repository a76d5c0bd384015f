/* The kinds of containers, and which of them a file is. */
#include "bundle/open.h"

#include <errno.h>
#include <sys/stat.h>

#include "bundle/kinds.h"
#include "bundle/sdk/elf_intel.h"
#include "bundle/sdk/elf_oe.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"

#define HEAD_MAX 512

/* EGo's file is an Open Enclave file with more in it, so that it is asked first. */
static const struct container_ops *const kinds[] = {
    &container_orc, &container_sgxs, &container_sigstruct, &elf_intel, &elf_ego, &elf_oe,
};

#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- opening ---- */

static bool fail_unknown_kind(const struct container *c, struct view head, struct ens_err *err)
{
    const char *other = magic_mistake(head);

    if (other != NULL)
        return ens_fail(err, ENS_DATA,
                        "%s: is not a bundle, SGXS stream, SIGSTRUCT or enclave ELF file, but %s", c->label,
                        other);
    if (c->elf != NULL)
        return ens_fail(
            err, ENS_DATA,
            "%s: is an ELF file without .note.sgxmeta and .oeinfo, so that its enclave is not laid "
            "out yet: sign it once with its SDK's tool (sgx_sign, oesign) and any key, then with "
            "ensign",
            c->label);
    return ens_fail(err, ENS_DATA,
                    "%s: is not a bundle, SGXS stream, SIGSTRUCT or enclave ELF file: give one of these",
                    c->label);
}

static bool find_container_kind(struct container *c, bool remembers, struct ens_err *err)
{
    uint8_t head[HEAD_MAX];
    size_t len = 0;

    if (!file_read_at(c->fd, c->label, 0, head, sizeof head, &len, err))
        return false;
    struct view v = view_of(head, len);

    if (magic_of(v) == MAGIC_ELF && magic_mistake(v) == NULL &&
        !elf_open(c->fd, c->label, c->size, remembers, &c->elf, err))
        return false;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->recognise(c, v)) {
            c->ops = kinds[i];
            return true;
        }
    }
    return fail_unknown_kind(c, v, err);
}

static bool open_kind(struct container *c, const char *component, bool remembers, struct ens_err *err)
{
    struct stat st;

    if (fstat(c->fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be examined", c->label);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_NOINPUT,
                        "%s: is not a regular file, and must be read more than once: name a file", c->label);
    c->size = (uint64_t)st.st_size;
    if (!find_container_kind(c, remembers, err))
        return false;
    if (component != NULL && component != container_any && c->ops->kind != CONTAINER_ORC)
        return ens_fail(err, ENS_USAGE, "%s: is not a bundle and has no component %s: leave out --component",
                        c->label, component);
    return c->ops->open(c, component, err);
}

static bool open_fd(int fd, const char *label, const char *component, bool remembers, struct container **ret,
                    struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = mem_alloc(1, sizeof *c, err);

    if (c == NULL)
        return false;
    c->fd = fd;
    c->label = mem_strdup(label, err);
    if (c->label == NULL || !open_kind(c, component, remembers, err))
        return false;
    *ret = ens_take(c);
    return true;
}

bool container_open_fd(int fd, const char *label, const char *component, struct container **ret,
                       struct ens_err *err)
{
    return open_fd(fd, label, component, false, ret, err);
}

bool container_take(int *fd, const char *label, const char *component, bool remembers, struct container **ret,
                    struct ens_err *err)
{
    if (!open_fd(*fd, label, component, remembers, ret, err))
        return false;
    (*ret)->owns_fd = true;
    *fd = -1;
    return true;
}

const char *container_kind_name(enum container_kind kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->kind == kind)
            return kinds[i]->name;
    }
    return "unknown";
}
