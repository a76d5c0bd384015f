/* ensign-token: the process of a PKCS#11 module. ensign starts it with a socket (descriptor 3) and a page
 * (descriptor 4), and it ends with ensign. Nobody else has a use for it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hsm/token/internal.h"
#include "signer/base/ossl.h"

#define FD_SOCKET 3
#define FD_PAGE   4

/* Landlock, as Linux 6.12 (ABI 6) has it; Debian 12's headers do not know these. */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
struct landlock {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

/* ensign's own signals are for ensign. Ignoring them beats a handler: no call of a module is cut short. */
static void ignore_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE, SIGXFSZ};
    sigset_t none;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)signal(numbers[i], SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A PIN will be in memory; and without ensign there is nothing to do. */
static bool protect(const char *parent)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    char pid[24];

    return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
           snprintf(pid, sizeof pid, "%ld", (long)getppid()) > 0 && strcmp(pid, parent) == 0;
}

/* No signal and no ptrace leaves this process; files and sockets are the module's own affair. True if the kernel
 * can do that. */
static bool scope_signals(void)
{
    const struct landlock rules = {.scoped = SCOPE_SIGNAL};
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);

    if (fd < 0)
        return false;
    bool ok = syscall(SYS_landlock_restrict_self, fd, 0) == 0;

    (void)close(fd);
    return ok;
}

static struct call_page *map_page(void)
{
    void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, FD_PAGE, 0);

    (void)close(FD_PAGE);
    return page != MAP_FAILED ? page : NULL;
}

int main(int argc, char **argv)
{
    struct ens_err ignored = {0};

    ignore_signals();
    if (argc < 2 || fcntl(FD_SOCKET, F_SETFD, FD_CLOEXEC) != 0)
        return WIRE_STATUS_NONSENSE;
    struct call_page *page = map_page();

    if (page == NULL || !protect(argv[1]) || !ossl_start(false, &ignored))
        return WIRE_STATUS_HARDEN;
    unsigned walls = 0;

    if (argc < 3)
        walls = (scope_signals() ? WIRE_WALL_SCOPE : 0U) | (forbid_calls() ? WIRE_WALL_CALLS : 0U);
    return (int)serve(FD_SOCKET, walls, page);
}
