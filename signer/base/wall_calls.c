/* The system calls that are left behind the wall; libseccomp's only home. The lists were traced (strace -c) over the
 * command-line tests, and what the C library needs on its error paths was added. */
#include "signer/base/wall_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "signer/base/mem.h"

/* Whatever the arguments. */
static const int every_role[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(fstatfs),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(fadvise64),
    SCMP_SYS(readahead),
    SCMP_SYS(memfd_create),
    SCMP_SYS(fchmod),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getuid),
    SCMP_SYS(sysinfo),
    SCMP_SYS(sched_yield),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(uname),
};

static const int writers[] = {
    SCMP_SYS(pwrite64),  SCMP_SYS(ftruncate),       SCMP_SYS(fallocate),       SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(flock),           SCMP_SYS(umask),           SCMP_SYS(fchown),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2),      SCMP_SYS(renameat),        SCMP_SYS(renameat2),
    SCMP_SYS(linkat),    SCMP_SYS(unlinkat),        SCMP_SYS(sync_file_range), SCMP_SYS(utimensat),
    SCMP_SYS(openat),    SCMP_SYS(copy_file_range), SCMP_SYS(getcwd),          SCMP_SYS(mlock),
    SCMP_SYS(mlock2),    SCMP_SYS(munlock),
};

/* The sockets are inherited: none can be made, bound or connected. */
static const int workers[] = {SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
                              SCMP_SYS(shutdown)};

/* A signal handler has no snprintf. */
struct line {
    char text[256];
    size_t len;
};

static void put_words(struct line *l, const char *text)
{
    for (; *text != '\0' && l->len < sizeof l->text; text++)
        l->text[l->len++] = *text;
}

static void put_decimal(struct line *l, unsigned number)
{
    char digits[16];
    char *at = digits + sizeof digits - 1;

    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put_words(l, at);
}

static void end_here(const struct line *l, enum ens_code code)
{
    static const int words = 2;
    ssize_t written = write(words, l->text, l->len);

    (void)written;
    _exit((int)code);
}

/* Nobody else can say it: the call was not made, and what made it is not trusted with another. */
static void on_forbidden_call(int signal, siginfo_t *info, void *context)
{
    struct line l = {.len = 0};

    (void)signal;
    (void)context;
    put_words(&l, "ensign: system call ");
    put_decimal(&l, (unsigned)info->si_syscall);
    put_words(
        &l, ": is forbidden while files are read: a file took ensign over, or this is a bug: trust no result "
            "of this "
            "run, keep the file, and report it\n");
    end_here(&l, ENS_BUG);
}

static void on_time_over(int signal)
{
    struct line l = {.len = 0};

    (void)signal;
    put_words(
        &l, "ensign: the limit on processor time is reached: a file asks for more work than any should: give "
            "--allow-large if it may\n");
    end_here(&l, ENS_RESOURCE);
}

static bool allow(scmp_filter_ctx filter, const int *calls, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    }
    return true;
}

/* Calls of which a few forms are left. */
static bool allow_some(scmp_filter_ctx filter, enum wall_role role)
{
    const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp for_reading = SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT, O_RDONLY);
    const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    const struct scmp_arg_cmp own = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
    const struct scmp_arg_cmp limits[] = {SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0)};
    static const unsigned asked_of_terminals[] = {TCGETS, TIOCGWINSZ, TCFLSH};
    bool ok = true;

    for (size_t i = 0; i < sizeof asked_of_terminals / sizeof asked_of_terminals[0]; i++)
        ok = ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                    SCMP_A1(SCMP_CMP_EQ, asked_of_terminals[i], 0)) == 0;
    /* -1 is no call: so a tracer lets one fail that was to be made. */
    ok = ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, -1, 0) == 0;
    /* glibc makes threads with clone3, whose flags no filter can read, and with clone if there is no clone3. */
    return ok && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, thread) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, own) == 0 && /* abort */
           seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, limits) == 0 &&
           (role != WALL_READER ||
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, for_reading) == 0);
}

static bool build(scmp_filter_ctx filter, enum wall_role role)
{
    return seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1) == 0 &&
           seccomp_attr_set(filter, SCMP_FLTATR_API_TSKIP, 1) == 0 &&
           seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) == 0 &&
           allow(filter, every_role, sizeof every_role / sizeof every_role[0]) && allow_some(filter, role) &&
           (role == WALL_READER || allow(filter, writers, sizeof writers / sizeof writers[0])) &&
           (role != WALL_WORKER || allow(filter, workers, sizeof workers / sizeof workers[0]));
}

static void releasep(scmp_filter_ctx *filter)
{
    if (*filter != NULL)
        seccomp_release(*filter);
}

bool wall_calls_raise(enum wall_role role, bool *ret_stands, struct ens_err *err)
{
    ENS_CLEANUP(releasep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    const struct sigaction forbidden = {.sa_sigaction = on_forbidden_call, .sa_flags = SA_SIGINFO};
    const struct sigaction over = {.sa_handler = on_time_over};

    if (filter == NULL || sigaction(SIGSYS, &forbidden, NULL) != 0 || sigaction(SIGXCPU, &over, NULL) != 0 ||
        !build(filter, role))
        return ens_fail(err, ENS_RESOURCE, "the list of system calls cannot be made");
    int reason = -seccomp_load(filter);

    *ret_stands = reason == 0;
    /* ENOSYS, EPERM, EACCES, EINVAL: no filters here, or none for this process. */
    return reason != ENOMEM ||
           ens_fail_errno(err, ENS_RESOURCE, reason, "the list of system calls cannot be set up");
}
