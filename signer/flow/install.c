/* A SIGSTRUCT or a component goes into a file. */
#include "signer/flow/install.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/mem.h"
#include "signer/sgx/launch.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_sign.h"
#include "signer/sgx/verify.h"
#include "signer/ui/output.h"

/* ---- the SIGSTRUCT ---- */

bool install_finish(const struct pubkey *key, const uint8_t signature[static SIGNATURE_SIZE],
                    struct sigstruct *css, struct ens_err *err)
{
    uint8_t q1[SIGNATURE_SIZE];
    uint8_t q2[SIGNATURE_SIZE];
    bool fit = false;

    if (!rsa3072_q1q2(key, signature, q1, q2, &fit, err))
        return false;
    if (!fit)
        return ens_fail(err, ENS_BUG, "Q1 and Q2 of a verified signature do not fit");
    sigstruct_finish(css, key, signature, q1, q2);
    return true;
}

bool install_judge(const struct sigstruct *css, const char *name, struct ens_err *err)
{
    struct findings found = {0};

    if (!verify_sigstruct(view_of(css->bytes, sizeof css->bytes), &found, err))
        return false;
    const struct finding *bad = findings_first(&found, SEVERITY_ERROR);

    if (bad != NULL)
        return ens_fail(err, ENS_DATA, "%s: %s: EINIT refuses it, sign again", name, bad->text);
    return true;
}

bool install_judge_for(const struct sigstruct *css, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *name = mem_printf(err, "SIGSTRUCT for %s", path);

    return name != NULL && install_judge(css, name, err);
}

/* ---- the place ---- */

/* True if `output` is another name for the file that is open at `fd`. */
static bool is_named(int fd, const char *output)
{
    struct stat a;
    struct stat b;

    return output != NULL && fd >= 0 && fstat(fd, &a) == 0 && stat(output, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

bool install_open(const char *own, int fd, const char *output, bool force, struct install *ret,
                  struct ens_err *err)
{
    ENS_CLEANUP(install_free)
    struct install i = {.name = own, .to_stdout = output != NULL && strcmp(output, "-") == 0};
    bool in_place = output == NULL && fd >= 0;

    if (i.to_stdout && !output_stdout_is_open(err))
        return false;
    if (i.to_stdout && isatty(STDOUT_FILENO) == 1)
        return ens_fail(err, ENS_USAGE, "stdout: is a terminal, and the result is binary: give -o FILE");
    if (output != NULL && !i.to_stdout)
        i.name = output;
    enum file_out_mode mode = in_place || i.to_stdout || (force && is_named(fd, output)) ? FILE_OUT_IN_PLACE
                              : force                                                    ? FILE_OUT_REPLACE
                                                                                         : FILE_OUT_NEW;

    if (!file_out_open(i.name, mode, &i.file, err) || (in_place && !file_out_expect(i.file, fd, err)))
        return false;
    *ret = i;
    i.file = NULL;
    return true;
}

void install_free(struct install *i)
{
    file_out_closep(&i->file);
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

bool install_commit(struct install *i, struct ens_err *err)
{
    return i->to_stdout ? copy_to_stdout(i->file, err) : file_out_commit(i->file, err);
}

/* ---- a bundle ---- */

bool install_bundle(const struct install *i, struct bundle *b, const struct install_check *check,
                    struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *new = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};

    if (!bundle_write(b, i->file, err))
        return false;
    if (!bundle_open_fd(file_out_fd(i->file), i->name, &new, err) ||
        !enclave_check_written(new, b, check->known, &set, err) || !check->holds(check->ctx, new, &set, err))
        return ens_wrap(err, "the new bundle does not hold, nothing was changed");
    return true;
}

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
static enum bundle_identity_edit edit_of(const uint8_t *entry, const uint8_t *old, const uint8_t *new)
{
    if (view_is_zero(view_of(entry, 64)))
        return BUNDLE_IDENTITY_DROP;
    return old != NULL && memcmp(entry, old, 64) == 0 && memcmp(entry, new, 64) != 0 ? BUNDLE_IDENTITY_SET
                                                                                     : BUNDLE_IDENTITY_KEEP;
}

static bool add_notice(const struct enclave *e, const char *id, enum bundle_identity_edit edit, bool is_new,
                       struct notices *ret, struct ens_err *err)
{
    if (edit == BUNDLE_IDENTITY_DROP)
        return notice_add(ret, NOTICE_SAID, err, "%s: component %s: an all-zero identity is dropped.",
                          e->path, id);
    if (edit == BUNDLE_IDENTITY_SET)
        return notice_add(ret, NOTICE_SAID, err, "%s: component %s: its identity follows the new signature.",
                          e->path, id);
    return is_new || notice_add(ret, NOTICE_WARNING, err,
                                "%s: component %s: an identity of another enclave or signer is kept: "
                                "readers trust it over the files",
                                e->path, id);
}

/* Makes the identity list of the component fit its new SIGSTRUCT. */
static bool update_identities(struct enclave *e, const struct install_item *item, struct notices *ret_notices,
                              struct ens_err *err)
{
    const struct site *component = item->site;
    const struct bundle_component *c = component->component;
    ENS_CLEANUP(mem_freep)
    enum bundle_identity_edit *edits = mem_alloc(c->identities_len, sizeof *edits, err);
    uint8_t old[64];
    uint8_t new[64];

    if (edits == NULL || !identity_of(item->css, new, err) ||
        (component->is_signed && !identity_of(&component->css, old, err)))
        return false;
    for (size_t i = 0; i < c->identities_len; i++) {
        const uint8_t *entry = c->identities[i].enclave;

        edits[i] = edit_of(entry, component->is_signed ? old : NULL, new);
        if (!add_notice(e, c->id, edits[i], memcmp(entry, new, sizeof new) == 0, ret_notices, err))
            return false;
    }
    return bundle_edit_identities(e->bundle, c->id, edits, new, err);
}

/* ---- SIGSTRUCTs into a bundle ---- */

/* The components that must hold exactly these SIGSTRUCTs. */
struct attached {
    const struct install_item *items;
    size_t len;
};

static bool holds_sigstructs(const void *ctx, const struct bundle *b, const struct enclave_set *set,
                             struct ens_err *err)
{
    const struct attached *a = ctx;

    for (size_t i = 0; i < a->len; i++) {
        const struct site *c = enclave_find(set, a->items[i].site->component->id);

        if (c == NULL || !c->is_signed ||
            memcmp(c->css.bytes, a->items[i].css->bytes, sizeof c->css.bytes) != 0)
            return ens_fail(err, ENS_BUG, "%s: lacks the SIGSTRUCT", bundle_label(b));
    }
    return true;
}

static bool edit_component(struct enclave *e, const struct install_item *item, struct notices *ret_notices,
                           struct ens_err *err)
{
    struct view css = view_of(item->css->bytes, sizeof item->css->bytes);

    return bundle_set_signature(e->bundle, item->site->component->id, css, err) &&
           update_identities(e, item, ret_notices, err);
}

static bool write_components(const struct install *i, struct enclave *e, const struct install_item *items,
                             size_t len, struct notices *ret_notices, struct ens_err *err)
{
    const struct attached attached = {.items = items, .len = len};

    for (size_t k = 0; k < len; k++) {
        if (!edit_component(e, &items[k], ret_notices, err))
            return false;
    }
    return install_bundle(i, e->bundle, &(struct install_check){holds_sigstructs, &attached, &e->set}, err);
}

/* ---- one SIGSTRUCT into another file ---- */

/* What the new SIGSTRUCT says, and the file around it says otherwise. */
static bool check_config(const struct enclave *e, const struct site *site, const struct sigstruct *css,
                         struct notices *ret, struct ens_err *err)
{
    struct findings found = {0};

    enclave_judge_config(container_kind(e->container), site, css, &found);
    const struct finding *bad = findings_first(&found, SEVERITY_ERROR);

    if (bad != NULL)
        return ens_fail(err, ENS_DATA, "%s: %s: EINIT would refuse the enclave, leave it out", e->path,
                        bad->text);
    for (size_t i = 0; i < found.len; i++) {
        if (!notice_add(ret, NOTICE_WARNING, err, "%s: %s", e->path, found.items[i].text))
            return false;
    }
    return true;
}

bool install_fits(const struct enclave *e, const struct sigstruct *css, struct notices *ret,
                  struct ens_err *err)
{
    struct launch next;
    char name[ENCLAVE_NAME_MAX];

    for (size_t i = 0; i < e->sites_len; i++) {
        const struct site *site = &e->sites[i];

        if (site->has_launch && !launch_follow(&site->css, css, &site->launch, &next, err))
            return ens_wrap(err, "%s", enclave_site_name(e, i, name));
        if (!check_config(e, site, css, ret, err))
            return false;
    }
    return true;
}

/* Writes the SIGSTRUCT to every site, with what the loader is to ask for there and the second signature. */
static bool write_sites(const struct install *i, struct enclave *e, const struct sigstruct *css,
                        struct ens_err *err)
{
    struct view bytes = view_of(css->bytes, SIGSTRUCT_SIZE);
    struct launch launch[CONTAINER_SITES_MAX];
    uint8_t fips[FIPS_SIZE];

    if (!rsa3072_fips_sign(bytes, fips, err))
        return false;
    for (size_t k = 0; k < e->sites_len; k++) {
        const struct site *site = &e->sites[k];

        launch[k] = site->launch;
        if (site->has_launch && !launch_follow(&site->css, css, &site->launch, &launch[k], err))
            return false;
    }
    const struct container_edit edit = {
        .sigstruct = bytes, .launch = launch, .fips = view_of(fips, sizeof fips)};

    return container_write(e->container, &edit, i->file, err);
}

/* The new file, opened as a stranger would: every site holds the SIGSTRUCT, and the enclave that was
 * measured. */
static bool check_written(const struct install *i, const struct enclave *before, const struct sigstruct *css,
                          struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};

    if (!enclave_open_written(file_out_fd(i->file), i->name, before, &e, err))
        return false;
    for (size_t k = 0; k < e.sites_len; k++) {
        struct findings found = {0};

        if (!e.sites[k].has_place || memcmp(e.sites[k].css.bytes, css->bytes, SIGSTRUCT_SIZE) != 0)
            return ens_fail(err, ENS_BUG, "%s: lacks the SIGSTRUCT", i->name);
        if (!enclave_judge_site(&e, k, &found, err))
            return false;
        /* Whether its tables may be signed was judged before (enclave_require), and they have not changed. */
        findings_allow(&found);
        const struct finding *bad = findings_first(&found, SEVERITY_ERROR);

        if (bad != NULL)
            return ens_fail(err, ENS_DATA, "%s: %s", i->name, bad->text);
    }
    return true;
}

static bool write_file(const struct install *i, struct enclave *e, const struct sigstruct *css,
                       struct ens_err *err)
{
    if (!write_sites(i, e, css, err))
        return false;
    return check_written(i, e, css, err) || ens_wrap(err, "the new file does not hold, nothing was changed");
}

bool install_enclave(const struct install *i, struct enclave *e, const struct install_item *items, size_t len,
                     struct notices *ret_notices, struct ens_err *err)
{
    if (e->bundle != NULL)
        return write_components(i, e, items, len, ret_notices, err);
    return write_file(i, e, items[0].css, err);
}
