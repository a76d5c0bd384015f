/* An Oasis bundle as a container: one SGX component of it. Everything else about bundles is in bundle.h. */
#include "bundle/kinds.h"

#include <string.h>

#include "signer/base/magic.h"
#include "signer/base/mem.h"

static bool recognise_orc(const struct container *c, struct view head)
{
    (void)c;
    return magic_of(head) == MAGIC_ZIP;
}

const char container_any[] = "any";

static bool find_first(struct container *c, struct ens_err *err)
{
    const struct bundle_info *info = bundle_info(c->bundle);

    for (size_t i = 0; i < info->components_len && c->component == NULL; i++) {
        if (info->components[i].tee == BUNDLE_TEE_SGX)
            c->component = &info->components[i];
    }
    return c->component != NULL ||
           ens_fail(err, ENS_DATA, "%s: has no SGX component: nothing in it can be signed", c->label);
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
    size_t room = CONTAINER_SIGSTRUCT_SIZE + 1 - file->len;

    return buf_append(file, view_slice(piece, 0, piece.len < room ? piece.len : room), err);
}

static bool read_copy(struct container *c, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const char *name = c->component->sgx_signature;
    struct container_copy *copy = NULL;

    if (!bundle_stream(c->bundle, name, &(struct sink){take_sigstruct, &file}, err))
        return false;
    if (file.len != CONTAINER_SIGSTRUCT_SIZE)
        return ens_fail(err, ENS_DATA, "%s: %s: is not a SIGSTRUCT of %d bytes: sign the component again",
                        c->label, name, CONTAINER_SIGSTRUCT_SIZE);
    if (!container_add_copy(c, &copy, err))
        return false;
    memcpy(copy->sigstruct, file.data, file.len);
    return true;
}

static bool open_component(struct container *c, const char *component, struct ens_err *err)
{
    if (!bundle_open_fd(c->fd, c->label, &c->bundle, err))
        return false;
    if (component == container_any
            ? !find_first(c, err)
            : !bundle_find_sgx(c->bundle, component != NULL ? component : default_component(c->bundle),
                               &c->component, err))
        return false;
    c->streams_len = 1;
    return c->component->sgx_signature == NULL || read_copy(c, err);
}

static bool pour_executable(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    (void)index;
    return bundle_stream(c->bundle, c->component->sgx_executable, sink, err);
}

static bool write_bundle(struct container *c, const struct container_edit *edit, struct file_out *out,
                         struct ens_err *err)
{
    return bundle_set_signature(c->bundle, c->component->id, edit->sigstruct, err) &&
           bundle_write(c->bundle, out, err);
}

const struct container_ops container_orc = {
    .kind = CONTAINER_ORC,
    .name = "Oasis bundle",
    .recognise = recognise_orc,
    .open = open_component,
    .stream = pour_executable,
    .write = write_bundle,
};
