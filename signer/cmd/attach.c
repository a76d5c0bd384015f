/* Attaching a SIGSTRUCT to a bundle. */
#include "signer/cmd/attach.h"

#include <string.h>
#include <unistd.h>

#include "signer/base/mem.h"

/* Reopens what was written and checks all of it; the component must hold exactly `css`. */
static bool check_written(const struct file_out *out, const char *name, const char *id,
                          const struct sigstruct *css, struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};
    const struct enclave_component *c = NULL;

    if (!bundle_open_fd(file_out_fd(out), name, &b, err) || !enclave_check_bundle(b, &set, err) ||
        !enclave_find(b, &set, id, &c, err))
        return ens_wrap(err, "the new bundle does not hold, nothing was changed");
    if (!c->is_signed || memcmp(c->css.bytes, css->bytes, sizeof css->bytes) != 0)
        return ens_fail(err, ENS_BUG, "%s: the new bundle lacks the SIGSTRUCT, nothing was changed", name);
    return true;
}

/* Pours a checked temporary file to stdout; it is never put in place. */
static bool copy_to_stdout(const struct file_out *out, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_alloc(FILE_PIECE, 1, err);
    size_t len = 0;

    if (piece == NULL)
        return false;
    if (lseek(file_out_fd(out), 0, SEEK_SET) != 0)
        return ens_fail(err, ENS_IO, "the new bundle cannot be read again");
    do {
        if (!file_read(file_out_fd(out), "the new bundle", piece, FILE_PIECE, &len, err) ||
            !file_write(STDOUT_FILENO, "stdout", view_of(piece, len), err))
            return false;
    } while (len == FILE_PIECE);
    return true;
}

bool attach_to_bundle(struct enclave *e, const struct sigstruct *css, const char *output, bool force,
                      struct ens_err *err)
{
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
    bool in_place = output == NULL;
    bool to_stdout = output != NULL && strcmp(output, "-") == 0;
    const char *id = e->component->meta->id;
    const char *name = in_place || to_stdout ? e->path : output;

    if (to_stdout && isatty(STDOUT_FILENO) == 1)
        return ens_fail(err, ENS_USAGE, "stdout: is a terminal, and a bundle is binary: give -o FILE");
    if (!file_out_open(name, in_place || to_stdout || force ? FILE_OUT_REPLACE : FILE_OUT_NEW, &out, err))
        return false;
    if (!bundle_set_signature(e->bundle, id, view_of(css->bytes, sizeof css->bytes), err) ||
        !bundle_write(e->bundle, out, err))
        return false;
    if (!check_written(out, name, id, css, err))
        return false;
    return to_stdout ? copy_to_stdout(out, err) : file_out_commit(out, err);
}
