/* Another program, started. */
#include "signer/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

static int fill_actions(const struct spawn *s, posix_spawn_file_actions_t *ret)
{
    int reason = 0;

    if (s->terminal)
        reason = posix_spawn_file_actions_addopen(ret, 0, "/dev/tty", O_RDWR, 0);
    for (size_t i = 0; i < s->fds_len && reason == 0; i++)
        reason = posix_spawn_file_actions_adddup2(ret, s->fds[i].fd, s->fds[i].as);
    if (reason == 0)
        reason = posix_spawn_file_actions_addclosefrom_np(ret, s->close_from);
    return reason;
}

static int fill_attributes(const struct spawn *s, posix_spawnattr_t *ret)
{
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t set;

    if (sigemptyset(&set) != 0)
        return errno;
    for (size_t i = 0; s->signals_later && i < sizeof stops / sizeof stops[0]; i++)
        (void)sigaddset(&set, stops[i]);
    int reason = posix_spawnattr_setsigmask(ret, &set);

    if (sigemptyset(&set) != 0 || sigaddset(&set, SIGPIPE) != 0 || sigaddset(&set, SIGXFSZ) != 0 ||
        sigaddset(&set, SIGINT) != 0 || sigaddset(&set, SIGTERM) != 0)
        return errno;
    if (reason == 0)
        reason = posix_spawnattr_setsigdefault(ret, &set);
    if (reason == 0)
        reason = posix_spawnattr_setflags(ret, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return reason;
}

static int spawn_with(const struct spawn *s, posix_spawn_file_actions_t *actions, pid_t *ret)
{
    posix_spawnattr_t attributes;
    int reason = posix_spawnattr_init(&attributes);

    if (reason != 0)
        return reason;
    reason = fill_actions(s, actions);
    if (reason == 0)
        reason = fill_attributes(s, &attributes);
    if (reason == 0)
        reason = s->program != NULL ? posix_spawn(ret, s->program, actions, &attributes, s->argv, s->env)
                                    : posix_spawnp(ret, s->argv[0], actions, &attributes, s->argv, s->env);
    (void)posix_spawnattr_destroy(&attributes);
    return reason;
}

int spawn_start(const struct spawn *s, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    int reason = posix_spawn_file_actions_init(&actions);

    /* Where a parent had it ignored, the system would take the exit status away. */
    (void)signal(SIGCHLD, SIG_DFL);
    if (reason != 0)
        return reason;
    reason = spawn_with(s, &actions, ret);
    (void)posix_spawn_file_actions_destroy(&actions);
    return reason;
}
