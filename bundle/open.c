/* The kinds of containers, and which of them a file is. Those of the SDKs are in sdk/; the others are these. */
#include "bundle/open.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "bundle/gramine/gramine.h"
#include "bundle/sdk/elf_edp.h"
#include "bundle/sdk/elf_intel.h"
#include "bundle/sdk/elf_oe.h"
#include "signer/base/interrupt.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"

#define HEAD_MAX MAGIC_MANIFEST_MAX

/* ---- an Oasis bundle: one SGX component of it; everything else about bundles is in orc/bundle.h ---- */

static bool recognise_orc(const struct container *c, struct view head)
{
    (void)c;
    return magic_of(head) == MAGIC_ZIP;
}

const char container_any[] = "any";

static bool find_first(const struct container *c, const struct bundle_component **ret, struct ens_err *err)
{
    const struct bundle_info *info = bundle_info(c->bundle);

    for (size_t i = 0; i < info->components_len; i++) {
        if (info->components[i].tee != BUNDLE_TEE_SGX)
            continue;
        *ret = &info->components[i];
        return true;
    }
    return ens_fail(err, ENS_DATA, "%s: has no SGX component: nothing in it can be signed", c->label);
}

/* As in orc, ronl is meant if no component is named and it is SGX. */
static const char *default_component(const struct bundle *b)
{
    const struct bundle_info *info = bundle_info(b);

    for (size_t i = 0; i < info->components_len; i++) {
        if (info->components[i].tee == BUNDLE_TEE_SGX && strcmp(info->components[i].id, "ronl") == 0)
            return "ronl";
    }
    return NULL;
}

/* Takes up to one byte more than a SIGSTRUCT. */
static bool take_sigstruct(void *ctx, struct view piece, struct ens_err *err)
{
    struct buf *file = ctx;
    size_t room = SIGSTRUCT_SIZE + 1 - file->len;

    return buf_append(file, view_slice(piece, 0, piece.len < room ? piece.len : room), err);
}

static bool read_css(struct container *c, struct site *site, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const char *name = site->component->sgx_signature;

    if (!bundle_stream(c->bundle, name, &(struct sink){take_sigstruct, &file}, err))
        return false;
    if (file.len != SIGSTRUCT_SIZE)
        return ens_fail(err, ENS_DATA, "%s: %s: is not a SIGSTRUCT of %d bytes: sign the component again",
                        c->label, name, SIGSTRUCT_SIZE);
    memcpy(site->css.bytes, file.data, file.len);
    return true;
}

static bool open_component(struct container *c, const char *component, struct ens_err *err)
{
    struct site *site = NULL;

    if (!bundle_open_fd(c->fd, c->label, &c->bundle, err) || !container_add_site(c, &site, err))
        return false;
    if (component == container_any
            ? !find_first(c, &site->component, err)
            : !bundle_find_sgx(c->bundle, component != NULL ? component : default_component(c->bundle),
                               &site->component, err))
        return false;
    site->has_place = site->component->sgx_signature != NULL;
    return !site->has_place || read_css(c, site, err);
}

static bool pour_executable(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    (void)index;
    return bundle_stream(c->bundle, c->sites[0].component->sgx_executable, sink, err);
}

static bool write_bundle(struct container *c, const struct container_edit *edit, struct file_out *out,
                         struct ens_err *err)
{
    return bundle_set_signature(c->bundle, c->sites[0].component->id, edit->sigstruct, err) &&
           bundle_write(c->bundle, out, err);
}

static const struct container_ops kind_orc = {
    .kind = CONTAINER_ORC,
    .name = "Oasis bundle",
    .recognise = recognise_orc,
    .open = open_component,
    .stream = pour_executable,
    .write = write_bundle,
};

/* ---- an SGXS stream: the enclave itself, as records, and no place for a SIGSTRUCT ---- */

/* A stream begins with any record; reading says what is wrong with all but ECREATE. */
static bool recognise_sgxs(const struct container *c, struct view head)
{
    (void)c;
    return magic_of(head) == MAGIC_SGXS;
}

static bool open_stream(struct container *c, const char *component, struct ens_err *err)
{
    struct site *site = NULL;

    (void)component;
    if (!container_add_site(c, &site, err))
        return false;
    site->has_place = false;
    return true;
}

static bool pour_records(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_room(FILE_PIECE, err);
    size_t len = FILE_PIECE;

    (void)index;
    if (piece == NULL)
        return false;
    for (uint64_t at = 0; len == FILE_PIECE; at += len) {
        if (!interrupt_check(err) || !file_read_at(c->fd, c->label, at, piece, FILE_PIECE, &len, err) ||
            !sink->put(sink->ctx, view_of(piece, len), err))
            return false;
    }
    return true;
}

static bool write_nothing(struct container *c, const struct container_edit *edit, struct file_out *out,
                          struct ens_err *err)
{
    (void)edit;
    (void)out;
    return ens_fail(err, ENS_DATA, "%s: is a bare stream, which has no place for a signature: give --to FILE",
                    c->label);
}

static const struct container_ops kind_sgxs = {
    .kind = CONTAINER_SGXS,
    .name = "SGXS stream",
    .recognise = recognise_sgxs,
    .open = open_stream,
    .stream = pour_records,
    .write = write_nothing,
};

/* ---- a raw SIGSTRUCT: 1808 bytes without any framing, as Fortanix, Gramine and Intel's -cssfile write them ---- */

/* HEADER of the SDM without its last four bytes, in which Intel's release type stands. */
static bool recognise_sigstruct(const struct container *c, struct view head)
{
    static const uint8_t header[] = {6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0};

    (void)c;
    return view_begins(head, view_of(header, sizeof header));
}

static bool take_css(int fd, const char *label, struct site *site, struct ens_err *err)
{
    uint8_t bytes[SIGSTRUCT_SIZE + 1];
    size_t len = 0;

    if (!file_read_at(fd, label, 0, bytes, sizeof bytes, &len, err))
        return false;
    if (len != SIGSTRUCT_SIZE)
        return ens_fail(err, ENS_DATA, "%s: a SIGSTRUCT is %d bytes, not %zu%s: give the whole structure",
                        label, SIGSTRUCT_SIZE, len, len > SIGSTRUCT_SIZE ? " or more" : "");
    memcpy(site->css.bytes, bytes, SIGSTRUCT_SIZE);
    return true;
}

static bool open_sigstruct(struct container *c, const char *component, struct ens_err *err)
{
    struct site *site = NULL;

    (void)component;
    c->why_no_stream = "a SIGSTRUCT holds no enclave";
    return container_add_site(c, &site, err) && take_css(c->fd, c->label, site, err);
}

/* The SIGSTRUCT beside a file that has no place for one. */
static bool take_beside(struct container *c, struct ens_err *err)
{
    const struct container_file *file = &c->beside->sigstruct;

    if (file->label == NULL)
        return true;
    if (c->bundle != NULL || c->sites[0].has_place)
        return ens_fail(err, ENS_USAGE, "%s: holds its own SIGSTRUCT: leave out --sigstruct", c->label);
    return take_css(file->fd, file->label, &c->sites[0], err);
}

static const struct container_ops kind_sigstruct = {
    .kind = CONTAINER_SIGSTRUCT,
    .name = "SIGSTRUCT",
    .recognise = recognise_sigstruct,
    .open = open_sigstruct,
};

/* ---- all of them ---- */

/* EGo's file is an Open Enclave file with more in it, so that it is asked first. */
static const struct container_ops *const kinds[] = {
    &kind_orc, &kind_sgxs, &kind_sigstruct, &elf_intel, &elf_edp, &elf_ego, &elf_oe, &gramine_manifest,
};

#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- opening ---- */

static bool fail_unknown_kind(const struct container *c, struct view head, struct ens_err *err)
{
    const char *other = magic_mistake(head);

    if (other != NULL)
        return ens_fail(err, ENS_DATA,
                        "%s: is not a bundle, SGXS stream, SIGSTRUCT or enclave ELF file, but %s", c->label,
                        other);
    if (c->elf != NULL && c->beside->find_edp != NULL)
        return ens_fail(
            err, ENS_DATA,
            "%s: is an ELF file without .note.x86_64-fortanix-unknown-sgx: build it with cargo and "
            "that target, and do not strip it",
            c->label);
    if (c->elf != NULL)
        return ens_fail(
            err, ENS_DATA,
            "%s: is an ELF file without .note.sgxmeta and .oeinfo, so that its enclave is not laid "
            "out yet: sign it once with its SDK's tool (sgx_sign, oesign) and any key, then with "
            "ensign",
            c->label);
    return ens_fail(err, ENS_DATA,
                    "%s: is not a bundle, SGXS stream, SIGSTRUCT or enclave ELF file: give one of these",
                    c->label);
}

static bool find_container_kind(struct container *c, bool remembers, struct ens_err *err)
{
    uint8_t head[HEAD_MAX];
    size_t len = 0;

    if (!file_read_at(c->fd, c->label, 0, head, sizeof head, &len, err))
        return false;
    struct view v = view_of(head, len);

    if (magic_of(v) == MAGIC_ELF && magic_mistake(v) == NULL &&
        !elf_open(c->fd, c->label, c->size, remembers, &c->elf, err))
        return false;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->recognise(c, v)) {
            c->ops = kinds[i];
            return true;
        }
    }
    return fail_unknown_kind(c, v, err);
}

/* What lies beside an enclave is of one kind of it. */
static bool check_beside(const struct container *c, struct ens_err *err)
{
    const struct container_beside *b = c->beside;
    const char *gramine = b->libpal.label != NULL ? "--libpal" : b->gramine != NULL ? "--gramine" : NULL;

    if (b->is_for_two)
        return true;
    if (b->find_edp != NULL && c->ops->kind != CONTAINER_EDP)
        return ens_fail(
            err, ENS_USAGE,
            "%s: is not an ELF file of x86_64-fortanix-unknown-sgx: leave out --cargo, --heap-size "
            "and what goes with them",
            c->label);
    if (b->release.label != NULL && c->ops->kind != CONTAINER_INTEL)
        return ens_fail(err, ENS_USAGE, "%s: is not an ELF file of Intel's SDK: leave out --layout-from",
                        c->label);
    return gramine == NULL || c->ops->kind == CONTAINER_GRAMINE ||
           ens_fail(err, ENS_USAGE, "%s: is not a Gramine manifest: leave out %s", c->label, gramine);
}

static bool look_at_file(struct container *c, bool remembers, struct ens_err *err)
{
    struct stat st;

    if (fstat(c->fd, &st) != 0)
        return ens_fail_errno(err, ENS_NOINPUT, errno, "%s: cannot be examined", c->label);
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_NOINPUT,
                        "%s: is not a regular file, and must be read more than once: name a file", c->label);
    c->size = (uint64_t)st.st_size;
    return find_container_kind(c, remembers, err);
}

static bool open_kind(struct container *c, const char *component, bool remembers, struct ens_err *err)
{
    if (!look_at_file(c, remembers, err))
        return false;
    if (component != NULL && component != container_any && c->ops->kind != CONTAINER_ORC)
        return ens_fail(err, ENS_USAGE, "%s: is not a bundle and has no component %s: leave out --component",
                        c->label, component);
    return check_beside(c, err) && c->ops->open(c, component, err) && take_beside(c, err);
}

static const struct container_beside nothing;

bool container_is_bare(int fd, const char *label, bool *ret, struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = mem_alloc(1, sizeof *c, err);
    struct ens_err why = {0};

    if (c == NULL)
        return false;
    c->fd = fd;
    c->beside = &nothing;
    c->label = mem_strdup(label, err);
    if (c->label == NULL)
        return false;
    *ret = (look_at_file(c, false, &why) ? c->ops == &elf_intel : c->elf != NULL) && intel_is_bare(c->elf);
    if (why.code != ENS_OK && why.code != ENS_DATA)
        *err = why;
    return why.code == ENS_OK || why.code == ENS_DATA;
}

static bool open_fd(int fd, const char *label, const char *component, const struct container_beside *beside,
                    bool remembers, struct container **ret, struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = mem_alloc(1, sizeof *c, err);

    if (c == NULL)
        return false;
    c->fd = fd;
    c->beside = beside != NULL ? beside : &nothing;
    c->label = mem_strdup(label, err);
    if (c->label == NULL || !open_kind(c, component, remembers, err))
        return false;
    c->beside = NULL;
    *ret = ens_take(c);
    return true;
}

bool container_open_fd(int fd, const char *label, const char *component,
                       const struct container_beside *beside, struct container **ret, struct ens_err *err)
{
    return open_fd(fd, label, component, beside, false, ret, err);
}

bool container_take(int *fd, const char *label, const char *component, const struct container_beside *beside,
                    bool remembers, struct container **ret, struct ens_err *err)
{
    if (!open_fd(*fd, label, component, beside, remembers, ret, err))
        return false;
    (*ret)->owns_fd = true;
    *fd = -1;
    return true;
}

const char *container_kind_name(enum container_kind kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->kind == kind)
            return kinds[i]->name;
    }
    return "unknown";
}
