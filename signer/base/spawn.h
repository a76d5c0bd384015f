/* How another program is started: posix_spawn, because it copies nothing of a process that may hold a PIN. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* `fd` becomes `as` in the program. No `fd` may be a number that another one becomes: keep them above. */
struct spawn_fd {
    int fd, as;
};

struct spawn {
    const char *program; /* its path, with a slash; NULL: argv[0] is looked up in PATH */
    char *const *argv;   /* NULL-terminated */
    char *const *env;    /* its whole environment, NULL-terminated */
    const struct spawn_fd *fds;
    size_t fds_len;
    int close_from;     /* no descriptor from here on is inherited: not that of --pin-source fd:N either */
    bool terminal;      /* its descriptor 0 is the controlling terminal */
    bool signals_later; /* the signals that end a program are blocked until it has said how it takes them */
};

/* Starts it; 0, or the errno value that says why not. Whoever had a signal ignored or a handler for it: the
 * program gets them as a program expects them. */
int spawn_start(const struct spawn *s, pid_t *ret);
