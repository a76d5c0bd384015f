/* Linked into ensign instead of what reads and writes enclaves in workers of resign: a file whose name is NAME.DEED.orc
 * takes the worker over that reads it. What a deed should not reach, it says it reached. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "signer/cmd/resign/resign_wire.h"
#include "signer/flow/enclave.h"
#include "signer/flow/install.h"
#include "signer/flow/workers.h"

bool __real_enclave_open(struct artifact *a, const char *id, const struct container_beside *beside,
                         enum enclave_use use, struct enclave *ret, struct ens_err *err);
bool __wrap_enclave_open(struct artifact *a, const char *id, const struct container_beside *beside,
                         enum enclave_use use, struct enclave *ret, struct ens_err *err);
bool __real_install_enclave(const struct install *i, struct enclave *e, const struct install_item *items,
                            size_t len, struct notices *ret_notices, struct ens_err *err);
bool __wrap_install_enclave(const struct install *i, struct enclave *e, const struct install_item *items,
                            size_t len, struct notices *ret_notices, struct ens_err *err);
bool __real_workers_say(int socket, struct view message);
bool __wrap_workers_say(int socket, struct view message);

static char deed[32]; /* of the file that was opened last */

static bool is(const char *name)
{
    return strcmp(deed, name) == 0;
}

static void learn(const char *path)
{
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;

    if (sscanf(name, "%*[^.].%31[^.].orc", deed) != 1)
        deed[0] = '\0';
}

static void reach(bool reached)
{
    static const char word[] = "reached it\n";

    if (reached)
        (void)!write(STDERR_FILENO, word, sizeof word - 1);
}

/* A sign for the test, in the one directory that is open. */
static void hang(void)
{
    (void)open("hung", O_WRONLY | O_CREAT, 0600);
    for (;;)
        (void)poll(NULL, 0, 1000);
}

static void crash(void)
{
    static volatile int *volatile nowhere;

    *nowhere = 1;
}

bool __wrap_enclave_open(struct artifact *a, const char *id, const struct container_beside *beside,
                         enum enclave_use use, struct enclave *ret, struct ens_err *err)
{
    char *const none[] = {NULL};

    learn(a->path);
    if (is("crash"))
        crash();
    if (is("hang"))
        hang();
    if (is("exit"))
        _exit(0);
    if (is("passwd"))
        reach(open("/etc/passwd", O_RDONLY) >= 0);
    if (is("terminal"))
        reach(open("/dev/tty", O_RDWR) >= 0);
    if (is("elsewhere"))
        reach(open("../elsewhere", O_WRONLY | O_CREAT, 0600) >= 0);
    if (is("connect"))
        reach(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    if (is("exec"))
        reach(execve("/bin/true", none, none) == 0);
    if (is("fork"))
        reach(fork() >= 0);
    if (is("kill"))
        reach(kill(getppid(), 0) == 0);
    return __real_enclave_open(a, id, beside, use, ret, err);
}

bool __wrap_install_enclave(const struct install *i, struct enclave *e, const struct install_item *items,
                            size_t len, struct notices *ret_notices, struct ens_err *err)
{
    learn(e->path);
    if (is("latehang"))
        hang();
    bool ok = __real_install_enclave(i, e, items, len, ret_notices, err);

    if (is("latecrash"))
        crash();
    return ok;
}

/* It says the truth as long as somebody only looks. */
static bool is_asked_again(void)
{
    return is("swap") && open("asked", O_WRONLY | O_CREAT | O_EXCL, 0600) < 0;
}

/* Lies about the fields, the enclave, whose file it is, how many there are; and what is no message. */
bool __wrap_workers_say(int socket, struct view message)
{
    static const size_t want = 20,
                        hash = 128 + 60; /* of an enclave's message; ENCLAVEHASH in the sign-data */
    uint8_t bytes[WORKERS_MESSAGE_MAX + 1] = {0};
    struct resign_message m = {0};
    size_t len = message.len;

    if (!resign_wire_read(message, &m) || m.type != RESIGN_ENCLAVE)
        return __real_workers_say(socket, message);
    memcpy(bytes, message.data, len);
    if (is("none"))
        return true;
    bytes[want + 128] ^= is("field");
    bytes[want + 256 + 516] ^= is("before"); /* the signature that it has now */
    bytes[want + hash] ^= is("hash") || is_asked_again();
    bytes[4] ^= is("file");
    bytes[0] = is("type") ? 99 : bytes[0];
    len -= is("short");
    len = is("long") ? sizeof bytes : len;
    return __real_workers_say(socket, view_of(bytes, len)) &&
           (!is("twice") || __real_workers_say(socket, message));
}
