/* Any bytes as a bundle: opened, every file streamed. What is accepted gets a signature, is written, and must
 * be accepted again, with the same files. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/orc/archive.h"
#include "bundle/orc/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static int memory_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    return fd;
}

static bool stream_all(struct bundle *b, struct ens_err *err)
{
    for (size_t i = 0; i < bundle_files_len(b); i++) {
        if (!bundle_stream(b, bundle_file_at(b, i).name, NULL, err))
            return false;
    }
    return true;
}

/* Writes the archive of the bundle's files again, under names of its own for memory files: file_out is about
 * paths, and there is none here. */
static void check_written(int fd)
{
    struct ens_err err = {0};
    struct archive *a = NULL;
    struct bundle *again = NULL;
    int out = memory_file(NULL, 0);

    must(archive_open(fd, &a, &err));
    const struct listing *l = archive_listing(a);
    struct archive_item *items = calloc(l->len, sizeof *items);

    must(items != NULL);
    for (size_t i = 0; i < l->len; i++)
        items[i] = (struct archive_item){.name = l->entries[i].name, .entry = &l->entries[i]};
    must(archive_write(a, out, items, l->len, &err));
    must(bundle_open_fd(out, "written", &again, &err));
    must(bundle_files_len(again) == l->len - 1 && stream_all(again, &err));
    bundle_closep(&again);
    free(items);
    archive_closep(&a);
    (void)close(out);
}

/* A signature for the first SGX component, if there is one. */
static void sign(struct bundle *b)
{
    struct ens_err err = {0};
    const struct bundle_info *info = bundle_info(b);

    for (size_t i = 0; i < info->components_len; i++) {
        if (info->components[i].tee != BUNDLE_TEE_SGX)
            continue;
        if (!bundle_set_signature(b, info->components[i].id, view_of("sig", 3), &err))
            must(err.code == ENS_DATA);
        else
            must(bundle_stream(b, bundle_info(b)->components[i].sgx_signature, NULL, &err));
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ens_err err = {0};
    struct bundle *b = NULL;
    int fd = memory_file(data, size);

    if (bundle_open_fd(fd, "fuzz", &b, &err) && stream_all(b, &err)) {
        check_written(fd);
        sign(b);
    } else {
        must(err.code == ENS_DATA);
    }
    bundle_closep(&b);
    (void)close(fd);
    return 0;
}
