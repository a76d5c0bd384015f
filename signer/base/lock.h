/* Exclusive locks on open files (flock), waited for only so long: whoever can open a file can hold it. */
#pragma once

#include "signer/base/err.h"

/* The longest wait for a lock, and the pause between two attempts. */
#define LOCK_SECONDS 10
#define LOCK_TICK_MS 100

/* Locks the open file `fd`, which messages call `path`. Held by somebody else, it is waited for, and
 * `on_wait` (NULL: nobody) is told so once. `*ret_held` false: the file system has no locks. After
 * LOCK_SECONDS ENS_CANTCREAT, naming the process that holds it as far as /proc/locks
 * shows it; ENS_INTERRUPTED. */
bool lock_take(int fd, const char *path, void (*on_wait)(const char *path), bool *ret_held,
               struct ens_err *err) ENS_MUST_CHECK;

/* "process 123 (NAME)", or "another process" where /proc/locks does not show it (it shows processes of other
 * users, but not of other containers). */
#define LOCK_HOLDER_MAX 64
const char *lock_holder(int fd, char ret[static LOCK_HOLDER_MAX]);
