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

const struct container_ops container_orc = {
    .kind = CONTAINER_ORC,
    .name = "Oasis bundle",
    .recognise = recognise_orc,
    .open = open_component,
    .stream = pour_executable,
    .write = write_bundle,
};
