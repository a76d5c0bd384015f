/* Inputs and outputs of a command line that are the same file. */
#include "signer/flow/operands.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"

/* What of a command line names files. */
struct named {
    const char *option; /* NULL: an operand */
    const char *path;   /* NULL: not given */
};

#define OPTIONS_MAX 8

static bool is_command(const struct cmd *cmd, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(cmd->name, names[i]) == 0)
            return true;
    }
    return false;
}

/* --pubkey is written by these, and read by others. */
static bool writes_pubkey(const struct cmd *cmd)
{
    return is_command(cmd, (const char *const[]){"sign", "keygen", NULL});
}

/* Their first operand may be the output: that is what they do without one. */
static bool is_in_place(const struct cmd *cmd)
{
    return is_command(cmd, (const char *const[]){"component-add", "set-sig", "sgx-set-sig", NULL});
}

static void list_outputs(const struct cmd *cmd, const struct args *a, struct named ret[static OPTIONS_MAX])
{
    const struct named outputs[OPTIONS_MAX] = {{"--output", a->output},
                                               {"--digest", a->digest},
                                               {"--to", a->to},
                                               {"--transcript", a->transcript},
                                               {"--pubkey", writes_pubkey(cmd) ? a->pubkey : NULL}};

    memcpy(ret, outputs, sizeof outputs);
}

static void list_inputs(const struct cmd *cmd, const struct args *a, struct named ret[static OPTIONS_MAX])
{
    const struct named inputs[OPTIONS_MAX] = {{"--from", a->from},
                                              {"--sign-data", a->sign_data},
                                              {"--policy", a->policy},
                                              {"--replaces", a->replaces},
                                              {"--ssh-key", a->ssh_key},
                                              {"--sgx-executable", a->sgx_executable},
                                              {"--sgx-signature", a->sgx_signature},
                                              {"--pubkey", writes_pubkey(cmd) ? NULL : a->pubkey}};

    memcpy(ret, inputs, sizeof inputs);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;

    return a != NULL && b != NULL && strcmp(a, "-") != 0 && strcmp(b, "-") != 0 && stat(a, &x) == 0 &&
           stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

static bool fail_same(const struct named *output, const char *input, struct ens_err *err)
{
    return ens_fail(err, ENS_USAGE, "%s: %s is the same file as %s, which is read: name another output",
                    output->option, output->path, input);
}

static bool check_list(const struct named *output, const char *const *inputs, size_t len, struct ens_err *err)
{
    for (size_t i = 0; i < len; i++) {
        if (is_same_file(output->path, inputs[i]))
            return fail_same(output, inputs[i], err);
    }
    return true;
}

static bool check_output(const struct cmd *cmd, const struct args *a, const struct named *output,
                         struct ens_err *err)
{
    bool may_be_first = is_in_place(cmd) && output->path == a->output;
    struct named inputs[OPTIONS_MAX];

    if (!check_list(output, a->approvals.items, a->approvals.len, err) ||
        !check_list(output, a->rebuilt.items, a->rebuilt.len, err))
        return false;
    for (size_t i = may_be_first ? 1 : 0; i < a->operands_len; i++) {
        if (is_same_file(output->path, a->operands[i]))
            return fail_same(output, a->operands[i], err);
    }
    list_inputs(cmd, a, inputs);
    for (size_t i = 0; i < OPTIONS_MAX; i++) {
        if (is_same_file(output->path, inputs[i].path))
            return fail_same(output, inputs[i].option, err);
    }
    return true;
}

/* Two names for one place: the second would replace the first. */
static bool check_two_operands(const struct named *a, const struct named *b, struct ens_err *err)
{
    if (a->path == NULL || b->path == NULL || strcmp(a->path, "-") == 0 ||
        (strcmp(a->path, b->path) != 0 && !is_same_file(a->path, b->path)))
        return true;
    return ens_fail(err, ENS_USAGE, "%s and %s name the same file: name two", a->option, b->option);
}

/* A result that goes to stdout by itself: the URI of keygen, and what has no -o. */
static const char *first_result(const struct cmd *cmd, const struct args *a)
{
    if (strcmp(cmd->name, "keygen") == 0)
        return "the URI of the key";
    return a->out_dir == NULL && (a->output == NULL || strcmp(a->output, "-") == 0) ? "the result" : NULL;
}

/* Two results in one stream could not be told apart. */
static bool check_stdout(const struct cmd *cmd, const struct args *a, struct ens_err *err)
{
    const struct named more[] = {{"--pubkey", writes_pubkey(cmd) ? a->pubkey : NULL},
                                 {"--digest", a->digest}};

    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        if (more[i].path != NULL && strcmp(more[i].path, "-") == 0 && first_result(cmd, a) != NULL)
            return ens_fail(err, ENS_USAGE, "%s: stdout is taken by %s: name a file", more[i].option,
                            first_result(cmd, a));
    }
    return true;
}

static bool check_stdin(const struct cmd *cmd, const struct args *a, struct ens_err *err)
{
    static const char *const changing[] = {"init", "component-add", "resign", NULL};
    bool changes_first =
        is_command(cmd, changing) || (is_in_place(cmd) && a->to == NULL && a->output == NULL);
    size_t count = 0;

    for (size_t i = 0; i < a->operands_len; i++) {
        if (strcmp(a->operands[i], "-") != 0)
            continue;
        if (++count > 1)
            return ens_fail(err, ENS_USAGE, "-: stdin is read once: name it once");
        if (i == 0 && changes_first)
            return ens_fail(err, ENS_USAGE, "-: stdin is not a file that %s could change: name a file",
                            cmd->name);
    }
    if (count > 0)
        file_take_stdin(STDIN_FILENO);
    if (count > 0 && a->out_dir != NULL)
        return ens_fail(err, ENS_USAGE, "-: stdin has no name for a file in --out-dir: give -o FILE");
    return true;
}

/* The public half and the certificate beside an SSH key, which ssh-keygen reads. */
static bool know_ssh_files(const char *key, struct ens_err *err)
{
    static const char *const ends[] = {".pub", "-cert.pub"};

    for (size_t i = 0; key != NULL && i < sizeof ends / sizeof ends[0]; i++) {
        ENS_CLEANUP(mem_freep) char *path = mem_printf(err, "%s%s", key, ends[i]);

        if (path == NULL || !file_add_input_named(path, err))
            return false;
    }
    return true;
}

/* From here on no output replaces what is read; what the command line names is known at once. */
static bool know_inputs(const struct cmd *cmd, const struct args *a, struct ens_err *err)
{
    struct named inputs[OPTIONS_MAX];

    file_watch_inputs();
    list_inputs(cmd, a, inputs);
    for (size_t i = 0; i < OPTIONS_MAX; i++) {
        if (inputs[i].path != NULL && !file_add_input_named(inputs[i].path, err))
            return false;
    }
    for (size_t i = 0; i < a->operands_len; i++) {
        if (!file_add_input_named(a->operands[i], err))
            return false;
    }
    return know_ssh_files(a->ssh_key, err);
}

/* Does the output `fd` of this process go into the file? */
static bool goes_to(int fd, const char *path)
{
    struct stat x;
    struct stat y;

    return path != NULL && fstat(fd, &x) == 0 && stat(path, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

/* It would break the transcript. Where errors go there, not even this one does. */
static bool check_streams(const char *transcript, struct ens_err *err)
{
    static const int result = 1, words = 2;
    ENS_CLEANUP(file_closep) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bool is_mute = goes_to(words, transcript) && dup2(null, words) == words;

    return (!is_mute && !goes_to(result, transcript)) ||
           ens_fail(err, ENS_USAGE, "%s: is a transcript, and %s goes there: send it elsewhere", transcript,
                    is_mute ? "standard error" : "standard output");
}

bool operands_check(const struct cmd *cmd, const struct args *args, struct ens_err *err)
{
    bool reads_transcripts = is_command(cmd, (const char *const[]){"transcript", NULL});
    struct named outputs[OPTIONS_MAX];

    if (!check_streams(args->transcript, err) ||
        (reads_transcripts && !check_streams(args->operands[0], err)))
        return false;
    list_outputs(cmd, args, outputs);
    for (size_t i = 0; i < OPTIONS_MAX; i++) {
        if (outputs[i].path == NULL)
            continue;
        for (size_t j = 0; j < i; j++) {
            if (!check_two_operands(&outputs[j], &outputs[i], err))
                return false;
        }
        /* Without --force nothing that is there is replaced; the transcript is written to all the same. */
        if ((args->force || outputs[i].path == args->transcript) &&
            !check_output(cmd, args, &outputs[i], err))
            return false;
    }
    return check_stdout(cmd, args, err) && check_stdin(cmd, args, err) && know_inputs(cmd, args, err);
}
