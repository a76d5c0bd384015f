/* The signals that end a program as a flag that long work asks for. */
#include "signer/base/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* Atomic as well: a signal comes to one thread, and all of them ask. */
static volatile _Atomic sig_atomic_t interrupted; /* the number of the first signal; 0: none */

static void on_signal(int number)
{
    if (interrupted == 0)
        interrupted = number;
}

/* nohup(1), and a shell that starts a program in the background, have them ignored: so they stay. */
static bool is_to_be_ignored(int number)
{
    struct sigaction before;

    return (number == SIGHUP || number == SIGQUIT) && sigaction(number, NULL, &before) == 0 &&
           before.sa_handler == SIG_IGN;
}

void interrupt_install(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigemptyset(&stop.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!is_to_be_ignored(numbers[i]))
            (void)sigaction(numbers[i], &stop, NULL);
    }
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
}

bool interrupt_check(struct ens_err *err)
{
    if (interrupted != 0)
        return ens_fail(err, ENS_INTERRUPTED, "interrupted: nothing was written; run the command again");
    return true;
}

int interrupt_status(enum ens_code code)
{
    return code == ENS_INTERRUPTED && interrupted != 0 ? 128 + (int)interrupted : (int)code;
}
