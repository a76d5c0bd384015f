/* Where a bundle, or another file that was changed, goes. */
#include "signer/flow/deliver.h"

#include <string.h>
#include <unistd.h>

#include "signer/base/mem.h"
#include "signer/ui/output.h"

bool deliver_open(const struct args *args, const char *own, enum file_out_mode own_mode, int own_fd,
                  struct deliver *ret, struct ens_err *err)
{
    ENS_CLEANUP(deliver_free)
    struct deliver d = {.name = own, .to_stdout = args->output != NULL && strcmp(args->output, "-") == 0};
    enum file_out_mode mode = own_mode;

    if (d.to_stdout && !output_stdout_is_open(err))
        return false;
    if (d.to_stdout && isatty(STDOUT_FILENO) == 1)
        return ens_fail(err, ENS_USAGE, "stdout: is a terminal, and the result is binary: give -o FILE");
    if (args->output != NULL && !d.to_stdout) {
        d.name = args->output;
        mode = FILE_OUT_NEW;
    }
    if (d.to_stdout || args->force)
        mode = FILE_OUT_REPLACE;
    if (!file_out_open(d.name, mode, &d.file, err) ||
        (args->output == NULL && own_fd >= 0 && !file_out_expect(d.file, own_fd, err)))
        return false;
    *ret = d;
    d.file = NULL;
    return true;
}

void deliver_free(struct deliver *d)
{
    file_out_closep(&d->file);
}

static bool check_bundle(const struct bundle *b, const struct bundle *from, const struct deliver_check *check,
                         struct enclave_set *ret, struct ens_err *err)
{
    return check->known == NULL ? enclave_check_bundle(b, ret, err)
                                : enclave_check_written(b, from, check->known, ret, err);
}

/* Reopens what was written and checks all of it. */
static bool check_written(const struct deliver *d, const struct bundle *from,
                          const struct deliver_check *check, struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};

    if (!bundle_open_fd(file_out_fd(d->file), d->name, &b, err) || !check_bundle(b, from, check, &set, err) ||
        !check->holds(check->ctx, b, &set, err))
        return ens_wrap(err, "the new bundle does not hold, nothing was changed");
    return true;
}

/* Pours a checked temporary file to stdout; it is never put in place. */
static bool copy_to_stdout(const struct file_out *out, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    size_t len = 0;

    if (piece == NULL)
        return false;
    if (lseek(file_out_fd(out), 0, SEEK_SET) != 0)
        return ens_fail(err, ENS_IO, "the new file cannot be read again");
    do {
        if (!file_read(file_out_fd(out), "the new file", piece, FILE_PIECE, &len, err) ||
            !file_write(STDOUT_FILENO, "stdout", view_of(piece, len), err))
            return false;
    } while (len == FILE_PIECE);
    return true;
}

bool deliver_bundle(struct deliver *d, struct bundle *b, const struct deliver_check *check,
                    struct file_out **ret_written, struct ens_err *err)
{
    if (!bundle_write(b, d->file, err) || !check_written(d, b, check, err))
        return false;
    return deliver_commit(d, ret_written, err);
}

bool deliver_commit(struct deliver *d, struct file_out **ret_written, struct ens_err *err)
{
    if (d->to_stdout)
        return copy_to_stdout(d->file, err);
    if (ret_written == NULL)
        return file_out_commit(d->file, err);
    *ret_written = ens_take(d->file);
    return true;
}
