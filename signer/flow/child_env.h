/* What a program that ensign starts knows of the environment: a handful of variables, nothing else. */
#pragma once

#include "signer/base/err.h"

#define CHILD_ENV_MAX 16

/* "NAME=value" texts, NULL after the last. Zero-initialise; release with child_env_free. */
struct child_env {
    char *vars[CHILD_ENV_MAX + 1];
};

/* The path of ssh-keygen, fixed when ensign is built (make SSH_KEYGEN=PATH). */
extern const char child_env_ssh_keygen[];

/* What ssh-keygen needs: the SSH agent, how a passphrase is asked for without a terminal,
 * and the time zone, which dates in an allowed_signers file are in. NULL-terminated. */
extern const char *const child_env_ssh[];

/* Of ensign's own environment the variables in `names` (NULL-terminated), and LC_ALL=C. */
bool child_env_make(const char *const *names, struct child_env *ret, struct ens_err *err) ENS_MUST_CHECK;
void child_env_free(struct child_env *env);

/* As a program is given it; borrowed from `env`. */
const char *const *child_env_list(const struct child_env *env);

/* TMPDIR, or if that is not set, /tmp. */
const char *child_env_tmpdir(void);
