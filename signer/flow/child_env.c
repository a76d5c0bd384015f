/* The environment of a program that ensign starts. */
#include "signer/flow/child_env.h"

#include <stdlib.h>

#include "signer/base/mem.h"

const char child_env_ssh_keygen[] = ENSIGN_SSH_KEYGEN;

const char *const child_env_ssh[] = {
    "HOME", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY", "TERM", "TZ", NULL,
};

bool child_env_make(const char *const *names, struct child_env *ret, struct ens_err *err)
{
    ENS_CLEANUP(child_env_free) struct child_env env = {0};
    size_t n = 0;

    for (size_t i = 0; names[i] != NULL && n < CHILD_ENV_MAX - 1; i++) {
        const char *value = getenv(names[i]);

        if (value == NULL)
            continue;
        env.vars[n] = mem_printf(err, "%s=%s", names[i], value);
        if (env.vars[n++] == NULL)
            return false;
    }
    env.vars[n] = mem_strdup("LC_ALL=C", err);
    if (env.vars[n] == NULL)
        return false;
    *ret = env;
    env = (struct child_env){0};
    return true;
}

void child_env_free(struct child_env *env)
{
    for (size_t i = 0; i <= CHILD_ENV_MAX; i++)
        mem_free(env->vars[i]);
    *env = (struct child_env){0};
}

const char *const *child_env_list(const struct child_env *env)
{
    return (const char *const *)env->vars;
}

const char *child_env_tmpdir(void)
{
    const char *dir = getenv("TMPDIR");

    return dir != NULL && dir[0] != '\0' ? dir : "/tmp";
}
