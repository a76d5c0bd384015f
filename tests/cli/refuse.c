/* refuse ENOSYS|EPERM COMMAND...: runs a program on a kernel without the wall, or in a container that refuses it: each
 * call that base/wall.c makes fails with this error. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const int calls[] = {SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
                                SCMP_SYS(landlock_restrict_self), SCMP_SYS(seccomp), SCMP_SYS(setrlimit)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (argc < 3 || filter == NULL)
        return 99;
    uint32_t refuse = SCMP_ACT_ERRNO(strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS : EPERM);

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (seccomp_rule_add(filter, refuse, calls[i], 0) != 0)
            return 99;
    }
    if (seccomp_rule_add(filter, refuse, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS, 0)) !=
            0 ||
        seccomp_rule_add(filter, refuse, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0)) != 0 ||
        seccomp_rule_add(filter, refuse, SCMP_SYS(prlimit64), 2, SCMP_A1(SCMP_CMP_NE, 4 /* RLIMIT_CORE */, 0),
                         SCMP_A2(SCMP_CMP_NE, 0, 0)) != 0 ||
        seccomp_load(filter) != 0)
        return 99;
    (void)execv(argv[2], argv + 2);
    perror(argv[2]);
    return 99;
}
