/* The process that forks workers, and how it is told to: private to workers.c. */
#pragma once

#include <sys/types.h>

#include "signer/flow/workers.h"

/* To the forker: a worker is wanted. From it: the number of the process, with its socket; -1: it could not be made. The
 * first is 0, or the error of its wall. */
struct workers_order {
    int64_t number;
    struct ens_err err;
};

/* With a descriptor beside it (-1: none). */
bool workers_order_send(int socket, const struct workers_order *order, int fd);
bool workers_order_receive(int socket, struct workers_order *ret, int *ret_fd) ENS_MUST_CHECK;

/* All that the forked process does: raises the wall over files, and obeys until `socket` is closed. Workers are children
 * of `parent`. */
_Noreturn void workers_fork_run(const struct workers_args *args, pid_t parent, int socket, int words);
