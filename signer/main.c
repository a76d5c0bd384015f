/* ensign: process hardening, dispatch, and the one place where an error is printed
 * and becomes the exit status. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/ossl.h"
#include "signer/base/version.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/confine.h"
#include "signer/flow/operands.h"
#include "signer/ui/notice.h"

/* What ensign opens must never become its stdin, stdout or stderr: where one of them is closed, /dev/null
 * stands there instead, open the wrong way round. What is read from stdin, or written to stdout, then fails
 * as it does with a closed one; words to stderr go nowhere. */
static bool fill_streams(struct ens_err *err)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};

    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            return ens_fail(err, ENS_RESOURCE,
                            "/dev/null: cannot stand for a closed stdin, stdout or stderr");
    }
    return true;
}

/* A PIN may be in memory: no core file, and no ptrace by other processes of the user. */
static bool harden(struct ens_err *err)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

    interrupt_install();
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return ens_fail(err, ENS_RESOURCE, "core files cannot be forbidden for this process");
    return true;
}

/* What names files or code to the libraries that ensign is made of: all of OpenSSL's variables, and those
 * that glibc does not believe in a privileged program either (ld.so(8), "secure-execution mode"). Those of a
 * PKCS#11 module are nobody's list, and stay; what else ensign starts gets its own list (child_env.c). */
static bool is_foreign(const char *variable)
{
    static const char *const names[] = {
        "OPENSSL_", "SSL_CERT_",    "MALLOC_",      "GCONV_PATH=",       "GETCONF_DIR=", "GLIBC_TUNABLES=",
        "LOCPATH=", "HOSTALIASES=", "LOCALDOMAIN=", "NIS_PATH=",         "NLSPATH=",     "RES_OPTIONS=",
        "TZDIR=",   "RANDFILE=",    "CTLOG_FILE=",  "RESOLV_HOST_CONF=",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* Takes them out, in place. */
static void reduce_environment(void)
{
    size_t kept = 0;

    for (size_t i = 0; environ != NULL && environ[i] != NULL; i++) {
        if (!is_foreign(environ[i]))
            environ[kept++] = environ[i];
    }
    if (environ != NULL)
        environ[kept] = NULL;
}

static bool run_command(int argc, char **argv, struct ens_err *err)
{
    const struct command *cmd = NULL;
    ENS_CLEANUP(options_free) struct command_line line = {0};
    int words = 0;

    if (!cmd_find(argc, argv, &cmd, &words, err) ||
        !options_parse(cmd_program, cmd, argc - words, argv + words, &line, err))
        return false;
    if (line.help) {
        options_help(cmd_program, cmd);
        return true;
    }
    if (!ossl_start(!options_has(cmd, "module"), err) || !operands_expand(&line, err) ||
        !operands_check(&line, err) || !confine_command(&line, err))
        return false;
    if (line.quiet)
        notice_be_quiet();
    return cmd->run(&line, err);
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool dispatch(int argc, char **argv, struct ens_err *err)
{
    if (argc < 2)
        return ens_fail(err, ENS_USAGE, "no command is given: see %s help", cmd_program);
    bool is_version = strcmp(argv[1], "--version") == 0;
    bool is_verbose = is_version && argc == 3 && strcmp(argv[2], "--verbose") == 0;

    if (is_version && argc > 2 && !is_verbose)
        return ens_fail(err, ENS_USAGE, "--version: takes nothing behind it but --verbose: see %s --help",
                        cmd_program);
    if (is_version) {
        printf("%s %s (%s)\n", cmd_program, ENSIGN_VERSION, version_commit);
        return fflush(stdout) != 0 || !is_verbose || confine_print(err);
    }
    if (is_help(argv[1]))
        return cmd_help(argc - 2, argv + 2, err);
    if (argc > 2 && cmd_is_group(argv[1]) && is_help(argv[2])) { /* ensign quorum help sign */
        argv[2] = argv[1];
        return cmd_help(argc - 2, argv + 2, err);
    }
    if (argv[1][0] == '-')
        return cmd_fail_option(argv[1], err);
    return run_command(argc - 1, argv + 1, err);
}

int main(int argc, char **argv)
{
    struct ens_err err = {0};

    reduce_environment();
    bool ok = fill_streams(&err) && harden(&err) && dispatch(argc, argv, &err);

    /* A result that could not be written is not a result. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        if (ok)
            ok = ens_fail(&err, ENS_IO, "stdout: cannot be written");
    }
    if (ok)
        return ENS_OK;
    if (err.msg[0] != '\0')
        notice_error(&err);
    return interrupt_status(err.code);
}
