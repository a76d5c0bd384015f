/* A PKCS#11 module that forwards to a real one, and does at one call what no module should: it ends or holds its
 * process, prints, forks, changes what belongs to the process, takes its descriptors, attacks its parent, or lies.
 * tests/hsm/process.bats says what ensign makes of each. Variables of the environment:
 *
 *   ENSIGN_FAULT_MODULE      the real module (required)
 *   ENSIGN_QUIRK             comma-separated "WHAT@CALL[#N]": at the first CALL of a process; N: only in the N-th
 *                            process that loads the module. CALL is load (a constructor), unload (a destructor), or
 *                            the name of a function that forward.c passes on
 *   ENSIGN_QUIRK_LOG         a file that gets one line a call, "C_Login", and one for each attack, with what came
 *                            of it: "kill: EPERM". LOG.pids gets the processes that a quirk leaves, one a line
 *   ENSIGN_QUIRK_SECONDS     how long `sleep` sleeps (2)
 *   ENSIGN_QUIRK_SIGNATURES  pairs of 51 bytes and their signature of 384 bytes: C_Sign answers at once with what is
 *                            there, and adds what is not
 *   ENSIGN_QUIRK_MS          C_Sign sleeps so many milliseconds; real or not
 *   ENSIGN_QUIRK_CPU         a file that gets a line at C_Finalize: signatures, and the processor time in seconds
 *                            that this process took since its first C_Sign began */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/hsm/forward.h"

#define SOCKET       3 /* of the helper */
#define LEFT_SECONDS 60
#define FLOOD        (80UL << 20)
#define MESSAGE_SIZE 51
#define SIGNED_SIZE  384
#define SIGNED_MAX   20000

/* A quirk that is one statement. */
#define QUIRK(name, statement)                                                                               \
    static void name(void)                                                                                   \
    {                                                                                                        \
        statement;                                                                                           \
    }

static CK_FUNCTION_LIST odd;
static unsigned long process_number;

/* ---- the log ---- */

static int open_log(const char *suffix)
{
    const char *path = getenv("ENSIGN_QUIRK_LOG");
    char name[4096];

    if (path == NULL || snprintf(name, sizeof name, "%s%s", path, suffix) >= (int)sizeof name)
        return -1;
    /* Far from 0 to 4: what a quirk does to those must not meet the log. */
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int far = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 100) : -1;

    if (fd >= 0)
        (void)close(fd);
    return far;
}

static void add_line(const char *suffix, const char *line)
{
    int fd = open_log(suffix);

    if (fd < 0)
        return;
    (void)!write(fd, line, strlen(line));
    (void)close(fd);
}

/* What came of an attack: "kill: EPERM", or "kill: done". */
static void note(const char *attack, bool done)
{
    char line[128];

    (void)snprintf(line, sizeof line, "%s: %s\n", attack, done ? "done" : strerrorname_np(errno));
    add_line("", line);
}

/* ---- ends ---- */

static void segv(void)
{
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
}

static void *exit_apart(void *unused)
{
    (void)unused;
    exit(0);
}

static void thread_exit(void)
{
    pthread_t thread;

    (void)pthread_create(&thread, NULL, exit_apart, NULL);
    (void)pthread_join(thread, NULL);
}

QUIRK(exit_0, exit(0))
QUIRK(exit_3, exit(3))
QUIRK(exit_130, _exit(130))
QUIRK(exit_raw, _exit(0))
QUIRK(exit_quick, quick_exit(0))
QUIRK(kill_self, (void)raise(SIGKILL))
QUIRK(exec_true, (void)execl("/bin/true", "true", NULL))
QUIRK(exec_sleep, (void)execl("/bin/sleep", "sleep", "60", NULL))
/* ---- holds ---- */

static void hang(void)
{
    for (;;)
        (void)pause();
}

static void spin(void)
{
    for (volatile unsigned long i = 0;; i++) {
    }
}

QUIRK(stop, (void)raise(SIGSTOP))
static void sleep_a_while(void)
{
    const char *seconds = getenv("ENSIGN_QUIRK_SECONDS");
    struct timespec left = {.tv_sec = seconds != NULL ? (time_t)strtoul(seconds, NULL, 10) : 2};

    while (nanosleep(&left, &left) != 0) {
    }
}

/* The call page, wherever it is mapped: the one shared mapping that can be written. */
static void *find_page(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    void *found = NULL;

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, " rw-s ") != NULL && strstr(line, "memfd") != NULL)
            found = (void *)strtoul(line, NULL, 16);
    }
    if (maps != NULL)
        (void)fclose(maps);
    note("page", found != NULL);
    return found;
}

static void *move_counters(void *page)
{
    volatile unsigned *words = page;

    for (unsigned i = 0;; i++) {
        for (size_t at = 0; at < 16; at++)
            words[at] = i;
        (void)usleep(20000);
    }
    return NULL;
}

/* Never done, and always busy with something new. */
static void page_moves(void)
{
    pthread_t thread;
    void *page = find_page();

    if (page != NULL)
        (void)pthread_create(&thread, NULL, move_counters, page);
    hang();
}

static void page_garbage(void)
{
    volatile unsigned *page = find_page();

    for (size_t at = 0; page != NULL && at < 1024; at++)
        page[at] = 0xffffff00U + (unsigned)at;
    hang();
}

static void page_forget(void)
{
    void *page = find_page();

    if (page != NULL)
        memset(page, 0, 4096);
}

static void page_zero(void)
{
    page_forget();
    hang();
}

/* ---- prints ---- */

static void print(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text));
}

QUIRK(print_out, print(STDOUT_FILENO, "vendor driver 7.1 ready\n"))
QUIRK(print_err, print(STDERR_FILENO, "vendor driver 7.1 ready\n"))
QUIRK(print_part, print(STDOUT_FILENO, "vendor driver 7.1 ready"))
static void print_stdio(void)
{
    (void)printf("vendor driver 7.1 ready\n");
    (void)fflush(stdout);
}

static void print_control(void)
{
    print(STDERR_FILENO, "vendor driver\x1b]0;title\x07\x1b[2J\r 7.1 \xe2\x80\xae\xff\xc2\x9b ready\n");
    print(STDERR_FILENO, "ensign: out: 384 bytes, signed, verified.\n");
}

static void print_flood(void)
{
    static char block[1 << 16];
    struct stat is;

    memset(block, 'f', sizeof block);
    for (size_t at = 79; at < sizeof block; at += 80)
        block[at] = '\n';
    for (unsigned long left = FLOOD; left > 0 && fstat(STDOUT_FILENO, &is) == 0; left -= sizeof block)
        (void)!write(STDOUT_FILENO, block, sizeof block);
    print(STDOUT_FILENO, "vendor driver 7.1 ready\n");
}

/* ---- leaves something ---- */

/* A child that stays, with every descriptor that it has. */
static void stay(bool in_session)
{
    char line[32];

    if (fork() != 0)
        return;
    if (!in_session && (setsid() < 0 || fork() != 0))
        _exit(0);
    (void)snprintf(line, sizeof line, "%ld\n", (long)getpid());
    add_line(".pids", line);
    (void)sleep(LEFT_SECONDS);
    _exit(0);
}

static void fork_waits(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    (void)waitpid(pid, NULL, 0);
}

static void zombie(void)
{
    if (fork() == 0)
        _exit(0);
}

static void *rest(void *unused)
{
    (void)unused;
    hang();
    return NULL;
}

static void thread_stays(void)
{
    pthread_t thread;

    (void)pthread_create(&thread, NULL, rest, NULL);
}

QUIRK(fork_keeps, stay(true))
QUIRK(daemon_keeps, stay(false))
/* ---- changes the process ---- */

static void on_signal(int number)
{
    (void)number;
    _exit(99);
}

static void handlers(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    for (int number = 1; number < 32; number++) {
        if (number != SIGSEGV && number != SIGABRT)
            (void)sigaction(number, &action, NULL);
    }
}

static void block_signals(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
}

QUIRK(change_dir, (void)!chdir("/"))
QUIRK(umask_0, (void)umask(0))
QUIRK(umask_77, (void)umask(077))
static void time_zone(void)
{
    (void)setenv("TZ", "Pacific/Kiritimati", 1);
    tzset();
}
static void clear_environ(void)
{
    (void)setenv("HOME", "/nowhere", 1);
    (void)unsetenv("PATH");
}
QUIRK(close_0, (void)close(0))
QUIRK(close_1, (void)close(1))
QUIRK(close_2, (void)close(2))
static void change_locale(void)
{
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    (void)setlocale(LC_ALL, "tr_TR.UTF-8");
}

static void new_session(void)
{
    (void)setpgid(0, 0);
    (void)setsid();
}

/* ---- takes the descriptors ---- */

QUIRK(close_from_0, closefrom(0))
QUIRK(close_from_3, closefrom(3))
QUIRK(shut_down, (void)shutdown(SOCKET, SHUT_RDWR))
QUIRK(garbage, (void)!write(SOCKET, "garbage", 7))
static void garbage_long(void)
{
    static char block[20000];

    (void)!write(SOCKET, block, sizeof block);
}

QUIRK(garbage_empty, (void)!send(SOCKET, "", 0, 0))
static void garbage_flood(void)
{
    static char block[16384];

    for (int i = 0; i < 10000; i++)
        (void)!send(SOCKET, block, sizeof block, MSG_DONTWAIT);
}

/* A descriptor that ensign did not ask for, with a message that means nothing. */
static void pass_descriptor(void)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {
        .head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {.iov_base = "garbage", .iov_len = 7};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
    int fd = STDIN_FILENO;

    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    note("pass", sendmsg(SOCKET, &message, 0) > 0);
}

/* ---- attacks the parent ---- */

QUIRK(kill_parent, note("kill", kill(getppid(), SIGKILL) == 0))
QUIRK(term_parent, note("term", kill(getppid(), SIGTERM) == 0))
QUIRK(int_parent, note("int", kill(getppid(), SIGINT) == 0))
QUIRK(stop_parent, note("stop", kill(getppid(), SIGSTOP) == 0))
/* All of the process group but the process itself, which lives on. */
static void kill_group(void)
{
    (void)signal(SIGUSR1, SIG_IGN);
    (void)kill(0, SIGUSR1);
}

static void trace_parent(void)
{
    long rc = ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);

    note("attach", rc == 0);
    note("seize", ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) == 0);
}

static int open_of_parent(const char *name, int flags)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)getppid(), name);
    return open(path, flags | O_CLOEXEC);
}

static void memory_of_parent(void)
{
    static char bytes[16];
    struct iovec here = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct iovec there = {.iov_base = (void *)&forward_real, .iov_len = sizeof bytes};

    note("mem", open_of_parent("mem", O_RDWR) >= 0);
    note("readv", process_vm_readv(getppid(), &here, 1, &there, 1, 0) > 0);
    note("writev", process_vm_writev(getppid(), &here, 1, &there, 1, 0) > 0);
    /* Whoever may trace the whole system (root, with CAP_PERFMON) reads both of a process that it may not trace. */
    if (getuid() != 0) {
        note("maps", open_of_parent("maps", O_RDONLY) >= 0);
        note("environ", open_of_parent("environ", O_RDONLY) >= 0);
    }
}

static void descriptors_of_parent(void)
{
    int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);

    note("pidfd", pidfd >= 0 && syscall(SYS_pidfd_getfd, pidfd, 2, 0) >= 0);
    note("fd", open_of_parent("fd/2", O_RDWR) >= 0);
    note("pidfd_kill", pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0);
}

/* Limits under which ensign could neither write nor live. */
static void limits_of_parent(void)
{
    note("fsize", prlimit(getppid(), RLIMIT_FSIZE, &(struct rlimit){0, 0}, NULL) == 0);
    note("nofile", prlimit(getppid(), RLIMIT_NOFILE, &(struct rlimit){0, 0}, NULL) == 0);
    note("cpu", prlimit(getppid(), RLIMIT_CPU, &(struct rlimit){0, 0}, NULL) == 0);
}

/* Types for the person who is asked. */
static void type_yes(void)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    bool done = tty >= 0;

    for (const char *c = "yes\n"; done && *c != '\0'; c++)
        done = ioctl(tty, TIOCSTI, c) == 0;
    note("type", done);
}

/* Says which processes the terminal's keys go to: with its own group nothing changes, with another one ensign hears none. */
static void take_keyboard(void)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    pid_t group = getpgrp();

    note("keyboard", tty >= 0 && ioctl(tty, TIOCSPGRP, &group) == 0);
}

static void *type_on(void *unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++) {
        type_yes();
        (void)usleep(20000);
    }
    return NULL;
}

static void type_later(void)
{
    pthread_t thread;

    (void)pthread_create(&thread, NULL, type_on, NULL);
}

/* A driver that asks the person itself: no attack. */
static void ask(void)
{
    char reply[64] = "";
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

    print(tty, "vendor driver wants a word: ");
    ssize_t len = read(tty, reply, sizeof reply - 1);

    note(len == 6 && memcmp(reply, "token\n", 6) == 0 ? "answer" : "no answer", len > 0);
    (void)close(tty);
}

/* ---- lies, which C_Sign and C_GetAttributeValue look for ---- */

static bool lie_short, lie_long, lie_other, lie_zero, lie_modulus;

QUIRK(short_signature, lie_short = true)
QUIRK(long_signature, lie_long = true)
QUIRK(other_signature, lie_other = true)
QUIRK(zero_signature, lie_zero = true)
QUIRK(other_modulus, lie_modulus = true)
/* ---- the table ---- */

static const struct {
    const char *name;
    void (*act)(void);
} quirks[] = {{"exit", exit_0},
              {"exit3", exit_3},
              {"_exit", exit_raw},
              {"_exit130", exit_130},
              {"quick_exit", exit_quick},
              {"thread_exit", thread_exit},
              {"abort", abort},
              {"segv", segv},
              {"kill", kill_self},
              {"exec", exec_true},
              {"execsleep", exec_sleep},
              {"hang", hang},
              {"spin", spin},
              {"stop", stop},
              {"sleep", sleep_a_while},
              {"pagemoves", page_moves},
              {"pagegarbage", page_garbage},
              {"pagezero", page_zero},
              {"pageforget", page_forget},
              {"stdout", print_out},
              {"stderr", print_err},
              {"stdio", print_stdio},
              {"part", print_part},
              {"control", print_control},
              {"flood", print_flood},
              {"fork", fork_waits},
              {"forkkeeps", fork_keeps},
              {"daemon", daemon_keeps},
              {"zombie", zombie},
              {"thread", thread_stays},
              {"handlers", handlers},
              {"block", block_signals},
              {"chdir", change_dir},
              {"umask0", umask_0},
              {"umask77", umask_77},
              {"locale", change_locale},
              {"tz", time_zone},
              {"environ", clear_environ},
              {"session", new_session},
              {"close0", close_0},
              {"close1", close_1},
              {"close2", close_2},
              {"closefrom0", close_from_0},
              {"closefrom3", close_from_3},
              {"shutdown", shut_down},
              {"garbage", garbage},
              {"garbagelong", garbage_long},
              {"garbageempty", garbage_empty},
              {"garbageflood", garbage_flood},
              {"pass", pass_descriptor},
              {"killparent", kill_parent},
              {"termparent", term_parent},
              {"intparent", int_parent},
              {"stopparent", stop_parent},
              {"killgroup", kill_group},
              {"ptrace", trace_parent},
              {"memory", memory_of_parent},
              {"descriptors", descriptors_of_parent},
              {"prlimit", limits_of_parent},
              {"type", type_yes},
              {"keyboard", take_keyboard},
              {"typelater", type_later},
              {"ask", ask},
              {"shortsig", short_signature},
              {"longsig", long_signature},
              {"othersig", other_signature},
              {"zerosig", zero_signature},
              {"modulus", other_modulus}};

static void act(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof quirks / sizeof quirks[0]; i++) {
        if (strlen(quirks[i].name) == len && memcmp(quirks[i].name, name, len) == 0) {
            quirks[i].act();
            return;
        }
    }
    print(STDERR_FILENO, "quirk.so knows no such quirk\n");
    _exit(111);
}

/* Every call. Of ENSIGN_QUIRK what stands behind "@CALL" is done once in a process. */
CK_RV forward_enter(const char *call)
{
    static bool is_done[16];
    const char *list = getenv("ENSIGN_QUIRK");
    size_t call_len = strlen(call);

    char line[64];

    (void)snprintf(line, sizeof line, "%s\n", call);
    add_line("", line);
    for (size_t i = 0; list != NULL && *list != '\0' && i < 16; i++) {
        size_t len = strcspn(list, ",");
        const char *at = memchr(list, '@', len);
        const char *end = at != NULL ? at + 1 + call_len : NULL;

        if (at != NULL && !is_done[i] && end <= list + len && memcmp(at + 1, call, call_len) == 0 &&
            (*end == '\0' || *end == ',' || (*end == '#' && strtoul(end + 1, NULL, 10) == process_number))) {
            is_done[i] = true;
            act(list, (size_t)(at - list));
        }
        list += len + (list[len] == ',');
    }
    return CKR_OK;
}

/* ---- functions that lie ---- */

/* The modulus is another number each time that it is read. */
static CK_RV quirk_C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *list,
                                       CK_ULONG count)
{
    static CK_BYTE times;

    (void)forward_enter("C_GetAttributeValue");
    CK_RV rv = forward_real->C_GetAttributeValue(session, object, list, count);

    for (CK_ULONG i = 0; i < count && lie_modulus; i++) {
        if (list[i].type == CKA_MODULUS && list[i].pValue != NULL && list[i].ulValueLen == SIGNED_SIZE)
            ((CK_BYTE *)list[i].pValue)[100] ^= ++times;
    }
    return rv;
}

/* ---- signing ---- */

static CK_BYTE known[SIGNED_MAX][MESSAGE_SIZE + SIGNED_SIZE];
static size_t known_count;
static size_t known_next; /* where the last one was found: they come in order */
static unsigned long signatures;
static double first_cpu;
static bool is_known; /* of what C_SignInit began nothing is left in the real module */

static double cpu(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_known(void)
{
    const char *path = getenv("ENSIGN_QUIRK_SIGNATURES");
    FILE *f = path != NULL ? fopen(path, "re") : NULL;

    known_count = f != NULL ? fread(known, sizeof known[0], SIGNED_MAX, f) : 0;
    if (f != NULL)
        (void)fclose(f);
}

static void add_known(const CK_BYTE *message, const CK_BYTE *signature)
{
    const char *path = getenv("ENSIGN_QUIRK_SIGNATURES");
    FILE *f = path != NULL ? fopen(path, "ae") : NULL;

    if (f == NULL)
        return;
    (void)fwrite(message, 1, MESSAGE_SIZE, f);
    (void)fwrite(signature, 1, SIGNED_SIZE, f);
    (void)fclose(f);
}

static const CK_BYTE *find_known(const CK_BYTE *message, CK_ULONG len)
{
    for (size_t i = 0; i < known_count && len == MESSAGE_SIZE; i++) {
        size_t at = (known_next + i) % known_count;

        if (memcmp(known[at], message, MESSAGE_SIZE) == 0) {
            known_next = at + 1;
            return known[at] + MESSAGE_SIZE;
        }
    }
    return NULL;
}

static CK_SESSION_HANDLE begun_session;
static CK_MECHANISM begun;
static CK_OBJECT_HANDLE begun_key;

/* C_SignInit waits until C_Sign knows whether the real module is asked. */
static CK_RV quirk_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)forward_enter("C_SignInit");
    if (signatures == 0)
        first_cpu = cpu();
    is_known = known_count > 0 && mechanism->mechanism == CKM_RSA_PKCS;
    begun_session = session;
    begun = *mechanism;
    begun_key = key;
    return is_known ? CKR_OK : forward_real->C_SignInit(session, mechanism, key);
}

static void lie(CK_BYTE *signature, CK_ULONG *len)
{
    if (lie_other)
        signature[200] ^= 1;
    if (lie_zero)
        memset(signature, 0, *len);
    *len = lie_short ? *len - 1 : lie_long ? 513 : *len;
}

static CK_RV sign_anew(CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature, CK_ULONG *len)
{
    CK_RV rv = is_known ? forward_real->C_SignInit(begun_session, &begun, begun_key) : CKR_OK;

    if (rv == CKR_OK)
        rv = forward_real->C_Sign(begun_session, data, data_len, signature, len);
    if (rv == CKR_OK && signature != NULL && data_len == MESSAGE_SIZE && *len == SIGNED_SIZE)
        add_known(data, signature);
    return rv;
}

static CK_RV quirk_C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
                          CK_ULONG *len)
{
    const char *ms = getenv("ENSIGN_QUIRK_MS");
    unsigned long wait = ms != NULL ? strtoul(ms, NULL, 10) : 0;
    const CK_BYTE *at_once = signature != NULL ? find_known(data, data_len) : NULL;
    CK_RV rv = CKR_OK;

    (void)session;
    (void)forward_enter("C_Sign");
    signatures++;
    if (wait > 0)
        (void)nanosleep(
            &(struct timespec){.tv_sec = (time_t)(wait / 1000), .tv_nsec = (long)(wait % 1000) * 1000000},
            NULL);
    if (at_once != NULL) {
        memcpy(signature, at_once, SIGNED_SIZE);
        *len = SIGNED_SIZE;
    } else {
        rv = sign_anew(data, data_len, signature, len);
    }
    if (rv == CKR_OK && signature != NULL)
        lie(signature, len);
    return rv;
}

static CK_RV quirk_C_Finalize(void *reserved)
{
    const char *path = getenv("ENSIGN_QUIRK_CPU");
    FILE *f = path != NULL && signatures > 0 ? fopen(path, "ae") : NULL;

    if (f != NULL) {
        (void)fprintf(f, "%lu %.6f\n", signatures, cpu() - first_cpu);
        (void)fclose(f);
    }
    (void)forward_enter("C_Finalize");
    return forward_real->C_Finalize(reserved);
}

/* ---- loading ---- */

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret)
{
    bool is_first = forward_real == NULL;

    (void)forward_enter("C_GetFunctionList");
    CK_RV rv = forward_load(&odd);

    if (rv != CKR_OK)
        return rv;
    if (is_first)
        read_known();
    odd.C_Finalize = quirk_C_Finalize;
    odd.C_GetAttributeValue = quirk_C_GetAttributeValue;
    odd.C_SignInit = quirk_C_SignInit;
    odd.C_Sign = quirk_C_Sign;
    odd.C_GetFunctionList = C_GetFunctionList;
    *ret = &odd;
    return CKR_OK;
}

/* Which process is this that loads the module? One line each, under a lock, tells. */
static void count_process(void)
{
    int fd = open_log(".processes");
    struct stat is;

    if (fd < 0)
        return;
    (void)flock(fd, LOCK_EX);
    (void)!write(fd, "\n", 1);
    process_number = fstat(fd, &is) == 0 ? (unsigned long)is.st_size : 0;
    (void)close(fd);
}

__attribute__((constructor)) static void loaded(void)
{
    count_process();
    (void)forward_enter("load");
}

__attribute__((destructor)) static void unloaded(void)
{
    (void)forward_enter("unload");
}
