/* Where a result goes. */
#include "signer/ui/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/mem.h"

const struct option output_rows[] = {
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"output", 'o', OPTION(OUTPUT, struct output_options, output), "FILE",
     "where the result goes (- is stdout)"},
    {"force", 0, OPTION(FLAG, struct output_options, force), NULL, "replace an existing output"},
    {0},
};

struct output {
    struct file_out *file; /* NULL: stdout */
};

bool output_stdout_is_open(struct ens_err *err)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    return (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) ||
           ens_fail(err, ENS_IO, "stdout: is closed, and the result goes there: give -o FILE");
}

bool output_open(const char *path, bool binary, bool force, struct output **ret, struct ens_err *err)
{
    ENS_CLEANUP(output_closep) struct output *o = mem_alloc(1, sizeof *o, err);
    bool to_stdout = path == NULL || strcmp(path, "-") == 0;

    if (o == NULL)
        return false;
    if (to_stdout && !output_stdout_is_open(err))
        return false;
    if (to_stdout && binary && isatty(STDOUT_FILENO) == 1)
        return ens_fail(err, ENS_USAGE, "stdout: is a terminal, and the result is binary: give -o FILE");
    if (!to_stdout && !file_out_open(path, force ? FILE_OUT_REPLACE : FILE_OUT_NEW, &o->file, err))
        return false;
    *ret = ens_take(o);
    return true;
}

const char *output_name(const char *path)
{
    return path == NULL || strcmp(path, "-") == 0 ? "stdout" : path;
}

bool output_put(struct output *o, struct view piece, struct ens_err *err)
{
    return o->file == NULL ? file_write(STDOUT_FILENO, "stdout", piece, err)
                           : file_out_write(o->file, piece, err);
}

bool output_finish(struct output *o, const uint8_t *sha256, struct ens_err *err)
{
    uint8_t is[DIGEST_SIZE];

    if (o->file == NULL)
        return true;
    if (sha256 != NULL) {
        if (lseek(file_out_fd(o->file), 0, SEEK_SET) != 0)
            return ens_fail(err, ENS_IO, "the new file cannot be read again: repeat on another disk");
        if (!file_sha256(file_out_fd(o->file), "the new file", is, err))
            return false;
        if (memcmp(is, sha256, sizeof is) != 0)
            return ens_fail(err, ENS_IO,
                            "the new file is not what was written to it: repeat on another disk");
    }
    return file_out_commit(o->file, err);
}

bool output_commit(struct output *o, struct view result, struct ens_err *err)
{
    return output_put(o, result, err) && output_finish(o, NULL, err);
}

void output_closep(struct output **o)
{
    if (*o == NULL)
        return;
    file_out_closep(&(*o)->file);
    mem_free(*o);
    *o = NULL;
}
