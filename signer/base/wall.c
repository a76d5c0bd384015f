/* The wall around a process that reads hostile files: no_new_privs, Landlock, limits, and, in wall_calls.c, seccomp.
 * Each of them narrows what the one before leaves: paths by Landlock, calls by seccomp. */
#include "signer/base/wall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/base/wall_calls.h"

/* Sanitizers, valgrind and coverage open files and use calls of their own at any time, up to the end: their builds have
 * no wall but the limits' names, and behave as on a kernel that refuses it. */
#ifdef ENSIGN_NO_WALL
#define IS_BUILT false
#else
#define IS_BUILT true
#endif

/* Most memory that is the process's own, and most processor time. The largest input that does not need --allow-large stays
 * below: compare keeps 64 bytes for each page of both sides, which is 8 GiB for two enclaves of 256 GiB; every other
 * command some megabytes; and 8 GiB are hashed a few times, at the slowest in some minutes. */
#define MEMORY_MAX  (8ull << 30)
#define SECONDS_MAX 7200u

/* <linux/landlock.h>, of which Debian 12's headers know version 2: landlock(7). */
#define ACCESS_FS_TRUNCATE  (1ull << 14) /* version 3 */
#define ACCESS_FS_IOCTL_DEV (1ull << 15) /* version 5 */
#define ACCESS_NET_ALL      3ull         /* bind and connect; version 4 */
#define SCOPE_ALL           3ull         /* abstract sockets and signals; version 6 */
#define VERSION_REFER       2
#define VERSION_TRUNCATE    3
#define VERSION_TCP         4
#define VERSION_IOCTL_DEV   5
#define VERSION_SCOPE       6

struct ruleset {
    uint64_t fs, net, scoped;
};

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* A file that is made is read again before it is put in place. */
#define WRITES                                                                                               \
    (READS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |  \
     LANDLOCK_ACCESS_FS_REFER | ACCESS_FS_TRUNCATE)
#define ASKS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_IOCTL_DEV)
#define RUNS (READS | LANDLOCK_ACCESS_FS_EXECUTE)
/* Rights that a rule for a single file may have. */
#define OF_A_FILE                                                                                            \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE |             \
     ACCESS_FS_TRUNCATE | ACCESS_FS_IOCTL_DEV)

static bool is_large;

void wall_allow_large(void)
{
    is_large = true;
}

/* Every right over files that this version knows. */
static uint64_t rights_of(int version)
{
    uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* version 1 */

    all |= version >= VERSION_REFER ? LANDLOCK_ACCESS_FS_REFER : 0;
    all |= version >= VERSION_TRUNCATE ? ACCESS_FS_TRUNCATE : 0;
    all |= version >= VERSION_IOCTL_DEV ? ACCESS_FS_IOCTL_DEV : 0;
    return all;
}

static void make_rules(struct wall *wall)
{
    long version =
        IS_BUILT ? syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) : -1;

    if (version < 1)
        return;
    const struct ruleset rules = {rights_of((int)version), version >= VERSION_TCP ? ACCESS_NET_ALL : 0,
                                  version >= VERSION_SCOPE ? SCOPE_ALL : 0};
    /* An older kernel takes no longer struct than it knows. */
    size_t size = version >= VERSION_SCOPE ? sizeof rules
                  : version >= VERSION_TCP ? offsetof(struct ruleset, scoped)
                                           : offsetof(struct ruleset, net);

    wall->rules = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0); /* close-on-exec */
    wall->version = wall->rules >= 0 ? (int)version : 0;
}

/* Allows `rights` to what is open at `fd`. A pipe or a memory file cannot have a rule, and needs none. */
static void add_rule(const struct wall *wall, int fd, uint64_t rights)
{
    struct stat st;
    struct landlock_path_beneath_attr rule = {.parent_fd = fd,
                                              .allowed_access = rights & rights_of(wall->version)};

    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &= OF_A_FILE;
    (void)syscall(SYS_landlock_add_rule, wall->rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

void wall_keep(struct wall *wall, const char *path, enum wall_right right)
{
    static const uint64_t rights[] = {
        [WALL_READ] = READS, [WALL_WRITE] = WRITES, [WALL_ASK] = ASKS, [WALL_RUN] = RUNS};
    ENS_CLEANUP(path_place_free) struct path_place place = {0};
    ENS_CLEANUP(file_closep) int fd = -1;
    struct ens_err ignored = {0};

    if (wall->rules < 0 || !path_find(path, ENS_NOINPUT, &place, &ignored))
        return;
    if (right == WALL_WRITE)
        fd = openat(place.dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    else if (!path_open_place(&place, path, O_PATH, 0, ENS_NOINPUT, &fd, &ignored))
        return;
    if (fd >= 0)
        add_rule(wall, fd, rights[right]);
}

void wall_begin(struct wall *wall)
{
    *wall = (struct wall){.rules = -1};
    make_rules(wall);
    /* What libraries open by themselves: libzip the time zone, once, and jansson the seed of its tables. */
    tzset();
    wall_keep(wall, "/dev/urandom", WALL_READ);
}

static bool is_refused(int reason)
{
    return reason == ENOSYS || reason == EPERM || reason == EACCES || reason == EINVAL ||
           reason == EOPNOTSUPP || reason == E2BIG;
}

static bool raise_rules(struct wall *wall, struct ens_err *err)
{
    if (wall->rules < 0)
        return true;
    long failed = syscall(SYS_landlock_restrict_self, wall->rules, 0);
    int reason = errno;

    file_closep(&wall->rules);
    if (failed != 0)
        return is_refused(reason) || ens_fail_errno(err, ENS_RESOURCE, reason, "Landlock: cannot be set up");
    wall->parts |= WALL_FILES;
    wall->parts |= wall->version >= VERSION_TCP ? WALL_TCP : 0;
    wall->parts |= wall->version >= VERSION_SCOPE ? WALL_SIGNALS : 0;
    return true;
}

/* Lowers both the soft and the hard limit to `most`, if they are higher. */
static bool lower_limit(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return false;
    limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;
    limit.rlim_cur = limit.rlim_cur < limit.rlim_max ? limit.rlim_cur : limit.rlim_max;
    return setrlimit(resource, &limit) == 0;
}

/* A process that serves many files is given its time for each of them, by the one that asks it. */
static bool lower_limits(enum wall_role role)
{
    bool serves = role == WALL_WORKER || role == WALL_PARENT;

    return lower_limit(RLIMIT_DATA, MEMORY_MAX) && (serves || lower_limit(RLIMIT_CPU, SECONDS_MAX));
}

bool wall_raise(struct wall *wall, enum wall_role role, struct ens_err *err)
{
    bool calls = false;

    if (IS_BUILT && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        wall->parts |= WALL_PRIVILEGES;
    if (!raise_rules(wall, err))
        return false;
    /* Limits that were lifted on request are not missing. */
    if (IS_BUILT && (is_large || lower_limits(role)))
        wall->parts |= WALL_LIMITS;
    if (IS_BUILT && role != WALL_PARENT && !wall_calls_raise(role, &calls, err))
        return false;
    wall->parts |= calls ? WALL_CALLS : 0;
    return true;
}

void wall_closep(struct wall *wall)
{
    file_closep(&wall->rules);
}

const char *wall_parts(const struct wall *wall, bool stands, char ret[static WALL_WORDS_MAX])
{
    static const char *const names[] = {"privileges", "files", "TCP", "signals", "system calls", "limits"};
    size_t len = 0;

    (void)snprintf(ret, WALL_WORDS_MAX, "none");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (((wall->parts >> i & 1u) != 0) == stands)
            len += (size_t)snprintf(ret + len, WALL_WORDS_MAX - len, "%s%s", len > 0 ? ", " : "", names[i]);
    }
    return ret;
}
