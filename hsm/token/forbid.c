/* The calls by which this process would reach into another one, or type for the person at the terminal, and which no
 * module needs. Landlock keeps signals and ptrace inside; it knows nothing of limits (prlimit(2) of the parent ends it,
 * or keeps it from writing) and of terminals (TIOCSTI answers ensign's question, TIOCSPGRP takes the keyboard away). Every other call stays: foreign code
 * needs what it needs. */
#include "hsm/token/internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0U /* no filter */
#endif

#define OTHER_NUMBERS 0x40000000U /* from here on, x86-64 has its calls once more */
#define PASTE         0x541cU     /* TIOCLINUX */

#define LOAD(field)              BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQUAL(value, yes, no)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define AT_LEAST(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, yes, no)
#define ANSWER(what)             BPF_STMT(BPF_RET | BPF_K, what)

bool forbid_calls(void)
{
    /* Where a comparison goes on is counted from the line behind it. Of an argument the lower half is compared, which
     * is all that the kernel takes of these two. */
    struct sock_filter filter[] = {
        /*  0 */ LOAD(arch),
        /*  1 */ EQUAL(ARCHITECTURE, 0, 11),
        /*  2 */ LOAD(nr),
        /*  3 */ AT_LEAST(OTHER_NUMBERS, 9, 0),
        /*  4 */ EQUAL(SYS_prlimit64, 0, 3),
        /*  5 */ LOAD(args[0]),
        /*  6 */ EQUAL(0, 7, 0),
        /*  7 */ EQUAL((uint32_t)getpid(), 6, 5),
        /*  8 */ EQUAL(SYS_ioctl, 0, 5),
        /*  9 */ LOAD(args[1]),
        /* 10 */ EQUAL(TIOCSTI, 2, 0),
        /* 11 */ EQUAL(TIOCSPGRP, 1, 0),
        /* 12 */ EQUAL(PASTE, 0, 1),
        /* 13 */ ANSWER(SECCOMP_RET_ERRNO | EPERM),
        /* 14 */ ANSWER(SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};

    return ARCHITECTURE != 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
