/* What the tests of hsm/ share: a throw-away SoftHSM token per test program, keys made by openssl and
 * imported by softhsm2-util, and the forwarding fault module. Nothing leaves a private directory. */
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hsm/hsm.h"
#include "signer/base/mem.h"
#include "tests/support/support.h"

#define TOKEN_PIN "123456"

/* A test that a broken token could hang dies of SIGALRM instead. */
#define TOKEN_SECONDS 500

static char *token_dir;

static const char *token_softhsm(void)
{
    static const char *const paths[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                        "/usr/local/lib/softhsm/libsofthsm2.so"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (access(paths[i], R_OK) == 0)
            return paths[i];
    }
    fail_msg("softhsm2 is not installed");
    return "";
}

/* build/VARIANT/tests/hsm/fault.so, beside the directory of the running program. */
__attribute__((unused)) static const char *token_fault_module(void)
{
    static char path[4096 + 32];
    char self[4096] = "";

    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        fail_msg("no /proc/self/exe");
    char *slash = strrchr(self, '/');

    *slash = '\0';
    (void)snprintf(path, sizeof path, "%s/../hsm/fault.so", self);
    if (access(path, R_OK) != 0)
        fail_msg("%s is missing: make tests-build", path);
    return path;
}

/* Runs a program without its output; returns its exit status. */
static int token_run(const char *const argv[])
{
    posix_spawn_file_actions_t quiet;
    char *args[32] = {NULL};
    pid_t pid = 0;
    int status = 0;

    for (size_t i = 0; argv[i] != NULL && i < 31; i++)
        args[i] = strdup(argv[i]);
    assert_int_equal(posix_spawn_file_actions_init(&quiet), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", 1, 0), 0);
    if (posix_spawnp(&pid, args[0], &quiet, NULL, args, environ) != 0)
        fail_msg("%s cannot be started", argv[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(posix_spawn_file_actions_destroy(&quiet), 0);
    for (size_t i = 0; args[i] != NULL; i++)
        free(args[i]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define token_must(...)                                                                                      \
    do {                                                                                                     \
        const char *const argv_[] = {__VA_ARGS__, NULL};                                                     \
        if (token_run(argv_) != 0)                                                                           \
            fail_msg("%s failed", argv_[0]);                                                                 \
    } while (0)

/* A path in the private directory; good until the fourth call from now. */
static const char *token_path(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", token_dir, name);
    return path;
}

/* Points SoftHSM at an empty directory of its own, and the fault module at SoftHSM. */
static void token_setup(void)
{
    FILE *f = NULL;

    (void)alarm(getenv("ENSIGN_VALGRIND") != NULL ? 3 * TOKEN_SECONDS : TOKEN_SECONDS);
    token_dir = support_mkdir();
    assert_int_equal(mkdir(token_path("tokens"), 0700), 0);
    f = fopen(token_path("softhsm2.conf"), "w");
    assert_non_null(f);
    (void)fprintf(f, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
                  token_path("tokens"));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(setenv("SOFTHSM2_CONF", token_path("softhsm2.conf"), 1), 0);
    assert_int_equal(setenv("ENSIGN_FAULT_MODULE", token_softhsm(), 1), 0);
    assert_int_equal(setenv("ENSIGN_FAULT_LOG", token_path("calls"), 1), 0);
    assert_int_equal(unsetenv("ENSIGN_FAULT"), 0);
}

static void token_teardown(void)
{
    support_rmdir(token_dir);
    token_dir = NULL;
}

static void token_init(const char *label)
{
    token_must("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin",
               TOKEN_PIN);
}

/* Makes NAME.p8, an RSA key. */
__attribute__((unused)) static void token_make_rsa(const char *name, const char *bits,
                                                   const char *exponent_option)
{
    char pem[64];
    char p8[64];

    (void)snprintf(pem, sizeof pem, "%s.pem", name);
    (void)snprintf(p8, sizeof p8, "%s.p8", name);
    token_must("openssl", "genrsa", exponent_option, "-out", token_path(pem), bits);
    token_must("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", token_path(pem), "-out", token_path(p8));
}

/* Imports NAME.p8 into the token `token`. */
__attribute__((unused)) static void token_import(const char *token, const char *name, const char *label,
                                                 const char *id, bool with_public)
{
    char p8[64];

    (void)snprintf(p8, sizeof p8, "%s.p8", name);
    token_must("softhsm2-util", "--import", token_path(p8), "--token", token, "--label", label, "--id", id,
               "--pin", TOKEN_PIN, "--force", with_public ? NULL : "--no-public-key");
}

/* The faults of the next hsm_open through the fault module; the log of calls starts empty. */
__attribute__((unused)) static void token_faults(const char *faults)
{
    assert_int_equal(setenv("ENSIGN_FAULT", faults, 1), 0);
    (void)unlink(token_path("calls"));
}

/* How often the function was called since token_faults. */
__attribute__((unused)) static unsigned token_calls(const char *name)
{
    FILE *f = fopen(token_path("calls"), "r");
    char line[128];
    unsigned count = 0;

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        count += strcmp(line, name) == 0;
    }
    if (f != NULL)
        (void)fclose(f);
    return count;
}

/* ---- steps of the walk, which must succeed ---- */

__attribute__((unused)) static struct hsm_uri *token_uri(const char *text)
{
    struct hsm_uri *uri = NULL;
    struct ens_err err = {0};

    assert_ok(hsm_uri_parse(text, &uri, &err), err);
    return uri;
}

__attribute__((unused)) static bool token_try_open(const char *module, struct hsm **ret, struct ens_err *err)
{
    return hsm_open(&(struct hsm_open_args){.module = module, .timeout_s = 60, .env = environ}, ret, err);
}

__attribute__((unused)) static struct hsm *token_open(const char *module)
{
    struct hsm *hsm = NULL;
    struct ens_err err = {0};

    assert_ok(token_try_open(module, &hsm, &err), err);
    return hsm;
}

__attribute__((unused)) static bool token_try_select(struct hsm *hsm, const char *uri_text,
                                                     struct ens_err *err)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = token_uri(uri_text);

    return hsm_select_token(hsm, uri, NULL, err);
}

__attribute__((unused)) static bool token_try_login(struct hsm *hsm, const char *text, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret pin = {0};

    return support_secret(view_of_string(text), &pin, err) && hsm_login(hsm, &pin, false, err);
}

__attribute__((unused)) static bool token_try_key(struct hsm *hsm, const char *uri_text,
                                                  const struct hsm_key **ret, struct ens_err *err)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = token_uri(uri_text);

    return hsm_select_key(hsm, uri, ret, err);
}

/* Opens `module`, selects the token of `uri`, and logs in. */
__attribute__((unused)) static struct hsm *token_ready(const char *module, const char *uri)
{
    struct hsm *hsm = token_open(module);
    struct ens_err err = {0};

    assert_ok(token_try_select(hsm, uri, &err), err);
    assert_ok(token_try_login(hsm, TOKEN_PIN, &err), err);
    return hsm;
}
