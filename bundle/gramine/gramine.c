/* The kind of container: an expanded manifest, whose enclave is complete with libpal.so. */
#include "bundle/gramine/gramine.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/hex.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"
#include "signer/base/toml.h"

#define LIBPAL_SIZE_MAX (UINT64_C(1) << 30)

struct own {
    struct buf text;
    struct gramine_settings settings;
    struct gramine_plan plan;
    uint8_t libpal[DIGEST_SIZE]; /* its SHA-256 */
};

static bool recognise_manifest(const struct container *c, struct view head)
{
    (void)c;
    return magic_is_manifest(head);
}

static void close_own(struct container *c)
{
    struct own *own = c->own;

    if (own != NULL)
        buf_free(&own->text);
    mem_freep(&c->own);
}

static bool hash_libpal(const struct elf *libpal, uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    if (lseek(libpal->fd, 0, SEEK_SET) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be read again", libpal->label);
    return file_sha256(libpal->fd, libpal->label, ret, err);
}

static bool open_libpal(struct container *c, struct ens_err *err)
{
    const struct container_file *file = &c->beside->libpal;
    struct own *own = c->own;
    struct stat st;

    if (fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > LIBPAL_SIZE_MAX)
        return ens_fail(err, ENS_DATA,
                        "%s: is not a regular file of at most a gigabyte: give Gramine's libpal.so",
                        file->label);
    if (!elf_open(file->fd, file->label, (uint64_t)st.st_size, false, &c->elf, err) ||
        !hash_libpal(c->elf, own->libpal, err))
        return false;
    if (!gramine_plan_make(&own->settings, c->elf, buf_view(&own->text), &own->plan, err))
        return ens_wrap(err, "%s", c->label);
    c->work = gramine_work(&own->plan);
    c->shift = own->plan.pal - own->plan.base;
    uint64_t heap = own->settings.edmm ? 0 : (own->plan.pal - own->plan.heap) / SGXS_PAGE_SIZE;

    container_tell(c, "libpal_sha256", "SHA-256 libpal", "%s",
                   hex_of(view_of(own->libpal, sizeof own->libpal)).text);
    container_tell(c, "heap", "Heap",
                   "%" PRIu64 " pages from 0x%" PRIx64 ", executable and not measured, as Gramine's is", heap,
                   own->plan.heap - own->plan.base);
    container_set(c, "heap", heap);
    container_set(c, "threads", own->settings.threads);
    return true;
}

static bool open_manifest(struct container *c, const char *component, struct ens_err *err)
{
    struct own *own = mem_alloc(1, sizeof *own, err);
    struct site *site = NULL;

    (void)component;
    c->own = own;
    if (own == NULL || !container_add_site(c, &site, err))
        return false;
    if (lseek(c->fd, 0, SEEK_SET) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be read again", c->label);
    if (!file_read_rest(c->fd, c->label, TOML_SIZE_MAX, &own->text, err) ||
        !gramine_read(buf_view(&own->text), c->label, c->beside->gramine, &own->settings, err))
        return false;
    site->has_place = false;
    site->has_fields = true;
    site->fields = own->settings.fields;
    container_tell(c, "rules", "Gramine", "%s", own->settings.rules);
    if (c->beside->libpal.label != NULL)
        return open_libpal(c, err);
    c->why_no_stream = "it is measured together with libpal.so: give --libpal FILE";
    return true;
}

/* libpal.so is read page by page: it must be the same file at the end. */
static bool pour_gramine(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    struct own *own = c->own;
    uint8_t after[DIGEST_SIZE];

    (void)index;
    if (!gramine_pour(&own->plan, sink, err) || !hash_libpal(c->elf, after, err))
        return false;
    return memcmp(after, own->libpal, sizeof after) == 0 ||
           ens_fail(err, ENS_DATA, "%s: was changed while it was measured: run again", c->elf->label);
}

static bool refuse_write(struct container *c, const struct container_edit *edit, struct file_out *out,
                         struct ens_err *err)
{
    (void)edit;
    (void)out;
    return ens_fail(err, ENS_DATA, "%s: is a manifest, which has no place for a signature: give --to FILE",
                    c->label);
}

const struct container_ops gramine_manifest = {
    .kind = CONTAINER_GRAMINE,
    .name = "Gramine manifest",
    .recognise = recognise_manifest,
    .open = open_manifest,
    .close = close_own,
    .stream = pour_gramine,
    .write = refuse_write,
};
