/* Another program for a process that will stand behind the wall (wall.h) and can start none: a child is made before
 * that, which starts this one program, with these arguments and this environment, as often as it is asked to. Only
 * what the program reads comes from behind the wall, and only its exit status goes back. */
#pragma once

#include "signer/base/process.h"

/* Most bytes of an input or a file. */
#define APART_MAX (1u << 20)

/* Makes the child, which knows no descriptor of this process and ends with it. Takes of `p` all but `input` and
 * `files`; neither `terminal` nor `words` may be set. Called once, before there is a second thread. A child that
 * cannot be made is missed by apart_run alone. */
void apart_begin(const struct process *p);

/* Has the child run it with the input and the files of `p`; without apart_begin, runs it as process_run does.
 * The same errors. ENS_DATA for an input or a file of more than APART_MAX bytes. */
bool apart_run(const struct process *p, int *ret_status, struct ens_err *err) ENS_MUST_CHECK;
