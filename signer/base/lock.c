/* Locks that are waited for only so long, and who holds them: /proc/locks has a line for each,
 * "1: FLOCK  ADVISORY  WRITE 123 fd:01:456 0 EOF" (proc_locks(5)), with the process and the inode. */
#include "signer/base/lock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"

/* More of it is not looked at: the name of the holder is a help, not a rule. */
#define LOCKS_MAX (1u << 20)

/* The text that ends where `end` begins, as a number; 0: it is none. */
static uint64_t number_before(const char *line, const char *end)
{
    char digits[16];
    const char *start = end;
    struct ens_err ignored = {0};
    uint64_t pid = 0;

    while (start > line && start[-1] != ' ')
        start--;
    (void)snprintf(digits, sizeof digits, "%.*s", (int)(end - start), start);
    return num_parse(digits, "process", INT32_MAX, &pid, &ignored) ? pid : 0;
}

/* The process that has a lock on the file, 0: none is shown. A file of an overlay has another device here
 * than fstat gives, so that the inode alone must do if the whole is not found. */
static uint64_t find_holder(const char *locks, const struct stat *st)
{
    char whole[64];

    (void)snprintf(whole, sizeof whole, " %02x:%02x:%llu ", major(st->st_dev), minor(st->st_dev),
                   (unsigned long long)st->st_ino);
    const char *inode = strrchr(whole, ':');
    const char *found = strstr(locks, whole);

    if (found != NULL)
        return number_before(locks, found);
    found = strstr(locks, inode);
    while (found != NULL && found > locks && found[-1] != ' ')
        found--;
    return found != NULL && found > locks ? number_before(locks, found - 1) : 0;
}

/* The name of a process, as the kernel has it. */
static bool name_process(uint64_t pid, struct buf *ret)
{
    char path[32];
    struct ens_err ignored = {0};

    (void)snprintf(path, sizeof path, "/proc/%llu/comm", (unsigned long long)pid);
    if (!file_read_all(path, LOCK_HOLDER_MAX / 2, ret, &ignored) || ret->len < 2)
        return false;
    ret->len--; /* a newline */
    return true;
}

const char *lock_holder(int fd, char ret[static LOCK_HOLDER_MAX])
{
    ENS_CLEANUP(buf_free) struct buf locks = {0};
    ENS_CLEANUP(buf_free) struct buf name = {0};
    struct stat st;
    struct ens_err ignored = {0};
    uint64_t pid = 0;

    if (fstat(fd, &st) == 0 && file_read_all("/proc/locks", LOCKS_MAX, &locks, &ignored) &&
        buf_append(&locks, view_of("", 1), &ignored))
        pid = find_holder((const char *)locks.data, &st);
    if (pid == 0)
        (void)snprintf(ret, LOCK_HOLDER_MAX, "another process");
    else if (!name_process(pid, &name))
        (void)snprintf(ret, LOCK_HOLDER_MAX, "process %llu", (unsigned long long)pid);
    else
        (void)snprintf(ret, LOCK_HOLDER_MAX, "process %llu (%.*s)", (unsigned long long)pid, (int)name.len,
                       (const char *)name.data);
    return ret;
}

bool lock_take(int fd, const char *path, void (*on_wait)(const char *path), bool *ret_held,
               struct ens_err *err)
{
    char holder[LOCK_HOLDER_MAX];

    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            *ret_held = false;
            return true;
        }
        if (!interrupt_check(err))
            return false;
        if (i == 0 && on_wait != NULL)
            on_wait(path);
        if (i == LOCK_SECONDS * 1000 / LOCK_TICK_MS)
            return ens_fail(err, ENS_CANTCREAT, "%s: locked by %s: run the command again when it is done",
                            path, lock_holder(fd, holder));
        (void)poll(NULL, 0, LOCK_TICK_MS);
    }
    *ret_held = true;
    return true;
}
