/* Secrets: locked pages that are not dumped, wiped when their scope ends. */
#include "signer/base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

bool secret_alloc_size(struct secret *ret, size_t max, struct ens_err *err)
{
    size_t room = max + 1;
    void *page = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "no memory for a secret");
    if (mlock(page, room) != 0 || madvise(page, room, MADV_DONTDUMP) != 0) {
        int reason = errno;

        (void)munmap(page, room);
        return ens_fail_errno(err, ENS_RESOURCE, reason,
                              "memory for a secret cannot be locked: raise RLIMIT_MEMLOCK (ulimit -l)");
    }
    *ret = (struct secret){.data = page, .room = room};
    return true;
}

bool secret_alloc(struct secret *ret, struct ens_err *err)
{
    return secret_alloc_size(ret, SECRET_MAX, err);
}

void secret_wipe(struct secret *s)
{
    if (s->data == NULL)
        return;
    explicit_bzero(s->data, s->room);
    (void)munmap(s->data, s->room);
    *s = (struct secret){0};
}
