/* Attaching a SIGSTRUCT to a bundle. */
#include "signer/cmd/attach.h"

#include <string.h>
#include <unistd.h>

#include "signer/base/mem.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

/* ---- the identity list ---- */

/* MRENCLAVE || MRSIGNER of a SIGSTRUCT, as an identity holds them. */
static bool identity_of(const struct sigstruct *css, uint8_t ret[static 64], struct ens_err *err)
{
    struct pubkey key;

    verify_key_of(css, &key);
    memcpy(ret, sigstruct_get(css, CSS_ENCLAVEHASH).data, MRENCLAVE_SIZE);
    return rsa3072_mrsigner(&key, ret + MRENCLAVE_SIZE, err);
}

/* What becomes of one entry: that of the old signature follows the new one, and an all-zero one (some tools
 * write it) says nothing. */
static enum bundle_identity_edit edit_of(const struct args *args, const char *id, const uint8_t *entry,
                                         const uint8_t *old, const uint8_t *new)
{
    if (view_is_zero(view_of(entry, 64))) {
        notice_say(args, "component %s: an all-zero identity is dropped.", id);
        return BUNDLE_IDENTITY_DROP;
    }
    if (memcmp(entry, new, 64) == 0)
        return BUNDLE_IDENTITY_KEEP;
    if (old != NULL && memcmp(entry, old, 64) == 0) {
        notice_say(args, "component %s: its identity follows the new signature.", id);
        return BUNDLE_IDENTITY_SET;
    }
    notice_warn(
        "component %s: an identity of another enclave or signer is kept: readers trust it over the files",
        id);
    return BUNDLE_IDENTITY_KEEP;
}

/* Makes the identity list of the component fit its new SIGSTRUCT. */
static bool update_identities(const struct args *args, struct enclave *e, const struct sigstruct *css,
                              struct ens_err *err)
{
    const struct bundle_component *c = e->component->meta;
    ENS_CLEANUP(mem_freep)
    enum bundle_identity_edit *edits = mem_alloc(c->identities_len, sizeof *edits, err);
    uint8_t old[64];
    uint8_t new[64];

    if (edits == NULL || !identity_of(css, new, err) ||
        (e->component->is_signed && !identity_of(&e->component->css, old, err)))
        return false;
    for (size_t i = 0; i < c->identities_len; i++)
        edits[i] = edit_of(args, c->id, c->identities[i].enclave, e->component->is_signed ? old : NULL, new);
    return bundle_edit_identities(e->bundle, c->id, edits, new, err);
}

/* ---- writing ---- */

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

bool attach_to_bundle(const struct args *args, struct enclave *e, const struct sigstruct *css,
                      struct ens_err *err)
{
    const char *output = args->output;
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;
    bool in_place = output == NULL;
    bool to_stdout = output != NULL && strcmp(output, "-") == 0;
    const char *id = e->component->meta->id;
    const char *name = in_place || to_stdout ? e->path : output;

    if (to_stdout && isatty(STDOUT_FILENO) == 1)
        return ens_fail(err, ENS_USAGE, "stdout: is a terminal, and a bundle is binary: give -o FILE");
    if (!file_out_open(name, in_place || to_stdout || args->force ? FILE_OUT_REPLACE : FILE_OUT_NEW, &out,
                       err))
        return false;
    if (!bundle_set_signature(e->bundle, id, view_of(css->bytes, sizeof css->bytes), err) ||
        !update_identities(args, e, css, err) || !bundle_write(e->bundle, out, err))
        return false;
    if (!check_written(out, name, id, css, err))
        return false;
    return to_stdout ? copy_to_stdout(out, err) : file_out_commit(out, err);
}
