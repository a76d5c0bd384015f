/* Secrets: one locked page that is not dumped, wiped when its scope ends. */
#include "signer/base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define SECRET_ROOM (SECRET_MAX + 1)

bool secret_alloc(struct secret *ret, struct ens_err *err)
{
    void *page = mmap(NULL, SECRET_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return ens_fail_errno(err, ENS_RESOURCE, errno, "no memory for a secret");
    if (mlock(page, SECRET_ROOM) != 0 || madvise(page, SECRET_ROOM, MADV_DONTDUMP) != 0) {
        int reason = errno;

        (void)munmap(page, SECRET_ROOM);
        return ens_fail_errno(err, ENS_RESOURCE, reason,
                              "memory for a secret cannot be locked: raise RLIMIT_MEMLOCK (ulimit -l)");
    }
    ret->data = page;
    ret->len = 0;
    return true;
}

void secret_wipe(struct secret *s)
{
    if (s->data == NULL)
        return;
    explicit_bzero(s->data, SECRET_ROOM);
    (void)munmap(s->data, SECRET_ROOM);
    *s = (struct secret){0};
}
