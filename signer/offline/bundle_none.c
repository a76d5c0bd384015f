/* The ORC half of bundle/ in ensign-offline: it knows a bundle when it sees one, and opens none. The signing
 * host reads no archive and no JSON; the functions below stand where the archive and the manifest stand in
 * ensign. */
#include "bundle/orc/bundle.h"

static bool no_bundle(const char *path, struct ens_err *err)
{
    return ens_fail(
        err, ENS_DATA,
        "%s: is a bundle, and ensign-offline opens no archive: use ensign on the build host, or give the "
        "stream or SIGSTRUCT itself",
        path);
}

bool bundle_recognise(struct view head)
{
    static const uint8_t magic[] = {'P', 'K', 3, 4};

    return view_equal(view_slice(head, 0, sizeof magic), view_of(magic, sizeof magic));
}

bool bundle_open(const char *path, struct bundle **ret, struct ens_err *err)
{
    (void)ret;
    return no_bundle(path, err);
}

bool bundle_open_fd(int fd, const char *name_for_messages, struct bundle **ret, struct ens_err *err)
{
    (void)fd;
    (void)ret;
    return no_bundle(name_for_messages, err);
}

void bundle_closep(struct bundle **b)
{
    *b = NULL;
}

/* No bundle is ever open, so that nothing below is reached; each says so all the same. */

const struct bundle_info *bundle_info(const struct bundle *b)
{
    static const struct bundle_info none;

    (void)b;
    return &none;
}

const char *bundle_label(const struct bundle *b)
{
    (void)b;
    return "no bundle";
}

size_t bundle_files_len(const struct bundle *b)
{
    (void)b;
    return 0;
}

struct bundle_file bundle_file_at(const struct bundle *b, size_t index)
{
    (void)b;
    (void)index;
    return (struct bundle_file){.name = "none"};
}

bool bundle_has_file(const struct bundle *b, const char *name)
{
    (void)b;
    (void)name;
    return false;
}

size_t bundle_digests_len(const struct bundle *b)
{
    (void)b;
    return 0;
}

struct bundle_digest bundle_digest_at(const struct bundle *b, size_t index)
{
    (void)b;
    (void)index;
    return (struct bundle_digest){.name = "none"};
}

bool bundle_find_sgx(const struct bundle *b, const char *id, const struct bundle_component **ret,
                     struct ens_err *err)
{
    (void)id;
    (void)ret;
    return no_bundle(bundle_label(b), err);
}

bool bundle_stream(const struct bundle *b, const char *name, const struct sink *sink, struct ens_err *err)
{
    (void)b;
    (void)sink;
    return no_bundle(name, err);
}

bool bundle_compare_copy(const struct bundle *b, const struct bundle *from, const char *name,
                         bool *ret_copied, struct ens_err *err)
{
    (void)b;
    (void)from;
    (void)ret_copied;
    return no_bundle(name, err);
}

bool bundle_manifest_hash(const struct bundle *b, uint8_t ret[static 32], struct ens_err *err)
{
    (void)ret;
    return no_bundle(bundle_label(b), err);
}

uint64_t bundle_size(const struct bundle *b)
{
    (void)b;
    return 0;
}

uint64_t bundle_manifest_size(const struct bundle *b)
{
    (void)b;
    return 0;
}

bool bundle_scheduler_check(const struct bundle *b, const struct bundle_reasons *reasons, struct ens_err *err)
{
    (void)reasons;
    return no_bundle(bundle_label(b), err);
}

bool bundle_set_signature(struct bundle *b, const char *id, struct view sigstruct, struct ens_err *err)
{
    (void)id;
    (void)sigstruct;
    return no_bundle(bundle_label(b), err);
}

bool bundle_write(struct bundle *b, struct file_out *out, struct ens_err *err)
{
    (void)out;
    return no_bundle(bundle_label(b), err);
}
